"""Stock in the schema, a module per action. Higher features refer to `StockTooLow`."""

from salonos.inventory.graph import (
    adjusting,
    ageing,
    billing,
    consumption,
    counting,
    counts,
    events,
    exchange,
    items,
    ordering,
    payables,
    problems,
    purchases,
    receiving,
    reordering,
    shelves,
    suppliers,
)
from salonos.inventory.graph.problems import StockTooLow

__all__ = [
    "StockTooLow",
    "adjusting",
    "ageing",
    "billing",
    "consumption",
    "counting",
    "counts",
    "events",
    "exchange",
    "items",
    "ordering",
    "payables",
    "problems",
    "purchases",
    "receiving",
    "reordering",
    "shelves",
    "suppliers",
]
