"""Named reads of commands. Levels are locked in the order of their items, before anything of the books is."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, Text, Uuid, bindparam, exists, func, or_, select, text, true, update
from sqlalchemy.dialects.postgresql import ARRAY, insert

from salonos.catalog import tables as catalog
from salonos.inventory import tables
from salonos.inventory.rules import Batch, StockMoveKind, StockUse
from salonos.kernel.database import Milli, Paise
from salonos.kernel.work import Work
from salonos.salon import tables as salon
from salonos.salon.rules import TaxScheme


async def item_for_update(work: Work, product_id: UUID) -> tables.StockItem | None:
    """An item, locked so that two changes of it follow one another."""
    found = select(tables.StockItem).where(tables.StockItem.id == product_id).with_for_update()
    return (await work.session.execute(found)).scalar_one_or_none()


async def product(work: Work, product_id: UUID) -> catalog.Product | None:
    """A product of the catalogue."""
    return await work.session.get(catalog.Product, product_id)


async def is_counted(work: Work, product_id: UUID) -> bool:
    """Whether quantities of an item stand anywhere in its unit: it was moved, or a recipe names it."""
    moved = exists().where(tables.StockMove.product_id == product_id)
    found = select(or_(moved, exists().where(tables.RecipeLine.product_id == product_id)))
    return bool((await work.session.execute(found)).scalar_one())


async def items(work: Work, product_ids: Collection[UUID]) -> Mapping[UUID, tables.StockItem]:
    """Items by id; products that are not stocked are missing."""
    found = await work.session.scalars(select(tables.StockItem).where(tables.StockItem.id.in_(product_ids)))
    return {item.id: item for item in found}


async def items_for_share(work: Work, product_ids: Collection[UUID]) -> Mapping[UUID, tables.StockItem]:
    """Items by id, whose units stay as they are until the commit."""
    item = tables.StockItem
    found = select(item).where(item.id.in_(product_ids)).order_by(item.id).with_for_update(read=True)
    return {row.id: row for row in await work.session.scalars(found)}


async def units(work: Work, product_ids: Collection[UUID]) -> Mapping[tuple[UUID, str], int]:
    """How much of the item's own unit another unit of it holds, in thousandths, by item and unit."""
    unit = tables.StockUnitHeld
    rows = await work.session.execute(
        select(unit.item_id, unit.unit, unit.holds_milli).where(unit.item_id.in_(product_ids))
    )
    return {(row[0], row[1].name): row[2] for row in rows}


async def supplier(work: Work, supplier_id: UUID) -> tables.Supplier | None:
    """A supplier by its id."""
    return await work.session.get(tables.Supplier, supplier_id)


async def supplier_for_update(work: Work, supplier_id: UUID) -> tables.Supplier | None:
    """A supplier, locked so that two changes of it follow one another."""
    found = select(tables.Supplier).where(tables.Supplier.id == supplier_id).with_for_update()
    return (await work.session.execute(found)).scalar_one_or_none()


async def supplier_with_gstin(work: Work, gstin: str, *, but: UUID) -> UUID | None:
    """Another supplier that has a GSTIN."""
    found = select(tables.Supplier.id).where(tables.Supplier.gstin == gstin, tables.Supplier.id != but)
    return (await work.session.execute(found)).scalar_one_or_none()


async def purchase_for_update(work: Work, purchase_id: UUID) -> tables.Purchase | None:
    """An order, locked until the commit."""
    found = select(tables.Purchase).where(tables.Purchase.id == purchase_id).with_for_update()
    return (await work.session.execute(found)).scalar_one_or_none()


async def purchase_lines(work: Work, purchase_id: UUID) -> Sequence[tables.PurchaseLine]:
    """An order's lines in their order. Asked only when the order is locked, for what came of them."""
    line = tables.PurchaseLine
    found = select(line).where(line.purchase_id == purchase_id).order_by(line.position)
    return (await work.session.scalars(found)).all()


async def supplier_account_for_update(work: Work, supplier_id: UUID, branch_id: UUID) -> None:
    """Locks what a branch owes a supplier, begun where there is none. Bills, returns and payments begin with it."""
    account = tables.SupplierAccount
    keys = {"supplier_id": supplier_id, "branch_id": branch_id}
    await work.session.execute(insert(account).values(keys).on_conflict_do_nothing())
    found = select(account.supplier_id).where(account.supplier_id == supplier_id, account.branch_id == branch_id)
    await work.session.execute(found.with_for_update())


