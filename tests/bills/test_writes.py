"""The till through the schema: results, problems, guards, and one effect per Idempotency-Key (G2)."""

import asyncio
from typing import Any

import pytest

from salonos.kernel.database import Database
from salonos.kernel.ids import id_text, id_value
from tests.bills.asking import Asker
from tests.bills.makers import Shop, actor_as, make_shop
from tests.customers.makers import make_customer
from tests.statements import Statements

KEY = "a-key-of-thirty-two-characters-0"
STATEMENTS_MAX = 15
CHECK_OUT = """
mutation ($input: CheckOutInput!) { checkOut(input: $input) { __typename
  ... on CheckOutSuccess { bill { number total amountPaid lines { total } payments { change } customer { name } } }
  ... on InvalidInput { issues { path code } }
  ... on PaymentsDoNotAddUp { message due offered }
  ... on PaymentsExceedTotal { due offered }
  ... on DiscountNeedsApproval { limit discount }
  ... on CustomerRequired { balanceDue }
  ... on CashLimitExceeded { limit cash }
} }
"""
CREATE = "mutation ($input: CreateBillInput!) { createBill(input: $input) { ... on CreateBillSuccess { bill { id version } } } }"
UPDATE = """mutation ($input: UpdateBillInput!) { updateBill(input: $input) { __typename
  ... on UpdateBillSuccess { bill { total version } } ... on StaleVersion { currentVersion }
  ... on BillAlreadyPosted { number bill { total } } } }"""
PAY = """mutation ($input: AddPaymentInput!) { addPayment(input: $input) { __typename
  ... on AddPaymentSuccess { bill { status number balanceDue version } payment { amount change } notPosted { __typename message } }
  ... on StaleVersion { currentVersion } ... on BillAlreadyPosted { number } } }"""
POST = """mutation ($input: PostBillInput!) { postBill(input: $input) { __typename
  ... on PostBillSuccess { bill { status number balanceDue } } ... on CustomerRequired { balanceDue }
  ... on BillAlreadyPosted { number bill { status } } } }"""


def sale(shop: Shop, *payments: tuple[str, str], **more: Any) -> dict[str, Any]:
    """The plan's example as a client sends it."""
    return {
        "branchId": id_text("branch", shop.branch_id),
        "lines": [
            {"serviceId": id_text("service", shop.catalog.service_id), "staffId": id_text("staff", shop.staff_ids[0])},
            {"productId": id_text("product", shop.catalog.product_id)},
        ],
        "payments": [{"method": method, "amount": amount} for method, amount in payments],
        **more,
    }


def draft(shop: Shop, **more: Any) -> dict[str, Any]:
    """The same to be begun as a draft."""
    return {name: value for name, value in sale(shop, **more).items() if name != "payments"}


async def test_a_receptionist_sells_in_fifteen_statements(database: Database, statements: Statements) -> None:
    shop = await make_shop(database)
    ask = Asker(database)
    given = sale(
        shop,
        ("UPI", "1000.00"),
        ("CASH", "1000.00"),
        customerId=id_text("customer", shop.customer_id),
        discount={"percentage": "5"},
        discountReason="Regular",
        tips=[{"amount": "50.00", "staffId": id_text("staff", shop.staff_ids[0])}],
    )

    with statements.counted() as asked:
        found = await ask.data(CHECK_OUT, actor=actor_as("RECEPTIONIST", shop.branch_id), input=given)

    assert found["checkOut"]["__typename"] == "CheckOutSuccess"
    bill = found["checkOut"]["bill"]
    assert (bill["number"], bill["total"], bill["amountPaid"]) == ("BLR1/2627/00001", "1697.00", "1747.00")
    assert sorted(payment["change"] or "" for payment in bill["payments"]) == ["", "253.00"]
    assert len(asked) <= STATEMENTS_MAX


async def test_a_repeated_request_is_answered_and_not_charged_again(database: Database) -> None:
    shop = await make_shop(database)
    ask = Asker(database)
    given = sale(shop, ("CASH", "1787.00"))

    first = await ask(CHECK_OUT, key=KEY, input=given)
    again = await ask(CHECK_OUT, key=KEY, input=given)
    other = await ask(CHECK_OUT, key=KEY, input=sale(shop, ("UPI", "1787.00")))

    assert again["data"] == first["data"]
    assert again["extensions"]["idempotency"] == {"replayed": True}
    assert other["errors"][0]["extensions"]["code"] == "IDEMPOTENCY_KEY_REUSED"
    assert await database.pool.fetchval("select count(*) from bills") == 1


