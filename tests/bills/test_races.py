"""Two tills at once, half a rolled-back day, the turn of the financial year, a process that dies (G2, G3, G4)."""

import asyncio
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

from salonos.bills import commands
from salonos.bills.commands import NewRefund
from salonos.bills.problems import BillAlreadyPosted, CashLimitExceeded
from salonos.bills.rules import Tender
from salonos.kernel.database import Database
from salonos.kernel.problems import StaleVersion
from salonos.kernel.work import FAILPOINT, Work
from tests.bills.makers import ADDRESS, CARD, CASH, NOW, ON_ACCOUNT, SYSTEM, UPI, Shop, book_balance, make_shop
from tests.bills.test_books import DIFFERENCES
from tests.customers.makers import make_customer
from tests.salon.makers import make_branch

ATTEMPTS = 15_000 if "SALONOS_PROVE" in os.environ else 500
ROUNDS = 200 if "SALONOS_PROVE" in os.environ else 10
AT_ONCE, ROLLED_BACK_OF_TEN = 4, 3
MIDNIGHT = datetime(2027, 3, 31, 18, 30, tzinfo=UTC)
BEFORE_MIDNIGHT = datetime(2027, 3, 31, 18, 29, 59, 999_000, tzinfo=UTC)
BOOKS_ARE_WRONG = """
    select (select count(*) from bills where status = 'POSTED' and not exists
               (select from entries where entries.id = entry_id and cause_id = bills.id))
         + (select count(*) from (select 1 from entry_lines group by entry_id having sum(amount_paise) <> 0) as unbalanced)
         + (select count(*) from entries where cause_kind = 'bill' and not exists
               (select from bills where bills.id = cause_id))
"""
"""Posted bills without their entry, entries that do not balance, entries without their bill."""

DIES = """
import asyncio, sys
from uuid import UUID
from salonos.bills import commands
from salonos.kernel.actor import Actor
from salonos.kernel.database import Database
from salonos.bills.commands import NewLine, NewSale
from salonos.bills.rules import Tender
from salonos.accounting.rules import PaymentMethod

async def sell(url, branch_id, service_id):
    database = await Database.open(url, pool_size=1)
    sale = NewSale(branch_id=UUID(branch_id), lines=(NewLine(service_id=UUID(service_id)),),
                   payments=(Tender(PaymentMethod.CASH, 78_800),))
    await database.run(Actor.system(), lambda work: commands.check_out(work, sale))

asyncio.run(sell(*sys.argv[1:]))
"""


async def outcome(shop: Shop, bill_id: UUID, *, is_payment: bool) -> str:
    """Pays or posts a draft, and the name of what came of it."""

    async def command(work: Work) -> None:
        if is_payment:
            await commands.add_payment(work, bill_id, Tender(UPI, 178_700), expected_version=1)
        else:
            await commands.post_bill(work, bill_id, expected_version=1)

    try:
        await shop.database.run(SYSTEM, command, now=NOW)
    except (BillAlreadyPosted, StaleVersion) as problem:
        return type(problem).__name__
    return "DONE"


async def test_two_tills_that_pay_one_draft_are_paid_once(database: Database) -> None:
    shop = await make_shop(database)
    for _ in range(10):
        bill_id = await shop.create_bill()

        outcomes = await asyncio.gather(*(outcome(shop, bill_id, is_payment=True) for _ in range(4)))

        assert Counter(outcomes) == {"DONE": 1, "BillAlreadyPosted": 3}
    assert await database.pool.fetchval("select count(*) from payments") == 10
    assert (await book_balance(database, "1020"), await book_balance(database, "2200")) == (1_787_000, 0)


async def test_a_draft_that_is_paid_and_posted_at_once_is_posted_once(database: Database) -> None:
    shop = await make_shop(database)
    for _ in range(10):
        bill_id = await shop.create_bill(customer_id=shop.customer_id)

        outcomes = await asyncio.gather(*(outcome(shop, bill_id, is_payment=place % 2 == 0) for place in range(4)))

        assert outcomes.count("DONE") == 1
    assert await database.pool.fetchval("select count(distinct number) from bills") == 10
    assert await database.pool.fetchval(BOOKS_ARE_WRONG) == 0


