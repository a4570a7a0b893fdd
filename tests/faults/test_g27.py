"""G27: PostgreSQL or Redis goes away, stalls or breaks connections; what can be done is done, and all heals by itself."""

import asyncio
import json
import os
import re
import shutil
import socket
import struct
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from websockets.exceptions import ConnectionClosed

from salonos.edge.app import make_app
from salonos.graph import errors
from salonos.kernel.database import plain_url
from salonos.settings import Settings
from tests import servers
from tests.faults import served as serving
from tests.faults.fleet import POSTED, Fleet
from tests.faults.proxy import Proxy, proxied
from tests.faults.test_headers import send_to
from tests.faults.test_rolling import sold, working
from tests.journeys.client import Client

PROVE = bool(os.environ.get("SALONOS_PROVE"))
CANCELLED = 5_000 if PROVE else 300
ANSWER_S, HEALED_S = (3.0, 10.0) if PROVE else (15.0, 60.0)
"""What is promised is proved on a machine that has nothing else to do."""

VIEWER = "{ viewer { username } }"
BRANCHES = "{ branches(first: 1) { nodes { id } } }"


@dataclass
class Outage:
    """A process whose way to PostgreSQL and to Redis can be broken."""

    fleet: Fleet
    database: Proxy
    redis: Proxy

    async def ask(self, query: str, **headers: str) -> httpx.Response:
        async with httpx.AsyncClient(timeout=ANSWER_S) as http:
            signed_in = {"authorization": f"Bearer {self.fleet.token}", **headers}
            return await http.post(f"{self.fleet.address}/graphql", json={"query": query}, headers=signed_in)

    async def healed(self) -> None:
        """Until a read is answered again."""
        async with asyncio.timeout(HEALED_S):
            while (await self.ask(BRANCHES)).status_code != 200:
                pass


@asynccontextmanager
async def behind_proxies(url: str, folder: Path) -> AsyncIterator[Outage]:
    """Both servers listen at unix sockets, and so do the proxies before them."""
    redis_url = os.environ[servers.REDIS]
    redis_at, database_at = unix_socket(redis_url), unix_socket(url)
    near = Path(tempfile.mkdtemp(prefix="s-"))
    async with (
        proxied(lambda: asyncio.open_unix_connection(f"{database_at}/.s.PGSQL.5432"), path=f"{near}/.s.PGSQL.5432") as (database, _),
        proxied(lambda: asyncio.open_unix_connection(redis_at), path=f"{near}/redis") as (redis, _),
        proxied() as (front, port),
    ):  # fmt: skip
        fleet = Fleet(url, front, port, folder)
        try:
            await fleet.add(
                DATABASE_URL=url.replace(database_at, str(near)), REDIS_URL=redis_url.replace(redis_at, f"{near}/redis")
            )
            fleet.token = await asyncio.to_thread(fleet.processes[0].sign_in, "owner")
            yield Outage(fleet, database, redis)
        finally:
            fleet.end()
            shutil.rmtree(near)


def unix_socket(url: str) -> str:
    """Where a server of the suite listens."""
    found = re.search(r"host=([^&]+)", url) or re.search(r"(/[^?@]+)(\?|$)", url.partition("@")[2])
    assert found is not None, "a socket"
    return found[1]


@pytest.fixture
async def outage(database_url: str, tmp_path: Path) -> AsyncIterator[Outage]:
    await serving.furnish(database_url)
    async with behind_proxies(database_url, tmp_path) as made:
        yield made


async def test_without_redis_people_sign_in_sell_and_see_it_live(outage: Outage) -> None:
    outage.redis.cut()
    token = await asyncio.to_thread(outage.fleet.processes[0].sign_in, "owner")
    outage.fleet.token = token

    async with working(outage.fleet, screens=1):
        await sold(outage.fleet, 5)
    found = await outage.fleet.report()
    async with httpx.AsyncClient(timeout=serving.ANSWER_S) as http:
        away = await http.get(f"{outage.fleet.address}/readyz")
        outage.redis.mend()
        there = await http.get(f"{outage.fleet.address}/readyz")

    assert (found.lost, found.doubled, found.missed) == (0, 0, 0)
    assert (away.status_code, away.json()["parts"]) == (503, {"postgresql": "ready", "redis": "unavailable"})
    assert there.status_code == 200


