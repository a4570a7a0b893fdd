"""What a bill is to hold, and its pricing on a date: items, rates and people are looked up, every fault is collected.

Nothing is written here. A draft and a sale at the counter are priced by the same function.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from salonos.bills import problems, queries, rules
from salonos.catalog import queries as catalog
from salonos.catalog.queries import ItemForSale, ItemKind
from salonos.customers import queries as customers
from salonos.identity import commands as identity_commands
from salonos.identity import queries as identity
from salonos.identity.rules import ApprovalAction
from salonos.kernel import clock
from salonos.kernel.checks import Checks, Path
from salonos.kernel.money import Money
from salonos.kernel.permissions import Permission
from salonos.kernel.problems import not_found
from salonos.kernel.work import Work
from salonos.salon import queries as salon
from salonos.salon import rules as salon_rules
from salonos.salon.tables import Branch

REASON_MAX: Final = 200
NOTES_MAX: Final = 1000
WHOLE: Final = 10_000
"""All of something, in hundredths of a percent."""


@dataclass(frozen=True, kw_only=True)
class NewLine:
    """A service or a product to be sold. `unit_price_paise` replaces the catalogue's price."""

    service_id: UUID | None = None
    product_id: UUID | None = None
    staff_id: UUID | None = None
    quantity_milli: int = 1000
    discount_paise: int = 0
    discount_reason: str | None = None
    unit_price_paise: int | None = None
    contributors: tuple[rules.Contributor, ...] = ()
    """Who shares in it: its staff among them, but where amounts are fixed: then the rest is theirs."""

    @property
    def served_by(self) -> set[UUID]:
        """All who did it."""
        return {each.staff_id for each in self.contributors} | ({self.staff_id} if self.staff_id else set())


@dataclass(frozen=True)
class NewTip:
    """What the customer gives a member of staff."""

    staff_id: UUID
    amount_paise: int


@dataclass(frozen=True, kw_only=True)
class BillContents:
    """All of a bill that can be changed while it is a draft. `place_of_supply` is a state code of GST.

    `approval_id` is used up for a discount above the actor's limit, and left alone for another.
    """

    lines: tuple[NewLine, ...]
    customer_id: UUID | None = None
    discount: rules.Discount | None = None
    discount_reason: str | None = None
    approval_id: UUID | None = None
    tips: tuple[NewTip, ...] = ()
    notes: str | None = None
    buyer_gstin: str | None = None
    place_of_supply: str | None = None


@dataclass(frozen=True, kw_only=True)
class NewBill(BillContents):
    """A bill to be begun at a branch."""

    branch_id: UUID


@dataclass(frozen=True, kw_only=True)
class NewSale(NewBill):
    """A sale with all of its payments; ON_ACCOUNT among them names the exact rest that is to be owed."""

    payments: tuple[rules.Tender, ...] = ()


@dataclass(frozen=True)
class PricedItem:
    """A line with the item that it sells."""

    new: NewLine
    item: ItemForSale
    priced: rules.PricedLine
    reason: str | None


@dataclass(frozen=True)
class PricedBill:
    """A bill as it is priced on a date, its texts made safe and its tips summed by person."""

    branch: Branch
    on: date
    kind: rules.BillKind
    place_of_supply: str
    items: tuple[PricedItem, ...]
    figures: rules.Figures
    contents: BillContents
    tips: tuple[NewTip, ...]
    discount_reason: str | None
    approved_by_id: UUID | None
    """Who approved the discount, where the actor alone could not give it."""
    notes: str | None
    contributions: tuple[tuple[rules.Contribution, ...], ...]
    """By line; none where its staff has all of it."""

    @property
    def tip_paise(self) -> int:
        """All tips."""
        return sum(tip.amount_paise for tip in self.tips)

    @property
    def due_paise(self) -> int:
        """What is to be paid, tips included."""
        return self.figures.total_paise + self.tip_paise


async def branch_of(work: Work, branch_id: UUID) -> Branch:
    """The branch of a sale.

    Raises: InvalidInput NOT_FOUND for one out of reach.
    """
    work.actor.require_branch(branch_id)
    found = await salon.branch_for_sale(work, branch_id)
    if found is None or not found.is_active:
        raise not_found(("branchId",), "branch")
    return found


