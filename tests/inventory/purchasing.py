"""Suppliers and orders in the states that tests need, made by the real commands."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from salonos.inventory import commands, queries
from salonos.inventory.commands import Arrival, ArrivedLine, NewPurchase, NewSupplier, OrderedLine, Received
from salonos.kernel.actor import Actor
from salonos.kernel.database import Database
from salonos.kernel.work import Work
from salonos.salon.rules import gstin_check_digit
from tests.bills.makers import NOW, SYSTEM
from tests.inventory.makers import Store, make_store


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

    await database.run(SYSTEM, all_of_it, now=now)
