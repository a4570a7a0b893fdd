"""Stock in the schema, a module per action. Higher features refer to `StockTooLow`."""

from salonos.inventory.graph import events, items, ordering, problems, purchases, receiving, shelves, suppliers
from salonos.inventory.graph.problems import StockTooLow

__all__ = [
    "StockTooLow",
    "events",
    "items",
    "ordering",
    "problems",
    "purchases",
    "receiving",
    "shelves",
    "suppliers",
]
