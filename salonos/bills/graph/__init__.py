"""The till in the schema. Higher features refer to `Bill`, `BillLine` and `Payment`."""

from salonos.bills.graph import (
    customers,
    events,
    exports,
    inputs,
    large_exports,
    limits,
    numbers,
    problems,
    refunds,
    writes,
)
from salonos.bills.graph.reads import Bill, BillLine, Payment

__all__ = [
    "Bill",
    "BillLine",
    "Payment",
    "customers",
    "events",
    "exports",
    "inputs",
    "large_exports",
    "limits",
    "numbers",
    "problems",
    "refunds",
    "writes",
]
