"""How a feature says what may be written. One mutation field is one transaction.

    @extend(Mutation)
    class BillWrites:
        @mutation("Sell and take the money, in one step.", requires=Permission.BILL_CREATE, idempotency=Idempotency.REQUIRED)
        async def check_out(self, work: Work, input: CheckOutInput) -> CheckOutResult:
            bill_id = await commands.check_out(work, …)
            return CheckOutSuccess(bill=ref(Bill, bill_id))

Before the resolver runs: the permission, guarded inputs, the Idempotency-Key. Then, in one transaction: the key's claim,
the resolver, the record of the result. A raised kernel problem rolls everything back and becomes a member of the
field's union. `self` is None. A resolver may also ask for `info`; with `transaction=False` it gets no `work` and opens
its own transactions on `info.context.database`.
"""

import enum
import hashlib
import hmac
import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar, cast, get_type_hints

import orjson
import strawberry
from graphql import GraphQLError, GraphQLResolveInfo
from strawberry.annotation import StrawberryAnnotation
from strawberry.types.arguments import StrawberryArgument
from strawberry.types.field import StrawberryField

from salonos.graph import inputs, results
from salonos.graph.context import Context
from salonos.graph.directives import Denial, Rule, rule
from salonos.graph.problem import problem_of
from salonos.kernel import counts, crypto, idempotency, problems
from salonos.kernel.permissions import Permission
from salonos.kernel.work import Work

F = TypeVar("F", bound=Callable[..., Any])
WRITE = "salonos.write"
"""The key of a mutation field's metadata."""

_KEY = re.compile(r"[A-Za-z0-9_-]{16,64}", re.ASCII)


class Idempotency(enum.Enum):
    """What a mutation does with an Idempotency-Key."""

    REQUIRED = "REQUIRED"
    ACCEPTED = "ACCEPTED"
    IGNORED = "IGNORED"


@dataclass(frozen=True, eq=False)
class Write:
    """What a mutation field does."""

    function: Callable[..., Any]
    idempotency: Idempotency
    is_transaction: bool
    takes_info: bool


def mutation(
    description: str,
    *,
    requires: Permission | Rule,
    idempotency: Idempotency = Idempotency.ACCEPTED,
    transaction: bool = True,
) -> Callable[[F], F]:
    """Decorator of a resolver: `(self, work, input) -> Result`, or `(self, info, input)` without a transaction.

    The result's type is the union as written; the field is nullable by itself.
    """
    if not transaction and idempotency is not Idempotency.IGNORED:
        raise TypeError("a mutation that opens its own transactions can't keep a key with its effect")

    def decorate(function: F) -> F:
        hints = get_type_hints(function, include_extras=True)
        names = [name for name in inspect.signature(function).parameters if name != "self"]
        given = [name for name in names if name not in {"work", "info"}]
        guard = rule(requires)
        made = StrawberryField(
            description=description,
            directives=[guard] if guard else [],
            type_annotation=StrawberryAnnotation(hints["return"] | None),
            metadata={WRITE: Write(function, idempotency, transaction, "info" in names)},
        )
        made.arguments = [
            StrawberryArgument(name, None, StrawberryAnnotation(hints[name]), description="What is asked for.")
            for name in given
        ]
        return cast(F, made)

    return decorate


@dataclass(frozen=True, eq=False)
class Writer:
    """A mutation field's resolver, made once a schema: `reads_arguments` turns coerced arguments into inputs."""

    write: Write
    guard: Rule | None
    coordinate: str
    arguments: inputs.Arguments
    is_union: bool
    field: StrawberryField

    async def __call__(self, _: Any, info: GraphQLResolveInfo[Any], **given: Any) -> Any:
        """Answers the field."""
        context: Context = info.context
        self.refuse_denied(context, given)
        made = self.arguments.build(given)
        extra = {"info": strawberry.Info(_raw_info=info, _field=self.field)} if self.write.takes_info else {}
        try:
            if not self.write.is_transaction:
                return await self.write.function(None, **extra, **made)
            return await self.run(context, str(info.path.key), made | extra)
        except problems.Problem as problem:
            counts.process.problems[info.field_name, type(problem).__name__] += 1
            if not self.is_union:
                raise
            return problem_of(problem)

    def refuse_denied(self, context: Context, given: Mapping[str, Any]) -> None:
        """Permission first, then every guarded input that was used; nothing has been done before.

        Raises: GraphQLError; its `denials` name the inputs, one for each coordinate.
        """
        access = context.actor.access
        if self.guard is not None and (denial := self.guard.denial(access)):
            raise Denied({self.coordinate: denial})
        if denied := self.arguments.denials(given, access):
            raise Denied(denied)

    async def run(self, context: Context, response_name: str, given: Mapping[str, Any]) -> Any:
        """The transaction: the claim of the key, the resolver, the record of its result; or the first answer again."""
        claim = self.claim(context, response_name)

        async def command(work: Work) -> Any:
            result = await self.write.function(None, work, **given)
            if claim is not None:
                await work.record(results.stored(result))
            return result

        try:
            return await context.database.run(context.actor, command, claim=claim)
        except idempotency.Replayed as replayed:
            context.extensions["idempotency"] = {"replayed": True}
            return results.restored(replayed.result, context.engine.graph.types)

    def claim(self, context: Context, response_name: str) -> idempotency.Claim | None:
        """The key, bound to the user, to this field's response name and to what the whole operation asks.

        Raises: IdempotencyKeyRequired; BadRequest.
        """
        header = context.request.idempotency_key
        if self.write.idempotency is Idempotency.IGNORED or not context.actor.access.signed_in:
            return None  # strangers have no id of their own that a key could be bound to
        if header is None:
            if self.write.idempotency is Idempotency.REQUIRED:
                raise problems.IdempotencyKeyRequired
            return None
        if _KEY.fullmatch(header) is None:
            raise problems.BadRequest("An Idempotency-Key has 16 to 64 letters, digits, - and _.")
        return idempotency.Claim(context.actor.id, f"{header}:{response_name}", fingerprint(context))


def fingerprint(context: Context) -> bytes:
    """A keyed hash of the operation in its canonical form and of its variables."""
    variables = orjson.dumps(context.variables, option=orjson.OPT_SORT_KEYS)
    text = context.operation.canonical_text.encode()
    return hmac.digest(_fingerprint_key(crypto.keyring()), text + b"\0" + variables, hashlib.sha256)


@lru_cache(maxsize=8)
def _fingerprint_key(ring: crypto.Keyring) -> bytes:
    return ring.key("idempotency fingerprints")


class Denied(GraphQLError):  # noqa: N818  a refusal, with an entry for each coordinate
    """Refused by permission: one error for each coordinate."""

    def __init__(self, denials: Mapping[str, Denial]) -> None:
        first, *_ = denials
        super().__init__("You may not do this.", extensions={**denials[first], "coordinate": first})
        self.denials = dict(denials)
