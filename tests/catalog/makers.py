"""Tax classes, services and products in the states that tests need, made by the real commands."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from salonos.catalog import commands
from salonos.catalog.commands import NewProduct, NewService
from salonos.catalog.rules import DatedRate
from salonos.kernel.actor import Actor
from salonos.kernel.database import Database

SYSTEM = Actor.system()
REFORM = date(2025, 9, 22)
"""When beauty services went from 18 % with credit to 5 % without."""


async def make_tax_class(database: Database, name: str = "Goods 18 %", hundredths: int = 1800) -> UUID:
    """A tax class with one rate since GST began."""
    rate = DatedRate(date(2017, 7, 1), hundredths, allows_input_credit=True)
    return await database.run(SYSTEM, lambda work: commands.create_tax_class(work, name=name, rate=rate))


async def make_service_class(database: Database) -> UUID:
    """Beauty services: 18 % at first, 5 % since the reform."""
    class_id = await make_tax_class(database, "Beauty services")
    reformed = DatedRate(REFORM, 500, allows_input_credit=False)
    return await database.run(SYSTEM, lambda work: commands.add_tax_rate(work, class_id, reformed))


async def make_service(database: Database, tax_class_id: UUID, **more: object) -> UUID:
    """A haircut for 750.00, tax to be added, unless `more` says otherwise."""
    given: dict[str, object] = {
        "name": "Haircut",
        "sac_code": "999721",
        "duration_minutes": 45,
        "price_paise": 75_000,
        "tax_class_id": tax_class_id,
        "category": "Hair",
    }
    new = NewService(**{**given, **more})  # type: ignore[arg-type]  # a test's own values
    return await database.run(SYSTEM, lambda work: commands.create_service(work, new))


async def make_product(database: Database, tax_class_id: UUID, sku: str = "SER-100", **more: object) -> UUID:
    """A serum for 999.00, tax included, unless `more` says otherwise."""
    given: dict[str, object] = {
        "name": "Argan Serum",
        "sku": sku,
        "hsn_code": "33059090",
        "price_paise": 99_900,
        "tax_class_id": tax_class_id,
        "unit_cost_paise": 52_000,
        "category": "Retail",
    }
    new = NewProduct(**{**given, **more})  # type: ignore[arg-type]  # a test's own values
    return await database.run(SYSTEM, lambda work: commands.create_product(work, new))


@dataclass(frozen=True)
class Catalog:
    """A haircut for 750.00 and a serum for 999.00 with their tax classes."""

    service_class_id: UUID
    goods_class_id: UUID
    service_id: UUID
    product_id: UUID


async def make_catalog(database: Database) -> Catalog:
    """The smallest catalogue: one service at 5 % exclusive, one product at 18 % inclusive."""
    services, goods = await make_service_class(database), await make_tax_class(database)
    return Catalog(services, goods, await make_service(database, services), await make_product(database, goods))
