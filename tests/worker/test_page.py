"""A worker's `/metrics`: jobs and the backlog, for this machine, one page and nothing else."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import pytest

from salonos.kernel.database import Database
from salonos.settings import Settings, SettingWrong
from tests.journeys.house import free_port
from worker import page

SECRET = "a secret for tests of forty bytes length"


@asynccontextmanager
async def served(database: Database, **more: str) -> AsyncIterator[int]:
    port = free_port()
    environment: Mapping[str, str] = {"SECRET_KEY": SECRET, "SALONOS_WORKER_METRICS_PORT": str(port), **more}
    async with page.served(database, Settings.read(environment)):
        yield port


async def answer(port: int, *lines: str) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write("".join(line + "\r\n" for line in (*lines, "")).encode())
    text = (await asyncio.wait_for(reader.read(), 20)).decode()
    writer.close()
    return text


async def test_jobs_and_the_backlog_are_told(database: Database) -> None:
    await database.pool.execute("""
        insert into jobs (id, event_id, listener, kind, subject_id, payload, occurred_at, run_after, status)
        select gen_random_uuid(), n, 'nobody', 'Announced', gen_random_uuid(), '{}', now(), clock_timestamp(), 'DEAD'
        from generate_series(1, 3) as n
    """)
    async with served(database) as port:
        head, _, text = (await answer(port, "GET /metrics HTTP/1.1", f"Host: 127.0.0.1:{port}")).partition("\r\n\r\n")

    assert head.splitlines()[0] == "HTTP/1.1 200 OK"
    assert "content-security-policy: default-src 'none'; frame-ancestors 'none'" in head
    assert f"content-length: {len(text.encode())}" in head
    for line in ('salonos_jobs_open{status="dead"} 3.0', "salonos_outbox_rows_behind 0.0", "salonos_database_up 1.0"):
        assert line in text.splitlines()
    assert "salonos_sockets" not in text


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        (["GET / HTTP/1.1", "Host: 127.0.0.1"], "404 Not Found"),
        (["POST /metrics HTTP/1.1", "Host: 127.0.0.1"], "404 Not Found"),
        (["GET /metrics HTTP/1.1", "Host: salon.example"], "400 Bad Request"),
        (["GET /metrics HTTP/1.1"], "400 Bad Request"),
        (["GET /metrics HTTP/1.1", "Host: 127.0.0.1", "Host: 127.0.0.1"], "400 Bad Request"),
        (["GET /metrics HTTP/1.1", "Host: 127.0.0.1", "X-Forwarded-For: 203.0.113.9"], "404 Not Found"),
        (["nonsense"], "400 Bad Request"),
    ],
)
async def test_whatever_else_is_asked_is_refused_without_a_word(
    database: Database, lines: list[str], status: str
) -> None:
    async with served(database) as port:
        reply = await answer(port, *lines)

    assert reply.startswith(f"HTTP/1.1 {status}\r\n")
    assert reply.endswith("\r\n\r\n")


async def test_a_head_without_an_end_is_not_kept(database: Database) -> None:
    async with served(database) as port:
        assert await answer(port, "GET /metrics HTTP/1.1", "x: " + "y" * 100_000) == ""


async def test_a_port_that_is_taken_is_named(database: Database) -> None:
    async with served(database) as port:
        with pytest.raises(SettingWrong, match="SALONOS_WORKER_METRICS_PORT") as wrong:
            async with served(database, SALONOS_WORKER_METRICS_PORT=str(port)):
                pass

    assert wrong.value.exit_code == 69
