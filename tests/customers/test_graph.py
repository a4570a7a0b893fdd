"""Customers through the schema: what is sealed, masked, found and out of reach."""

from base64 import urlsafe_b64decode
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import pytest

from salonos.customers import commands, graph
from salonos.customers.rules import Gender
from salonos.kernel.actor import Actor
from salonos.kernel.database import Database
from salonos.kernel.ids import id_text
from salonos.salon import graph as salon
from tests.customers.makers import ASHA_PHONE, make_customer
from tests.identity.makers import open_house
from tests.salon.asker import Asker, actor_of
from tests.statements import Statements

SYSTEM = Actor.system()
LIST = """query($first: Int, $filter: CustomerFilter, $order: CustomerOrder, $after: String) {
    customers(first: $first, filter: $filter, orderBy: $order, after: $after) {
        nodes { name phone } edges { cursor } totalCount } }"""
WHOLE = """query($id: ID!) { customer(id: $id) {
    name phone email gender birthDate address notes version } }"""
CREATE = """mutation($input: CreateCustomerInput!) { createCustomer(input: $input) { __typename
    ... on CreateCustomerSuccess { customer { id name phone email gender birthDate address notes version } }
    ... on CustomerExists { customer { name phone } }
    ... on InvalidInput { issues { path code } } } }"""
UPDATE = """mutation($input: UpdateCustomerInput!) { updateCustomer(input: $input) { __typename
    ... on UpdateCustomerSuccess { customer { name phone email notes version } }
    ... on StaleVersion { currentVersion }
    ... on CustomerExists { customer { name } }
    ... on InvalidInput { issues { path code } } } }"""
ASHA_INPUT = {
    "name": "Asha Menon",
    "phone": ASHA_PHONE,
    "email": "Asha@example.in",
    "gender": "FEMALE",
    "birthDate": "1994-03-08",
    "address": "4, Lavelle Road\nBengaluru",
    "notes": "Allergic to ammonia",
}


@pytest.fixture
def ask(database: Database) -> Asker:
    return Asker(database, [salon, graph])


async def make_four(database: Database) -> None:
    for name, phone in (
        ("asha rao", "9000000001"), ("Asha Menon", ASHA_PHONE), ("Zoya", "9000000002"), ("Bela Shah", None),
    ):  # fmt: skip
        await make_customer(database, name, phone)


async def names(ask: Asker, who: str | Actor, **variables: Any) -> list[str]:
    found = await ask.data(LIST, who, **variables)
    return [each["name"] for each in found["customers"]["nodes"]]


async def test_a_customer_is_created_and_read_back_whole(ask: Asker) -> None:
    made = (await ask.data(CREATE, "RECEPTIONIST", input=ASHA_INPUT))["createCustomer"]["customer"]
    read = await ask.data(WHOLE, "MANAGER", id=made.pop("id"))

    assert made == read["customer"] == ASHA_INPUT | {"version": 1}


async def test_a_number_in_use_names_who_has_it(ask: Asker) -> None:
    await ask.data(CREATE, input=ASHA_INPUT)

    asked = await ask.data(CREATE, input={"name": "Diya", "phone": ASHA_PHONE})
    shared = await ask.data(CREATE, input={"name": "Diya", "phone": ASHA_PHONE, "sharesPhone": True})

    assert asked["createCustomer"] == {
        "__typename": "CustomerExists", "customer": {"name": "Asha Menon", "phone": ASHA_PHONE},
    }  # fmt: skip
    assert shared["createCustomer"]["customer"]["name"] == "Diya"


