"""Expected failures of stock, as the schema has them."""

import strawberry

from salonos.catalog.graph import Product
from salonos.graph.fields import (
    field,
)
from salonos.graph.problem import Problem, problem
from salonos.inventory import problems
from salonos.kernel.quantity import Quantity
from salonos.salon.graph import Branch


@problem(problems.StockTooLow)
class StockTooLow(Problem):
    """The branch has less of a product than what is to leave, and may not go below zero."""

    product: Product | None = field("Which.")
    available: Quantity = field(
        "How much may be sold or used today; where goods are lost or moved by hand, how much lies there, expired or not."
    )


@problem(problems.ReceivedTooMuch)
class ReceivedTooMuch(Problem):
    """More came than is open on the order's line. Say `allowsMore` to keep it."""

    product: Product | None = field("Of what.")
    awaited: Quantity = field("How much is open, in the item's own unit.")


@problem(problems.AlreadyStocked)
class AlreadyStocked(Problem):
    """The product is kept in stock already."""

    product: Product | None = field("Which.")


@problem(problems.StockItemInUse)
class StockItemInUse(Problem):
    """An item that moves, recipes, orders or counts name stays an item; its product can be retired."""

    product: Product | None = field("Which.")


@problem(problems.StockUnitInUse)
class StockUnitInUse(Problem):
    """An item that was ever moved keeps its unit."""

    product: Product | None = field("Which.")


@problem(problems.StockBelowZero)
class StockBelowZero(Problem):
    """The branch has items below zero, so that it can't be forbidden now."""

    branch: Branch | None = field("Which.")


@problem(problems.OwnRequest)
class OwnRequest(Problem):
    """Nobody decides what they asked for or counted themselves: another person has to."""


@strawberry.type(description="One thing that is wrong with a file.")
class StockImportFault:
    """One thing that is wrong with a file."""

    row: int = field("The row as a spreadsheet program numbers it, the titles' row being 1.")
    column: str = field("The column's title; its letter where it has none; empty where it is the whole row.")
    code: str = field("Which kind, for programs: `REQUIRED`, `UNKNOWN_COLUMN`, `TAKEN`, `DIFFERENT`…")
    message: str = field("What is wrong, for the person who made the file.")


@problem(problems.ImportRefused)
class StockImportRefused(Problem):
    """The file can't be imported as it is, and nothing of it was."""

    fault_count: int = field("How many faults there are.")
    faults: list[StockImportFault] = field("The first 200 of them.")
