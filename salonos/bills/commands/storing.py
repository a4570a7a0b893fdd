"""A bill with all its parts becomes rows in one statement, however many lines it has.

The rows travel as JSON, since one text of SQL then serves every bill. Lines and tips must come with the bill's own
statement when the bill is posted at once: the database refuses them later.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Text, bindparam, text

from salonos.accounting.commands import PostedEntry
from salonos.accounting.rules import MoneyDirection
from salonos.bills import rules, tables
from salonos.bills.commands.pricing import PricedBill
from salonos.kernel.database import Base
from salonos.kernel.ids import new_id
from salonos.kernel.work import Work

Row = dict[str, Any]


def _insert(mapped: type[Base], values: str) -> str:
    """An INSERT of JSON rows into all columns that the database does not compute by itself."""
    table = mapped.__table__
    names = ", ".join(column.name for column in table.columns if column.computed is None)
    rows = f"jsonb_populate_recordset(null::{mapped.__tablename__}, cast(:{values} as jsonb))"
    return f"insert into {mapped.__tablename__} ({names}) select {names} from {rows}"  # noqa: S608  names of columns


_NAMES = ("bills", "lines", "payments", "tips", "shares")
_STORE = text(
    f"""
    with stored_bills as ({_insert(tables.Bill, "bills")}), stored_lines as ({_insert(tables.BillLine, "lines")}),
         stored_payments as ({_insert(tables.Payment, "payments")}), stored_tips as ({_insert(tables.Tip, "tips")}),
         stored_shares as ({_insert(tables.LineShare, "shares")})
    select 1
    """
).bindparams(*(bindparam(name, type_=Text()) for name in _NAMES))


async def store(
    work: Work,
    *,
    bills: list[Row] | None = None,
    lines: list[Row] | None = None,
    payments: list[Row] | None = None,
    tips: list[Row] | None = None,
    shares: list[Row] | None = None,
) -> None:
    """Inserts the rows of bills and their parts, in one statement."""
    rows = zip(_NAMES, (bills, lines, payments, tips, shares), strict=True)
    await work.session.execute(_STORE, {name: orjson.dumps(each or [], default=str).decode() for name, each in rows})


def draft_row(work: Work, bill_id: UUID, priced: PricedBill, *, companion_id: UUID | None = None) -> Row:
    """A draft's row on which nothing was paid."""
    return {
        "id": bill_id,
        "companion_id": companion_id,
        "branch_id": priced.branch.id,
        "status": rules.BillStatus.DRAFT,
        "version": 1,
        "created_at": work.now,
        "created_by_id": work.actor.id,
        "business_date": priced.on,
        "credited_paise": 0,
        "written_off_paise": 0,
        **content_values(priced),
        **paid_values(due_paise=priced.due_paise, paid_paise=0),
    }


def content_values(priced: PricedBill) -> Row:
    """What a draft's row says of its contents. Its date stays that of its beginning until it is posted."""
    contents, figures = priced.contents, priced.figures
    discount = contents.discount or rules.Discount()
    return {
        "kind": priced.kind,
        "customer_id": contents.customer_id,
        "gstin": priced.branch.gstin,
        "place_of_supply": priced.place_of_supply,
        "buyer_gstin": contents.buyer_gstin,
        "notes": priced.notes,
        "bill_discount_paise": discount.amount_paise,
        "bill_discount_hundredths": discount.share_hundredths,
        "discount_reason": priced.discount_reason,
        "discount_approved_by_id": priced.approved_by_id,
        "tip_paise": priced.tip_paise,
        **figure_values(figures),
    }


def figure_values(figures: rules.Figures) -> Row:
    """What a document's row says of its amounts."""
    return {
        "gross_paise": figures.gross_paise,
        "discount_paise": figures.discount_paise,
        "taxable_paise": figures.taxable_paise,
        "cgst_paise": figures.cgst_paise,
        "sgst_paise": figures.sgst_paise,
        "igst_paise": figures.igst_paise,
        "round_off_paise": figures.round_off_paise,
        "total_paise": figures.total_paise,
    }


