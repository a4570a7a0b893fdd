"""The locked stock of one branch within one transaction, and the moves that are made of it."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Self
from uuid import UUID

import orjson
from sqlalchemy import Text, bindparam, text

from salonos.accounting import rules as accounts
from salonos.accounting.commands import CreditReversed, NewLine
from salonos.inventory import events, problems, queries, rules
from salonos.kernel.ids import new_id
from salonos.kernel.quantity import Quantity
from salonos.kernel.work import StartOver, Work

_STORE = text(
    """
    with begun as (
        insert into stock_batches (id, branch_id, product_id, code, expires_on, created_at)
        select id, branch_id, product_id, code, expires_on, created_at
        from jsonb_populate_recordset(null::stock_batches, cast(:batches as jsonb))
    ), consumed as (
        insert into consumptions
        select * from jsonb_populate_recordset(null::consumptions, cast(:consumptions as jsonb))
    )
    insert into stock_moves
    select * from jsonb_populate_recordset(null::stock_moves, cast(:moves as jsonb))
    """
).bindparams(*(bindparam(name, type_=Text()) for name in ("batches", "consumptions", "moves")))


@dataclass(frozen=True)
class Cause:
    """Why stock moves: the cause's id prefix and id, the business date, and the words of it where there are any."""

    kind: str
    id: UUID
    on: date
    reason: str | None = None


@dataclass(frozen=True)
class TaxedGoods:
    """What a tax register says of goods: whose they are, their HSN code, and what they are counted in."""

    gstin: str | None
    hsn_code: str
    unit: rules.StockUnit


@dataclass
class Shelf:
    """An item's level in the branch: as it was locked, and as the moves so far leave it."""

    level_id: UUID
    product_id: UUID
    use: rules.StockUse
    pool: rules.Pool
    batches: tuple[rules.Batch, ...]
    reorder_point_milli: int | None
    allows_negative: bool
    unit_cost_paise: int
    locked_milli: int
    goods: TaxedGoods


class _Locked(dict[UUID, Shelf]):
    """Shelves by product. Who wants one that is not there looked before its item was given up, and looks again."""

    def __missing__(self, product_id: UUID) -> Shelf:
        raise StartOver


