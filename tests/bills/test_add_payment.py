"""Money on a bill is kept whatever happens, and the payment that completes a draft posts it."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import pytest

from salonos.accounting.problems import PeriodClosed
from salonos.accounting.rules import PaymentMethod
from salonos.bills import commands
from salonos.bills.commands import NewTip, TakenPayment
from salonos.bills.problems import BillAlreadyPosted, CashLimitExceeded, PaymentsExceedTotal
from salonos.bills.rules import Tender
from salonos.kernel.database import Database
from salonos.kernel.problems import InvalidInput, StaleVersion
from salonos.salon import commands as salon
from salonos.salon.problems import ClockBehind, NumberSeriesExhausted
from salonos.salon.rules import DocumentKind
from tests.bills.makers import CARD, CASH, NOW, ON_ACCOUNT, SYSTEM, TODAY, UPI, Shop, book_balance, make_shop

TOMORROW = datetime(2026, 11, 24, 6, 30, tzinfo=UTC)


async def pay(
    shop: Shop, bill_id: UUID, method: PaymentMethod, amount: int, *, version: int = 1, now: datetime = NOW
) -> TakenPayment:
    """Takes a payment."""
    tender = Tender(method, amount)
    return await shop.database.run(
        SYSTEM, lambda work: commands.add_payment(work, bill_id, tender, expected_version=version), now=now
    )


async def test_money_on_a_draft_is_an_advance(database: Database) -> None:
    shop = await make_shop(database)
    bill_id = await shop.create_bill()

    taken = await pay(shop, bill_id, UPI, 78_700)

    bill = await shop.row("bills", bill_id)
    assert (bill["status"], bill["paid_paise"], bill["payment_state"], bill["version"]) == (
        "DRAFT",
        78_700,
        "PARTLY_PAID",
        2,
    )
    assert taken == TakenPayment((await shop.row("payments", bill_id))["id"])
    assert (await book_balance(database, "1020"), await book_balance(database, "2200")) == (78_700, -78_700)


async def test_the_payment_that_completes_a_draft_posts_it(database: Database) -> None:
    shop = await make_shop(database)
    bill_id = await shop.create_bill(tips=(NewTip(shop.staff_ids[0], 5000),))
    await pay(shop, bill_id, UPI, 83_700)

    taken = await pay(shop, bill_id, CASH, 120_000, version=2)

    bill = await shop.row("bills", bill_id)
    assert taken.not_posted == ()
    assert (bill["status"], bill["number"], bill["payment_state"], bill["version"]) == (
        "POSTED",
        "BLR1/2627/00001",
        "PAID",
        3,
    )
    assert await shop.entry(bill_id) == [
        ("1000", 100_000), ("2200", 83_700), ("4000", -75_000), ("4010", -84_662),
        ("2100", -9494), ("2101", -9494), ("2300", -5000), ("4900", -50),
    ]  # fmt: skip
    assert await book_balance(database, "2200") == 0
    assert [row["change_paise"] for row in await shop.rows("payments", bill_id)] == [None, 20_000]


async def test_a_draft_is_posted_on_the_date_of_its_last_payment(database: Database) -> None:
    shop = await make_shop(database)
    bill_id = await shop.create_bill()

    await pay(shop, bill_id, UPI, 178_700, now=TOMORROW)

    bill = await shop.row("bills", bill_id)
    assert (bill["business_date"], bill["created_at"], bill["posted_at"]) == (date(2026, 11, 24), NOW, TOMORROW)


async def test_the_money_is_kept_when_the_rates_moved(database: Database) -> None:
    shop = await make_shop(database)
    bill_id = await shop.create_bill()
    await shop.change_rate(1800, since=date(2026, 11, 24))

    taken = await pay(shop, bill_id, UPI, 178_700, now=TOMORROW)

    bill = await shop.row("bills", bill_id)
    assert (bill["status"], bill["paid_paise"], bill["payment_state"], bill["version"]) == ("DRAFT", 178_700, "PAID", 2)
    assert [(type(problem), vars(problem)["current_version"]) for problem in taken.not_posted] == [(StaleVersion, 2)]
    assert await book_balance(database, "2200") == -178_700
    assert await database.pool.fetchval("select count(*) from drawn_numbers") == 0


async def test_the_money_is_kept_when_the_clock_ran_backwards(database: Database) -> None:
    shop = await make_shop(database)
    await shop.check_out((CASH, 178_700), now=TOMORROW)
    bill_id = await shop.create_bill()

    taken = await pay(shop, bill_id, UPI, 178_700)

    assert [type(problem) for problem in taken.not_posted] == [ClockBehind]
    assert (await shop.row("bills", bill_id))["paid_paise"] == 178_700
    assert await book_balance(database, "2200") == -178_700


async def test_a_posting_that_failed_burns_no_number(database: Database) -> None:
    shop = await make_shop(database)
    await configure(shop, digits=1)
    for _ in range(9):
        await shop.check_out((UPI, 178_700))
    bill_id = await shop.create_bill()

    taken = await pay(shop, bill_id, UPI, 178_700)
    await configure(shop, digits=5)
    await database.run(SYSTEM, lambda work: commands.post_bill(work, bill_id, expected_version=2), now=NOW)

    assert [type(problem) for problem in taken.not_posted] == [NumberSeriesExhausted]
    bill = await shop.row("bills", bill_id)
    assert (bill["number"], bill["payment_state"]) == ("BLR1/2627/00010", "PAID")
    assert await book_balance(database, "2200") == 0
    entries = await database.pool.fetch("select number from entries order by number")
    assert [row["number"] for row in entries] == list(range(1, 12))


async def configure(shop: Shop, *, digits: int) -> None:
    """Gives the branch's invoices so many digits."""
    pattern = "{branch}/{year}/"
    await shop.database.run(
        SYSTEM,
        lambda work: salon.configure_number_series(
            work, shop.branch_id, DocumentKind.TAX_INVOICE, pattern=pattern, digits=digits
        ),
    )


