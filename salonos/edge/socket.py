"""graphql-transport-ws: subscriptions over a websocket, with the protocol's close codes and bounds on everything.

Source: the protocol of the npm package graphql-ws (PROTOCOL.md). Queries and mutations are POSTed, not sent here.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any

import orjson

from salonos.edge.gate import Gate, Incoming, Receive, Refused, Scope, Send
from salonos.edge.persisted import Persisted, PersistedQueryNotFound, named
from salonos.edge.proxies import Proxies, peer_of
from salonos.edge.sessions import TooManyStreams, Watch, Watched, close_code, token_of
from salonos.edge.strict_json import Malformed, read_object
from salonos.graph import errors
from salonos.graph.context import RequestFacts
from salonos.graph.execute import REQUEST_COST, Engine
from salonos.kernel.addresses import address_key
from salonos.kernel.ids import new_id
from salonos.kernel.problems import BadRequest, TooMany, Unauthenticated

PROTOCOL = "graphql-transport-ws"
INIT_S = 5.0
SEND_S = 10.0
SUBSCRIPTIONS_MAX = 20
STRANGERS_PER_ADDRESS_MAX = 20
OPEN_MAX = 4_000
ID_CHARACTERS_MAX = 128
REASON_BYTES_MAX = 123
"""Of a close frame."""

_log = logging.getLogger(__name__)


class Close(Exception):  # noqa: N818  ends a socket with a code
    """A code of the protocol and a short constant reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


