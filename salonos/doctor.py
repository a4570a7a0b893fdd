"""`python -m salonos.doctor` looks whether all that is kept twice agrees: sub-ledgers with the books, sums with their parts.

What is written keeps these by construction (triggers, constraints, one transaction). This says so of a database at
hand, after a restore or a doubt, without trusting what keeps it: each look counts what differs, all at one instant.
"""

import asyncio
import itertools
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import asyncpg

from salonos.embedded import SERVER_EXIT
from salonos.kernel.database import plain_url
from salonos.salon.rules import Numbering, common_number
from salonos.settings import Settings
from salonos.terminal import database_url, fail, settings_or_exit

DIFFERS_EXIT: Final = 1
Row = Sequence[Any]


def told(rows: Sequence[Row]) -> int:
    """What the statement counted itself."""
    ((count,),) = rows
    return int(count)


def common_numbers(rows: Sequence[Row]) -> int:
    """How many pairs of series could give one number: rows of pattern, branch code and digits."""
    series = [Numbering(*row) for row in rows]
    return sum(common_number(one, other) is not None for one, other in itertools.combinations(series, 2))


@dataclass(frozen=True)
class Look:
    """What has to agree, and a statement that counts where it does not; or whose rows `count` counts."""

    at: str
    sql: str
    count: Callable[[Sequence[Row]], int] = told

    async def differing(self, connection: "asyncpg.Connection[asyncpg.Record]") -> int:
        """How often it does not agree."""
        return self.count(await connection.fetch(self.sql))


def control(code: str, ledger: str) -> str:
    """A count of branches whose account differs from its sub-ledger: rows of (branch_id, paise), debits positive."""
    return f"""
        select count(*) from ({ledger}) as kept full join (
            select branch_id, sum(amount_paise) as paise from entry_lines
            join accounts on accounts.id = account_id where code = '{code}' group by 1
        ) as booked using (branch_id)
        where coalesce(kept.paise, 0) <> coalesce(booked.paise, 0)
    """  # noqa: S608  our own words


