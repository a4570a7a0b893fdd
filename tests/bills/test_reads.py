"""Bills as clients read them: one statement, within reach, in any order and by any filter."""

from datetime import timedelta
from typing import Any

import pytest

from salonos.bills import commands, queries
from salonos.bills.commands import NewTip
from salonos.customers import commands as customers
from salonos.customers.commands import NewCustomer
from salonos.kernel.actor import Actor
from salonos.kernel.database import Database
from salonos.kernel.ids import id_text, new_id
from salonos.salon.rules import TaxScheme
from tests.bills.asking import Asker
from tests.bills.makers import CARD, CASH, NOW, ON_ACCOUNT, SYSTEM, UPI, Shop, actor_as, make_shop
from tests.salon.makers import make_branch
from tests.statements import Statements

BILL = """
query ($id: ID!) { bill(id: $id) {
  number kind status paymentState version businessDate placeOfSupply postedAt createdAt
  branch { code } customer { name balanceDue visitCount }
  lines { position description quantity unitPrice discount taxRate taxIncluded taxable cgst sgst igst total
          service { name } product { name } staff { displayName } }
  payments { method amount tendered change reference }
  tips { amount staff { displayName } }
  grossTotal discountTotal taxableTotal cgstTotal sgstTotal igstTotal roundOff total tipTotal amountPaid balanceDue
  entry { number lines { account { code } debit credit } }
} }
"""
BILLS = """
query ($first: Int, $after: String, $filter: BillFilter, $orderBy: BillOrder) {
  bills(first: $first, after: $after, filter: $filter, orderBy: $orderBy) {
    nodes { id number total status lines { description total } payments { amount } } totalCount
    pageInfo { endCursor hasNextPage }
  }
}
"""


async def sold(shop: Shop, **more: Any) -> str:
    """The plan's example, with a tip; the bill's id for clients."""
    tip = NewTip(shop.staff_ids[0], 5000)
    given = {"customer_id": shop.customer_id, "tips": (tip,), **more}
    return id_text("bill", await shop.check_out((CASH, 200_000), **given))


async def test_all_of_a_bill_is_one_statement(database: Database, statements: Statements) -> None:
    shop = await make_shop(database)
    bill_id = await sold(shop)
    ask = Asker(database)

    with statements.counted() as asked:
        bill = (await ask.data(BILL, id=bill_id))["bill"]

    assert len(asked) == 1
    assert (bill["number"], bill["status"], bill["paymentState"]) == ("BLR1/2627/00001", "POSTED", "PAID")
    assert (bill["total"], bill["tipTotal"], bill["amountPaid"], bill["balanceDue"]) == (
        "1787.00",
        "50.00",
        "1837.00",
        "0.00",
    )
    assert (bill["taxableTotal"], bill["cgstTotal"], bill["sgstTotal"], bill["roundOff"]) == (
        "1596.62",
        "94.94",
        "94.94",
        "0.50",
    )
    assert [(line["position"], line["quantity"], line["total"]) for line in bill["lines"]] == [
        (1, "1.000", "787.50"),
        (2, "1.000", "999.00"),
    ]
    assert bill["payments"] == [
        {"method": "CASH", "amount": "1837.00", "tendered": "2000.00", "change": "163.00", "reference": None}
    ]
    assert bill["tips"] == [{"amount": "50.00", "staff": {"displayName": "Meena"}}]
    assert (bill["customer"]["balanceDue"], bill["customer"]["visitCount"]) == ("0.00", 1)
    assert bill["entry"]["lines"][0] == {"account": {"code": "1000"}, "debit": "1837.00", "credit": "0.00"}


@pytest.mark.parametrize("count", [1, 50])
async def test_a_page_of_bills_is_one_statement(database: Database, statements: Statements, count: int) -> None:
    shop = await make_shop(database)
    for _ in range(count):
        await sold(shop)
    ask = Asker(database)

    with statements.counted() as asked:
        page = (await ask.data(BILLS, first=50))["bills"]

    assert len(asked) == 1
    assert (len(page["nodes"]), page["totalCount"]) == (count, count)


async def test_bills_are_found_by_all_that_tells_them_apart(database: Database) -> None:
    shop = await make_shop(database)
    ask = Asker(database)
    paid = await sold(shop)
    owed = id_text("bill", await shop.check_out((ON_ACCOUNT, 178_700), customer_id=shop.customer_id))
    draft = id_text("bill", await shop.create_bill(lines=(shop.serum,)))
    filters = {
        "all": ({}, {paid, owed, draft}),
        "draft": ({"status": "DRAFT"}, {draft}),
        "unpaid": ({"paymentState": "UNPAID"}, {owed, draft}),
        "customer": ({"customerId": id_text("customer", shop.customer_id)}, {paid, owed}),
        "number": ({"numberPrefix": "BLR1/2627/0000"}, {paid, owed}),
        "no number": ({"numberPrefix": "%"}, set()),
        "staff": ({"staffId": id_text("staff", shop.staff_ids[0])}, {paid, owed}),
        "nobody": ({"staffId": id_text("staff", shop.staff_ids[1])}, set()),
        "today": ({"since": "2026-11-23", "until": "2026-11-24"}, {paid, owed, draft}),
        "before": ({"until": "2026-11-23"}, set()),
        "later": ({"since": "2026-11-24"}, set()),
        "branch": ({"branchId": id_text("branch", shop.branch_id)}, {paid, owed, draft}),
        "other branch": ({"branchId": id_text("branch", new_id())}, set()),
    }

    for name, (condition, expected) in filters.items():
        found = (await ask.data(BILLS, filter=condition))["bills"]
        assert {bill["id"] for bill in found["nodes"]} == expected, name
        assert found["totalCount"] == len(expected), name


