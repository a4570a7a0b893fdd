"""Adjustments, counts and transfers as tests make them: by two people, since one never decides their own."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from salonos.inventory import commands
from salonos.inventory.commands import CountedLine, NewAdjustment, NewCount
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
    """A correction that somebody approved and one that waits; a count with a variance."""

    async def run(role: str, command: Callable[[Work], Awaitable[UUID]]) -> UUID:
        return await database.run(actor_as(role, branch_id), command, now=now)

    new = NewAdjustment(
        branch_id=branch_id, product_id=product_id, quantity_milli=-1000, reason=REASON.DAMAGE, words="Fell down"
    )
    for _ in range(2):
        asked = await run("RECEPTIONIST", lambda work: commands.request_stock_adjustment(work, new))
    await run("MANAGER", lambda work: commands.approve_stock_adjustment(work, asked))
    lines = [counted(product_id, 1000)]
    submitted = await run("RECEPTIONIST", lambda work: commands.count_stock(work, branch_id, lines, words="Shelf 1"))
    await run("MANAGER", lambda work: commands.post_stock_count(work, submitted))


async def entry_of(store: Store, cause_id: UUID) -> list[tuple[str, int]]:
    """The lines of a cause's entries by account: signed paise."""
    rows = await store.database.pool.fetch(
        "select code, sum(amount_paise)::bigint as paise from entries join entry_lines on entry_lines.entry_id = entries.id "
        "join accounts on accounts.id = account_id where cause_id = $1 group by code order by code",
        cause_id,
    )
    return [(row["code"], row["paise"]) for row in rows]


def counted(product_id: UUID, quantity_milli: int, **more: Any) -> CountedLine:
    """What somebody found."""
    return CountedLine(product_id=product_id, quantity_milli=quantity_milli, **more)


async def open_count(store: Store, *product_ids: UUID, actor: Actor | None = None, **more: Any) -> UUID:
    """Begins a count of some products, or of all."""
    new = NewCount(branch_id=store.branch_id, product_ids=product_ids or None, **more)
    return await store.database.run(actor or maker(store), lambda work: commands.open_stock_count(work, new), now=NOW)


async def enter(store: Store, count_id: UUID, *lines: CountedLine, actor: Actor | None = None) -> None:
    """Writes down what was found."""
    await store.database.run(
        actor or maker(store), lambda work: commands.enter_stock_count(work, count_id, lines), now=NOW
    )


async def submit(store: Store, count_id: UUID, *, actor: Actor | None = None, **more: Any) -> None:
    """Ends the counting, at the version that it has."""
    version = await store.database.pool.fetchval("select version from stock_counts where id = $1", count_id)
    given = {"expected_version": version, **more}
    await store.database.run(
        actor or maker(store), lambda work: commands.submit_stock_count(work, count_id, **given), now=NOW
    )


async def count(store: Store, *lines: CountedLine, actor: Actor | None = None) -> UUID:
    """Counts in one step."""
    return await store.database.run(
        actor or maker(store), lambda work: commands.count_stock(work, store.branch_id, lines), now=NOW
    )


async def post_count(store: Store, count_id: UUID, *, actor: Actor | None = None) -> None:
    """Posts what others counted."""
    await store.database.run(actor or checker(store), lambda work: commands.post_stock_count(work, count_id), now=NOW)


async def count_state(store: Store, count_id: UUID) -> str:
    """Where a count stands."""
    found: str = await store.database.pool.fetchval("select state from stock_counts where id = $1", count_id)
    return found
