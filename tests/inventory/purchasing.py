"""Suppliers and orders in the states that tests need, made by the real commands."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text

from salonos.accounting.rules import PaymentMethod
from salonos.inventory import commands, queries
from salonos.inventory.commands import (
    Arrival,
    ArrivedLine,
    BillLine,
    NewPurchase,
    NewSupplier,
    NewSupplierBill,
    NewSupplierPayment,
    NewSupplierRefund,
    NewSupplierReturn,
    OrderedLine,
    Received,
    ReceivedLine,
    ReturnedLine,
)
from salonos.kernel.actor import Actor
from salonos.kernel.database import Database
from salonos.kernel.work import Work
from salonos.salon.rules import gstin_check_digit
from tests.bills.makers import NOW, SYSTEM, TODAY
from tests.inventory.makers import Store, make_store

BANK = PaymentMethod.BANK_TRANSFER
PAYABLES_DRIFT = """
    select
        (select count(*) from supplier_accounts as account full join (
            select party_id as supplier_id, branch_id, -sum(amount_paise) as paise from entry_lines
            join accounts on accounts.id = account_id where code = '2000' group by 1, 2) as books
            using (supplier_id, branch_id)
         where ($1::uuid is null or branch_id = $1) and coalesce(balance_paise, 0) <> coalesce(books.paise, 0))
      + (select count(*) from supplier_accounts as account full join (
            select supplier_id, branch_id, sum(amount_paise) as paise from supplier_ledger group by 1, 2) as ledger
            using (supplier_id, branch_id)
         where ($1::uuid is null or branch_id = $1) and coalesce(balance_paise, 0) <> coalesce(ledger.paise, 0))
      + (select count(*) from supplier_accounts as account
         where ($1::uuid is null or branch_id = $1)
           and balance_paise <> (select coalesce(sum(balance_due_paise), 0) from supplier_bills as bill
                 where bill.supplier_id = account.supplier_id and bill.branch_id = account.branch_id)
             - (select coalesce(sum(credit_left_paise), 0) from supplier_returns as back
                where back.supplier_id = account.supplier_id and back.branch_id = account.branch_id))
      + (select count(*) from supplier_returns as back where ($1::uuid is null or branch_id = $1) and settled_paise <> (
            select coalesce(sum(amount_paise), 0) from supplier_settlements where return_id = back.id) + (
            select coalesce(sum(amount_paise), 0) from supplier_refunds where return_id = back.id))
      + (select count(*) from supplier_bills where ($1::uuid is null or branch_id = $1) and settled_paise <> (
            select coalesce(sum(amount_paise), 0) from supplier_settlements where bill_id = supplier_bills.id))
      + (select count(*) from (
            select branch_id, sum(cost_paise - settled_paise) as paise from stock_receipt_lines
            join stock_receipts on stock_receipts.id = receipt_id group by 1) as awaited
         full join (
            select branch_id, -sum(amount_paise) as paise from daily_balances
            join accounts on accounts.id = account_id where code = '2010' group by 1) as books using (branch_id)
         where ($1::uuid is null or branch_id = $1) and coalesce(awaited.paise, 0) <> coalesce(books.paise, 0))
