"""A customer is created: sealed, found by keyed hash, and only once for one phone number unless somebody says so."""

import asyncio
from datetime import date
from uuid import UUID

import pytest

from salonos.customers import commands, queries
from salonos.customers.commands import NewCustomer
from salonos.customers.problems import CustomerExists
from salonos.customers.rules import Gender
from salonos.kernel import crypto
from salonos.kernel.actor import Actor, Reach, access
from salonos.kernel.database import Database
from salonos.kernel.permissions import ROLES
from salonos.kernel.problems import Forbidden, InvalidInput
from tests.customers.makers import ASHA, ASHA_PHONE, make_customer
from tests.statements import Statements

SYSTEM = Actor.system()
SEALED = {
    "phone_sealed": ASHA_PHONE,
    "email_sealed": "asha@example.in",
    "birth_date_sealed": "1994-03-08",
    "address_sealed": "4, Lavelle Road\nBengaluru",
    "notes_sealed": "Allergic to ammonia",
}


async def make_whole(database: Database) -> UUID:
    return await make_customer(
        database,
        phone="98450 12345",
        email="asha@example.in",
        gender=Gender.FEMALE,
        birth_date=date(1994, 3, 8),
        address="4, Lavelle Road\nBengaluru",
        notes="Allergic to ammonia",
    )


async def test_what_is_personal_lies_sealed_and_opens_at_its_place_only(database: Database) -> None:
    customer_id = await make_whole(database)

    row = await database.pool.fetchrow("select * from customers")

    ring = crypto.keyring()
    for column, value in SEALED.items():
        place = crypto.place_of("customers", column, customer_id.hex)
        assert ring.open(row["person_key"], row[column], place=place) == value
    with pytest.raises(crypto.SealBroken):
        ring.open(
            row["person_key"], row["notes_sealed"], place=crypto.place_of("customers", "phone_sealed", customer_id.hex)
        )
    assert (row["name"], row["first_name"], row["phone_last_digits"]) == (ASHA, "Asha", "2345")
    assert (row["search_name"], row["search_first_name"]) == ("asha menon", "asha")


async def test_no_personal_word_stands_in_the_audit_trail(database: Database) -> None:
    await make_whole(database)

    trail = await database.pool.fetchval("select changes::text from audit_log where table_name = 'customers'")
    key = await database.pool.fetchval("select person_key from customers")

    for word in ("Asha", "asha", "Menon", "2345", "Lavelle", "ammonia", "1994", "FEMALE", key.hex()):
        assert word not in trail
    assert '"person_key": "changed"' in trail


async def test_a_phone_number_in_use_is_a_question(database: Database) -> None:
    first = await make_customer(database)
    child = NewCustomer(name="Diya Menon", phone="098450-12345", shares_phone=True)

    with pytest.raises(CustomerExists) as asked:
        await make_customer(database, "Diya Menon", "098450-12345")
    await database.run(SYSTEM, lambda work: commands.create_customer(work, child))

    assert asked.value.customer_id == first
    assert await database.pool.fetchval("select count(*) from customers") == 2


async def test_two_tills_at_once_create_one_customer(database: Database) -> None:
    async def attempt() -> UUID:
        return await make_customer(database)

    results = await asyncio.gather(*(attempt() for _ in range(6)), return_exceptions=True)

    made = [result for result in results if isinstance(result, UUID)]
    found = [result.customer_id for result in results if isinstance(result, CustomerExists)]
    assert len(made) == 1
    assert found == made * 5


async def test_what_is_wrong_is_listed_at_once(database: Database) -> None:
    wrong = NewCustomer(name=" ", phone="12", email="asha", birth_date=date(2999, 1, 1), notes="a\x07")

    with pytest.raises(InvalidInput) as refused:
        await database.run(SYSTEM, lambda work: commands.create_customer(work, wrong))

    assert [(issue.path, issue.code) for issue in refused.value.issues] == [
        (("name",), "REQUIRED"),
        (("phone",), "INVALID_PHONE"),
        (("email",), "INVALID_EMAIL"),
        (("birthDate",), "OUT_OF_RANGE"),
        (("notes",), "INVALID_TEXT"),
    ]


@pytest.mark.parametrize("role", ["STAFF", "ACCOUNTANT"])
async def test_who_may_not_write_customers_creates_none(database: Database, role: str) -> None:
    actor = Actor(UUID(int=1), access(ROLES[role].permissions, ROLES[role].own, Reach.ALL))

    with pytest.raises(Forbidden):
        await database.run(actor, lambda work: commands.create_customer(work, NewCustomer(name=ASHA)))

    assert await database.pool.fetchval("select count(*) from customers") == 0


async def test_a_customer_takes_four_statements_and_without_a_phone_two(
    database: Database, statements: Statements
) -> None:
    with statements.counted() as asked:
        await make_customer(database)
    with statements.counted() as nameless:
        await make_customer(database, "Ravi", None)

    assert len(asked) == 4, "the transaction's first, the number's lock, who has it, the row"
    assert len(nameless) == 2


async def test_a_bill_finds_its_customer(database: Database) -> None:
    customer_id = await make_customer(database)

    found = await database.run(SYSTEM, lambda work: queries.customer_for_bill(work, customer_id))
    missing = await database.run(SYSTEM, lambda work: queries.customer_for_bill(work, UUID(int=1)))

    assert found is not None
    assert (found.id, missing) == (customer_id, None)