async def test_a_search_is_one_statement_and_tells_no_more_than_may_be_seen(
    database: Database, statements: Statements
) -> None:
    """By phone, name, amount and way of paying: for the till, for who sees first names only, and for a stylist."""
    shop = await make_shop(database)
    kavya = NewCustomer(name="Kavya Rao", phone="+919845012345")
    other_id = await database.run(SYSTEM, lambda work: customers.create_customer(work, kavya), now=NOW)
    stylist = actor_as("STAFF", shop.branch_id, staff_id=shop.staff_ids[0])
    long_ago = await shop.check_out((CASH, 200_000), customer_id=other_id, now=NOW - timedelta(days=200))
    ask = Asker(database)
    theirs = id_text("bill", long_ago)
    today = id_text("bill", await shop.check_out((UPI, 100_000), (CASH, 100_000), customer_id=shop.customer_id))
    cheap = id_text("bill", await shop.check_out((CARD, 78_800), lines=(shop.haircut,)))
    fixed = await shop.check_out((CARD, 178_700))
    wrong = await database.run(SYSTEM, lambda work: queries.payments_of(work, fixed), now=NOW)
    (payment,) = wrong
    await database.run(
        SYSTEM, lambda work: commands.correct_payment(work, payment.payment.id, method=UPI, reference=None), now=NOW
    )
    corrected = id_text("bill", fixed)
    everybody = [SYSTEM, actor_as("RECEPTIONIST", shop.branch_id)]
    first_names = [actor_as("ACCOUNTANT", shop.branch_id)]
    found_by: list[tuple[list[Actor], dict[str, Any], set[str]]] = [
        (everybody, {"customerPhone": "+919845012345"}, {theirs}),
        (everybody, {"customerPhone": "+919845012346"}, set()),
        (everybody, {"customerNamePrefix": "kavya R"}, {theirs}),
        (everybody + first_names, {"customerNamePrefix": "KAV"}, {theirs}),
        (first_names, {"customerNamePrefix": "kavya R"}, set()),
        ([stylist], {"customerNamePrefix": "kav"}, set()),
        ([stylist], {"customerId": id_text("customer", other_id)}, set()),
        ([stylist], {"customerId": id_text("customer", shop.customer_id)}, {today}),
        (everybody + first_names, {"totalFrom": "787.50", "totalTo": "788.00"}, {cheap}),
        (everybody, {"totalFrom": "788.01"}, {theirs, today, corrected}),
        (everybody, {"totalTo": "787.99"}, set()),
        (everybody, {"paymentMethod": "CASH"}, {theirs, today}),
        (everybody, {"paymentMethod": "CARD"}, {cheap}),
        (everybody, {"paymentMethod": "UPI", "totalTo": "1787.00"}, {today, corrected}),
        (everybody, {"paymentMethod": "ON_ACCOUNT"}, set()),
    ]

    for actors, condition, expected in found_by:
        for actor in actors:
            with statements.counted() as asked:
                found = (await ask.data(BILLS, actor=actor, filter=condition))["bills"]
            assert ({bill["id"] for bill in found["nodes"]}, found["totalCount"]) == (expected, len(expected)), (
                condition
            )
            assert len(asked) == 1


async def test_a_date_is_that_of_each_bills_branch(database: Database) -> None:
    """At half past six in the morning of Greenwich it is still the day before in Samoa."""
    shop = await make_shop(database)
    east, west = [
        await make_branch(database, code, time_zone=zone, gstin=None, tax_scheme=TaxScheme.UNREGISTERED)
        for code, zone in (("KIR", "Pacific/Kiritimati"), ("PAG", "Pacific/Pago_Pago"))
    ]
    here, there, behind = [
        id_text("bill", await shop.check_out((CASH, 1_000_000), lines=(shop.haircut,), branch_id=branch_id))
        for branch_id in (shop.branch_id, east, west)
    ]
    ask = Asker(database)
    days = {
        ("2026-11-22", "2026-11-23"): {behind},
        ("2026-11-23", "2026-11-24"): {here, there},
        ("2026-11-22", "2026-11-24"): {here, there, behind},
        ("2026-11-21", "2026-11-22"): set(),
        ("2026-11-24", "2026-11-25"): set(),
    }

    for (since, until), expected in days.items():
        found = (await ask.data(BILLS, filter={"since": since, "until": until}))["bills"]
        assert {bill["id"] for bill in found["nodes"]} == expected, since