async def test_requests_at_once_with_one_key_have_one_effect(database: Database) -> None:
    shop = await make_shop(database)
    ask = Asker(database)
    given = sale(shop, ("CASH", "1787.00"))

    answers = await asyncio.gather(*(ask(CHECK_OUT, key=KEY, input=given) for _ in range(8)))

    numbers = {
        answer["data"]["checkOut"]["bill"]["number"] for answer in answers if answer.get("data", {}).get("checkOut")
    }
    assert numbers == {"BLR1/2627/00001"}
    assert await database.pool.fetchval("select count(*) from bills") == 1
    assert await database.pool.fetchval("select count(*) from money_moves") == 1


@pytest.mark.parametrize("name", ["checkOut", "addPayment", "postBill"])
async def test_what_moves_money_demands_a_key(database: Database, name: str) -> None:
    shop = await make_shop(database)
    bill_id = id_text("bill", await shop.create_bill())
    payment = {"method": "CASH", "amount": "1.00"}
    text, given = {
        "checkOut": (CHECK_OUT, sale(shop, ("CASH", "1787.00"))),
        "addPayment": (PAY, {"billId": bill_id, "payment": payment, "expectedVersion": 1}),
        "postBill": (POST, {"billId": bill_id, "expectedVersion": 1}),
    }[name]

    answer = await Asker(database)(text, key=None, input=given)

    assert answer["data"] == {name: None}
    assert answer["errors"][0]["extensions"]["code"] == "IDEMPOTENCY_KEY_REQUIRED"


async def test_expected_failures_say_what_the_till_needs(database: Database) -> None:
    shop = await make_shop(database)
    ask = Asker(database)
    receptionist = actor_as("RECEPTIONIST", shop.branch_id)
    cases: list[tuple[Any, dict[str, Any], dict[str, Any]]] = [
        ((("CASH", "1786.00"),), {}, {"__typename": "PaymentsDoNotAddUp", "due": "1787.00", "offered": "1786.00",
                                      "message": "The payments do not add up to what is due."}),
        ((("UPI", "1788.00"),), {}, {"__typename": "PaymentsExceedTotal", "due": "1787.00", "offered": "1788.00"}),
        ((("ON_ACCOUNT", "1787.00"),), {}, {"__typename": "CustomerRequired", "balanceDue": "1787.00"}),
        ((("CASH", "1787.00"),), {"discount": {"amount": "500.00"}, "discountReason": "x"},
         {"__typename": "DiscountNeedsApproval", "limit": "174.90", "discount": "500.00"}),
        ((), {"lines": []}, {"__typename": "InvalidInput", "issues": [{"path": ["lines"], "code": "REQUIRED"}]}),
    ]  # fmt: skip

    for payments, more, expected in cases:
        found = await ask.data(CHECK_OUT, actor=receptionist, input=sale(shop, *payments, **more))
        assert found["checkOut"] == expected


async def test_a_guarded_input_is_refused_before_any_work(database: Database, statements: Statements) -> None:
    shop = await make_shop(database)
    ask = Asker(database)
    given = sale(shop, ("CASH", "1787.00"))
    given["lines"][0]["unitPrice"] = "1.00"

    with statements.counted() as asked:
        answer = await ask(CHECK_OUT, actor=actor_as("RECEPTIONIST", shop.branch_id), input=given)

    (error,) = answer["errors"]
    assert (error["extensions"]["code"], error["extensions"]["coordinate"]) == ("FORBIDDEN", "BillLineInput.unitPrice")
    assert asked == []


async def test_a_draft_is_begun_changed_paid_and_posted(database: Database) -> None:
    shop = await make_shop(database)
    ask = Asker(database)
    bill_id = (await ask.data(CREATE, input=draft(shop)))["createBill"]["bill"]["id"]
    change = {"billId": bill_id, "expectedVersion": 1, "lines": draft(shop)["lines"][:1]}
    payment = {"method": "UPI", "amount": "500.00", "reference": "4242"}

    changed = await ask.data(UPDATE, input=change)
    stale = await ask.data(UPDATE, input=change)
    part = await ask.data(PAY, input={"billId": bill_id, "payment": payment, "expectedVersion": 2})
    rest = {"method": "CASH", "amount": "300.00"}
    whole = await ask.data(PAY, input={"billId": bill_id, "payment": rest, "expectedVersion": 3})
    late = await ask.data(UPDATE, input=change)
    posted = await ask.data(POST, input={"billId": bill_id, "expectedVersion": 4})

    assert changed["updateBill"] == {"__typename": "UpdateBillSuccess", "bill": {"total": "788.00", "version": 2}}
    assert stale["updateBill"] == {"__typename": "StaleVersion", "currentVersion": 2}
    assert part["addPayment"]["bill"] == {"status": "DRAFT", "number": None, "balanceDue": "288.00", "version": 3}
    assert whole["addPayment"] == {
        "__typename": "AddPaymentSuccess",
        "bill": {"status": "POSTED", "number": "BLR1/2627/00001", "balanceDue": "0.00", "version": 4},
        "payment": {"amount": "288.00", "change": "12.00"},
        "notPosted": [],
    }
    assert late["updateBill"] == {
        "__typename": "BillAlreadyPosted",
        "number": "BLR1/2627/00001",
        "bill": {"total": "788.00"},
    }
    assert posted["postBill"]["__typename"] == "BillAlreadyPosted"


