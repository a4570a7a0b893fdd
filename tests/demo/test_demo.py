"""The demo salon: made by commands, the same for the same seed, up to now, finished after an interruption."""

import asyncio
import os
import sys
from collections import Counter
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from salonos.accounting.rules import PaymentMethod
from salonos.catalog.rules import DatedRate, rate_on
from salonos.demo import building, make, people, trade, wares
from salonos.demo.trade import Debt, Size, Visit
from salonos.identity import commands as identity
from salonos.kernel import crypto
from salonos.kernel.actor import Reach
from salonos.kernel.clock import parse_instant
from salonos.kernel.database import Database
from salonos.kernel.problems import InvalidInput
from salonos.salon.rules import gstin_is_valid
from tests.conftest import SECRET
from tests.inventory.consuming import MISMATCHED
from tests.inventory.makers import DRIFT
from tests.salon import makers as salon

UNTIL = parse_instant("2026-11-22T18:40:00+05:30")
SMALL, SEED = Size(days=3, guests=12, pace=0.2), 35
"""Few bills, with a debt among them that is brought."""

PASSWORD = "nine purple umbrellas"
TABLET = identity.Device(id="tablet-0123456789abcdef", name="Front desk", address="10.0.0.5", program="tablet/1")


def quiet(_: str) -> None:
    """Says nothing."""


async def furnish(database: Database, password: str | None = PASSWORD, **more: Any) -> Any:
    return await make.furnish(database, password=password, say=quiet, size=SMALL, seed=SEED, **{"now": UNTIL, **more})


def full_plans(until: datetime = UNTIL, seed: int = make.SEED) -> list[list[trade.Happening]]:
    guests = people.guests(300, seed=seed, born_before=until.date())
    return [trade.plan(branch, guests, seed=seed, until=until, size=Size()) for branch in (0, 1)]


# --- the plan


@pytest.mark.parametrize("seed", [1, 2, make.SEED])
@pytest.mark.parametrize("month", [1, 6, 11])
def test_sixty_days_are_a_thousand_bills_and_never_more_than_fifteen_hundred(seed: int, month: int) -> None:
    plans = full_plans(UNTIL.replace(month=month), seed)

    assert 850 < sum(isinstance(each, Visit) for plan in plans for each in plan) <= sum(trade.BILLS_MAX) == 1500


def test_the_plan_is_in_order_reaches_today_and_never_the_future() -> None:
    for plan in full_plans():
        instants = [each.at for each in plan]
        visits = [each.at for each in plan if isinstance(each, Visit)]
        assert instants == sorted(instants)
        assert len(set(visits)) == len(visits)
        assert UNTIL - timedelta(hours=9) < instants[-1] <= UNTIL
        assert instants[0] < UNTIL - timedelta(days=59)


def test_the_same_seed_makes_the_same_salon() -> None:
    assert full_plans() == full_plans()
    assert full_plans() != full_plans(seed=1)


def test_what_is_handed_over_settles_what_is_due_and_debts_are_brought() -> None:
    plans = [each for plan in full_plans() for each in plan]
    owed = {visit.at: visit.owed_paise for visit in plans if isinstance(visit, Visit) and visit.owed_paise}
    brought = {debt.of: debt.tender.amount_paise for debt in plans if isinstance(debt, Debt)}

    assert brought
    assert brought.items() <= owed.items()
    methods = Counter(tender.method for each in plans if isinstance(each, Visit) for tender in each.tenders)
    assert set(methods) == {PaymentMethod.CASH, PaymentMethod.UPI, PaymentMethod.CARD, PaymentMethod.ON_ACCOUNT}


def test_the_wares_carry_lawful_codes_and_rates() -> None:
    def rate(product: str, day: date) -> int | None:
        (found,) = (each for each in wares.PRODUCTS if each.sku == product)
        dated = rate_on([DatedRate(*each) for each in found.tax_class.rates], day)
        return None if dated is None else dated.rate_hundredths

    assert (len(wares.SERVICES), len({each.name for each in wares.SERVICES})) == (60, 60)
    assert (len(wares.PRODUCTS), len({each.sku for each in wares.PRODUCTS})) == (40, 40)
    assert {each.sac_code for each in wares.SERVICES} == {"999721", "999722", "999723", "999729"}
    assert {"3304", "3305", "3307", "3401", "9615"} <= {each.hsn_code[:4] for each in wares.PRODUCTS}
    before, after = wares.REFORM - timedelta(days=1), wares.REFORM
    assert [rate("SHM-ARG-250", day) for day in (before, after)] == [1800, 500]
    assert [rate("SER-ARG-100", day) for day in (before, after)] == [1800, 1800]
    assert [rate("CMB-TAI-001", day) for day in (before, after)] == [1200, 500]


