"""Three friends at the counter, and what comes back the day after: bill, credit note, books, papers and shelf agree."""

from collections import defaultdict
from decimal import Decimal
from typing import Any

import httpx

from salonos.kernel.ids import id_text
from tests.bills.papers import text_of
from tests.journeys.client import Client
from tests.journeys.house import House
from tests.journeys.test_first_day import PASSWORD, Salon, furnish, running
from tests.journeys.test_stock import Person, furnish_more

__all__ = ["running"]

NEXT_DAY = "2026-11-24T11:00:00+05:30"
DRAFT = "bill { id version number status total tipTotal balanceDue discountApprovedBy { displayName } }"
PAID = f"{DRAFT} payment {{ method amount tendered change reference }} notPosted {{ message }}"
WHOLE = """
    id number kind status businessDate taxableTotal cgstTotal sgstTotal igstTotal roundOff total tipTotal balanceDue
    lines { id description quantity refunded taxRate taxable cgst sgst total }
    entry { lines { account { code } debit credit } }
    receiptUrl(format: A4)
    original { number }
"""
READ = f"""
    query Read($number: String!) {{ billByNumber(number: $number) {{ {WHOLE} creditNotes {{ {WHOLE} }} }} }}
"""
BILL = {"5": ("1932.21", "48.30"), "18": ("1454.05", "130.87")}
"""By rate: what is taxed, and each of the two taxes on it; 600.00 are off 4,248.00."""
NOTE = {"18": ("727.03", "65.44")}
PAPER_OF_BILL = (
    "TAX INVOICE", "Nayana Salons LLP", "BLR1/2627/00001", "23 Nov 2026", "Asha Kulkarni", "999721", "33059090",
    "Haircut", "Argan Serum", "2 PCS 999.00", "5 % 1,932.21 2.5 % 48.30 2.5 % 48.30 96.60",
    "18 % 1,454.05 9 % 130.87 9 % 130.87 261.74", "Place of supply Karnataka (29)", "Round-off 0.40",
    "Total ₹ 3,745.00", "Rupees Three Thousand Seven Hundred Forty-Five Only", "Reverse charge No",
    "Authorised signatory",
)  # fmt: skip
PAPER_OF_NOTE = (
    "CREDIT NOTE", "Nayana Salons LLP", "24 Nov 2026", "BLR1/2627/00001", "23 Nov 2026", "Asha Kulkarni", "33059090",
    "1 PCS", "18 % 727.03 9 % 65.44 9 % 65.44 130.88", "Total ₹ 858.00",
    "Rupees Eight Hundred Fifty-Eight Only",
)  # fmt: skip


async def test_three_friends_pay_and_one_bottle_comes_back(running: House) -> None:
    salon = await furnish(running.database_url)
    await furnish_more(running.database_url, salon)
    running.start("serve", "serve")
    await running.until_served()
    one, other = running.addresses
    branch, serum = id_text("branch", salon.branch_id), id_text("product", salon.catalog.product_id)
    async with Client(one) as a, Client(other) as b:
        desk, owner = await signed_in(a, "receptionist"), await signed_in(b, "owner")
        await owner.do("stockProduct", productId=serum, unit="PIECE")
        received = {"productId": serum, "quantity": "10", "unitCost": "500.00"}
        await owner.do("receiveStock", branchId=branch, lines=[received])
        number = await three_friends(desk, salon)
        bill = await read(owner, number)
        assert by_rate(bill) == BILL
        entry_says_what_the_lines_say(bill)
        assert (await owner.levels(branch))["Argan Serum"] == ("8.000", Decimal("4000.00"))

    assert running.stop() == 0
    running.start_servers()
    running.start("serve", "serve", clock=NEXT_DAY)
    await running.until_served()
    async with Client(one) as a, Client(other) as b:
        manager, owner = await signed_in(a, "manager"), await signed_in(b, "owner")
        await one_bottle_comes_back(manager, bill)
        bill = await read(owner, number)
        (note,) = bill["creditNotes"]
        assert (note["kind"], note["original"]["number"], note["total"]) == ("CREDIT_NOTE", number, "858.00")
        assert [line["refunded"] for line in bill["lines"]] == ["0.000", "0.000", "0.000", "1.000"]
        assert by_rate(note) == NOTE
        entry_says_what_the_lines_say(note)
        assert (await owner.levels(branch))["Argan Serum"] == ("9.000", Decimal("4500.00"))

        await paper_says(other, bill, PAPER_OF_BILL)
        await paper_says(other, note, (*PAPER_OF_NOTE, note["number"]))


async def signed_in(client: Client, username: str) -> Person:
    """Somebody who has just signed in."""
    await client.sign_in(username, PASSWORD)
    return Person(client)


