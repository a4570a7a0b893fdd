"""Answers operations: a query by its plan alone, a mutation's payload or an event by plans where references stand.

`Engine.answer` is what the edge calls for a JSON POST, `Engine.subscribe` for a websocket or a stream of server-sent
events. The bytes are finished: nothing of them is decoded again on the way out.
"""

import asyncio
import enum
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, partial
from inspect import isawaitable
from typing import Any, Protocol, TypeAlias

import orjson
from graphql import (
    DocumentNode,
    ExecutionResult,
    FragmentDefinitionNode,
    OperationType,
    SelectionSetNode,
    execute,
    execute_sync,
)
from graphql.execution.collect_fields import FieldDetailsList, GroupedFieldSet, collect_fields
from graphql.execution.values import VariableValues

from salonos.graph import errors, live
from salonos.graph.assemble import Graph
from salonos.graph.caches import Bounded
from salonos.graph.compiler import Compiler
from salonos.graph.context import Context, RequestFacts
from salonos.graph.documents import INTROSPECTION, Documents, Limits, Operation
from salonos.graph.foreseen import Foreseen
from salonos.graph.live import Outlet
from salonos.graph.payload import Asked, PlanExecutor, payload_plan
from salonos.graph.plan import Inputs, Plan, opened
from salonos.graph.trusted import Manifest, ManifestWrong
from salonos.kernel.actor import Access, Actor
from salonos.kernel.database import Database
from salonos.kernel.permissions import Permission
from salonos.kernel.problems import BadRequest, Forbidden, Refusal, TooMany, Unauthenticated

PLANS_MAX, PLAN_BYTES_MAX = 5_000, 128 << 20
STRANGERS_PLANS_MAX = 100
FORESEEN_MAX, FORESEEN_BYTES_MAX = 500, 32 << 20
INTROSPECTIONS_MAX, INTROSPECTION_BYTES_MAX = 50, 16 << 20
Variables: TypeAlias = Mapping[str, Any] | None
REQUEST_COST = 40
"""What an operation is charged besides its objects."""
MUTATION_COST = 200
"""What a transaction is charged besides: each root field of a mutation is one."""
FIELD_COST = 12
"""What making a plan is charged for each field, besides."""
SCHEMA_COST, TYPE_COST = 5_000, 500
"""What telling of the schema, or of one type, is charged besides, when nobody asked for the same lately."""
CHARACTERS_AN_OBJECT = 4
"""Reading and validating so much of a new document takes as long as one object more."""


class Status(enum.Enum):
    """What became of a request, for the edge's status line and counters."""

    ANSWERED = "ANSWERED"
    """It was executed; there may be errors beside the data."""
    REJECTED = "REJECTED"
    """It was not executed, and can't be as it is."""
    TOO_MANY = "TOO_MANY"
    """Whoever asks has asked for too much lately."""
    UNAVAILABLE = "UNAVAILABLE"
    FAILED = "FAILED"


class Budget(Protocol):
    """What the edge's budget does, so that one client can't starve the others."""

    def charge(self, actor: Actor, payer: str, objects: int) -> None:
        """Takes what something costs, before it is done; `payer` pays for strangers. Raises: TooMany."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A finished body. `retry_after_s`: when to ask again, of what only time can mend."""

    body: bytes
    status: Status
    retry_after_s: int | None = None


