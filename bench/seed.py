"""Bills by COPY: as many as asked, spread over branches, days, customers and methods as a salon's are.

Foreign keys and triggers rest while the rows are copied, so a bill's entry is not there; every CHECK holds.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg

from salonos.kernel.database import plain_url
from salonos.kernel.ids import new_id

CUSTOMERS_PER_BILL = 0.15
DRAFT_OF, OWED_OF = 500, 100
"""One bill of so many is a draft, or still owed."""

BATCH = 20_000
FIRST = datetime(2024, 4, 1, 4, 30, tzinfo=UTC)
MINUTES = 60 * 24 * 900
FIRST_NAMES = ("Asha", "Meena", "Ravi", "Farah", "Joseph", "Lakshmi", "Imran", "Divya", "Kiran", "Sneha")
LAST_NAMES = ("Rao", "Shetty", "Khan", "D'Souza", "Iyer", "Gowda", "Patel", "Menon", "Kulkarni", "Das")
WARES = ("Haircut", "Beard trim", "Hair spa", "Root touch-up", "Head massage", "Facial", "Manicure", "Pedicure")
METHODS = ("CASH", "UPI", "CARD")

_MONEY = """
insert into money_moves (id, branch_id, business_date, direction, method, amount_paise, entry_id, received_at)
select money_move_id, bills.branch_id, payments.business_date, direction, method, amount_paise, coalesce(entry_id, bills.id),
       received_at
