"""Services and products are created, changed and retired; what is wrong with them is listed at once."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from salonos.catalog import commands
from salonos.catalog.commands import NewProduct, NewService, ProductChanges, ServiceChanges
from salonos.catalog.problems import BarcodeTaken, SkuTaken
from salonos.kernel.actor import Actor, Reach, access
from salonos.kernel.database import Database
from salonos.kernel.permissions import ROLES
from salonos.kernel.problems import Forbidden, InvalidInput, StaleVersion
from tests.catalog.makers import make_catalog, make_product, make_tax_class

SYSTEM = Actor.system()
NOBODY_ID = UUID(int=1)


def paths(refused: InvalidInput) -> list[tuple[tuple[str | int, ...], str]]:
    return [(issue.path, issue.code) for issue in refused.issues]


async def test_what_is_wrong_with_a_new_service_is_listed_at_once(database: Database) -> None:
    wrong = NewService(name=" ", sac_code="123456", duration_minutes=0, price_paise=-1, tax_class_id=NOBODY_ID)

    with pytest.raises(InvalidInput) as refused:
        await database.run(SYSTEM, lambda work: commands.create_service(work, wrong))

    assert paths(refused.value) == [
        (("sacCode",), "INVALID_FORM"),
        (("durationMinutes",), "OUT_OF_RANGE"),
        (("name",), "REQUIRED"),
        (("price",), "OUT_OF_RANGE"),
        (("taxClassId",), "NOT_FOUND"),
    ]
    assert await database.pool.fetchval("select count(*) from services") == 0


async def test_what_is_wrong_with_a_new_product_is_listed_at_once(database: Database) -> None:
    wrong = NewProduct(
        name="x" * 121,
        sku="-",
        hsn_code="999721",
        price_paise=10**9 + 1,
        tax_class_id=NOBODY_ID,
        barcode="1",
        unit_cost_paise=-1,
        is_retail=False,
    )

    with pytest.raises(InvalidInput) as refused:
        await database.run(SYSTEM, lambda work: commands.create_product(work, wrong))

    assert paths(refused.value) == [
        (("sku",), "INVALID_FORM"),
        (("hsnCode",), "INVALID_FORM"),
        (("barcode",), "INVALID_FORM"),
        (("unitCost",), "OUT_OF_RANGE"),
        (("price",), "NOT_RETAIL"),
        (("name",), "INVALID_TEXT"),
        (("price",), "OUT_OF_RANGE"),
        (("taxClassId",), "NOT_FOUND"),
    ]


async def test_a_sku_and_a_barcode_name_one_product(database: Database) -> None:
    goods = await make_tax_class(database)
    first = await make_product(database, goods, "A-1", barcode="8901234567890")
    second = await make_product(database, goods, "A-2")
    same = ProductChanges(barcode=" 8901234567890 ")

    with pytest.raises(SkuTaken) as sku:
        await make_product(database, goods, " a-1 ")
    with pytest.raises(BarcodeTaken) as barcode:
        await database.run(SYSTEM, lambda work: commands.update_product(work, second, same, expected_version=1))

    assert (sku.value.product_id, sku.value.sku) == (first, "A-1")
    assert (barcode.value.product_id, barcode.value.barcode) == (first, "8901234567890")


async def test_products_without_a_barcode_are_not_the_same(database: Database) -> None:
    goods = await make_tax_class(database)

    made = {await make_product(database, goods, "A-1"), await make_product(database, goods, "A-2")}

    assert len(made) == 2


async def test_an_emptied_barcode_is_taken_away(database: Database) -> None:
    product = await make_product(database, await make_tax_class(database), barcode="8901234567890")

    await database.run(
        SYSTEM, lambda work: commands.update_product(work, product, ProductChanges(barcode=""), expected_version=1)
    )

    row = await database.pool.fetchrow("select barcode, version from products")
    assert tuple(row) == (None, 2)


async def test_of_two_changes_of_one_item_the_second_is_told(database: Database) -> None:
    catalog = await make_catalog(database)
    change = ServiceChanges(price_paise=80_000, name="  Haircut,  Senior ", duration_minutes=60)
    await database.run(
        SYSTEM, lambda work: commands.update_service(work, catalog.service_id, change, expected_version=1)
    )

    with pytest.raises(StaleVersion) as refused:
        await database.run(
            SYSTEM, lambda work: commands.update_service(work, catalog.service_id, change, expected_version=1)
        )

    assert refused.value.current_version == 2
    row = await database.pool.fetchrow("select name, search_name, price_paise, duration_minutes from services")
    assert tuple(row) == ("Haircut,  Senior", "haircut, senior", 80_000, 60)


async def test_an_item_that_is_not_there_is_not_changed(database: Database) -> None:
    with pytest.raises(InvalidInput) as service:
        await database.run(
            SYSTEM, lambda work: commands.update_service(work, NOBODY_ID, ServiceChanges(), expected_version=1)
        )
    with pytest.raises(InvalidInput) as product:
        await database.run(
            SYSTEM, lambda work: commands.update_product(work, NOBODY_ID, ProductChanges(), expected_version=1)
        )

    assert paths(service.value) == [(("serviceId",), "NOT_FOUND")]
    assert paths(product.value) == [(("productId",), "NOT_FOUND")]


@pytest.mark.parametrize("role", ["RECEPTIONIST", "STAFF", "ACCOUNTANT"])
async def test_who_may_not_manage_the_catalogue_changes_nothing(database: Database, role: str) -> None:
    catalog = await make_catalog(database)
    actor = Actor(NOBODY_ID, access(ROLES[role].permissions, ROLES[role].own, Reach.ALL))

    with pytest.raises(Forbidden):
        await database.run(
            actor,
            lambda work: commands.update_service(
                work, catalog.service_id, ServiceChanges(price_paise=1), expected_version=1
            ),
        )

    assert await database.pool.fetchval("select price_paise from services") == 75_000


async def test_a_change_is_in_the_audit_trail(database: Database) -> None:
    catalog = await make_catalog(database)
    change = ServiceChanges(price_paise=80_000)

    await database.run(
        SYSTEM, lambda work: commands.update_service(work, catalog.service_id, change, expected_version=1)
    )

    found = await database.pool.fetchval(
        "select changes -> 'price_paise' from audit_log where table_name = 'services' and action = 'UPDATE'"
    )
    assert found == "[75000, 80000]"


async def test_a_products_change_at_its_set_clock_keeps_when_it_was_made(database: Database) -> None:
    goods = await make_tax_class(database)
    then = datetime(2026, 9, 1, tzinfo=UTC)
    new = NewProduct(name="Comb", sku="CMB-1", hsn_code="9615", price_paise=9_900, tax_class_id=goods)

    await database.run(SYSTEM, lambda work: commands.create_product(work, new), now=then)

    assert await database.pool.fetchval("select created_at from products") == then
