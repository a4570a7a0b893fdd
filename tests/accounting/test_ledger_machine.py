"""G4: whatever is posted, refused, reversed and closed in whatever order, the books are what plain Python says.

The oracle is a few dictionaries. After every step: the daily balances, the customers' balances, what advances hold and
the entry numbers are the oracle's, the trial balance sums to zero, and a control account is the sum of its sub-ledger.
"""

import asyncio
import os
from collections import Counter
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any, TypeVar
from uuid import UUID

import asyncpg
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from salonos.accounting import commands
from salonos.accounting.problems import AccountOverdrawn, EntryAlreadyReversed, PeriodClosed
from salonos.kernel.database import Database, plain_url
from salonos.kernel.ids import new_id
from salonos.kernel.problems import Problem
from salonos.kernel.work import Work
from tests.accounting.makers import DRIFT, SYSTEM, an_entry
from tests.salon.makers import make_branch

EXAMPLES, STEPS = (500, 50) if os.environ.get("SALONOS_PROVE") else (8, 20)
CUSTOMERS = [new_id() for _ in range(3)]
FIRST_DAY = date(2026, 3, 30)  # the financial year ends on the day after

T = TypeVar("T")
paise = st.integers(min_value=0, max_value=10**8)
days = st.integers(min_value=0, max_value=4).map(lambda count: FIRST_DAY + timedelta(days=count))
customers = st.sampled_from(CUSTOMERS)
money = st.sampled_from(["1000", "1010", "1020", "1030", "1040"])