async def test_a_customer_is_changed_and_details_are_taken_off(ask: Asker, database: Database) -> None:
    customer_id = id_text("customer", await make_customer(database, email="a@b.in", notes="Tea"))

    first = await ask.data(
        UPDATE, input={"customerId": customer_id, "expectedVersion": 1, "name": "Asha Rao", "removes": ["EMAIL"]}
    )
    stale = await ask.data(UPDATE, input={"customerId": customer_id, "expectedVersion": 1})
    missing = await ask.data(UPDATE, input={"customerId": id_text("customer", UUID(int=1)), "expectedVersion": 1})

    assert first["updateCustomer"]["customer"] == {
        "name": "Asha Rao", "phone": ASHA_PHONE, "email": None, "notes": "Tea", "version": 2,
    }  # fmt: skip
    assert stale["updateCustomer"] == {"__typename": "StaleVersion", "currentVersion": 2}
    assert missing["updateCustomer"]["issues"] == [{"path": ["customerId"], "code": "NOT_FOUND"}]


async def test_the_accountant_sees_the_first_name_and_the_last_digits(ask: Asker, database: Database) -> None:
    customer_id = await make_customer(
        database, email="a@b.in", notes="Tea", birth_date=date(1994, 3, 8), address="Here", gender=Gender.FEMALE
    )

    body = await ask(WHOLE, "ACCOUNTANT", id=id_text("customer", customer_id))

    assert body["data"]["customer"] == {
        "name": "Asha",
        "phone": "••••••2345",
        "email": None,
        "gender": "FEMALE",
        "birthDate": None,
        "address": None,
        "notes": None,
        "version": 1,
    }
    assert [(each["extensions"]["coordinate"], each["extensions"]["permission"]) for each in body["errors"]] == [
        ("Customer.email", "CUSTOMER_CONTACT_READ"),
        ("Customer.birthDate", "CUSTOMER_CONTACT_READ"),
        ("Customer.address", "CUSTOMER_CONTACT_READ"),
        ("Customer.notes", "CUSTOMER_NOTES_READ"),
    ]


@pytest.mark.parametrize("typed", ["9845012345", "+91 98450-12345", "098450 12345"])
async def test_a_whole_phone_number_finds_its_customer(ask: Asker, database: Database, typed: str) -> None:
    await make_four(database)

    assert await names(ask, "RECEPTIONIST", filter={"search": typed}) == ["Asha Menon"]
    assert await names(ask, "RECEPTIONIST", filter={"phone": ASHA_PHONE}) == ["Asha Menon"]
    assert await names(ask, "ACCOUNTANT", filter={"search": typed}) == []


async def test_a_part_of_a_phone_number_finds_nobody(ask: Asker, database: Database) -> None:
    await make_four(database)

    assert await names(ask, "OWNER", filter={"search": "98450"}) == []
    assert await names(ask, "OWNER", filter={"search": "2345"}) == []


async def test_an_email_finds_its_customer_without_case(ask: Asker, database: Database) -> None:
    await make_customer(database, email="Asha@Example.in")

    assert await names(ask, "OWNER", filter={"email": "asha@example.IN "}) == ["Asha Menon"]


@pytest.mark.parametrize("given", [{"phone": ASHA_PHONE}, {"email": "a@b.in"}])
async def test_contacts_are_no_filter_for_who_may_not_read_them(ask: Asker, given: dict[str, str]) -> None:
    (name,) = given

    assert await ask.denied(LIST, "ACCOUNTANT", filter=given) == [("FORBIDDEN", f"CustomerFilter.{name}")]


async def test_names_are_searched_and_ordered_by_what_is_seen_and_nothing_else(ask: Asker, database: Database) -> None:
    await make_four(database)

    assert await names(ask, "RECEPTIONIST") == ["Asha Menon", "asha rao", "Bela Shah", "Zoya"]
    assert await names(ask, "RECEPTIONIST", filter={"search": "ASHA  m"}) == ["Asha Menon"]
    assert await names(ask, "ACCOUNTANT") == ["asha", "Asha", "Bela", "Zoya"], "by first name, then by age"
    assert await names(ask, "ACCOUNTANT", filter={"search": "asha"}) == ["asha", "Asha"]
    for oracle in ("asha m", "asha r", "menon", "bela s"):
        assert await names(ask, "ACCOUNTANT", filter={"search": oracle}) == []
    assert await names(ask, "ACCOUNTANT", filter={"search": "a%"}) == []


