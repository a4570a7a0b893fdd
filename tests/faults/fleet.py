"""Some API processes behind one address, tills that sell through it, and screens that follow what is sold."""

import asyncio
import json
import os
import secrets
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import httpx
from websockets.exceptions import WebSocketException

from salonos.kernel.database import plain_url
from salonos.kernel.ids import id_text
from tests import servers
from tests.faults import served as serving
from tests.faults.proxy import Proxy, to_port
from tests.journeys.client import Client, Subscription, receive

CHECK_OUT = """
    mutation($input: CheckOutInput!) {
        checkOut(input: $input) { __typename ... on CheckOutSuccess { bill { id } } ... on Problem { message } }
    }
"""
POSTED = "subscription($after: EventCursor) { billPosted(after: $after) { cursor bill { id } } }"
NOW = "{ viewer { eventCursor } }"
AGAIN = frozenset({"UNAVAILABLE", "IDEMPOTENCY_IN_PROGRESS"})
ROOMY = {"SALONOS_OBJECTS_PER_SECOND": "1000000000", "SALONOS_SOCKETS_PER_DEVICE": "1000"}


@dataclass
class Report:
    """What became of the sales: each should be there once, and every screen should have seen each."""

    acknowledged: int
    lost: int
    doubled: int
    missed: int
    resumed: int
    retried: int