from payments join bills on bills.id = bill_id
"""
"""What the payments are shares of."""

Row = tuple[Any, ...]


@dataclass(frozen=True)
class Seeded:
    """What was copied, and where it belongs."""

    branch_ids: list[UUID]
    customer_ids: list[UUID]
    bill_ids: list[UUID]
    staff_id: UUID
    """Who did all of it."""


@dataclass(frozen=True)
class _Place:
    """What all bills refer to."""

    branch_ids: list[UUID]
    staff_id: UUID
    service_id: UUID


async def seed(database_url: str, *, bills: int, chance: int = 20261123) -> Seeded:
    """Copies customers and bills, each with two to four lines, nearly all posted and paid in one or two payments.

    The database holds a branch, a member of staff and a service already. The same `chance` gives the same bills. The
    tables are analysed afterwards.
    """
    owner = await asyncpg.connect(plain_url(database_url))
    try:
        place = _Place(
            [row["id"] for row in await owner.fetch("select id from branches order by id")],
            await owner.fetchval("select id from staff order by id limit 1"),
            await owner.fetchval("select id from services order by id limit 1"),
        )
        luck = random.Random(chance)
        await owner.execute("set session_replication_role = replica")
        people = [_customer(luck, number) for number in range(max(1, int(bills * CUSTOMERS_PER_BILL)))]
        await owner.copy_records_to_table("customers", records=people, columns=_CUSTOMER)
        customer_ids = [person[0] for person in people]
        bill_ids: list[UUID] = []
        for begin in range(0, bills, BATCH):
            made = list(_bills(luck, place, customer_ids, range(begin, min(bills, begin + BATCH)), bills))
            bill_ids += [each.bill[0] for each in made]
            await owner.copy_records_to_table("bills", records=[each.bill for each in made], columns=_BILL)
            lines = [line for each in made for line in each.lines]
            await owner.copy_records_to_table("bill_lines", records=lines, columns=_LINE)
            payments = [payment for each in made for payment in each.payments]
            await owner.copy_records_to_table("payments", records=payments, columns=_PAYMENT)
        await owner.execute(_MONEY)
        await owner.execute(
            "insert into bill_staff select distinct bill_id, staff_id from bill_lines on conflict do nothing"
        )
        await owner.execute("set session_replication_role = origin")
        await owner.execute("vacuum analyze customers, bills, bill_lines, bill_staff, payments, money_moves")
    finally:
        await owner.close()
    return Seeded(place.branch_ids, customer_ids, bill_ids, place.staff_id)


@dataclass(frozen=True)
class _Made:
    bill: Row
    lines: list[Row]
    payments: list[Row]


_CUSTOMER = ("id", "name", "first_name", "search_name", "search_first_name", "created_at")
_BILL = (
    *("id", "branch_id", "kind", "status", "number", "version", "customer_id", "created_at", "created_by_id"),
    *(
        "posted_at",
        "posted_by_id",
        "business_date",
        "place_of_supply",
        "gross_paise",
        "discount_paise",
        "taxable_paise",
    ),
    *("cgst_paise", "sgst_paise", "igst_paise", "round_off_paise", "total_paise", "tip_paise", "paid_paise"),
    *("payment_state", "entry_id"),
)
_LINE = (
    *("id", "bill_id", "position", "service_id", "staff_id", "description", "code", "quantity_milli"),
    *("unit_price_paise", "is_price_overridden", "rate_hundredths", "is_tax_included", "gross_paise"),
    *("discount_paise", "bill_discount_paise", "taxable_paise", "cgst_paise", "sgst_paise", "igst_paise"),
)
_PAYMENT = (
    *("id", "bill_id", "money_move_id", "method", "amount_paise", "tendered_paise", "change_paise"),
    *("business_date", "received_at", "received_by_id"),
)


def _customer(luck: random.Random, number: int) -> Row:
    first, last = luck.choice(FIRST_NAMES), luck.choice(LAST_NAMES)
    name = f"{first} {last} {number}"
    return new_id(), name, first, name.lower(), first.lower(), FIRST


def _bills(luck: random.Random, place: _Place, customer_ids: list[UUID], numbers: range, total: int) -> Iterator[_Made]:
    for number in numbers:
        at = FIRST + timedelta(minutes=MINUTES * number / total)
        yield _bill(luck, place, luck.choice(customer_ids) if luck.random() < 0.9 else None, number, at)  # noqa: PLR2004


def _bill(luck: random.Random, place: _Place, customer_id: UUID | None, number: int, at: datetime) -> _Made:
    bill_id, branch = _id(at, 4, number), luck.randrange(len(place.branch_ids))
    gross = [luck.randrange(5, 100) * 4_000 for _ in range(luck.randrange(2, 5))]  # 5 % on it is whole rupees
    lines = [_line(luck, place, bill_id, position, amount) for position, amount in enumerate(gross, 1)]
    taxable, tax = sum(gross), sum(gross) // 40
    total = taxable + 2 * tax
    day = (at + timedelta(hours=5, minutes=30)).date()
    first = total if luck.random() < 0.7 else total // 200 * 100  # noqa: PLR2004
    payments = [
        _payment(luck, place, bill_id, amount, at + timedelta(seconds=second), day)
        for second, amount in enumerate((first, total - first))
        if amount
    ]
    is_draft = number % DRAFT_OF == DRAFT_OF - 1
    if is_draft or (customer_id is not None and number % OWED_OF == 0):
        payments = []
    paid, state = (total, "PAID") if payments else (0, "UNPAID")
    status, written = ("DRAFT", None) if is_draft else ("POSTED", f"B{branch}/{number}")
    posted_at, posted_by, entry_id = (None, None, None) if is_draft else (at, place.staff_id, new_id())
    bill = (
        *(bill_id, place.branch_ids[branch], "TAX_INVOICE", status, written, 1, customer_id, at, place.staff_id),
        *(posted_at, posted_by, day, "29", taxable, 0, taxable, tax, tax, 0, 0, total, 0, paid, state, entry_id),
    )
    return _Made(bill, lines, payments)


def _line(luck: random.Random, place: _Place, bill_id: UUID, position: int, gross: int) -> Row:
    tax = gross // 40
    return (
        *(new_id(), bill_id, position, place.service_id, place.staff_id, luck.choice(WARES), "999721", 1_000, gross),
        *(False, 500, False, gross, 0, 0, gross, tax, tax, 0),
    )


def _payment(luck: random.Random, place: _Place, bill_id: UUID, amount: int, at: datetime, day: Any) -> Row:
    method = luck.choice(METHODS)
    cash = (amount, 0) if method == "CASH" else (None, None)
    return (new_id(), bill_id, new_id(), method, amount, *cash, day, at, place.staff_id)


def _id(at: datetime, kind: int, number: int) -> UUID:
    """A ULID of an instant: ids are ordered by time, as they are in a salon."""
    return UUID(int=(int(at.timestamp() * 1000) << 80) | (kind << 64) | number)
