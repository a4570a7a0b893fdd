"""Answers GraphQL over HTTP: JSON POSTs from the engine's bytes, subscriptions as server-sent events.

The codes are those of GraphQL over HTTP's drafts: in `application/graphql-response+json` request errors are 400 and data
with errors is 200, in `application/json` both are 200. The edition of September 2026 has others; decision record 0010 says
why they are not ours. Server-sent events in the distinct-connections mode of graphql-sse: what is wrong with an operation
is its one event, while 401, 429, 5xx and a body that is no request keep their status.
"""

import asyncio
import contextlib
import re
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from graphql import OperationType

from salonos.edge import logs
from salonos.edge.deadlines import Deadlines
from salonos.edge.gate import (
    SECURITY_HEADERS,
    ClientGone,
    Gate,
    Headers,
    Incoming,
    Receive,
    Refused,
    Scope,
    Send,
    read_body,
    reply,
)
from salonos.edge.media import EVENT_STREAM, EVENTS, GRAPHQL_JSON, JSON, REFUSED_AS, media_of
from salonos.edge.payers import Payers
from salonos.edge.persisted import Persisted, PersistedQueryNotFound, named
from salonos.edge.proxies import Proxies
from salonos.edge.sessions import TooManyStreams, Watch, actor_of, close_code, token_of
from salonos.edge.strict_json import Malformed, read_object
from salonos.graph import errors
from salonos.graph.context import RequestFacts
from salonos.graph.execute import Answer, Engine, Status, refused
from salonos.identity.queries import Identity
from salonos.kernel import counts
from salonos.kernel.actor import NOBODY, Actor
from salonos.kernel.clock import monotonic_s
from salonos.kernel.problems import Refusal, TooMany, Unauthenticated

OK, TOO_MANY = 200, 429
READ_S = 10.0
OPERATION_S = 10.0
OPERATIONS_MAX = 500
"""Under way at a time; whoever comes on top is told at once instead of waiting for a connection of the database."""

KEEP_ALIVE_S = 12.0
AGAIN_AFTER_S = 1
"""What `Retry-After` says where nobody can know how long it takes."""
TOO_MANY_S = 0.25
"""A refusal for asking too much comes late: whoever asks again at once does not keep the process busy with refusing."""
USER_AGENT_MAX = 200
COMPLETE = b"event: complete\ndata:\n\n"
CUT = b""
"""How a stream ends whose process stops: clients take `complete` for the end, and a body without it for a network that
failed, after which they come again.
"""

_NAME = re.compile("[A-Za-z][A-Za-z]{0,63}")
_STATUS = {
    Status.ANSWERED: (200, "answered"),
    Status.REJECTED: (400, "rejected"),
    Status.TOO_MANY: (TOO_MANY, "refused"),
    Status.UNAVAILABLE: (503, "unavailable"),
    Status.FAILED: (500, "failed"),
}
"""The status line, and the word of the counters."""

_PREFLIGHT: Headers = [
    (b"access-control-allow-methods", b"POST"),
    (b"access-control-allow-headers", b"authorization, content-type, idempotency-key"),
    (b"access-control-max-age", b"600"),
]


@dataclass(slots=True)
class Asked:
    """What a body asks. `kind` and `trusted_name` are found once it is read, an empty `query` by `document_id`."""

    query: str
    operation_name: str | None
    variables: dict[str, Any]
    document_id: str | None = None
    kind: str = "unknown"
    trusted_name: str | None = None


_NOTHING = (None, None, "unknown")