@dataclass
class Fleet:
    """`keeps_keys` and `keeps_cursors` are what the promise rests on at the client's end; `words` start a process."""

    url: str
    proxy: Proxy
    port: int
    folder: Path
    keeps_keys: bool = True
    keeps_cursors: bool = True
    words: tuple[str, ...] = serving.SERVE
    token: str = ""
    processes: list[serving.Served] = field(default_factory=list)
    acknowledged: list[str] = field(default_factory=list)
    seen: list[list[str]] = field(default_factory=list)
    retried: int = 0
    resumed: int = 0
    listening: int = 0
    is_over: bool = False
    selling: list[asyncio.Task[None]] = field(default_factory=list)
    news: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def address(self) -> str:
        """The one that clients know."""
        return f"http://127.0.0.1:{self.port}"

    async def add(self, **more: str) -> serving.Served:
        """Starts a process and gives it its share."""
        log = self.folder / f"api-{len(self.processes)}.log"
        redis = os.environ[servers.REDIS]
        made = await asyncio.to_thread(serving.serve, self.url, redis, log, words=self.words, **{**ROOMY, **more})
        self.processes.append(made)
        self.proxy.targets.append(to_port(made.port))
        return made

    async def replace(self, place: int) -> int:
        """Restarts a process as an update does: it is told to stop, then the next one takes its place."""
        old = self.processes[place]
        old.process.send_signal(signal.SIGTERM)
        code = await asyncio.to_thread(old.process.wait, serving.ANSWER_S)
        assert "Traceback" not in old.written()
        assert '"a bug"' not in old.written()
        await self.add()
        self.processes[place], self.proxy.targets[place] = self.processes.pop(), self.proxy.targets.pop()
        return code

    def end(self) -> None:
        """No process outlives its test."""
        for each in self.processes:
            each.process.kill()
            each.process.wait()

    def failed(self) -> list[asyncio.Task[None]]:
        """Tills that met what they do not expect."""
        return [each for each in self.selling if each.done()]

    async def told(self, when: Any, *, within_s: float) -> bool:
        """Waits until something is true of the load; whether it became so."""
        try:
            async with asyncio.timeout(within_s), self.news:
                await self.news.wait_for(when)
        except TimeoutError:
            return False
        return True

    async def note(self) -> None:
        """Something happened."""
        async with self.news:
            self.news.notify_all()

    async def sell(self, given: dict[str, Any]) -> None:
        """A till: one sale after the other, each tried with its key until it is acknowledged."""
        async with httpx.AsyncClient(timeout=20) as http:
            while not self.is_over:
                key = secrets.token_hex(16)
                while (bill := await self.attempt(http, given, key)) is None:
                    self.retried += 1
                    await self.note()
                    key = key if self.keeps_keys else secrets.token_hex(16)
                self.acknowledged.append(bill)
                await self.note()

    async def attempt(self, http: httpx.AsyncClient, given: dict[str, Any], key: str) -> str | None:
        """One try; None when the till has to try again."""
        headers = {"authorization": f"Bearer {self.token}", "idempotency-key": key}
        body = {"query": CHECK_OUT, "variables": {"input": given}}
        try:
            answer = (await http.post(f"{self.address}/graphql", json=body, headers=headers)).json()
        except httpx.TransportError:
            return None
        if "errors" in answer:
            assert answer["errors"][0]["extensions"]["code"] in AGAIN, answer
            return None
        sale = answer["data"]["checkOut"]
        assert sale["__typename"] == "CheckOutSuccess", sale
        bill: str = sale["bill"]["id"]
        return bill

    async def follow(self, seen: list[str]) -> None:
        """A screen: after a break it comes back once something was sold that it has not seen."""
        client, after = Client(self.address, token=self.token), None
        async with client:
            while True:
                try:
                    async with client.subscribe(POSTED, {"after": after}) as subscription:
                        self.resumed += bool(seen)
                        self.listening += 1
                        await self.note()
                        while (event := await self.event(subscription)) is not None:
                            seen.append(event["bill"]["id"])
                            after = event["cursor"] if self.keeps_cursors else None
                            await self.note()
                except (WebSocketException, OSError, TimeoutError):
                    await self.another()

    async def follow_stream(self, seen: list[str]) -> None:
        """A screen that follows by server-sent events as graphql-sse does: `complete` is the end, any other end a cut."""
        async with httpx.AsyncClient(timeout=httpx.Timeout(20, read=None)) as http:
            headers = {"authorization": f"Bearer {self.token}", "accept": "text/event-stream"}
            now = await http.post(f"{self.address}/graphql", json={"query": NOW}, headers={**headers, "accept": "*/*"})
            after: str | None = now.json()["data"]["viewer"]["eventCursor"]
            while True:
                body = {"query": POSTED, "variables": {"after": after}}
                self.resumed += bool(seen)
                try:
                    async with http.stream("POST", f"{self.address}/graphql", json=body, headers=headers) as reply:
                        self.listening += 1
                        await self.note()
                        async for event in self.told_by(reply):
                            if event is None:
                                return
                            seen.append(event["bill"]["id"])
                            after = event["cursor"] if self.keeps_cursors else None
                            await self.note()
                except httpx.TransportError:
                    pass
                await self.another()

    async def told_by(self, reply: httpx.Response) -> AsyncIterator[dict[str, Any] | None]:
        """The events of a stream; None when it is complete. Told of an outage, the screen comes again."""
        async for line in reply.aiter_lines():
            if line == "event: complete":
                yield None
            if not line.startswith("data: "):
                continue
            answer = json.loads(line.removeprefix("data: "))
            if "errors" in answer:
                assert answer["errors"][0]["extensions"]["code"] in AGAIN, answer
                return
            yield answer["data"]["billPosted"]

    async def event(self, subscription: Subscription) -> dict[str, Any] | None:
        """The next one; None when the server had to end the subscription, which says that the screen may come again."""
        message = subscription.early.popleft() if subscription.early else await receive(subscription.socket)
        if message["type"] == "error":
            assert message["payload"][0]["extensions"]["code"] in AGAIN, message
            return None
        event: dict[str, Any] = message["payload"]["data"]["billPosted"]
        return event

    async def another(self) -> None:
        """Until one more sale is acknowledged, or there will be none."""
        sold = len(self.acknowledged)
        await self.told(lambda: self.is_over or len(self.acknowledged) > sold, within_s=60)

    async def report(self) -> Report:
        """Counts the bills against what the tills and the screens were told."""
        database = await asyncpg.connect(plain_url(self.url))
        kept = [id_text("bill", row["id"]) for row in await database.fetch("select id from bills")]
        await database.close()
        return Report(
            acknowledged=len(self.acknowledged),
            lost=len(set(self.acknowledged) - set(kept)),
            doubled=len(kept) - len(set(self.acknowledged)),
            missed=sum(len(set(kept) - set(each)) for each in self.seen),
            resumed=self.resumed,
            retried=self.retried,
        )


async def a_sale(url: str) -> dict[str, Any]:
    """One serum, paid without cash: of that the law allows a day only so much."""
    database = await asyncpg.connect(plain_url(url))
    branch_id = await database.fetchval("select id from branches")
    product_id = await database.fetchval("select id from products")
    await database.close()
    return {
        "branchId": id_text("branch", branch_id),
        "lines": [{"productId": id_text("product", product_id)}],
        "payments": [{"method": "UPI", "amount": "999.00", "reference": "412345678901"}],
    }
