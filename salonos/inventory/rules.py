"""Pure decisions about stock: which batch goes first, what goods are worth, when stock is low.

Integers only: thousandths of the item's unit, paise. Value and quantity are kept, never an average: what leaves takes
its share half up, the last of it takes all that is left, so that no paisa is lost.
"""

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final
from uuid import UUID

from salonos.accounting import rules as accounts
from salonos.kernel.money import half_up, spread

QUANTITY_MAX: Final = 10**9
"""A million units in one move: more is a slip of the finger."""

COST_PAISE_MAX: Final = 10**9
LINES_MAX: Final = 200
TRANSFER_LINES_MAX: Final = 500
"""Batches of one transfer."""

COUNTED_ITEMS_MAX: Final = 200
"""Items that a count names: more are counted in several, or all at once by naming none."""

SUPPLIER_NAME_MAX: Final = 120
BATCH_CODE_MAX: Final = 40
REASON_MAX: Final = 200
REFERENCE_MAX: Final = 120
UNITS_MAX: Final = 6
RECIPE_LINES_MAX: Final = 20
VARIANCE_ROWS_MAX: Final = 500
RECIPE_QUANTITY_MAX: Final = 10**7
"""Ten thousand of an item's own unit for one service."""

YEAR_MIN, YEAR_MAX = 2000, 2100


class StockUse(enum.Enum):
    """What an item is kept for. It says which account its value stands in, and whether the value holds the GST."""

    RETAIL = "RETAIL"
    PROFESSIONAL = "PROFESSIONAL"


class StockUnit(enum.Enum):
    """What an item is counted in."""

    PIECE = "PIECE"
    ML = "ML"
    L = "L"
    G = "G"
    KG = "KG"
    BOX = "BOX"
    BOTTLE = "BOTTLE"


class StockMoveKind(enum.Enum):
    """Why a quantity changed."""

    RECEIVE = "RECEIVE"
    SALE = "SALE"
    CONSUMPTION = "CONSUMPTION"
    ADJUSTMENT = "ADJUSTMENT"
    COUNT_VARIANCE = "COUNT_VARIANCE"
    TRANSFER_OUT = "TRANSFER_OUT"
    TRANSFER_IN = "TRANSFER_IN"
    SUPPLIER_RETURN = "SUPPLIER_RETURN"
    CUSTOMER_RETURN = "CUSTOMER_RETURN"


class PurchaseStatus(enum.Enum):
    """Where an order of goods stands."""

    DRAFT = "DRAFT"
    ORDERED = "ORDERED"
    PARTLY_RECEIVED = "PARTLY_RECEIVED"
    RECEIVED = "RECEIVED"
    CANCELLED = "CANCELLED"


class SupplierLedgerKind(enum.Enum):
    """Which document stands in a supplier's ledger."""

    BILL = "BILL"
    RETURN = "RETURN"
    PAYMENT = "PAYMENT"
    REFUND = "REFUND"


AWAITED: Final = frozenset({PurchaseStatus.ORDERED, PurchaseStatus.PARTLY_RECEIVED})
"""Orders whose goods may still come."""

NOTES_MAX: Final = 1000
SUPPLIER_BILL_NUMBER_MAX: Final = 40
ROUND_OFF_PAISE_MAX: Final = 99
"""A supplier rounds to a whole rupee, one way or the other: what differs by a rupee was mistyped."""

PAYMENT_PAISE_MAX: Final = 10**12
RATE_HUNDREDTHS_MAX: Final = 4000

PACE_DAYS: Final = 60
"""Over so many days it is counted how fast an item goes."""


class StockAdjustmentReason(enum.Enum):
    """Why stock is corrected by hand."""

    WASTAGE = "WASTAGE"
    DAMAGE = "DAMAGE"
    EXPIRY = "EXPIRY"
    THEFT = "THEFT"
    GIVEN_AWAY = "GIVEN_AWAY"
    CORRECTION = "CORRECTION"
    FOUND = "FOUND"


class StockAdjustmentState(enum.Enum):
    """Where a request to correct stock stands."""

    PENDING = "PENDING"
    APPROVED = "APPROVED"
    REJECTED = "REJECTED"


class StockCountState(enum.Enum):
    """Where a count stands."""

    OPEN = "OPEN"
    SUBMITTED = "SUBMITTED"
    POSTED = "POSTED"
    CANCELLED = "CANCELLED"


class StockTransferState(enum.Enum):
    """Where goods on their way between branches are."""

    SENT = "SENT"
    PARTLY_RECEIVED = "PARTLY_RECEIVED"
    RECEIVED = "RECEIVED"
    CANCELLED = "CANCELLED"


def fits(reason: StockAdjustmentReason, quantity_milli: int) -> bool:
    """Whether goods come or go for a reason: nothing is found away, and nothing comes by theft."""
    if quantity_milli > 0:
        return reason in {StockAdjustmentReason.FOUND, StockAdjustmentReason.CORRECTION}
    return reason is not StockAdjustmentReason.FOUND