async def branch_of_bill(work: Work, branch_id: UUID) -> Branch:
    """The branch of a bill that is there already, which stays payable after the branch was closed for business."""
    found = await salon.branch_for_sale(work, branch_id)
    if found is None:
        raise not_found(("billId",), "bill")
    return found


async def price(work: Work, branch: Branch, contents: BillContents, *, bill_id: UUID | None = None) -> PricedBill:
    """A bill's contents with prices, rates and figures of the branch's business date. `bill_id` is a draft's.

    Raises: InvalidInput with every fault; Forbidden for a discount or price without the right; DiscountNeedsApproval;
    ApprovalNotValid.
    """
    on = clock.business_date(work.now, branch.time_zone)
    _require_rights(work, contents)
    checks = Checks()
    _check_form(checks, contents)
    checks.finish()
    found = await catalog.items_for_sale(
        work,
        service_ids=[line.service_id for line in contents.lines if line.service_id],
        product_ids=[line.product_id for line in contents.lines if line.product_id],
        on=on,
    )
    await _check_people(work, checks, contents)
    place = contents.place_of_supply or branch.state_code
    treatment = rules.treatment_of(branch.tax_scheme, gstin=branch.gstin, place_of_supply=place)
    items = _items(checks, contents.lines, found, treatment)
    reason = checks.optional_text(contents.discount_reason, ("discountReason",), REASON_MAX)
    notes = checks.optional_text(contents.notes, ("notes",), NOTES_MAX, is_multiline=True)
    _check_discount(checks, contents, items, reason)
    checks.finish()
    figures = rules.figures_of([each.priced for each in items], discount=contents.discount, treatment=treatment)
    checks.require(
        figures.total_paise <= rules.AMOUNT_MAX, ("lines",), "TOO_MUCH", "This is more than a bill can hold."
    )
    contributions = _contributions(checks, contents.lines, figures)
    checks.finish()
    approved_by_id = await _approved_by(work, contents, figures, on, about=(branch.id, bill_id))
    return PricedBill(
        branch=branch,
        on=on,
        kind=rules.kind_of_sale(branch.tax_scheme),
        place_of_supply=place,
        items=items,
        figures=figures,
        contents=contents,
        tips=_tips_by_person(contents.tips),
        discount_reason=reason,
        approved_by_id=approved_by_id,
        notes=notes,
        contributions=contributions,
    )


def _require_rights(work: Work, contents: BillContents) -> None:
    if contents.discount is not None or any(line.discount_paise for line in contents.lines):
        work.actor.require(Permission.BILL_DISCOUNT)
    if any(line.unit_price_paise is not None for line in contents.lines):
        work.actor.require(Permission.BILL_PRICE_OVERRIDE)


def _check_form(checks: Checks, contents: BillContents) -> None:
    """What can be told without asking the database."""
    checks.require(contents.lines, ("lines",), "REQUIRED", "A bill has at least one line.")
    checks.require(
        len(contents.lines) <= rules.LINES_MAX, ("lines",), "TOO_MANY", f"A bill has at most {rules.LINES_MAX} lines."
    )
    checks.require(
        len(contents.tips) <= rules.TIPS_MAX, ("tips",), "TOO_MANY", f"A bill has at most {rules.TIPS_MAX} tips."
    )
    for place, line in enumerate(contents.lines[: rules.LINES_MAX]):
        _check_line_form(checks, ("lines", place), line)
    for place, tip in enumerate(contents.tips):
        _check_amount(checks, tip.amount_paise, ("tips", place, "amount"), least=1)
    if (discount := contents.discount) is not None:
        if discount.amount_paise is not None:
            _check_amount(checks, discount.amount_paise, ("discount", "amount"), least=0)
        elif not 0 <= (discount.share_hundredths or 0) <= WHOLE:
            checks.add(("discount", "percentage"), "OUT_OF_RANGE", "A discount is 0 to 100 percent.")
    if contents.buyer_gstin is not None and not salon_rules.gstin_is_valid(contents.buyer_gstin):
        checks.add(("buyerGstin",), "INVALID_GSTIN", "This is no GSTIN: check it letter by letter.")
    if contents.place_of_supply is not None and contents.place_of_supply not in salon_rules.STATES:
        checks.add(("placeOfSupply",), "UNKNOWN_STATE", "This is no state code of GST.")


