"""The first day of a salon, through HTTP and websocket: sold, booked, seen live, repeated, summed up, killed, and there."""

import asyncio
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from salonos.customers import commands as customers
from salonos.identity import commands as identity
from salonos.identity import rules as identity_rules
from salonos.kernel import crypto, migrations
from salonos.kernel.actor import Actor
from salonos.kernel.database import Database
from salonos.kernel.ids import id_text
from tests.catalog.makers import Catalog, make_catalog
from tests.journeys.client import Client
from tests.journeys.house import SECRET, House, house
from tests.salon.makers import make_branch, make_salon

SYSTEM = Actor.system()
NOON = "2026-11-23T12:00:00+05:30"
LATE = "2026-11-23T21:50:00+05:30"
PASSWORD = "nine purple umbrellas"
SUMMARY_S = 30.0


@dataclass(frozen=True)
class Salon:
    """What the journey needs to know by id."""

    branch_id: UUID
    customer_id: UUID
    stylist_id: UUID
    catalog: Catalog


@pytest.fixture
def running() -> Iterator[House]:
    folder = Path(tempfile.mkdtemp(prefix="salonos-"))
    with house(folder / "home", clock=NOON) as made:
        yield made
    shutil.rmtree(folder, ignore_errors=True)


async def furnish(url: str) -> Salon:
    """A salon with one branch, two items, one customer, and people to sign in."""
    crypto.configure(crypto.Keyring(SECRET.encode()))
    await migrations.upgrade(url)
    database = await Database.open(url, set_clock=datetime(2026, 11, 23, 3, tzinfo=UTC))
    await make_salon(database)
    branch_id = await make_branch(database)
    catalog = await make_catalog(database)
    password_hash = await identity.new_hash(PASSWORD)
    ids: dict[str, UUID] = {}
    for role in ("OWNER", "RECEPTIONIST", "STAFF"):
        new = identity.NewStaffMember(
            display_name=f"{role.capitalize()} Rao",
            username=role.lower(),
            password_hash=password_hash,
            role_id=identity_rules.BUILT_IN_ROLE_IDS[role],
            branch_ids=() if role == "OWNER" else (branch_id,),
            all_branches=role == "OWNER",
            is_service_provider=role == "STAFF",
        )
        ids[role] = await database.run(SYSTEM, lambda work, n=new: identity.create_staff_member(work, n))
    asha = customers.NewCustomer(name="Asha Kulkarni", phone="98765 43210")
    customer_id = await database.run(SYSTEM, lambda work: customers.create_customer(work, asha))
    await database.close()
    return Salon(branch_id, customer_id, ids["STAFF"], catalog)


FIND = """
    query Find($search: String!) {
        customers(first: 5, filter: { search: $search }) { nodes { id name phone } }
    }
"""
CHECK_OUT = """
    mutation Sell($input: CheckOutInput!) {
        checkOut(input: $input) {
            __typename
            ... on Problem { message }
            ... on InvalidInput { issues { path code message } }
            ... on CheckOutSuccess {
                bill {
                    id number status paymentState kind businessDate
                    grossTotal discountTotal taxableTotal cgstTotal sgstTotal igstTotal roundOff total
                    amountPaid balanceDue
                    customer { name phone }
                    lines { position description quantity unitPrice taxRate taxIncluded code taxable cgst sgst total }
                    payments { method amount tendered change reference }
                }
            }
        }
    }
"""
POSTED = """
    subscription Posted($after: EventCursor) {
        billPosted(after: $after) { cursor occurredAt bill { number total entry { number } } }
    }
"""
BOOKS = """
    {
        trialBalance { totalDebit totalCredit rows { account { code } debit credit } }
        entries(first: 5) { nodes { number lines { account { code } debit credit } } }
    }
"""
STYLIST = """
    { bills(first: 5) { nodes { number customer { name phone } lines { unitCost } } } }
"""
SUMMARY = """
    query Summary($branch: ID!, $date: Date!) {
        daySummary(branchId: $branch, date: $date) {
            billCount salesTotal taxTotal netTotal collectedTotal isFinal paymentTotals { method amount }
        }
    }
"""


def cart(salon: Salon, customer_id: str) -> dict[str, Any]:
    """One service and one retail product, paid in cash and by UPI."""
    return {
        "branchId": id_text("branch", salon.branch_id),
        "customerId": customer_id,
        "lines": [
            {"serviceId": id_text("service", salon.catalog.service_id), "staffId": id_text("staff", salon.stylist_id)},
            {"productId": id_text("product", salon.catalog.product_id)},
        ],
        "payments": [
            {"method": "CASH", "amount": "1000.00"},
            {"method": "UPI", "amount": "787.00", "reference": "412345678901"},
        ],
    }


