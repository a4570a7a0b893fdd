"""What was sold is taken back: to the paisa, once, the debt before the money, and the goods to their batches."""

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.exc import DBAPIError

from salonos.accounting import commands as accounting
from salonos.accounting.problems import PeriodClosed
from salonos.accounting.rules import PaymentMethod
from salonos.bills import commands, problems, queries, rules
from salonos.bills.commands import NewRefund, RefundedLine
from salonos.bills.rules import SoldLine, Tax, Treatment
from salonos.kernel.database import Database
from salonos.kernel.ids import id_text, new_id
from salonos.kernel.problems import Forbidden, InvalidInput
from tests.bills.asking import Asker
from tests.bills.makers import CARD, CASH, NOW, ON_ACCOUNT, SYSTEM, TODAY, UPI, Shop, actor_as, book_balance, make_shop
from tests.inventory.makers import line as received
from tests.inventory.makers import make_store

KEY = "1a2b3c4d5e6f7a8b9c0d1e2f3a4b5c6d"
REFUND = """
    mutation($input: RefundBillInput!) {
        refundBill(input: $input) {
            __typename
            ... on RefundBillSuccess {
                creditNote {
                    number kind total amountPaid creditedTotal refundReason original { number }
                    lines { description quantity total } payments { method amount }
                }
                bill { balanceDue creditNotes { number } lines { description refunded } }
            }
            ... on RefundTooMuch { left line { description } }
            ... on NothingLeftToRefund { bill { number } }
            ... on InvalidInput { issues { path code } }
        }
    }
"""


async def refund(
    shop: Shop,
    bill_id: UUID,
    *lines: tuple[UUID, int],
    method: PaymentMethod = CASH,
    restock: bool = True,
    now: datetime = NOW,
    actor: Any = SYSTEM,
) -> UUID:
    """Gives back lines of a bill, or all that is left."""
    new = NewRefund(
        bill_id=bill_id,
        reason="Not what she wanted",
        method=method,
        lines=[RefundedLine(*each) for each in lines] or None,
        restock=restock,
    )
    return await shop.database.run(actor, lambda work: commands.refund_bill(work, new), now=now)


async def line_ids(shop: Shop, bill_id: UUID) -> list[UUID]:
    return [line["id"] for line in await shop.rows("bill_lines", bill_id)]


async def test_a_line_goes_back_with_its_tax_and_the_rest_completes_the_bill(database: Database) -> None:
    shop = await make_shop(database)
    bill_id = await shop.check_out((CASH, 178_700))
    haircut_id, serum_id = await line_ids(shop, bill_id)

    first = await refund(shop, bill_id, (serum_id, 1000), method=UPI)
    rest = await refund(shop, bill_id, (haircut_id, 1000))

    assert await shop.entry(first) == [
        ("1020", -99_900),
        ("4010", 84_662),
        ("2100", 7_619),
        ("2101", 7_619),
    ]
    assert await shop.entry(rest) == [
        ("1000", -78_800),
        ("4000", 75_000),
        ("2100", 1_875),
        ("2101", 1_875),
        ("4900", 50),
    ]
    note = await shop.row("bills", first)
    assert (note["number"], note["kind"], note["total_paise"], note["round_off_paise"]) == (
        "BLR1C/2627/00001",
        "CREDIT_NOTE",
        99_900,
        0,
    )
    assert (note["original_id"], note["refund_reason"], note["business_date"]) == (
        bill_id,
        "Not what she wanted",
        TODAY,
    )
    register = await database.pool.fetch(
        "select document_number, code, taxable_paise, cgst_paise from tax_register where document_id = $1", first
    )
    assert [tuple(row) for row in register] == [("BLR1C/2627/00001", "33059090", 84_662, 7_619)]
    moves = await database.pool.fetch(
        "select direction, method, amount_paise from money_moves where direction = 'OUT' order by amount_paise"
    )
    assert [tuple(row) for row in moves] == [("OUT", "CASH", 78_800), ("OUT", "UPI", 99_900)]


