"""The ASGI application of an API process, put together from its settings."""

import asyncio
import contextlib
import importlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from redis.asyncio import Redis
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from salonos.accounting import graph as accounting
from salonos.bills import documents
from salonos.bills import graph as bills
from salonos.catalog import graph as catalog
from salonos.closing import graph as closing
from salonos.customers import graph as customers
from salonos.edge import health, logs, metrics
from salonos.edge.budget import Budget
from salonos.edge.documents import Papers
from salonos.edge.endpoint import Endpoint
from salonos.edge.exports import Exports
from salonos.edge.files import Files
from salonos.edge.gate import SECURITY_HEADERS, Gate, Headers, Incoming, Message, Receive, Refused, Scope, Send, reply
from salonos.edge.payers import Payers
from salonos.edge.persisted import Persisted
from salonos.edge.proxies import Proxies, peer_of
from salonos.edge.sessions import Watch
from salonos.edge.socket import Sockets
from salonos.edge.watchdog import Watchdog
from salonos.graph import errors
from salonos.graph.execute import Engine
from salonos.graph.limits import Guard
from salonos.graph.schema import Graph, make_schema
from salonos.graph.trusted import Manifest, ManifestWrong
from salonos.identity import graph as identity
from salonos.identity.queries import Identity
from salonos.inventory import graph as inventory
from salonos.kernel import crypto, files
from salonos.kernel.database import Database, Forgetful
from salonos.kernel.ids import request_id
from salonos.network import Certificate
from salonos.salon import graph as salon
from salonos.settings import DATABASE_EXIT, USAGE_EXIT, Settings

FEATURES = (salon, identity, customers, catalog, accounting, inventory, bills, closing)
PLAYGROUND = Path(__file__).parent / "static" / "playground"
PAGE_POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; frame-ancestors 'none'; base-uri 'none'"
)
FILE_HEADERS: Headers = [
    (b"content-security-policy", PAGE_POLICY.encode()),
    (b"cache-control", b"public, max-age=31536000, immutable"),
]
"""Of the page's files, whose names change with their content; a worker's script brings its own policy."""


def make_graph() -> Graph:
    """The schema of all features, checked."""
    return make_schema(FEATURES)


