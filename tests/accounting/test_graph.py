"""What the books answer through the schema: accounts, entries, the trial balance; one statement each."""

from datetime import date, timedelta
from typing import Any

import pytest

from salonos.accounting import commands
from salonos.kernel.database import Database
from salonos.kernel.ids import id_text, new_id
from tests.accounting.asker import Asker, somebody
from tests.accounting.makers import SYSTEM, TODAY, a_taxed_sale, post
from tests.salon.makers import make_branch
from tests.statements import Statements

OWNER = somebody("OWNER")
TRIAL_BALANCE = """
    query ($branch: ID, $asOf: Date) {
      trialBalance(branchId: $branch, asOf: $asOf) {
        asOf totalDebit totalCredit rows { account { code } debit credit }
      }
    }
"""


@pytest.fixture
def ask(database: Database) -> Asker:
    """Asks."""
    return Asker(database)


def sums(balance: dict[str, Any]) -> dict[str, tuple[str, str]]:
    return {row["account"]["code"]: (row["debit"], row["credit"]) for row in balance["rows"]}


async def test_an_entry_tells_its_lines_money_and_cause(database: Database, ask: Asker) -> None:
    sale = a_taxed_sale(await make_branch(database))
    posted = await database.run(SYSTEM, lambda work: commands.post_entry(work, sale))

    data = await ask.data(
        OWNER,
        """query ($id: ID!) { node(id: $id) { id ... on Entry {
            number financialYear businessDate narration total causeId branch { name } reverses { id }
            lines { account { code name kind balance } debit credit }
            moneyMoves { direction method amount reference businessDate } } } }""",
        id=id_text("entry", posted.id),
    )

    assert data["node"] == {
        "id": id_text("entry", posted.id),
        "number": 1,
        "financialYear": 2026,
        "businessDate": "2026-11-23",
        "narration": "Bill",
        "total": "100.00",
        "causeId": id_text("bill", sale.cause_id),
        "branch": {"name": "Branch BLR1"},
        "reverses": None,
        "lines": [
            {
                "account": {"code": "1000", "name": "Cash", "kind": "ASSET", "balance": "100.00"},
                "debit": "100.00",
                "credit": "0.00",
            },
            {
                "account": {"code": "4000", "name": "Services", "kind": "INCOME", "balance": "-100.00"},
                "debit": "0.00",
                "credit": "100.00",
            },
        ],
        "moneyMoves": [
            {
                "direction": "IN",
                "method": "CASH",
                "amount": "100.00",
                "reference": "slip 1",
                "businessDate": "2026-11-23",
            }
        ],
    }


async def test_the_trial_balance_of_a_date_sums_to_zero(database: Database, ask: Asker) -> None:
    one, other = await make_branch(database, "BLR1"), await make_branch(database, "BLR2")
    await post(database, one, ("1000", 10_00), ("1020", 5_00), ("4000", -15_00), on=TODAY - timedelta(days=1))
    await post(database, one, ("6500", 4_00), ("1000", -4_00))
    await post(database, other, ("1020", 7_00), ("4010", -7_00))

    yesterday = await ask.data(OWNER, TRIAL_BALANCE, asOf="2026-11-22")
    today = await ask.data(OWNER, TRIAL_BALANCE, asOf="2026-11-23")
    of_one = await ask.data(OWNER, TRIAL_BALANCE, asOf="2026-11-23", branch=id_text("branch", one))

    assert sums(yesterday["trialBalance"]) == {
        "1000": ("10.00", "0.00"), "1020": ("5.00", "0.00"), "4000": ("0.00", "15.00"),
    }  # fmt: skip
    assert today["trialBalance"]["totalDebit"] == today["trialBalance"]["totalCredit"] == "22.00"
    assert sums(today["trialBalance"]) == {
        "1000": ("6.00", "0.00"), "1020": ("12.00", "0.00"), "4000": ("0.00", "15.00"), "4010": ("0.00", "7.00"),
        "6500": ("4.00", "0.00"),
    }  # fmt: skip
    assert of_one["trialBalance"]["totalDebit"] == of_one["trialBalance"]["totalCredit"] == "15.00"


async def test_the_trial_balance_is_of_today_at_the_branch_when_no_date_is_given(
    database: Database, ask: Asker
) -> None:
    branch_id = await make_branch(database)
    (today,) = await database.pool.fetchrow("select (now() at time zone 'Asia/Kolkata')::date")

    balance = (await ask.data(OWNER, TRIAL_BALANCE, branch=id_text("branch", branch_id)))["trialBalance"]

    assert balance == {"asOf": today.isoformat(), "totalDebit": "0.00", "totalCredit": "0.00", "rows": []}