async def test_what_is_owed_is_lowered_before_money_goes_back(database: Database) -> None:
    shop = await make_shop(database)
    bill_id = await shop.check_out((UPI, 100_000), (ON_ACCOUNT, 78_700), customer_id=shop.customer_id)
    haircut_id, serum_id = await line_ids(shop, bill_id)

    on_debt = await refund(shop, bill_id, (haircut_id, 500), method=ON_ACCOUNT)
    rest = await refund(shop, bill_id, (haircut_id, 500), (serum_id, 1000), method=UPI)

    assert dict(await shop.entry(on_debt))["1100"] == -39_400
    assert {code: paise for code, paise in await shop.entry(rest) if code < "2"} == {"1100": -39_300, "1020": -100_000}
    bill = await shop.row("bills", bill_id)
    assert (bill["credited_paise"], bill["balance_due_paise"], bill["payment_state"]) == (78_700, 0, "PAID")
    assert await book_balance(database, "1100") == 0


async def test_a_debt_that_a_note_lowered_is_paid_with_the_rest(database: Database) -> None:
    shop = await make_shop(database)
    bill_id = await shop.check_out((UPI, 100_000), (ON_ACCOUNT, 78_700), customer_id=shop.customer_id)
    haircut_id, _ = await line_ids(shop, bill_id)
    await refund(shop, bill_id, (haircut_id, 500), method=ON_ACCOUNT)

    with pytest.raises(problems.PaymentsExceedTotal):
        await pay(shop, bill_id, 78_700)
    await pay(shop, bill_id, 39_300)

    bill = await shop.row("bills", bill_id)
    assert (bill["balance_due_paise"], bill["payment_state"]) == (0, "PAID")


async def pay(shop: Shop, bill_id: UUID, paise: int) -> None:
    tender = rules.Tender(CARD, paise)
    await shop.database.run(
        SYSTEM, lambda work: commands.add_payment(work, bill_id, tender, expected_version=2), now=NOW
    )


async def test_money_that_goes_back_needs_a_way_and_tips_stay(database: Database) -> None:
    shop = await make_shop(database)
    tip = commands.NewTip(amount_paise=5_000, staff_id=shop.staff_ids[0])
    bill_id = await shop.check_out((UPI, 183_700), tips=(tip,))

    with pytest.raises(InvalidInput) as raised:
        await refund(shop, bill_id, method=ON_ACCOUNT)
    note_id = await refund(shop, bill_id, method=UPI)

    assert [issue.code for issue in raised.value.issues] == ["NO_MONEY"]
    assert (await shop.row("bills", note_id))["paid_paise"] == 178_700
    assert await book_balance(database, "2300") == -5_000


async def test_goods_go_back_to_their_batches_unless_they_are_spoilt(database: Database) -> None:
    store = await make_store(database)
    await store.receive(received(store.serum_id, 2000, 100_00, batch="A"))
    serum = replace(store.shop.serum, quantity_milli=2000)
    bill_id = await store.shop.check_out((UPI, 278_600), lines=(store.shop.haircut, serum))
    _, serum_line = await line_ids(store.shop, bill_id)

    await refund(store.shop, bill_id, (serum_line, 500), restock=False)
    assert await store.level(store.serum_id) == (0, 0)
    note_id = await refund(store.shop, bill_id, (serum_line, 1500))

    assert await store.batches(store.serum_id) == [("A", 1500)]
    assert await store.level(store.serum_id) == (1500, 150_00)
    assert {code: paise for code, paise in await store.shop.entry(note_id) if code in ("1200", "5000")} == {
        "1200": 150_00,
        "5000": -150_00,
    }
    assert await store.drift() == 0


async def test_two_tills_give_a_bill_back_once(database: Database) -> None:
    shop = await make_shop(database)
    for _ in range(10):
        bill_id = await shop.check_out((CASH, 178_700))
        _, serum_id = await line_ids(shop, bill_id)

        whole, parts = [refund(shop, bill_id) for _ in range(2)], [refund(shop, bill_id, (serum_id, 700))] * 1
        outcomes = await asyncio.gather(*whole, *parts, return_exceptions=True)

        names = Counter(type(each).__name__ for each in outcomes)
        assert names["UUID"] in (1, 2), names
        assert set(names) <= {"UUID", "NothingLeftToRefund", "RefundTooMuch"}
        given = await database.pool.fetchval("select sum(total_paise) from bills where original_id = $1", bill_id)
        assert given == 178_700
    assert await book_balance(database, "1000") == 0
    numbers = await database.pool.fetch("select number from bills where kind = 'CREDIT_NOTE' order by number")
    assert [int(row["number"][-5:]) for row in numbers] == list(range(1, len(numbers) + 1))


