"""Whatever is sold, paid, taken back, given back, collected, given up and corrected, bills and books are what Python says.

The oracle knows one cart (a haircut and a serum, 1787.00), what is done to it, and the law's rule for parts of a line.
After every step each bill's money and each account of the branch are the oracle's; what it refuses changes nothing.
"""

import asyncio
import contextlib
import os
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field, replace
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, TypeVar
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from salonos.bills import commands, queries, tables
from salonos.bills.commands import NewRefund, RefundedLine
from salonos.bills.rules import PaymentMethod, Tender
from salonos.kernel.database import Database
from salonos.kernel.problems import Problem
from salonos.kernel.work import Work
from tests.bills.makers import CARD, CASH, NOW, ON_ACCOUNT, SYSTEM, UPI, Shop, make_shop
from tests.bills.test_books import DIFFERENCES
from tests.customers.makers import make_customer
from tests.salon.makers import make_branch

EXAMPLES, STEPS = (500, 50) if "SALONOS_PROVE" in os.environ else (6, 25)
TOTAL = 178_700
LINES = ((75_000, 1875, 1875), (84_662, 7619, 7619))
"""Value and taxes of the haircut and the serum; the bill adds 0.50."""
ACCOUNT = {CASH: "1000", UPI: "1020", CARD: "1030"}
SALES = ("4000", "4010", "2100", "2101", "4900")

T = TypeVar("T")
methods = st.sampled_from(list(ACCOUNT))
amounts = st.sampled_from([1, 100, 50_000, 78_700, 100_000, TOTAL, 200_000, 400_000])
places = st.integers(0, 200)
parts = st.sampled_from([0, 1, 333, 500, 1000])


def half_up(value: Decimal) -> int:
    return int(value.quantize(Decimal(1), ROUND_HALF_UP))


@dataclass
class Sold:
    """What the oracle knows of a bill, in paise and thousandths."""

    id: UUID
    status: str
    paid: int = 0
    credited: int = 0
    written_off: int = 0
    version: int = 1
    back: tuple[int, int] = (0, 0)
    noted: int = 0
    money: Counter[PaymentMethod] = field(default_factory=Counter)

    @property
    def due(self) -> int:
        return 0 if self.status == "VOID" else TOTAL - self.paid - self.credited - self.written_off

    def worth(self, now: tuple[int, int]) -> int:
        """What a note comes to that takes so much of each line on top of what went back before."""
        after = tuple(was + more for was, more in zip(self.back, now, strict=True))
        left = TOTAL - self.noted
        if after == (1000, 1000):
            return left
        exact = sum(
            half_up(Decimal(paise * until) / 1000) - half_up(Decimal(paise * was) / 1000)
            for line, was, until in zip(LINES, self.back, after, strict=True)
            for paise in line
        )
        return min(half_up(Decimal(exact) / 100) * 100, left)