async def test_without_postgresql_everything_is_unavailable_and_retryable_until_it_is_back(outage: Outage) -> None:
    given = json.dumps({"query": serving.SIGN_IN, "variables": {"input": {"username": "owner", "password": serving.PASSWORD, "deviceName": "t"}}})  # fmt: skip
    async with Client(outage.fleet.address, token=outage.fleet.token) as client, client.subscribe(POSTED) as open_one:
        outage.database.cut()
        read = await outage.ask(BRANCHES)
        async with httpx.AsyncClient(timeout=ANSWER_S) as http:
            json_type = {"content-type": "application/json"}
            written = await http.post(f"{outage.fleet.address}/graphql", content=given, headers=json_type)
        with pytest.raises(ConnectionClosed) as closed:
            async with client.subscribe(POSTED):
                pass
        outage.database.mend()
        await outage.healed()
        async with working(outage.fleet, screens=0):
            await sold(outage.fleet, 1)
        event = await open_one.next()

    assert read.status_code == 503
    assert written.json()["data"] == {"signIn": None}
    for reply in (read, written):
        told = reply.json()["errors"][0]["extensions"]
        assert (told["code"], told["retryable"]) == ("UNAVAILABLE", True)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1013
    assert event["data"]["billPosted"]["bill"]["id"] in outage.fleet.acknowledged
    assert '"a bug"' not in outage.fleet.processes[0].written()


async def test_whatever_happens_to_the_connections_no_sale_is_lost_doubled_or_unseen(outage: Outage) -> None:
    fleet, database = outage.fleet, outage.database
    async with working(fleet, screens=2):
        for _ in range(10 if PROVE else 2):
            await sold(fleet, 4)
            database.reset()
            await sold(fleet, 4)
            database.cut()
            tried = fleet.retried
            assert await fleet.told(lambda tried=tried: fleet.failed() or fleet.retried > tried + 3, within_s=60)
            database.mend()
            await sold(fleet, 4)
            database.latency_s = 0.05
            await sold(fleet, 2)
            database.latency_s = 0.0
            outage.redis.reset()
    found = await fleet.report()

    assert (found.lost, found.doubled, found.missed) == (0, 0, 0)
    assert '"a bug"' not in fleet.processes[0].written()


async def test_requests_that_are_cancelled_leave_no_connection_behind(outage: Outage) -> None:
    body = json.dumps({"query": "{ branches(first: 5) { nodes { id name } } }"}).encode()
    head = (
        f"POST /graphql HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
        f"authorization: Bearer {outage.fleet.token}\r\ncontent-length: {len(body)}\r\n\r\n"
    ).encode()
    port = outage.fleet.processes[0].port
    for _ in range(CANCELLED):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head + body)
        await writer.drain()
        raw: Any = writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    database = await asyncpg.connect(plain_url(outage.fleet.url))
    async with asyncio.timeout(60), httpx.AsyncClient() as http:
        used = {"some"}
        while used:
            text = (await http.get(f"http://127.0.0.1:{port}/metrics")).text
            used = {line for line in text.splitlines() if line.startswith("salonos_pool_connections_used") and line[-4:] != " 0.0"}  # fmt: skip
    idle = await database.fetchval(
        "select count(*) from pg_stat_activity where datname = current_database() and state like 'idle in transaction%'"
    )
    await database.close()

    assert idle == 0
    assert (await outage.ask(VIEWER)).json() == {"data": {"viewer": {"username": "owner"}}}
    assert '"a bug"' not in outage.fleet.processes[0].written()


@pytest.mark.parametrize("recognised", [True, False])
async def test_the_proof_fails_when_an_outage_is_not_recognised(
    database_url: str, monkeypatch: pytest.MonkeyPatch, *, recognised: bool
) -> None:
    at, near = unix_socket(database_url), Path(tempfile.mkdtemp(prefix="s-"))
    way = proxied(lambda: asyncio.open_unix_connection(f"{at}/.s.PGSQL.5432"), path=f"{near}/.s.PGSQL.5432")
    async with way as (database, _):
        environment = {"DATABASE_URL": database_url.replace(at, str(near)), "SALONOS_FORGETFUL_DATABASE": "1"}
        app = make_app(Settings.read({"SECRET_KEY": serving.SECRET, **environment}))
        await app.start()
        database.cut()
        if not recognised:
            monkeypatch.setattr(errors, "is_outage", lambda _: False)
        given = {
            "query": serving.SIGN_IN,
            "variables": {"input": {"username": "owner", "password": "x", "deviceName": "t"}},
        }
        reply = await send_to(app, "POST", "/graphql", json.dumps(given).encode(), {"content-type": "application/json"})
        await app._open.aclose()
    shutil.rmtree(near)

    code = json.loads(reply.body)["errors"][0]["extensions"]["code"]
    assert code == ("UNAVAILABLE" if recognised else "INTERNAL")
