"""Days in numbers through the schema: who reads what, one statement each, amounts to the paisa."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import timedelta
from typing import Any

import orjson
import pytest

from salonos.accounting.rules import PaymentMethod
from salonos.bills.commands import NewLine
from salonos.bills.rules import Tender
from salonos.graph import live
from salonos.graph.context import RequestFacts
from salonos.graph.errors import Rejected
from salonos.kernel.actor import Actor
from salonos.kernel.database import Database
from salonos.kernel.permissions import Permission
from tests.closing.asker import Asker, branch_text, somebody
from tests.closing.makers import DAY, NOON, Shop, open_shop
from tests.closing.test_summarise_day import busy_day, summarise
from tests.statements import Statements

OWNER = somebody("OWNER")

SUMMARY = """
query ($branch: ID!, $date: Date!) {
  daySummary(branchId: $branch, date: $date) {
    branch { code } date billCount newCustomerCount returningCustomerCount isFinal generatedAt
    grossTotal discountTotal salesTotal refundTotal netTotal taxTotal tipTotal collectedTotal debtCollectedTotal
    taxByRate { rate taxable cgst sgst igst }
    paymentTotals { method amount }
    topServices { position service { name } quantity amount }
    staffSales { position staff { displayName } lineCount amount }
  }
}
"""
DASHBOARD = """
query ($branch: ID, $date: Date) {
  dashboard(branchId: $branch, date: $date) {
    date billCount customerCount
    salesTotal refundTotal netTotal taxTotal collectedTotal cashTotal upiTotal cardTotal averageBill
    topServices { service { name } quantity amount } byHour { hour billCount salesTotal }
  }
}
"""


@pytest.fixture
async def shop(database: Database) -> Shop:
    found = await open_shop(database)
    await busy_day(found)
    return found


@pytest.fixture
def ask(shop: Shop) -> Asker:
    return Asker(shop.database)


def day_of(shop: Shop, **more: Any) -> dict[str, Any]:
    return {"branch": branch_text(shop.branch_id), "date": DAY.isoformat(), **more}


async def test_a_summary_as_the_owner_reads_it(shop: Shop, ask: Asker, statements: Statements) -> None:
    await summarise(shop)
    variables = day_of(shop)
    await ask.data(OWNER, SUMMARY, **variables)

    with statements.counted() as asked:
        found = (await ask.data(OWNER, SUMMARY, **variables))["daySummary"]

    assert len(asked) == 1
    assert found == {
        "branch": {"code": "BLR1"},
        "date": "2026-11-20",
        "billCount": 3,
        "newCustomerCount": 1,
        "returningCustomerCount": 1,
        "isFinal": False,
        "generatedAt": "2026-11-20T16:15:00.000000Z",
        "grossTotal": "4732.50",
        "discountTotal": "0.00",
        "salesTotal": "4870.00",
        "refundTotal": "0.00",
        "netTotal": "4870.00",
        "taxTotal": "441.50",
        "tipTotal": "50.00",
        "collectedTotal": "5120.00",
        "debtCollectedTotal": "200.00",
        "taxByRate": [
            {"rate": "5", "taxable": "2734.50", "cgst": "68.36", "sgst": "68.36", "igst": "0.00"},
            {"rate": "18", "taxable": "1693.22", "cgst": "152.39", "sgst": "152.39", "igst": "0.00"},
        ],
        "paymentTotals": [
            {"method": "BANK_TRANSFER", "amount": "200.00"},
            {"method": "CARD", "amount": "788.00"},
            {"method": "CASH", "amount": "1000.00"},
            {"method": "UPI", "amount": "3132.00"},
        ],
        "topServices": [
            {"position": 1, "service": {"name": "Haircut"}, "quantity": "2.000", "amount": "1500.00"},
            {"position": 2, "service": {"name": "Facial"}, "quantity": "1.000", "amount": "1234.50"},
        ],
        "staffSales": [
            {"position": 1, "staff": {"displayName": "Staff"}, "lineCount": 1, "amount": "1693.22"},
            {"position": 2, "staff": {"displayName": "Staff"}, "lineCount": 2, "amount": "1500.00"},
        ],
    }


async def test_there_is_no_summary_before_it_was_made_and_none_out_of_reach(shop: Shop, ask: Asker) -> None:
    elsewhere = somebody("MANAGER", shop.house.branch_ids[1])
    text = "query ($branch: ID!, $date: Date!) { daySummary(branchId: $branch, date: $date) { billCount } }"
    before = await ask.data(OWNER, text, **day_of(shop))
    await summarise(shop)

    assert before == {"daySummary": None}
    assert await ask.data(OWNER, text, **day_of(shop)) == {"daySummary": {"billCount": 3}}
    assert await ask.data(elsewhere, text, **day_of(shop)) == {"daySummary": None}
    both = somebody("MANAGER", *shop.house.branch_ids)
    assert await ask.data(both, text, **day_of(shop)) == {"daySummary": {"billCount": 3}}


async def test_a_summary_is_refused_to_the_reception_and_to_staff(shop: Shop, ask: Asker) -> None:
    for role in ("RECEPTIONIST", "STAFF"):
        data, refused = await ask.denied(somebody(role), SUMMARY, **day_of(shop))
        assert (data, refused) == ({"daySummary": None}, {"Query.daySummary"})


async def test_a_summary_without_the_right_to_amounts_tells_counts_only(shop: Shop, ask: Asker) -> None:
    await summarise(shop)
    actor = somebody("MANAGER", without=Permission.REVENUE_READ)

    data, refused = await ask.denied(actor, SUMMARY, **day_of(shop))

    found = data["daySummary"]
    assert {name for name, value in found.items() if value is None} == {
        "grossTotal",
        "discountTotal",
        "salesTotal",
        "refundTotal",
        "netTotal",
        "taxTotal",
        "tipTotal",
        "collectedTotal",
        "debtCollectedTotal",
        "topServices",
        "staffSales",
    }
    assert [each["amount"] for each in found["paymentTotals"]] == [None] * 4
    assert found["billCount"] == 3
    assert {"DaySummary.topServices", "PaymentTotal.amount", "TaxTotal.cgst"} <= refused


async def test_the_dashboard_of_a_branch(shop: Shop, ask: Asker, statements: Statements) -> None:
    variables = day_of(shop)
    await ask.data(OWNER, DASHBOARD, **variables)

    with statements.counted() as asked:
        found = (await ask.data(OWNER, DASHBOARD, **variables))["dashboard"]

    assert len(asked) == 1
    assert found == {
        "date": "2026-11-20",
        "billCount": 3,
        "customerCount": 2,
        "salesTotal": "4870.00",
        "refundTotal": "0.00",
        "netTotal": "4870.00",
        "taxTotal": "441.50",
        "collectedTotal": "5120.00",
        "cashTotal": "1000.00",
        "upiTotal": "3132.00",
        "cardTotal": "788.00",
        "averageBill": "1623.33",
        "topServices": [
            {"service": {"name": "Haircut"}, "quantity": "2.000", "amount": "1500.00"},
            {"service": {"name": "Facial"}, "quantity": "1.000", "amount": "1234.50"},
        ],
        "byHour": [{"hour": 12, "billCount": 3, "salesTotal": "4870.00"}],
    }


async def test_dashboard_and_summary_agree(shop: Shop, ask: Asker) -> None:
    await summarise(shop)
    names = "billCount salesTotal refundTotal netTotal taxTotal collectedTotal"
    text = f"""query ($branch: ID!, $date: Date!) {{
      dashboard(branchId: $branch, date: $date) {{ {names} }} daySummary(branchId: $branch, date: $date) {{ {names} }} }}"""

    data = await ask.data(OWNER, text, **day_of(shop))

    assert data["dashboard"] == data["daySummary"]


async def test_the_dashboard_of_all_branches_within_reach(shop: Shop, ask: Asker) -> None:
    text = "query ($date: Date, $branch: ID) { dashboard(date: $date, branchId: $branch) { billCount salesTotal } }"
    first, second = shop.house.branch_ids
    date = DAY.isoformat()

    everything = await ask.data(OWNER, text, date=date)
    one = await ask.data(somebody("MANAGER", second), text, date=date)
    both = await ask.data(somebody("MANAGER", first, second), text, date=date)
    foreign = await ask.data(somebody("MANAGER", second), text, date=date, branch=branch_text(first))

    assert everything == both == {"dashboard": {"billCount": 4, "salesTotal": "6166.00"}}
    assert one == {"dashboard": {"billCount": 1, "salesTotal": "1296.00"}}
    assert foreign == {"dashboard": None}


async def test_a_day_without_bills_is_a_dashboard_of_zeros(shop: Shop, ask: Asker) -> None:
    found = (await ask.data(OWNER, DASHBOARD, **day_of(shop, date="2026-10-01")))["dashboard"]

    assert (found["billCount"], found["salesTotal"], found["averageBill"]) == (0, "0.00", None)
    assert (found["topServices"], found["byHour"]) == ([], [])


async def test_the_date_left_out_is_today_in_the_branch(shop: Shop, ask: Asker) -> None:
    shop.database.set_clock = NOON + timedelta(hours=11, minutes=59)
    text = "query ($branch: ID) { dashboard(branchId: $branch) { date billCount } }"
    late = await ask.data(OWNER, text, branch=branch_text(shop.branch_id))
    shop.database.set_clock = NOON + timedelta(hours=12)
    midnight = await ask.data(OWNER, text, branch=branch_text(shop.branch_id))

    assert late == {"dashboard": {"date": "2026-11-20", "billCount": 3}}
    assert midnight == {"dashboard": {"date": "2026-11-21", "billCount": 0}}


async def test_the_reception_sees_counts_and_no_amounts(shop: Shop, ask: Asker) -> None:
    data, refused = await ask.denied(somebody("RECEPTIONIST"), DASHBOARD, **day_of(shop))

    found = data["dashboard"]
    assert (found["billCount"], found["customerCount"], found["salesTotal"]) == (3, 2, None)
    assert [each["quantity"] for each in found["topServices"]] == ["2.000", "1.000"]
    assert [each["amount"] for each in found["topServices"]] == [None, None]
    assert {"Dashboard.salesTotal", "ServiceSales.amount", "HourSales.salesTotal"} <= refused


async def test_staff_have_no_dashboard(shop: Shop, ask: Asker) -> None:
    data, refused = await ask.denied(somebody("STAFF"), DASHBOARD, **day_of(shop))

    assert (data, refused) == ({"dashboard": None}, {"Query.dashboard"})


LIVE = "subscription ($branch: ID) { dashboardChanged(branchId: $branch) { billCount salesTotal } }"
FACTS = RequestFacts(id="test")


async def test_the_dashboard_comes_at_once_and_again_after_a_sale_of_its_branch(shop: Shop, ask: Asker) -> None:
    shop.database.set_clock = NOON
    first, second = shop.house.branch_ids

    async with aclosing(ask.engine.subscribe(OWNER, FACTS, LIVE, None, {"branch": branch_text(first)})) as stream:
        after_a_sale = at_once = orjson.loads(await asyncio.wait_for(anext(stream), 10))
        await shop.sell(NewLine(service_id=shop.facial_id), branch=1, due_paise=129_600)
        await shop.sell(NewLine(service_id=shop.haircut_id), due_paise=78_800)
        while after_a_sale == at_once:  # the sales before it may be heard of late, and change nothing
            after_a_sale = orjson.loads(await asyncio.wait_for(anext(stream), 10))
    await ask.engine.live.stop()

    assert second != first
    assert at_once == {"data": {"dashboardChanged": {"billCount": 3, "salesTotal": "4870.00"}}}
    assert after_a_sale == {"data": {"dashboardChanged": {"billCount": 4, "salesTotal": "5658.00"}}}


COUNTED = "subscription ($branch: ID) { dashboardChanged(branchId: $branch) { date billCount } }"
NEXT_NOON = NOON + timedelta(days=1)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures that wait for nothing."""
    monkeypatch.setattr(live, "CHANGES_EVERY_S", 0.0)


