"""Spans: which there are, below whose, with which facts, and that none holds a text, a value or an error's words."""

import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import orjson
import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode
from sqlalchemy import text

from salonos.edge import tracing
from salonos.edge.app import App, make_app
from salonos.kernel.actor import Actor
from salonos.kernel.database import Database
from salonos.kernel.jobs import Listener
from salonos.kernel.work import Work
from salonos.settings import Settings, SettingWrong
from tests.faults import served as serving

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
SIGN_IN = "mutation($input: SignInInput!) { signIn(input: $input) { __typename } }"
CANARY = {"username": "canary", "password": "canary canary", "deviceName": "canary"}


@pytest.fixture
def spans() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def traces(spans: InMemorySpanExporter) -> tracing.Tracing:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(spans))
    return tracing.Tracing(provider)


@pytest.fixture
async def app(database_url: str, traces: tracing.Tracing) -> AsyncIterator[App]:
    """An API process in this one."""
    made = make_app(
        Settings.read(
            {
                "SECRET_KEY": serving.SECRET,
                "DATABASE_URL": database_url,
                "SALONOS_DEMO": "1",
                "SALONOS_FORGETFUL_DATABASE": "1",
            }
        )
    )
    await made.start()
    traces.watch(made)
    yield made
    await made._open.aclose()


async def post(app: App, query: str, variables: dict[str, Any] | None = None, name: str | None = None) -> Any:
    body = orjson.dumps({"query": query, "variables": variables or {}, "operationName": name})
    headers = [(b"host", b"127.0.0.1"), (b"content-type", b"application/json"), (b"traceparent", PARENT.encode())]
    scope = {"type": "http", "method": "POST", "path": "/graphql", "query_string": b"", "headers": headers}
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await app({**scope, "client": ("127.0.0.1", 50_000)}, receive, send)
    return orjson.loads(sent[1]["body"])


def tree(spans: InMemorySpanExporter) -> list[tuple[str, str]]:
    """Each span and the one that it stands below, in the order of their beginnings."""
    found = sorted(spans.get_finished_spans(), key=lambda each: each.start_time or 0)
    names = {each.context.span_id: each.name for each in found if each.context}
    return [(each.name, names.get(each.parent.span_id, "remote") if each.parent else "") for each in found]


def facts(spans: InMemorySpanExporter, name: str) -> list[dict[str, Any]]:
    return [dict(each.attributes or {}) for each in spans.get_finished_spans() if each.name == name]


async def test_a_query_is_a_request_an_operation_its_plan_and_one_statement(
    app: App, spans: InMemorySpanExporter
) -> None:
    await post(app, "{ branches(first: 1) { nodes { id } } }")
    first = tree(spans)
    spans.clear()
    await post(app, "{ branches(first: 1) { nodes { id } } }")

    assert [each for each in first if each[0] != "event"] == [
        ("request", "remote"), ("parse", "request"), ("operation", "request"), ("plan", "operation"),
        ("statement", "operation"),
    ]  # fmt: skip
    assert [each for each in tree(spans) if each[0] != "event"] == [
        ("request", "remote"), ("operation", "request"), ("plan", "operation"), ("statement", "operation")
    ]  # fmt: skip
    (request,) = facts(spans, "request")
    assert request.pop("salonos.request_id")
    assert request == {"http.request.method": "POST", "url.path": "/graphql", "http.response.status_code": 200}
    assert facts(spans, "operation") == [{"graphql.operation.type": "query"}]
    assert facts(spans, "statement") == [{"db.system.name": "postgresql"}]


async def test_a_caller_s_trace_goes_on(app: App, spans: InMemorySpanExporter) -> None:
    await post(app, "{ __typename }")

    (request,) = [each for each in spans.get_finished_spans() if each.name == "request"]
    assert request.context is not None
    assert request.parent is not None
    assert f"{request.context.trace_id:032x}" == "0af7651916cd43dd8448eb211c80319c"
    assert f"{request.parent.span_id:016x}" == "b7ad6b7169203331"


async def test_a_mutation_has_a_transaction_with_its_statements_and_a_commit(
    app: App, spans: InMemorySpanExporter
) -> None:
    await post(app, SIGN_IN, {"input": CANARY})

    found = tree(spans)
    assert ("transaction", "operation") in found
    assert ("statement", "transaction") in found
    assert ("commit", "transaction") in found
    assert facts(spans, "operation") == [{"graphql.operation.type": "mutation"}]


