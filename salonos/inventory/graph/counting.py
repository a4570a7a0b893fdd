"""Counting in the schema: a count is opened, entered in parts, submitted, and posted by somebody else."""

from typing import Annotated

import strawberry

from salonos.accounting.graph import PeriodClosed
from salonos.graph.fields import extend, field, ref
from salonos.graph.mutations import Idempotency, mutation
from salonos.graph.problem import InvalidInput, StaleVersion
from salonos.graph.roots import Mutation
from salonos.inventory import commands
from salonos.inventory.graph.counts import StockCount, StockCountMovedOn, StockCountUnderWay
from salonos.inventory.graph.problems import OwnRequest, StockTooLow
from salonos.inventory.rules import StockUnit
from salonos.kernel.ids import id_value
from salonos.kernel.permissions import Permission
from salonos.kernel.quantity import Quantity
from salonos.kernel.work import Work

COUNT = Permission.STOCK_COUNT


@strawberry.input(description="What was found of an item, or of one batch of it.")
class CountedLineInput:
    """What was found of an item, or of one batch of it."""

    product_id: strawberry.ID = field("Of what.")
    quantity: Quantity = field("How many of `unit` are there: 0 to a million.")
    unit: StockUnit | None = field("In which of the item's units; its own when left out.")
    batch_id: strawberry.ID | None = field(
        "Of which batch; left out for a whole item, and for what belongs to no batch of an item counted by batch."
    )


@strawberry.input(description="A count that is to begin.")
class OpenStockCountInput:
    """A count that is to begin."""

    branch_id: strawberry.ID = field("Where.")
    product_ids: list[strawberry.ID] | None = field(
        "What is counted, at most 200; all that the branch keeps when left out."
    )
    by_batch: bool = field("Whether each batch is counted by itself.", default=False)
    words: str | None = field("What is counted and why, at most 200 characters.")


@strawberry.type(description="The count has begun: what is expected is frozen.")
class OpenStockCountSuccess:
    """The count has begun."""

    count: StockCount | None = field("The count.")


OpenStockCountResult = Annotated[
    OpenStockCountSuccess | InvalidInput | StockCountUnderWay,
    strawberry.union("OpenStockCountResult", description="What became of it."),
]


@strawberry.input(description="Figures of an open count.")
class EnterStockCountInput:
    """Figures of an open count."""

    count_id: strawberry.ID = field("Which.")
    lines: list[CountedLineInput] = field("1 to 200 lines; one that was entered before is replaced.")


@strawberry.type(description="The figures are kept.")
class EnterStockCountSuccess:
    """The figures are kept."""

    count: StockCount | None = field("The count as it is now.")


EnterStockCountResult = Annotated[
    EnterStockCountSuccess | InvalidInput | StockCountMovedOn,
    strawberry.union("EnterStockCountResult", description="What became of it."),
]


@strawberry.input(description="A count that is complete.")
class SubmitStockCountInput:
    """A count that is complete."""

    count_id: strawberry.ID = field("Which.")
    expected_version: int = field("The version that you saw.")
    missing_are_zero: bool = field("Whether what nobody entered is not there; left as it is otherwise.", default=False)


@strawberry.type(description="The count is complete, and posted already where nothing of worth differs.")
class SubmitStockCountSuccess:
    """The count is complete."""

    count: StockCount | None = field("The count as it is now.")


SubmitStockCountResult = Annotated[
    SubmitStockCountSuccess | InvalidInput | StockCountMovedOn | StaleVersion,
    strawberry.union("SubmitStockCountResult", description="What became of it."),
]


@strawberry.input(description="A few items that were counted just now.")
class CountStockInput:
    """A few items that were counted just now."""

    branch_id: strawberry.ID = field("Where.")
    lines: list[CountedLineInput] = field(
        "1 to 200 lines. An item of which one line names a batch is counted by batch."
    )
    words: str | None = field("What is counted and why, at most 200 characters.")


@strawberry.type(description="It is counted, and posted already where nothing of worth differs.")
class CountStockSuccess:
    """It is counted."""

    count: StockCount | None = field("The count: SUBMITTED waits for somebody else to post it.")


CountStockResult = Annotated[
    CountStockSuccess | InvalidInput | StockCountUnderWay,
    strawberry.union("CountStockResult", description="What became of it."),
]


