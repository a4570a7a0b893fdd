"""How long a refused sign-in takes says nothing about the username. With `make prove`: five hundred of each kind."""

import dataclasses
import os
import time
from math import erfc, sqrt

import pytest

from salonos.identity.problems import WrongCredentials
from tests.identity.makers import STRANGER, House

EACH = 500 if os.environ.get("SALONOS_PROVE") else 30
SURE = 0.05 if os.environ.get("SALONOS_PROVE") else 0.001
"""Thirty in a suite that runs beside others only find what is plain to see."""


def mann_whitney_p(first: list[float], second: list[float]) -> float:
    """The probability that two samples of one distribution differ at least so much; normal approximation, no ties."""
    ranked = sorted([(value, 0) for value in first] + [(value, 1) for value in second])
    ranks = sum(place for place, (_, group) in enumerate(ranked, start=1) if group == 0)
    n, m = len(first), len(second)
    u = ranks - n * (n + 1) / 2
    return erfc(abs(u - n * m / 2) / sqrt(n * m * (n + m + 1) / 12) / sqrt(2))


def test_the_statistic_tells_different_samples_apart() -> None:
    assert mann_whitney_p([1.0, 3.0, 5.0, 7.0], [2.0, 4.0, 6.0, 8.0]) > 0.5
    assert mann_whitney_p([float(n) for n in range(30)], [float(n) + 0.5 for n in range(20, 50)]) < 1e-6


async def test_known_and_unknown_usernames_take_equally_long(house: House) -> None:
    await house.database.pool.execute(
        """
        insert into staff (id, display_name, display_name_key, username, username_key, password_hash, role_id,
                           all_branches, is_service_provider, created_at)
        select gen_random_uuid(), 'x', 'x', 'known' || n, 'known' || n, password_hash, role_id, true, false, now()
        from staff, generate_series(1, $1) as n where username = 'owner'
        """,
        EACH,
    )
    taken: dict[str, list[float]] = {"known": [], "other": []}

    async def measure(kind: str, number: int) -> None:
        device = dataclasses.replace(STRANGER, address=f"{kind}{number}")
        started = time.perf_counter()
        with pytest.raises(WrongCredentials):
            await house.sign_in(f"{kind}{number}", "a wrong password", device)
        taken[kind].append(time.perf_counter() - started)

    await measure("other", 0)
    taken["other"].clear()
    for number in range(1, EACH + 1):
        for kind in ("known", "other") if number % 2 else ("other", "known"):
            await measure(kind, number)

    assert mann_whitney_p(taken["known"], taken["other"]) > SURE
