"""An entry is posted with its lines, balances, tax lines and money in two statements; what can't be is refused."""

from dataclasses import replace
from datetime import date

import pytest
from sqlalchemy import text

from salonos.accounting import commands, rules
from salonos.accounting.commands import Document, NewEntry, NewLine, NewMoneyMove, TaxLine
from salonos.accounting.problems import AccountOverdrawn, PeriodClosed
from salonos.kernel.database import Database
from salonos.kernel.ids import new_id
from salonos.kernel.work import Work
from salonos.salon.rules import DocumentKind
from tests.accounting.makers import DRIFT, SYSTEM, TODAY, a_taxed_sale, an_entry, balances, post
from tests.salon.makers import KARNATAKA_GSTIN, make_branch
from tests.statements import Statements


async def test_every_account_that_commands_name_is_in_the_chart(database: Database) -> None:
    chart = {row["code"] for row in await database.pool.fetch("select code from accounts")}

    assert set(rules.CODES) <= chart
    assert {rules.account_of(method) for method in rules.PaymentMethod} <= chart
    assert len(chart) == 49


async def test_the_example_of_the_posting_table_is_posted_in_two_statements(
    database: Database, statements: Statements
) -> None:
    """750 of services and 999 of goods with a tip of 50, paid with 1,000 in cash and 837 by UPI."""
    branch_id, bill_id = await make_branch(database), new_id()
    entry = NewEntry(
        branch_id=branch_id,
        business_date=TODAY,
        narration="Bill BLR1/2627/00001",
        cause_kind="bill",
        cause_id=bill_id,
        lines=(
            NewLine(rules.CASH, 1_000_00),
            NewLine(rules.UPI, 837_00),
            NewLine(rules.SERVICES, -750_00),
            NewLine(rules.PRODUCTS, -846_62),
            NewLine(rules.OUTPUT_CGST, -94_94),
            NewLine(rules.OUTPUT_SGST, -94_94),
            NewLine(rules.ROUND_OFF, -50),
            NewLine(rules.TIPS, -50_00),
        ),
        tax_lines=(
            TaxLine("999721", 1_000, "OTH", 500, 750_00, 18_75, 18_75),
            TaxLine("33051090", 1_000, "PCS", 1_800, 846_62, 76_19, 76_19),
        ),
        money=(
            NewMoneyMove(rules.PaymentMethod.CASH, 1_000_00),
            NewMoneyMove(rules.PaymentMethod.UPI, 837_00, "UTR 42"),
        ),
        document=Document(DocumentKind.TAX_INVOICE, bill_id, "BLR1/2627/00001", KARNATAKA_GSTIN, None, "29"),
    )

    async def counted(work: Work) -> tuple[commands.PostedEntry, int]:
        with statements.counted() as asked:
            posted = await commands.post_entry(work, entry)
        return posted, len(asked)

    posted, asked = await database.run(SYSTEM, counted)

    assert asked == 2
    assert posted.number == 1
    assert posted.document_number == "BLR1/2627/00001"
    assert await balances(database) == {(line.account_code, TODAY): line.amount_paise for line in entry.lines}
    moves = await database.pool.fetch("select id, method, amount_paise, reference from money_moves order by id")
    assert [row["id"] for row in moves] == list(posted.money_move_ids)
    assert [tuple(row)[1:] for row in moves] == [("CASH", 1_000_00, None), ("UPI", 837_00, "UTR 42")]
    register = await database.pool.fetch(
        "select document_number, document_date, gstin, place_of_supply, code, taxable_paise, cgst_paise, sgst_paise "
        "from tax_register order by position"
    )
    assert [tuple(row) for row in register] == [
        ("BLR1/2627/00001", TODAY, KARNATAKA_GSTIN, "29", "999721", 750_00, 18_75, 18_75),
        ("BLR1/2627/00001", TODAY, KARNATAKA_GSTIN, "29", "33051090", 846_62, 76_19, 76_19),
    ]


async def test_entries_that_belong_together_take_two_statements_and_numbers_in_their_order(
    database: Database, statements: Statements
) -> None:
    branch_id = await make_branch(database)
    together = [an_entry(branch_id, ("1000", paise), ("4000", -paise)) for paise in (1_00, 2_00, 3_00)]

    async def counted(work: Work) -> tuple[list[commands.PostedEntry], int]:
        with statements.counted() as asked:
            posted = await commands.post_entries(work, together)
        return posted, len(asked)

    posted, asked = await database.run(SYSTEM, counted)

    assert asked == 2
    assert [each.number for each in posted] == [1, 2, 3]
    assert await balances(database) == {("1000", TODAY): 6_00, ("4000", TODAY): -6_00}


