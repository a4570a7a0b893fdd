"""A person writes an entry by hand: what is wrong with it is said line by line, and nothing is kept of it."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from salonos.accounting import commands
from salonos.kernel.database import Database
from salonos.kernel.ids import id_text, new_id
from tests.accounting.asker import Asker, somebody
from tests.accounting.makers import SYSTEM, TODAY, balances, post
from tests.salon.makers import make_branch

ACCOUNTANT = somebody("ACCOUNTANT")
POST = """
    mutation ($input: PostJournalInput!) {
      postJournal(input: $input) {
        __typename
        ... on PostJournalSuccess { entry { number narration causeId id lines { account { code } debit credit } } }
        ... on InvalidInput { issues { path code } }
        ... on PeriodClosed { closedUntil message }
        ... on AccountOverdrawn { message }
      }
    }
"""


@pytest.fixture
def ask(database: Database) -> Asker:
    """Asks at noon of `TODAY` in India."""
    database.set_clock = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)
    return Asker(database)


async def account(database: Database, code: str) -> str:
    """An account's id for clients."""
    return id_text("account", await database.pool.fetchval("select id from accounts where code = $1", code))


async def rent(database: Database, branch_id: UUID, **more: Any) -> dict[str, Any]:
    """Rent of 500.00 paid by bank."""
    lines = [
        {"accountId": await account(database, "6500"), "debit": "500.00"},
        {"accountId": await account(database, "1010"), "credit": "500.00"},
    ]
    return {"branchId": id_text("branch", branch_id), "narration": " Rent of November ", "lines": lines, **more}


async def test_a_journal_is_an_entry_of_its_own_cause_and_is_audited(database: Database, ask: Asker) -> None:
    given = await rent(database, await make_branch(database))

    answer = (await ask.data(ACCOUNTANT, POST, input=given))["postJournal"]

    assert answer == {
        "__typename": "PostJournalSuccess",
        "entry": {
            "number": 1,
            "narration": "Rent of November",
            "id": answer["entry"]["id"],
            "causeId": answer["entry"]["id"],
            "lines": [
                {"account": {"code": "6500"}, "debit": "500.00", "credit": "0.00"},
                {"account": {"code": "1010"}, "debit": "0.00", "credit": "500.00"},
            ],
        },
    }
    assert await balances(database) == {("6500", TODAY): 500_00, ("1010", TODAY): -500_00}
    audited = await database.pool.fetch("select action, changes from audit_log where table_name = 'entries'")
    assert [row["action"] for row in audited] == ["INSERT"]
    assert "Rent" not in audited[0]["changes"]


async def test_the_same_key_posts_once(database: Database, ask: Asker) -> None:
    given = await rent(database, await make_branch(database))

    first = await ask(ACCOUNTANT, POST, input=given)
    again = await ask(ACCOUNTANT, POST, input=given)

    assert again["data"] == first["data"]
    assert again["extensions"] == {"idempotency": {"replayed": True}}
    assert await database.pool.fetchval("select count(*) from entries") == 1


@pytest.mark.parametrize("key", [None, "short"])
async def test_without_a_key_nothing_is_posted(database: Database, ask: Asker, key: str | None) -> None:
    given = await rent(database, await make_branch(database))

    body = await ask(ACCOUNTANT, POST, key=key, input=given)

    assert body["errors"][0]["extensions"]["code"] == ("BAD_REQUEST" if key else "IDEMPOTENCY_KEY_REQUIRED")
    assert await database.pool.fetchval("select count(*) from entry_lines") == 0


