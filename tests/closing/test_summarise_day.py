"""A day's summary: the figures a pencil would find, stored once, announced once, repainted by refreshes."""

import asyncio
from datetime import date, timedelta
from uuid import UUID

import pytest

from salonos.accounting.rules import PaymentMethod
from salonos.bills import commands as bills
from salonos.bills.commands import NewLine, NewRefund, NewTip
from salonos.bills.rules import Tender
from salonos.closing import commands, rules
from salonos.kernel import due
from salonos.kernel.database import Database
from salonos.kernel.problems import Forbidden, InvalidInput
from salonos.kernel.work import Work
from tests.closing.makers import DAY, NOON, SYSTEM, Shop, open_shop, reckon, rows
from tests.worker.relaying import relay_all
from worker.main import DAILY, LISTENERS
from worker.relay import Relay

EVENING = NOON + timedelta(hours=9.75)


@pytest.fixture
async def shop(database: Database) -> Shop:
    return await open_shop(database)


async def summarise(shop: Shop, day: date = DAY, *, branch: int = 0, hours: float = 9.75) -> UUID:
    branch_id = shop.house.branch_ids[branch]
    return await shop.database.run(
        SYSTEM, lambda work: commands.summarise_day(work, branch_id, day), now=NOON + timedelta(hours=hours)
    )


async def busy_day(shop: Shop) -> None:
    """Every kind of bill: a debt of the day before, mixed rates, tips, two payments, another branch, a nameless guest."""
    haircut, facial = (
        NewLine(service_id=shop.haircut_id, staff_id=shop.staff_ids[0]),
        NewLine(service_id=shop.facial_id),
    )
    serum = NewLine(product_id=shop.serum_id, staff_id=shop.staff_ids[1], quantity_milli=2000)
    asha, ravi = shop.customer_ids
    owed = (Tender(PaymentMethod.CASH, 50_000), Tender(PaymentMethod.ON_ACCOUNT, 28_800))
    debt = await shop.sell(haircut, customer_id=asha, payments=owed, now=NOON - timedelta(days=1))
    mixed = (Tender(PaymentMethod.CASH, 100_000), Tender(PaymentMethod.UPI, 183_600))
    tip = (NewTip(shop.staff_ids[0], 5_000),)
    await shop.sell(haircut, serum, customer_id=ravi, payments=mixed, tips=tip)
    await shop.sell(haircut, customer_id=asha, by=PaymentMethod.CARD, due_paise=78_800)
    await shop.sell(facial, by=PaymentMethod.UPI, due_paise=129_600)
    await shop.sell(facial, branch=1, by=PaymentMethod.UPI, due_paise=129_600)
    await shop.collect(debt, Tender(PaymentMethod.BANK_TRANSFER, 20_000), version=1, now=NOON)


async def give_back(shop: Shop, bill_id: UUID) -> None:
    """All of a bill."""
    refund = NewRefund(bill_id=bill_id, reason="Not what she wanted", method=PaymentMethod.CASH)
    await shop.database.run(SYSTEM, lambda work: bills.refund_bill(work, refund), now=NOON)


async def test_the_figures_are_those_of_an_independent_reckoning(shop: Shop) -> None:
    haircut = NewLine(service_id=shop.haircut_id, staff_id=shop.staff_ids[0])
    old = await shop.sell(haircut, by=PaymentMethod.UPI, due_paise=78_800, now=NOON - timedelta(days=2))
    await busy_day(shop)
    for bill_id in (old, await shop.sell(haircut, by=PaymentMethod.UPI, due_paise=78_800)):
        await give_back(shop, bill_id)

    summary_id = await summarise(shop)

    (stored,) = await rows(shop.database, "day_summaries")
    expected = await reckon(shop.database, shop.branch_id, DAY)
    assert {name: stored[name] for name in expected.figures} == expected.figures
    assert (stored["id"], stored["business_date"], stored["is_final"]) == (summary_id, DAY, False)
    payments = await rows(shop.database, "day_payment_totals")
    assert {row["method"]: row["amount_paise"] for row in payments} == expected.payments
    taxes = await rows(shop.database, "day_tax_totals")
    names = ("taxable_paise", "cgst_paise", "sgst_paise", "igst_paise")
    assert {row["rate_hundredths"]: [row[name] for name in names] for row in taxes} == expected.taxes
    services = await rows(shop.database, "day_service_sales")
    assert {r["service_id"]: [r["quantity_milli"], r["amount_paise"]] for r in services} == expected.services
    staff = await rows(shop.database, "day_staff_sales")
    assert {row["staff_id"]: [row["line_count"], row["amount_paise"]] for row in staff} == expected.staff


async def test_the_figures_of_a_known_day(shop: Shop) -> None:
    await busy_day(shop)

    await summarise(shop)

    (stored,) = await rows(shop.database, "day_summaries")
    assert stored["bill_count"] == 3
    assert stored["sales_paise"] == 278_600 + 78_800 + 129_600
    assert stored["gross_paise"] == 75_000 + 199_800 + 75_000 + 123_450
    assert stored["tip_paise"] == 5_000
    assert stored["collected_paise"] == 283_600 + 78_800 + 129_600 + 20_000
    assert stored["debt_collected_paise"] == 20_000
    assert (stored["new_customer_count"], stored["returning_customer_count"]) == (1, 1)


