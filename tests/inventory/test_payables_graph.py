"""What suppliers are owed, through the schema: by whom it is read, in one statement, and how old it is."""

from datetime import date

from salonos.inventory.commands import BillLine, ReturnedLine
from salonos.kernel.actor import Actor
from salonos.kernel.database import Database
from salonos.kernel.ids import id_text, new_id
from tests.bills.makers import actor_as, book_balance
from tests.inventory.asking import Asker
from tests.inventory.makers import line
from tests.inventory.purchasing import Buyer, day_after, gstin_of, make_buyer, make_supplier

BILL = """
mutation ($input: RecordSupplierBillInput!) { recordSupplierBill(input: $input) { __typename
  ... on RecordSupplierBillSuccess { bill { number billedOn total balanceDue lines { quantity taxRate unitPrice } } }
  ... on SupplierBillExists { bill { number } }
  ... on BilledTooMuch { unbilled product { sku } }
  ... on InvalidInput { issues { path code } } } }
"""
BACK = """
mutation ($input: ReturnToSupplierInput!) { returnToSupplier(input: $input) { __typename
  ... on ReturnToSupplierSuccess { supplierReturn { number reason total lines { quantity billLine { bill { number } } } } }
  ... on SentBackTooMuch { returnable product { sku } } } }
"""
PAY = """
mutation ($input: PaySupplierInput!) { paySupplier(input: $input) { __typename
  ... on PaySupplierSuccess { payment { method amount settlements { amount bill { number } } } }
  ... on SupplierOverpaid { supplier { name balanceDue } bill { balanceDue } } } }
"""
REFUND = """
mutation ($input: RecordSupplierRefundInput!) { recordSupplierRefund(input: $input) { __typename
  ... on RecordSupplierRefundSuccess { refund { method amount supplierReturn { number creditLeft } } }
  ... on SupplierRefundedTooMuch { supplierReturn { number creditLeft refunds { amount } } } } }
"""
LEDGER = """
query ($id: ID!, $first: Int) { supplier(id: $id) { name balanceDue
  ledger(first: $first) { nodes { kind amount balance businessDate bill { number } supplierReturn { number }
    payment { reference } refund { reference } } }
  bills(filter: { isDue: true }) { nodes { number balanceDue } } returns { nodes { number } }
  payments { nodes { amount } } } }
"""
AGEING = """
query ($branch: ID, $asOf: Date) { supplierAgeing(branchId: $branch, asOf: $asOf) {
  asOf upTo30Days upTo60Days upTo90Days over90Days credit total
  suppliers { supplier { name } upTo30Days upTo60Days upTo90Days over90Days credit total } } }
"""


async def billed(buyer: Buyer, *dates: date) -> None:
    """A bill of 118.00 of each date, booked on it."""
    (serum,) = await buyer.came(line(buyer.store.serum_id, 1000 * len(dates), 100_00))
    for place, on in enumerate(dates):
        await buyer.bill(BillLine(serum, 1000, 100_00), number=f"N{place}", billed_on=on, booked_on=on, total=118_00)


def role(buyer: Buyer, name: str) -> Actor:
    """Somebody of a role at the buyer's branch."""
    return actor_as(name, buyer.store.branch_id)