async def supplier_bill_by_number(work: Work, supplier_id: UUID, financial_year: int, number_key: str) -> UUID | None:
    """A supplier's bill by what stands on it."""
    bill = tables.SupplierBill
    found = select(bill.id).where(
        bill.supplier_id == supplier_id, bill.financial_year == financial_year, bill.number_key == number_key
    )
    return (await work.session.execute(found)).scalar_one_or_none()


async def receipt_lines_for_update(work: Work, ids: Collection[UUID]) -> Mapping[UUID, Row[*tuple[Any, ...]]]:
    """Receipts' lines by id with what billing and returning need, locked in the order of their ids."""
    line, receipt, product = tables.StockReceiptLine, tables.StockReceipt, catalog.Product
    found = (
        select(
            line.id,
            line.product_id,
            line.batch_id,
            line.unit,
            line.quantity_milli,
            line.stock_quantity_milli,
            line.cost_paise,
            line.billed_milli,
            line.sent_back_milli,
            receipt.branch_id,
            receipt.supplier_id,
            tables.StockItem.use,
            product.hsn_code,
        )
        .join(receipt, receipt.id == line.receipt_id)
        .join(tables.StockItem, tables.StockItem.id == line.product_id)
        .join(product, product.id == line.product_id)
        .where(line.id.in_(ids))
        .order_by(line.id)
        .with_for_update(of=line)
    )
    return {row.id: row for row in await work.session.execute(found)}


async def bill_lines_of_receipts(
    work: Work, supplier_id: UUID, receipt_line_ids: Collection[UUID]
) -> Sequence[tables.SupplierBillLine]:
    """What a supplier has billed of receipts' lines and did not get back, the last billed first."""
    line, bill = tables.SupplierBillLine, tables.SupplierBill
    found = (
        select(line)
        .join(bill, bill.id == line.bill_id)
        .where(
            bill.supplier_id == supplier_id,
            line.receipt_line_id.in_(receipt_line_ids),
            line.returned_milli < line.quantity_milli,
        )
        .order_by(line.id.desc())
    )
    return (await work.session.scalars(found)).all()


async def bills_to_note(work: Work, bill_ids: Collection[UUID]) -> Sequence[Row[*tuple[Any, ...]]]:
    """Bills, the oldest first, each with what returns took off it and how much of its goods is not back."""
    bill, line, back = tables.SupplierBill, tables.SupplierBillLine, tables.SupplierReturnLine
    noted = (
        select(
            func.coalesce(
                func.sum(
                    back.taxable_paise + back.cgst_paise + back.sgst_paise + back.igst_paise + back.round_off_paise,
                    type_=Paise(),
                ),
                0,
                type_=Paise(),
            )
        )
        .join(line, line.id == back.bill_line_id)
        .where(line.bill_id == bill.id)
        .scalar_subquery()
    )
    left = (
        select(func.sum(line.quantity_milli - line.returned_milli, type_=Milli()))
        .where(line.bill_id == bill.id)
        .scalar_subquery()
    )
    found = (
        select(bill.id, bill.total_paise, bill.balance_due_paise, noted.label("noted_paise"), left.label("left_milli"))
        .where(bill.id.in_(bill_ids))
        .order_by(bill.billed_on, bill.id)
    )
    return (await work.session.execute(found)).all()


async def bills_due(work: Work, supplier_id: UUID, branch_id: UUID) -> Sequence[Row[*tuple[Any, ...]]]:
    """What is owed on a supplier's bills at a branch, the oldest first. Asked behind the account's lock."""
    bill = tables.SupplierBill
    found = (
        select(bill.id, bill.balance_due_paise, bill.booked_on)
        .where(bill.branch_id == branch_id, bill.supplier_id == supplier_id, bill.balance_due_paise > 0)
        .order_by(bill.billed_on, bill.id)
    )
    return (await work.session.execute(found)).all()


async def bills_of_account(work: Work, supplier_id: UUID, branch_id: UUID, ids: Collection[UUID]) -> Mapping[UUID, int]:
    """What is owed on those of these bills that are a supplier's at a branch. Asked behind the account's lock."""
    bill = tables.SupplierBill
    found = select(bill.id, bill.balance_due_paise).where(
        bill.id.in_(ids), bill.supplier_id == supplier_id, bill.branch_id == branch_id
    )
    return {row[0]: row[1] for row in await work.session.execute(found)}


