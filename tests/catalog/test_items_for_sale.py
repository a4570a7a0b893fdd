"""What a bill takes from the catalogue: one statement, the rate of the date, nothing that can't be sold."""

from datetime import date, timedelta

from salonos.catalog import commands, queries
from salonos.catalog.queries import ItemForSale, ItemKind
from salonos.kernel.actor import Actor
from salonos.kernel.database import Database
from salonos.kernel.ids import new_id
from salonos.kernel.work import Work
from tests.catalog.makers import REFORM, make_product, make_service, make_service_class, make_tax_class
from tests.statements import Statements

SYSTEM = Actor.system()
TODAY = date(2026, 11, 23)


async def test_items_are_found_in_one_statement_at_1_and_at_50(database: Database, statements: Statements) -> None:
    services, goods = await make_service_class(database), await make_tax_class(database)
    haircut = await make_service(database, services)
    serum = await make_product(database, goods)
    many = [await make_service(database, services, name=f"Service {place}") for place in range(50)]

    async def both(work: Work) -> object:
        return await queries.items_for_sale(work, service_ids=[haircut], product_ids=[serum], on=TODAY)

    async def fifty(work: Work) -> int:
        return len(await queries.items_for_sale(work, service_ids=many, product_ids=[], on=TODAY))

    with statements.counted() as asked:
        found = await database.run(SYSTEM, both)
    with statements.counted() as asked_for_fifty:
        assert await database.run(SYSTEM, fifty) == 50

    assert (len(asked), len(asked_for_fifty)) == (2, 2), "the transaction's first, and the items"
    assert found == {
        haircut: ItemForSale(
            haircut,
            ItemKind.SERVICE,
            "Haircut",
            "999721",
            75_000,
            False,
            500,
            None,
            True,
            False,
        ),
        serum: ItemForSale(
            serum,
            ItemKind.PRODUCT,
            "Argan Serum",
            "33059090",
            99_900,
            True,
            1800,
            52_000,
            True,
            False,
        ),
    }


async def test_the_rate_is_that_of_the_business_date(database: Database) -> None:
    haircut = await make_service(database, await make_service_class(database))

    async def rate(on: date) -> int | None:
        items = await database.run(
            SYSTEM, lambda work: queries.items_for_sale(work, service_ids=[haircut], product_ids=[], on=on)
        )
        return items[haircut].rate_hundredths

    assert await rate(REFORM - timedelta(days=1)) == 1800
    assert await rate(REFORM) == 500
    assert await rate(date(2017, 6, 30)) is None


async def test_what_is_retired_or_not_retail_is_not_sellable_and_unknown_ids_are_missing(database: Database) -> None:
    goods = await make_tax_class(database)
    retired = await make_service(database, goods)
    used_up = await make_product(database, goods, is_retail=False, price_paise=0)
    await database.run(SYSTEM, lambda work: commands.retire_service(work, retired, 1))

    async def found(work: Work) -> object:
        return await queries.items_for_sale(work, service_ids=[retired, new_id()], product_ids=[used_up], on=TODAY)

    items = await database.run(SYSTEM, found)

    assert {key: item.is_sellable for key, item in items.items()} == {retired: False, used_up: False}  # type: ignore[attr-defined]
