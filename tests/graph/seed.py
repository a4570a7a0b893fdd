"""The rows of the test world: known, with ties, trailing zeros, quotes, nulls and every status."""

import random  # noqa: TID251  seeded, so that a failure can be made again
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import asyncpg
from sqlalchemy import create_mock_engine
from sqlalchemy.dialects import postgresql

from salonos.kernel import crypto
from salonos.kernel.database import APPLICATION_ROLE, plain_url
from salonos.kernel.ids import id_text
from tests.graph import tables
from tests.graph.people import BRANCHES, STAFF

START = datetime(2026, 11, 1, 9, 0, 0, tzinfo=UTC)
KINDS = {"customer": 3, "bill": 4, "line": 5, "payment": 6}


def uid(kind: str, number: int) -> UUID:
    """The id of the n-th row of a kind."""
    return UUID(int=(KINDS[kind] << 80) + number)


def bill(number: int) -> str:
    """The n-th bill's id."""
    return id_text("bill", uid("bill", number))


def customer(number: int) -> str:
    """The n-th customer's id."""
    return id_text("customer", uid("customer", number))


def ddl() -> list[str]:
    """The statements that make the world's tables."""
    made: list[str] = []
    dialect = postgresql.dialect()
    engine = create_mock_engine("postgresql://", lambda sql, *_, **__: made.append(str(sql.compile(dialect=dialect))))
    tables.Base.metadata.create_all(engine, checkfirst=False)
    return made


async def build(url: str, *, customers: int, bills: int) -> None:
    """Makes and fills the tables, as the owner of the database."""
    link = await asyncpg.connect(plain_url(url))
    try:
        for statement in ddl():
            await link.execute(statement)
        await link.execute(f"grant select, insert, update, delete on all tables in schema public to {APPLICATION_ROLE}")
        await fill(link, customers, bills)
    finally:
        await link.close()


async def fill(link: "asyncpg.Connection[asyncpg.Record]", customers: int, bills: int) -> None:
    """The rows."""
    names = [{"id": each, "name": f"Branch {number}"} for number, each in enumerate(BRANCHES)]
    await copy(link, "world_branches", names)
    await copy(link, "world_customers", [one_customer(number) for number in range(customers)])
    dice = random.Random(7)
    made = [one_bill(dice, number, customers) for number in range(bills)]
    await copy(link, "world_bills", made)
    lines = [one_line(dice, n, p) for n in range(bills) for p in range(dice.randrange(4) if n % 4 else 3)]
    await copy(link, "world_bill_lines", lines)
    payments = [one_payment(dice, each, n, p) for n, each in enumerate(made) for p in range(dice.randrange(3))]
    await copy(link, "world_payments", payments)


async def copy(link: "asyncpg.Connection[asyncpg.Record]", table: str, rows: list[dict[str, object]]) -> None:
    """Copies rows into a table."""
    columns = list(rows[0])
    await link.copy_records_to_table(table, columns=columns, records=[tuple(each.values()) for each in rows])


def phone(number: int) -> str:
    """The n-th customer's telephone number."""
    return f"+9198{number:08d}"


def one_customer(number: int) -> dict[str, object]:
    """Every seventh has no telephone."""
    row_id, ring = uid("customer", number), crypto.keyring()
    key, has_phone = ring.new_person_key(), number % 7 != 3
    place = crypto.place_of("world_customers", "phone_sealed", row_id.hex)
    first_name = f"Asha{chr(65 + number % 26)}"
    return {
        "id": row_id,
        "name": f'{first_name} "R" {number:05d}',
        "first_name": first_name,
        "person_key": key,
        "phone_sealed": ring.seal(key, phone(number), place=place) if has_phone else None,
        "phone_last_digits": phone(number)[-4:] if has_phone else None,
        "phone_hash": ring.index("phone", phone(number)) if has_phone else None,
        "notes": None if number % 2 else f"note\n{number}",
        "tags": [f"tag{n} 'é" for n in range(number % 3)],
    }


def one_bill(dice: random.Random, number: int, customers: int) -> dict[str, object]:
    """Times with ties and trailing zeros; amounts around zero."""
    status = dice.choice(["DRAFT", "POSTED", "POSTED", "VOID"])
    at = START + timedelta(seconds=number // 3, microseconds=dice.choice([0, 0, 100000, 123456, 5]))
    total = dice.choice([0, 5, -5, 118000, 99, dice.randrange(10**6)])
    return {
        "id": uid("bill", number),
        "branch_id": dice.choice(BRANCHES),
        "customer_id": None if number % 5 == 0 else uid("customer", dice.randrange(customers)),
        "staff_id": dice.choice(STAFF),
        "original_id": uid("bill", number - 1) if number % 9 == 8 else None,
        "number": None if status == "DRAFT" else f"B-{number}",
        "status": status,
        "created_at": at,
        "posted_at": None if status == "DRAFT" else at,
        "business_date": date(2026, 11, 1 + number % 28),
        "total_paise": total,
        "paid_paise": dice.choice([0, total]),
        "version": 1,
    }


def one_line(dice: random.Random, number: int, place: int) -> dict[str, object]:
    """A line of the n-th bill."""
    return {
        "id": uid("line", number * 8 + place),
        "bill_id": uid("bill", number),
        "position": place + 1,
        "description": f"Cut {place} äß€",
        "quantity_milli": dice.choice([1000, 1500, 1, -250]),
        "tax_rate": dice.choice([0, 250, 500, 1800, 1225]),
        "total_paise": dice.randrange(10**5),
        "cost_paise": dice.randrange(10**4),
    }


def one_payment(dice: random.Random, paid: dict[str, object], number: int, place: int) -> dict[str, object]:
    """A payment of the n-th bill."""
    return {
        "id": uid("payment", number * 8 + place),
        "bill_id": paid["id"],
        "method": dice.choice(["CASH", "UPI"]),
        "amount_paise": paid["paid_paise"],
        "reference": None if place else "ref",
        "received_at": paid["created_at"],
    }
