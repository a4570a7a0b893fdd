"""Adjustments, counts and transfers as tests make them: by two people, since one never decides their own."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from salonos.inventory import commands
from salonos.inventory.commands import NewAdjustment
from salonos.inventory.rules import StockAdjustmentReason
from salonos.kernel.actor import Actor
from salonos.kernel.database import Database
from salonos.kernel.work import Work
from tests.bills.makers import NOW, actor_as
from tests.inventory.makers import Store

REASON = StockAdjustmentReason


def maker(store: Store) -> Actor:
    """Somebody of the branch who asks and counts; another one each time."""
    return actor_as("RECEPTIONIST", store.branch_id)


def checker(store: Store) -> Actor:
    """A manager of the branch; another one each time."""
    return actor_as("MANAGER", store.branch_id)


async def ask_for(
    store: Store,
    product_id: UUID,
    quantity_milli: int,
    reason: StockAdjustmentReason = REASON.WASTAGE,
    *,
    actor: Actor | None = None,
    now: datetime = NOW,
    **more: Any,
) -> UUID:
    """Asks for a correction."""
    new = NewAdjustment(
        branch_id=store.branch_id, product_id=product_id, quantity_milli=quantity_milli, reason=reason, **more
    )
    return await store.database.run(
        actor or maker(store), lambda work: commands.request_stock_adjustment(work, new), now=now
    )


async def approve(store: Store, adjustment_id: UUID, *, actor: Actor | None = None, now: datetime = NOW) -> UUID:
    """Lets it happen."""
    return await store.database.run(
        actor or checker(store), lambda work: commands.approve_stock_adjustment(work, adjustment_id), now=now
    )


async def adjust(store: Store, product_id: UUID, quantity_milli: int, *given: Any, **more: Any) -> UUID:
    """Both."""
    return await approve(store, await ask_for(store, product_id, quantity_milli, *given, **more))


async def correct_and_count(database: Database, branch_id: UUID, product_id: UUID, *, now: datetime) -> None:
    """A correction that somebody approved, and one that waits."""

    async def run(role: str, command: Callable[[Work], Awaitable[UUID]]) -> UUID:
        return await database.run(actor_as(role, branch_id), command, now=now)

    new = NewAdjustment(
        branch_id=branch_id, product_id=product_id, quantity_milli=-1000, reason=REASON.DAMAGE, words="Fell down"
    )
    for _ in range(2):
        asked = await run("RECEPTIONIST", lambda work: commands.request_stock_adjustment(work, new))
    await run("MANAGER", lambda work: commands.approve_stock_adjustment(work, asked))


async def entry_of(store: Store, cause_id: UUID) -> list[tuple[str, int]]:
    """The lines of a cause's entries by account: signed paise."""
    rows = await store.database.pool.fetch(
        "select code, sum(amount_paise)::bigint as paise from entries join entry_lines on entry_lines.entry_id = entries.id "
        "join accounts on accounts.id = account_id where cause_id = $1 group by code order by code",
        cause_id,
    )
    return [(row["code"], row["paise"]) for row in rows]