@dataclass(eq=False)
class Endpoint:
    """`/graphql`."""

    engine: Engine
    identity: Identity
    gate: Gate
    watch: Watch
    persisted: Persisted = field(default_factory=Persisted)
    proxies: Proxies = field(default_factory=Proxies)
    payers: Payers | None = None
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    deadlines: Deadlines = field(default_factory=Deadlines)
    under_way: int = 0

    async def __call__(self, scope: Scope, headers: Incoming, request_id: str, receive: Receive, send: Send) -> None:
        """One HTTP request."""
        began_s = monotonic_s()
        common: Headers = [(b"x-request-id", request_id.encode())]
        status, code, outcome = 500, "", "failed"
        asked: Asked | None = None
        media: str | None = None
        try:
            common += self.gate.cors(headers)
            media = media_of(headers)
            if scope["method"] == "OPTIONS":
                self.gate.check_origin(headers)
                status, outcome = 204, ""
                return await reply(send, 204, b"", [*common, *_PREFLIGHT])
            check_request(scope, headers, media)
            asked = await self.asked(receive, headers)
            facts = facts_of(scope, headers, request_id, self.proxies)
            answer = await self.answer(asked, facts, headers, streams=media == EVENTS)
            if answer is None:
                status, outcome = 200, ""
                return await self.stream(asked, facts, headers, receive, send, common)
            status, outcome = _STATUS[answer.status]
            if answer.retry_after_s is not None:
                common.append(retry_after(answer.retry_after_s))
            if media == EVENTS and status != TOO_MANY:
                status = 200
                return await reply(send, 200, event_of(answer.body) + COMPLETE, [*common, EVENT_STREAM])
            status = status if media != JSON or outcome != "rejected" else 200
            await reply(send, status, answer.body, [*common, REFUSED_AS[media]])
        except ClientGone:
            status, outcome = 499, "gone"
        except (Refusal, Refused) as refusal:
            no = told(refusal, media)
            status, code, outcome = no.status, no.code, "refused"
            await self.refuse(send, no, common, media)
        except Exception as bug:  # noqa: BLE001  the exit of every request: masked here, told in the log
            code, outcome = "INTERNAL", "failed"
            await self.fail(send, bug, [*common, REFUSED_AS[media]])
        finally:
            took_s = monotonic_s() - began_s
            name, trusted, kind = (asked.operation_name, asked.trusted_name, asked.kind) if asked else _NOTHING
            if outcome:  # a preflight asks nothing, and a stream of events is counted where it begins
                counts.process.operation(trusted, kind, outcome, took_s)
            logs.request(request_id, operation=name_to_log(name), status=status, code=code, took_s=took_s)

    async def asked(self, receive: Receive, headers: Incoming) -> Asked:
        """What the body asks, the body having come in time.

        Raises: Refused; BadRequest; PersistedQueryNotFound; ClientGone.
        """
        try:
            with self.deadlines.within(READ_S):
                asked = asked_of(await read_body(receive, headers))
        except TimeoutError:
            raise Refused(408, "The body took too long.") from None
        if asked.document_id is not None and not asked.query:
            asked.query = await self.persisted.text(asked.document_id)
        return asked

    async def refuse(self, send: Send, no: Refused, own: Headers, media: str | None) -> None:
        """A request that no operation was read from, or that nobody may send."""
        counts.process.errors[no.code] += 1
        if no.status == TOO_MANY:
            await asyncio.sleep(TOO_MANY_S)
        body = errors.failure([{"message": no.message, "extensions": no.extensions}])
        if media == EVENTS and no.status == OK:
            await reply(send, OK, event_of(body) + COMPLETE, [*own, EVENT_STREAM])
        else:
            await reply(send, no.status, body, [*own, *no.headers, REFUSED_AS[media]])

    async def fail(self, send: Send, bug: Exception, headers: Headers) -> None:
        """What nobody foresaw; a reply that has begun can only end."""
        body = errors.failure(errors.entries_of(bug))
        with contextlib.suppress(RuntimeError):
            await reply(send, 500, body, headers)

    async def answer(self, asked: Asked, facts: RequestFacts, headers: Incoming, *, streams: bool) -> Answer | None:
        """The engine's answer with the rights of this moment; None for a subscription where a reply `streams`.

        Raises: Unauthenticated; Refused when too many are under way.
        """
        if self.under_way >= OPERATIONS_MAX:
            raise Refused(
                503, "Too many operations are under way.", code="UNAVAILABLE", headers=[retry_after(AGAIN_AFTER_S)]
            )
        self.under_way += 1
        try:
            answer = await self.answered(asked, facts, headers, streams=streams)
        finally:
            self.under_way -= 1
        if answer is not None and answer.status is Status.TOO_MANY:
            await asyncio.sleep(TOO_MANY_S)
        return answer

    async def answered(self, asked: Asked, facts: RequestFacts, headers: Incoming, *, streams: bool) -> Answer | None:
        """The same, having a place. A mutation reads the rights anew."""
        actor = await self.actor(headers, fresh=False)
        if actor is NOBODY:
            await self.find_payer(asked, facts)
        try:
            operation = self.engine.operation(actor, facts, asked.query, asked.operation_name)
        except (errors.Rejected, Refusal) as refusal:
            return refused(refusal)
        kind, asked.trusted_name = operation.kind, operation.trusted_name
        asked.kind = kind._value_
        if asked.document_id is not None and actor.access.signed_in:
            await self.persisted.keep(asked.document_id, asked.query, actor, self.engine.budget)
        if streams and kind is OperationType.SUBSCRIPTION:
            return None
        if actor is not NOBODY and kind is OperationType.MUTATION:
            actor = await self.actor(headers, fresh=True)
        try:
            with self.deadlines.within(OPERATION_S):
                return await self.engine.answer(actor, facts, asked.query, asked.operation_name, asked.variables)
        except TimeoutError as late:
            return refused(late)

    async def find_payer(self, asked: Asked, facts: RequestFacts) -> None:
        """Notes whose budget pays for a stranger."""
        if self.payers is not None:
            facts.payer = await self.payers.of_stranger(asked.query, asked.variables, facts.address)

    async def actor(self, headers: Incoming, *, fresh: bool) -> Actor:
        """Who asks; an unreachable database is an outage, not a wrong token."""
        try:
            return await actor_of(self.identity, headers, fresh=fresh)
        except Exception as error:
            if errors.is_outage(error):
                again = [retry_after(AGAIN_AFTER_S)]
                raise Refused(
                    503, "The service is not available right now.", code="UNAVAILABLE", headers=again
                ) from error
            raise

    async def stream(
        self, asked: Asked, facts: RequestFacts, headers: Incoming, receive: Receive, send: Send, common: Headers
    ) -> None:
        """A subscription as server-sent events, until it ends, the client goes, the session is over, or the process.

        Raises: Unauthenticated; TooMany when the device has too many streams open.
        """
        try:
            session = await self.watch.begin(token_of(headers.get(b"authorization").decode("latin-1")))
        except TooManyStreams:
            raise TooMany("This device has too many streams open. Close one.", retry_after_s=AGAIN_AFTER_S) from None
        events = self.engine.subscribe(session.actor, facts, asked.query, asked.operation_name, asked.variables)
        start = [*SECURITY_HEADERS, *common, EVENT_STREAM]
        ends: list[asyncio.Future[Any]] = []
        is_whole = False
        try:
            await send({"type": "http.response.start", "status": 200, "headers": start})
            sending = asyncio.ensure_future(send_events(send, events))
            ends += [sending, asyncio.ensure_future(gone(receive)), asyncio.ensure_future(self.stopping.wait())]
            await asyncio.wait([*ends, session.over], return_when=asyncio.FIRST_COMPLETED)
            is_whole = sending.done() or session.over.done()
        finally:
            self.watch.end(session)
            for task in ends:
                task.cancel()
            await asyncio.gather(*ends, return_exceptions=True)
            await events.aclose()
        last = told_over(session.over.result()) if session.over.done() else b""
        with contextlib.suppress(OSError):
            await send({"type": "http.response.body", "body": last + COMPLETE if is_whole else CUT})