async def test_a_note_that_comes_too_late_gives_back_the_money_and_no_tax(database: Database) -> None:
    shop = await make_shop(database)
    bill_id = await shop.check_out((UPI, 178_700))

    note_id = await refund(shop, bill_id, method=UPI, now=datetime(2027, 12, 1, 6, 0, tzinfo=UTC))

    note = await shop.row("bills", note_id)
    assert (note["total_paise"], note["taxable_paise"], note["cgst_paise"]) == (178_700, 178_650, 0)
    assert await database.pool.fetchval("select count(*) from tax_register where document_id = $1", note_id) == 0


@pytest.mark.parametrize(
    ("invoiced", "on", "lowers"),
    [
        (date(2026, 4, 1), date(2027, 11, 30), True),
        (date(2026, 4, 1), date(2027, 12, 1), False),
        (date(2026, 3, 31), date(2026, 11, 30), True),
        (date(2026, 3, 31), date(2026, 12, 1), False),
        (date(2026, 12, 31), date(2027, 11, 30), True),
    ],
)
def test_tax_is_lowered_until_30_november_after_the_invoices_year(*, invoiced: date, on: date, lowers: bool) -> None:
    assert rules.lowers_tax(invoiced, on) is lowers


async def test_what_can_not_go_back_is_refused(database: Database) -> None:
    shop = await make_shop(database)
    bill_id, draft_id = await shop.check_out((UPI, 178_700)), await shop.create_bill()
    haircut_id, _ = await line_ids(shop, bill_id)
    note_id = await refund(shop, bill_id, (haircut_id, 400))

    for wrong_id, lines, code in (
        (draft_id, (), "NOT_REFUNDABLE"),
        (note_id, (), "NOT_REFUNDABLE"),
        (new_id(), (), "NOT_FOUND"),
        (bill_id, ((new_id(), 1000),), "NOT_FOUND"),
        (bill_id, ((haircut_id, 0),), "OUT_OF_RANGE"),
        (bill_id, ((haircut_id, -1),), "OUT_OF_RANGE"),
        (bill_id, ((haircut_id, 1), (haircut_id, 1)), "TAKEN"),
    ):
        with pytest.raises(InvalidInput) as raised:
            await refund(shop, wrong_id, *lines)
        assert [issue.code for issue in raised.value.issues] == [code]
    with pytest.raises(problems.RefundTooMuch) as too_much:
        await refund(shop, bill_id, (haircut_id, 601))
    assert too_much.value.left == 600
    await database.run(SYSTEM, lambda work: accounting.close_period(work, shop.branch_id, until=date(2026, 11, 24)))
    with pytest.raises(PeriodClosed):
        await refund(shop, bill_id)
    assert await database.pool.fetchval("select count(*) from bills where kind = 'CREDIT_NOTE'") == 1


async def test_only_who_may_refund_does_and_only_within_reach(database: Database) -> None:
    shop = await make_shop(database)
    bill_id = await shop.check_out((UPI, 178_700))

    for role in ("RECEPTIONIST", "STAFF", "ACCOUNTANT"):
        with pytest.raises(Forbidden):
            await refund(shop, bill_id, actor=actor_as(role, shop.branch_id))
    with pytest.raises(InvalidInput) as raised:
        await refund(shop, bill_id, actor=actor_as("MANAGER", new_id()))
    assert [issue.code for issue in raised.value.issues] == ["NOT_FOUND"]
    await refund(shop, bill_id, actor=actor_as("MANAGER", shop.branch_id))


async def test_the_screen_reads_both_ways_and_a_repeated_request_gives_back_once(database: Database) -> None:
    shop = await make_shop(database)
    bill_id = await shop.check_out((UPI, 178_700))
    _, serum_id = await line_ids(shop, bill_id)
    ask = Asker(database)
    manager = actor_as("MANAGER", shop.branch_id)
    wanted = {
        "billId": id_text("bill", bill_id),
        "reason": "Allergic",
        "paymentMethod": "UPI",
        "lines": [{"lineId": id_text("line", serum_id), "quantity": "0.5"}],
    }

    first = await ask(REFUND, actor=manager, key=KEY, input=wanted)
    again = await ask(REFUND, actor=manager, key=KEY, input=wanted)
    more = await ask.data(REFUND, actor=manager, input={**wanted, "lines": [{**wanted["lines"][0], "quantity": "0.6"}]})

    assert again["data"] == first["data"]
    found = first["data"]["refundBill"]
    assert found["creditNote"] == {
        "number": "BLR1C/2627/00001",
        "kind": "CREDIT_NOTE",
        "total": "500.00",
        "amountPaid": "500.00",
        "creditedTotal": "0.00",
        "refundReason": "Allergic",
        "original": {"number": "BLR1/2627/00001"},
        "lines": [{"description": "Argan Serum", "quantity": "0.500", "total": "499.51"}],
        "payments": [{"method": "UPI", "amount": "500.00"}],
    }
    assert found["bill"]["creditNotes"] == [{"number": "BLR1C/2627/00001"}]
    assert [each["refunded"] for each in found["bill"]["lines"]] == ["0.000", "0.500"]
    assert more["refundBill"] == {
        "__typename": "RefundTooMuch",
        "left": "0.500",
        "line": {"description": "Argan Serum"},
    }