@dataclass
class App:
    """One API process. Everything that needs the database exists between start-up and shut-down."""

    settings: Settings
    graph: Graph
    gate: Gate
    pages: Starlette
    endpoint: Endpoint | None = None
    sockets: Sockets | None = None
    files: Files | None = None
    papers: Papers | None = None
    watched: metrics.Metrics | None = None
    watchdog: Watchdog | None = None
    database: Database | None = None
    redis: "Redis | None" = None
    refusal: str = ""
    """Why the process does not serve, for whoever started it."""
    refusal_code: int = 0
    """What it ends with then."""
    _open: contextlib.AsyncExitStack = field(default_factory=contextlib.AsyncExitStack)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI entry."""
        if scope["type"] == "lifespan":
            await self.live(receive, send)
        elif scope["type"] == "websocket":
            await self.on_websocket(scope, receive, send)
        else:
            await self.on_http(scope, receive, send)

    async def on_http(self, scope: Scope, receive: Receive, send: Send) -> None:
        """GraphQL, health, pages."""
        headers, name = Incoming(scope["headers"]), request_id()
        own = [(b"x-request-id", name.encode())]
        try:
            self.gate.check_host(headers)
        except Refused as refused:
            await reply(send, refused.status, refused.message.encode(), [*own, (b"content-type", b"text/plain")])
            return
        if scope["path"] == "/graphql" and self.endpoint is not None:
            await self.endpoint(scope, headers, name, receive, send)
            return
        try:
            await self.on_page(scope, headers, own, receive, send)
        except Exception as bug:  # noqa: BLE001  the exit of every page: masked here, told in the log
            body = errors.failure(errors.entries_of(bug))
            with contextlib.suppress(RuntimeError):  # a reply that has begun can only end
                await reply(send, 500, body, [*own, (b"content-type", b"application/json")])

    async def on_page(self, scope: Scope, headers: Incoming, own: Headers, receive: Receive, send: Send) -> None:
        """Everything that is not GraphQL."""
        path = scope["path"]
        if path == "/healthz":
            await reply(send, 200, b'{"status":"alive"}', [*own, (b"content-type", b"application/json")])
        elif path == "/readyz" and self.database is not None:
            is_local = metrics.is_local(peer_of(scope), headers)
            is_stopping = self.endpoint is not None and self.endpoint.stopping.is_set()
            status, body = await health.ready(self.database, self.redis, is_local=is_local, is_stopping=is_stopping)
            await reply(send, status, body, [*own, (b"content-type", b"application/json")])
        elif (path == files.PATH or path.startswith(f"{files.PATH}/")) and self.files is not None:
            await self.files(scope, headers, own, receive, send)
        elif path == "/metrics" and self.watched is not None and self.watched.may_read(peer_of(scope), headers):
            await reply(send, 200, await self.watched.text(), [*own, metrics.CONTENT_TYPE])
        elif path.startswith(documents.PATH) and self.papers is not None:
            await self.papers(scope, headers, own, send)
        else:
            more = FILE_HEADERS if path.startswith("/playground/assets/") else []
            await self.pages(scope, receive, with_headers(send, [*own, *more]))

    async def on_websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Subscriptions at `/graphql`, nothing elsewhere."""
        if scope["path"] == "/graphql" and self.sockets is not None:
            await self.sockets(scope, receive, send)
        else:
            await receive()
            await send({"type": "websocket.close", "code": 4404})

    def held(self) -> dict[str, Any]:
        """What is open and kept at this moment, for whoever watches the process."""
        if self.endpoint is None or self.sockets is None:
            raise RuntimeError("The process has not started.")
        engine = self.endpoint.engine
        running = engine.live.subscribers
        return {
            "sockets": len(self.sockets.open),
            "subscriptions": len(running),
            "groups": len({(each.operation, each.variables_key) for each in running}),
            "caches": {"plans": engine.plans, "strangers_plans": engine.strangers_plans},
            "tasks": len(asyncio.all_tasks()),
            "stalls": None if self.watchdog is None else self.watchdog.taken(),
        }

    def stop_streams(self) -> None:
        """Ends the open event streams; their clients come again with their cursor."""
        if self.endpoint is not None:
            self.endpoint.stopping.set()

    async def live(self, receive: Receive, send: Send) -> None:
        """Start-up and shut-down as the server asks for them."""
        await receive()
        try:
            await self.start()
        except (Forgetful, ManifestWrong) as wrong:
            self.refusal = str(wrong)
            self.refusal_code = DATABASE_EXIT if isinstance(wrong, Forgetful) else USAGE_EXIT
            await self._open.aclose()
            await send({"type": "lifespan.startup.failed", "message": self.refusal})
            return
        except Exception as failed:
            await send({"type": "lifespan.startup.failed", "message": type(failed).__name__})
            raise
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._open.aclose()
        await send({"type": "lifespan.shutdown.complete"})

    async def start(self) -> None:
        """Opens the database, the engine and the feed of events."""
        url = self.settings.database_url
        if url is None:
            raise RuntimeError("An API process needs DATABASE_URL.")
        database = await Database.open(
            url, pool_size=self.settings.database_pool_size, set_clock=self.settings.set_clock
        )
        self._open.push_async_callback(database.close)
        if not self.settings.is_forgetful_allowed:
            await database.refuse_forgetful()
        if self.settings.redis_url:
            self.redis = Redis.from_url(self.settings.redis_url)
            self._open.push_async_callback(self.redis.aclose)
        if self.settings.is_loop_watched:
            self.watchdog = Watchdog()
            self.watchdog.start()
            self._open.callback(self.watchdog.stop)
        budget = Budget(self.settings.objects_per_second)
        budget.start(self.redis)
        self._open.push_async_callback(budget.stop)
        engine = Engine(
            self.graph,
            database,
            limits=Guard(self.graph.core),
            introspection_is_open=self.settings.is_demo,
            budget=budget,
        )
        persisted = self.trust(engine)
        await engine.live.start()
        self._open.push_async_callback(engine.live.stop)
        identity_of_tokens = Identity(database)
        self.database = database
        watch = Watch(identity_of_tokens, self.settings.sockets_per_device)
        proxies = Proxies(self.settings.trusted_proxies)
        payers = Payers(identity_of_tokens, budget)
        self.endpoint = Endpoint(
            engine, identity_of_tokens, self.gate, watch, persisted, proxies=proxies, payers=payers
        )
        self._open.push_async_callback(self.endpoint.deadlines.stop)
        exports = Exports(engine, self.endpoint.deadlines)
        self.files = Files(database, identity_of_tokens, self.gate, self.endpoint.deadlines, exports)
        self.papers = Papers(database, self.gate)
        self._open.callback(self.papers.close)
        self.sockets = Sockets(engine, watch, self.gate, persisted, proxies)
        self.watched = metrics.Metrics(database, self.settings.metrics_token, self.held)
        if self.settings.is_traced:
            traces = importlib.import_module("salonos.edge.tracing").start("salonos-api")
            self._open.push_async_callback(traces.stop)
            traces.watch(self)

    def trust(self, engine: Engine) -> Persisted:
        """Reads the documents of our own clients, if there is a manifest.

        Raises: ManifestWrong.
        """
        path = self.settings.trusted_documents
        if path is None:
            return Persisted(redis=self.redis)
        try:
            manifest = Manifest.read(path.read_bytes())
            engine.trust(manifest)
        except (OSError, ManifestWrong) as wrong:
            raise ManifestWrong(f"SALONOS_TRUSTED_DOCUMENTS={path} can't be used: {wrong}") from wrong
        return Persisted(manifest.texts, self.redis)


