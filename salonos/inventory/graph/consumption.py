"""Recipes of services, what services used up, and how that differs from what their recipes expect."""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

import strawberry
from sqlalchemy import (
    ColumnElement,
    Date,
    Integer,
    Select,
    SQLColumnExpression,
    Uuid,
    case,
    cast,
    exists,
    func,
    or_,
    select,
)

from salonos.accounting.graph import PeriodClosed, in_reach, today_there
from salonos.catalog import tables as catalog
from salonos.catalog.graph import Product, Service
from salonos.graph.fields import (
    Computed,
    Order,
    Part,
    Within,
    argument,
    argument_value,
    by_id,
    column,
    connection,
    extend,
    field,
    key,
    many,
    node,
    one,
    reading,
    ref,
    row,
    rows,
    where,
)
from salonos.graph.mutations import Idempotency, mutation
from salonos.graph.problem import InvalidInput, StaleVersion
from salonos.graph.roots import Connection, Mutation, Node, Query
from salonos.identity.graph import StaffMember
from salonos.inventory import commands, tables
from salonos.inventory.graph.problems import StockTooLow
from salonos.inventory.graph.shelves import COST_READ, STOCK_READ, StockItem, since
from salonos.inventory.rules import RECIPE_LINES_MAX, VARIANCE_ROWS_MAX, StockUnit
from salonos.kernel.actor import Access
from salonos.kernel.database import Milli, Paise
from salonos.kernel.ids import id_prefix, id_value
from salonos.kernel.money import Money
from salonos.kernel.permissions import Permission
from salonos.kernel.quantity import Quantity
from salonos.kernel.work import Work
from salonos.salon import tables as salon
from salonos.salon.graph import Branch

USED = tables.Consumption
DAYS_ASKED = 30


# --- recipes


def every_recipe(_: Access) -> ColumnElement[bool] | None:
    """Recipes are the whole business's."""
    return None


@row(tables.RecipeLine, scope=Within(tables.RecipeLine.recipe_id, "Recipe"), requires=STOCK_READ)
class RecipeLine:
    """An item that a service uses up."""

    product: Product | None = one(tables.RecipeLine.product_id, "Which.")
    item: StockItem | None = one(tables.RecipeLine.product_id, "How it is kept, with its unit.")
    quantity: Quantity = column(
        tables.RecipeLine.quantity_milli, "How much one of the service uses, in the item's unit."
    )


@node(tables.Recipe, scope=every_recipe, requires=STOCK_READ)
class Recipe(Node):
    """What one of a service uses up."""

    service: Service | None = one(tables.Recipe.id, "Of which service.")
    lines: list[RecipeLine] = many(
        tables.RecipeLine.recipe_id,
        "In their order, at most 20; none where the service uses nothing any more.",
        order_by=tables.RecipeLine.position,
        limit=RECIPE_LINES_MAX,
    )
    version: int = column(tables.Recipe.version, "Rises with each change.")
    changed_at: datetime = column(tables.Recipe.changed_at, "When it was last said.")


@extend(Service)
class ServiceRecipe:
    """What stock tells of a service."""

    recipe: Recipe | None = one(catalog.Service.id, "What one of it uses up; null when nobody ever said.")


# --- what was used


def consumptions_in_reach(access: Access) -> ColumnElement[bool] | None:
    """Of the reader's branches."""
    return in_reach(USED.branch_id, access)


@node(tables.Consumption, scope=consumptions_in_reach, requires=STOCK_READ)
class Consumption(Node):
    """What a service used up of an item, for one line of a bill."""

    branch: Branch = one(USED.branch_id, "Where.", within=True)
    service: Service | None = one(USED.service_id, "For which service.")
    product: Product | None = one(USED.product_id, "What was used.")
    item: StockItem | None = one(USED.product_id, "How it is kept, with its unit.")
    staff: StaffMember | None = one(USED.staff_id, "Who did the service; null when the line named nobody.")
    position: int = column(USED.position, "The line of the bill, from 1.")
    expected: Quantity = column(USED.expected_milli, "By the recipe of that day, in the item's unit.")
    actual: Quantity = column(USED.actual_milli, "As it was entered; as expected until somebody does.")
    difference: Quantity = column(
        USED.actual_milli - USED.expected_milli, "Above 0 what was used beyond the recipe.", certain=True
    )
    cost: Money | None = column(
        USED.cost_paise, "What it cost, with GST where that is not credited.", requires=COST_READ
    )
    difference_cost: Money | None = column(
        USED.cost_paise - USED.expected_cost_paise, "What the difference cost.", requires=COST_READ
    )
    is_recorded: bool = column(USED.version > 1, "Whether somebody entered what was used.", certain=True)
    version: int = column(USED.version, "Rises with each entry.")
    business_date: date = column(USED.business_date, "On which date of the branch the service was posted.")
    occurred_at: datetime = column(USED.occurred_at, "When it was posted.")


