"""What a paper says, whatever it is drawn on: made of the bill as it was posted, and of nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from salonos.accounting.rules import MoneyDirection, PaymentMethod
from salonos.bills.documents.upi import upi_link
from salonos.bills.documents.words import amount_in_words
from salonos.bills.rules import RECIPIENT_STATED_FROM_PAISE, BillKind, BillStatus
from salonos.salon.rules import STATES

COMPOSITION: Final = "Composition taxable person, not eligible to collect tax on supplies"
"""To the letter of rule 5(1)(f) of the CGST Rules."""
"""From this taxable value on an unregistered recipient's address and state stand on the invoice (rule 46(e))."""
METHODS: Final = {
    PaymentMethod.CASH: "Cash",
    PaymentMethod.UPI: "UPI",
    PaymentMethod.CARD: "Card",
    PaymentMethod.BANK_TRANSFER: "Bank transfer",
    PaymentMethod.OTHER: "Other",
}


@dataclass(frozen=True)
class Line:
    """A position. `unit` is a unit quantity code of GST; services have none."""

    position: int
    description: str
    code: str
    quantity_milli: int
    unit: str
    unit_price_paise: int
    is_tax_included: bool
    gross_paise: int
    discount_paise: int
    taxable_paise: int
    rate_hundredths: int
    cgst_paise: int
    sgst_paise: int
    igst_paise: int

    @property
    def total_paise(self) -> int:
        """With tax."""
        return self.taxable_paise + self.cgst_paise + self.sgst_paise + self.igst_paise


@dataclass(frozen=True)
class RateTotal:
    """What all lines of a rate come to."""

    rate_hundredths: int
    taxable_paise: int
    cgst_paise: int
    sgst_paise: int
    igst_paise: int


@dataclass(frozen=True)
class Payment:
    """Money that was kept, or went back."""

    direction: MoneyDirection
    method: PaymentMethod
    amount_paise: int
    tendered_paise: int | None
    change_paise: int | None
    reference: str | None


@dataclass(frozen=True)
class Party:
    """Seller or recipient as named that day."""

    name: str
    legal_name: str = ""
    address: str = ""
    gstin: str | None = None
    state_code: str | None = None


@dataclass(frozen=True, kw_only=True)
class Document:
    """A posted bill's paper. `customer` is None where nobody is named, or may not be named to who asks."""

    bill_id: UUID
    kind: BillKind
    status: BillStatus
    number: str
    on: date
    seller: Party
    customer: Party | None
    place_of_supply: str
    original_kind: BillKind | None
    original_number: str | None
    original_on: date | None
    refund_reason: str | None
    lines: Sequence[Line]
    payments: Sequence[Payment]
    gross_paise: int
    discount_paise: int
    taxable_paise: int
    cgst_paise: int
    sgst_paise: int
    igst_paise: int
    round_off_paise: int
    total_paise: int
    tip_paise: int
    paid_paise: int
    credited_paise: int
    balance_due_paise: int
    upi_id: str | None

    @property
    def is_note(self) -> bool:
        """Whether it gives back."""
        return self.kind is BillKind.CREDIT_NOTE

    @property
    def is_taxed(self) -> bool:
        """Whether GST is charged by it, so that rule 46 holds: a tax invoice, or a note on one."""
        return BillKind.TAX_INVOICE in {self.kind, self.original_kind}

    @property
    def is_composition(self) -> bool:
        """Whether the seller pays the tax out of its own pocket: a registered branch that writes bills of supply."""
        return self.kind is BillKind.BILL_OF_SUPPLY and self.seller.gstin is not None

    @property
    def title(self) -> str:
        """The word of the law for it; a branch without registration uses none of GST's."""
        if self.is_note:
            return "Credit Note"
        if self.kind is BillKind.TAX_INVOICE:
            return "Tax Invoice"
        return "Bill of Supply" if self.is_composition else "Bill"

    @property
    def states_recipient(self) -> bool:
        """Whether the recipient's address and state stand on it: registered, or from the rule's amount on."""
        if self.customer is None or not self.is_taxed:
            return False
        return self.customer.gstin is not None or self.taxable_paise >= RECIPIENT_STATED_FROM_PAISE

    @property
    def is_void(self) -> bool:
        """Whether it was taken back."""
        return self.status is BillStatus.VOID

    @property
    def words(self) -> str:
        """The total in words."""
        return amount_in_words(self.total_paise)

    @property
    def rates(self) -> list[RateTotal]:
        """What each rate comes to, the lowest first."""
        found: dict[int, list[Line]] = {}
        for line in self.lines:
            found.setdefault(line.rate_hundredths, []).append(line)
        return [
            RateTotal(
                rate,
                sum(line.taxable_paise for line in lines),
                sum(line.cgst_paise for line in lines),
                sum(line.sgst_paise for line in lines),
                sum(line.igst_paise for line in lines),
            )
            for rate, lines in sorted(found.items())
        ]

    @property
    def upi_link(self) -> str | None:
        """Where the rest can be paid; None where nothing is due."""
        if self.is_note or self.is_void:
            return None
        return upi_link(
            upi_id=self.upi_id,
            payee=self.seller.name,
            number=self.number,
            bill_id=self.bill_id,
            due_paise=self.balance_due_paise,
        )


def state_text(code: str) -> str:
    """A state with its code: `Karnataka (29)`."""
    return f"{STATES.get(code, code)} ({code})"


def date_text(day: date) -> str:
    """`23 Nov 2026`: read alike by everybody."""
    return f"{day:%d %b %Y}"
