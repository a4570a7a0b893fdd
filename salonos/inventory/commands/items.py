"""Which products are kept in stock, in which units, when they are to be ordered; and where stock may be below zero."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError

from salonos.inventory import problems, queries, rules, tables
from salonos.kernel.checks import Checks
from salonos.kernel.database import constraint_of
from salonos.kernel.permissions import Permission
from salonos.kernel.problems import StaleVersion, not_found
from salonos.kernel.work import Work
from salonos.salon import queries as salon


@dataclass(frozen=True)
class NewItem:
    """How a product is kept. Quantities in thousandths of `unit`; `units` says how much of it others hold."""

    unit: rules.StockUnit
    supplier_name: str | None = None
    reorder_point_milli: int | None = None
    reorder_quantity_milli: int | None = None
    units: Mapping[rules.StockUnit, int] | Sequence[tuple[rules.StockUnit, int]] = ()
    supplier_id: UUID | None = None


async def stock_product(work: Work, product_id: UUID, new: NewItem) -> UUID:
    """Begins to keep a product in stock, at every branch with nothing on the shelf.

    Whether it is retail or professional stock is the product's at this moment, and stays: it names its account.

    Raises: InvalidInput with every fault; AlreadyStocked.
    """
    work.actor.require(Permission.CATALOG_MANAGE)
    product = await queries.product(work, product_id)
    if product is None:
        raise not_found(("productId",), "product")
    units = await _checked(work, new)
    if product.is_stocked:
        raise problems.AlreadyStocked(product_id)
    row = tables.StockItem(
        id=product_id,
        use=rules.StockUse.RETAIL if product.is_retail else rules.StockUse.PROFESSIONAL,
        unit=new.unit,
        supplier_name=(new.supplier_name or "").strip() or None,
        supplier_id=new.supplier_id,
        reorder_point_milli=new.reorder_point_milli,
        reorder_quantity_milli=new.reorder_quantity_milli,
        version=1,
        created_at=work.now,
    )
    work.session.add(row)
    try:
        await work.session.flush()
    except IntegrityError as error:
        if constraint_of(error) == "pk_stock_items":
            raise problems.AlreadyStocked(product_id) from error
        raise
    await _store_units(work, product_id, units)
    return product_id


async def update_stock_item(work: Work, product_id: UUID, new: NewItem, *, expected_version: int) -> UUID:
    """Replaces how an item is kept. Its unit can change only while nothing was ever moved and no recipe names it.

    Raises: InvalidInput with every fault; StaleVersion; StockUnitInUse.
    """
    work.actor.require(Permission.CATALOG_MANAGE)
    row = await queries.item_for_update(work, product_id)
    if row is None:
        raise not_found(("productId",), "stock item")
    if row.version != expected_version:
        raise StaleVersion(current_version=row.version)
    units = await _checked(work, new)
    if new.unit is not row.unit and await queries.is_counted(work, product_id):
        raise problems.StockUnitInUse(product_id)
    row.unit = new.unit
    row.supplier_name = (new.supplier_name or "").strip() or None
    row.supplier_id = new.supplier_id
    row.reorder_point_milli = new.reorder_point_milli
    row.reorder_quantity_milli = new.reorder_quantity_milli
    row.version += 1
    await work.session.flush()
    await _store_units(work, product_id, units)
    return product_id


async def remove_stock_item(work: Work, product_id: UUID, *, expected_version: int) -> UUID:
    """Keeps a product in stock no longer, which was begun by mistake: nothing ever named it. Locks the item.

    Raises: InvalidInput; StaleVersion; StockItemInUse.
    """
    work.actor.require(Permission.CATALOG_MANAGE)
    row = await queries.item_for_update(work, product_id)
    if row is None:
        raise not_found(("productId",), "stock item")
    if row.version != expected_version:
        raise StaleVersion(current_version=row.version)
    try:
        async with work.attempt():
            await work.session.delete(row)
            await work.session.flush()
    except IntegrityError as error:  # whatever names it has a foreign key
        raise problems.StockItemInUse(product_id) from error
    return product_id


async def set_stock_policy(work: Work, branch_id: UUID, *, allows_negative: bool) -> UUID:
    """Lets a branch issue what it does not have on its shelves, or forbids it.

    Raises: InvalidInput; StockBelowZero when it is to be forbidden while an item is below zero.
    """
    work.actor.require(Permission.STOCK_APPROVE)
    work.actor.require_branch(branch_id)
    if await salon.branch_for_sale(work, branch_id) is None:
        raise not_found(("branchId",), "branch")
    values = {"branch_id": branch_id, "allows_negative": allows_negative}
    statement = insert(tables.StockPolicy).values(values)
    try:
        await work.session.execute(
            statement.on_conflict_do_update(index_elements=["branch_id"], set_={"allows_negative": allows_negative})
        )
    except IntegrityError as error:
        if (constraint_of(error) or "").endswith("_not_below_zero"):
            raise problems.StockBelowZero(branch_id) from error
        raise
    return branch_id


async def _checked(work: Work, new: NewItem) -> dict[rules.StockUnit, int]:
    """The units by name.

    Raises: InvalidInput with every fault.
    """
    checks = Checks()
    checks.optional_text(new.supplier_name, ("supplierName",), rules.SUPPLIER_NAME_MAX)
    for name, milli, least in (
        ("reorderPoint", new.reorder_point_milli, 0),
        ("reorderQuantity", new.reorder_quantity_milli, 1),
    ):
        if milli is not None and not least <= milli <= rules.QUANTITY_MAX:
            checks.add((name,), "OUT_OF_RANGE", "This quantity is not possible here.")
    if new.supplier_id is not None and await queries.supplier(work, new.supplier_id) is None:
        checks.add(("supplierId",), "NOT_FOUND", "There is no such supplier.")
    pairs = list(new.units.items()) if isinstance(new.units, Mapping) else list(new.units)
    checks.require(len(pairs) <= rules.UNITS_MAX, ("units",), "TOO_MANY", "An item has at most 6 further units.")
    for place, (unit, holds) in enumerate(pairs):
        is_new = unit is not new.unit and unit not in [each for each, _ in pairs[:place]]
        checks.require(is_new, ("units", place, "unit"), "TAKEN", "This unit is named already.")
        is_within = 1 <= holds <= rules.QUANTITY_MAX
        checks.require(is_within, ("units", place, "holds"), "OUT_OF_RANGE", "It holds more than 0.")
    checks.finish()
    return dict(pairs)


async def _store_units(work: Work, product_id: UUID, units: Mapping[rules.StockUnit, int]) -> None:
    held = tables.StockUnitHeld
    await work.session.execute(delete(held).where(held.item_id == product_id))
    if units:
        rows = [{"item_id": product_id, "unit": unit, "holds_milli": holds} for unit, holds in units.items()]
        await work.session.execute(insert(held).values(rows))
