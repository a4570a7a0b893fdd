"""Recipes and consumption in the states that tests need, made by the real commands; and what is asked of them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from salonos.accounting import commands as accounting
from salonos.accounting.commands import NewEntry
from salonos.inventory import commands
from salonos.inventory.commands import RecipePart, ServiceDone
from salonos.kernel.actor import Actor
from salonos.kernel.database import Database
from salonos.kernel.ids import new_id
from salonos.kernel.work import Work
from tests.bills.makers import NOW, SYSTEM, TODAY, UPI
from tests.inventory.makers import Store, line, make_store

HAIRCUT_DUE = 78_800
MISMATCHED = """
    select count(*) from consumptions as used full join (
        select coalesce(of.cause_id, move.cause_id) as cause_id, move.position, move.product_id,
               -sum(move.quantity_milli) as quantity
        from stock_moves as move left join consumptions as of on of.id = move.cause_id
        where move.kind = 'CONSUMPTION' group by 1, 2, 3) as moved using (cause_id, position, product_id)
    where used.actual_milli is distinct from coalesce(moved.quantity, 0)
"""
"""Consumption whose actual quantity is not the sum of its moves, and moves of none."""


@dataclass(frozen=True)
class Parlour:
    """A store whose haircut uses 35 ml of colour."""

    store: Store

    @property
    def database(self) -> Database:
        """Where it is kept."""
        return self.store.database

    async def color(self, paise: int = HAIRCUT_DUE, *, actor: Actor = SYSTEM, **more: Any) -> UUID:
        """Does the haircut and bills it."""
        return await self.store.shop.check_out(
            (UPI, paise), actor=actor, **{"lines": (self.store.shop.haircut,), **more}
        )

    async def use(self, quantity_milli: int = 1000, *, cause_id: UUID | None = None) -> UUID:
        """Does the haircut for a cause that is no bill, with an entry of its own."""
        cause = cause_id or new_id()
        branch_id, service_id = self.store.branch_id, self.store.shop.catalog.service_id

        async def command(work: Work) -> None:
            done = [ServiceDone(service_id, quantity_milli, 1)]
            cost = await commands.issue(
                work, branch_id=branch_id, cause_kind="visit", cause_id=cause, on=TODAY, services=done
            )
            if cost.lines:
                given_back = cost.credit_reversed
                entry = NewEntry(branch_id, TODAY, "Visit", "visit", cause, cost.lines, credit_reversed=given_back)
                await accounting.post_entry(work, entry)

        await self.database.run(SYSTEM, command, now=NOW)
        return cause

    async def used(self, bill_id: UUID, product_id: UUID | None = None) -> dict[str, Any]:
        """A bill's only consumption, or that of a product."""
        (row,) = await self.database.pool.fetch(
            "select * from consumptions where cause_id = $1 and product_id = coalesce($2, product_id)",
            bill_id,
            product_id,
        )
        return dict(row)

    async def record(
        self,
        consumption_id: UUID,
        quantity_milli: int,
        version: int = 1,
        *,
        actor: Actor = SYSTEM,
        now: datetime = NOW,
        **more: Any,
    ) -> UUID:
        """Enters what was used."""
        return await self.database.run(
            actor,
            lambda work: commands.record_consumption(
                work, consumption_id, quantity_milli=quantity_milli, expected_version=version, **more
            ),
            now=now,
        )

    async def entry(self, cause_id: UUID) -> list[tuple[str, int]]:
        """The lines of the last entry that something caused: account and signed paise."""
        rows = await self.database.pool.fetch(
            "select code, amount_paise from entry_lines join accounts on accounts.id = account_id "
            "where entry_id = (select id from entries where cause_id = $1 order by id desc limit 1) order by position",
            cause_id,
        )
        return [(row["code"], row["amount_paise"]) for row in rows]


async def make_recipe(
    database: Database, service_id: UUID, *parts: RecipePart, version: int = 0, actor: Actor = SYSTEM
) -> UUID:
    """Says what a service uses up."""
    return await database.run(
        actor, lambda work: commands.set_recipe(work, service_id, parts, expected_version=version)
    )


async def make_parlour(database: Database, *, colour_milli: int = 500_000, **branch: Any) -> Parlour:
    """The store with 35 ml of colour in the haircut, and colour on the shelf at 0.59 a millilitre with GST."""
    store = await make_store(database, **branch)
    await make_recipe(database, store.shop.catalog.service_id, RecipePart(store.colour_id, 35_000))
    if colour_milli:
        await store.receive(line(store.colour_id, colour_milli, 50))
    return Parlour(store)