"""
"""Accounts that are not their ledger, their part of 2000, or what is due less what is left of credits; bills and returns that are settled otherwise than they say; branches whose unbilled goods differ from 2010; of one branch, or of all where it is null."""


def gstin_of(state_code: str, letters: str = "AAFCS") -> str:
    """A lawful GSTIN of a state."""
    first = f"{state_code}{letters}1234A1Z"
    return first + gstin_check_digit(first)


@dataclass(frozen=True)
class Buyer:
    """A store with a supplier of its own state, one of another state, and one that is not registered."""

    store: Store
    local_id: UUID
    distant_id: UUID
    unregistered_id: UUID

    @property
    def database(self) -> Database:
        """Where it is kept."""
        return self.store.database

    async def order(self, *lines: OrderedLine, place: bool = True, **more: Any) -> UUID:
        """Drafts an order, and places it."""
        given = {"branch_id": self.store.branch_id, "supplier_id": self.local_id, "lines": lines, **more}
        new = NewPurchase(**given)
        purchase_id: UUID = await self.database.run(SYSTEM, lambda work: commands.create_purchase(work, new), now=NOW)
        if place:
            await self.place(purchase_id)
        return purchase_id

    async def place(self, purchase_id: UUID, *, version: int = 1, now: datetime = NOW) -> None:
        """Orders a draft."""
        await self.database.run(
            SYSTEM, lambda work: commands.place_purchase(work, purchase_id, expected_version=version), now=now
        )

    async def cancel(self, purchase_id: UUID, *, version: int) -> None:
        """Gives up what is open."""
        await self.database.run(
            SYSTEM, lambda work: commands.cancel_purchase(work, purchase_id, expected_version=version), now=NOW
        )

    async def arrive(
        self, purchase_id: UUID, *lines: ArrivedLine, actor: Actor = SYSTEM, now: datetime = NOW, **more: Any
    ) -> Received:
        """Takes in what came of an order."""
        arrival = Arrival(purchase_id, lines, **more)
        return await self.database.run(actor, lambda work: commands.receive_purchase(work, arrival), now=now)

    async def came(self, *lines: ReceivedLine, supplier_id: UUID | None = None, **more: Any) -> list[UUID]:
        """Takes goods in without an order. Returns the receipt's lines."""
        await self.store.receive(*lines, supplier_id=supplier_id or self.local_id, **more)
        rows = await self.database.pool.fetch(
            "select id from stock_receipt_lines where receipt_id = (select max(id::text)::uuid from stock_receipts) "
            "order by position"
        )
        return [row["id"] for row in rows]

    async def bill(self, *lines: BillLine, total: int, actor: Actor = SYSTEM, now: datetime = NOW, **more: Any) -> UUID:
        """Records a bill."""
        given = {
            "branch_id": self.store.branch_id, "supplier_id": self.local_id, "number": "A/1", "billed_on": TODAY,
            "lines": lines, "total_paise": total, **more,
        }  # fmt: skip
        new = NewSupplierBill(**given)
        return await self.database.run(actor, lambda work: commands.record_supplier_bill(work, new), now=now)

    async def give_back(self, *lines: ReturnedLine, actor: Actor = SYSTEM, now: datetime = NOW, **more: Any) -> UUID:
        """Sends goods back."""
        given = {"branch_id": self.store.branch_id, "supplier_id": self.local_id, "lines": lines, "reason": "Leaks"}
        new = NewSupplierReturn(**{**given, **more})
        return await self.database.run(actor, lambda work: commands.return_to_supplier(work, new), now=now)

    async def pay(self, amount: int, *, actor: Actor = SYSTEM, now: datetime = NOW, **more: Any) -> UUID:
        """Pays."""
        given = {"branch_id": self.store.branch_id, "supplier_id": self.local_id, "method": BANK, **more}
        new = NewSupplierPayment(**given, amount_paise=amount)
        return await self.database.run(actor, lambda work: commands.pay_supplier(work, new), now=now)

    async def refund(self, return_id: UUID, amount: int, *, actor: Actor = SYSTEM, **more: Any) -> UUID:
        """Takes money in that the supplier pays back."""
        new = NewSupplierRefund(return_id, **{"method": BANK, "amount_paise": amount, **more})
        return await self.database.run(actor, lambda work: commands.record_supplier_refund(work, new), now=NOW)

    async def entry(self, cause_id: UUID) -> dict[str, int]:
        """The entry of a document: paise by account, debits positive."""
        rows = await self.database.pool.fetch(
            "select code, amount_paise from entry_lines join entries on entries.id = entry_id "
            "join accounts on accounts.id = account_id where cause_id = $1",
            cause_id,
        )
        return {row["code"]: row["amount_paise"] for row in rows}

    async def row(self, table: str, row_id: UUID) -> dict[str, Any]:
        """A row by its id."""
        return dict(await self.database.pool.fetchrow(f"select * from {table} where id = $1", row_id))

    async def owed(self, supplier_id: UUID | None = None) -> int:
        """What the branch owes a supplier."""
        found = await self.database.pool.fetchval(
            "select balance_paise from supplier_accounts where supplier_id = $1 and branch_id = $2",
            supplier_id or self.local_id,
            self.store.branch_id,
        )
        return found or 0

    async def line_ids(self, purchase_id: UUID) -> list[UUID]:
        """An order's lines."""
        rows = await self.database.pool.fetch(
            "select id from purchase_lines where purchase_id = $1 order by position", purchase_id
        )
        return [row["id"] for row in rows]

    async def purchase(self, purchase_id: UUID) -> tuple[str, str | None, int]:
        """An order's status, number and version."""
        row = await self.database.pool.fetchrow(
            "select status, number, version from purchases where id = $1", purchase_id
        )
        return row["status"], row["number"], row["version"]