async def test_the_receptionist_bills_returns_and_pays_and_reads_no_amount(database: Database) -> None:
    buyer = await make_buyer(database)
    (serum,) = await buyer.came(line(buyer.store.serum_id, 2000, 521_00))
    ask, receptionist = Asker(database), role(buyer, "RECEPTIONIST")
    both = {"branchId": id_text("branch", buyer.store.branch_id), "supplierId": id_text("supplier", buyer.local_id)}
    goods = {"receiptLineId": id_text("receiptline", serum), "quantity": "2"}
    paper = both | {
        "number": "A/1", "billedOn": "2026-11-20", "lines": [goods | {"unitPrice": "511.00"}], "total": "1206.00",
    }  # fmt: skip

    told = await ask(BILL, actor=receptionist, input=paper)
    again = await ask.data(BILL, input=paper)
    more = await ask.data(BILL, input=paper | {"number": "A/2"})
    back = await ask(BACK, actor=receptionist, input=both | {"lines": [goods | {"quantity": "0.5"}], "reason": "Leaks"})
    paid = await ask(PAY, actor=receptionist, input=both | {"method": "CASH", "amount": "100.00"})
    too_much = await ask(PAY, actor=receptionist, input=both | {"method": "CASH", "amount": "5000.00"})
    ledger = await ask(LEDGER, actor=receptionist, id=both["supplierId"])
    ageing = await ask(AGEING, actor=receptionist)

    assert told["data"]["recordSupplierBill"]["bill"] == {
        "number": "A/1", "billedOn": "2026-11-20", "total": None, "balanceDue": None,
        "lines": [{"quantity": "2.000", "taxRate": "18", "unitPrice": None}],
    }  # fmt: skip
    assert again["recordSupplierBill"] == {"__typename": "SupplierBillExists", "bill": {"number": "A/1"}}
    assert more["recordSupplierBill"] == {
        "__typename": "BilledTooMuch", "unbilled": "0.000", "product": {"sku": "SER-100"},
    }  # fmt: skip
    assert back["data"]["returnToSupplier"]["supplierReturn"] == {
        "number": "BLR1D/2627/00001", "reason": "Leaks", "total": None,
        "lines": [{"quantity": "0.500", "billLine": {"bill": {"number": "A/1"}}}],
    }  # fmt: skip
    assert paid["data"]["paySupplier"]["payment"] == {
        "method": "CASH", "amount": None, "settlements": [{"amount": None, "bill": {"number": "A/1"}}],
    }  # fmt: skip
    assert too_much["data"]["paySupplier"] == {
        "__typename": "SupplierOverpaid", "supplier": {"name": "Loreal Karnataka", "balanceDue": None}, "bill": None,
    }  # fmt: skip
    assert ledger["data"]["supplier"] | {"returns": None} == {
        "name": "Loreal Karnataka", "balanceDue": None, "ledger": None, "bills": None, "returns": None,
        "payments": {"nodes": [{"amount": None}]},
    }  # fmt: skip
    assert ageing["data"] == {"supplierAgeing": None}
    for answer in (told, back, paid, too_much, ledger, ageing):
        assert {each["extensions"]["permission"] for each in answer["errors"]} == {"COST_READ"}
    assert await buyer.owed() == 1206_00 - 301_50 - 100_00


async def test_what_moves_value_needs_a_key_and_has_one_effect(database: Database) -> None:
    buyer = await make_buyer(database)
    await billed(buyer, date(2026, 11, 20))
    ask = Asker(database)
    both = {"branchId": id_text("branch", buyer.store.branch_id), "supplierId": id_text("supplier", buyer.local_id)}
    given = both | {"method": "UPI", "amount": "18.00"}
    goods = {"receiptLineId": id_text("receiptline", new_id()), "quantity": "1"}
    paper = {"number": "A/1", "billedOn": "2026-11-20", "lines": [goods | {"unitPrice": "1.00"}], "total": "1.00"}

    without = [
        await ask(BILL, key=None, input=both | paper),
        await ask(BACK, key=None, input=both | {"lines": [goods], "reason": "Leaks"}),
        await ask(PAY, key=None, input=given),
    ]
    answers = [await ask(PAY, key="a-key-of-sixteen-", input=given) for _ in range(3)]

    codes = [each["extensions"]["code"] for answer in without for each in answer["errors"]]
    assert codes == ["IDEMPOTENCY_KEY_REQUIRED"] * 3
    assert answers[0]["data"] == answers[1]["data"] == answers[2]["data"]
    assert await buyer.owed() == 100_00


async def test_the_ledger_runs_with_its_balance(database: Database) -> None:
    buyer = await make_buyer(database)
    await billed(buyer, date(2026, 11, 20))
    (serum,) = [row["id"] for row in await database.pool.fetch("select id from stock_receipt_lines")]
    await buyer.pay(50_00, reference="UTR", now=day_after(1))
    await buyer.give_back(ReturnedLine(serum, 500), now=day_after(2))
    ask = Asker(database)

    read = await ask.data(LEDGER, actor=role(buyer, "MANAGER"), id=id_text("supplier", buyer.local_id))
    elsewhere = await ask.data(LEDGER, actor=actor_as("MANAGER", new_id()), id=id_text("supplier", buyer.local_id))

    assert [(each["kind"], each["amount"], each["balance"]) for each in read["supplier"]["ledger"]["nodes"]] == [
        ("RETURN", "-59.00", "9.00"), ("PAYMENT", "-50.00", "68.00"), ("BILL", "118.00", "118.00"),
    ]  # fmt: skip
    assert read["supplier"]["balanceDue"] == "9.00"
    assert read["supplier"]["bills"]["nodes"] == [{"number": "N0", "balanceDue": "9.00"}]
    assert (elsewhere["supplier"]["balanceDue"], elsewhere["supplier"]["ledger"]["nodes"]) == ("0.00", [])