async def test_a_day_without_a_bill_has_a_summary_of_zeros(shop: Shop) -> None:
    await summarise(shop)

    (stored,) = await rows(shop.database, "day_summaries")
    assert {value for name, value in stored.items() if name.endswith(("_paise", "_count"))} == {0}
    assert await rows(shop.database, "day_payment_totals") == []


async def test_a_second_summary_is_a_refresh_and_announces_nothing(shop: Shop) -> None:
    first = await summarise(shop)
    await busy_day(shop)

    second = await summarise(shop, hours=10)

    announced = await shop.database.pool.fetchval("select count(*) from outbox_events where kind = 'DaySummarised'")
    (stored,) = await rows(shop.database, "day_summaries")
    assert (first, announced, stored["bill_count"]) == (second, 1, 3)


async def test_a_summary_brings_the_seven_days_before_up_to_date(shop: Shop) -> None:
    for back in (8, 7, 1):
        await summarise(shop, DAY - timedelta(days=back), hours=-back * 24 + 9.75)
    for back in (8, 7, 1):
        when = NOON - timedelta(days=back)
        await shop.sell(NewLine(service_id=shop.haircut_id), now=when, due_paise=78_800, branch=0)

    await summarise(shop)

    found = await shop.database.pool.fetch("select bill_count, is_final from day_summaries order by business_date")
    assert [tuple(row) for row in found] == [(0, True), (1, True), (1, True), (0, False)]


async def test_a_refresh_of_a_day_without_a_summary_makes_none(shop: Shop) -> None:
    refreshed = await shop.database.run(SYSTEM, lambda work: commands.refresh_day(work, shop.branch_id, DAY), now=NOON)

    assert refreshed is None
    assert await rows(shop.database, "day_summaries") == []


async def test_a_bill_after_the_summary_is_in_it_once_the_worker_heard_of_it(shop: Shop) -> None:
    await summarise(shop)
    await shop.sell(NewLine(service_id=shop.haircut_id), due_paise=78_800, now=NOON + timedelta(hours=10))

    await relay_all(Relay(shop.database, dict(LISTENERS)))

    (stored,) = await rows(shop.database, "day_summaries")
    assert (stored["bill_count"], stored["sales_paise"]) == (1, 78_800)
    assert {row["status"] for row in await rows(shop.database, "jobs")} == {"DONE"}


async def test_the_worker_summarises_each_branch_and_day_once_and_makes_it_final_after_midnight(shop: Shop) -> None:
    await busy_day(shop)
    for hours in (9.7, 9.75, 9.8, 12.1, 12.2):
        await due.tick(shop.database, DAILY, now=NOON + timedelta(hours=hours))

    found = await shop.database.pool.fetch(
        "select business_date, bill_count, is_final from day_summaries where branch_id = $1 order by business_date desc limit 2",
        shop.branch_id,
    )
    announced = await shop.database.pool.fetchval("select count(*) from outbox_events where kind = 'DaySummarised'")
    assert [tuple(row) for row in found] == [(DAY, 3, True), (DAY - timedelta(days=1), 1, True)]
    assert announced == 2 * 20


async def test_a_summary_is_for_those_who_may_close_the_day(shop: Shop) -> None:
    await shop.house.take_on("RECEPTIONIST", "nina")
    await shop.house.take_on("MANAGER", "mona")
    nina, mona = await shop.house.actor("nina"), await shop.house.actor("mona")

    async def elsewhere(work: Work) -> None:
        await commands.summarise_day(work, shop.house.branch_ids[1], DAY)

    with pytest.raises(Forbidden):
        await shop.database.run(nina, elsewhere)
    with pytest.raises(InvalidInput):
        await shop.database.run(mona, elsewhere)
    assert await rows(shop.database, "day_summaries") == []


async def test_a_branch_that_does_not_exist_has_no_days(shop: Shop) -> None:
    with pytest.raises(InvalidInput):
        await shop.database.run(SYSTEM, lambda work: commands.summarise_day(work, UUID(int=404), DAY))


def test_a_day_is_final_when_it_is_over_in_its_zone() -> None:
    ends = NOON + timedelta(hours=12)
    assert not rules.is_final(DAY, zone_name="Asia/Kolkata", now=ends - timedelta(microseconds=1))
    assert rules.is_final(DAY, zone_name="Asia/Kolkata", now=ends)
    assert [day.day for day in rules.refreshed_days(DAY)] == [13, 14, 15, 16, 17, 18, 19]


async def test_refreshes_at_once_follow_one_another(shop: Shop, database_url: str) -> None:
    await busy_day(shop)
    await summarise(shop)
    other = await Database.open(database_url, pool_size=4)

    async def refresh(one: Database) -> UUID | None:
        return await one.run(SYSTEM, lambda work: commands.refresh_day(work, shop.branch_id, DAY), now=EVENING)

    refreshed = await asyncio.gather(*(refresh(one) for one in (shop.database, other) * 4))
    await other.close()

    (stored,) = await rows(shop.database, "day_summaries")
    assert refreshed == [stored["id"]] * 8
    assert (stored["bill_count"], stored["generated_at"]) == (3, EVENING)
    assert len(await rows(shop.database, "day_payment_totals")) == 4
