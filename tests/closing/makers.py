"""A salon that sells: two branches, a catalogue, people; and an independent reckoning of its days in plain Python."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

from salonos.accounting.rules import PaymentMethod
from salonos.bills import commands as bills
from salonos.bills.commands import NewLine, NewSale, NewTip
from salonos.bills.rules import Tender
from salonos.kernel.actor import Actor
from salonos.kernel.clock import parse_instant
from salonos.kernel.database import Database
from tests.catalog import makers as catalog
from tests.customers import makers as customers
from tests.identity import makers as identity

SYSTEM = Actor.system()
DAY = date(2026, 11, 20)
NOON = parse_instant("2026-11-20T12:00:00+05:30")
OPENING = parse_instant("2026-11-01T09:00:00+05:30")


@dataclass(frozen=True)
class Shop:
    """Two branches in Karnataka with a haircut, a facial and a serum, two people who work and two who come."""

    database: Database
    house: identity.House
    haircut_id: UUID
    facial_id: UUID
    serum_id: UUID
    staff_ids: tuple[UUID, UUID]
    customer_ids: tuple[UUID, UUID]

    @property
    def branch_id(self) -> UUID:
        """The first branch."""
        return self.house.branch_ids[0]

    async def sell(
        self,
        *lines: NewLine,
        now: datetime = NOON,
        branch: int = 0,
        customer_id: UUID | None = None,
        tips: tuple[NewTip, ...] = (),
        payments: tuple[Tender, ...] | None = None,
        by: PaymentMethod = PaymentMethod.CASH,
        due_paise: int = 0,
    ) -> UUID:
        """A bill sold and paid: by one method, or by `payments`."""
        paid = payments if payments is not None else (Tender(by, due_paise),)
        new = NewSale(
            branch_id=self.house.branch_ids[branch], lines=lines, customer_id=customer_id, tips=tips, payments=paid
        )
        return await self.database.run(SYSTEM, lambda work: bills.check_out(work, new), now=now)

    async def collect(self, bill_id: UUID, tender: Tender, *, version: int, now: datetime) -> None:
        """Money towards a bill."""
        await self.database.run(
            SYSTEM, lambda work: bills.add_payment(work, bill_id, tender, expected_version=version), now=now
        )


async def open_shop(database: Database) -> Shop:
    """The shop, its branches in business since OPENING."""
    house = await identity.open_house(database)
    await database.pool.execute("update branches set created_at = $1", OPENING)
    things = await catalog.make_catalog(database)
    facial = await catalog.make_service(
        database, things.service_class_id, name="Facial", sac_code="999722", price_paise=123_450
    )
    staff = (await house.take_on("STAFF", branches=()), await house.take_on("STAFF", branches=()))
    people = (
        await customers.make_customer(database),
        await customers.make_customer(database, "Ravi Rao", "+919845054321"),
    )
    return Shop(database, house, things.service_id, facial, things.product_id, staff, people)


@dataclass
class Reckoning:
    """A day of one branch, as a person with a pencil would add it up from the rows."""

    figures: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    taxes: dict[int, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0, 0, 0]))
    payments: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    services: dict[UUID, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))
    staff: dict[UUID, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))


async def rows(database: Database, table: str) -> list[dict[str, Any]]:
    """All of a table."""
    return [
        {name: UUID(bytes=value.bytes) if hasattr(value, "bytes") else value for name, value in row.items()}
        for row in await database.pool.fetch(f"select * from {table}")
    ]


async def reckon(database: Database, branch_id: UUID, day: date) -> Reckoning:
    """The reckoning of a day, from all rows there are."""
    found = Reckoning()
    bill_rows = {row["id"]: row for row in await rows(database, "bills")}
    of_day = {
        row["id"]: row
        for row in bill_rows.values()
        if (row["branch_id"], row["business_date"], row["status"]) == (branch_id, day, "POSTED")
    }
    for bill in of_day.values():
        _add_bill(found, bill)
    _count_guests(found, bill_rows.values(), of_day.values(), day)
    for line in await rows(database, "bill_lines"):
        if line["bill_id"] in of_day:
            _add_line(found, line, -1 if of_day[line["bill_id"]]["kind"] == "CREDIT_NOTE" else 1)
    for payment in await rows(database, "payments"):
        bill = bill_rows[payment["bill_id"]]
        if (bill["branch_id"], payment["business_date"]) != (branch_id, day):
            continue
        kept = payment["amount_paise"] if payment["direction"] == "IN" else -payment["amount_paise"]
        found.payments[payment["method"]] += kept
        found.figures["collected_paise"] += kept
        if bill["status"] == "POSTED" and bill["business_date"] < day:
            found.figures["debt_collected_paise"] += payment["amount_paise"]
    found.figures["net_paise"] = found.figures["sales_paise"] - found.figures["refund_paise"]
    return found


def _add_bill(found: Reckoning, bill: dict[str, Any]) -> None:
    tax = bill["cgst_paise"] + bill["sgst_paise"] + bill["igst_paise"]
    if bill["kind"] == "CREDIT_NOTE":
        found.figures["refund_paise"] += bill["total_paise"]
        found.figures["tax_paise"] -= tax
        return
    found.figures["bill_count"] += 1
    found.figures["tax_paise"] += tax
    for ours, theirs in (("gross", "gross"), ("discount", "discount"), ("sales", "total"), ("tip", "tip")):
        found.figures[f"{ours}_paise"] += bill[f"{theirs}_paise"]


def _count_guests(
    found: Reckoning, everything: Iterable[dict[str, Any]], of_day: Iterable[dict[str, Any]], day: date
) -> None:
    seen = {
        bill["customer_id"]
        for bill in everything
        if bill["status"] == "POSTED" and bill["kind"] != "CREDIT_NOTE" and bill["business_date"] < day
    }
    guests = {bill["customer_id"] for bill in of_day if bill["kind"] != "CREDIT_NOTE"} - {None}
    found.figures["new_customer_count"] = len(guests - seen)
    found.figures["returning_customer_count"] = len(guests & seen)


def _add_line(found: Reckoning, line: dict[str, Any], sign: int) -> None:
    amounts = [line[name] for name in ("taxable_paise", "cgst_paise", "sgst_paise", "igst_paise")]
    found.taxes[line["rate_hundredths"]] = [
        a + sign * b for a, b in zip(found.taxes[line["rate_hundredths"]], amounts, strict=True)
    ]
    if line["service_id"]:
        service = found.services[line["service_id"]]
        service[0] += sign * line["quantity_milli"]
        service[1] += sign * line["taxable_paise"]
    if line["staff_id"]:
        person = found.staff[line["staff_id"]]
        person[0] += sign == 1
        person[1] += sign * line["taxable_paise"]
