"""Guesses are counted where nothing is forgotten: in PostgreSQL, whatever becomes of Redis between two of them."""

import asyncio
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import pytest
from redis import Redis

from salonos.kernel.database import plain_url
from tests import servers
from tests.faults import served as serving

SIGN_IN = "mutation($input: SignInInput!) { signIn(input: $input) { __typename } }"
WRONG = {"username": "manager", "password": "not the password"}


@pytest.fixture
def emptied() -> Iterator[Redis]:
    """A number of this test's own of the run's server, that it may empty."""
    redis = Redis.from_url(os.environ[servers.REDIS], db=11)
    yield redis
    redis.flushdb()
    redis.close()


def guesses(served: serving.Served, between: Callable[[], object]) -> list[str]:
    """How twelve wrong passwords are answered, one after the other: the last waits for a minute, however slow we are."""
    answers = []
    for _ in range(12):
        answers.append(served.ask(SIGN_IN, {"input": WRONG}).json()["data"]["signIn"]["__typename"])
        between()
    return answers


def test_an_emptied_redis_forgets_no_guess(tmp_path: Path, emptied: Redis) -> None:
    with serving.alone(tmp_path, REDIS_URL=f"{os.environ[servers.REDIS]}?db=11") as served:
        answers = guesses(served, emptied.flushdb)

    assert answers[:5] == ["WrongCredentials"] * 5
    assert answers[-1] == "TooManyAttempts"


def test_an_emptied_table_forgets_them(tmp_path: Path, emptied: Redis) -> None:
    async def empty(url: str) -> None:
        connection = await asyncpg.connect(plain_url(url))
        await connection.execute("delete from sign_in_attempts")
        await connection.close()

    with serving.alone(tmp_path, REDIS_URL=f"{os.environ[servers.REDIS]}?db=11") as served:
        answers = guesses(served, lambda: asyncio.run(empty(served.url)))

    assert answers == ["WrongCredentials"] * 12
