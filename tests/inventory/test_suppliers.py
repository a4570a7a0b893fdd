"""Suppliers: who they are, and that nobody is in the records twice."""

import asyncio
from typing import Any

import pytest

from salonos.inventory import commands
from salonos.inventory.commands import NewItem, NewSupplier
from salonos.inventory.problems import SupplierExists
from salonos.inventory.rules import StockUnit
from salonos.kernel.database import Database
from salonos.kernel.ids import id_text, new_id
from salonos.kernel.problems import Forbidden, InvalidInput, Problem, StaleVersion
from tests.bills.makers import SYSTEM, actor_as
from tests.inventory.asking import CARD, Asker
from tests.inventory.makers import make_store
from tests.inventory.purchasing import gstin_of, make_supplier

SUPPLIERS = """
query ($filter: SupplierFilter) { suppliers(filter: $filter) { totalCount nodes {
  name gstin stateCode phone isActive version } } }
"""
CREATE = """
mutation ($input: CreateSupplierInput!) { createSupplier(input: $input) { __typename
  ... on CreateSupplierSuccess { supplier { name stateCode phone } }
  ... on SupplierExists { supplier { name } }
  ... on InvalidInput { issues { path code } } } }
"""


async def test_a_supplier_is_found_by_the_beginning_of_its_name(database: Database) -> None:
    await make_supplier(database, gstin=gstin_of("29"), phone="98450 12345")
    await make_supplier(database, name="Lotus", state_code="33")
    ask = Asker(database)

    found = await ask.data(SUPPLIERS, actor=actor_as("RECEPTIONIST", new_id()), filter={"search": "  LOR"})
    by_gstin = await ask.data(SUPPLIERS, filter={"gstin": gstin_of("29")})

    assert found["suppliers"]["nodes"] == [
        {
            "name": "Loreal Karnataka", "gstin": gstin_of("29"), "stateCode": "29", "phone": "+919845012345",
            "isActive": True, "version": 1,
        }
    ]  # fmt: skip
    assert by_gstin["suppliers"]["totalCount"] == 1


WRONG: tuple[tuple[dict[str, Any], str, str], ...] = (
    ({"name": " ", "state_code": "29"}, "name", "REQUIRED"),
    ({"name": "x" * 121, "state_code": "29"}, "name", "INVALID_TEXT"),
    ({"gstin": "29AAFCA7488L1Z0"}, "gstin", "INVALID_GSTIN"),
    ({"gstin": gstin_of("29"), "state_code": "33"}, "gstin", "OTHER_STATE"),
    ({}, "stateCode", "REQUIRED"),
    ({"state_code": "25"}, "stateCode", "UNKNOWN_STATE"),
    ({"state_code": "29", "phone": "12"}, "phone", "INVALID_PHONE"),
)


async def test_what_can_not_be_is_refused(database: Database) -> None:
    for given, path, code in WRONG:
        with pytest.raises(InvalidInput) as raised:
            await make_supplier(database, **given)
        assert [(issue.path, issue.code) for issue in raised.value.issues] == [((path,), code)], given

    assert await database.pool.fetchval("select count(*) from suppliers") == 0


async def test_a_gstin_is_one_supplier_s_however_many_ask_at_once(database: Database) -> None:
    done = await asyncio.gather(
        *(make_supplier(database, name=f"S{place}", gstin=gstin_of("29")) for place in range(6)),
        return_exceptions=True,
    )

    refused = [each for each in done if isinstance(each, Problem)]
    (winner,) = [each for each in done if not isinstance(each, BaseException)]
    assert [(type(each), each.supplier_id) for each in refused] == [(SupplierExists, winner)] * 5  # type: ignore[attr-defined]


async def test_a_supplier_changes_at_the_version_that_was_read(database: Database) -> None:
    supplier_id = await make_supplier(database, state_code="29")
    await make_supplier(database, name="Other", gstin=gstin_of("33"))

    async def change(new: NewSupplier, version: int) -> None:
        await database.run(
            SYSTEM, lambda work: commands.update_supplier(work, supplier_id, new, expected_version=version)
        )

    await change(NewSupplier("Loreal", gstin_of("29"), is_active=False), 1)
    with pytest.raises(StaleVersion):
        await change(NewSupplier("Late", state_code="29"), 1)
    with pytest.raises(SupplierExists):
        await change(NewSupplier("Loreal", gstin_of("33")), 2)
    row = await database.pool.fetchrow(
        "select name, gstin, is_active, version from suppliers where id = $1", supplier_id
    )

    assert tuple(row) == ("Loreal", gstin_of("29"), False, 2)


async def test_only_who_may_keeps_suppliers(database: Database) -> None:
    for role in ("STAFF", "ACCOUNTANT"):
        with pytest.raises(Forbidden):
            await database.run(
                actor_as(role, new_id()),
                lambda work: commands.create_supplier(work, NewSupplier("x", state_code="29")),
            )
    ask = Asker(database)
    made = await ask.data(CREATE, actor=actor_as("RECEPTIONIST", new_id()), input={"name": "X", "stateCode": "29"})
    hidden = await ask(SUPPLIERS, actor=actor_as("STAFF", new_id()))

    assert made["createSupplier"]["supplier"] == {"name": "X", "stateCode": "29", "phone": None}
    assert hidden["data"] == {"suppliers": None}
    assert [each["extensions"]["permission"] for each in hidden["errors"]] == ["SUPPLIER_READ"]


async def test_an_item_names_its_supplier(database: Database) -> None:
    store = await make_store(database)
    supplier_id = await make_supplier(database, state_code="29")
    item = NewItem(StockUnit.PIECE, supplier_id=supplier_id)
    await database.run(SYSTEM, lambda work: commands.update_stock_item(work, store.serum_id, item, expected_version=1))
    ask = Asker(database)

    card = await ask.data(
        CARD.replace("supplierName", "supplierName supplier { name }"), id=id_text("product", store.serum_id)
    )
    with pytest.raises(InvalidInput):
        await database.run(
            SYSTEM,
            lambda work: commands.update_stock_item(
                work, store.serum_id, NewItem(StockUnit.PIECE, supplier_id=new_id()), expected_version=2
            ),
        )

    assert card["product"]["stock"]["supplier"] == {"name": "Loreal Karnataka"}