def told(refusal: Refusal | Refused, media: str | None) -> Refused:
    """A refusal with its status.

    Of a request that was read, an event stream tells it as its event. Apollo's older clients read the word that asks for
    the whole document in `application/json` with 200 only.
    """
    if isinstance(refusal, Refused):
        return refusal
    status, headers = 400, []
    if isinstance(refusal, Unauthenticated):
        status, headers = 401, [(b"www-authenticate", b"Bearer")]
    elif isinstance(refusal, TooMany):
        status, headers = TOO_MANY, [retry_after(refusal.retry_after_s)]
    elif media == EVENTS or (media == JSON and isinstance(refusal, PersistedQueryNotFound)):
        status = 200
    return Refused(status, refusal.message, code=refusal.code, headers=headers, extensions=refusal.extensions)


def retry_after(seconds: int) -> tuple[bytes, bytes]:
    """When to come again, for programs that read no body."""
    return b"retry-after", str(seconds).encode()


def told_over(reason: Unauthenticated) -> bytes:
    """Why a stream ends, as its last `next` event: a socket's close code is `closeCode` here."""
    (entry,) = errors.entries_of(reason)
    return event_of(errors.failure([{**entry, "extensions": {**entry["extensions"], "closeCode": close_code(reason)}}]))


async def send_events(send: Send, events: AsyncGenerator[bytes, None]) -> None:
    """Each body as a `next` event; a comment whenever nothing happens for a while."""
    waiting = asyncio.ensure_future(anext(events))
    try:
        while True:
            done, _ = await asyncio.wait([waiting], timeout=KEEP_ALIVE_S)
            if not done:
                await send({"type": "http.response.body", "body": b":\n\n", "more_body": True})
                continue
            try:
                body = waiting.result()
            except StopAsyncIteration:
                return
            except errors.Rejected as rejected:
                body = errors.failure(rejected.entries)
                await send({"type": "http.response.body", "body": event_of(body), "more_body": True})
                return
            await send({"type": "http.response.body", "body": event_of(body), "more_body": True})
            waiting = asyncio.ensure_future(anext(events))
    finally:
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)