async def supplier_return(work: Work, return_id: UUID) -> tables.SupplierReturn | None:
    """A return as it is now; what is left of it is certain behind the account's lock only."""
    found = select(tables.SupplierReturn).where(tables.SupplierReturn.id == return_id)
    return await work.session.scalar(found.execution_options(populate_existing=True))


async def credits_left(work: Work, supplier_id: UUID, branch_id: UUID) -> Sequence[Row[*tuple[Any, ...]]]:
    """What returns have not settled yet, the oldest first. Asked behind the account's lock."""
    back = tables.SupplierReturn
    found = (
        select(back.id, back.credit_left_paise, back.business_date)
        .where(back.branch_id == branch_id, back.supplier_id == supplier_id, back.credit_left_paise > 0)
        .order_by(back.returned_at, back.id)
    )
    return (await work.session.execute(found)).all()


async def levels_for_update(
    work: Work, branch_id: UUID, product_ids: Collection[UUID]
) -> Sequence[Row[*tuple[Any, ...]]]:
    """The levels of items in a branch with what valuation needs, locked in the order of the items."""
    level = tables.StockLevel
    found = (
        select(
            level.id,
            level.product_id,
            level.quantity_milli,
            level.value_paise,
            level.reorder_point_milli,
            level.allows_negative,
            tables.StockItem.use,
            tables.StockItem.unit,
            catalog.Product.unit_cost_paise,
            catalog.Product.hsn_code,
            salon.Branch.gstin,
        )
        .join(tables.StockItem, tables.StockItem.id == level.product_id)
        .join(catalog.Product, catalog.Product.id == level.product_id)
        .join(salon.Branch, salon.Branch.id == level.branch_id)
        .where(level.branch_id == branch_id, level.product_id.in_(product_ids))
        .order_by(level.product_id)
        .with_for_update(of=level)
    )
    return (await work.session.execute(found)).all()


async def batches(
    work: Work, branch_id: UUID, product_ids: Collection[UUID], codes: Collection[str]
) -> Mapping[UUID, list[Batch]]:
    """The batches that hold something, have no code, or one of these. Asked only when their levels are locked."""
    batch = tables.StockBatch
    found = (
        select(batch.product_id, batch.id, batch.code, batch.expires_on, batch.quantity_milli)
        .where(
            batch.branch_id == branch_id,
            batch.product_id.in_(product_ids),
            or_(batch.quantity_milli != 0, batch.code.is_(None), batch.code.in_(codes)),
        )
        .order_by(batch.expires_key, batch.id)
    )
    held: dict[UUID, list[Batch]] = {}
    for row in await work.session.execute(found):
        held.setdefault(row[0], []).append(Batch(*row[1:]))
    return held


async def issued(work: Work, cause_id: UUID, position: int | None) -> Sequence[Row[*tuple[Any, ...]]]:
    """What was sold for a cause, the last first, each with what came back of it: quantities and values above zero."""
    move, back = tables.StockMove, tables.StockMove.__table__.alias("back")
    returned = select(
        func.coalesce(func.sum(back.c.quantity_milli), 0, type_=Milli()).label("quantity"),
        func.coalesce(func.sum(back.c.value_paise), 0, type_=Paise()).label("value"),
    ).where(back.c.returns_id == move.id)
    came_back = returned.lateral()
    found = (
        select(
            move.id,
            move.branch_id,
            move.product_id,
            move.batch_id,
            move.position,
            move.kind,
            (-move.quantity_milli).label("quantity_milli"),
            (-move.value_paise).label("value_paise"),
            came_back.c.quantity.label("returned_milli"),
            came_back.c.value.label("returned_paise"),
        )
        .where(move.cause_id == cause_id, move.kind == StockMoveKind.SALE)
        .order_by(move.product_id, move.id.desc())
    )
    if position is not None:
        found = found.where(move.position == position)
    return (await work.session.execute(found)).all()


async def adjustment_for_update(work: Work, adjustment_id: UUID) -> tables.StockAdjustment | None:
    """A request to correct stock, locked so that it is decided once."""
    found = select(tables.StockAdjustment).where(tables.StockAdjustment.id == adjustment_id).with_for_update()
    return (await work.session.execute(found)).scalar_one_or_none()