async def test_money_that_was_kept_says_why_the_bill_is_not_posted(database: Database) -> None:
    shop = await make_shop(database)
    ask = Asker(database)
    bill_id = (await ask.data(CREATE, input=draft(shop)))["createBill"]["bill"]["id"]
    await database.pool.execute("update branches set tax_scheme = 'COMPOSITION'")
    given = {"billId": bill_id, "payment": {"method": "UPI", "amount": "1787.00"}, "expectedVersion": 1}

    found = await ask.data(PAY, key=KEY, input=given)
    again = await ask.data(PAY, key=KEY, input=given)

    assert found["addPayment"]["bill"] == {"status": "DRAFT", "number": None, "balanceDue": "0.00", "version": 2}
    assert [each["__typename"] for each in found["addPayment"]["notPosted"]] == ["StaleVersion"]
    assert again == found
    paid = await database.pool.fetchval("select paid_paise from bills where id = $1", id_value("bill", bill_id))
    assert paid == 178_700


async def test_a_draft_is_posted_with_a_balance_due(database: Database) -> None:
    shop = await make_shop(database)
    ask = Asker(database)
    anonymous = (await ask.data(CREATE, input=draft(shop)))["createBill"]["bill"]["id"]
    known = draft(shop, customerId=id_text("customer", shop.customer_id))
    bill_id = (await ask.data(CREATE, input=known))["createBill"]["bill"]["id"]

    refused = await ask.data(POST, input={"billId": anonymous, "expectedVersion": 1})
    posted = await ask.data(POST, input={"billId": bill_id, "expectedVersion": 1})

    assert refused["postBill"] == {"__typename": "CustomerRequired", "balanceDue": "1787.00"}
    assert posted["postBill"]["bill"] == {"status": "POSTED", "number": "BLR1/2627/00001", "balanceDue": "1787.00"}


async def test_ids_of_another_type_are_malformed(database: Database) -> None:
    shop = await make_shop(database)

    answer = await Asker(database)(POST, input={"billId": id_text("branch", shop.branch_id), "expectedVersion": 1})

    assert answer["errors"][0]["extensions"]["code"] == "BAD_REQUEST"


async def test_a_discount_is_an_amount_or_a_share_never_both(database: Database) -> None:
    shop = await make_shop(database)
    both = sale(shop, ("CASH", "1787.00"), discount={"amount": "1.00", "percentage": "1"}, discountReason="x")

    answer = await Asker(database)(CHECK_OUT, input=both)

    assert answer["errors"][0]["extensions"]["code"] == "BAD_REQUEST"
    assert await database.pool.fetchval("select count(*) from bills") == 0


async def test_quantities_are_told_by_line_and_one_when_left_out(database: Database) -> None:
    shop = await make_shop(database)
    given = sale(shop, ("CASH", "2536.00"))
    given["lines"][0]["quantity"] = None
    given["lines"][1]["quantity"] = "1.75"

    found = await Asker(database).data(CHECK_OUT, input=given)

    assert found["checkOut"]["bill"]["lines"] == [{"total": "787.50"}, {"total": "1748.25"}]


async def test_the_till_is_told_what_a_large_invoice_lacks_of_its_recipient(database: Database) -> None:
    shop = await make_shop(database)
    ask, nameless = Asker(database), await make_customer(database, phone=None)
    large = {
        "branchId": id_text("branch", shop.branch_id),
        "lines": [{"serviceId": id_text("service", shop.catalog.service_id), "quantity": "70"}],
        "payments": [{"method": "UPI", "amount": "55125.00"}],
    }
    text = """
        mutation($input: CheckOutInput!) {
            checkOut(input: $input) { ... on RecipientRequired { missing limit customer { id } } }
        }
    """

    of_nobody = await ask.data(text, input=large)
    of_somebody = await ask.data(text, input={**large, "customerId": id_text("customer", nameless)})

    assert of_nobody["checkOut"] == {"missing": ["NAME", "ADDRESS"], "limit": "50000.00", "customer": None}
    customer = {"id": id_text("customer", nameless)}
    assert of_somebody["checkOut"] == {"missing": ["ADDRESS"], "limit": "50000.00", "customer": customer}