async def test_the_first_day_of_a_salon(running: House) -> None:
    salon = await furnish(running.database_url)
    running.start("serve", "serve")
    await running.until_served()
    one, other = running.addresses
    async with Client(one) as till, Client(other) as owner, Client(one) as stylist:
        await till.sign_in("receptionist", PASSWORD)
        await owner.sign_in("owner", PASSWORD)
        await stylist.sign_in("staff", PASSWORD)

        found = (await till.data(FIND, {"search": "9876543210"}))["customers"]["nodes"]
        assert found == [
            {"id": id_text("customer", salon.customer_id), "name": "Asha Kulkarni", "phone": "+919876543210"}
        ]

        async with owner.subscribe(POSTED) as events:
            key = "journey-key-0123456789"
            variables = {"input": cart(salon, found[0]["id"])}
            first = await till.ask(CHECK_OUT, variables, key=key)
            sold = await is_right(first)
            event = (await events.next())["data"]["billPosted"]
            assert event["bill"] == {"number": "BLR1/2627/00001", "total": "1787.00", "entry": {"number": 1}}

        again = await till.ask(CHECK_OUT, variables, key=key)
        assert again["data"] == first["data"]
        assert again["extensions"] == {"idempotency": {"replayed": True}}
        other_cart = {"input": {**variables["input"], "notes": "another"}}
        refused = await till.ask(CHECK_OUT, other_cart, key=key)
        assert refused["errors"][0]["extensions"]["code"] == "IDEMPOTENCY_KEY_REUSED"

        await the_books_are_right(owner)
        await the_stylist_sees_no_more_than_is_due(stylist)

    running.start("worker", clock=LATE)
    async with Client(other) as owner:
        await owner.sign_in("owner", PASSWORD)
        summary = await the_summary(owner, salon)

    running.kill()
    running.start_servers()
    running.start("serve", "serve")
    await running.until_served()
    async with Client(one) as owner:
        await owner.sign_in("owner", PASSWORD)
        bill = (await owner.data("query($id: ID!) { bill(id: $id) { number total balanceDue } }", {"id": sold["id"]}))[
            "bill"
        ]
        assert bill == {"number": "BLR1/2627/00001", "total": "1787.00", "balanceDue": "0.00"}
        await the_books_are_right(owner)
        assert await the_summary(owner, salon) == summary
        async with owner.subscribe(POSTED, {"after": event["cursor"]}) as events:
            await till_sells_again(one, salon)
            assert (await events.next())["data"]["billPosted"]["bill"]["number"] == "BLR1/2627/00002"


async def is_right(answer: dict[str, Any]) -> dict[str, Any]:
    """The bill of the cart, to the paisa."""
    assert "errors" not in answer, answer
    result = answer["data"]["checkOut"]
    assert result["__typename"] == "CheckOutSuccess", result
    bill: dict[str, Any] = result["bill"]
    assert {name: bill[name] for name in ("number", "status", "paymentState", "kind", "businessDate")} == {
        "number": "BLR1/2627/00001",
        "status": "POSTED",
        "paymentState": "PAID",
        "kind": "TAX_INVOICE",
        "businessDate": "2026-11-23",
    }
    totals = ("taxableTotal", "cgstTotal", "sgstTotal", "igstTotal", "roundOff", "total", "amountPaid", "balanceDue")
    expected = ("1596.62", "94.94", "94.94", "0.00", "0.50", "1787.00", "1787.00", "0.00")
    assert [bill[name] for name in totals] == list(expected)
    assert [(line["taxable"], line["cgst"], line["taxRate"], line["total"]) for line in bill["lines"]] == [
        ("750.00", "18.75", "5", "787.50"),
        ("846.62", "76.19", "18", "999.00"),
    ]
    assert [(paid["method"], paid["amount"]) for paid in bill["payments"]] == [("CASH", "1000.00"), ("UPI", "787.00")]
    return bill


async def the_books_are_right(owner: Client) -> None:
    """The entry of the plan's example, and a trial balance that sums to zero."""
    books = await owner.data(BOOKS)
    (entry,) = books["entries"]["nodes"]
    lines = {line["account"]["code"]: (line["debit"], line["credit"]) for line in entry["lines"]}
    assert lines == {
        "1000": ("1000.00", "0.00"),
        "1020": ("787.00", "0.00"),
        "2100": ("0.00", "94.94"),
        "2101": ("0.00", "94.94"),
        "4000": ("0.00", "750.00"),
        "4010": ("0.00", "846.62"),
        "4900": ("0.00", "0.50"),
    }
    trial = books["trialBalance"]
    assert trial["totalDebit"] == trial["totalCredit"] == "1787.00"
    assert {row["account"]["code"] for row in trial["rows"]} == set(lines)


async def the_stylist_sees_no_more_than_is_due(stylist: Client) -> None:
    """The bill of the own work, with a masked name and number, and no cost."""
    answer = await stylist.ask(STYLIST)
    assert answer["data"]["bills"]["nodes"] == [
        {
            "number": "BLR1/2627/00001",
            "customer": {"name": "Asha", "phone": "••••••3210"},
            "lines": [{"unitCost": None}, {"unitCost": None}],
        }
    ]
    told = [(e["extensions"]["code"], e["extensions"]["coordinate"]) for e in answer["errors"]]
    assert told == [("FORBIDDEN", "BillLine.unitCost")]


async def the_summary(owner: Client, salon: Salon) -> dict[str, Any]:
    """The day's figures, once the worker has written them."""
    variables = {"branch": id_text("branch", salon.branch_id), "date": "2026-11-23"}
    deadline = asyncio.get_running_loop().time() + SUMMARY_S
    summary = None
    while summary is None and asyncio.get_running_loop().time() < deadline:
        summary = (await owner.data(SUMMARY, variables))["daySummary"]
        await asyncio.sleep(0.1)
    assert summary is not None
    assert {name: summary[name] for name in ("billCount", "salesTotal", "taxTotal", "netTotal", "collectedTotal")} == {
        "billCount": 1,
        "salesTotal": "1787.00",
        "taxTotal": "189.88",
        "netTotal": "1787.00",
        "collectedTotal": "1787.00",
    }
    assert {paid["method"]: paid["amount"] for paid in summary["paymentTotals"]} == {"CASH": "1000.00", "UPI": "787.00"}
    found: dict[str, Any] = summary
    return found


async def till_sells_again(address: str, salon: Salon) -> None:
    """After the restart the till goes on where it was."""
    async with Client(address) as till:
        await till.sign_in("receptionist", PASSWORD)
        answer = await till.data(CHECK_OUT, {"input": cart(salon, id_text("customer", salon.customer_id))})
        assert answer["checkOut"]["__typename"] == "CheckOutSuccess", answer