async def test_all_that_can_happen_to_a_bill_at_once_happens_in_some_order(database: Database) -> None:
    shop = await make_shop(database)
    outcomes: Counter[str] = Counter()

    for _ in range(ROUNDS):
        bill_id = await shop.check_out((UPI, 100_000), (ON_ACCOUNT, 78_700), customer_id=shop.customer_id)
        ended = await asyncio.gather(*(shop.database.run(SYSTEM, each, now=NOW) for each in await afterwards(shop, bill_id)),
                                     return_exceptions=True)  # fmt: skip
        outcomes.update(type(each).__name__ for each in ended)
        assert await database.pool.fetchval(DIFFERENCES) == "{}"

    assert set(outcomes) <= {"UUID", "list", "StaleVersion", "NothingOwed", "TooLateToVoid", "NothingLeftToRefund",
                             "InvalidInput"}, outcomes  # fmt: skip
    assert outcomes["UUID"] + outcomes["list"] >= ROUNDS
    notes = "select count(*) from bills where kind = 'CREDIT_NOTE' group by original_id having count(*) > 1"
    assert await database.pool.fetchval(notes) is None


async def afterwards(shop: Shop, bill_id: UUID) -> list[Callable[[Work], Awaitable[object]]]:
    """All that may happen to a posted bill on which something is owed, twice each."""
    payment_id = (await shop.row("payments", bill_id))["id"]
    refund = NewRefund(bill_id=bill_id, reason="x", method=UPI)
    debt = {"branch_id": shop.branch_id, "customer_id": shop.customer_id, "tender": Tender(UPI, 78_700)}
    return [
        lambda work: commands.refund_bill(work, refund),
        lambda work: commands.void_bill(work, bill_id, reason="x", expected_version=1),
        lambda work: commands.collect_balance(work, **debt),
        lambda work: commands.write_off_balance(work, bill_id, reason="x", expected_version=1),
        lambda work: commands.correct_payment(work, payment_id, method=CARD, reference=None),
    ] * 2


async def test_racing_tills_leave_no_gap_and_no_bill_without_its_entry(database: Database) -> None:
    shop = await make_shop(database)
    sale = shop.sale((UPI, 178_700), customer_id=shop.customer_id)
    gate = asyncio.Semaphore(AT_ONCE)

    async def attempt(place: int) -> None:
        async def command(work: Work) -> None:
            await commands.check_out(work, sale)
            if place % 10 < ROLLED_BACK_OF_TEN:
                raise LookupError

        async with gate:
            try:
                await database.run(SYSTEM, command)
            except LookupError:
                return

    await asyncio.gather(*map(attempt, range(ATTEMPTS)))

    rows = await database.pool.fetch("select number, posted_at, business_date from bills order by number")
    sold = ATTEMPTS * (10 - ROLLED_BACK_OF_TEN) // 10
    assert [int(row["number"][-5:]) for row in rows] == list(range(1, sold + 1))
    assert [row["business_date"] for row in rows] == sorted(row["business_date"] for row in rows)
    assert all(len(row["number"]) <= 16 for row in rows)
    assert await database.pool.fetchval(BOOKS_ARE_WRONG) == 0
    assert await book_balance(database, "1020") == sold * 178_700
    assert await database.pool.fetchval("select count(*) from outbox_events") == 2 * sold


async def test_two_tills_do_not_both_take_the_last_lawful_cash(database: Database) -> None:
    shop = await make_shop(database)
    lines = (replace(shop.serum, quantity_milli=100_100),)
    sale = shop.sale((CASH, 10_000_000), lines=lines, customer_id=shop.customer_id)

    async def sell() -> bool:
        try:
            await database.run(SYSTEM, lambda work: commands.check_out(work, sale), now=NOW)
        except CashLimitExceeded:
            return False
        return True

    assert sorted(await asyncio.gather(*(sell() for _ in range(4)))) == [False, False, False, True]
    assert await database.pool.fetchval("select max(number) from bills") == "BLR1/2627/00001"