async def three_friends(desk: Person, salon: Salon) -> str:
    """Three haircuts and two bottles on one draft; the manager lets 600.00 go; paid by UPI and in cash, with a tip.

    Returns the number.
    """
    branch, stylist = id_text("branch", salon.branch_id), id_text("staff", salon.stylist_id)
    haircut = {"serviceId": id_text("service", salon.catalog.service_id), "staffId": stylist}
    serum = {"productId": id_text("product", salon.catalog.product_id), "quantity": "2"}
    cart = {"branchId": branch, "customerId": id_text("customer", salon.customer_id), "lines": [haircut, haircut]}
    draft = (await desk.do("createBill", DRAFT, **cart))["bill"]
    changed: dict[str, Any] = {
        "billId": draft["id"],
        "expectedVersion": draft["version"],
        "customerId": cart["customerId"],
        "lines": [haircut, haircut, haircut, serum],
        "discount": {"amount": "600.00"},
        "discountReason": "They waited",
        "tips": [{"staffId": stylist, "amount": "255.00"}],
    }
    refused = await desk.client.data(
        "mutation($input: UpdateBillInput!) { updateBill(input: $input) { __typename } }", {"input": changed}
    )
    assert refused["updateBill"] == {"__typename": "DiscountNeedsApproval"}
    approved = await desk.do(
        "approve",
        "approvalId",
        username="manager",
        password=PASSWORD,
        action="BILL_DISCOUNT",
        branchId=branch,
        objectId=draft["id"],
        ceiling="600.00",
    )
    draft = (await desk.do("updateBill", DRAFT, **changed, approvalId=approved["approvalId"]))["bill"]
    assert (draft["total"], draft["tipTotal"], draft["balanceDue"]) == ("3745.00", "255.00", "4000.00")
    assert draft["discountApprovedBy"] == {"displayName": "Manager Rao"}

    upi = {"method": "UPI", "amount": "3000.00", "reference": "412345678901"}
    first = await desk.do("addPayment", PAID, billId=draft["id"], payment=upi, expectedVersion=draft["version"])
    assert (first["bill"]["status"], first["bill"]["balanceDue"]) == ("DRAFT", "1000.00")
    cash = {"method": "CASH", "amount": "1200.00"}
    last = await desk.do("addPayment", PAID, billId=draft["id"], payment=cash, expectedVersion=first["bill"]["version"])
    assert (last["bill"]["status"], last["payment"]["change"], last["notPosted"]) == ("POSTED", "200.00", [])
    number: str = last["bill"]["number"]
    return number


async def one_bottle_comes_back(manager: Person, bill: dict[str, Any]) -> None:
    """Unopened: it goes back on the shelf, and its money by UPI."""
    (serum,) = (line for line in bill["lines"] if line["description"] == "Argan Serum")
    await manager.do(
        "refundBill",
        billId=bill["id"],
        reason="Unopened",
        lines=[{"lineId": serum["id"], "quantity": "1"}],
        restock=True,
        paymentMethod="UPI",
        reference="512345678901",
    )


async def read(owner: Person, number: str) -> dict[str, Any]:
    """A bill with its credit notes."""
    bill: dict[str, Any] = (await owner.client.data(READ, {"number": number}))["billByNumber"]
    return bill


def by_rate(bill: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """What its lines tax, and each of the two taxes, which are alike, by rate."""
    sums: dict[str, list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0)])
    for line in bill["lines"]:
        assert line["cgst"] == line["sgst"]
        sums[line["taxRate"]][0] += Decimal(line["taxable"])
        sums[line["taxRate"]][1] += Decimal(line["cgst"])
    return {rate: (str(taxable), str(tax)) for rate, (taxable, tax) in sums.items()}


def entry_says_what_the_lines_say(bill: dict[str, Any]) -> None:
    """Both taxes and the sales in the books are those of the document; a note's stand on the other side."""
    side = "debit" if bill["kind"] == "CREDIT_NOTE" else "credit"
    booked = {line["account"]["code"]: line[side] for line in bill["entry"]["lines"]}
    rates = by_rate(bill).values()
    tax = str(sum(Decimal(tax) for _, tax in rates))
    assert (booked["2100"], booked["2101"]) == (tax, tax) == (bill["cgstTotal"], bill["sgstTotal"])
    sales = sum(Decimal(booked.get(account, 0)) for account in ("4000", "4010"))
    assert str(sales) == str(sum(Decimal(taxable) for taxable, _ in rates)) == bill["taxableTotal"]


async def paper_says(address: str, bill: dict[str, Any], wanted: tuple[str, ...]) -> None:
    """The A4 document, fetched by its link without signing in, shows every field."""
    async with httpx.AsyncClient(base_url=address, timeout=60) as anybody:
        answer = await anybody.get(bill["receiptUrl"])
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/pdf")
    text = text_of(answer.content)
    assert [each for each in wanted if each not in text] == [], text