@strawberry.input(description="A submitted count that may be posted.")
class PostStockCountInput:
    """A submitted count that may be posted."""

    count_id: strawberry.ID = field("Which: one that others counted.")


@strawberry.type(description="Stock and books have moved by the variance.")
class PostStockCountSuccess:
    """Stock and books have moved by the variance."""

    count: StockCount | None = field("The count as it is now.")


PostStockCountResult = Annotated[
    PostStockCountSuccess | InvalidInput | StockCountMovedOn | OwnRequest | StockTooLow | PeriodClosed,
    strawberry.union("PostStockCountResult", description="What became of it."),
]


@strawberry.input(description="A count that is given up.")
class CancelStockCountInput:
    """A count that is given up."""

    count_id: strawberry.ID = field("Which.")


@strawberry.type(description="Nothing moved; the items may be counted anew.")
class CancelStockCountSuccess:
    """Nothing moved."""

    count: StockCount | None = field("The count as it is now.")


CancelStockCountResult = Annotated[
    CancelStockCountSuccess | InvalidInput | StockCountMovedOn,
    strawberry.union("CancelStockCountResult", description="What became of it."),
]


@extend(Mutation)
class CountingWrites:
    """Counts."""

    @mutation("Begin a count: what is expected is frozen as it is now.", requires=COUNT)
    async def open_stock_count(self, work: Work, input: OpenStockCountInput) -> OpenStockCountResult:
        """Opens."""
        chosen = input.product_ids
        new = commands.NewCount(
            branch_id=id_value("branch", input.branch_id),
            product_ids=None if chosen is None else [id_value("product", each) for each in chosen],
            by_batch=input.by_batch,
            words=input.words,
        )
        return OpenStockCountSuccess(count=ref(StockCount, await commands.open_stock_count(work, new)))

    @mutation("Enter what was found, in as many parts as you like.", requires=COUNT)
    async def enter_stock_count(self, work: Work, input: EnterStockCountInput) -> EnterStockCountResult:
        """Enters."""
        count_id = id_value("stockcount", input.count_id)
        return EnterStockCountSuccess(
            count=ref(StockCount, await commands.enter_stock_count(work, count_id, _lines(input.lines)))
        )

    @mutation("End the counting, so that somebody else may post it.", requires=COUNT, idempotency=Idempotency.REQUIRED)
    async def submit_stock_count(self, work: Work, input: SubmitStockCountInput) -> SubmitStockCountResult:
        """Submits."""
        made = await commands.submit_stock_count(
            work,
            id_value("stockcount", input.count_id),
            expected_version=input.expected_version,
            missing_are_zero=input.missing_are_zero,
        )
        return SubmitStockCountSuccess(count=ref(StockCount, made))

    @mutation("Count a few items in one step.", requires=COUNT, idempotency=Idempotency.REQUIRED)
    async def count_stock(self, work: Work, input: CountStockInput) -> CountStockResult:
        """Counts."""
        branch_id = id_value("branch", input.branch_id)
        made = await commands.count_stock(work, branch_id, _lines(input.lines), words=input.words)
        return CountStockSuccess(count=ref(StockCount, made))

    @mutation(
        "Post the variance of a count that others made.",
        requires=Permission.STOCK_APPROVE,
        idempotency=Idempotency.REQUIRED,
    )
    async def post_stock_count(self, work: Work, input: PostStockCountInput) -> PostStockCountResult:
        """Posts."""
        made = await commands.post_stock_count(work, id_value("stockcount", input.count_id))
        return PostStockCountSuccess(count=ref(StockCount, made))

    @mutation("Give a count up before it is posted.", requires=Permission.STOCK_APPROVE)
    async def cancel_stock_count(self, work: Work, input: CancelStockCountInput) -> CancelStockCountResult:
        """Cancels."""
        made = await commands.cancel_stock_count(work, id_value("stockcount", input.count_id))
        return CancelStockCountSuccess(count=ref(StockCount, made))


def _lines(lines: list[CountedLineInput]) -> list[commands.CountedLine]:
    return [
        commands.CountedLine(
            product_id=id_value("product", each.product_id),
            quantity_milli=each.quantity,
            unit=each.unit,
            batch_id=None if each.batch_id is None else id_value("stockbatch", each.batch_id),
        )
        for each in lines
    ]