NEWEST = Order(USED.occurred_at, "The newest first.", descending=True)


@strawberry.input(description="Which consumption; all conditions hold.")
class ConsumptionFilter:
    """Which consumption."""

    staff_id: strawberry.ID | None = where(USED.staff_id, "Of this member of staff.", prefix="staff")
    service_id: strawberry.ID | None = where(USED.service_id, "For this service.", prefix="service")
    product_id: strawberry.ID | None = where(USED.product_id, "Of this product.", prefix="product")
    since: date | None = where(USED.business_date, "Of this business date or later.", condition=since)
    cause_id: strawberry.ID | None = where(
        USED.cause_id,
        "Caused by this object: a bill's id.",
        parts=(Part(lambda text: id_value(id_prefix(text), text), Uuid()),),
    )


# --- the variance


def _dates() -> tuple[ColumnElement[date], ColumnElement[date]]:
    """From when until before when: as asked, else the last 30 days with today."""
    since = func.coalesce(argument_value("since", Date()), today_there() - DAYS_ASKED, type_=Date())
    until = func.coalesce(argument_value("until", Date()), today_there() + 1, type_=Date())
    return since, until


def _used(access: Access) -> tuple[ColumnElement[bool], ...]:
    """The consumption of the branches and the dates that were asked for."""
    branch, scope = argument_value("branch_id", Uuid()), in_reach(USED.branch_id, access)
    since, until = _dates()
    return (
        or_(branch.is_(None), USED.branch_id == branch),
        USED.business_date >= since,
        USED.business_date < until,
        *([] if scope is None else [scope]),
    )


def _paise(amount: SQLColumnExpression[int]) -> ColumnElement[int]:
    return cast(func.coalesce(func.sum(amount), 0), Paise())


def variance_of(access: Access) -> Select[UUID, date, date, int, int]:
    """What was asked for, and what all of it cost; no row for a branch out of reach."""
    branch, scope = argument_value("branch_id", Uuid()), in_reach(salon.Branch.id, access)
    here = exists(select(salon.Branch.id).where(salon.Branch.id == branch, *([] if scope is None else [scope])))
    since, until = _dates()
    used = (
        select(_paise(USED.cost_paise).label("cost"), _paise(USED.expected_cost_paise).label("expected_cost"))
        .where(*_used(access))
        .subquery("used")
    )
    return select(
        branch.label("branch_id"),
        since.label("since"),
        until.label("until"),
        used.c.cost,
        used.c.expected_cost,
    ).where(or_(branch.is_(None), here))


def variance_rows_of(access: Access) -> Select[*tuple[Any, ...]]:
    """By member of staff, service and item, what differs most first."""
    cost = _paise(USED.cost_paise)
    expected_cost = _paise(USED.expected_cost_paise)
    difference = func.sum(USED.actual_milli - USED.expected_milli)
    expected = func.sum(USED.expected_milli)
    place = func.row_number().over(
        # In shares of what was expected, since items of different units can't be compared otherwise.
        order_by=(func.abs(difference * 1000 / expected).desc(), USED.staff_id, USED.service_id, USED.product_id)
    )
    return (
        select(
            cast(place, Integer).label("place"),
            USED.staff_id.label("staff_id"),
            USED.service_id.label("service_id"),
            USED.product_id.label("product_id"),
            cast(func.count(), Integer).label("times"),
            cast(func.count(case((USED.version > 1, 1))), Integer).label("recorded"),
            cast(expected, Milli()).label("expected"),
            cast(func.sum(USED.actual_milli), Milli()).label("actual"),
            cast(difference, Milli()).label("difference"),
            cost.label("cost"),
            cast(cost - expected_cost, Paise()).label("difference_cost"),
        )
        .where(*_used(access))
        .group_by(USED.staff_id, USED.service_id, USED.product_id)
    )


variance_rows = Computed("variance_rows", variance_rows_of)
variances = Computed("variances", variance_of)


@row(variance_rows, requires=STOCK_READ)
class ConsumptionVarianceRow:
    """How what somebody used of an item for a service differs from the recipe."""

    staff: StaffMember | None = one(variance_rows.c.staff_id, "Who; null for the lines that named nobody.")
    service: Service | None = one(variance_rows.c.service_id, "For which service.")
    product: Product | None = one(variance_rows.c.product_id, "What was used.")
    item: StockItem | None = one(variance_rows.c.product_id, "How it is kept, with its unit.")
    times: int = column(variance_rows.c.times, "On how many lines of bills.", certain=True)
    recorded: int = column(variance_rows.c.recorded, "For how many of them somebody entered it.", certain=True)
    expected: Quantity = column(variance_rows.c.expected, "By the recipes, in the item's unit.", certain=True)
    actual: Quantity = column(variance_rows.c.actual, "As entered.", certain=True)
    difference: Quantity = column(variance_rows.c.difference, "Above 0 what was used beyond the recipes.", certain=True)
    cost: Money | None = column(variance_rows.c.cost, "What it cost.", requires=COST_READ)
    difference_cost: Money | None = column(
        variance_rows.c.difference_cost, "What the difference cost.", requires=COST_READ
    )


