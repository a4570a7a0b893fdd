"""What is ordered, and what came: orders and receipts as they are read."""

import enum
from datetime import date, datetime

import strawberry
from sqlalchemy import ColumnElement, func, literal_column

from salonos.accounting.graph import Entry, in_reach
from salonos.catalog.graph import Product
from salonos.graph.fields import (
    Order,
    Within,
    by_id,
    by_key,
    column,
    connection,
    enum_of,
    extend,
    key,
    many,
    node,
    one,
    orders,
    where,
)
from salonos.graph.roots import Connection, Node, Query
from salonos.inventory import rules, tables
from salonos.inventory.graph.shelves import STOCK_READ, StockBatch, StockMove
from salonos.inventory.graph.suppliers import SUPPLIER_READ, Supplier
from salonos.inventory.rules import PurchaseStatus, StockUnit
from salonos.kernel.actor import Access
from salonos.kernel.database import Milli
from salonos.kernel.money import Money
from salonos.kernel.permissions import Permission
from salonos.kernel.quantity import Quantity
from salonos.salon.graph import Branch

COST_READ = Permission.COST_READ

enum_of(
    PurchaseStatus,
    "Where an order of goods stands.",
    DRAFT="It may still change.",
    ORDERED="The supplier was asked; nothing came yet.",
    PARTLY_RECEIVED="Some of it came.",
    RECEIVED="All of it came.",
    CANCELLED="Nothing more of it is awaited; what had come stays.",
)


def purchases_in_reach(access: Access) -> ColumnElement[bool] | None:
    """Of the reader's branches."""
    return in_reach(tables.Purchase.branch_id, access)


def receipts_in_reach(access: Access) -> ColumnElement[bool] | None:
    """Of the reader's branches."""
    return in_reach(tables.StockReceipt.branch_id, access)


def above_zero(quantity: ColumnElement[int]) -> ColumnElement[int]:
    """A quantity, or zero where it is less."""
    return func.greatest(quantity, literal_column("0"), type_=Milli())


@node(tables.PurchaseLine, scope=Within(tables.PurchaseLine.purchase_id, "Purchase"), requires=SUPPLIER_READ)
class PurchaseLine(Node):
    """Goods of an order."""

    position: int = column(tables.PurchaseLine.position, "From 1.")
    product: Product | None = one(tables.PurchaseLine.product_id, "Of what.")
    unit: StockUnit = column(tables.PurchaseLine.unit, "In which unit it is ordered.")
    quantity: Quantity = column(tables.PurchaseLine.quantity_milli, "How many of `unit` are ordered.")
    stock_quantity: Quantity = column(tables.PurchaseLine.stock_quantity_milli, "The same in the item's own unit.")
    received: Quantity = column(tables.PurchaseLine.received_milli, "What came of it, in the item's own unit.")
    awaited: Quantity = column(
        above_zero(tables.PurchaseLine.stock_quantity_milli - tables.PurchaseLine.received_milli),
        "What did not come of it, in the item's own unit; of a cancelled order it will not come any more.",
    )
    unit_cost: Money | None = column(
        tables.PurchaseLine.unit_cost_paise, "What one of `unit` should cost, without tax.", requires=COST_READ
    )


@node(tables.StockReceiptLine, scope=Within(tables.StockReceiptLine.receipt_id, "StockReceipt"), requires=STOCK_READ)
class StockReceiptLine(Node):
    """Goods of one batch that came."""

    position: int = column(tables.StockReceiptLine.position, "From 1.")
    product: Product | None = one(tables.StockReceiptLine.product_id, "Of what.")
    batch: StockBatch | None = one(tables.StockReceiptLine.batch_id, "Into which batch they went.")
    move: StockMove | None = one(tables.StockReceiptLine.move_id, "How they came on the shelf.")
    unit: StockUnit = column(tables.StockReceiptLine.unit, "In which unit they came.")
    quantity: Quantity = column(tables.StockReceiptLine.quantity_milli, "How many of `unit` came.")
    stock_quantity: Quantity = column(tables.StockReceiptLine.stock_quantity_milli, "The same in the item's own unit.")
    billed: Quantity = column(tables.StockReceiptLine.billed_milli, "How many of `unit` the supplier has billed.")
    sent_back: Quantity = column(
        tables.StockReceiptLine.sent_back_milli, "How many of `unit` went back before they were billed."
    )
    unbilled: Quantity = column(
        tables.StockReceiptLine.quantity_milli
        - tables.StockReceiptLine.billed_milli
        - tables.StockReceiptLine.sent_back_milli,
        "How many of `unit` are still to be billed.",
    )
    unit_cost: Money | None = column(
        tables.StockReceiptLine.unit_cost_paise, "What one of `unit` cost, without tax.", requires=COST_READ
    )
    cost: Money | None = column(
        tables.StockReceiptLine.cost_paise,
        "What all of them cost, with the GST that is not credited: what the supplier is expected to bill.",
        requires=COST_READ,
    )