async def heard_by_the_reception(shop: Shop, ask: Asker) -> tuple[Any, Any]:
    """What the first branch's reception hears next, when another day has a sale at the second and then one at the first.

    Without `branchId`; and with the second branch's, where silence is None.
    """
    first, second = shop.house.branch_ids
    reception = somebody("RECEPTIONIST", first)
    asked = [(OWNER, {}), (reception, {}), (reception, {"branch": branch_text(second)})]
    shop.database.set_clock = NOON
    streams = [ask.engine.subscribe(who, FACTS, COUNTED, None, variables) for who, variables in asked]
    at_once = [orjson.loads(await asyncio.wait_for(anext(each), 10)) for each in streams]
    assert at_once == [told_of("2026-11-20", 4), told_of("2026-11-20", 3), {"data": {"dashboardChanged": None}}]
    await shop.sell(NewLine(service_id=shop.haircut_id), due_paise=78_800)
    await until(streams[0], told_of("2026-11-20", 5))  # what was before is heard of
    await until(streams[1], told_of("2026-11-20", 4))
    shop.database.set_clock = NEXT_NOON
    own, foreign = [asyncio.ensure_future(anext(each)) for each in streams[1:]]
    await shop.sell(NewLine(service_id=shop.facial_id), branch=1, due_paise=129_600, now=NEXT_NOON)
    await until(streams[0], told_of("2026-11-21", 1))
    await shop.sell(NewLine(service_id=shop.haircut_id), due_paise=78_800, now=NEXT_NOON)
    await until(streams[0], told_of("2026-11-21", 2))
    heard = orjson.loads(await asyncio.wait_for(own, 10)), orjson.loads(foreign.result()) if foreign.done() else None
    await ask.engine.live.stop()
    foreign.cancel()
    await asyncio.wait([foreign])
    for each in streams:
        await each.aclose()
    return heard


