"""What a person may ask for: taken at once, paid by time, shared by the processes, and kept without Redis."""

from collections.abc import AsyncIterator
from uuid import UUID

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisAway

from salonos.edge import budget as budgets
from salonos.edge.app import make_graph
from salonos.edge.budget import Budget
from salonos.graph.context import RequestFacts
from salonos.graph.execute import MUTATION_COST, REQUEST_COST, Engine, Status
from salonos.graph.limits import Guard
from salonos.kernel.actor import NOBODY, Actor, Reach, access
from salonos.kernel.database import Database
from salonos.kernel.ids import new_id
from salonos.kernel.problems import TooMany
from tests.bills.makers import actor_as

ADDRESS = "192.0.2.1"
GRAPH = make_graph()
FACTS = RequestFacts(id="test", address=ADDRESS)
MADE = "fragment f on CreateCustomerResult { ... on CreateCustomerSuccess { customer { id } } }"


def person(number: int) -> Actor:
    return Actor(UUID(int=number), access(frozenset(), frozenset(), Reach.ALL))


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator["Redis"]:
    made = Redis.from_url(redis_url)
    yield made
    await made.aclose()


def test_ten_seconds_worth_may_be_asked_for_at_once_and_then_only_what_time_pays() -> None:
    budget = Budget(100)
    for _ in range(10):
        budget.charge(person(1), ADDRESS, 100)

    with pytest.raises(TooMany) as refused:
        budget.charge(person(1), ADDRESS, 1)
    assert refused.value.extensions == {"code": "TOO_MANY_REQUESTS", "retryAfter": 1}

    budget.pay(0.5)
    budget.charge(person(1), ADDRESS, 1)


def test_a_large_operation_is_let_in_and_leaves_a_debt() -> None:
    budget = Budget(100)
    budget.charge(person(1), ADDRESS, 20_000)

    with pytest.raises(TooMany) as refused:
        budget.charge(person(1), ADDRESS, 1)
    assert refused.value.extensions["retryAfter"] == 191


def test_others_at_the_same_address_are_not_refused() -> None:
    budget = Budget(100)
    budget.charge(person(1), ADDRESS, 1_000)
    budget.charge(NOBODY, ADDRESS, 1_000)

    budget.charge(person(2), ADDRESS, 1)
    budget.charge(NOBODY, "192.0.2.2", 1)
    with pytest.raises(TooMany):
        budget.charge(NOBODY, ADDRESS, 1)


def test_who_owes_nothing_is_forgotten_and_of_too_many_the_largest_debts_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budgets, "DEBTORS_MAX", 2)
    budget = Budget(100)
    for number in range(1, 5):
        budget.charge(person(number), ADDRESS, number * 100)

    budget.pay(1)

    assert budget.debts == {3: 200.0, 4: 300.0}


@pytest.mark.parametrize("names", [1, 29])
async def test_each_transaction_of_an_operation_is_charged(database: Database, names: int) -> None:
    budget, owner = Budget(20_000), actor_as("OWNER")
    engine = Engine(GRAPH, database, limits=Guard(GRAPH.core), budget=budget)
    created = " ".join(f"a{n}: createCustomer(input: $i) {{ ...f }}" for n in range(names))
    text = f"mutation($i: CreateCustomerInput!) {{ {created} a0: createCustomer(input: $i) {{ ...f }} }} {MADE}"
    variables = {"i": {"name": "Asha Rao"}}
    await engine.answer(owner, FACTS, text, None, variables)
    owed = budget.debts[owner.id.int]

    answer = await engine.answer(owner, FACTS, text, None, variables)

    assert answer.status is Status.ANSWERED
    assert await database.pool.fetchval("select count(*) from customers") == 2 * names
    objects = 2 * (names + 1)
    assert budget.debts[owner.id.int] - owed == objects + REQUEST_COST + names * MUTATION_COST


async def test_what_was_asked_of_one_process_is_known_to_the_other(redis: "Redis") -> None:
    one, other, actor = Budget(100), Budget(100), Actor(new_id(), person(1).access)
    one.charge(actor, ADDRESS, 900)
    other.charge(actor, ADDRESS, 200)

    await one.share(redis)
    await other.share(redis)

    with pytest.raises(TooMany):
        other.charge(actor, ADDRESS, 1)
    one.charge(actor, ADDRESS, 1)
    await one.share(redis)
    with pytest.raises(TooMany):
        one.charge(actor, ADDRESS, 1)


async def test_nothing_is_told_twice(redis: "Redis") -> None:
    budget, actor = Budget(1), Actor(new_id(), person(1).access)
    budget.charge(actor, ADDRESS, 5)

    for _ in range(3):
        await budget.share(redis)
        assert 4.5 < budget.debts[actor.id.int] <= 5


async def test_without_redis_the_process_s_own_figures_hold() -> None:
    away = Redis.from_url("unix:///nowhere/valkey.sock")
    budget = Budget(100)
    budget.charge(person(1), ADDRESS, 1_000)

    with pytest.raises(RedisAway):
        await budget.share(away)

    with pytest.raises(TooMany):
        budget.charge(person(1), ADDRESS, 1)
    await away.aclose()
