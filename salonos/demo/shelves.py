"""What the demo salon keeps on its shelves: opening stock that lasts for the plan, and recipes that use some of it up.

As much comes in as the plan takes out and a little more, item by item another little, so that in the end some are low. A
last delivery brings goods that expire soon.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Final
from uuid import UUID

from salonos.demo import trade, wares
from salonos.inventory.commands import NewItem, NewReceipt, ReceivedLine, RecipePart
from salonos.inventory.rules import StockUnit

PIECE: Final = 1000
REORDER_POINT, REORDER_QUANTITY = 3 * PIECE, 12 * PIECE
BULK_REORDER_POINT, BULK_REORDER_QUANTITY = 400 * PIECE, 1600 * PIECE
BULK: Final = {"PRO-WAX-800": 800 * PIECE, "PRO-DEV-900": 900 * PIECE}
"""Kept in millilitres, and how many of them a bottle holds."""

SOON: Final = (("MSK-REP-200", 4, 9), ("SUN-050-050", 6, 16), ("TNR-ROS-100", 5, 24))
"""Of the last delivery: which product, how many, and in how many days it expires."""

FEW, PLENTY, LOW_EVERY_FIFTH = 2, 40, 2
"""Pieces that the plan leaves over: of every fifth product few, so that it is to be ordered."""

_WAX, _DEVELOPER, _DYE, _SHAMPOO = "PRO-WAX-800", "PRO-DEV-900", "DYE-BRN-100", "SHM-ARG-250"

RECIPES: Final[Mapping[str, Sequence[tuple[str, int]]]] = {
    "Root touch-up": ((_DYE, 600), (_DEVELOPER, 60_000)),
    "Global colour, short hair": ((_DYE, 800), (_DEVELOPER, 80_000)),
    "Global colour, long hair": ((_DYE, 1500), (_DEVELOPER, 150_000)),
    "Hair colour, men": (("DYE-BLK-100", 400), (_DEVELOPER, 40_000)),
    "Shampoo and blow-dry": ((_SHAMPOO, 60),),
    "Haircut, women": ((_SHAMPOO, 40),),
    "Haircut, men": ((_SHAMPOO, 20),),
    "Haircut and beard": ((_SHAMPOO, 20), ("SHV-CRM-100", 50)),
    "Clean shave": (("SHV-CRM-100", 80), ("SHV-AFT-100", 50)),
    "Beard trim and shape": (("BRD-OIL-030", 50),),
    "Head massage, coconut oil": (("OIL-COC-200", 150),),
    "Waxing, full arms": ((_WAX, 45_000),),
    "Waxing, full legs": ((_WAX, 80_000),),
    "Waxing, underarms": ((_WAX, 15_000),),
    "Chest and back waxing, men": ((_WAX, 120_000),),
}
"""What one of a service uses: of which product, in thousandths of its unit."""

_PLACES: Final = {product.sku: place for place, product in enumerate(wares.PRODUCTS)}


def item(sku: str) -> NewItem:
    """How a product is kept."""
    if sku in BULK:
        return NewItem(
            unit=StockUnit.ML,
            reorder_point_milli=BULK_REORDER_POINT,
            reorder_quantity_milli=BULK_REORDER_QUANTITY,
            units={StockUnit.BOTTLE: BULK[sku]},
        )
    return NewItem(unit=StockUnit.PIECE, reorder_point_milli=REORDER_POINT, reorder_quantity_milli=REORDER_QUANTITY)


def recipe(parts: Sequence[tuple[str, int]], product_ids: Sequence[UUID]) -> tuple[RecipePart, ...]:
    """A recipe of products that are there."""
    return tuple(RecipePart(product_ids[_PLACES[sku]], milli) for sku, milli in parts)


def opening(branch_id: UUID, product_ids: Sequence[UUID], happenings: Iterable[trade.Happening]) -> NewReceipt:
    """What a branch begins with."""
    taken = _taken(happenings)
    lines = []
    for place, product in enumerate(wares.PRODUCTS):
        left = FEW if place % 5 == LOW_EVERY_FIFTH else PLENTY + place % 7
        cost = product.cost_rupees * 100
        if product.sku in BULK:
            bottles = -(-taken[place] // BULK[product.sku]) + 1
            line = ReceivedLine(
                product_id=product_ids[place],
                quantity_milli=bottles * PIECE,
                unit_cost_paise=cost,
                unit=StockUnit.BOTTLE,
            )
        else:
            pieces = -(-taken[place] // PIECE) + left
            line = ReceivedLine(product_id=product_ids[place], quantity_milli=pieces * PIECE, unit_cost_paise=cost)
        lines.append(line)
    return NewReceipt(branch_id, tuple(lines), "Opening stock")


def last_delivery(branch_id: UUID, product_ids: Sequence[UUID], today: date) -> NewReceipt:
    """Goods that expire soon."""
    lines = tuple(
        ReceivedLine(
            product_id=product_ids[_PLACES[sku]],
            quantity_milli=pieces * PIECE,
            unit_cost_paise=wares.PRODUCTS[_PLACES[sku]].cost_rupees * 100,
            batch=f"L{today:%y%m}-{days:02d}",
            expires_on=today + timedelta(days=days),
        )
        for sku, pieces, days in SOON
    )
    return NewReceipt(branch_id, lines, "Delivery note 4711")


def _taken(happenings: Iterable[trade.Happening]) -> Counter[int]:
    """What sales and recipes take, by the product's place."""
    taken: Counter[int] = Counter()
    for visit in happenings:
        if not isinstance(visit, trade.Visit):
            continue
        for each in visit.items:
            if not each.is_service:
                taken[each.place] += each.quantity * PIECE
                continue
            for sku, milli in RECIPES.get(wares.SERVICES[each.place].name, ()):
                taken[_PLACES[sku]] += each.quantity * milli
    return taken