def line_figure_values(figures: rules.LineFigures) -> Row:
    """What a line's row says of its amounts."""
    return {
        "gross_paise": figures.gross_paise,
        "discount_paise": figures.discount_paise,
        "bill_discount_paise": figures.bill_discount_paise,
        "taxable_paise": figures.tax.taxable_paise,
        "cgst_paise": figures.tax.cgst_paise,
        "sgst_paise": figures.tax.sgst_paise,
        "igst_paise": figures.tax.igst_paise,
    }


def paid_values(*, due_paise: int, paid_paise: int) -> Row:
    """What a bill's row says of its payments."""
    return {
        "paid_paise": paid_paise,
        "payment_state": rules.payment_state(due_paise=due_paise, paid_paise=paid_paise),
    }


def posted_values(work: Work, posted: PostedEntry) -> Row:
    """What makes a draft's row a posted bill's."""
    return {
        "status": rules.BillStatus.POSTED,
        "number": posted.document_number,
        "posted_at": work.now,
        "posted_by_id": work.actor.id,
        "entry_id": posted.id,
    }


def line_rows(bill_id: UUID, priced: PricedBill) -> list[Row]:
    """A bill's lines, numbered from 1."""
    return [
        {
            "id": new_id(),
            "bill_id": bill_id,
            "position": position,
            "service_id": item.new.service_id,
            "product_id": item.new.product_id,
            "staff_id": item.new.staff_id,
            "description": item.item.description,
            "code": item.item.code,
            "quantity_milli": item.priced.quantity_milli,
            "unit_price_paise": item.priced.unit_price_paise,
            "is_price_overridden": item.new.unit_price_paise is not None,
            "discount_reason": item.reason,
            "rate_hundredths": item.priced.rate_hundredths,
            "is_tax_included": item.priced.is_tax_included,
            "unit_cost_paise": item.item.unit_cost_paise,
            **line_figure_values(figures),
        }
        for position, (item, figures) in enumerate(zip(priced.items, priced.figures.lines, strict=True), start=1)
    ]


def share_rows(lines: list[Row], contributions: Sequence[Sequence[rules.Contribution]]) -> list[Row]:
    """Who shares in lines that are stored with them."""
    return [
        {
            "line_id": line["id"],
            "staff_id": each.staff_id,
            "bill_id": line["bill_id"],
            "position": position,
            "share_hundredths": each.share_hundredths,
            "amount_paise": each.amount_paise,
        }
        for line, shared in zip(lines, contributions, strict=True)
        for position, each in enumerate(shared, start=1)
    ]


def tip_rows(bill_id: UUID, priced: PricedBill) -> list[Row]:
    """A bill's tips."""
    return [{"bill_id": bill_id, "staff_id": tip.staff_id, "amount_paise": tip.amount_paise} for tip in priced.tips]


def payment_rows(
    work: Work,
    bill_id: UUID,
    *,
    on: date,
    kept: Sequence[rules.Kept],
    money_move_ids: Sequence[UUID],
    direction: MoneyDirection = MoneyDirection.IN,
) -> list[Row]:
    """Payments, each the whole of the money move at its place, or a share of it."""
    return [
        {
            "id": new_id(),
            "bill_id": bill_id,
            "money_move_id": money_move_id,
            "direction": direction,
            "method": each.method,
            "amount_paise": each.amount_paise,
            "tendered_paise": each.tendered_paise,
            "change_paise": each.change_paise,
            "reference": each.reference,
            "business_date": on,
            "received_at": work.now,
            "received_by_id": work.actor.id,
        }
        for each, money_move_id in zip(kept, money_move_ids, strict=True)
    ]


def shared_payment_rows(
    work: Work,
    bill_ids: Sequence[UUID],
    *,
    on: date,
    shares: Sequence[rules.Share],
    money_move_ids: Sequence[UUID],
) -> list[Row]:
    """Payments that fill bills in their order, each a share of its money move."""
    return [
        row
        for share in shares
        for row in payment_rows(
            work,
            bill_ids[share.debt],
            on=on,
            kept=[share.kept],
            money_move_ids=[money_move_ids[share.payment]],
        )
    ]