def came(line_id: UUID, quantity_milli: int, **more: Any) -> ArrivedLine:
    """What came of an order's line."""
    return ArrivedLine(line_id=line_id, quantity_milli=quantity_milli, **more)


async def make_supplier(database: Database, **given: Any) -> UUID:
    """A supplier."""
    new = NewSupplier(**{"name": "Loreal Karnataka", **given})
    return await database.run(SYSTEM, lambda work: commands.create_supplier(work, new))


async def make_buyer(database: Database, **branch: Any) -> Buyer:
    """The store in Karnataka with its suppliers."""
    store = await make_store(database, **branch)
    return Buyer(
        store,
        await make_supplier(database, gstin=gstin_of("29")),
        await make_supplier(database, name="Wella Chennai", gstin=gstin_of("33")),
        await make_supplier(database, name="Corner shop", state_code="29"),
    )


async def buy(database: Database, branch_id: UUID, product_id: UUID, *, now: datetime = NOW) -> None:
    """A product's whole way from an order, for tests that need rows of every type."""
    supplier_id = await make_supplier(database, state_code="29")
    new = NewPurchase(branch_id, supplier_id, (OrderedLine(product_id, 2000, 100_00),))

    async def all_of_it(work: Work) -> None:
        purchase_id = await commands.create_purchase(work, new)
        await commands.place_purchase(work, purchase_id, expected_version=1)
        (line,) = await queries.purchase_lines(work, purchase_id)
        await commands.receive_purchase(work, Arrival(purchase_id, (came(line.id, 1000),)))

    async def ids(work: Work) -> tuple[UUID, date]:
        found = await work.session.execute(
            text(
                "select line.id, business_date from stock_receipt_lines as line "
                "join stock_receipts as receipt on receipt.id = receipt_id where supplier_id = :supplier_id"
            ),
            {"supplier_id": supplier_id},
        )
        row = found.one()
        return row[0], row[1]

    async def billed(work: Work) -> None:
        line_id, on = await ids(work)
        bill = NewSupplierBill(
            branch_id=branch_id,
            supplier_id=supplier_id,
            number="A/1",
            billed_on=on,
            lines=(BillLine(line_id, 1000, 110_00),),
            total_paise=110_00,
        )
        await commands.record_supplier_bill(work, bill)

    async def sent_back(work: Work) -> None:
        line_id, _ = await ids(work)
        back = NewSupplierReturn(branch_id, supplier_id, (ReturnedLine(line_id, 100),), "Leaks")
        await commands.return_to_supplier(work, back)

    async def paid(work: Work) -> None:
        await commands.pay_supplier(work, NewSupplierPayment(branch_id, supplier_id, BANK, 20_00, "UTR"))

    async def paid_back(work: Work) -> None:
        await commands.pay_supplier(work, NewSupplierPayment(branch_id, supplier_id, BANK, 79_00))
        line_id, _ = await ids(work)
        back = NewSupplierReturn(branch_id, supplier_id, (ReturnedLine(line_id, 100),), "Leaks too")
        return_id = await commands.return_to_supplier(work, back)
        await commands.record_supplier_refund(work, NewSupplierRefund(return_id, BANK, 5_00, "NEFT"))

    for step in (all_of_it, billed, sent_back, paid, paid_back):
        await database.run(SYSTEM, step, now=now)


def day_after(days: int) -> datetime:
    """The moment of the tests on a later day."""
    return NOW + timedelta(days=days)