LOOKS: Final = (
    Look(
        "Entries balance",
        "select count(*) from (select from entry_lines group by entry_id having sum(amount_paise) <> 0)",
    ),
    Look(
        "Daily balances are the sums of the entries",
        """
        select count(*) from daily_balances as day full join (
            select account_id, branch_id, business_date, sum(amount_paise) as paise from entry_lines group by 1, 2, 3
        ) as booked using (account_id, branch_id, business_date)
        where coalesce(day.amount_paise, 0) <> coalesce(booked.paise, 0)
        """,
    ),
    Look(
        "Bills are the sums of their lines and payments",
        """
        select count(*) from bills where total_paise <> round_off_paise + (
                select coalesce(sum(taxable_paise + cgst_paise + sgst_paise + igst_paise), 0)
                from bill_lines where bill_id = bills.id)
            or paid_paise <> (
                select coalesce(sum(case when (direction = 'IN') = (kind <> 'CREDIT_NOTE') then amount_paise
                                         else -amount_paise end), 0)
                from payments where bill_id = bills.id)
        """,
    ),
    Look(
        "Who worked on a bill is who has its lines and shares",
        """
        select count(*) from bill_staff full join (
            select bill_id, staff_id from bill_lines where staff_id is not null
            union select bill_id, staff_id from line_shares
        ) as named using (bill_id, staff_id)
        where bill_staff.bill_id is null or named.bill_id is null
        """,
    ),
    Look(
        "What customers owe is the account Customers",
        control(
            "1100", "select branch_id, sum(balance_due_paise) as paise from bills where status = 'POSTED' group by 1"
        ),
    ),
    Look(
        "Money on drafts is the account Advances",
        control("2200", "select branch_id, -sum(paid_paise) as paise from bills where status = 'DRAFT' group by 1"),
    ),
    Look(
        "GST of bills in the register is the output tax",
        """
        select count(*) from (
            select branch_id, sum((cgst_paise + sgst_paise + igst_paise)
                * case document_kind when 'CREDIT_NOTE' then -1 else 1 end) as paise
            from tax_register where supply = 'OUTWARD' group by 1
        ) as told full join (
            select branch_id, -sum(amount_paise) as paise from entry_lines
            join accounts on accounts.id = account_id where code in ('2100', '2101', '2102') group by 1
        ) as booked using (branch_id)
        where coalesce(told.paise, 0) <> coalesce(booked.paise, 0)
        """,
    ),
    Look(
        "Input credit in the register is the input tax",
        """
        select count(*) from (
            select branch_id, sum((cgst_paise + sgst_paise + igst_paise)
                * case when 'DEBIT_NOTE' = document_kind or credit_kind = 'REVERSED' then -1 else 1 end) as paise
            from tax_register where supply = 'INWARD' and credit_kind <> 'BLOCKED' group by 1
        ) as told full join (
            select line.branch_id, sum(line.amount_paise) as paise from entry_lines as line
            join accounts on accounts.id = account_id join entries on entries.id = entry_id
            where code in ('1300', '1301', '1302') and cause_kind <> 'entry' group by 1
        ) as booked using (branch_id)
        where coalesce(told.paise, 0) <> coalesce(booked.paise, 0)
        """,
    ),
    Look(
        "Document numbers run from 1 without a gap",
        """
        select count(*) from number_counters full join (
            select series_id, financial_year, count(*) as many, max(number) as last from drawn_numbers group by 1, 2
        ) as drawn using (series_id, financial_year)
        where last_number is distinct from many or last_number is distinct from last
        """,
    ),
    Look(
        "No two number series could give one number",
        """
        select pattern, code, digits from number_series join branches on branches.id = branch_id
        order by number_series.id
        """,
        common_numbers,
    ),
    Look(
        "What branches owe one another is nothing over all of them",
        """
        select count(*) from (
            select from entry_lines join accounts on accounts.id = account_id where code = '1290'
            having sum(amount_paise) <> 0
        )
        """,
    ),
    Look(
        "Stock levels are the sums of their moves",
        """
        select count(*) from stock_levels as level full join (
            select branch_id, product_id, sum(quantity_milli) as milli, sum(value_paise) as paise
            from stock_moves group by 1, 2
        ) as moved using (branch_id, product_id)
        where level.quantity_milli is distinct from coalesce(moved.milli, 0)
            or level.value_paise is distinct from coalesce(moved.paise, 0)
        """,
    ),
    Look(
        "Batches are the sums of their moves",
        """
        select count(*) from stock_batches as batch where batch.quantity_milli <> (
            select coalesce(sum(quantity_milli), 0) from stock_moves where batch_id = batch.id)
        """,
    ),
    *(
        Look(
            f"What {use.lower()} stock is worth is its account",
            control(
                code,
                "select branch_id, sum(value_paise) as paise from stock_levels"  # noqa: S608  our own words
                f" join stock_items on stock_items.id = product_id where use = '{use}' group by 1",
            ),
        )
        for use, code in (("RETAIL", "1200"), ("PROFESSIONAL", "1210"))
    ),
    Look(
        "What services used up left the shelves",
        """
        select count(*) from consumptions as used full join (
            select coalesce(entered.cause_id, move.cause_id) as cause_id, move.position, move.product_id,
                   -sum(move.quantity_milli) as milli
            from stock_moves as move left join consumptions as entered on entered.id = move.cause_id
            where move.kind = 'CONSUMPTION' group by 1, 2, 3
        ) as moved using (cause_id, position, product_id)
        where used.actual_milli is distinct from coalesce(moved.milli, 0)
        """,
    ),
    Look(
        "What services used up is the account Consumption",
        control("5010", "select branch_id, sum(cost_paise) as paise from consumptions group by 1"),
    ),
    Look(
        "Goods in transit are their account",
        control(
            "1220",
            "select from_branch_id as branch_id, sum(in_transit_paise) as paise from stock_transfer_lines group by 1",
        ),
    ),
    Look(
        "What suppliers are owed is the account Suppliers",
        control("2000", "select branch_id, -sum(balance_paise) as paise from supplier_accounts group by 1"),
    ),
)


async def differing(url: str) -> list[tuple[Look, int]]:
    """What every look finds, all of one snapshot."""
    connection = await asyncpg.connect(plain_url(url))
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            return [(look, await look.differing(connection)) for look in LOOKS]
    finally:
        await connection.close()


def report(settings: Settings) -> int:
    """Writes a line for each look. Returns how many found something."""
    try:
        found = asyncio.run(differing(database_url(settings)))
    except OSError as error:
        raise fail(f"The database of DATABASE_URL does not answer: {error.strerror or error}.", SERVER_EXIT) from None
    for look, count in found:
        sys.stdout.write(f"{'agrees ' if not count else 'DIFFERS'}  {look.at}{f': {count} differ' if count else ''}\n")
    return sum(bool(count) for _, count in found)


def main() -> None:
    """Ends with 1 when anything differs."""
    if report(settings_or_exit()):
        raise SystemExit(DIFFERS_EXIT)


if __name__ == "__main__":
    main()
