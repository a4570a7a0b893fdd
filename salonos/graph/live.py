"""Subscriptions: events to whoever may see them, read once for all whose answers can't differ.

One task follows the outbox. Each event is read once per group (operation, rights, variables, and the actor's values
that its plans bind) and its bytes go to all of the group. A fact goes into the subscriber's queue of 256; whoever does
not read it in time is told RESYNC_REQUIRED. Of figures only the newest waits, and they are read at most once a second, after
events within reach; those that the client has already are not sent again.
"""

import asyncio
import contextlib
import logging
from collections import defaultdict, deque
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias
from uuid import UUID

import orjson
from graphql import OperationType
from graphql.execution.collect_fields import collect_fields
from graphql.execution.values import VariableValues

from salonos.graph import errors
from salonos.graph.assemble import DEFINITION, rule_of_field
from salonos.graph.context import Context, RequestFacts
from salonos.graph.directives import Rule
from salonos.graph.documents import Operation
from salonos.graph.events import OnChange, OnEvent
from salonos.graph.plan import Inputs, actor_scope
from salonos.graph.reads import READ
from salonos.graph.values import Reader, plain_value
from salonos.kernel import counts
from salonos.kernel.actor import Actor
from salonos.kernel.ids import id_value
from salonos.kernel.outbox import BATCH_MAX, Feed, Position, Stored, cursor_position
from salonos.kernel.problems import BadRequest, ResyncRequired

if TYPE_CHECKING:
    from salonos.graph.execute import Engine

WAITING_MAX = 256
CHANGES_EVERY_S = 1.0
TURN = 100
"""So many are handed an event before everybody else in the process has a turn."""

Outlet: TypeAlias = Callable[[bytes], bool]
"""Takes a body at once and says so, or leaves it."""

_log = logging.getLogger(__name__)


@dataclass(eq=False)
class Subscriber:
    """One running subscription."""

    source: Callable[[], Actor]
    facts: RequestFacts
    operation: Operation
    values: VariableValues
    given: Mapping[str, Any]
    read: OnEvent | OnChange
    guard: Rule | None
    coordinate: str
    branch_id: UUID | None
    joined: Position
    outlet: Outlet | None = None
    waiting: deque[bytes] = field(default_factory=deque)
    figures: bytes | None = None
    """Those that the client has; None of a subscription to facts, two of which may well read alike."""
    ended: errors.Rejected | None = None
    _woken: "asyncio.Future[None] | None" = None
    """While the caller waits for the next body."""

    def actor(self) -> Actor:
        """Who subscribes, with the rights of this moment.

        Raises: Rejected when they no longer suffice; what the source raises.
        """
        actor = self.source()
        if self.guard is not None and (denial := self.guard.denial(actor.access)):
            extensions = {**denial, "coordinate": self.coordinate}
            raise errors.Rejected([{"message": "You may not subscribe to this.", "extensions": extensions}])
        return actor

    def wants(self, event: Stored) -> bool:
        """Whether an event is of its kinds and branch, and after it joined."""
        if event.kind not in self.read.kinds or event.position <= self.joined:
            return False
        return self.branch_id is None or event.branch_id == self.branch_id

    @cached_property
    def variables_key(self) -> bytes:
        """What of the variables the answers depend on."""
        coerced = self.values.coerced
        names = coerced if isinstance(self.read, OnChange) else self.operation.below
        told = {name: coerced[name] for name in names if name in coerced}
        return orjson.dumps(told, default=str, option=orjson.OPT_SORT_KEYS)

    def push(self, body: bytes) -> None:
        """An answer for the client; of figures only the newest waits, and none that the client has."""
        if self.ended is not None:
            return
        if body == self.figures:
            self.waiting.clear()
            return
        if self._is_idle and not self.waiting and self.outlet is not None and self.outlet(body):
            if self.figures is not None:
                self.figures = body
            return
        if isinstance(self.read, OnChange):
            self.waiting.clear()
        elif len(self.waiting) >= WAITING_MAX:
            self.end(ResyncRequired())
            return
        self.waiting.append(body)
        self._wake()

    def end(self, error: BaseException) -> None:
        """Ends the subscription; what waits is not delivered any more."""
        if self.ended is None:
            self.ended = errors.Rejected(errors.entries_of(error))
            self.waiting.clear()
            self._wake()

    @property
    def _is_idle(self) -> bool:
        return self._woken is not None and not self._woken.done()

    def _wake(self) -> None:
        if self._woken is not None and not self._woken.done():
            self._woken.set_result(None)

    async def pull(self) -> bytes:
        """The next answer.

        Raises: Rejected when it has ended.
        """
        while not self.waiting:
            if self.ended is not None:
                raise self.ended
            self._woken = asyncio.get_running_loop().create_future()
            try:
                await self._woken
            finally:
                self._woken = None
        body = self.waiting.popleft()
        if self.figures is not None:
            self.figures = body
        return body


