"""G21: what a customer entrusts to us is unreadable in the database, whichever table or log row one looks into."""

from datetime import date
from uuid import UUID

import asyncpg

from salonos.customers import commands
from salonos.customers.commands import CustomerChanges, NewCustomer
from salonos.kernel.actor import Actor
from salonos.kernel.database import Database, plain_url

SYSTEM = Actor.system()
CANARIES = 40


def canary(place: int) -> NewCustomer:
    """A person whose every detail can be told from anything else."""
    return NewCustomer(
        name=f"Person {place}",
        phone=f"98{place:02d}7654{place:02d}",
        email=f"canary{place}@example.in",
        birth_date=date(1961, 1, 1 + place % 28),
        address=f"Canary House {place}",
        notes=f"Canary note {place}",
    )


async def everything(database: Database) -> str:
    """Every row of every table as text, as a dump has it."""
    owner = await asyncpg.connect(plain_url(database.url))
    tables = await owner.fetch("select format('%I', tablename) as name from pg_tables where schemaname = 'public'")
    rows = [await owner.fetch(f"select t::text as row from {table['name']} t") for table in tables]
    await owner.close()
    return "\n".join(row["row"] for found in rows for row in found)


def betrayed(dump: str) -> list[str]:
    """What of the canaries stands in a dump, as text or as hexadecimal bytes."""
    words = []
    for place in range(CANARIES):
        person = canary(place)
        assert person.phone is not None
        words += [person.phone, f"canary{place}@example.in", f"Canary House {place}", f"Canary note {place}"]
    words += [f"1961-01-{1 + day:02d}" for day in range(28)]
    return [word for word in words if word in dump or word.encode().hex() in dump]


async def test_no_detail_of_forty_people_stands_in_any_table(database: Database) -> None:
    async def create(place: int) -> UUID:
        return await database.run(SYSTEM, lambda work: commands.create_customer(work, canary(place)))

    async def update(customer_id: UUID) -> None:
        changes = CustomerChanges(notes="Canary note 1", phone="9800765400", shares_phone=True)
        await database.run(
            SYSTEM, lambda work: commands.update_customer(work, customer_id, changes, expected_version=1)
        )

    ids = [await create(place) for place in range(CANARIES)]
    for customer_id in ids[:5]:
        await update(customer_id)

    assert betrayed(await everything(database)) == []


async def test_the_proof_sees_what_is_not_sealed(database: Database) -> None:
    await database.run(
        SYSTEM, lambda work: commands.create_customer(work, NewCustomer(name="canary1@example.in, Canary note 3"))
    )
    await database.pool.execute("update customers set notes_sealed = 'Canary House 2'")

    assert betrayed(await everything(database)) == ["canary1@example.in", "Canary House 2", "Canary note 3"]