async def is_batch_of(work: Work, batch_id: UUID, branch_id: UUID, product_id: UUID) -> bool:
    """Whether an id names a batch of a product in a branch."""
    batch = tables.StockBatch
    found = select(exists().where(batch.id == batch_id, batch.branch_id == branch_id, batch.product_id == product_id))
    return bool((await work.session.execute(found)).scalar_one())


_PRODUCTS_TO_IMPORT = text(
    """
    select product.id, product.sku, product.name, product.category, product.barcode, product.hsn_code,
        product.tax_class_id, product.price_paise, product.price_includes_tax, product.unit_cost_paise,
        product.is_retail, item.id is not null as is_stocked, item.unit, item.supplier_name, item.supplier_id,
        coalesce(supplier.name, item.supplier_name) as supplier, item.reorder_point_milli, item.reorder_quantity_milli,
        (select coalesce(json_object_agg(held.unit, held.holds_milli), '{}') from stock_units as held
         where held.item_id = item.id) as units
    from products as product
    left join stock_items as item on item.id = product.id
    left join suppliers as supplier on supplier.id = item.supplier_id
    where product.sku = any(:skus) or product.barcode = any(:barcodes)
    order by product.id
    for update of product
    """
).bindparams(bindparam("skus", type_=ARRAY(Text())), bindparam("barcodes", type_=ARRAY(Text())))
_MOVED_LEVELS = text(
    """
    select level.product_id, level.branch_id from stock_levels as level
    where level.product_id = any(:product_ids) and exists (
        select from stock_moves as move where move.product_id = level.product_id and move.branch_id = level.branch_id)
    """
).bindparams(bindparam("product_ids", type_=ARRAY(Uuid())))
_NAMES_TO_IMPORT = text(
    """
    select 'tax class' as kind, id, name, null as zone from tax_classes where lower(name) = any(:tax_classes)
    union all
    select 'supplier', id, search_name, null from suppliers where search_name = any(:suppliers)
    union all
    select 'branch', id, code, time_zone from branches where is_active
    """
).bindparams(bindparam("tax_classes", type_=ARRAY(Text())), bindparam("suppliers", type_=ARRAY(Text())))


async def products_to_import(
    work: Work, *, skus: Collection[str], barcodes: Collection[str]
) -> Sequence[Row[*tuple[Any, ...]]]:
    """Products that have one of the SKUs or barcodes, with how they are kept, locked in the order of their ids."""
    given = {"skus": list(skus), "barcodes": list(barcodes)}
    return (await work.session.execute(_PRODUCTS_TO_IMPORT, given)).all()


async def moved_levels(work: Work, product_ids: Collection[UUID]) -> frozenset[tuple[UUID, UUID]]:
    """Products and branches where something was ever moved."""
    rows = await work.session.execute(_MOVED_LEVELS, {"product_ids": list(product_ids)})
    return frozenset((row[0], row[1]) for row in rows)


async def names_to_import(
    work: Work, *, tax_classes: Collection[str], suppliers: Collection[str]
) -> Sequence[Row[*tuple[Any, ...]]]:
    """Tax classes by their names without case, suppliers by their searched names, and all active branches by code."""
    given = {"tax_classes": list(tax_classes), "suppliers": list(suppliers)}
    return (await work.session.execute(_NAMES_TO_IMPORT, given)).all()


_STOCK_TO_EXPORT = text(
    """
    select product.sku, product.name, product.category, product.barcode, product.hsn_code, class.name as tax_class,
        product.price_paise, product.price_includes_tax, product.unit_cost_paise, product.is_retail, item.unit,
        (select string_agg(held.unit || '=' || trim_scale(held.holds_milli / 1000.0), '; ' order by held.unit)
         from stock_units as held where held.item_id = item.id) as units,
        coalesce(supplier.name, item.supplier_name) as supplier, item.reorder_point_milli, item.reorder_quantity_milli,
        branch.code as branch, level.quantity_milli as in_stock, level.value_paise as stock_value
    from stock_levels as level
    join stock_items as item on item.id = level.product_id
    join products as product on product.id = level.product_id
    join tax_classes as class on class.id = product.tax_class_id
    join branches as branch on branch.id = level.branch_id
    left join suppliers as supplier on supplier.id = item.supplier_id
    where level.branch_id = :branch_id
    order by level.search_name, level.id
    limit :rows_max
    """
)