class Live:
    """The subscriptions of one process."""

    def __init__(self, engine: "Engine") -> None:
        self.engine = engine
        self.subscribers: set[Subscriber] = set()
        self._feed: Feed | None = None
        self._starting = asyncio.Lock()
        self._following: asyncio.Task[None] | None = None
        self._refreshing: asyncio.Task[None] | None = None
        self._changed: set[Subscriber] = set()
        self._refreshed_at = 0.0

    # --- life

    async def start(self) -> Feed:
        """Begins to follow the outbox; the first subscription does it by itself."""
        async with self._starting:
            if self._feed is None:
                self._feed = await Feed.start(self.engine.database)
                self._following = asyncio.create_task(self._follow(self._feed), name="live")
                self._following.add_done_callback(self._on_end)
            return self._feed

    async def stop(self) -> None:
        """Stops following. Running subscriptions stay silent; the edge closes their sockets."""
        for task in (self._following, self._refreshing):
            if task is not None:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
        self._feed = self._following = self._refreshing = None

    def _on_end(self, task: asyncio.Task[None]) -> None:
        """Nobody waits for ever for a feed that broke: its subscriptions end, and the next one starts it anew."""
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._feed = None
            rejected = errors.Rejected(errors.entries_of(error))
            for each in list(self.subscribers):
                each.end(rejected)

    # --- subscribing

    async def subscribe(
        self,
        source: Callable[[], Actor],
        facts: RequestFacts,
        asked: tuple[str, str | None, Mapping[str, Any]],
        outlet: Outlet | None = None,
    ) -> AsyncGenerator[bytes, None]:
        """The answers of a subscription, until it is refused or the caller closes it.

        Raises: errors.Rejected.
        """
        name = None
        try:
            feed = await self.start()
            operation = self.engine.operation(source(), facts, asked[0], asked[1])
            name = operation.trusted_name
            subscriber, after = self._subscriber(feed, source, facts, operation, asked[2])
            subscriber.outlet = outlet
            subscriber.actor()
            joined = subscriber.joined
            if after is not None:  # what this process, being behind, will hear once more is not for who has it already
                subscriber.joined = max(joined, cursor_position(after, stream=feed.stream))
        except Exception as error:
            counts.process.subscription(name, "rejected")
            raise errors.Rejected(errors.entries_of(error)) from error
        counts.process.subscription(name, "answered")
        self.subscribers.add(subscriber)
        try:
            async for body in self._beginning(feed, subscriber, after, joined):
                yield body
            while True:
                yield await subscriber.pull()
        except errors.Rejected:
            raise
        except Exception as error:
            raise errors.Rejected(errors.entries_of(error)) from error
        finally:
            self.subscribers.discard(subscriber)

    def _subscriber(
        self,
        feed: Feed,
        source: Callable[[], Actor],
        facts: RequestFacts,
        operation: Operation,
        given: Mapping[str, Any],
    ) -> tuple[Subscriber, str | None]:
        core = self.engine.graph.core
        root = core.subscription_type
        if operation.kind is not OperationType.SUBSCRIPTION or root is None:
            raise BadRequest("Only subscriptions are answered here: POST queries and mutations.")
        values = operation.coerced(core, given)
        self.engine.check_cost(source(), facts, operation, values.coerced)
        self.engine.charge_plan(source(), facts, operation)
        grouped = collect_fields(core, operation.fragments, values, root, operation.definition).grouped_field_set
        if len(grouped) != 1:
            raise BadRequest("A subscription has one field.")
        ((_, details),) = grouped.items()
        name = details[0].node.name.value
        if name not in root.fields:
            raise BadRequest("A subscription has one field of the schema.")
        definition = root.fields[name]
        inputs = Inputs(values.coerced, source())
        arguments = Reader(values.coerced).arguments(details[0].node, definition)
        plain = {key: plain_value(value, inputs) for key, value in arguments.items()}
        branch = plain.get("branchId")
        made = Subscriber(
            source,
            facts,
            operation,
            values,
            given,
            definition.extensions[DEFINITION].metadata[READ],
            rule_of_field(self.engine.graph, definition),
            f"{root.name}.{name}",
            None if branch is None else id_value("branch", branch),
            feed.position,
        )
        return made, plain.get("after")

    async def _beginning(
        self, feed: Feed, subscriber: Subscriber, after: str | None, joined: Position
    ) -> AsyncGenerator[bytes, None]:
        """What comes before the live events: the present figures, or what happened since a cursor until it `joined`.

        The subscriber is registered already, so whatever is committed meanwhile waits in its queue.
        """
        if isinstance(subscriber.read, OnChange):
            figures = await self._read_figures(subscriber, subscriber.actor())
            subscriber.figures = figures
            if figures in subscriber.waiting:
                subscriber.waiting.clear()
            yield figures
            return
        if after is None:
            return
        position = await feed.resume(after)
        while position < joined:
            batch = await feed.read(position, kinds=subscriber.read.kinds)
            for event in batch:
                if event.position > joined:
                    return
                if subscriber.branch_id is None or event.branch_id == subscriber.branch_id:
                    paying, asked = subscriber.actor(), subscriber.values.coerced
                    await self.engine.pay(paying, subscriber.facts, subscriber.operation, asked)
                    body, _ = await self._read_event(subscriber, subscriber.actor(), event)
                    if body is not None:
                        yield body
            if len(batch) < BATCH_MAX:
                return
            position = batch[-1].position

    # --- events

    async def _follow(self, feed: Feed) -> None:
        async with contextlib.aclosing(feed.follow()) as batches:
            async for batch in batches:
                for event in batch:
                    await self._deliver_or_end(event)

    async def _deliver_or_end(self, event: Stored) -> None:
        """One event's bug must not stop the others: it ends the subscriptions that should have had the event."""
        try:
            await self.deliver(event)
        except Exception as error:  # noqa: BLE001  whatever it is, the clients read entries
            rejected = errors.Rejected(errors.entries_of(error))
            for each in self._who_wants(event):
                each.end(rejected)

    def _who_wants(self, event: Stored) -> list[Subscriber]:
        return [each for each in self.subscribers if each.ended is None and each.wants(event)]

    async def deliver(self, event: Stored) -> int:
        """Hands an event to its subscribers; returns how often it was read."""
        groups: dict[Any, list[tuple[Subscriber, Actor]]] = defaultdict(list)
        for each in self._who_wants(event):
            try:
                actor = each.actor()
            except Exception as error:  # noqa: BLE001  revoked, or its source failed: it ends with the reason
                each.end(error)
                continue
            if isinstance(each.read, OnChange):
                if event.branch_id is None or actor.reaches(event.branch_id):
                    self._changed.add(each)
                    self._refresh_soon()
                continue
            groups[each.operation, actor.access, each.variables_key].append((each, actor))
        read = await asyncio.gather(*[self._deliver_to(members, event) for members in groups.values()])
        return sum(read)

    async def _deliver_to(self, members: list[tuple[Subscriber, Actor]], event: Stored) -> int:
        """To subscribers who differ at most in the actor's values; which of those count, the first reading tells."""
        first, actor = members[0]
        body, names = await self._read_event(first, actor, event)
        bodies = {actor_scope(actor, names): body}
        for place, (each, other) in enumerate(members, 1):
            if not place % TURN:
                await asyncio.sleep(0)
            scope = actor_scope(other, names)
            if scope not in bodies:
                bodies[scope], _ = await self._read_event(each, other, event)
            found = bodies[scope]
            if found is not None:
                each.push(found)
        return len(bodies)

    async def _read_event(
        self, subscriber: Subscriber, actor: Actor, event: Stored
    ) -> tuple[bytes | None, frozenset[str]]:
        """The event's body, None when it is out of reach; and which of the actor's values it depends on."""
        if not isinstance(subscriber.read, OnEvent):
            raise TypeError("figures are no event")
        context = Context(
            self.engine, self.engine.database, actor, subscriber.facts, subscriber.operation, dict(subscriber.given)
        )
        context.probes_reach = True
        body = await self.engine.answer_payload(context, subscriber.read.payload(event))
        return (body if context.is_within_reach else None), context.actor_names

    # --- figures

    def _refresh_soon(self) -> None:
        if self._refreshing is None or self._refreshing.done():
            self._refreshing = asyncio.create_task(self._refresh(), name="live figures")

    async def _refresh(self) -> None:
        """Reads changed figures, at most once a second."""
        loop = asyncio.get_running_loop()
        while self._changed:
            await asyncio.sleep(max(0.0, self._refreshed_at + CHANGES_EVERY_S - loop.time()))
            self._refreshed_at = loop.time()
            changed, self._changed = self._changed, set()
            await self._send_figures(changed)

    async def _send_figures(self, changed: Iterable[Subscriber]) -> None:
        """Each plan once for all whose values it binds are the same."""
        bodies: dict[Any, bytes] = {}
        for each in changed:
            if each.ended is not None or each not in self.subscribers:
                continue
            try:
                actor = each.actor()
                plan = self.engine.query_plan(each.operation, each.values, actor)
                key = (plan, each.variables_key, actor_scope(actor, plan.actor_names))
                if key not in bodies:
                    bodies[key] = await self._read_figures(each, actor)
            except Exception as error:  # noqa: BLE001  it ends with the reason, the others go on
                each.end(error)
                continue
            each.push(bodies[key])

    async def _read_figures(self, subscriber: Subscriber, actor: Actor) -> bytes:
        return await self.engine.read_roots(subscriber.operation, subscriber.values, actor)
