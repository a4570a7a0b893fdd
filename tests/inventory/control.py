"""Adjustments, counts and transfers as tests make them: by two people, since one never decides their own."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from salonos.inventory import commands
from salonos.inventory.commands import CountedLine, NewAdjustment, NewCount, NewTransfer, SentLine
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


async def send_around(database: Database, branch_ids: Sequence[UUID], product_id: UUID, *, now: datetime) -> None:
    """Each of the branches sends something to the next with its GSTIN; a part of it arrives, and something is lost."""
    gstins = dict(await database.pool.fetch("select id, gstin from branches"))
    for sender in branch_ids:
        others = [each for each in branch_ids if each != sender and gstins[each] == gstins[sender]]
        if not others:
            continue
        new = NewTransfer(sender, others[0], (SentLine(product_id=product_id, quantity_milli=500),), "By bicycle")
        sent = await database.run(
            actor_as("MANAGER", sender, others[0]), partial(commands.transfer_stock, new=new), now=now
        )
        line_id = await database.pool.fetchval("select id from stock_transfer_lines where transfer_id = $1", sent)
        receive = partial(commands.receive_transfer, transfer_id=sent, parts=[(line_id, 200)])
        await database.run(actor_as("RECEPTIONIST", others[0]), receive, now=now)
        lost = NewAdjustment(
            branch_id=sender, product_id=product_id, quantity_milli=-100, reason=REASON.THEFT, transfer_line_id=line_id
        )
        await database.run(
            actor_as("RECEPTIONIST", others[0]), partial(commands.request_stock_adjustment, new=lost), now=now
        )


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


async def send(store: Store, to_id: UUID, *lines: tuple[UUID, int], actor: Actor | None = None, **more: Any) -> UUID:
    """Sends goods from the store's branch."""
    sent = tuple(SentLine(product_id=product_id, quantity_milli=milli, **more) for product_id, milli in lines)
    new = NewTransfer(store.branch_id, to_id, sent)
    by = actor or actor_as("MANAGER", store.branch_id, to_id)
    return await store.database.run(by, lambda work: commands.transfer_stock(work, new), now=NOW)


async def arrive(
    store: Store, transfer_id: UUID, parts: Sequence[tuple[UUID, int]] | None = None, *, actor: Actor | None = None
) -> UUID:
    """Takes it in at the receiver, all or parts of it."""
    to_id = await store.database.pool.fetchval("select to_branch_id from stock_transfers where id = $1", transfer_id)
    by = actor or actor_as("RECEPTIONIST", to_id)
    return await store.database.run(by, lambda work: commands.receive_transfer(work, transfer_id, parts), now=NOW)


async def take_back(store: Store, transfer_id: UUID, *, actor: Actor | None = None) -> UUID:
    """Cancels it at the sender."""
    by = actor or checker(store)
    return await store.database.run(by, lambda work: commands.cancel_transfer(work, transfer_id), now=NOW)


async def lines_of(store: Store, transfer_id: UUID) -> list[UUID]:
    """The lines' ids in their order."""
    rows = await store.database.pool.fetch(
        "select id from stock_transfer_lines where transfer_id = $1 order by position", transfer_id
    )
    return [row["id"] for row in rows]


async def balances(store: Store, branch_id: UUID) -> dict[str, int]:
    """What a branch's accounts of stock stand at, without those at nothing."""
    rows = await store.database.pool.fetch(
        "select code, sum(amount_paise)::bigint as paise from daily_balances join accounts on accounts.id = account_id "
        "where branch_id = $1 and code in ('1200', '1210', '1220', '1290', '5020') group by code "
        "having sum(amount_paise) <> 0 order by code",
        branch_id,
    )
    return {row["code"]: row["paise"] for row in rows}