async def stock_to_export(work: Work, branch_id: UUID, *, rows_max: int) -> Sequence[Row[*tuple[Any, ...]]]:
    """A branch's levels with all that a file of them says, by the products' names."""
    given = {"branch_id": branch_id, "rows_max": rows_max}
    return (await work.session.execute(_STOCK_TO_EXPORT, given)).all()


async def transfer_for_update(work: Work, transfer_id: UUID) -> tables.StockTransfer | None:
    """A transfer, locked so that what becomes of it follows one another."""
    found = select(tables.StockTransfer).where(tables.StockTransfer.id == transfer_id)
    return (await work.session.execute(found.with_for_update())).scalar_one_or_none()


async def transfer_of_line(work: Work, line_id: UUID) -> tables.StockTransfer | None:
    """The transfer that a line belongs to."""
    transfer, line = tables.StockTransfer, tables.StockTransferLine
    found = select(transfer).join(line, line.transfer_id == transfer.id).where(line.id == line_id)
    return (await work.session.execute(found)).scalar_one_or_none()


async def is_line_of(work: Work, line_id: UUID, product_id: UUID) -> bool:
    """Whether a transfer's line is of a product."""
    line = tables.StockTransferLine
    found = select(exists().where(line.id == line_id, line.product_id == product_id))
    return bool((await work.session.execute(found)).scalar_one())


async def transfer_lines(work: Work, transfer_id: UUID) -> Sequence[tables.StockTransferLine]:
    """The lines of a locked transfer, in their order."""
    line = tables.StockTransferLine
    found = select(line).where(line.transfer_id == transfer_id).order_by(line.position)
    return (await work.session.scalars(found.execution_options(populate_existing=True))).all()


async def batches_by_id(work: Work, batch_ids: Collection[UUID]) -> Mapping[UUID, tuple[str | None, date | None]]:
    """Codes and dates of batches."""
    batch = tables.StockBatch
    rows = await work.session.execute(select(batch.id, batch.code, batch.expires_on).where(batch.id.in_(batch_ids)))
    return {row[0]: (row[1], row[2]) for row in rows}


async def count_for_update(work: Work, count_id: UUID) -> tables.StockCount | None:
    """A count, locked so that its changes follow one another."""
    found = select(tables.StockCount).where(tables.StockCount.id == count_id).with_for_update()
    return (await work.session.execute(found)).scalar_one_or_none()


async def counted_items(work: Work, branch_id: UUID) -> set[UUID]:
    """What a branch keeps: products that are still sold or used, and retired ones of which something is left."""
    level = tables.StockLevel
    found = (
        select(level.product_id)
        .join(catalog.Product, catalog.Product.id == level.product_id)
        .where(level.branch_id == branch_id, or_(catalog.Product.is_active, level.quantity_milli != 0))
    )
    return set(await work.session.scalars(found))


async def count_under_way(work: Work, branch_id: UUID, product_ids: Collection[UUID]) -> tuple[UUID, UUID]:
    """One of these products that is being counted already, and its count."""
    line = tables.StockCountLine
    found = (
        select(line.product_id, line.count_id)
        .where(line.branch_id == branch_id, line.product_id.in_(product_ids), line.is_live)
        .order_by(line.product_id)
        .limit(1)
    )
    row = (await work.session.execute(found)).one()
    return row[0], row[1]


async def count_lines(
    work: Work, count_id: UUID, product_ids: Collection[UUID]
) -> Mapping[tuple[UUID, UUID | None], UUID]:
    """The lines of a count by product and batch."""
    line = tables.StockCountLine
    found = select(line.product_id, line.batch_id, line.id).where(
        line.count_id == count_id, line.product_id.in_(product_ids)
    )
    return {(row[0], row[1]): row[2] for row in await work.session.execute(found)}


async def count_missing_as_zero(work: Work, count_id: UUID) -> None:
    """What nobody entered is not there, says whoever submits."""
    line = tables.StockCountLine
    values = {"counted_milli": 0, "counted_by_id": work.actor.id, "counted_at": work.now}
    missing = update(line).where(line.count_id == count_id, line.counted_milli.is_(None)).values(values)
    await work.session.execute(missing.execution_options(synchronize_session=False))