@dataclass
class Shelves:
    """The levels of some items in a branch, locked until the commit. A transaction locks a branch's levels once."""

    work: Work
    branch_id: UUID
    cause: Cause
    by_product: Mapping[UUID, Shelf]
    batch_rows: list[dict[str, Any]] = field(default_factory=list)
    move_rows: list[dict[str, Any]] = field(default_factory=list)
    consumption_rows: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    async def lock(
        cls, work: Work, branch_id: UUID, cause: Cause, product_ids: Collection[UUID], *, codes: Iterable[str] = ()
    ) -> Self:
        """Locks levels in the order of their items. Products that are not stocked are not among them."""
        found = await queries.levels_for_update(work, branch_id, product_ids)
        held = await queries.batches(work, branch_id, [row.product_id for row in found], set(codes)) if found else {}
        shelves = {
            row.product_id: Shelf(
                level_id=row.id,
                product_id=row.product_id,
                use=row.use,
                pool=rules.Pool(row.quantity_milli, row.value_paise),
                batches=tuple(held.get(row.product_id, ())),
                reorder_point_milli=row.reorder_point_milli,
                allows_negative=row.allows_negative,
                unit_cost_paise=row.unit_cost_paise or 0,
                locked_milli=row.quantity_milli,
                goods=TaxedGoods(row.gstin, row.hsn_code, row.unit),
            )
            for row in found
        }
        return cls(work, branch_id, cause, _Locked(shelves))

    def issue(
        self, product_id: UUID, quantity_milli: int, kind: rules.StockMoveKind, *, position: int, staff_id: UUID | None
    ) -> int:
        """Takes goods off the shelf, first expired first. Returns what they had cost.

        Raises: StockTooLow with what may be sold or used today.
        """
        shelf = self.by_product[product_id]
        usable = rules.available(shelf.batches, self.cause.on)
        if quantity_milli > usable and not shelf.allows_negative:
            raise problems.StockTooLow(product_id=product_id, available=Quantity(max(usable, 0)))
        pieces = rules.first_expired_first_out(shelf.batches, quantity_milli, self.cause.on)
        return self.take_out(shelf, pieces, kind, position=position, staff_id=staff_id)

    def take_out(
        self,
        shelf: Shelf,
        pieces: Iterable[rules.Piece],
        kind: rules.StockMoveKind,
        *,
        position: int,
        staff_id: UUID | None = None,
    ) -> int:
        """Takes pieces out of their batches, a move for each. Returns what they had cost."""
        total = 0
        for piece in pieces:
            batch_id = piece.batch_id or self.batch(shelf, None, None)
            cost = shelf.pool.cost_of(piece.quantity_milli, unit_cost_paise=shelf.unit_cost_paise)
            shelf.pool = shelf.pool.after_issue(piece.quantity_milli, cost)
            shelf.batches = rules.without(shelf.batches, [replace(piece, batch_id=batch_id)])
            self._move(shelf, batch_id, kind, -piece.quantity_milli, -cost, position=position, staff_id=staff_id)
            total += cost
        return total

    def lose(
        self,
        shelf: Shelf,
        quantity_milli: int,
        kind: rules.StockMoveKind,
        *,
        position: int,
        batch_id: UUID | None = None,
        expired_first: bool = False,
    ) -> int:
        """Takes goods off the shelf that are not there any more, expired ones too. Returns what they had cost.

        Raises: StockTooLow: what never lay there can't be lost, whatever the branch's policy.
        """
        there = rules.held(shelf.batches, batch_id)
        if quantity_milli > there:
            raise problems.StockTooLow(product_id=shelf.product_id, available=Quantity(there))
        pieces = rules.written_off(
            shelf.batches, quantity_milli, self.cause.on, batch_id=batch_id, expired_first=expired_first
        )
        return self.take_out(shelf, pieces, kind, position=position)

    def find(
        self,
        shelf: Shelf,
        quantity_milli: int,
        kind: rules.StockMoveKind,
        *,
        position: int,
        batch_id: UUID | None = None,
    ) -> int:
        """Puts goods on the shelf that nobody knew of, worth what the others are. Returns what the stock gained."""
        cost = shelf.pool.average_of(quantity_milli, unit_cost_paise=shelf.unit_cost_paise)
        into = batch_id or self.batch(shelf, None, None)
        return self.take_in(shelf, into, quantity_milli, cost, kind, position=position)

    def send_back(self, shelf: Shelf, batch_id: UUID, quantity_milli: int, *, position: int) -> int:
        """Takes goods of one batch off the shelf for their supplier, expired or not. Returns what they had cost.

        Raises: StockTooLow with what is left of the batch, where a branch may go below zero too.
        """
        there = max(min(rules.held(shelf.batches, batch_id), shelf.pool.quantity_milli), 0)
        if quantity_milli > there:
            raise problems.StockTooLow(product_id=shelf.product_id, available=Quantity(there))
        piece = rules.Piece(batch_id, quantity_milli)
        return self.take_out(shelf, [piece], rules.StockMoveKind.SUPPLIER_RETURN, position=position)

    def take_in(
        self,
        shelf: Shelf,
        batch_id: UUID,
        quantity_milli: int,
        cost_paise: int,
        kind: rules.StockMoveKind,
        *,
        position: int,
        returns_id: UUID | None = None,
    ) -> int:
        """Puts goods on the shelf. Returns what the stock gained, which differs from the cost where it was below zero."""
        worth = shelf.pool.worth_of(quantity_milli, cost_paise)
        shelf.pool = shelf.pool.after_receipt(quantity_milli, worth)
        shelf.batches = rules.without(shelf.batches, [rules.Piece(batch_id, -quantity_milli)])
        self._move(shelf, batch_id, kind, quantity_milli, worth, position=position, returns_id=returns_id)
        return worth

    def batch(self, shelf: Shelf, code: str | None, expires_on: date | None) -> UUID:
        """The batch of a code and date, begun where there is none."""
        for batch in shelf.batches:
            if (batch.code, batch.expires_on) == (code, expires_on):
                return batch.id
        begun = rules.Batch(new_id(), code, expires_on, 0)
        shelf.batches = (*shelf.batches, begun)
        self.batch_rows.append(
            {
                "id": begun.id,
                "branch_id": self.branch_id,
                "product_id": shelf.product_id,
                "code": code,
                "expires_on": expires_on,
                "created_at": self.work.now,
            }
        )
        return begun.id

    async def store(self) -> list[UUID]:
        """Writes the moves in one statement, and tells which items became low. Returns the moves' ids in their order."""
        values = {
            "batches": _json(self.batch_rows),
            "consumptions": _json(self.consumption_rows),
            "moves": _json(self.move_rows),
        }
        await self.work.session.execute(_STORE, values)
        for shelf in self.by_product.values():
            if rules.crosses_low(
                shelf.locked_milli, shelf.pool.quantity_milli, reorder_point_milli=shelf.reorder_point_milli
            ):
                self.work.announce(
                    events.StockLow(branch_id=self.branch_id, subject_id=shelf.level_id, product_id=shelf.product_id)
                )
        return [row["id"] for row in self.move_rows]

    def _move(  # noqa: PLR0913  a row's columns
        self,
        shelf: Shelf,
        batch_id: UUID,
        kind: rules.StockMoveKind,
        quantity_milli: int,
        value_paise: int,
        *,
        position: int,
        staff_id: UUID | None = None,
        returns_id: UUID | None = None,
    ) -> None:
        self.move_rows.append(
            {
                "id": new_id(),
                "branch_id": self.branch_id,
                "product_id": shelf.product_id,
                "batch_id": batch_id,
                "kind": kind.name,
                "quantity_milli": quantity_milli,
                "value_paise": value_paise,
                "reason": self.cause.reason,
                "cause_kind": self.cause.kind,
                "cause_id": self.cause.id,
                "position": position,
                "returns_id": returns_id,
                "staff_id": staff_id,
                "business_date": self.cause.on,
                "occurred_at": self.work.now,
                "made_by_id": self.work.actor.id,
            }
        )