@dataclass
class Sockets:
    """The websockets of one process. `strangers` counts those that have not said who they are, by `address_key`."""

    engine: Engine
    watch: Watch
    gate: Gate
    persisted: Persisted = field(default_factory=Persisted)
    proxies: Proxies = field(default_factory=Proxies)
    strangers: Counter[str] = field(default_factory=Counter)
    open: set["Socket"] = field(default_factory=set)
    _told: tuple[bytes, str, str] = (b"", "", "")

    def next_text(self, head: str, body: bytes) -> str:
        """A `next` message. Clients of a kind use the same ids, so that an event's is made once for many."""
        last_body, last_head, text = self._told
        if last_body is not body or last_head != head:
            text = head + body.decode() + "}"
            self._told = (body, head, text)
        return text

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One websocket, from its handshake to its end."""
        await receive()
        headers = Incoming(scope["headers"])
        address = self.proxies.client_of(peer_of(scope), scope["headers"])
        try:
            self.gate.check_host(headers)
            is_welcome = self.gate.allows_origin(headers) and self.has_room(address)
        except Refused:
            is_welcome = False
        if not is_welcome or scope["query_string"]:
            await send({"type": "websocket.close", "code": 4403})
            return
        if PROTOCOL not in scope.get("subprotocols", ()):
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.close", "code": 4406, "reason": "Subprotocol not acceptable"})
            return
        await send({"type": "websocket.accept", "subprotocol": PROTOCOL})
        if len(self.open) >= OPEN_MAX:
            await send({"type": "websocket.close", "code": 1013, "reason": "Try again later"})
            return
        facts = RequestFacts(id=new_id().hex, address=address)
        socket = Socket(self, receive, send, facts)
        self.open.add(socket)
        try:
            await socket.run()
        finally:
            self.open.discard(socket)

    def has_room(self, address: str) -> bool:
        """Whether one stranger more may wait at an address."""
        return self.strangers[address_key(address)] < STRANGERS_PER_ADDRESS_MAX


@dataclass(eq=False)
class Socket:
    """One client's websocket."""

    sockets: Sockets
    receive: Receive
    send: Send
    facts: RequestFacts
    session: Watched | None = None
    running: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    waiting: asyncio.Task[None] | None = None
    """A message that the server did not take at once."""
    is_over: bool = False

    async def run(self) -> None:
        """Until either side closes it."""
        try:
            first = await self.begin()
            if first:
                await self.converse()
        except Close as close:
            await self.close(close)
        except (OSError, RuntimeError, TimeoutError):
            _log.info("a socket went away", extra={"request_id": self.facts.id})
        except Exception as error:  # noqa: BLE001  the exit of every socket: masked here, told in the log
            await self.close(closing(error))
        finally:
            self.is_over = True
            if self.session is not None:
                self.sockets.watch.end(self.session)
            tasks = [*self.running.values(), *([self.waiting] if self.waiting else [])]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def close(self, close: Close) -> None:
        """Says why, and ends it."""
        self.is_over = True
        try:
            async with asyncio.timeout(SEND_S):
                await self.send({"type": "websocket.close", "code": close.code, "reason": close.reason})
        except (OSError, RuntimeError, TimeoutError):
            return

    async def begin(self) -> bool:
        """The client says who it is within five seconds; False when it went away instead."""
        strangers, address = self.sockets.strangers, address_key(self.facts.address)
        strangers[address] += 1
        try:
            async with asyncio.timeout(INIT_S):
                greeting = await self.greeting()
        except TimeoutError:
            raise Close(4408, "Connection initialisation timeout") from None
        finally:
            strangers[address] -= 1
            if not strangers[address]:
                del strangers[address]
        if greeting is None:
            return False
        self.session = await self.sign_in(greeting)
        await self.say(b'{"type":"connection_ack"}')
        return True

    async def greeting(self) -> dict[str, Any] | None:
        """The payload of the client's greeting, None when it went away; what may be said before, is heard."""
        while (message := await self.next_message()) is not None:
            if message["type"] == "connection_init":
                return payload_of(message)
            if message["type"] == "subscribe":
                raise Close(4401, "Unauthorized")
            await self.on_message(message)
        return None

    def charge_message(self) -> None:
        """A message is paid for like a request, so that nobody floods the process with them."""
        budget = self.sockets.engine.budget
        if budget is None or self.session is None:
            return
        try:
            budget.charge(self.session.actor(), self.facts.payer, REQUEST_COST)
        except (TooMany, Unauthenticated):
            raise Close(4429, "Too many messages") from None

    async def sign_in(self, payload: dict[str, Any]) -> Watched:
        """The session of the token in the payload's Authorization."""
        given = payload.get("Authorization") or payload.get("authorization")
        if not given or not isinstance(given, str):
            raise Close(4401, "Unauthorized")
        try:
            return await self.sockets.watch.begin(token_of(given))
        except Unauthenticated:
            raise Close(4401, "Unauthorized") from None
        except TooManyStreams:
            raise Close(4429, "Too many sockets") from None
        except (OSError, RuntimeError, TimeoutError) as error:  # of the database, not of this socket
            raise closing(error) from error

    async def converse(self) -> None:
        """Messages, one after the other, until the session is over."""
        if self.session is None:
            raise Close(4401, "Unauthorized")
        over = self.session.over
        while True:
            heard = asyncio.ensure_future(self.next_message())
            either: list[asyncio.Future[Any]] = [heard, over]
            try:
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            finally:
                if not heard.done():
                    heard.cancel()
                    await asyncio.gather(heard, return_exceptions=True)
            if over.done():
                raise Close(close_code(over.result()), "Session over")
            message = heard.result()
            if message is None:
                return
            await self.on_message(message)

    async def on_message(self, message: dict[str, Any]) -> None:
        """One message of the protocol."""
        self.charge_message()
        match message["type"]:
            case "subscribe":
                await self.on_subscribe(message)
            case "complete":
                task = self.running.pop(self.id_of(message), None)
                if task is not None:
                    task.cancel()
            case "ping":
                payload_of(message)
                await self.say(b'{"type":"pong"}')
            case "pong":
                payload_of(message)
            case "connection_init":
                payload_of(message)
                raise Close(4429, "Too many initialisation requests")
            case _:
                raise Close(4400, "Unknown message type")

    def id_of(self, message: dict[str, Any]) -> str:
        """The operation's id."""
        found = message.get("id")
        if not isinstance(found, str) or not 1 <= len(found) <= ID_CHARACTERS_MAX:
            raise Close(4400, "Invalid id")
        return found

    async def on_subscribe(self, message: dict[str, Any]) -> None:
        """Starts a subscription."""
        name, payload = self.id_of(message), message.get("payload")
        if not isinstance(payload, dict):
            raise Close(4400, "Invalid payload")
        operation_name, variables = payload.get("operationName"), payload.get("variables")
        if not isinstance(operation_name, str | None) or not isinstance(variables, dict | None):
            raise Close(4400, "Invalid payload")
        if name in self.running:
            raise Close(4409, already_exists(name))
        if len(self.running) >= SUBSCRIPTIONS_MAX:
            too_many = TooMany(f"A socket has at most {SUBSCRIPTIONS_MAX} subscriptions.", retry_after_s=1)
            await self.say(framed("error", name, orjson.dumps(errors.entries_of(too_many))))
            return
        try:
            query = await self.document(payload)
        except PersistedQueryNotFound as unknown:
            await self.say(framed("error", name, orjson.dumps(errors.entries_of(unknown))))
            return
        self.running[name] = asyncio.create_task(self.subscription(name, query, operation_name, variables or {}))

    async def document(self, payload: dict[str, Any]) -> str:
        """The text of what is asked, or of the id by which it is asked.

        Raises: Close; PersistedQueryNotFound.
        """
        query = payload.get("query")
        try:
            document_id = named(payload)
        except BadRequest:
            raise Close(4400, "Invalid payload") from None
        if query is None and document_id is not None:
            return await self.sockets.persisted.text(document_id)
        if not isinstance(query, str):
            raise Close(4400, "Invalid payload")
        return query

    async def subscription(self, name: str, query: str, operation_name: str | None, variables: dict[str, Any]) -> None:
        """Runs one subscription to its end."""
        if self.session is None:
            return
        engine, head = self.sockets.engine, framed("next", name, b"")[:-1].decode()
        events = engine.subscribe(
            self.session.actor, self.facts, query, operation_name, variables, outlet=self.outlet(head)
        )
        try:
            async for body in events:
                await self.say_text(self.sockets.next_text(head, body))
            await self.say(framed("complete", name, None))
        except errors.Rejected as rejected:
            await self.say(framed("error", name, orjson.dumps(rejected.entries)))
        except (OSError, RuntimeError, TimeoutError):
            await self.close(Close(1013, "Too slow"))
        except Exception as error:  # noqa: BLE001  as above
            await self.say(framed("error", name, orjson.dumps(errors.entries_of(error))))
        finally:
            await events.aclose()
            if self.running.get(name) is asyncio.current_task():
                del self.running[name]

    async def say(self, text: bytes) -> None:
        """Sends one message; a client that does not take it within ten seconds is too slow."""
        await self.say_text(text.decode())

    async def say_text(self, text: str) -> None:
        """The same, after what waits already."""
        if self.waiting is not None:
            await asyncio.wait([self.waiting])
        if self.is_over:
            return
        async with asyncio.timeout(SEND_S):
            await self.send({"type": "websocket.send", "text": text})

    def outlet(self, head: str) -> Callable[[bytes], bool]:
        """A subscription's short way: an event's message is handed over without a turn of its task.

        A thousand turns, each with its timer, would take longer than all that is sent in them.
        """

        def sent(body: bytes) -> bool:
            if self.is_over or self.waiting is not None:
                return False
            steps = self.send({"type": "websocket.send", "text": self.sockets.next_text(head, body)}).__await__()
            try:
                waits_for = next(steps)
            except StopIteration:
                return True
            except (OSError, RuntimeError):  # it has gone, which its reader is told too
                return True
            self.waiting = asyncio.create_task(self.finish(Begun(steps, waits_for)))
            return True

        return sent

    async def finish(self, begun: "Begun") -> None:
        """Goes on with a message that could not be handed over at once."""
        try:
            async with asyncio.timeout(SEND_S):
                await begun
        except (OSError, RuntimeError, TimeoutError):
            await self.close(Close(1013, "Too slow"))
        finally:
            self.waiting = None

    async def next_message(self) -> dict[str, Any] | None:
        """The next message, None when the client has gone.

        Raises: Close.
        """
        heard = await self.receive()
        if heard["type"] == "websocket.disconnect":
            return None
        text = heard.get("text")
        if text is None:
            raise Close(4400, "Invalid message")
        try:
            message = read_object(text.encode())
        except (Malformed, UnicodeEncodeError):
            raise Close(4400, "Invalid message") from None
        if not isinstance(message.get("type"), str):
            raise Close(4400, "Invalid message")
        return message