async def was_counted(work: Work, count_id: UUID) -> bool:
    """Whether a count has any figure."""
    line = tables.StockCountLine
    found = select(exists().where(line.count_id == count_id, line.counted_milli.is_not(None)))
    return bool((await work.session.execute(found)).scalar_one())


async def variances(work: Work, count_id: UUID) -> Sequence[Row[*tuple[Any, ...]]]:
    """The lines of a submitted count that differ, in their order."""
    line = tables.StockCountLine
    found = (
        select(line.position, line.product_id, line.batch_id, line.is_whole, line.variance_milli, line.counted_by_id)
        .where(line.count_id == count_id, line.variance_milli != 0)
        .order_by(line.position)
    )
    return (await work.session.execute(found)).all()


@dataclass(frozen=True)
class RecipePart:
    """An item of a recipe. `tax_rate_hundredths` is that of the input credit that its use gives back, 0 where none."""

    product_id: UUID
    quantity_milli: int
    tax_rate_hundredths: int


async def recipes(
    work: Work, branch_id: UUID, service_ids: Collection[UUID], *, on: date
) -> Mapping[UUID, list[RecipePart]]:
    """What services use up at a branch on a date, by service and in the order of their recipes.

    Credit is given back for retail goods whose tax may be credited when they are sold, by a branch that credits tax, in
    services that carry none.
    """
    line, item = tables.RecipeLine, tables.StockItem
    of_goods = _newest_rate(catalog.Product, on).lateral("of_goods")
    of_service = _newest_rate(catalog.Service, on).lateral("of_service")
    found = (
        select(
            line.recipe_id,
            line.product_id,
            line.quantity_milli,
            item.use,
            salon.Branch.tax_scheme,
            of_goods.c.rate_hundredths,
            of_goods.c.allows_input_credit.label("is_credited"),
            of_service.c.allows_input_credit.label("is_kept"),
        )
        .join(item, item.id == line.product_id)
        .join(catalog.Product, catalog.Product.id == line.product_id)
        .join(catalog.Service, catalog.Service.id == line.recipe_id)
        .join(salon.Branch, salon.Branch.id == branch_id)
        .outerjoin(of_goods, true())
        .outerjoin(of_service, true())
        .where(line.recipe_id.in_(service_ids))
        .order_by(line.recipe_id, line.position)
    )
    parts: dict[UUID, list[RecipePart]] = {}
    for row in await work.session.execute(found):
        gives_back = (
            row.use is StockUse.RETAIL and row.tax_scheme is TaxScheme.REGULAR and row.is_credited and not row.is_kept
        )
        part = RecipePart(row.product_id, row.quantity_milli, row.rate_hundredths if gives_back else 0)
        parts.setdefault(row.recipe_id, []).append(part)
    return parts


def _newest_rate(of: type[catalog.Product | catalog.Service], on: date) -> Select[int, bool]:
    """The rate of a class on a date, correlated to the item that has the class."""
    rate = catalog.TaxRate
    return (
        select(rate.rate_hundredths, rate.allows_input_credit)
        .where(rate.tax_class_id == of.tax_class_id, rate.valid_from <= on)
        .order_by(rate.valid_from.desc())
        .limit(1)
    )


async def consumption_for_update(work: Work, consumption_id: UUID) -> tables.Consumption | None:
    """What was consumed, locked so that two who enter it follow one another."""
    found = select(tables.Consumption).where(tables.Consumption.id == consumption_id).with_for_update()
    return (await work.session.execute(found)).scalar_one_or_none()


async def consumed_batches(work: Work, row: tables.Consumption) -> Sequence[Row[UUID, int]]:
    """What a consumption holds of each batch, the one that was taken last first. Asked behind the level's lock."""
    move = tables.StockMove
    held = -func.sum(move.quantity_milli, type_=Milli())
    found = (
        select(move.batch_id, held)
        .where(
            move.cause_id.in_([row.cause_id, row.id]),
            move.position == row.position,
            move.product_id == row.product_id,
            move.kind == StockMoveKind.CONSUMPTION,
        )
        .group_by(move.batch_id)
        .having(held > 0)
        .order_by(func.max(move.occurred_at).desc(), move.batch_id.desc())
    )
    return (await work.session.execute(found)).all()