async def test_a_draft_is_listed_and_found_by_the_day_it_was_begun(database: Database) -> None:
    shop = await make_shop(database)
    draft = await shop.create_bill(now=NOW - timedelta(days=7))
    contents = commands.BillContents(lines=(shop.haircut,))
    await database.run(SYSTEM, lambda work: commands.update_bill(work, draft, contents, expected_version=1), now=NOW)
    ask = Asker(database)

    week_ago = (await ask.data(BILLS, filter={"since": "2026-11-16", "until": "2026-11-17"}))["bills"]
    today = (await ask.data(BILLS, filter={"since": "2026-11-23"}))["bills"]

    assert [bill["id"] for bill in week_ago["nodes"]] == [id_text("bill", draft)]
    assert today["nodes"] == []


@pytest.mark.parametrize(
    ("order", "by"),
    [
        ("NEWEST", lambda bill: bill["id"]),
        ("LARGEST", lambda bill: (int(bill["total"].replace(".", "")), bill["id"])),
        ("NUMBER_DESCENDING", lambda bill: (bill["number"] or "", bill["id"])),
        ("LAST_CREATED", lambda bill: bill["id"]),
    ],
)
async def test_every_order_pages_to_the_end(database: Database, order: str, by: Any) -> None:
    shop = await make_shop(database)
    ask = Asker(database)
    for place in range(5):
        await shop.check_out((CASH, 1_000_000), lines=(shop.haircut,) * (1 + place % 3))
    await shop.create_bill()
    found: list[Any] = []
    after, more = None, True

    while more:
        page = (await ask.data(BILLS, first=2, after=after, orderBy=order))["bills"]
        found += page["nodes"]
        after, more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]

    assert [bill["id"] for bill in found] == [bill["id"] for bill in sorted(found, key=by, reverse=True)]
    assert len({bill["id"] for bill in found}) == 6


async def test_a_bill_is_found_by_its_number(database: Database) -> None:
    shop = await make_shop(database)
    bill_id = await sold(shop)

    found = await Asker(database).data('{ here: billByNumber(number: "BLR1/2627/00001") { id } '
                                       'none: billByNumber(number: "BLR1/2627/00002") { id } }')  # fmt: skip

    assert found == {"here": {"id": bill_id}, "none": None}


async def test_a_stylist_sees_own_bills_no_cost_and_a_masked_name(database: Database) -> None:
    shop = await make_shop(database)
    bill_id = await sold(shop)
    stylist = actor_as("STAFF", shop.branch_id, staff_id=shop.staff_ids[0])
    other = actor_as("STAFF", shop.branch_id, staff_id=shop.staff_ids[1])
    text = "query ($id: ID!) { bill(id: $id) { total customer { name } lines { unitCost } } bills { totalCount } }"
    ask = Asker(database)

    own = await ask(text, actor=stylist, id=bill_id)
    foreign = await ask(text, actor=other, id=bill_id)

    assert own["data"]["bill"] == {
        "total": "1787.00",
        "customer": {"name": "Asha"},
        "lines": [{"unitCost": None}, {"unitCost": None}],
    }
    assert own["data"]["bills"] == {"totalCount": 1}
    assert [(e["extensions"]["code"], e["extensions"]["coordinate"]) for e in own["errors"]] == [
        ("FORBIDDEN", "BillLine.unitCost")
    ]
    assert (foreign["data"]["bill"], foreign["data"]["bills"]) == (None, {"totalCount": 0})


async def test_bills_of_another_branch_are_not_there(database: Database) -> None:
    shop = await make_shop(database)
    bill_id = await sold(shop)

    found = await Asker(database).data(
        "query ($id: ID!) { bill(id: $id) { id } node(id: $id) { id } bills { totalCount } }",
        actor=actor_as("MANAGER", new_id()),
        id=bill_id,
    )

    assert found == {"bill": None, "node": None, "bills": {"totalCount": 0}}


async def test_who_works_at_several_branches_sees_all_of_them(database: Database) -> None:
    shop = await make_shop(database)
    bill_id = await sold(shop)

    found = await Asker(database).data(
        "query ($id: ID!) { bill(id: $id) { total customer { balanceDue } } }",
        actor=actor_as("ACCOUNTANT", new_id(), shop.branch_id),
        id=bill_id,
    )

    assert found["bill"] == {"total": "1787.00", "customer": {"balanceDue": "0.00"}}


async def test_a_customer_tells_what_is_owed(database: Database) -> None:
    shop = await make_shop(database)
    await shop.check_out((UPI, 100_000), (ON_ACCOUNT, 78_700), customer_id=shop.customer_id)
    await shop.create_bill(customer_id=shop.customer_id)

    found = await Asker(database).data(
        "query ($id: ID!) { customer(id: $id) { balanceDue visitCount bills { totalCount nodes { total } } } }",
        id=id_text("customer", shop.customer_id),
    )

    assert found["customer"] == {
        "balanceDue": "787.00",
        "visitCount": 1,
        "bills": {"totalCount": 2, "nodes": [{"total": "1787.00"}, {"total": "1787.00"}]},
    }