def test_three_hundred_customers_have_names_of_their_own_some_in_their_own_script() -> None:
    guests = people.guests(300, seed=make.SEED, born_before=date(2026, 9, 1))

    assert len({each.name for each in guests}) == len({each.phone for each in guests}) == 300
    scripts = Counter(min(max(ord(letter) for letter in each.name) // 0x80, 99) for each in guests)
    assert scripts[0] > 250
    assert scripts[ord("ಅ") // 0x80] >= 10
    assert scripts[ord("अ") // 0x80] >= 10


def test_the_gstin_is_karnatakas_and_nobodys() -> None:
    assert gstin_is_valid(building.gstin())
    assert building.gstin().startswith("29")


# --- the making


async def test_the_demo_is_made_by_commands_up_to_now(database: Database) -> None:
    sign_ins = await furnish(database)

    assert sign_ins == [(name, PASSWORD) for name in ("owner", "manager", "receptionist", "stylist", "accountant")]
    counts = await database.pool.fetchrow(
        """select (select count(*) from services) as services, (select count(*) from products) as products,
                  (select count(*) from staff) as staff, (select count(*) from customers) as customers,
                  (select count(*) from bills where status = 'DRAFT') as drafts,
                  (select max(posted_at) from bills) as last,
                  (select sum(amount_paise) from entry_lines) as balance"""
    )
    assert counts is not None
    assert tuple(counts)[:5] == (60, 40, 8, 12, 2)
    assert UNTIL - timedelta(days=1) < counts["last"] <= UNTIL
    assert counts["balance"] == 0
    branches = await database.pool.fetch("select code, gstin from branches order by code")
    assert [tuple(row) for row in branches] == [("BLR", building.gstin()), ("MYS", building.gstin())]


async def test_the_demos_shelves_agree_with_their_moves_and_books_and_some_are_low(database: Database) -> None:
    await furnish(database)

    low = await database.pool.fetch("select count(*) filter (where is_low) as low from stock_levels group by branch_id")
    kinds = {row["kind"] for row in await database.pool.fetch("select distinct kind from stock_moves")}
    soon = "select count(*) from stock_batches where quantity_milli > 0 and expires_on < '2026-12-20'"
    assert [row["low"] for row in low] == [8, 8]
    assert kinds == {"RECEIVE", "SALE", "CONSUMPTION"}
    assert await database.pool.fetchval(soon) == 6
    assert await database.pool.fetchval(DRIFT, None) == 0
    assert await database.pool.fetchval(MISMATCHED) == 0


async def test_every_past_evening_of_the_demo_has_its_summary_and_the_worker_finds_nothing_to_do(
    database: Database,
) -> None:
    await furnish(database)

    found = await database.pool.fetch(
        "select business_date, count(*) as branches, sum(bill_count) as bills from day_summaries group by 1 order by 1"
    )
    posted = await database.pool.fetchval(
        "select count(*) from bills where status = 'POSTED' and business_date < '2026-11-22'"
    )
    assert [row["business_date"].day for row in found if row["business_date"].day >= 19] == [19, 20, 21]
    assert sum(row["bills"] for row in found) == posted
    assert await database.pool.fetchval("select count(*) from period_runs where done_at is null") == 0
    relayed = """select (relayed_xid, relayed_id) = (last.xid, last.id) from event_stream,
                 (select xid, id from outbox_events order by xid desc, id desc limit 1) as last"""
    assert await database.pool.fetchval(relayed)


async def test_its_people_may_sign_in_with_their_own_rights(database: Database) -> None:
    await furnish(database)

    reaches = {}
    for name in people.USERNAMES:
        signed_in = await identity.sign_in(database, username=name, password=PASSWORD, device=TABLET)
        reaches[name] = (signed_in.actor.access.reach, len(signed_in.actor.branch_ids))

    assert reaches == {
        "owner": (Reach.ALL, 0),
        "manager": (Reach.BRANCHES, 2),
        "receptionist": (Reach.BRANCHES, 2),
        "stylist": (Reach.ONE_BRANCH, 1),
        "accountant": (Reach.ALL, 0),
    }


async def test_a_generated_password_is_shown_until_it_was_used(database: Database) -> None:
    first = await furnish(database, None)
    second = await furnish(database, None)
    await identity.sign_in(database, username="owner", password=second[0][1], device=TABLET)
    third = await furnish(database, None)

    assert [len(first), len(second), len(third)] == [5, 5, 0]
    assert first != second


async def test_a_password_that_others_would_try_first_stops_the_demo_before_it_begins(database: Database) -> None:
    for weak in ("password", "owner123", "short"):
        with pytest.raises(InvalidInput):
            await furnish(database, weak)

    assert await database.pool.fetchval("select count(*) from salons") == 0


async def test_a_salon_of_somebodys_own_is_left_alone(database: Database) -> None:
    await salon.make_salon(database)

    assert await furnish(database) == ()
    assert await database.pool.fetchval("select count(*) from services") == 0


async def test_a_finished_demo_is_left_alone(database: Database) -> None:
    await furnish(database)
    before = await database.pool.fetchval("select count(*) from bills")

    assert await furnish(database, now=UNTIL + timedelta(days=3)) == ()
    assert await database.pool.fetchval("select count(*) from bills") == before


async def test_of_two_that_make_the_demo_at_once_one_gives_way(database: Database, database_url: str) -> None:
    other = await Database.open(database_url, pool_size=2)

    both = list(await asyncio.gather(furnish(database), furnish(other), return_exceptions=True))
    await other.close()

    refused, made = sorted(both, key=lambda each: isinstance(each, list))
    assert isinstance(refused, RuntimeError)
    assert isinstance(made, list)
    assert len(made) == 5
    assert await database.pool.fetchval("select count(*) from customers") == 12


async def test_what_was_owed_is_brought_within_the_demo(database: Database) -> None:
    await furnish(database)

    found = await database.pool.fetch(
        "select payment_state, (select count(*) from payments where bill_id = bills.id) as payments from bills"
        " where exists (select from payments where bill_id = bills.id and payments.business_date > bills.business_date)"
    )
    assert [tuple(row) for row in found] == [("PAID", 2)]


KILLED = """
import asyncio, os, sys
from salonos.kernel import crypto
from salonos.kernel.database import Database
from salonos.demo import building
from tests.conftest import SECRET
from tests.demo.test_demo import furnish

async def main():
    crypto.configure(crypto.Keyring(SECRET))
    stage, number = sys.argv[2], int(sys.argv[3])
    step = building.Builder.step

    async def fatal(self, name, place, command, **given):
        async def dying(work):
            await command(work)
            if (name, place) == (stage, number):
                await work.session.flush()
                os._exit(137)
        await step(self, name, place, dying, **given)

    building.Builder.step = fatal
    await furnish(await Database.open(sys.argv[1]))

asyncio.run(main())
"""


async def kill_at(url: str, stage: str, number: int) -> int:
    environment = os.environ | {"PYTHONPATH": str(Path.cwd())}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", KILLED, url, stage, str(number), env=environment
    )
    return await process.wait()


async def story(database: Database) -> list[tuple[Any, ...]]:
    rows = await database.pool.fetch(
        "select number, posted_at, total_paise, paid_paise from bills order by number, total_paise"
    )
    return [tuple(row) for row in rows]


async def test_a_demo_killed_at_any_stage_is_finished_as_if_nothing_had_happened(
    database: Database, database_url: str
) -> None:
    crypto.configure(crypto.Keyring(SECRET))
    ends = [await kill_at(database_url, *at) for at in (("salon", 0), ("guests", 5), ("bills BLR", 4), ("sign-ins", 0))]

    sign_ins = await furnish(database, now=UNTIL + timedelta(days=1))

    assert ends == [137] * 4
    assert len(sign_ins) == 5
    guests = people.guests(SMALL.guests, seed=SEED, born_before=UNTIL.date() - timedelta(days=SMALL.days))
    plans = [trade.plan(branch, guests, seed=SEED, until=UNTIL, size=SMALL) for branch in (0, 1)]
    expected = sorted(each.at for plan in plans for each in plan if isinstance(each, Visit))
    found = await story(database)
    assert sorted(row[1] for row in found if row[1]) == expected
    assert len(found) == len(expected) + 2