@row(variances, requires=STOCK_READ)
class ConsumptionVariance:
    """How what services used differs from what their recipes expect."""

    branch: Branch | None = one(variances.c.branch_id, "Where; null for all branches within reach.")
    since: date = column(variances.c.since, "The first business date.", certain=True)
    until: date = column(variances.c.until, "The first date that does not count.", certain=True)
    rows: list[ConsumptionVarianceRow] = rows(
        "By member of staff, service and item, the largest share of difference first; at most 500.",
        order_by=variance_rows.c.place,
        limit=VARIANCE_ROWS_MAX,
    )
    cost: Money | None = column(variances.c.cost, "What all of it cost.", requires=COST_READ)
    expected_cost: Money | None = column(
        variances.c.expected_cost, "What it would have cost by the recipes.", requires=COST_READ
    )


@extend(Query)
class ConsumptionReads:
    """The roots."""

    consumption: Consumption | None = by_id("What was consumed, by its id.")
    consumptions: Connection[Consumption] | None = connection(
        None,
        "What services used up at a branch.",
        order=NEWEST,
        filter=ConsumptionFilter,
        branch_id=key(USED.branch_id, "Where.", prefix="branch"),
    )
    consumption_variance: ConsumptionVariance | None = reading(
        "How what was used differs from the recipes; null for a branch out of reach.",
        branch_id=argument(strawberry.ID | None, "Only this branch; all within reach when left out.", prefix="branch"),
        since=argument(date | None, "From this business date on; 30 days ago when left out."),
        until=argument(date | None, "Before this business date; tomorrow when left out."),
    )


# --- writes


@strawberry.input(description="An item that a service uses up.")
class RecipeLineInput:
    """An item that a service uses up."""

    product_id: strawberry.ID = field("Which; it is kept in stock.")
    quantity: Quantity = field("How many of `unit` one of the service uses: above 0.")
    unit: StockUnit | None = field("In which of the item's units; its own when left out.")


@strawberry.input(description="What one of a service uses up, in place of all that was said.")
class SetRecipeInput:
    """What one of a service uses up."""

    service_id: strawberry.ID = field("Of which service.")
    expected_version: int = field("The recipe's version that was read; 0 where there was none.")
    lines: list[RecipeLineInput] = field("At most 20 items, each once; none when it uses nothing.")


@strawberry.input(description="What a service really used of an item.")
class RecordConsumptionInput:
    """What a service really used of an item."""

    consumption_id: strawberry.ID = field("Which line's, of which item.")
    expected_version: int = field("The version that was read.")
    quantity: Quantity = field("All that was used, in `unit`: 0 or more.")
    unit: StockUnit | None = field("In which of the item's units; its own when left out.")


@strawberry.type(description="Services use this up from now on.")
class SetRecipeSuccess:
    """Services use this up from now on."""

    recipe: Recipe | None = field("The recipe.")


@strawberry.type(description="Stock and books hold what was used.")
class RecordConsumptionSuccess:
    """Stock and books hold what was used."""

    consumption: Consumption | None = field("As it is now.")


SetRecipeResult = Annotated[
    SetRecipeSuccess | InvalidInput | StaleVersion,
    strawberry.union("SetRecipeResult", description="What became of it."),
]
RecordConsumptionResult = Annotated[
    RecordConsumptionSuccess | InvalidInput | StaleVersion | StockTooLow | PeriodClosed,
    strawberry.union("RecordConsumptionResult", description="What became of it."),
]


@extend(Mutation)
class ConsumptionWrites:
    """What services use."""

    @mutation("Say what one of a service uses up.", requires=Permission.CATALOG_MANAGE)
    async def set_recipe(self, work: Work, input: SetRecipeInput) -> SetRecipeResult:
        """Replaces a recipe."""
        parts = tuple(
            commands.RecipePart(id_value("product", line.product_id), line.quantity, line.unit) for line in input.lines
        )
        service_id = id_value("service", input.service_id)
        recipe_id = await commands.set_recipe(work, service_id, parts, expected_version=input.expected_version)
        return SetRecipeSuccess(recipe=ref(Recipe, recipe_id))

    @mutation(
        "Enter what a line really used of an item: of one's own lines, of others' with STOCK_COUNT.",
        requires=Permission.STOCK_REQUEST,
        idempotency=Idempotency.REQUIRED,
    )
    async def record_consumption(self, work: Work, input: RecordConsumptionInput) -> RecordConsumptionResult:
        """Enters what was used."""
        consumption_id = await commands.record_consumption(
            work,
            id_value("consumption", input.consumption_id),
            quantity_milli=input.quantity,
            unit=input.unit,
            expected_version=input.expected_version,
        )
        return RecordConsumptionSuccess(consumption=ref(Consumption, consumption_id))