async def test_who_keeps_the_books_of_one_branch_sees_no_other(database: Database, ask: Asker) -> None:
    one, other = await make_branch(database, "BLR1"), await make_branch(database, "BLR2")
    third = await make_branch(database, "BLR3")
    await post(database, one, ("1000", 1_00), ("4000", -1_00))
    await post(database, other, ("1000", 2_00), ("4000", -2_00))
    await post(database, third, ("1000", 4_00), ("4000", -4_00))
    text = "{ accounts { code balance } entries { totalCount nodes { total } } trialBalance { totalDebit } }"

    seen = {}
    for name, branches in {"all": (), "one": (one,), "two": (one, other)}.items():
        data = await ask.data(somebody("ACCOUNTANT", *branches), text)
        cash = next(row["balance"] for row in data["accounts"] if row["code"] == "1000")
        totals = sorted(row["total"] for row in data["entries"]["nodes"])
        seen[name] = (cash, totals, data["entries"]["totalCount"], data["trialBalance"]["totalDebit"])
    foreign = await ask.data(somebody("ACCOUNTANT", one), TRIAL_BALANCE, branch=id_text("branch", other))

    assert seen == {
        "all": ("7.00", ["1.00", "2.00", "4.00"], 3, "7.00"),
        "one": ("1.00", ["1.00"], 1, "1.00"),
        "two": ("3.00", ["1.00", "2.00"], 2, "3.00"),
    }
    assert foreign == {"trialBalance": None}


@pytest.mark.parametrize("role", ["MANAGER", "RECEPTIONIST", "STAFF"])
async def test_who_may_not_read_the_books_learns_nothing(database: Database, ask: Asker, role: str) -> None:
    posted = await post(database, await make_branch(database))

    body = await ask(
        somebody(role),
        """query ($id: ID!) { accounts { code } entries { totalCount } trialBalance { asOf }
            node(id: $id) { id } }""",
        id=id_text("entry", posted.id),
    )

    assert body["data"] == {"accounts": None, "entries": None, "trialBalance": None, "node": None}
    assert {(error["extensions"]["code"], error["extensions"]["coordinate"]) for error in body["errors"]} == {
        ("FORBIDDEN", f"Query.{name}") for name in ("accounts", "entries", "trialBalance", "node")
    }


async def test_entries_are_found_by_branch_account_date_and_cause(database: Database, ask: Asker) -> None:
    one, other = await make_branch(database, "BLR1"), await make_branch(database, "BLR2")
    tomorrow = TODAY + timedelta(days=1)
    await post(database, one, ("1000", 1_00), ("4000", -1_00))
    await post(database, one, ("1020", 2_00), ("4000", -2_00), on=tomorrow)
    await post(database, other, ("1020", 4_00), ("4010", -4_00))
    upi = id_text("account", await database.pool.fetchval("select id from accounts where code = '1020'"))
    cause = id_text("bill", await database.pool.fetchval("select cause_id from entries where total_paise = 400"))
    text = """query ($filter: EntryFilter, $order: EntryOrder) {
        entries(filter: $filter, orderBy: $order) { nodes { total } } }"""

    async def found(order: str | None = None, **wanted: str) -> list[str]:
        data = await ask.data(OWNER, text, filter=wanted, **({"order": order} if order else {}))
        return [row["total"] for row in data["entries"]["nodes"]]

    assert await found() == ["4.00", "2.00", "1.00"]
    assert await found("OLDEST") == ["1.00", "2.00", "4.00"]
    assert (await found("LATEST_DATE"))[0] == "2.00"
    assert await found(branchId=id_text("branch", one)) == ["2.00", "1.00"]
    assert await found(accountId=upi) == ["4.00", "2.00"]
    assert await found(accountId=upi, branchId=id_text("branch", one)) == ["2.00"]
    assert await found(since="2026-11-24") == ["2.00"]
    assert await found(until="2026-11-24") == ["4.00", "1.00"]
    assert await found(causeId=cause) == ["4.00"]
    assert await found(causeId=id_text("payment", new_id())) == []


async def test_a_read_of_the_books_is_one_statement_however_many_rows(
    database: Database, ask: Asker, statements: Statements
) -> None:
    branch_id = await make_branch(database)
    text = """{ accounts { balance } trialBalance { rows { account { name } debit } }
        entries(first: 50) { nodes { branch { name } lines { account { code balance } debit } moneyMoves { id } } } }"""

    counts = []
    for rows in (1, 49):
        for _ in range(rows):
            await post(database, branch_id, on=date(2026, 4, 1))
        with statements.counted() as asked:
            data = await ask.data(OWNER, text)
        counts.append((len(data["entries"]["nodes"]), len(asked)))

    assert counts == [(1, 1), (50, 1)]