class Books(RuleBasedStateMachine):
    """Business events by the posting table, and an oracle of what they leave. Each example has a branch of its own."""

    runner: asyncio.Runner
    database: Database

    def run(self, step: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(step)

    @initialize()
    def open_branch(self) -> None:
        count = self.run(self.database.pool.fetchval("select count(*) from branches"))
        self.branch_id = self.run(make_branch(self.database, f"{1000 + count}"))
        self.daily: Counter[tuple[str, date]] = Counter()
        self.owed: Counter[UUID] = Counter()
        self.held = 0
        self.closed_until = date.min
        self.entries: list[tuple[UUID, tuple[tuple[str, int], ...], UUID | None]] = []
        self.reversed: set[UUID] = set()
        self.numbers: Counter[int] = Counter()

    # --- the oracle

    def refusal(self, lines: tuple[tuple[str, int], ...], on: date) -> type[Problem] | None:
        """Lines come first, then the entry: so the bound is met before the closed period."""
        advance = -sum(amount for code, amount in lines if code == "2200")
        if self.held + advance < 0:
            return AccountOverdrawn
        return PeriodClosed if on < self.closed_until else None

    def keep(
        self, posted: commands.PostedEntry, lines: tuple[tuple[str, int], ...], on: date, who: UUID | None
    ) -> None:
        for code, amount in lines:
            self.daily[code, on] += amount
            self.held -= amount if code == "2200" else 0
            if code == "1100" and who is not None:
                self.owed[who] += amount
        self.entries.append((posted.id, lines, who))
        self.numbers[2026 if on >= date(2026, 4, 1) else 2025] += 1

    @contextmanager
    def refused(self, kind: type[Problem] | None) -> Iterator[None]:
        if kind is None:
            yield
        else:
            with pytest.raises(kind):
                yield

    def post(self, on: date, *lines: tuple[str, int], who: UUID | None = None) -> None:
        entry = an_entry(self.branch_id, *lines, on=on, party_id=who)
        kind = self.refusal(lines, on)
        with self.refused(kind):
            posted = self.run(self.database.run(SYSTEM, lambda work: commands.post_entry(work, entry)))
        if kind is None:
            self.keep(posted, lines, on, who)

    # --- business events

    @rule(on=days, service=paise, goods=paise, tax=paise, tip=paise, by=money)
    def sell(self, on: date, service: int, goods: int, tax: int, tip: int, by: str) -> None:
        total = service + goods + 2 * tax
        round_off = -total % 100
        self.post(
            on,
            (by, total + round_off + tip),
            ("4000", -service), ("4010", -goods), ("2100", -tax), ("2101", -tax), ("4900", -round_off), ("2300", -tip),
        )  # fmt: skip

    @rule(on=days, service=paise, who=customers)
    def sell_on_account(self, on: date, service: int, who: UUID) -> None:
        self.post(on, ("1100", service), ("4000", -service), who=who)

    @rule(on=days, who=customers, amount=paise, by=money)
    def collect(self, on: date, who: UUID, amount: int, by: str) -> None:
        self.post(on, (by, amount), ("1100", -amount), who=who)

    @rule(on=days, amount=paise, by=money)
    def take_advance(self, on: date, amount: int, by: str) -> None:
        self.post(on, (by, amount), ("2200", -amount))

    @rule(on=days, amount=paise)
    def use_advance(self, on: date, amount: int) -> None:
        self.post(on, ("2200", amount), ("4000", -amount))

    @rule(on=days, tip=paise, rent=paise)
    def pay_tip_and_expense(self, on: date, tip: int, rent: int) -> None:
        self.post(on, ("2300", tip), ("6500", rent), ("1000", -tip - rent))

    @rule(on=days, service=paise)
    def fail_after_posting(self, on: date, service: int) -> None:
        """A transaction that breaks off takes its number and its balances back."""
        entry = an_entry(self.branch_id, ("1000", service), ("4000", -service), on=on)

        async def broken(work: Work) -> None:
            await commands.post_entry(work, entry)
            raise LookupError

        with pytest.raises((LookupError, PeriodClosed)):
            self.run(self.database.run(SYSTEM, broken))

    @rule(on=days, place=st.integers(min_value=0))
    def void(self, on: date, place: int) -> None:
        if not self.entries:
            return
        entry_id, lines, who = self.entries[place % len(self.entries)]
        back = tuple((code, -amount) for code, amount in lines)
        kind = EntryAlreadyReversed if entry_id in self.reversed else self.refusal(back, on)
        with self.refused(kind):
            posted = self.run(
                self.database.run(
                    SYSTEM,
                    lambda work: commands.reverse_entry(
                        work, entry_id, business_date=on, narration="Void", cause_kind="bill", cause_id=entry_id
                    ),
                )
            )
        if kind is None:
            self.reversed.add(entry_id)
            self.keep(posted, back, on, who)

    @rule(until=days)
    def close_or_open(self, until: date) -> None:
        self.run(self.database.run(SYSTEM, lambda work: commands.close_period(work, self.branch_id, until=until)))
        self.closed_until = until

    # --- after every step

    @invariant()
    def books_are_the_oracles(self) -> None:
        if hasattr(self, "branch_id"):
            self.run(self.compare())

    async def compare(self) -> None:
        fetch = self.database.pool.fetch
        rows = await fetch(
            "select code, business_date, amount_paise from daily_balances "
            "join accounts on accounts.id = account_id where branch_id = $1 and amount_paise <> 0",
            self.branch_id,
        )
        found = {(row["code"], row["business_date"]): row["amount_paise"] for row in rows}
        assert found == {key: amount for key, amount in self.daily.items() if amount}
        assert sum(found.values()) == 0
        rows = await fetch(
            "select party_id, sum(amount_paise)::bigint as owed from entry_lines "
            "join accounts on accounts.id = account_id where branch_id = $1 and code = '1100' group by party_id",
            self.branch_id,
        )
        owed = {row["party_id"]: row["owed"] for row in rows if row["owed"]}
        assert owed == {who: amount for who, amount in self.owed.items() if amount}
        assert sum(owed.values()) == sum(amount for (code, _), amount in found.items() if code == "1100")
        rows = await fetch("select held_paise from bounded_balances where branch_id = $1", self.branch_id)
        assert sum(row["held_paise"] for row in rows) == self.held
        rows = await fetch(
            "select financial_year, min(number), max(number), count(*) from entries where branch_id = $1 group by 1",
            self.branch_id,
        )
        assert {row["financial_year"]: tuple(row)[1:] for row in rows} == {
            year: (1, count, count) for year, count in self.numbers.items()
        }


def run_machine(database_url: str, *, examples: int, steps: int, shrinks: bool = True) -> None:
    """Runs the machine over one database."""
    options = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        phases=(Phase.generate, Phase.shrink) if shrinks else (Phase.generate,),
        suppress_health_check=list(HealthCheck),
        database=None,
        derandomize=not shrinks,  # a proof that has to fail fails the same way each time
    )
    with asyncio.Runner() as runner:
        database = runner.run(Database.open(database_url, pool_size=2))
        try:
            machine = type("Run", (Books,), {"runner": runner, "database": database})
            run_state_machine_as_test(machine, settings=options)
            assert runner.run(database.pool.fetchval(DRIFT)) == 0
        finally:
            runner.run(database.close())


def test_the_books_are_what_plain_python_says(database_url: str) -> None:
    run_machine(database_url, examples=EXAMPLES, steps=STEPS)


SWITCHES = {
    "balances do not move": "alter table entry_lines disable trigger entry_lines_balances",
    "periods do not close": "create function keep_open() returns trigger language plpgsql as "
    "$$ begin new.closed_until := '2000-01-01'; return new; end $$; "
    "create trigger keep_open before insert or update on closed_periods for each row execute function keep_open()",
    "advances are not bounded": "alter table bounded_balances drop constraint ck_bounded_balances_held_paise",
}


@pytest.mark.parametrize("name", SWITCHES)
def test_without_a_mechanism_the_machine_finds_it_out(database_url: str, name: str) -> None:
    async def switch() -> None:
        owner = await asyncpg.connect(plain_url(database_url))
        await owner.execute(SWITCHES[name])
        await owner.close()

    asyncio.run(switch())

    with pytest.raises((AssertionError, pytest.fail.Exception, Problem)):
        run_machine(database_url, examples=30, steps=30, shrinks=False)