def account_of(use: StockUse) -> str:
    """The code of the account that an item's value stands in."""
    return accounts.STOCK_RETAIL if use is StockUse.RETAIL else accounts.STOCK_PROFESSIONAL


def value_of(quantity_milli: int, unit_cost_paise: int) -> int:
    """What a quantity is worth at a cost of one, half up."""
    return half_up(quantity_milli * unit_cost_paise, 1000)


def tax_in_value(value_paise: int, *, rate_hundredths: int, is_credited: bool, use: StockUse) -> int:
    """The GST that is part of what received goods are worth: all of it but for retail goods whose tax is credited."""
    if use is StockUse.RETAIL and is_credited:
        return 0
    return half_up(value_paise * rate_hundredths, 10_000)


def credit_taken_back(cost_paise: int, *, rate_hundredths: int, is_credited: bool, use: StockUse) -> int:
    """Half of the input credit that goods lost, stolen, expired or given away lose: as much CGST as SGST.

    Section 17(5)(h) CGST Act. Professional goods, and goods whose tax was not credited, carry it in their cost already.
    """
    if use is StockUse.PROFESSIONAL or not is_credited:
        return 0
    return half_of_credit(cost_paise, rate_hundredths=rate_hundredths)


def half_of_credit(value_paise: int, *, rate_hundredths: int) -> int:
    """CGST, or SGST, of goods that are worth their cost without tax."""
    return half_up(value_paise * rate_hundredths, 20_000)


def share_of(whole_paise: int, part_milli: int, whole_milli: int) -> int:
    """What a part of a quantity had cost, half up; all of it takes all."""
    return half_up(whole_paise * part_milli, whole_milli)


@dataclass(frozen=True)
class BilledLine:
    """Goods as a supplier bills them, priced without tax; `discount_paise` is the line's own."""

    quantity_milli: int
    unit_price_paise: int
    discount_paise: int
    rate_hundredths: int

    @property
    def amount_paise(self) -> int:
        """Quantity times price, less the line's own discount; below zero where that is more."""
        return value_of(self.quantity_milli, self.unit_price_paise) - self.discount_paise


@dataclass(frozen=True)
class BilledAmounts:
    """What a billed line comes to."""

    bill_discount_paise: int
    taxable_paise: int
    cgst_paise: int
    sgst_paise: int
    igst_paise: int

    @property
    def tax_paise(self) -> int:
        """All of the tax."""
        return self.cgst_paise + self.sgst_paise + self.igst_paise

    @property
    def total_paise(self) -> int:
        """With tax."""
        return self.taxable_paise + self.tax_paise


def billed_amounts(
    lines: Sequence[BilledLine], *, discount_paise: int, is_inter_state: bool
) -> tuple[BilledAmounts, ...]:
    """A supplier's bill line by line: its discount spread as on bills of our own, the tax on top of what is left.

    Raises: ValueError for a discount of more than the lines come to.
    """
    shares = spread(discount_paise, [line.amount_paise for line in lines])
    found = []
    for line, share in zip(lines, shares, strict=True):
        taxable = line.amount_paise - share
        if taxable < 0:
            raise ValueError("a line is not discounted below nothing")
        half = 0 if is_inter_state else half_up(taxable * line.rate_hundredths, 20_000)
        whole = half_up(taxable * line.rate_hundredths, 10_000) if is_inter_state else 0
        found.append(BilledAmounts(share, taxable, half, half, whole))
    return tuple(found)


def next_part(whole: int, *, of_milli: int, before_milli: int, more_milli: int) -> int:
    """A further part's share of an amount, counted from the beginning, so that all parts together are the whole."""
    return half_up(whole * (before_milli + more_milli), of_milli) - half_up(whole * before_milli, of_milli)


def settled_in_turn(amount_paise: int, dues: Iterable[tuple[UUID, int]]) -> tuple[tuple[UUID, int], ...]:
    """What an amount settles of dues, one after the other, until it is used up."""
    found, rest = [], amount_paise
    for due_id, due in dues:
        part = min(rest, due)
        if part > 0:
            found.append((due_id, part))
            rest -= part
    return tuple(found)


def cost_of_part(
    value_paise: int, quantity_milli: int, *, before_milli: int, before_paise: int, part_milli: int
) -> int:
    """What a part of goods is worth of which others went before: cumulative, so that all parts are worth the whole."""
    return half_up(value_paise * (before_milli + part_milli), quantity_milli) - before_paise


@dataclass(frozen=True)
class Batch:
    """What came together. `expires_on` is the last date on which it may be sold or used."""

    id: UUID
    code: str | None
    expires_on: date | None
    quantity_milli: int

    def has_expired(self, on: date) -> bool:
        """Whether it may no longer be sold or used."""
        return self.expires_on is not None and self.expires_on < on