def _check_line_form(checks: Checks, path: Path, line: NewLine) -> None:
    if (line.service_id is None) == (line.product_id is None):
        checks.add(path, "ONE_ITEM", "A line sells either a service or a product.")
    if not 1 <= line.quantity_milli <= rules.QUANTITY_MAX:
        checks.add((*path, "quantity"), "OUT_OF_RANGE", "The quantity is more than 0 and at most a million.")
    _check_amount(checks, line.discount_paise, (*path, "discount"), least=0)
    _check_contributors(checks, path, line)
    if line.unit_price_paise is not None:
        _check_amount(checks, line.unit_price_paise, (*path, "unitPrice"), least=0)


def _check_contributors(checks: Checks, path: Path, line: NewLine) -> None:
    """Equal parts, shares of 100 percent together, or amounts; nobody twice."""
    given = line.contributors
    if not given:
        return
    kinds = {(each.share_hundredths is None, each.amount_paise is None) for each in given}
    people = [each.staff_id for each in given]
    where = (*path, "contributors")
    checks.require(len(given) <= rules.CONTRIBUTORS_MAX, where, "TOO_MANY", "At most 10 people share in a line.")
    is_one_way = len(kinds) == 1 and (False, False) not in kinds
    checks.require(is_one_way, where, "ONE_WAY", "Share a line in equal parts, in percent or in amounts.")
    checks.require(len(set(people)) == len(people), where, "TAKEN", "Somebody is named twice.")
    is_fixed = kinds == {(True, False)}
    if line.staff_id is None:
        checks.add((*path, "staffId"), "REQUIRED", "Say who did it; others share in it.")
    elif (line.staff_id in people) is is_fixed:
        said = "has what the others leave, and no amount." if is_fixed else "is one of those who share in it."
        checks.add((*path, "staffId"), "NOT_AMONG", f"Who did it {said}")
    if kinds == {(False, True)}:
        shares = [each.share_hundredths or 0 for each in given]
        is_whole = min(shares) > 0 and sum(shares) == WHOLE
        checks.require(is_whole, where, "NOT_WHOLE", "Shares are more than 0 and 100 percent together.")
    for place, each in enumerate(given):
        _check_amount(checks, each.amount_paise or 0, (*where, place, "amount"), least=0)


def _contributions(
    checks: Checks, lines: Sequence[NewLine], figures: rules.Figures
) -> tuple[tuple[rules.Contribution, ...], ...]:
    found: list[tuple[rules.Contribution, ...]] = []
    for place, (line, each) in enumerate(zip(lines, figures.lines, strict=True)):
        fixed = sum(one.amount_paise or 0 for one in line.contributors)
        if fixed > each.tax.taxable_paise:
            path = ("lines", place, "contributors")
            checks.add(path, "TOO_MUCH", "The amounts are more than the line is worth without tax.")
            continue
        worth = each.tax.taxable_paise
        is_shared = bool(line.contributors)
        found.append(rules.contributions_of(worth, line.contributors, staff_id=line.staff_id) if is_shared else ())
    return tuple(found)


def _check_amount(checks: Checks, paise: int, path: Path, *, least: int) -> None:
    if not least <= paise <= rules.AMOUNT_MAX:
        checks.add(path, "OUT_OF_RANGE", "This amount is not possible here.")


async def _check_people(work: Work, checks: Checks, contents: BillContents) -> None:
    wanted = {line.staff_id for line in contents.lines if line.staff_id} | {tip.staff_id for tip in contents.tips}
    wanted |= {each.staff_id for line in contents.lines for each in line.contributors}
    known = await identity.staff_exist(work, wanted) if wanted else set()
    for place, line in enumerate(contents.lines):
        if line.staff_id is not None and line.staff_id not in known:
            checks.add(("lines", place, "staffId"), "NOT_FOUND", "There is no such member of staff.")
        for at, each in enumerate(line.contributors):
            if each.staff_id not in known:
                path = ("lines", place, "contributors", at, "staffId")
                checks.add(path, "NOT_FOUND", "There is no such member of staff.")
    for place, tip in enumerate(contents.tips):
        if tip.staff_id not in known:
            checks.add(("tips", place, "staffId"), "NOT_FOUND", "There is no such member of staff.")
    if contents.customer_id is not None and await customers.customer_for_bill(work, contents.customer_id) is None:
        checks.add(("customerId",), "NOT_FOUND", "There is no such customer.")


