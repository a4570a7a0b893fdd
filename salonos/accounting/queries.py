"""Named reads of commands: accounts, an entry with all that a reversal repeats, a branch's closed period."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Row, exists, select
from sqlalchemy.orm import aliased

from salonos.accounting import tables
from salonos.kernel.work import Work


@dataclass(frozen=True)
class EntryToReverse:
    """An entry as it was posted. `lines` have code, amount_paise and party_id."""

    branch_id: UUID
    is_reversed: bool
    lines: Sequence[Row[str, int, UUID | None]]
    tax_lines: Sequence[tables.TaxRegisterLine]
    money: Sequence[tables.MoneyMove]


async def entry_to_reverse(work: Work, entry_id: UUID) -> EntryToReverse | None:
    """An entry with its lines, tax lines and money moves, each in their order."""
    reversal = aliased(tables.Entry)
    is_reversed = exists().where(reversal.reverses_id == tables.Entry.id)
    entry = (
        await work.session.execute(select(tables.Entry.branch_id, is_reversed).where(tables.Entry.id == entry_id))
    ).one_or_none()
    if entry is None:
        return None
    line = tables.EntryLine
    lines = await work.session.execute(
        select(tables.Account.code, line.amount_paise, line.party_id)
        .join(tables.Account, tables.Account.id == line.account_id)
        .where(line.entry_id == entry_id)
        .order_by(line.position)
    )
    tax = tables.TaxRegisterLine
    tax_lines = await work.session.scalars(select(tax).where(tax.entry_id == entry_id).order_by(tax.position))
    move = tables.MoneyMove
    money = await work.session.scalars(select(move).where(move.entry_id == entry_id).order_by(move.id))
    return EntryToReverse(entry[0], entry[1], lines.all(), tax_lines.all(), money.all())


async def accounts_by_id(work: Work, ids: set[UUID]) -> dict[UUID, tables.Account]:
    """Those accounts that exist."""
    found = await work.session.scalars(select(tables.Account).where(tables.Account.id.in_(ids)))
    return {account.id: account for account in found}


async def closed_period(work: Work, branch_id: UUID) -> tables.ClosedPeriod | None:
    """The row that says up to where a branch's books are closed, locked against another who closes."""
    found = select(tables.ClosedPeriod).where(tables.ClosedPeriod.branch_id == branch_id).with_for_update()
    return (await work.session.scalars(found)).one_or_none()
