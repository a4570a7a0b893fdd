"""What one of a service uses up: said whole, each time."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert

from salonos.catalog import queries as catalog
from salonos.inventory import queries, rules, tables
from salonos.inventory.commands.receiving import stock_quantity
from salonos.kernel.checks import Checks
from salonos.kernel.permissions import Permission
from salonos.kernel.problems import StaleVersion, not_found
from salonos.kernel.work import Work


@dataclass(frozen=True)
class RecipePart:
    """An item, and how much of a unit (the item's own when None) one of the service uses of it."""

    product_id: UUID
    quantity_milli: int
    unit: rules.StockUnit | None = None


async def set_recipe(work: Work, service_id: UUID, parts: tuple[RecipePart, ...], *, expected_version: int) -> UUID:
    """Replaces a service's recipe; without parts the service uses nothing. Version 0 is that of no recipe yet.

    Services that are done from now on follow it; what was consumed before stays.

    Raises: InvalidInput with every fault; StaleVersion.
    """
    work.actor.require(Permission.CATALOG_MANAGE)
    if await catalog.service_for_update(work, service_id) is None:
        raise not_found(("serviceId",), "service")
    row = await work.session.get(tables.Recipe, service_id)
    version = row.version if row else 0
    if version != expected_version:
        raise StaleVersion(current_version=version)
    quantities = await _checked(work, parts)
    if row is None:
        row = tables.Recipe(id=service_id, version=0)
        work.session.add(row)
    row.version += 1
    row.changed_at = work.now
    await work.session.flush()
    line = tables.RecipeLine
    await work.session.execute(delete(line).where(line.recipe_id == service_id))
    rows = [
        {"recipe_id": service_id, "product_id": product_id, "position": position, "quantity_milli": milli}
        for position, (product_id, milli) in enumerate(quantities.items(), start=1)
    ]
    if rows:
        await work.session.execute(insert(line).values(rows))
    return service_id


async def _checked(work: Work, parts: tuple[RecipePart, ...]) -> Mapping[UUID, int]:
    """How much of each item's own unit, in their order.

    Raises: InvalidInput with every fault.
    """
    checks = Checks()
    many = f"A recipe has at most {rules.RECIPE_LINES_MAX} items."
    checks.require(len(parts) <= rules.RECIPE_LINES_MAX, ("lines",), "TOO_MANY", many)
    checks.finish()
    ids = {part.product_id for part in parts}
    items = await queries.items_for_share(work, ids) if ids else {}
    units = await queries.units(work, ids) if ids else {}
    found: dict[UUID, int] = {}
    for place, part in enumerate(parts):
        path = ("lines", place)
        checks.require(part.product_id not in found, (*path, "productId"), "TAKEN", "This item is named already.")
        milli = stock_quantity(checks, path, part.quantity_milli, part.unit, items.get(part.product_id), units)
        is_within = milli <= rules.RECIPE_QUANTITY_MAX or part.quantity_milli > rules.QUANTITY_MAX
        checks.require(is_within, (*path, "quantity"), "OUT_OF_RANGE", "A service uses at most ten thousand of it.")
        found[part.product_id] = milli
    checks.finish()
    return found
