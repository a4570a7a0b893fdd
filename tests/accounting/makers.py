"""Entries in the states that tests need, made by the real commands; and connections that attack the books."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import date
from uuid import UUID

import asyncpg

from salonos.accounting import commands
from salonos.accounting.commands import Document, NewEntry, NewLine, NewMoneyMove, PostedEntry, TaxLine
from salonos.accounting.rules import PaymentMethod
from salonos.kernel.actor import Actor
from salonos.kernel.database import APPLICATION_ROLE, Database, plain_url
from salonos.kernel.ids import new_id
from salonos.salon.rules import DocumentKind

SYSTEM = Actor.system()
TODAY = date(2026, 11, 23)


def an_entry(branch_id: UUID, *amounts: tuple[str, int], on: date = TODAY, party_id: UUID | None = None) -> NewEntry:
    """An entry over account codes; without amounts a sale of 100 rupees for cash."""
    lines = amounts or (("1000", 100_00), ("4000", -100_00))
    return NewEntry(
        branch_id=branch_id,
        business_date=on,
        narration="Bill",
        cause_kind="bill",
        cause_id=new_id(),
        lines=tuple(NewLine(code, amount, party_id) for code, amount in lines),
    )


def a_taxed_sale(branch_id: UUID) -> NewEntry:
    """A sale of 100.00 with a tax line, for cash."""
    return replace(
        an_entry(branch_id),
        tax_lines=(TaxLine("999721", 1_000, "OTH", 500, 95_24, 2_38, 2_38),),
        money=(NewMoneyMove(PaymentMethod.CASH, 100_00, "slip 1"),),
        document=Document(DocumentKind.TAX_INVOICE, new_id(), "BLR1/2627/00001"),
    )


async def post(
    database: Database, branch_id: UUID, *amounts: tuple[str, int], on: date = TODAY, party_id: UUID | None = None
) -> PostedEntry:
    """Posts `an_entry`."""
    entry = an_entry(branch_id, *amounts, on=on, party_id=party_id)
    return await database.run(SYSTEM, lambda work: commands.post_entry(work, entry))


@asynccontextmanager
async def connected(database: Database, *, as_owner: bool) -> AsyncIterator[asyncpg.Connection]:
    """A connection outside the application: as its role, or as the owner of the tables."""
    settings = {} if as_owner else {"role": APPLICATION_ROLE}
    connection = await asyncpg.connect(plain_url(database.url), server_settings=settings)
    try:
        yield connection
    finally:
        await connection.close()


async def balances(database: Database) -> dict[tuple[str, date], int]:
    """The daily balances that are not zero, over all branches, by code and date."""
    rows = await database.pool.fetch(
        "select code, business_date, sum(amount_paise)::bigint as paise from daily_balances "
        "join accounts on accounts.id = account_id group by code, business_date having sum(amount_paise) <> 0"
    )
    return {(row["code"], row["business_date"]): row["paise"] for row in rows}


DRIFT = """
    select count(*) from (
        select branch_id, business_date, account_id, sum(amount_paise) as paise from entry_lines group by 1, 2, 3
    ) as lines
    full join daily_balances using (branch_id, business_date, account_id)
    where paise is distinct from amount_paise
"""
"""How many daily balances differ from the sum of their lines."""