async def test_what_is_owed_has_an_age_as_of_any_date(database: Database) -> None:
    buyer = await make_buyer(database)
    # 0, 30, 31, 60, 61, 90 and 91 days before the day of the tests
    days = [date(2026, 11, 23), date(2026, 10, 24), date(2026, 10, 23), date(2026, 9, 24), date(2026, 9, 23)]
    await billed(buyer, *days, date(2026, 8, 25), date(2026, 8, 24))
    await buyer.pay(20_00)
    ask = Asker(database)
    branch = id_text("branch", buyer.store.branch_id)

    today = (await ask.data(AGEING, actor=role(buyer, "ACCOUNTANT"), branch=branch))["supplierAgeing"]
    before = (await ask.data(AGEING, branch=branch, asOf="2026-09-24"))["supplierAgeing"]
    foreign = await ask.data(AGEING, actor=actor_as("OWNER", new_id()), branch=branch)

    sums = {"upTo30Days": "236.00", "upTo60Days": "236.00", "upTo90Days": "236.00", "over90Days": "98.00"}
    assert today == {
        "asOf": "2026-11-23", **sums, "credit": "0.00", "total": "806.00",
        "suppliers": [{"supplier": {"name": "Loreal Karnataka"}, **sums, "credit": "0.00", "total": "806.00"}],
    }  # fmt: skip
    assert (before["upTo30Days"], before["upTo60Days"], before["total"]) == ("354.00", "118.00", "472.00")
    assert foreign == {"supplierAgeing": None}
    assert await book_balance(database, "2000") == -806_00


async def test_credit_stands_beside_the_age(database: Database) -> None:
    buyer = await make_buyer(database)
    await billed(buyer, date(2026, 11, 20))
    (serum,) = [row["id"] for row in await database.pool.fetch("select id from stock_receipt_lines")]
    await buyer.pay(118_00)
    await buyer.give_back(ReturnedLine(serum, 1000))

    ask = Asker(database)
    (read,) = (await ask.data(AGEING))["supplierAgeing"]["suppliers"]

    assert (read["upTo30Days"], read["credit"], read["total"]) == ("0.00", "118.00", "-118.00")
    back_id = await database.pool.fetchval("select id from supplier_returns")
    given = {"supplierReturnId": id_text("supplierreturn", back_id), "method": "UPI", "reference": "NEFT"}

    paid = await ask.data(REFUND, input=given | {"amount": "100.00"})
    more = await ask.data(REFUND, input=given | {"amount": "18.01"})
    unseen = await ask(REFUND, actor=role(buyer, "RECEPTIONIST"), input=given | {"amount": "8.00"})

    number = "BLR1D/2627/00001"
    assert paid["recordSupplierRefund"]["refund"] == {
        "method": "UPI", "amount": "100.00", "supplierReturn": {"number": number, "creditLeft": "18.00"},
    }  # fmt: skip
    assert more["recordSupplierRefund"]["supplierReturn"] == {
        "number": number, "creditLeft": "18.00", "refunds": [{"amount": "100.00"}],
    }  # fmt: skip
    assert unseen["data"]["recordSupplierRefund"]["refund"]["amount"] is None
    (read,) = (await ask.data(AGEING))["supplierAgeing"]["suppliers"]
    assert (read["credit"], read["total"]) == ("10.00", "-10.00")
    told = (await ask.data(LEDGER, id=id_text("supplier", buyer.local_id)))["supplier"]["ledger"]["nodes"]
    assert [(each["kind"], each["amount"], each["balance"], each["refund"]) for each in told[:2]] == [
        ("REFUND", "8.00", "-10.00", {"reference": "NEFT"}), ("REFUND", "100.00", "-18.00", {"reference": "NEFT"}),
    ]  # fmt: skip


async def test_ledger_and_ageing_are_one_statement_for_one_row_and_for_many(database: Database) -> None:
    buyer = await make_buyer(database)
    await billed(buyer, date(2026, 11, 20))
    ask = Asker(database)

    async def statements() -> list[int]:
        counts = []
        for text, given in ((LEDGER, {"id": id_text("supplier", buyer.local_id)}), (AGEING, {})):
            before = ask.engine.statements
            await ask.data(text, **given)
            counts.append(ask.engine.statements - before)
        return counts

    few = await statements()
    for place in range(5):
        other = await make_supplier(database, name=f"S{place}", gstin=gstin_of("29", f"AAFC{chr(65 + place)}"))
        (serum,) = await buyer.came(line(buyer.store.serum_id, 1000, 100_00), supplier_id=other)
        await buyer.bill(BillLine(serum, 1000, 100_00), supplier_id=other, total=118_00)
        await buyer.pay(1_00)

    assert (few, await statements()) == ([1, 1], [1, 1])