async def test_every_fault_of_a_journal_is_told_at_its_place(database: Database, ask: Asker) -> None:
    branch_id = await make_branch(database)
    bank, customers, suppliers = [await account(database, code) for code in ("1010", "1100", "2000")]
    lines: list[dict[str, Any]] = [
        {"accountId": bank, "debit": "1.00", "credit": "1.00"},
        {"accountId": bank},
        {"accountId": bank, "debit": "0.00"},
        {"accountId": bank, "credit": "-5.00"},
        {"accountId": id_text("account", new_id()), "debit": "9.00"},
        {"accountId": customers, "debit": "1.00"},
        {"accountId": customers, "debit": "1.00", "customerId": id_text("customer", new_id())},
        {"accountId": suppliers, "debit": "1.00"},
        {"accountId": bank, "debit": "1.00", "customerId": id_text("customer", new_id())},
    ]
    given = {
        "branchId": id_text("branch", branch_id),
        "narration": "  ",
        "businessDate": "2026-11-24",
        "lines": lines,
    }

    answer = (await ask.data(ACCOUNTANT, POST, input=given))["postJournal"]

    assert answer["__typename"] == "InvalidInput"
    assert {(".".join(issue["path"]), issue["code"]) for issue in answer["issues"]} == {
        ("narration", "REQUIRED"),
        ("businessDate", "IN_FUTURE"),
        ("lines", "UNBALANCED"),
        ("lines.0", "ONE_SIDE"),
        ("lines.1", "ONE_SIDE"),
        ("lines.2", "ONE_SIDE"),
        ("lines.3", "ONE_SIDE"),
        ("lines.4.accountId", "NOT_FOUND"),
        ("lines.5.customerId", "REQUIRED"),
        ("lines.6.customerId", "NOT_FOUND"),
        ("lines.7.accountId", "NOT_POSTABLE"),
        ("lines.8.customerId", "NOT_ALLOWED"),
        ("lines.8.customerId", "NOT_FOUND"),
    }
    assert await database.pool.fetchval("select count(*) from entry_lines") == 0


@pytest.mark.parametrize("count", [0, 1, 101])
async def test_a_journal_has_two_to_a_hundred_lines(database: Database, ask: Asker, count: int) -> None:
    given = await rent(database, await make_branch(database))
    given["lines"] = (given["lines"] * 51)[:count]

    answer = (await ask.data(ACCOUNTANT, POST, input=given))["postJournal"]

    assert ("lines", "LENGTH") in {(".".join(issue["path"]), issue["code"]) for issue in answer["issues"]}


async def test_a_branch_out_of_reach_is_answered_as_one_that_does_not_exist(database: Database, ask: Asker) -> None:
    mine, foreign = await make_branch(database, "BLR1"), await make_branch(database, "BLR2")
    actor = somebody("ACCOUNTANT", mine)

    answers = [await ask.data(actor, POST, input=await rent(database, branch_id)) for branch_id in (foreign, new_id())]

    assert answers[0] == answers[1]
    assert answers[0]["postJournal"]["issues"] == [{"path": ["branchId"], "code": "NOT_FOUND"}]


@pytest.mark.parametrize("role", ["MANAGER", "RECEPTIONIST", "STAFF"])
async def test_who_may_not_post_journals_is_refused(database: Database, ask: Asker, role: str) -> None:
    given = await rent(database, await make_branch(database))

    body = await ask(somebody(role), POST, input=given)

    assert body["data"] == {"postJournal": None}
    assert [error["extensions"]["code"] for error in body["errors"]] == ["FORBIDDEN"]
    assert await database.pool.fetchval("select count(*) from entry_lines") == 0


async def test_a_closed_period_and_a_bound_are_problems(database: Database, ask: Asker) -> None:
    branch_id = await make_branch(database)
    await post(database, branch_id, ("1000", 100_00), ("2200", -100_00))
    await database.run(SYSTEM, lambda work: commands.close_period(work, branch_id, until=TODAY))
    lines = [
        {"accountId": await account(database, "2200"), "debit": "100.01"},
        {"accountId": await account(database, "1000"), "credit": "100.01"},
    ]
    yesterday = (TODAY - timedelta(days=1)).isoformat()

    closed = await ask.data(ACCOUNTANT, POST, input=await rent(database, branch_id, businessDate=yesterday))
    overdrawn = await ask.data(ACCOUNTANT, POST, key="b" * 16, input=await rent(database, branch_id, lines=lines))

    assert closed["postJournal"]["__typename"] == "PeriodClosed"
    assert closed["postJournal"]["closedUntil"] == "2026-11-23"
    assert overdrawn["postJournal"]["__typename"] == "AccountOverdrawn"
    assert await database.pool.fetchval("select count(*) from entries") == 1