async def test_cursors_of_masked_readers_do_not_hold_the_name(ask: Asker, database: Database) -> None:
    await make_four(database)

    found = await ask.data(LIST, "ACCOUNTANT", first=2)
    cursors = [each["cursor"] for each in found["customers"]["edges"]]

    assert await names(ask, "ACCOUNTANT", after=cursors[1]) == ["Bela", "Zoya"]
    body = await ask(LIST, "RECEPTIONIST", after=cursors[0])
    assert "errors" not in body
    for cursor in cursors:
        assert b"menon" not in urlsafe_b64decode(cursor + "==").lower()


async def test_a_stylist_sees_whom_they_served_within_ninety_days(ask: Asker, database: Database) -> None:
    house = await open_house(database)
    stylist_id = await house.take_on("STAFF")
    stylist = actor_of("STAFF", house.branch_ids[0], staff_id=stylist_id)
    database.set_clock = datetime(2026, 11, 23, 6, tzinfo=UTC)
    served = {"Asha Menon": date(2026, 11, 23), "Bela": date(2026, 8, 25), "Cara": date(2026, 8, 24)}
    ids = {name: await make_customer(database, name, None, notes=f"of {name}") for name in [*served, "Dia"]}

    async def note(name: str, on: date) -> None:
        await database.run(SYSTEM, lambda work: commands.note_service(work, ids[name], [stylist_id], on))

    for name, day in served.items():
        await note(name, day)

    found = await ask.data("{ customers { nodes { name notes } totalCount } }", stylist)

    assert found["customers"] == {
        "nodes": [{"name": "Asha", "notes": "of Asha Menon"}, {"name": "Bela", "notes": "of Bela"}],
        "totalCount": 2,
    }
    text = "query($ids: [ID!]!, $id: ID!) { nodes(ids: $ids) { ... on Customer { name } } customer(id: $id) { name } }"
    by_id = await ask.data(
        text, stylist, ids=[id_text("customer", each) for each in ids.values()], id=id_text("customer", ids["Cara"])
    )
    assert by_id == {"nodes": [{"name": "Asha"}, {"name": "Bela"}, None, None], "customer": None}
    other = actor_of("STAFF", house.branch_ids[0], staff_id=house.owner_id)
    assert await names(ask, other) == []


@pytest.mark.parametrize("fields", ["name", "name phone email notes birthDate"])
async def test_a_list_is_one_statement_at_1_and_at_50(
    ask: Asker, database: Database, statements: Statements, fields: str
) -> None:
    for number in range(50):
        await make_customer(database, f"Customer {number}", f"90000000{number:02d}", notes="Tea")
    text = f"query($first: Int) {{ customers(first: $first) {{ nodes {{ {fields} }} }} }}"

    for first in (1, 50):
        with statements.counted() as asked:
            found = await ask.data(text, first=first)
        assert (len(found["customers"]["nodes"]), len(asked)) == (first, 1)


@pytest.mark.parametrize("role", ["STAFF", "ACCOUNTANT"])
async def test_who_may_not_write_customers_is_refused(ask: Asker, database: Database, role: str) -> None:
    assert await ask.denied(CREATE, role, input=ASHA_INPUT) == [("FORBIDDEN", "Mutation.createCustomer")]
    assert await database.pool.fetchval("select count(*) from customers") == 0


async def test_what_is_wrong_is_told_at_its_path(ask: Asker) -> None:
    wrong = {"name": " ", "email": "asha", "birthDate": "2099-01-01", "notes": "a\u0007"}

    found = await ask.data(CREATE, input=wrong)

    assert found["createCustomer"]["issues"] == [
        {"path": ["name"], "code": "REQUIRED"},
        {"path": ["email"], "code": "INVALID_EMAIL"},
        {"path": ["birthDate"], "code": "OUT_OF_RANGE"},
        {"path": ["notes"], "code": "INVALID_TEXT"},
    ]


async def test_newest_first(ask: Asker, database: Database) -> None:
    await make_four(database)

    assert await names(ask, "OWNER", order="NEWEST") == ["Bela Shah", "Zoya", "Asha Menon", "asha rao"]
