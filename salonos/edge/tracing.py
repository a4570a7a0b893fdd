"""Spans of requests, operations, statements, commits and jobs for OpenTelemetry; loaded only with SALONOS_TRACES=1.

What is traced is dressed once at start-up, so that a process without traces has neither the library nor a test for it.
A span holds facts from a list: no text of an operation or statement, no variable, no message of an error.
"""

import asyncio
import dataclasses
import functools
import inspect
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from sqlalchemy import event

from salonos.kernel.database import Database
from salonos.kernel.jobs import Listeners

if TYPE_CHECKING:
    from salonos.edge.app import App
    from salonos.edge.gate import Message, Receive, Scope, Send

ALLOWED = frozenset(
    {
        "http.request.method",
        "http.response.status_code",
        "url.path",
        "graphql.operation.name",
        "graphql.operation.type",
        "db.system.name",
        "salonos.request_id",
        "salonos.listener",
        "error.type",
    }
)
PATHS = frozenset({"/graphql", "/healthz", "/readyz", "/metrics", "/playground"})
METHODS = frozenset({"GET", "HEAD", "POST", "OPTIONS"})
OTHER = "other"
_STATEMENT = {"db.system.name": "postgresql"}
_incoming = TraceContextTextMapPropagator()


def start(service: str) -> "Tracing":
    """Traces that go where the standard OTEL_… variables say."""
    provider = TracerProvider(resource=Resource.create({"service.name": service}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return Tracing(provider)


class Tracing:
    """Dresses a process's parts, so that what they do becomes spans."""

    def __init__(self, provider: TracerProvider) -> None:
        self.provider = provider
        self.tracer = provider.get_tracer("salonos")

    async def stop(self) -> None:
        """Sends what is left."""
        await asyncio.to_thread(self.provider.shutdown)

    # --- what is dressed

    def watch(self, app: "App") -> None:
        """An API process that has started."""
        if app.endpoint is None or app.database is None:
            raise RuntimeError("The process has not started.")
        engine = app.endpoint.engine
        self.watch_database(app.database)
        self.dress(engine, {"read_document": "parse", "query_plan": "plan"})
        self.dress(engine.live, {"deliver": "event"})
        vars(engine)["answer"] = self.operations(engine.answer, engine.documents.known)
        vars(app)["on_http"] = self.requests(app.on_http)

    def watch_database(self, database: Database) -> None:
        """Transactions, their commits, and every statement of a command or a plan."""
        self.dress(database, {"run": "transaction"})
        self.dress(database.readers, {"fetchrow": "statement"}, _STATEMENT)
        engine = database.engine.sync_engine
        self.dress(engine.dialect, {"do_commit": "commit"}, _STATEMENT)
        event.listen(engine, "before_cursor_execute", self.on_statement)
        event.listen(engine, "after_cursor_execute", on_statement_end)
        event.listen(engine, "handle_error", on_statement_error)

    def listeners(self, listeners: Listeners) -> Listeners:
        """A worker's listeners, each of whose jobs is a span."""
        return {
            name: dataclasses.replace(cast(Any, each), run=self.traced("job", each.run, {"salonos.listener": name}))
            for name, each in listeners.items()
        }

    def dress(self, target: object, methods: Mapping[str, str], facts: Mapping[str, Any] | None = None) -> None:
        """Each of an object's methods, by the name of its span."""
        for method, name in methods.items():
            vars(target)[method] = self.traced(name, getattr(target, method), facts or {})

    # --- how

    @contextmanager
    def span(self, name: str, facts: Mapping[str, Any], **how: Any) -> Iterator[Span]:
        """A span with the listed facts; of an error only its kind is kept."""
        with self.tracer.start_as_current_span(
            name, record_exception=False, set_status_on_exception=False, **how
        ) as made:
            tell(made, facts)
            try:
                yield made
            except BaseException as error:
                fail(made, error)
                raise

    def traced(self, name: str, function: Callable[..., Any], facts: Mapping[str, Any]) -> Callable[..., Any]:
        """A function whose calls are spans."""
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def awaited(*given: Any, **more: Any) -> Any:
                with self.span(name, facts):
                    return await function(*given, **more)

            return awaited

        @functools.wraps(function)
        def called(*given: Any, **more: Any) -> Any:
            with self.span(name, facts):
                return function(*given, **more)

        return called

    def operations(self, answer: Callable[..., Awaitable[Any]], known: Callable[..., Any]) -> Callable[..., Any]:
        """The engine's answers, with the operation's kind, and its name where it is a trusted one."""

        @functools.wraps(answer)
        async def answered(actor: Any, facts: Any, text: str, name: str | None, variables: Any) -> Any:
            with self.span("operation", {}) as span:
                made = await answer(actor, facts, text, name, variables)
                operation = known(text, name)
                if operation is not None:
                    tell(span, {"graphql.operation.type": operation.kind.value})
                    if operation.trusted_name is not None:
                        tell(span, {"graphql.operation.name": operation.trusted_name})
                return made

        return answered

    def requests(self, answer: Callable[..., Awaitable[None]]) -> Callable[..., Any]:
        """HTTP requests; whoever sends `traceparent` has ours below its own span."""

        @functools.wraps(answer)
        async def answered(scope: "Scope", receive: "Receive", send: "Send") -> None:
            carrier = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
            facts = {
                "http.request.method": scope["method"] if scope["method"] in METHODS else OTHER,
                "url.path": scope["path"] if scope["path"] in PATHS else OTHER,
            }
            with self.span("request", facts, context=_incoming.extract(carrier), kind=SpanKind.SERVER) as span:

                async def sent(message: "Message") -> None:
                    if message["type"] == "http.response.start":
                        names = dict(message["headers"])
                        request_id = names.get(b"x-request-id", b"").decode()
                        tell(span, {"http.response.status_code": message["status"], "salonos.request_id": request_id})
                    await send(message)

                await answer(scope, receive, sent)

        return answered

    def on_statement(self, *given: Any) -> None:
        """A statement of a command begins: (connection, cursor, statement, parameters, context, executemany)."""
        span = self.tracer.start_span("statement")
        tell(span, _STATEMENT)
        given[4].salonos_span = span


def on_statement_end(*given: Any) -> None:
    """It ended well."""
    given[4].salonos_span.end()


def on_statement_error(failed: Any) -> None:
    """It failed; a connection's own errors have no statement."""
    span = getattr(failed.execution_context, "salonos_span", None)
    if span is not None:
        fail(span, failed.original_exception)
        span.end()


def tell(span: Span, facts: Mapping[str, Any]) -> None:
    """The one way to a span's attributes.

    Raises: ValueError for what is not on the list.
    """
    if facts.keys() - ALLOWED:
        raise ValueError("A span holds listed facts only.")
    span.set_attributes(dict(facts))


def fail(span: Span, error: BaseException) -> None:
    """Keeps the kind of an error, not what it says."""
    tell(span, {"error.type": type(error).__name__})
    span.set_status(Status(StatusCode.ERROR))