class Till(RuleBasedStateMachine):
    """One till of a branch of its own for each example."""

    runner: asyncio.Runner
    database: Database
    shop: Shop

    def run(self, step: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(step)

    def act(self, command: Callable[[Work], Awaitable[object]], *, is_allowed: bool) -> None:
        """Runs a command; a refusal has to be one that the oracle foresaw."""
        with contextlib.nullcontext() if is_allowed else pytest.raises(Problem):
            self.run(self.database.run(SYSTEM, command, now=NOW))

    @initialize()
    def open_branch(self) -> None:
        count = self.run(self.database.pool.fetchval("select count(*) from branches"))
        branch_id = self.run(make_branch(self.database, f"{1000 + count}"))
        customer_id = self.run(make_customer(self.database, phone=None))
        self.till = replace(self.shop, branch_id=branch_id, customer_id=customer_id)
        self.bills: list[Sold] = []

    def one(self, place: int) -> Sold:
        return self.bills[-1 - place % len(self.bills)]

    # --- what is done

    @rule(method=methods, owed=st.sampled_from([0, 50_000, TOTAL]))
    def sell(self, method: PaymentMethod, owed: int) -> None:
        payments = [(method, TOTAL - owed), (ON_ACCOUNT, owed)]
        paid = [each for each in payments if each[1]]
        bill_id = self.run(self.till.check_out(*paid, customer_id=self.till.customer_id))
        self.bills.append(Sold(bill_id, "POSTED", TOTAL - owed, money=Counter({method: TOTAL - owed})))

    @rule()
    def begin(self) -> None:
        self.bills.append(Sold(self.run(self.till.create_bill(customer_id=self.till.customer_id)), "DRAFT"))

    @precondition(lambda self: self.bills)
    @rule(place=places, method=methods, amount=amounts)
    def pay(self, place: int, method: PaymentMethod, amount: int) -> None:
        bill = self.one(place)
        is_allowed = bill.due > 0 and (amount <= bill.due or method is CASH)
        tender = Tender(method, amount)
        self.act(
            lambda work: commands.add_payment(work, bill.id, tender, expected_version=bill.version),
            is_allowed=is_allowed,
        )
        if is_allowed:
            kept = min(amount, bill.due)
            bill.paid += kept
            bill.money[method] += kept
            bill.version += 1
            bill.status = "POSTED" if bill.due == 0 else bill.status

    @precondition(lambda self: self.bills)
    @rule(place=places)
    def post(self, place: int) -> None:
        bill = self.one(place)
        is_allowed = bill.status == "DRAFT"
        self.act(lambda work: commands.post_bill(work, bill.id, expected_version=bill.version), is_allowed=is_allowed)
        if is_allowed:
            bill.status, bill.version = "POSTED", bill.version + 1

    @precondition(lambda self: self.bills)
    @rule(place=places)
    def void(self, place: int) -> None:
        bill = self.one(place)
        is_allowed = bill.status != "VOID" and not bill.noted
        self.act(
            lambda work: commands.void_bill(work, bill.id, reason="x", expected_version=bill.version),
            is_allowed=is_allowed,
        )
        if is_allowed:
            bill.status, bill.paid, bill.written_off, bill.version = "VOID", 0, 0, bill.version + 1
            bill.money.clear()

    @precondition(lambda self: self.bills)
    @rule(place=places, method=methods, haircut=parts, serum=parts)
    def refund(self, place: int, method: PaymentMethod, haircut: int, serum: int) -> None:
        bill, now = self.one(place), (haircut, serum)
        rows = self.run(self.till.rows("bill_lines", bill.id))
        lines = [RefundedLine(row["id"], milli) for row, milli in zip(rows, now, strict=True) if milli]
        fits = all(was + more <= 1000 for was, more in zip(bill.back, now, strict=True))
        is_allowed = bill.status == "POSTED" and bool(lines) and fits
        new = NewRefund(bill_id=bill.id, reason="x", method=method, lines=lines)
        self.act(lambda work: commands.refund_bill(work, new), is_allowed=is_allowed)
        if is_allowed:
            total = bill.worth(now)
            credited = min(bill.due + bill.written_off, total)
            bill.written_off -= max(credited - bill.due, 0)
            bill.credited += credited
            bill.noted += total
            bill.money[method] -= total - credited
            bill.back = (bill.back[0] + haircut, bill.back[1] + serum)
            bill.version += 1

    @rule(method=methods, amount=amounts)
    def collect(self, method: PaymentMethod, amount: int) -> None:
        owing = sorted((each for each in self.bills if each.status == "POSTED" and each.due), key=lambda each: each.id)
        owed = sum(each.due for each in owing)
        is_allowed = owed > 0 and (amount <= owed or method is CASH)
        at = {"branch_id": self.till.branch_id, "customer_id": self.till.customer_id, "tender": Tender(method, amount)}
        self.act(lambda work: commands.collect_balance(work, **at), is_allowed=is_allowed)
        left = min(amount, owed) if is_allowed else 0
        for bill in owing if is_allowed else ():
            share = min(bill.due, left)
            if share:
                left -= share
                bill.paid += share
                bill.money[method] += share
                bill.version += 1

    @precondition(lambda self: self.bills)
    @rule(place=places)
    def write_off(self, place: int) -> None:
        bill = self.one(place)
        is_allowed = bill.status == "POSTED" and bill.due > 0
        self.act(
            lambda work: commands.write_off_balance(work, bill.id, reason="x", expected_version=bill.version),
            is_allowed=is_allowed,
        )
        if is_allowed:
            bill.written_off, bill.version = bill.due, bill.version + 1

    @precondition(lambda self: self.bills)
    @rule(place=places, which=places, method=methods)
    def correct(self, place: int, which: int, method: PaymentMethod) -> None:
        bill = self.one(place)
        rows = self.run(self.till.rows("payments", bill.id))
        if not rows:
            return
        payment = rows[which % len(rows)]
        gone = {row["reverses_id"] for row in rows}
        is_standing = payment["reverses_id"] is None and payment["id"] not in gone
        is_allowed = bill.status != "VOID" and is_standing and payment["method"] != method.name
        self.act(
            lambda work: commands.correct_payment(work, payment["id"], method=method, reference=None),
            is_allowed=is_allowed,
        )
        if is_allowed:
            bill.money[PaymentMethod[payment["method"]]] -= payment["amount_paise"]
            bill.money[method] += payment["amount_paise"]
            bill.version += 1

    # --- what must hold

    @invariant()
    def bills_are_the_oracles(self) -> None:
        rows = self.run(
            self.database.pool.fetch(
                "select id, status, paid_paise, credited_paise, written_off_paise, balance_due_paise, version from bills"
                " where branch_id = $1 and kind <> 'CREDIT_NOTE'",
                self.till.branch_id,
            )
        )
        assert {row["id"]: tuple(row)[1:] for row in rows} == {
            bill.id: (bill.status, bill.paid, bill.credited, bill.written_off, bill.due, bill.version)
            for bill in self.bills
        }

    @invariant()
    def accounts_are_the_oracles(self) -> None:
        rows = self.run(
            self.database.pool.fetch(
                "select code, sum(amount_paise)::bigint as paise from entry_lines join accounts on accounts.id = account_id"
                " where branch_id = $1 group by code",
                self.till.branch_id,
            )
        )
        found = Counter({row["code"]: row["paise"] for row in rows})
        posted = [bill for bill in self.bills if bill.status == "POSTED"]
        assert found["1100"] == sum(bill.due for bill in posted)
        assert found["2200"] == -sum(bill.paid for bill in self.bills if bill.status == "DRAFT")
        assert found["6400"] == sum(bill.written_off for bill in posted)
        for method, code in ACCOUNT.items():
            assert found[code] == sum(bill.money[method] for bill in self.bills), code
        assert sum(found[code] for code in SALES) == sum(bill.noted - TOTAL for bill in posted)

    def teardown(self) -> None:
        if not hasattr(self, "till"):
            return
        rows = self.run(
            self.database.pool.fetch(
                "select split_part(number, '/', 1) as series, array_agg(right(number, 5)::int order by number) as numbers"
                " from bills where branch_id = $1 and number is not null group by 1",
                self.till.branch_id,
            )
        )
        for row in rows:
            assert row["numbers"] == list(range(1, len(row["numbers"]) + 1)), row["series"]


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
            shop = runner.run(make_shop(database))
            machine = type("Run", (Till,), {"runner": runner, "database": database, "shop": shop})
            run_state_machine_as_test(machine, settings=options)
            assert runner.run(database.pool.fetchval(DIFFERENCES)) == "{}"
        finally:
            runner.run(database.close())


def test_bills_and_books_are_what_plain_python_says(database_url: str) -> None:
    run_machine(database_url, examples=EXAMPLES, steps=STEPS)


def test_the_machine_finds_out_when_the_newest_bill_is_paid_first(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    oldest_first = queries.owed_for_update

    async def newest_first(work: Work, **of: Any) -> list[tables.Bill]:
        return list(reversed(await oldest_first(work, **of)))

    monkeypatch.setattr(queries, "owed_for_update", newest_first)

    with pytest.raises((AssertionError, pytest.fail.Exception)):
        run_machine(database_url, examples=40, steps=20, shrinks=False)
