"""Which products are kept in stock, and how; and where stock may be below zero."""

from typing import Annotated

import strawberry

from salonos.catalog.graph import Product
from salonos.graph.fields import (
    extend,
    field,
    ref,
)
from salonos.graph.mutations import mutation
from salonos.graph.problem import InvalidInput, StaleVersion
from salonos.graph.roots import Mutation
from salonos.inventory import commands
from salonos.inventory.graph.problems import AlreadyStocked, StockBelowZero, StockItemInUse, StockUnitInUse
from salonos.inventory.graph.shelves import StockItem
from salonos.inventory.rules import StockUnit
from salonos.kernel.ids import id_value
from salonos.kernel.permissions import Permission
from salonos.kernel.quantity import Quantity
from salonos.kernel.work import Work
from salonos.salon.graph import Branch


@strawberry.input(description="Another unit in which an item comes.")
class StockUnitInput:
    """Another unit in which an item comes."""

    unit: StockUnit = field("The other unit.")
    holds: Quantity = field("How much of the item's own unit one of it holds: above 0.")


@strawberry.input(description="A product that is to be kept in stock.")
class StockProductInput:
    """A product that is to be kept in stock."""

    product_id: strawberry.ID = field("Which. Whether it is retail decides what it is worth and does not change later.")
    unit: StockUnit = field("What it is counted, sold and used in.")
    units: list[StockUnitInput] | None = field("In which other units it comes, at most 6.")
    supplier_id: strawberry.ID | None = field("Who delivers it.")
    supplier_name: str | None = field(
        "Who delivers it, at most 120 characters: a note for whom the records don't know."
    )
    reorder_point: Quantity | None = field("At this quantity or below a branch is low.")
    reorder_quantity: Quantity | None = field("How much is ordered at once: above 0.")


@strawberry.input(description="How an item is kept from now on, in place of all that was said.")
class UpdateStockItemInput:
    """How an item is kept from now on."""

    product_id: strawberry.ID = field("Which.")
    expected_version: int = field("The version that was read.")
    unit: StockUnit = field("What it is counted in; another one only while nothing was ever moved.")
    units: list[StockUnitInput] | None = field("In which other units it comes, at most 6.")
    supplier_id: strawberry.ID | None = field("Who delivers it.")
    supplier_name: str | None = field(
        "Who delivers it, at most 120 characters: a note for whom the records don't know."
    )
    reorder_point: Quantity | None = field("At this quantity or below a branch is low.")
    reorder_quantity: Quantity | None = field("How much is ordered at once: above 0.")


@strawberry.input(description="An item that was begun by mistake.")
class RemoveStockItemInput:
    """An item that was begun by mistake."""

    product_id: strawberry.ID = field("The product, which stays.")
    expected_version: int = field("The item's version that was read.")


@strawberry.input(description="Whether a branch may issue what it does not have.")
class SetStockPolicyInput:
    """Whether a branch may issue what it does not have."""

    branch_id: strawberry.ID = field("Which.")
    allows_negative: bool = field("Whether its stock may go below zero.")


@strawberry.type(description="The product is kept in stock.")
class StockProductSuccess:
    """The product is kept in stock."""

    item: StockItem | None = field("Its card.")


@strawberry.type(description="The item is kept as was said.")
class UpdateStockItemSuccess:
    """The item is kept as was said."""

    item: StockItem | None = field("Its card.")


@strawberry.type(description="The product is kept in stock no longer.")
class RemoveStockItemSuccess:
    """The product is kept in stock no longer."""

    product: Product | None = field("The product, which may be stocked anew.")


@strawberry.type(description="The branch works by this from now on.")
class SetStockPolicySuccess:
    """The branch works by this from now on."""

    branch: Branch | None = field("The branch.")


StockProductResult = Annotated[
    StockProductSuccess | InvalidInput | AlreadyStocked,
    strawberry.union("StockProductResult", description="What became of it."),
]
UpdateStockItemResult = Annotated[
    UpdateStockItemSuccess | InvalidInput | StaleVersion | StockUnitInUse,
    strawberry.union("UpdateStockItemResult", description="What became of it."),
]
RemoveStockItemResult = Annotated[
    RemoveStockItemSuccess | InvalidInput | StaleVersion | StockItemInUse,
    strawberry.union("RemoveStockItemResult", description="What became of it."),
]
SetStockPolicyResult = Annotated[
    SetStockPolicySuccess | InvalidInput | StockBelowZero,
    strawberry.union("SetStockPolicyResult", description="What became of it."),
]


def item_of(given: StockProductInput | UpdateStockItemInput) -> commands.NewItem:
    """How an input says that an item is kept."""
    return commands.NewItem(
        unit=given.unit,
        supplier_name=given.supplier_name,
        supplier_id=None if given.supplier_id is None else id_value("supplier", given.supplier_id),
        reorder_point_milli=given.reorder_point,
        reorder_quantity_milli=given.reorder_quantity,
        units=[(each.unit, each.holds) for each in given.units or ()],
    )


@extend(Mutation)
class StockWrites:
    """Stock's writes."""

    @mutation("Begin to keep a product in stock, with nothing on the shelves.", requires=Permission.CATALOG_MANAGE)
    async def stock_product(self, work: Work, input: StockProductInput) -> StockProductResult:
        """Makes an item of a product."""
        product_id = id_value("product", input.product_id)
        return StockProductSuccess(item=ref(StockItem, await commands.stock_product(work, product_id, item_of(input))))

    @mutation("Say anew how an item is kept.", requires=Permission.CATALOG_MANAGE)
    async def update_stock_item(self, work: Work, input: UpdateStockItemInput) -> UpdateStockItemResult:
        """Changes an item."""
        item_id = await commands.update_stock_item(
            work, id_value("product", input.product_id), item_of(input), expected_version=input.expected_version
        )
        return UpdateStockItemSuccess(item=ref(StockItem, item_id))

    @mutation("Keep a product in stock no longer, of which nothing was said yet.", requires=Permission.CATALOG_MANAGE)
    async def remove_stock_item(self, work: Work, input: RemoveStockItemInput) -> RemoveStockItemResult:
        """Removes an item."""
        product_id = id_value("product", input.product_id)
        await commands.remove_stock_item(work, product_id, expected_version=input.expected_version)
        return RemoveStockItemSuccess(product=ref(Product, product_id))

    @mutation("Let a branch issue what it does not have, or forbid it.", requires=Permission.STOCK_APPROVE)
    async def set_stock_policy(self, work: Work, input: SetStockPolicyInput) -> SetStockPolicyResult:
        """Sets the policy."""
        branch_id = id_value("branch", input.branch_id)
        await commands.set_stock_policy(work, branch_id, allows_negative=input.allows_negative)
        return SetStockPolicySuccess(branch=ref(Branch, branch_id))