def payload_of(message: dict[str, Any]) -> dict[str, Any]:
    """What a greeting, a ping or a pong brings: an object, or nothing.

    Raises: Close.
    """
    payload = message.get("payload")
    if payload is None:
        return {}
    if not isinstance(payload, dict):
        raise Close(4400, "Invalid payload")
    return payload


def already_exists(name: str) -> str:
    """The protocol's reason for 4409; the id is cut where a close frame is full."""
    before, after = "Subscriber for ", " already exists"
    kept = name.encode()[: REASON_BYTES_MAX - len(before) - len(after)].decode(errors="ignore")
    return before + kept + after


def closing(error: BaseException) -> Close:
    """How a socket ends that something of ours has failed; the log is told more."""
    code = errors.entries_of(error)[0]["extensions"]["code"]
    return Close(1013, "Try again later") if code == "UNAVAILABLE" else Close(1011, "Internal error")


@dataclass(frozen=True)
class Begun:
    """An awaitable that took its first step outside of any task and waits for something since."""

    steps: Generator[Any, Any, None]
    waits_for: Any

    def __await__(self) -> Generator[Any, Any, None]:
        """Its other steps."""
        try:
            yield self.waits_for
            yield from self.steps
        finally:
            self.steps.close()


def framed(kind: str, name: str, payload: bytes | None) -> bytes:
    """A message of the protocol around a payload that is finished JSON."""
    head = b'{"id":' + orjson.dumps(name) + b',"type":"' + kind.encode() + b'"'
    return head + b"}" if payload is None else head + b',"payload":' + payload + b"}"