async def until(stream: AsyncGenerator[bytes, None], expected: Any) -> None:
    """Reads on until an answer comes."""
    while orjson.loads(await asyncio.wait_for(anext(stream), 10)) != expected:
        pass


def told_of(day: str, bill_count: int) -> Any:
    """An answer of COUNTED."""
    return {"data": {"dashboardChanged": {"date": day, "billCount": bill_count}}}


@pytest.mark.usefixtures("quick")
async def test_the_dashboard_is_silent_about_other_branches(shop: Shop, ask: Asker) -> None:
    assert await heard_by_the_reception(shop, ask) == (told_of("2026-11-21", 1), None)


class Forgotten:
    """An attribute that nothing is kept in."""

    def __get__(self, *_: object) -> None:
        return None

    def __set__(self, *_: object) -> None:
        return None


@pytest.mark.usefixtures("quick")
async def test_the_proof_of_silence_fails_when_reach_is_forgotten(
    shop: Shop, ask: Asker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Actor, "reaches", lambda *_: True)

    assert await heard_by_the_reception(shop, ask) == (told_of("2026-11-21", 0), None)


@pytest.mark.usefixtures("quick")
async def test_the_proof_of_silence_fails_when_what_was_sent_is_forgotten_too(
    shop: Shop, ask: Asker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Actor, "reaches", lambda *_: True)
    monkeypatch.setattr(live.Subscriber, "figures", Forgotten())

    assert await heard_by_the_reception(shop, ask) == (told_of("2026-11-21", 0), {"data": {"dashboardChanged": None}})