async def test_a_documents_number_is_drawn_after_the_balances_and_before_the_entry(database: Database) -> None:
    branch_id = await make_branch(database)
    seen: list[tuple[int, int]] = []

    async def command(work: Work) -> commands.PostedEntry:
        async def draw() -> str:
            counts = text("select (select count(*) from daily_balances), (select count(*) from entry_series)")
            seen.append(tuple((await work.session.execute(counts)).one()))
            return "BLR1/2627/00001"

        document = Document(DocumentKind.BILL_OF_SUPPLY, new_id(), draw)
        lines = (NewLine("1000", 1_00), NewLine("4000", -1_00))
        return await commands.post_entry(
            work, NewEntry(branch_id, TODAY, "Bill", "bill", new_id(), lines, document=document)
        )

    posted = await database.run(SYSTEM, command)

    assert seen == [(2, 0)]
    assert posted.document_number == "BLR1/2627/00001"
    assert await database.pool.fetchval("select narration from entries") == "Bill BLR1/2627/00001"


async def test_numbers_are_of_a_branch_and_a_financial_year(database: Database) -> None:
    one, other = await make_branch(database, "BLR1"), await make_branch(database, "BLR2")
    last_day, first_day = date(2027, 3, 31), date(2027, 4, 1)

    numbers = [
        (await post(database, one, on=last_day)).number,
        (await post(database, one, on=first_day)).number,
        (await post(database, one, on=last_day)).number,
        (await post(database, other, on=last_day)).number,
    ]

    assert numbers == [1, 1, 2, 1]
    assert [row["financial_year"] for row in await database.pool.fetch("select * from entries order by id")] == [
        2026, 2027, 2026, 2026,
    ]  # fmt: skip


async def test_an_entry_of_nothing_can_be_posted(database: Database) -> None:
    """A bill over a total of zero has its entry too."""
    posted = await post(database, await make_branch(database), ("1000", 0), ("4000", 0))

    assert posted.number == 1


@pytest.mark.parametrize(
    ("amounts", "failure"),
    [
        ((("1000", 1), ("4000", -2)), ValueError),
        ((("1000", 0),), ValueError),
        ((("1000", 1), ("1234", -1)), LookupError),
    ],
)
async def test_an_entry_that_is_a_mistake_is_a_bug_and_leaves_nothing(
    database: Database, amounts: tuple[tuple[str, int], ...], failure: type[Exception]
) -> None:
    branch_id = await make_branch(database)

    with pytest.raises(failure):
        await post(database, branch_id, *amounts)

    assert await database.pool.fetchval("select count(*) from entry_lines") == 0


async def test_a_control_account_names_whose_line_it_is(database: Database) -> None:
    branch_id, customer_id = await make_branch(database), new_id()
    await post(database, branch_id, ("1100", 5_00), ("4000", -5_00), party_id=customer_id)

    with pytest.raises(Exception, match="a line on a control account names its party"):
        await post(database, branch_id, ("1100", 5_00), ("4000", -5_00))

    assert (
        await database.pool.fetchval(
            "select sum(amount_paise) from entry_lines where party_id = $1 "
            "and account_id = (select id from accounts where code = '1100')",
            customer_id,
        )
        == 5_00
    )


async def test_no_more_is_taken_of_advances_than_was_paid_in(database: Database) -> None:
    one, other = await make_branch(database, "BLR1"), await make_branch(database, "BLR2")
    await post(database, one, ("1000", 100_00), ("2200", -100_00))
    await post(database, one, ("2200", 60_00), ("4000", -60_00))

    with pytest.raises(AccountOverdrawn):
        await post(database, one, ("2200", 40_01), ("4000", -40_01))
    with pytest.raises(AccountOverdrawn):
        await post(database, other, ("2200", 1), ("4000", -1))

    await post(database, one, ("2200", 40_00), ("4000", -40_00))
    assert await database.pool.fetchval("select held_paise from bounded_balances where branch_id = $1", one) == 0
    assert await database.pool.fetchval(DRIFT) == 0


async def test_a_closed_period_takes_no_entries_until_it_is_opened_again(database: Database) -> None:
    one, other = await make_branch(database, "BLR1"), await make_branch(database, "BLR2")
    yesterday = date(2026, 11, 22)
    await database.run(SYSTEM, lambda work: commands.close_period(work, one, until=TODAY))

    with pytest.raises(PeriodClosed) as refused:
        await post(database, one, on=yesterday)

    assert refused.value.closed_until == TODAY
    assert (await post(database, one, on=TODAY)).number == 1
    assert (await post(database, other, on=yesterday)).number == 1
    await database.run(SYSTEM, lambda work: commands.close_period(work, one, until=yesterday))
    assert (await post(database, one, on=yesterday)).number == 2


async def test_tax_lines_belong_to_a_document(database: Database) -> None:
    sale = replace(a_taxed_sale(await make_branch(database)), document=None)

    with pytest.raises(ValueError, match="tax lines belong to a document"):
        await database.run(SYSTEM, lambda work: commands.post_entry(work, sale))