async def test_a_balance_due_is_collected_from_the_customer(database: Database) -> None:
    shop = await make_shop(database)
    bill_id = await shop.check_out((ON_ACCOUNT, 178_700), customer_id=shop.customer_id)

    first = await pay(shop, bill_id, CARD, 100_000)
    await pay(shop, bill_id, CASH, 100_000, version=2, now=TOMORROW)

    bill = await shop.row("bills", bill_id)
    assert first.not_posted == ()
    assert (bill["status"], bill["balance_due_paise"], bill["payment_state"], bill["version"]) == (
        "POSTED",
        0,
        "PAID",
        3,
    )
    assert (bill["business_date"], bill["number"]) == (TODAY, "BLR1/2627/00001")
    assert (await book_balance(database, "1100"), await book_balance(database, "1000")) == (0, 78_700)


async def test_more_than_what_is_due_is_kept_of_nobody(database: Database) -> None:
    shop = await make_shop(database)
    bill_id = await shop.create_bill()

    with pytest.raises(PaymentsExceedTotal) as raised:
        await pay(shop, bill_id, UPI, 178_701)

    assert (raised.value.due, raised.value.offered) == (178_700, 178_701)
    assert await shop.rows("payments", bill_id) == []


async def test_a_paid_bill_takes_no_more(database: Database) -> None:
    shop = await make_shop(database)
    bill_id = await shop.check_out((CASH, 178_700))

    with pytest.raises(BillAlreadyPosted):
        await pay(shop, bill_id, CASH, 100)


async def test_who_saw_an_older_bill_is_told(database: Database) -> None:
    shop = await make_shop(database)
    bill_id = await shop.create_bill()
    await pay(shop, bill_id, UPI, 100)

    with pytest.raises(StaleVersion) as raised:
        await pay(shop, bill_id, UPI, 100)

    assert raised.value.current_version == 2


@pytest.mark.parametrize(
    ("method", "amount", "path"), [(ON_ACCOUNT, 100, ("payment", "method")), (CASH, 0, ("payment", "amount"))]
)
async def test_what_is_no_money_is_refused(database: Database, method: Any, amount: int, path: tuple[str, ...]) -> None:
    shop = await make_shop(database)
    bill_id = await shop.create_bill()

    with pytest.raises(InvalidInput) as raised:
        await pay(shop, bill_id, method, amount)

    assert [issue.path for issue in raised.value.issues] == [path]


async def test_cash_for_one_bill_is_counted_over_all_days(database: Database) -> None:
    shop = await make_shop(database)
    bill_id = await shop.create_bill(lines=(replace(shop.serum, quantity_milli=300_000),))
    await pay(shop, bill_id, CASH, 19_999_900)

    with pytest.raises(CashLimitExceeded) as raised:
        await pay(shop, bill_id, CASH, 100, version=2, now=TOMORROW)

    assert raised.value.cash == 20_000_000


async def test_closed_books_take_no_money(database: Database) -> None:
    shop = await make_shop(database)
    bill_id = await shop.create_bill()
    await database.pool.execute(
        "insert into closed_periods (id, branch_id, closed_until) values (gen_random_uuid(), $1, '2026-11-24')",
        shop.branch_id,
    )

    with pytest.raises(PeriodClosed):
        await pay(shop, bill_id, CASH, 178_700)

    assert (await shop.row("bills", bill_id))["paid_paise"] == 0