async def heard_around_a_payment(shop: Shop, ask: Asker) -> Any:
    """What somebody who only counts bills hears next: after money for an old bill, and then a sale."""
    shop.database.set_clock = NOON
    bill_id = await shop.sell(
        NewLine(service_id=shop.haircut_id),
        customer_id=shop.customer_ids[0],
        by=PaymentMethod.ON_ACCOUNT,
        due_paise=78_800,
    )
    texts = ("subscription { dashboardChanged { collectedTotal } }", COUNTED)
    amounts, counts = [ask.engine.subscribe(OWNER, FACTS, text, None, {}) for text in texts]
    before = orjson.loads(await asyncio.wait_for(anext(amounts), 10))
    assert orjson.loads(await asyncio.wait_for(anext(counts), 10)) == told_of("2026-11-20", 5)
    heard, after = asyncio.ensure_future(anext(counts)), before
    await shop.collect(bill_id, Tender(PaymentMethod.CASH, 78_800), version=1, now=NOON)
    while after == before:
        after = orjson.loads(await asyncio.wait_for(anext(amounts), 10))
    await shop.sell(NewLine(service_id=shop.facial_id), due_paise=129_600)
    found = orjson.loads(await asyncio.wait_for(heard, 10))
    await ask.engine.live.stop()
    for each in (amounts, counts):
        await each.aclose()
    return found


@pytest.mark.usefixtures("quick")
async def test_figures_that_stayed_the_same_are_not_sent_again(shop: Shop, ask: Asker) -> None:
    assert await heard_around_a_payment(shop, ask) == told_of("2026-11-20", 6)


@pytest.mark.usefixtures("quick")
async def test_the_proof_of_figures_fails_when_what_was_sent_is_forgotten(
    shop: Shop, ask: Asker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live.Subscriber, "figures", Forgotten())

    assert await heard_around_a_payment(shop, ask) == told_of("2026-11-20", 5)


async def test_who_may_not_read_the_dashboard_can_not_subscribe_to_it(ask: Asker) -> None:
    async with aclosing(ask.engine.subscribe(somebody("STAFF"), FACTS, LIVE, None, {})) as stream:
        with pytest.raises(Rejected):
            await anext(stream)
    await ask.engine.live.stop()