async def test_no_span_holds_what_a_client_or_an_error_says(app: App, spans: InMemorySpanExporter) -> None:
    await post(app, SIGN_IN, {"input": CANARY}, "canary")
    await post(app, "query canary { canary }", name="canary")
    await post(app, "{ canary: branches(first: 1) { nodes { name } } }")

    told = "".join(each.to_json() for each in spans.get_finished_spans())
    assert {name for each in spans.get_finished_spans() for name in each.attributes or {}} <= tracing.ALLOWED
    for word in ("canary", "select", "insert", "signIn", "branches"):
        assert word not in told


async def test_an_operation_s_name_is_told_when_it_is_a_trusted_one(app: App, spans: InMemorySpanExporter) -> None:
    assert app.endpoint is not None
    app.endpoint.engine.documents.trust("query Trusted { __typename }", "Trusted")

    await post(app, "query Trusted { __typename }")
    await post(app, "query Trusted { viewer { username } }", name="Trusted")

    assert facts(spans, "operation") == [
        {"graphql.operation.type": "query", "graphql.operation.name": "Trusted"},
        {"graphql.operation.type": "query"},
    ]


async def test_of_an_error_a_span_keeps_the_kind(
    database: Database, traces: tracing.Tracing, spans: InMemorySpanExporter
) -> None:
    traces.watch_database(database)

    async def canary(work: Work) -> None:
        await work.session.connection()
        await work.session.execute(text("select 'canary'::int"))

    with pytest.raises(Exception, match="canary"):
        await database.run(Actor.system(), canary)

    found = {each.name: each for each in spans.get_finished_spans()}
    failed: list[ReadableSpan] = [found["transaction"]]
    failed += [each for each in spans.get_finished_spans() if each.name == "statement" and not each.status.is_ok]
    assert [(each.status.status_code, each.status.description) for each in failed] == [(StatusCode.ERROR, None)] * 2
    assert [each.events for each in failed] == [(), ()]
    assert all((each.attributes or {})["error.type"] for each in failed)
    assert "canary" not in "".join(each.to_json() for each in spans.get_finished_spans())


async def test_a_job_is_a_span_of_its_listener(traces: tracing.Tracing, spans: InMemorySpanExporter) -> None:
    async def run(work: Any, task: Any) -> None:
        assert (work, task) == ("work", "task")

    dressed = traces.listeners({"summary": Listener("summary", (), run)})
    await dressed["summary"].run("work", "task")  # type: ignore[arg-type]  # looked at by nobody

    assert tree(spans) == [("job", "")]
    assert facts(spans, "job") == [{"salonos.listener": "summary"}]


def test_what_is_not_on_the_list_can_not_be_told(traces: tracing.Tracing) -> None:
    with pytest.raises(ValueError, match="listed facts"), traces.span("request", {"db.query.text": "select"}):
        pass


def test_without_traces_nothing_of_the_library_is_loaded() -> None:
    code = (
        "import sys, salonos.edge.app, worker.main; "
        "sys.exit(any(name.startswith(('opentelemetry', 'prometheus_client')) for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_traces_without_the_library_are_refused_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)

    with pytest.raises(SettingWrong, match=r"salonos\[otel\]"):
        Settings.read({"SECRET_KEY": serving.SECRET, "SALONOS_TRACES": "1"})


class Collector(HTTPServer):
    """Where spans are sent to."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        super().__init__(("127.0.0.1", 0), Collect)


class Collect(BaseHTTPRequestHandler):
    """Keeps what is POSTed."""

    server: Collector

    def do_POST(self) -> None:
        self.server.bodies.append(self.rfile.read(int(self.headers["content-length"])))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@pytest.fixture
def collector() -> Iterator[Collector]:
    made = Collector()
    thread = threading.Thread(target=made.serve_forever)
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


def test_a_process_sends_its_spans_to_a_collector_before_it_ends(collector: Collector, tmp_path: Path) -> None:
    to = f"http://127.0.0.1:{collector.server_port}"
    with serving.alone(tmp_path, SALONOS_TRACES="1", OTEL_EXPORTER_OTLP_ENDPOINT=to) as served:
        served.ask("query canary { viewer { username } }", authorization=f"Bearer {served.owner}", user_agent="canary")
        served.process.terminate()
        served.process.wait(serving.ANSWER_S)
        log = served.written()

    sent = b"".join(collector.bodies)
    for word in (b"salonos-api", b"request", b"operation", b"plan", b"statement", b"transaction", b"commit"):
        assert word in sent
    for word in (b"canary", b"viewer", b"username", b"owner", served.owner.encode()):
        assert word not in sent
    assert "Traceback" not in log