class Amounts:
    """What an entry moves, summed by account in the order of their codes: debits positive."""

    def __init__(self) -> None:
        self._by_code: dict[str, int] = {}
        self._reversed: list[CreditReversed] = []

    def add(self, debit: str, credit: str, paise: int) -> None:
        """One amount from an account to another."""
        self._by_code[debit] = self._by_code.get(debit, 0) + paise
        self._by_code[credit] = self._by_code.get(credit, 0) - paise

    def take_in(self, use: rules.StockUse, credit: str, *, cost_paise: int, worth_paise: int) -> None:
        """Goods that came in at a cost, and what the stock gained by them."""
        self.add(rules.account_of(use), credit, worth_paise)
        self.add(accounts.PRICE_DIFFERENCE, credit, cost_paise - worth_paise)

    def give_back_credit(
        self,
        debit: str,
        goods: TaxedGoods,
        quantity_milli: int,
        value_paise: int,
        *,
        rate_hundredths: int,
        half_paise: int,
    ) -> None:
        """Both halves of the input credit that goods earn no longer; below zero where it is taken again."""
        if not half_paise:
            return
        self.add(debit, accounts.INPUT_CGST, half_paise)
        self.add(debit, accounts.INPUT_SGST, half_paise)
        self._reversed.append(
            CreditReversed(
                gstin=goods.gstin,
                code=goods.hsn_code,
                quantity_milli=quantity_milli,
                unit=goods.unit.name,
                rate_hundredths=rate_hundredths,
                value_paise=value_paise,
                half_paise=half_paise,
            )
        )

    @property
    def credit_reversed(self) -> tuple[CreditReversed, ...]:
        """What the tax register is to tell of the same."""
        return tuple(self._reversed)

    def lines(self) -> tuple[NewLine, ...]:
        """The lines; none where nothing was moved."""
        return tuple(NewLine(code, paise) for code, paise in sorted(self._by_code.items()) if paise)


def _json(rows: list[dict[str, Any]]) -> str:
    return orjson.dumps(rows, default=str).decode()
