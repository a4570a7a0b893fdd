"""A sale at the counter: one transaction that makes the bill, takes the money, numbers it and books it."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from salonos.bills import commands
from salonos.bills.commands import NewLine, NewTip
from salonos.bills.problems import (
    CashLimitExceeded,
    CustomerRequired,
    DiscountNeedsApproval,
    PaymentsDoNotAddUp,
    PaymentsExceedTotal,
    RecipientRequired,
)
from salonos.bills.rules import Discount, Tender
from salonos.kernel.database import Database, plain_url
from salonos.kernel.ids import new_id
from salonos.kernel.permissions import Permission
from salonos.kernel.problems import Forbidden, InvalidInput
from salonos.salon.rules import TaxScheme
from tests.bills.makers import ADDRESS, CARD, CASH, NOW, ON_ACCOUNT, SYSTEM, TODAY, UPI, actor_as, make_shop
from tests.customers.makers import make_customer
from tests.salon.makers import KARNATAKA_GSTIN
from tests.statements import Statements

STATEMENTS_MAX = 13
"""Fifteen with the idempotency record and the payload."""


async def test_the_plans_example_is_billed_numbered_and_booked(database: Database) -> None:
    shop = await make_shop(database)
    tip = NewTip(shop.staff_ids[0], 5000)

    bill_id = await shop.check_out((CASH, 100_000), (UPI, 83_700), customer_id=shop.customer_id, tips=(tip,))

    bill = await shop.row("bills", bill_id)
    assert (bill["number"], bill["kind"], bill["status"]) == ("BLR1/2627/00001", "TAX_INVOICE", "POSTED")
    assert (bill["gross_paise"], bill["discount_paise"], bill["taxable_paise"]) == (174_900, 0, 159_662)
    assert (bill["cgst_paise"], bill["sgst_paise"], bill["igst_paise"]) == (9494, 9494, 0)
    assert (bill["round_off_paise"], bill["total_paise"], bill["tip_paise"]) == (50, 178_700, 5000)
    assert (bill["paid_paise"], bill["balance_due_paise"], bill["payment_state"]) == (183_700, 0, "PAID")
    assert (bill["business_date"], bill["place_of_supply"], bill["version"]) == (TODAY, "29", 1)
    assert await shop.entry(bill_id) == [
        ("1000", 100_000), ("1020", 83_700), ("4000", -75_000), ("4010", -84_662),
        ("2100", -9494), ("2101", -9494), ("2300", -5000), ("4900", -50),
    ]  # fmt: skip


async def test_lines_keep_what_was_sold_as_it_was_priced(database: Database) -> None:
    shop = await make_shop(database)

    bill_id = await shop.check_out((CASH, 178_700))

    first, second = await shop.rows("bill_lines", bill_id)
    assert (first["description"], first["code"], first["unit_price_paise"]) == ("Haircut", "999721", 75_000)
    assert (first["rate_hundredths"], first["is_tax_included"], first["staff_id"]) == (500, False, shop.staff_ids[0])
    assert (first["taxable_paise"], first["cgst_paise"], first["sgst_paise"]) == (75_000, 1875, 1875)
    product = await database.pool.fetchrow("select name, hsn_code, unit_cost_paise from products")
    assert (second["description"], second["code"], second["unit_cost_paise"]) == tuple(product)
    assert (second["rate_hundredths"], second["is_tax_included"], second["staff_id"]) == (1800, True, None)
    assert (second["taxable_paise"], second["cgst_paise"], second["sgst_paise"]) == (84_662, 7619, 7619)


async def test_the_tax_register_and_the_money_moves_are_filled(database: Database) -> None:
    shop = await make_shop(database)

    bill_id = await shop.check_out((CASH, 100_000), (UPI, 78_700))

    register = await database.pool.fetch("select * from tax_register where document_id = $1 order by position", bill_id)
    assert [
        (row["code"], row["unit"], row["rate_hundredths"], row["taxable_paise"], row["cgst_paise"]) for row in register
    ] == [
        ("999721", "NA", 500, 75_000, 1875),
        (await database.pool.fetchval("select hsn_code from products"), "NOS", 1800, 84_662, 7619),
    ]
    assert {row["document_number"] for row in register} == {"BLR1/2627/00001"}
    moves = await database.pool.fetch(
        "select money_moves.* from money_moves join payments on money_move_id = money_moves.id where bill_id = $1 "
        "order by money_moves.id",
        bill_id,
    )
    assert [(row["method"], row["amount_paise"], row["direction"]) for row in moves] == [
        ("CASH", 100_000, "IN"),
        ("UPI", 78_700, "IN"),
    ]


async def test_change_is_given_on_cash_and_not_kept(database: Database) -> None:
    shop = await make_shop(database)

    bill_id = await shop.check_out((CASH, 200_000))

    payment = await shop.row("payments", bill_id)
    assert (payment["amount_paise"], payment["tendered_paise"], payment["change_paise"]) == (178_700, 200_000, 21_300)
    assert (await shop.row("bills", bill_id))["paid_paise"] == 178_700


@pytest.mark.parametrize(
    ("payments", "problem", "offered"),
    [
        (((CASH, 178_699),), PaymentsDoNotAddUp, 178_699),
        ((), PaymentsDoNotAddUp, 0),
        (((UPI, 178_701),), PaymentsExceedTotal, 178_701),
        (((CARD, 178_700), (CASH, 100)), PaymentsExceedTotal, 178_800),
        (((CASH, 78_700), (ON_ACCOUNT, 99_999)), PaymentsDoNotAddUp, 178_699),
        (((CASH, 78_701), (ON_ACCOUNT, 100_000)), PaymentsDoNotAddUp, 178_701),
    ],
)
async def test_payments_that_do_not_settle_the_bill_leave_nothing_behind(
    database: Database, payments: tuple[Any, ...], problem: type[Any], offered: int
) -> None:
    shop = await make_shop(database)

    with pytest.raises(problem) as raised:
        await shop.check_out(*payments, customer_id=shop.customer_id)

    assert (raised.value.due, raised.value.offered) == (178_700, offered)
    for table in ("bills", "entries", "money_moves", "drawn_numbers", "outbox_events"):
        assert await database.pool.fetchval(f"select count(*) from {table}") == 0, table


async def test_a_known_customer_may_owe_the_exact_rest(database: Database) -> None:
    shop = await make_shop(database)

    bill_id = await shop.check_out((CASH, 78_700), (ON_ACCOUNT, 100_000), customer_id=shop.customer_id)

    bill = await shop.row("bills", bill_id)
    assert (bill["paid_paise"], bill["balance_due_paise"], bill["payment_state"]) == (78_700, 100_000, "PARTLY_PAID")
    assert (await shop.entry(bill_id))[:2] == [("1000", 78_700), ("1100", 100_000)]
    assert (
        await database.pool.fetchval("select party_id from entry_lines where party_id is not null") == shop.customer_id
    )
    assert len(await shop.rows("payments", bill_id)) == 1


async def test_nobody_owes_nothing(database: Database) -> None:
    shop = await make_shop(database)

    with pytest.raises(CustomerRequired) as raised:
        await shop.check_out((ON_ACCOUNT, 178_700))

    assert raised.value.balance_due == 178_700


async def test_a_bill_with_a_balance_due_carries_no_tip(database: Database) -> None:
    shop = await make_shop(database)
    tip = NewTip(shop.staff_ids[0], 1000)

    with pytest.raises(InvalidInput) as raised:
        await shop.check_out((ON_ACCOUNT, 179_700), customer_id=shop.customer_id, tips=(tip,))

    assert [(issue.path, issue.code) for issue in raised.value.issues] == [(("tips",), "TIP_ON_BALANCE")]


async def test_a_bill_of_nothing_needs_no_payment(database: Database) -> None:
    shop = await make_shop(database)

    bill_id = await shop.check_out(discount=Discount(share_hundredths=10_000), discount_reason="A gift")

    bill = await shop.row("bills", bill_id)
    assert (bill["total_paise"], bill["payment_state"], bill["number"]) == (0, "PAID", "BLR1/2627/00001")
    assert await shop.entry(bill_id) == [("4000", 0), ("4900", 0)]


async def test_the_bills_discount_is_spread_over_its_lines(database: Database) -> None:
    shop = await make_shop(database)

    bill_id = await shop.check_out((CASH, 168_400), discount=Discount(amount_paise=10_000), discount_reason="Regular")

    bill = await shop.row("bills", bill_id)
    assert (bill["discount_paise"], bill["total_paise"], bill["round_off_paise"]) == (10_000, 168_400, -36)
    assert [line["bill_discount_paise"] for line in await shop.rows("bill_lines", bill_id)] == [4288, 5712]
    assert ("4900", 36) in await shop.entry(bill_id)


async def test_above_the_roles_limit_a_discount_needs_approval(database: Database) -> None:
    shop = await make_shop(database)
    receptionist = actor_as("RECEPTIONIST", shop.branch_id)
    generous: dict[str, Any] = {
        "discount": Discount(amount_paise=17_491),
        "discount_reason": "Friend",
        "actor": receptionist,
    }

    with pytest.raises(DiscountNeedsApproval) as raised:
        await shop.check_out((CASH, 200_000), **generous)
    bill_id = await shop.check_out((CASH, 200_000), **{**generous, "discount": Discount(amount_paise=17_490)})
    by_manager = await shop.check_out((CASH, 200_000), **{**generous, "actor": actor_as("MANAGER", shop.branch_id)})

    assert (raised.value.limit, raised.value.discount) == (17_490, 17_491)
    assert (await shop.row("bills", bill_id))["discount_paise"] == 17_490
    assert (await shop.row("bills", by_manager))["discount_paise"] == 17_491


async def test_a_limit_has_a_date_and_may_be_a_roles_own(database: Database) -> None:
    shop = await make_shop(database)
    await database.pool.execute(
        "insert into discount_limits (id, role_id, valid_from, amount_paise, share_hundredths) "
        "select gen_random_uuid(), role_id, day, 100, 10000 from (values (null, date '2026-11-24'), "
        "((select id from roles where name = 'STAFF'), date '2000-01-01')) as given (role_id, day)"
    )
    discount: dict[str, Any] = {"discount": Discount(amount_paise=10_000), "discount_reason": "Regular"}

    await shop.check_out((CASH, 200_000), actor=actor_as("RECEPTIONIST", shop.branch_id), **discount)
    with pytest.raises(DiscountNeedsApproval) as tomorrow:
        await shop.check_out(
            (CASH, 200_000),
            actor=actor_as("RECEPTIONIST", shop.branch_id),
            now=datetime(2026, 11, 24, 6, tzinfo=UTC),
            **discount,
        )
    with pytest.raises(DiscountNeedsApproval) as of_the_role:
        await shop.check_out(
            (CASH, 200_000),
            actor=actor_as("RECEPTIONIST", shop.branch_id, staff_id=shop.staff_ids[0]),
            **discount,
        )

    assert (tomorrow.value.limit, of_the_role.value.limit) == (100, 100)


async def test_another_price_needs_a_right_and_a_reason(database: Database) -> None:
    shop = await make_shop(database)
    cheaper = replace(shop.haircut, unit_price_paise=50_000)

    with pytest.raises(Forbidden) as refused:
        await shop.check_out((CASH, 52_500), lines=(cheaper,), actor=actor_as("RECEPTIONIST", shop.branch_id))
    with pytest.raises(InvalidInput) as silent:
        await shop.check_out((CASH, 52_500), lines=(cheaper,))
    bill_id = await shop.check_out((CASH, 52_500), lines=(replace(cheaper, discount_reason="First visit"),))

    assert refused.value.extensions["permission"] == Permission.BILL_PRICE_OVERRIDE.value
    assert [issue.path for issue in silent.value.issues] == [("lines", 0, "discountReason")]
    (line,) = await shop.rows("bill_lines", bill_id)
    assert (line["unit_price_paise"], line["is_price_overridden"]) == (50_000, True)


async def test_every_fault_of_an_input_is_named_at_its_place(database: Database) -> None:
    shop = await make_shop(database)
    lines = (
        NewLine(service_id=new_id()),
        NewLine(product_id=shop.catalog.service_id),
        replace(shop.haircut, staff_id=new_id()),
        replace(shop.haircut, discount_paise=75_001, discount_reason="x"),
    )

    with pytest.raises(InvalidInput) as raised:
        await shop.check_out((CASH, 100), lines=lines, customer_id=new_id(), tips=(NewTip(new_id(), 100),))

    assert {(issue.path, issue.code) for issue in raised.value.issues} == {
        (("lines", 0, "serviceId"), "NOT_FOUND"),
        (("lines", 1, "productId"), "NOT_FOUND"),
        (("lines", 2, "staffId"), "NOT_FOUND"),
        (("lines", 3, "discount"), "TOO_MUCH"),
        (("customerId",), "NOT_FOUND"),
        (("tips", 0, "staffId"), "NOT_FOUND"),
    }


@pytest.mark.parametrize(
    ("more", "path", "code"),
    [
        ({"lines": ()}, ("lines",), "REQUIRED"),
        ({"lines": (NewLine(),)}, ("lines", 0), "ONE_ITEM"),
        ({"lines": (NewLine(service_id=new_id(), quantity_milli=0),)}, ("lines", 0, "quantity"), "OUT_OF_RANGE"),
        ({"lines": (NewLine(service_id=new_id(), discount_paise=-1),)}, ("lines", 0, "discount"), "OUT_OF_RANGE"),
        ({"lines": (NewLine(service_id=new_id()),) * 201}, ("lines",), "TOO_MANY"),
        ({"discount": Discount(share_hundredths=10_001)}, ("discount", "percentage"), "OUT_OF_RANGE"),
        ({"discount": Discount(amount_paise=200_000)}, ("discount", "amount"), "TOO_MUCH"),
        ({"buyer_gstin": "29AAFCA7488L1Z0"}, ("buyerGstin",), "INVALID_GSTIN"),
        ({"place_of_supply": "99"}, ("placeOfSupply",), "UNKNOWN_STATE"),
    ],
)
async def test_what_can_not_be_is_refused(
    database: Database, more: dict[str, Any], path: tuple[str | int, ...], code: str
) -> None:
    shop = await make_shop(database)

    with pytest.raises(InvalidInput) as raised:
        await shop.check_out((CASH, 178_700), **more)

    assert (path, code) in [(issue.path, issue.code) for issue in raised.value.issues]


@pytest.mark.parametrize(
    ("change", "code"),
    [("update services set is_active = false", "NOT_SOLD"), ("delete from tax_rates", "NO_TAX_RATE")],
)
async def test_what_is_not_for_sale_is_not_sold(database: Database, change: str, code: str) -> None:
    shop = await make_shop(database)
    owner = await asyncpg.connect(plain_url(database.url), server_settings={"session_replication_role": "replica"})
    await owner.execute(change)
    await owner.close()

    with pytest.raises(InvalidInput) as raised:
        await shop.check_out((CASH, 78_800), lines=(shop.haircut,))

    assert [(issue.path, issue.code) for issue in raised.value.issues] == [(("lines", 0, "serviceId"), code)]


async def test_a_bill_has_an_upper_bound(database: Database) -> None:
    shop = await make_shop(database)
    dear = replace(shop.haircut, unit_price_paise=10**12, discount_reason="x")

    with pytest.raises(InvalidInput) as line:
        await shop.check_out((CASH, 100), lines=(replace(dear, quantity_milli=1001),))
    with pytest.raises(InvalidInput) as bill:
        await shop.check_out((CASH, 100), lines=(dear,))

    assert [(issue.path, issue.code) for issue in line.value.issues] == [(("lines", 0, "quantity"), "TOO_MUCH")]
    assert [(issue.path, issue.code) for issue in bill.value.issues] == [(("lines",), "TOO_MUCH")]


async def test_a_branch_out_of_reach_is_not_found(database: Database) -> None:
    shop = await make_shop(database)

    with pytest.raises(InvalidInput) as raised:
        await shop.check_out((CASH, 178_700), actor=actor_as("RECEPTIONIST", new_id()))

    assert [(issue.path, issue.code) for issue in raised.value.issues] == [(("branchId",), "NOT_FOUND")]


@pytest.mark.parametrize("role", ["STAFF", "ACCOUNTANT"])
async def test_who_may_not_sell_sells_nothing(database: Database, role: str) -> None:
    shop = await make_shop(database)

    with pytest.raises(Forbidden):
        await shop.check_out((CASH, 178_700), actor=actor_as(role, shop.branch_id))

    assert await database.pool.fetchval("select count(*) from bills") == 0


async def test_goods_to_another_state_bear_integrated_tax(database: Database) -> None:
    shop = await make_shop(database)

    buyer = {"customer_id": shop.customer_id, "buyer_gstin": "27AAPFU0939F1ZV"}
    bill_id = await shop.check_out((CASH, 178_700), place_of_supply="27", **buyer)

    bill = await shop.row("bills", bill_id)
    assert (bill["cgst_paise"], bill["sgst_paise"], bill["igst_paise"]) == (0, 0, 18_989)
    assert ("2102", -18_989) in await shop.entry(bill_id)
    register = await database.pool.fetch("select party_gstin, place_of_supply from tax_register")
    assert {tuple(row) for row in register} == {("27AAPFU0939F1ZV", "27")}


async def test_a_tax_invoice_to_a_registered_buyer_names_them_whatever_it_comes_to(database: Database) -> None:
    shop = await make_shop(database)
    nameless = await make_customer(database, phone=None)
    for customer_id, missing in ((None, ["NAME", "ADDRESS"]), (nameless, ["ADDRESS"])):
        with pytest.raises(RecipientRequired) as raised:
            await shop.check_out((UPI, 178_700), buyer_gstin=KARNATAKA_GSTIN, customer_id=customer_id)
        assert (raised.value.customer_id, raised.value.limit) == (customer_id, 0)
        assert [each.name for each in raised.value.missing] == missing
    await shop.check_out((UPI, 178_700), buyer_gstin=KARNATAKA_GSTIN, customer_id=shop.customer_id)


@pytest.mark.parametrize("scheme", [TaxScheme.UNREGISTERED, TaxScheme.COMPOSITION])
async def test_who_takes_no_tax_writes_bills_of_supply(database: Database, scheme: TaxScheme) -> None:
    more: dict[str, Any] = {"gstin": None} if scheme is TaxScheme.UNREGISTERED else {}
    shop = await make_shop(database, tax_scheme=scheme, **more)

    bill_id = await shop.check_out((CASH, 174_900))

    bill = await shop.row("bills", bill_id)
    assert (bill["kind"], bill["number"]) == ("BILL_OF_SUPPLY", "BLR1B/2627/00001")
    assert (bill["taxable_paise"], bill["cgst_paise"], bill["total_paise"]) == (174_900, 0, 174_900)
    lines_in_register = await database.pool.fetchval("select count(*) from tax_register")
    assert lines_in_register == (0 if scheme is TaxScheme.UNREGISTERED else 2)


async def test_a_tax_invoice_of_fifty_thousand_names_its_recipient(database: Database) -> None:
    shop = await make_shop(database)
    nameless = await make_customer(database, phone=None)
    many = (replace(shop.haircut, quantity_milli=66_667),)
    just_less = (replace(shop.haircut, quantity_milli=66_666),)

    async def sell(**more: Any) -> UUID:
        return await shop.check_out((UPI, 5_250_000), **{"lines": many, **more})

    for customer_id, missing in ((None, ["NAME", "ADDRESS"]), (nameless, ["ADDRESS"])):
        with pytest.raises(RecipientRequired) as raised:
            await sell(customer_id=customer_id)
        assert (raised.value.customer_id, raised.value.limit) == (customer_id, 5_000_000)
        assert [each.name for each in raised.value.missing] == missing
    assert await database.pool.fetchval("select count(*) from bills") == 0

    await sell(customer_id=shop.customer_id)
    await shop.check_out((UPI, 5_249_900), lines=just_less)

    draft_id = await shop.create_bill(lines=many)
    taken = await database.run(
        SYSTEM,
        lambda work: commands.add_payment(work, draft_id, Tender(UPI, 5_250_000), expected_version=1),
        now=NOW,
    )
    assert [type(each) for each in taken.not_posted] == [RecipientRequired]
    assert (await shop.row("bills", draft_id))["paid_paise"] == 5_250_000


async def test_cash_of_two_lakh_from_one_person_in_a_day_is_refused(database: Database) -> None:
    shop = await make_shop(database)
    many: dict[str, Any] = {"lines": (replace(shop.serum, quantity_milli=100_000),), "customer_id": shop.customer_id}
    await shop.check_out((CASH, 9_990_000), **many)

    with pytest.raises(CashLimitExceeded) as raised:
        await shop.check_out((CASH, 10_010_000), **{**many, "lines": (replace(shop.serum, quantity_milli=100_200),)})
    await shop.check_out((UPI, 10_010_000), **{**many, "lines": (replace(shop.serum, quantity_milli=100_200),)})
    other_id = await make_customer(database, phone=None, address=ADDRESS)
    await shop.check_out((CASH, 9_990_000), **{**many, "customer_id": other_id})
    await shop.check_out((CASH, 9_990_000), **many, now=datetime(2026, 11, 24, 6, tzinfo=UTC))

    assert (raised.value.limit, raised.value.cash) == (20_000_000, 20_000_000)


async def test_walk_in_customers_are_not_one_person_who_pays_too_much_cash(database: Database) -> None:
    shop = await make_shop(database, tax_scheme=TaxScheme.COMPOSITION)  # a tax invoice of so much has a recipient
    many = (replace(shop.serum, quantity_milli=100_000),)

    for _ in range(3):
        await shop.check_out((CASH, 9_990_000), lines=many)

    assert await database.pool.fetchval("select sum(amount_paise) from payments") == 3 * 9_990_000


async def test_a_sale_is_told_after_the_commit(database: Database) -> None:
    shop = await make_shop(database)

    bill_id = await shop.check_out((CASH, 100_000), (UPI, 78_700))

    events = await database.pool.fetch("select kind, branch_id, subject_id, payload from outbox_events order by id")
    assert [event["kind"] for event in events] == ["BillPosted", "PaymentTaken", "PaymentTaken"]
    assert events[0]["subject_id"] == bill_id
    assert {event["branch_id"] for event in events} == {shop.branch_id}


async def test_who_served_may_see_the_customer(database: Database) -> None:
    shop = await make_shop(database)

    await shop.check_out((CASH, 178_700), customer_id=shop.customer_id)

    visits = await database.pool.fetch("select staff_id, customer_id, last_served_on from customer_visits")
    assert [tuple(row) for row in visits] == [(shop.staff_ids[0], shop.customer_id, TODAY)]


@pytest.mark.parametrize(("upi", "cash", "more"), [(4_000_000, 1_000_000, 0), (1_000_000, 4_000_000, 2)])
async def test_a_sale_is_at_most_thirteen_statements_whatever_its_size(
    database: Database, statements: Statements, upi: int, cash: int, more: int
) -> None:
    """Cash from a tenth of the lawful limit on is counted again behind a lock on the customer."""
    shop = await make_shop(database)
    lines = (replace(shop.haircut, discount_paise=100, discount_reason="x"), shop.serum) * 25
    tips = (NewTip(shop.staff_ids[0], 5000), NewTip(shop.staff_ids[1], 5000))
    receptionist = actor_as("RECEPTIONIST", shop.branch_id)

    with statements.counted() as asked:
        await shop.check_out(
            (UPI, upi),
            (CASH, cash),
            lines=lines,
            tips=tips,
            customer_id=shop.customer_id,
            actor=receptionist,
        )

    assert len(asked) == STATEMENTS_MAX + more