@node(tables.StockReceipt, scope=receipts_in_reach, requires=STOCK_READ)
class StockReceipt(Node):
    """Goods that came to a branch at one time. It never changes."""

    branch: Branch = one(tables.StockReceipt.branch_id, "Where.", within=True)
    supplier: Supplier | None = one(tables.StockReceipt.supplier_id, "Who delivered them; null when nobody said.")
    purchase: "Purchase | None" = one(tables.StockReceipt.purchase_id, "Of which order; null without one.")
    reference: str | None = column(tables.StockReceipt.reference, "What stands on the delivery note; null without.")
    business_date: date = column(tables.StockReceipt.business_date, "On which date of the branch.")
    received_at: datetime = column(tables.StockReceipt.received_at, "When.")
    lines: list[StockReceiptLine] = many(
        tables.StockReceiptLine.receipt_id,
        "1 to 200, 5 are typical.",
        order_by=tables.StockReceiptLine.position,
        limit=rules.LINES_MAX,
    )
    entry: Entry | None = one(tables.StockReceipt.entry_id, "Its entry in the books; null of goods that cost nothing.")


NEWEST_RECEIPT = Order(tables.StockReceipt.received_at, "The newest first.", descending=True)


@strawberry.input(description="Which receipts; all conditions hold.")
class StockReceiptFilter:
    """Which receipts."""

    supplier_id: strawberry.ID | None = where(
        tables.StockReceipt.supplier_id,
        "Of this supplier.",
        prefix="supplier",
        requires=SUPPLIER_READ,
    )
    since: date | None = where(
        tables.StockReceipt.business_date, "Of this business date or later.", condition=lambda on, day: on >= day
    )


@node(tables.Purchase, scope=purchases_in_reach, requires=SUPPLIER_READ)
class Purchase(Node):
    """An order of goods from a supplier: a draft until it is placed, then received in as many parts as it comes."""

    number: str | None = column(
        tables.Purchase.number, "Consecutive per branch and financial year; null until it is placed."
    )
    status: PurchaseStatus = column(tables.Purchase.status, "Where it stands.")
    branch: Branch = one(tables.Purchase.branch_id, "Where the goods are to come.", within=True)
    supplier: Supplier = one(tables.Purchase.supplier_id, "Who is to deliver.", within=True)
    ordered_on: date | None = column(tables.Purchase.ordered_on, "On which date; null until it is placed.")
    expected_on: date | None = column(tables.Purchase.expected_on, "When the goods should come; null when nobody said.")
    notes: str | None = column(tables.Purchase.notes, "What the supplier is told, in lines; null without.")
    version: int = column(tables.Purchase.version, "Rises with each change; updates name the one you saw.")
    created_at: datetime = column(tables.Purchase.created_at, "When it was begun.")
    lines: list[PurchaseLine] = many(
        tables.PurchaseLine.purchase_id,
        "1 to 200, 8 are typical.",
        order_by=tables.PurchaseLine.position,
        limit=rules.LINES_MAX,
    )
    receipts: Connection[StockReceipt] | None = connection(
        tables.StockReceipt.purchase_id, "What came of it.", order=NEWEST_RECEIPT
    )


@orders(
    NEWEST=Order(tables.Purchase.created_at, "The last begun first.", descending=True),
    OLDEST=Order(tables.Purchase.created_at, "The first begun first."),
)
class PurchaseOrder(enum.Enum):
    """How orders of goods may be ordered. The id breaks ties."""


@strawberry.input(description="Which orders; all conditions hold.")
class PurchaseFilter:
    """Which orders."""

    branch_id: strawberry.ID | None = where(tables.Purchase.branch_id, "For this branch.", prefix="branch")
    supplier_id: strawberry.ID | None = where(tables.Purchase.supplier_id, "Of this supplier.", prefix="supplier")
    status: PurchaseStatus | None = where(tables.Purchase.status, "Where they stand.")


@extend(Supplier)
class SupplierPurchases:
    """What was ordered and delivered."""

    purchases: Connection[Purchase] | None = connection(
        tables.Purchase.supplier_id,
        "What was ordered there, for the branches within reach.",
        order=PurchaseOrder,
        filter=PurchaseFilter,
    )
    receipts: Connection[StockReceipt] | None = connection(
        tables.StockReceipt.supplier_id, "What it delivered to the branches within reach.", order=NEWEST_RECEIPT
    )


@extend(Query)
class PurchaseReads:
    """The roots."""

    purchase: Purchase | None = by_id("An order of goods by its id; null out of reach.")
    purchase_by_number: Purchase | None = by_key(
        "An order of goods by its number; null out of reach.", number=key(tables.Purchase.number, "As it was sent.")
    )
    purchases: Connection[Purchase] | None = connection(
        None, "The orders of goods within reach, drafts among them.", order=PurchaseOrder, filter=PurchaseFilter
    )
    stock_receipt: StockReceipt | None = by_id("A receipt of goods by its id; null out of reach.")
    stock_receipts: Connection[StockReceipt] | None = connection(
        None,
        "What came to a branch, with an order or without.",
        order=NEWEST_RECEIPT,
        filter=StockReceiptFilter,
        branch_id=key(tables.StockReceipt.branch_id, "Where.", prefix="branch"),
    )