def name_to_log(name: str | None) -> str:
    """An operation's name if it is letters: whatever else a client writes there does not reach the log."""
    return name if name and _NAME.fullmatch(name) else ""


def event_of(body: bytes) -> bytes:
    """A body as one event; JSON of ours has no line break."""
    return b"event: next\ndata: " + body + b"\n\n"


async def gone(receive: Receive) -> None:
    """Returns when the client has closed the connection."""
    while (await receive())["type"] != "http.disconnect":
        pass


def check_request(scope: Scope, headers: Incoming, media: str | None) -> None:
    """Only JSON POSTs, nothing in the address, and a client that takes one of our replies.

    Raises: Refused.
    """
    if scope["method"] != "POST":
        raise Refused(405, "POST your operation as JSON.", headers=[(b"allow", b"POST, OPTIONS")])
    if scope["query_string"]:
        raise Refused(400, "Nothing belongs in the address: tokens and operations are sent in headers and body.")
    if not is_json(headers.get(b"content-type")):
        raise Refused(415, "The body is application/json in UTF-8.")
    if headers.get(b"content-encoding"):
        raise Refused(415, "The body is not compressed.")
    if media is None:
        raise Refused(406, f"Replies are {GRAPHQL_JSON}, {JSON} or {EVENTS}.")


@lru_cache(maxsize=256)
def is_json(content_type: bytes) -> bool:
    """Whether a body is JSON in UTF-8."""
    media, _, charset = content_type.decode("latin-1").lower().replace(" ", "").partition(";")
    return media == JSON and charset in {"", "charset=utf-8", 'charset="utf-8"'}


def asked_of(body: bytes) -> Asked:
    """The operation of a body.

    Raises: Refused; BadRequest.
    """
    try:
        found = read_object(body)
    except Malformed as malformed:
        raise Refused(400, str(malformed)) from None
    query, name, variables = found.get("query"), found.get("operationName"), found.get("variables")
    document_id = named(found) if query is None or "extensions" in found or "documentId" in found else None
    if not isinstance(query, str) and (query is not None or document_id is None):
        raise Refused(400, "`query` is the operation's text.")
    if name is not None and not isinstance(name, str):
        raise Refused(400, "`operationName` is text.")
    if variables is not None and not isinstance(variables, dict):
        raise Refused(400, "`variables` is an object.")
    return Asked(query or "", name, variables or {}, document_id)


def facts_of(scope: Scope, headers: Incoming, request_id: str, proxies: Proxies) -> RequestFacts:
    """What a request tells besides its operation."""
    client = scope.get("client")
    peer = client[0] if client else ""
    return RequestFacts(
        id=request_id,
        idempotency_key=headers.get(b"idempotency-key").decode("latin-1") or None,
        address=proxies.client_of(peer, scope["headers"]) if proxies.networks else peer,
        user_agent=headers.get(b"user-agent").decode("latin-1")[:USER_AGENT_MAX],
    )
