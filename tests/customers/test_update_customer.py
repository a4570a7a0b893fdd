"""A customer is changed: what is left out stays, what is named goes, and of two changes the second is told."""

from uuid import UUID

import pytest

from salonos.customers import commands
from salonos.customers.commands import CustomerChanges
from salonos.customers.problems import CustomerExists
from salonos.customers.rules import CustomerDetail, Gender
from salonos.kernel import crypto
from salonos.kernel.actor import Actor
from salonos.kernel.database import Database
from salonos.kernel.problems import InvalidInput, StaleVersion
from tests.customers.makers import ASHA_PHONE, make_customer

SYSTEM = Actor.system()


async def update(database: Database, customer_id: UUID, changes: CustomerChanges, version: int = 1) -> None:
    await database.run(
        SYSTEM, lambda work: commands.update_customer(work, customer_id, changes, expected_version=version)
    )


async def test_what_is_left_out_stays(database: Database) -> None:
    customer_id = await make_customer(database, email="asha@example.in", notes="Likes tea")
    before = await database.pool.fetchrow("select * from customers")

    await update(database, customer_id, CustomerChanges(name="Asha Menon-Rao", gender=Gender.FEMALE))

    after = await database.pool.fetchrow("select * from customers")
    changed = {key for key in before.keys() if before[key] != after[key]}  # noqa: SIM118  a Record iterates its values
    assert changed == {"name", "search_name", "gender", "version"}


async def test_what_is_named_goes_with_everything_it_is_found_by(database: Database) -> None:
    customer_id = await make_customer(
        database, email="asha@example.in", notes="Likes tea", address="Here", gender=Gender.OTHER
    )

    await update(database, customer_id, CustomerChanges(removes=frozenset(CustomerDetail)))

    row = await database.pool.fetchrow("select * from customers")
    kept = {key for key in row.keys() if row[key] is not None}  # noqa: SIM118  a Record iterates its values
    assert kept == {
        "id", "name", "first_name", "search_name", "search_first_name", "person_key", "version", "created_at",
    }  # fmt: skip


async def test_a_new_phone_number_is_sealed_and_found_anew(database: Database) -> None:
    customer_id = await make_customer(database)
    before = await database.pool.fetchval("select phone_index from customers")

    await update(database, customer_id, CustomerChanges(phone="9000000001"))

    row = await database.pool.fetchrow("select * from customers")
    place = crypto.place_of("customers", "phone_sealed", customer_id.hex)
    assert crypto.keyring().open(row["person_key"], row["phone_sealed"], place=place) == "+919000000001"
    assert (row["phone_last_digits"], row["phone_index"] == before) == ("0001", False)


async def test_the_number_of_somebody_else_is_a_question_and_ones_own_is_not(database: Database) -> None:
    first = await make_customer(database)
    second = await make_customer(database, "Ravi", "9000000001")

    await update(database, first, CustomerChanges(phone=ASHA_PHONE))
    with pytest.raises(CustomerExists) as asked:
        await update(database, second, CustomerChanges(phone=ASHA_PHONE))
    await update(database, second, CustomerChanges(phone=ASHA_PHONE, shares_phone=True))

    assert asked.value.customer_id == first


async def test_of_two_changes_the_second_is_told(database: Database) -> None:
    customer_id = await make_customer(database)
    await update(database, customer_id, CustomerChanges(notes="Likes tea"))

    with pytest.raises(StaleVersion) as refused:
        await update(database, customer_id, CustomerChanges(notes="Likes coffee"))

    assert refused.value.current_version == 2


async def test_nobody_is_not_changed(database: Database) -> None:
    with pytest.raises(InvalidInput) as refused:
        await update(database, UUID(int=1), CustomerChanges(notes="x"))

    assert [(issue.path, issue.code) for issue in refused.value.issues] == [(("customerId",), "NOT_FOUND")]