async def test_two_branches_and_two_drafts_do_not_both_take_the_last_lawful_cash(database: Database) -> None:
    shop = await make_shop(database)
    branches = (shop.branch_id, await make_branch(database, "MYS1"))
    lines = (replace(shop.serum, quantity_milli=100_100),)

    async def is_taken(command: Callable[[Work], Awaitable[object]]) -> bool:
        try:
            await database.run(SYSTEM, command, now=NOW)
        except CashLimitExceeded:
            return False
        return True

    def sells(branch_id: UUID, customer_id: UUID) -> Callable[[Work], Awaitable[object]]:
        sale = shop.sale((CASH, 10_000_000), lines=lines, branch_id=branch_id, customer_id=customer_id)
        return lambda work: commands.check_out(work, sale)

    def pays(bill_id: UUID) -> Callable[[Work], Awaitable[object]]:
        return lambda work: commands.add_payment(work, bill_id, Tender(CASH, 10_000_000), expected_version=1)

    for _ in range(ROUNDS):
        buyer, payer = [await make_customer(database, phone=None, address=ADDRESS) for _ in range(2)]
        bought = await asyncio.gather(*(is_taken(sells(each, buyer)) for each in branches))
        drafts = [await shop.create_bill(lines=lines, customer_id=payer) for _ in range(2)]
        paid = await asyncio.gather(*(is_taken(pays(each)) for each in drafts))
        assert (sorted(bought), sorted(paid)) == ([False, True], [False, True])


async def test_the_numbers_begin_anew_at_midnight_of_the_financial_year(database: Database) -> None:
    shop = await make_shop(database)

    bills = [await shop.check_out((CASH, 178_700), now=now) for now in (BEFORE_MIDNIGHT, MIDNIGHT, MIDNIGHT)]

    found = [await shop.row("bills", bill_id) for bill_id in bills]
    assert [(bill["number"], bill["business_date"].isoformat()) for bill in found] == [
        ("BLR1/2627/00001", "2027-03-31"),
        ("BLR1/2728/00001", "2027-04-01"),
        ("BLR1/2728/00002", "2027-04-01"),
    ]


async def test_fifty_tills_race_over_the_turn_of_the_year(database: Database) -> None:
    shop = await make_shop(database)

    bills = await asyncio.gather(
        *(shop.check_out((UPI, 178_700), now=(BEFORE_MIDNIGHT, MIDNIGHT)[place % 2]) for place in range(50))
    )

    found = [await shop.row("bills", bill_id) for bill_id in bills]
    assert sorted((bill["number"], bill["business_date"].isoformat()) for bill in found) == [
        *((f"BLR1/2627/{place:05d}", "2027-03-31") for place in range(1, 26)),
        *((f"BLR1/2728/{place:05d}", "2027-04-01") for place in range(1, 26)),
    ]


async def test_a_till_that_dies_leaves_a_whole_sale_or_nothing(database: Database) -> None:
    shop = await make_shop(database)
    given = [sys.executable, "-c", DIES, database.url, str(shop.branch_id), str(shop.catalog.service_id)]

    for point, sold in (("before_commit", 0), ("after_commit", 1), (None, 2)):
        environment = {**os.environ, **({FAILPOINT: point} if point else {})}
        ended = await asyncio.to_thread(subprocess.run, given, env=environment, check=False)
        assert ended.returncode == (137 if point else 0)
        assert await database.pool.fetchval("select count(*) from bills") == sold
        assert await database.pool.fetchval(BOOKS_ARE_WRONG) == 0
    assert await database.pool.fetchval("select max(number) from bills") == await database.pool.fetchval(
        "select max(text) from drawn_numbers"
    )