def _items(
    checks: Checks, lines: Sequence[NewLine], found: Mapping[UUID, ItemForSale], treatment: rules.Treatment
) -> tuple[PricedItem, ...]:
    priced: list[PricedItem] = []
    for place, line in enumerate(lines):
        name = "serviceId" if line.service_id else "productId"
        item_id = line.service_id or line.product_id
        item = None if item_id is None else found.get(item_id)
        if item is None or item.kind is not (ItemKind.SERVICE if line.service_id else ItemKind.PRODUCT):
            checks.add(("lines", place, name), "NOT_FOUND", "There is no such item.")
            continue
        if not item.is_sellable:
            checks.add(("lines", place, name), "NOT_SOLD", f"{item.description} is not sold.")
        if item.rate_hundredths is None and treatment is not rules.Treatment.UNTAXED:
            checks.add(("lines", place, name), "NO_TAX_RATE", f"{item.description} has no tax rate on this date.")
        priced.append(_priced_item(checks, ("lines", place), line, item, treatment))
    return tuple(priced)


def _priced_item(
    checks: Checks, path: Path, line: NewLine, item: ItemForSale, treatment: rules.Treatment
) -> PricedItem:
    reason = checks.optional_text(line.discount_reason, (*path, "discountReason"), REASON_MAX)
    if (line.discount_paise or line.unit_price_paise is not None) and not reason:
        checks.add((*path, "discountReason"), "REQUIRED", "Say why this line costs something else.")
    priced = rules.PricedLine(
        quantity_milli=line.quantity_milli,
        unit_price_paise=item.price_paise if line.unit_price_paise is None else line.unit_price_paise,
        rate_hundredths=0 if treatment is rules.Treatment.UNTAXED else item.rate_hundredths or 0,
        is_tax_included=item.tax_included,
        discount_paise=line.discount_paise,
    )
    if priced.gross_paise > rules.AMOUNT_MAX:
        checks.add((*path, "quantity"), "TOO_MUCH", "This is more than a line can hold.")
    if priced.net_paise < 0:
        checks.add((*path, "discount"), "TOO_MUCH", "The discount is more than the line's amount.")
    return PricedItem(line, item, priced, reason)


def _check_discount(checks: Checks, contents: BillContents, items: Sequence[PricedItem], reason: str | None) -> None:
    if contents.discount is None:
        return
    amount = sum(max(each.priced.net_paise, 0) for each in items)
    taken = contents.discount.of(amount)
    if taken > amount:
        checks.add(("discount", "amount"), "TOO_MUCH", "The discount is more than the bill's amount.")
    if taken and not reason:
        checks.add(("discountReason",), "REQUIRED", "Say why the discount is given.")


async def _approved_by(
    work: Work, contents: BillContents, figures: rules.Figures, on: date, *, about: tuple[UUID, UUID | None]
) -> UUID | None:
    """Who approved the discount; None where the actor may give it alone. `about` is the branch, and a draft's id.

    Raises: DiscountNeedsApproval above what the actor's role may give, ApprovalNotValid with a wrong approval.
    """
    if not figures.discount_paise or work.actor.may(Permission.BILL_DISCOUNT_APPROVE):
        return None
    limit = await queries.discount_limit(work, on)
    allowed = 0 if limit is None else limit.of(figures.gross_paise)
    if figures.discount_paise <= allowed:
        return None
    if contents.approval_id is None:
        raise problems.DiscountNeedsApproval(limit=Money(allowed), discount=Money(figures.discount_paise))
    branch_id, bill_id = about
    return await identity_commands.redeem_approval(
        work,
        contents.approval_id,
        action=ApprovalAction.BILL_DISCOUNT,
        branch_id=branch_id,
        object_id=bill_id,
        amount_paise=figures.discount_paise,
    )


def _tips_by_person(tips: Sequence[NewTip]) -> tuple[NewTip, ...]:
    found: dict[UUID, int] = {}
    for tip in tips:
        found[tip.staff_id] = found.get(tip.staff_id, 0) + tip.amount_paise
    return tuple(NewTip(staff_id, amount) for staff_id, amount in found.items())