@dataclass(eq=False)
class Engine:
    """One process's engine over one database. `introspection_is_open`: to everybody, as in the demo."""

    graph: Graph
    database: Database
    limits: Limits | None = None
    introspection_is_open: bool = False
    budget: Budget | None = None
    trusted_only: frozenset[str] = frozenset()
    """The roles that may send nothing but trusted documents."""
    statements: int = 0
    documents: Documents = field(init=False)
    plans: Bounded[Any, Plan] = field(init=False)
    strangers_plans: Bounded[Any, Plan] = field(init=False)
    """Apart, so that strangers evict nobody's."""
    live: "live.Live" = field(init=False)

    def __post_init__(self) -> None:
        self.documents = Documents(self.graph.core, self.limits)
        self.plans = Bounded(entries_max=PLANS_MAX, bytes_max=PLAN_BYTES_MAX)
        self.strangers_plans = Bounded(entries_max=STRANGERS_PLANS_MAX, bytes_max=PLAN_BYTES_MAX // 8)
        self.foreseen: Bounded[Any, list[tuple[Plan, bool, int]]] = Bounded(
            entries_max=FORESEEN_MAX, bytes_max=FORESEEN_BYTES_MAX
        )
        self.introspections: Bounded[Any, Mapping[str, str]] = Bounded(
            entries_max=INTROSPECTIONS_MAX, bytes_max=INTROSPECTION_BYTES_MAX
        )
        self.live = live.Live(self)

    # --- requests

    async def answer(
        self, actor: Actor, facts: RequestFacts, text: str, operation_name: str | None, variables: Variables
    ) -> Answer:
        """Answers a query or a mutation. Every failure is in the body; nothing is raised."""
        try:
            return Answer(await self.answered(actor, facts, text, operation_name, variables or {}), Status.ANSWERED)
        except Exception as error:  # noqa: BLE001  the exit of every request: whatever it is becomes one entry
            return refused(error)

    async def answered(
        self, actor: Actor, facts: RequestFacts, text: str, operation_name: str | None, variables: Mapping[str, Any]
    ) -> bytes:
        """The body of a request that is executed.

        Raises: whatever says that it is not.
        """
        operation = self.operation(actor, facts, text, operation_name)
        if operation.kind is OperationType.QUERY:
            return await self.answer_query(actor, facts, operation, variables)
        if operation.kind is OperationType.SUBSCRIPTION:
            raise BadRequest("A subscription is answered over a websocket or as server-sent events.")
        values = operation.coerced(self.graph.core, variables)
        self.check_cost(actor, facts, operation, values.coerced, more=MUTATION_COST * operation.roots)
        self.foresee(actor, facts, operation, values)
        context = Context(self, self.database, actor, facts, operation, dict(variables))
        return await self.answer_payload(context, None)

    def subscribe(
        self,
        actor: Actor | Callable[[], Actor],
        facts: RequestFacts,
        text: str,
        operation_name: str | None = None,
        variables: Variables = None,
        *,
        outlet: Outlet | None = None,
    ) -> AsyncGenerator[bytes, None]:
        """The bodies of a subscription, one for each event. Ends by raising `errors.Rejected`, whose entries say why.

        `actor` may be a function: then each event is answered with the rights that it returns at that moment. While the
        caller waits for the next body, an `outlet` is offered it first; what it takes is not yielded.
        """
        source = actor if callable(actor) else lambda: actor
        return self.live.subscribe(source, facts, (text, operation_name, variables or {}), outlet)

    def check_cost(
        self, actor: Actor, facts: RequestFacts, operation: Operation, variables: Mapping[str, Any], *, more: int = 0
    ) -> None:
        """What the limits say of this request's page sizes, and what it takes from the budget of whoever asks.

        A stranger does not pay for page sizes: all roots with pages are denied, and nothing is read.

        Raises: QueryTooComplex; TooMany.
        """
        objects = 0 if self.limits is None else self.limits.check_cost(operation, variables)
        if self.budget is not None:
            asked = objects if actor.access.signed_in else 0
            self.budget.charge(actor, facts.payer, asked + REQUEST_COST + more)

    async def pay(self, actor: Actor, facts: RequestFacts, operation: Operation, variables: Mapping[str, Any]) -> None:
        """As `check_cost`, of what a subscriber is owed: it waits until whoever asks can pay."""
        while True:
            try:
                return self.check_cost(actor, facts, operation, variables)
            except TooMany as refused:
                await asyncio.sleep(refused.retry_after_s)

    def charge_plan(self, actor: Actor, facts: RequestFacts, operation: Operation) -> None:
        """Takes what making a plan of an operation costs.

        Raises: TooMany.
        """
        if self.budget is not None:
            self.budget.charge(actor, facts.payer, REQUEST_COST + FIELD_COST * operation.fields)

    def operation(self, actor: Actor, facts: RequestFacts, text: str, operation_name: str | None) -> Operation:
        """The operation that is asked, read now or before.

        Raises: Forbidden for a document that is not trusted, where a role may send no other; TooMany; Rejected;
        QueryTooComplex.
        """
        known = self.documents.known(text, operation_name, is_signed_in=actor.access.signed_in)
        if self.trusted_only and actor.role in self.trusted_only:
            return self.trusted(actor, facts, text, operation_name, known)
        return known or self.read_document(actor, facts, text, operation_name)

    def trusted(
        self, actor: Actor, facts: RequestFacts, text: str, operation_name: str | None, known: Operation | None
    ) -> Operation:
        """The operation of somebody who may send trusted documents only, in any layout; looking costs what reading does.

        Raises: Forbidden, without a word of what else may be wrong; TooMany.
        """
        if known is None:
            self.charge_reading(actor, facts, text)
            known = self.documents.trusted(text, operation_name)
        if known is None or known.trusted_name is None:
            raise Forbidden("Your role sends only the operations of its own client.")
        return known

    def trust(self, manifest: Manifest) -> None:
        """Reads the documents of our own clients, and holds the manifest's roles to them.

        Raises: ManifestWrong for one that the schema refuses.
        """
        for each in manifest.documents:
            try:
                self.documents.trust(each.text, each.name)
            except (errors.Rejected, Refusal) as refused:
                message = errors.entries_of(refused)[0]["message"]
                raise ManifestWrong(f"{each.name} is refused by the schema: {message}") from None
        self.trusted_only = manifest.only_for

    def read_document(self, actor: Actor, facts: RequestFacts, text: str, operation_name: str | None) -> Operation:
        """The operation of a text that was not seen before; reading is paid for first, whatever becomes of it.

        Raises: TooMany; Rejected; QueryTooComplex.
        """
        self.charge_reading(actor, facts, text)
        return self.documents.operation(text, operation_name, is_signed_in=actor.access.signed_in)

    def charge_reading(self, actor: Actor, facts: RequestFacts, text: str) -> None:
        """What a new text costs whoever sends it.

        Raises: TooMany.
        """
        if self.budget is not None:
            self.budget.charge(actor, facts.payer, REQUEST_COST + len(text) // CHARACTERS_AN_OBJECT)

    # --- queries

    async def answer_query(
        self, actor: Actor, facts: RequestFacts, operation: Operation, variables: Mapping[str, Any]
    ) -> bytes:
        """A query: one statement, whose columns are the finished values of its roots."""
        values = operation.coerced(self.graph.core, variables)
        self.check_cost(actor, facts, operation, values.coerced)
        if operation.is_introspecting:
            return await self.answer_introspecting(actor, facts, operation, values, variables)
        return await self.read_roots(operation, values, actor, facts)

    async def read_roots(
        self, operation: Operation, values: VariableValues, actor: Actor, facts: RequestFacts | None = None
    ) -> bytes:
        """The root fields of a query, or of a subscription to figures, as a finished body."""
        plan = self.query_plan(operation, values, actor, facts)
        ready = await self.run(plan, Inputs(values.coerced, actor, self.database.set_clock))
        data = "".join([head + (value or "null") for head, value in zip(plan.heads, ready.values(), strict=True)])
        return b'{"data":' + (data + "}" if data else "{}").encode() + plan.tail

    def query_plan(
        self, operation: Operation, values: VariableValues, actor: Actor, facts: RequestFacts | None = None
    ) -> Plan:
        """The plan of an operation for an actor's rights and the variables' shape, made or found.

        Making it is paid for first, where somebody asks (`facts`).

        Raises: TooMany.
        """
        coerced = values.coerced
        key = (operation, actor.access, *[shape(coerced) for shape in operation.shapes])
        plans = self.plans if actor.access.signed_in else self.strangers_plans
        found = plans.get(key)
        if found is not None:
            return found
        root = self.graph.core.get_root_type(operation.kind)
        if root is None:
            raise BadRequest("There are no such operations.")
        if facts is not None:
            self.charge_plan(actor, facts, operation)
        plan = self.compiler(operation, values, actor.access).query(root)
        return plans.keep(key, plan, size=plan.size + operation.size)

    def compiler(self, operation: Operation, values: VariableValues, access: Access) -> Compiler:
        """What makes a plan."""
        return Compiler(self.graph, operation.fragments, operation.definition, values, access)

    async def run(self, plan: Plan, inputs: Inputs) -> dict[str, str | None]:
        """One statement; the leaves that Python must finish are opened afterwards."""
        if not plan.names:
            return {}
        self.statements += 1
        read = self.database.pool.fetchrow if plan.varies else self.database.readers.fetchrow
        row = await read(plan.sql, *plan.bind(inputs))
        ready: dict[str, str | None] = dict(zip(plan.names, row or (), strict=True))
        for name, opening in plan.opens.items():
            text = ready[name]
            if text is not None:
                ready[name] = orjson.dumps(opened(orjson.loads(text), opening)).decode()
        return ready

    # --- introspection

    async def answer_introspecting(
        self, actor: Actor, facts: RequestFacts, operation: Operation, values: VariableValues, given: Mapping[str, Any]
    ) -> bytes:
        """Introspection beside data: graph-core executes only those roots, the plan reads the others."""
        if not self.introspection_is_open and not actor.may(Permission.SCHEMA_READ):
            if not actor.access.signed_in:
                raise Unauthenticated
            raise Forbidden("You may not read the schema.", permission=Permission.SCHEMA_READ.value)
        root = self.graph.core.query_type
        if root is None:
            raise BadRequest("There are no queries.")
        grouped = collect_fields(
            self.graph.core, operation.fragments, values, root, operation.definition
        ).grouped_field_set
        plan = self.query_plan(operation, values, actor, facts)
        ready = await self.run(plan, Inputs(values.coerced, actor, self.database.set_clock))
        ready |= self.introspected(actor, facts, operation, grouped, given)
        parts = [orjson.dumps(key).decode() + ":" + (ready[key] or "null") for key in grouped]
        return b'{"data":{' + ",".join(parts).encode() + b"}" + plan.tail

    def introspected(
        self,
        actor: Actor,
        facts: RequestFacts,
        operation: Operation,
        grouped: GroupedFieldSet,
        given: Mapping[str, Any],
    ) -> Mapping[str, str]:
        """The values of `__schema` and `__type`, kept by text and variables: a schema does not change.

        Raises: TooMany.
        """
        wanted = {key: details for key, details in grouped.items() if details[0].node.name.value in INTROSPECTION}
        if not wanted:
            return {}
        told = {name: given[name] for name, _ in operation.signatures if name in given}
        asked = orjson.dumps(told, option=orjson.OPT_SORT_KEYS)
        key = (operation.text, operation.name, tuple(wanted), asked)
        found = self.introspections.get(key)
        if found is not None:
            return found
        if self.budget is not None:
            names = [details[0].node.name.value for details in wanted.values()]
            objects = SCHEMA_COST * names.count("__schema") + TYPE_COST * names.count("__type")
            self.budget.charge(actor, facts.payer, objects)
        made = self.introspect(operation, wanted, told)
        size = len(operation.text) + len(asked) + sum(len(text) for text in made.values())
        return self.introspections.keep(key, made, size=size)

    def introspect(
        self, operation: Operation, wanted: Mapping[str, FieldDetailsList], given: Mapping[str, Any]
    ) -> dict[str, str]:
        """What graphql-core tells of the schema at these roots.

        Raises: Rejected.
        """
        nodes = tuple(each.node for details in wanted.values() for each in details)
        only = replace(operation.definition, selection_set=SelectionSetNode(selections=nodes))
        others = [each for each in operation.document.definitions if isinstance(each, FragmentDefinitionNode)]
        document = DocumentNode(definitions=(only, *others))
        result = execute_sync(self.graph.core, document, variable_values=dict(given))
        if result.errors:
            raise errors.Rejected.of(result.errors)
        return {name: orjson.dumps(value).decode() for name, value in (result.data or {}).items()}

    # --- payloads and events

    def foresee(self, actor: Actor, facts: RequestFacts, operation: Operation, values: VariableValues) -> None:
        """Makes and binds the plans of a mutation's payloads while nothing has been written.

        Raises: BadRequest; BadCursor; TooMany.
        """
        given, clock = values.coerced, self.database.set_clock
        key = (operation, actor.access, *[shape(given) for shape in operation.payload_shapes])
        found = self.foreseen.get(key)
        if found is None:
            pay_once = cache(partial(self.charge_plan, actor, facts, operation))
            asked = Asked(self, operation, values, actor, pay_once)
            found = [
                (payload_plan(asked, access, held.kind, held.path, held.wanted), held.names_an_actor, len(held.wanted))
                for held in Foreseen(self.graph, operation, values).held()
                for access in [(Actor.system() if held.names_an_actor else actor).access]
            ]
            self.foreseen.keep(key, found, size=operation.size)
        for plan, names_an_actor, count in found:
            plan.bind(Inputs(given, Actor.system() if names_an_actor else actor, clock, [None] * count))

    async def answer_payload(self, context: Context, root: Any) -> bytes:
        """A mutation, or an event with its payload as the root: graphql-core executes, plans read the objects.

        Raises: Rejected when it is not executed, its variables being wrong.
        """
        operation: Operation = context.operation
        made: Any = execute(
            self.graph.core,
            operation.document,
            root,
            context,
            context.variables,
            operation_name=operation.name,
            executor_class=PlanExecutor,
            hide_suggestions=True,
            max_coercion_errors=errors.ERRORS_MAX,
        )
        result: ExecutionResult = await made if isawaitable(made) else made
        if result.data is None and result.errors and all(each.path is None for each in result.errors):
            raise errors.Rejected.of(result.errors)
        body: dict[str, Any] = {"data": result.data}
        entries = [entry for error in result.errors or () for entry in errors.entries_of(error)]
        if entries or context.denials:
            body["errors"] = [*entries, *context.denials.values()]
        if context.extensions:
            body["extensions"] = context.extensions
        return orjson.dumps(body)


_STATUS = {
    "UNAVAILABLE": Status.UNAVAILABLE,
    "INTERNAL": Status.FAILED,
    "TOO_MANY_REQUESTS": Status.TOO_MANY,
}
_AGAIN_AFTER_S = {Status.UNAVAILABLE: 1}


def refused(error: Exception) -> Answer:
    """The answer to a request that was not executed."""
    entries = errors.entries_of(error)
    told = entries[0]["extensions"] if entries else {}
    status = _STATUS.get(told.get("code", ""), Status.REJECTED)
    return Answer(errors.failure(entries), status, told.get("retryAfter", _AGAIN_AFTER_S.get(status)))
