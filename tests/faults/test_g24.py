"""One client that asks for all it can get does not hold up the others' sales (G24)."""

import asyncio
import os
import secrets
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import InvalidStatus, WebSocketException

from salonos.edge.budget import BURST_S
from salonos.graph.execute import REQUEST_COST
from tests.faults import served as serving
from tests.faults.served import Served
from tests.faults.test_attacks_socket import opened
from tests.journeys.client import Client, receive, send

IS_PROVING = bool(os.environ.get("SALONOS_PROVE"))
TILLS, SALES = (4, 100) if IS_PROVING else (3, 3)
LOOPS, HOLDERS = (24, 8) if IS_PROVING else (8, 6)
RATE = 20_000
P99_S = 1.0
WANTED = "{ branches(first: 1) { nodes { id } } services(first: 1) { nodes { id } } }"
SELL = "mutation($input: CheckOutInput!) { checkOut(input: $input) { __typename } }"
EXPENSIVE = """{
    customers(first: 100) { nodes { name bills(first: 30) { nodes { number lines { description } } } } }
}"""
EXPENSIVE_OBJECTS = 100 * (1 + 30 * (1 + 5))
DEARER = EXPENSIVE.replace("30", "50")


@dataclass
class Attack:
    """What one client did: the statuses that it was answered, and its refused sockets."""

    statuses: Counter[int] = field(default_factory=Counter)
    expensive: int = 0
    sockets_refused: int = 0
    took_s: float = 0.0
    refused: asyncio.Event = field(default_factory=asyncio.Event)


async def ask_for_all(served: Served, token: str, over: asyncio.Event, attack: Attack) -> None:
    """Some loops of expensive queries, new documents, refused ones and floods of small ones."""
    began_s = time.monotonic()

    async def loop(number: int) -> None:
        async with httpx.AsyncClient(timeout=30, trust_env=False) as http:
            turn = 0
            while not over.is_set():
                turn += 1
                kind = (number + turn) % 4
                new = f"{{ viewer {{ username }} }} # {number} {turn} " + "x" * 15_000
                query = (EXPENSIVE, new, DEARER, "{ viewer { username } }")[kind]
                headers = {"authorization": f"Bearer {token}"}
                reply = await http.post(f"{served.address}/graphql", json={"query": query}, headers=headers)
                attack.statuses[reply.status_code] += 1
                if reply.status_code == 429:
                    attack.refused.set()
                attack.expensive += kind == 0 and reply.status_code == 200 and "data" in reply.json()

    await asyncio.gather(*(loop(number) for number in range(LOOPS)))
    attack.took_s = time.monotonic() - began_s


async def hold_sockets(served: Served, token: str, over: asyncio.Event, attack: Attack) -> None:
    """Opens sockets and subscriptions again and again, and heads that never end."""
    writers = [(await asyncio.open_connection("127.0.0.1", served.port))[1] for _ in range(60)]
    for writer in writers:
        writer.write(b"POST /graphql HTTP/1.1\r\nx-")
    while not over.is_set():
        try:
            async with opened(served) as socket:
                await send(socket, type="connection_init", payload={"Authorization": f"Bearer {token}"})
                while not over.is_set():
                    await send(socket, type="subscribe", id=secrets.token_hex(4), payload={"query": "subscription { dashboardChanged { billCount } }"})  # fmt: skip
                    await receive(socket)
        except (WebSocketException, InvalidStatus, OSError):
            attack.sockets_refused += 1
    for writer in writers:
        writer.close()


async def sell(served: Served, token: str, sales: int) -> list[float]:
    """One till's sales, one after the other; returns how long each took."""
    took: list[float] = []
    async with Client(served.address, token=token) as client:
        found = await client.data(WANTED)
        given: dict[str, Any] = {
            "branchId": found["branches"]["nodes"][0]["id"],
            "lines": [{"serviceId": found["services"]["nodes"][0]["id"]}] * 3,
            "payments": [{"method": "CASH", "amount": "100000.00"}],
        }
        for _ in range(sales):
            began_s, key = time.monotonic(), secrets.token_hex(16)
            answer = await client.ask(SELL, {"input": given}, key=key)
            while answer.get("errors", [{}])[0].get("extensions", {}).get("retryable"):  # as a till does, with its key
                answer = await client.ask(SELL, {"input": given}, key=key)
            took.append(time.monotonic() - began_s)
            assert answer["data"]["checkOut"]["__typename"] == "CheckOutSuccess", answer
    return took


async def day_under_attack(served: Served, *, sales: int, until_refused: bool = False) -> tuple[list[float], Attack]:
    """Tills that sell while another client asks for all that it can get."""
    over, attack, token = asyncio.Event(), Attack(), served.sign_in("manager")
    attackers = asyncio.gather(
        ask_for_all(served, token, over, attack), *(hold_sockets(served, token, over, attack) for _ in range(HOLDERS))
    )
    try:
        took = await asyncio.gather(*(sell(served, served.owner, sales) for _ in range(TILLS)))
        if until_refused:
            await attack.refused.wait()
    finally:
        over.set()
        await attackers
    return sorted(second for each in took for second in each), attack


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Served]:
    """A process with the budgets of a salon."""
    with serving.alone(tmp_path, SALONOS_OBJECTS_PER_SECOND=str(RATE)) as made:
        yield made


@pytest.fixture
def open_handed(tmp_path: Path) -> Iterator[Served]:
    """A process that lets everybody have what they ask for."""
    with serving.alone(tmp_path, SALONOS_OBJECTS_PER_SECOND="1000000000") as made:
        yield made


async def test_g24_others_sell_while_one_client_asks_for_all_it_can_get(guarded: Served) -> None:
    took, attack = await day_under_attack(guarded, sales=SALES, until_refused=True)

    p99_s = took[len(took) * 99 // 100]
    print(f"\np50 {took[len(took) // 2]:.3f} s, p99 {p99_s:.3f} s, worst {took[-1]:.3f} s; {attack}")  # noqa: T201  the figures
    assert len(took) == TILLS * SALES
    assert set(attack.statuses) <= {200, 429, 503}
    assert attack.statuses[429] > 0
    assert attack.sockets_refused > 0
    had = attack.expensive * (EXPENSIVE_OBJECTS + REQUEST_COST)
    assert had <= RATE * (BURST_S + attack.took_s + 1) + EXPENSIVE_OBJECTS
    assert "Traceback" not in guarded.written()
    if IS_PROVING:
        assert p99_s < P99_S


async def test_g24_without_budgets_nobody_is_refused(open_handed: Served) -> None:
    _, attack = await day_under_attack(open_handed, sales=1)

    assert attack.statuses[429] == 0