@pytest.mark.parametrize(
    "change",
    [
        "update bills set credited_paise = credited_paise + 100 where original_id is null",
        "update bills set refund_reason = 'x' where original_id is not null",
        "update bills set kind = 'CREDIT_NOTE' where original_id is null",
    ],
)
async def test_the_database_refuses_what_no_command_does(database: Database, change: str) -> None:
    shop = await make_shop(database)
    bill_id = await shop.check_out((UPI, 100_000), (ON_ACCOUNT, 78_700), customer_id=shop.customer_id)
    haircut_id, _ = await line_ids(shop, bill_id)
    await refund(shop, bill_id, (haircut_id, 500), method=ON_ACCOUNT)

    with pytest.raises((asyncpg.CheckViolationError, asyncpg.RestrictViolationError)):
        await database.pool.execute(change)


async def test_the_database_refuses_a_second_note_for_the_same_goods(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The proof of "once" does not rest on the command's own sums alone."""
    shop = await make_shop(database)
    bill_id = await shop.check_out((CASH, 178_700))
    await refund(shop, bill_id)

    async def nothing(*_: object) -> queries.GivenBack:
        return queries.GivenBack(0, 0, {})

    monkeypatch.setattr("salonos.bills.queries.given_back", nothing)
    with pytest.raises(DBAPIError, match="more than what is left"):
        await refund(shop, bill_id)
    assert await book_balance(database, "1000") == 0


AMOUNTS = st.integers(0, 5_000_000)


@given(
    price=AMOUNTS,
    quantity=st.integers(1, 9_000),
    rate=st.sampled_from([0, 500, 1200, 1800, 2800]),
    is_included=st.booleans(),
    treatment=st.sampled_from(Treatment),
    share=st.integers(0, 100),
    cuts=st.lists(st.integers(1, 3_000), max_size=8),
)
def test_however_a_line_is_cut_its_parts_are_the_line(
    *,
    price: int,
    quantity: int,
    rate: int,
    is_included: bool,
    treatment: Treatment,
    share: int,
    cuts: list[int],
) -> None:
    priced = rules.PricedLine(quantity, price, rate, is_included)
    sold = rules.figures_of([priced], discount=rules.Discount(share_hundredths=share * 100), treatment=treatment)
    (line,) = sold.lines
    left, done, parts, notes = quantity, 0, [], []
    for cut in [*cuts, quantity]:
        back = min(cut, left)
        if not back:
            break
        of = SoldLine(quantity, line.discount_paise, line.bill_discount_paise, is_included, line.tax, done)
        parts.append(of.part(back, lowers_tax=True))
        left, done = left - back, done + back
        unpaid = sold.total_paise - sum(note.total_paise for note in notes)
        notes.append(rules.note_figures([parts[-1]], left_paise=unpaid, completes=not left))

    assert [sum(values) for values in zip(*(_amounts(part) for part in parts), strict=True)] == list(_amounts(line))
    assert sum(note.total_paise for note in notes) == sold.total_paise
    assert all(min(_amounts(part)) >= 0 for part in parts)
    assert all(note.total_paise >= 0 and note.total_paise % 100 == 0 for note in notes)
    for part in parts:
        assert part.tax.cgst_paise == part.tax.sgst_paise
        taxes = part.tax.cgst_paise + part.tax.sgst_paise + part.tax.igst_paise
        net = part.gross_paise - part.discount_paise - part.bill_discount_paise
        assert net == part.tax.taxable_paise + (taxes if is_included else 0)


def _amounts(part: rules.LineFigures) -> tuple[int, ...]:
    tax: Tax = part.tax
    return (
        part.gross_paise,
        part.discount_paise,
        part.bill_discount_paise,
        tax.taxable_paise,
        tax.cgst_paise,
        tax.sgst_paise,
        tax.igst_paise,
    )