def make_app(settings: Settings) -> App:
    """The application of one process; it connects when the server starts it."""
    logs.configure()
    crypto.configure(crypto.Keyring(settings.secret.encode()))
    gate = Gate(hosts=frozenset(settings.allowed_hosts), origins=frozenset(settings.allowed_origins))
    return App(settings, make_graph(), gate, make_pages(settings.certificate))


def with_headers(send: Send, own: Headers) -> Send:
    """Adds the headers of every reply to what pages send, except where a page says its own."""

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            given = [*message["headers"], *own]
            names = {name for name, _ in given}
            message["headers"] = [*given, *(each for each in SECURITY_HEADERS if each[0] not in names)]
        await send(message)

    return sent


def make_pages(certificate: Certificate | None) -> Starlette:
    """The playground, the authority that tablets install, and a plain 404 for the rest."""
    routes: list[Route | Mount] = []
    if certificate is not None and certificate.authority is not None:
        file = FileResponse(certificate.authority, media_type="application/x-x509-ca-cert")
        routes.append(Route("/authority.crt", file, methods=["GET"]))
    if PLAYGROUND.is_dir():
        routes += [
            Route("/playground", playground, methods=["GET"]),
            Mount("/playground", StaticFiles(directory=PLAYGROUND)),
        ]
    return Starlette(routes=routes, lifespan=no_lifespan)


@contextlib.asynccontextmanager
async def no_lifespan(_: Starlette) -> AsyncIterator[None]:
    """The pages need nothing."""
    yield


async def playground(_: Request) -> Response:
    """The page itself."""
    headers = {name.decode(): value.decode() for name, value in SECURITY_HEADERS}
    headers["content-security-policy"] = PAGE_POLICY
    return FileResponse(PLAYGROUND / "index.html", headers=headers)