@dataclass(frozen=True)
class Pool:
    """An item's stock in a branch: how much, and what all of it is worth."""

    quantity_milli: int
    value_paise: int

    def cost_of(self, out_milli: int, *, unit_cost_paise: int) -> int:
        """What a quantity that leaves had cost. The last unit takes all that is left.

        Below zero, where a branch allows it, goods cost what the others did, or `unit_cost_paise` where there are none.
        """
        if out_milli == self.quantity_milli:
            return self.value_paise
        if 0 < out_milli < self.quantity_milli:
            return half_up(self.value_paise * out_milli, self.quantity_milli)
        held = max(self.quantity_milli, 0)
        average = self.average_of(out_milli - held, unit_cost_paise=unit_cost_paise)
        return (self.value_paise if held else 0) + average

    def average_of(self, quantity_milli: int, *, unit_cost_paise: int) -> int:
        """What a quantity is worth that nobody paid for: as much as the others, or the catalogue's cost of nothing."""
        if self.quantity_milli:
            return half_up(abs(self.value_paise) * quantity_milli, abs(self.quantity_milli))
        return value_of(quantity_milli, unit_cost_paise)

    def after_issue(self, out_milli: int, cost_paise: int) -> "Pool":
        """What is left."""
        return Pool(self.quantity_milli - out_milli, self.value_paise - cost_paise)

    def worth_of(self, in_milli: int, cost_paise: int) -> int:
        """What the stock gains by goods that come in: their cost, but what had been sold before it came keeps its price.

        The difference between cost and worth goes to the price difference.
        """
        missing = max(-self.quantity_milli, 0)
        if not missing:
            return cost_paise
        filled = min(in_milli, missing)
        at_old_price = half_up(-self.value_paise * filled, missing)
        return at_old_price + cost_paise - half_up(cost_paise * filled, in_milli)

    def after_receipt(self, in_milli: int, worth_paise: int) -> "Pool":
        """What is there then."""
        return Pool(self.quantity_milli + in_milli, self.value_paise + worth_paise)


@dataclass(frozen=True)
class Piece:
    """A part of a quantity that leaves, out of one batch; None is the batch without a code."""

    batch_id: UUID | None
    quantity_milli: int


def available(batches: Iterable[Batch], on: date) -> int:
    """How much may be sold or used on a date."""
    return sum(batch.quantity_milli for batch in batches if not batch.has_expired(on))


def first_expired_first_out(batches: Sequence[Batch], quantity_milli: int, on: date) -> tuple[Piece, ...]:
    """Which batches a quantity is taken from. What they don't hold comes from the batch without a code."""
    pieces: list[Piece] = []
    rest = quantity_milli
    usable = [batch for batch in batches if batch.quantity_milli > 0 and not batch.has_expired(on)]
    for batch in sorted(usable, key=lambda each: (each.expires_on or date.max, each.id)):
        if not rest:
            break
        taken = min(rest, batch.quantity_milli)
        pieces.append(Piece(batch.id, taken))
        rest -= taken
    return (*pieces, Piece(None, rest)) if rest else tuple(pieces)


def held(batches: Iterable[Batch], batch_id: UUID | None = None) -> int:
    """How much lies on the shelf, expired or not; of one batch where it is named."""
    return sum(batch.quantity_milli for batch in _on_shelf(batches, batch_id))


def written_off(
    batches: Iterable[Batch],
    quantity_milli: int,
    on: date,
    *,
    batch_id: UUID | None = None,
    expired_first: bool = False,
) -> tuple[Piece, ...]:
    """Which batches a loss of at most `held` is taken from: the named one, else what expires first.

    What has expired goes last, since it was set aside, unless the goods are lost because they expired.
    """
    pieces: list[Piece] = []
    rest = quantity_milli

    def place(batch: Batch) -> tuple[bool, date, UUID]:
        return (batch.has_expired(on) and not expired_first, batch.expires_on or date.max, batch.id)

    for batch in sorted(_on_shelf(batches, batch_id), key=place):
        if not rest:
            break
        taken = min(rest, batch.quantity_milli)
        pieces.append(Piece(batch.id, taken))
        rest -= taken
    return tuple(pieces)


def without(batches: Sequence[Batch], pieces: Iterable[Piece]) -> tuple[Batch, ...]:
    """The batches when pieces were taken."""
    taken: dict[UUID | None, int] = {}
    for piece in pieces:
        taken[piece.batch_id] = taken.get(piece.batch_id, 0) + piece.quantity_milli
    return tuple(replace(batch, quantity_milli=batch.quantity_milli - taken.get(batch.id, 0)) for batch in batches)


def crosses_low(before_milli: int, after_milli: int, *, reorder_point_milli: int | None) -> bool:
    """Whether stock became low just now: at the reorder point it is low."""
    return reorder_point_milli is not None and after_milli <= reorder_point_milli < before_milli


def _on_shelf(batches: Iterable[Batch], batch_id: UUID | None) -> list[Batch]:
    return [batch for batch in batches if batch.quantity_milli > 0 and batch_id in {None, batch.id}]
