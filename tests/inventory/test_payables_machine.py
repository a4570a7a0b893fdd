"""What suppliers are owed against plain Python: whatever comes, is billed, goes back and is paid, the ledger is the books.

The oracle keeps its own sums, in fractions, and knows nothing of tables or commands.
"""

import asyncio
import os
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from salonos.inventory.commands import BillLine, ReturnedLine
from salonos.inventory.problems import BilledTooMuch, SentBackTooMuch, SupplierOverpaid, SupplierRefundedTooMuch
from salonos.kernel.database import Database, plain_url
from salonos.kernel.problems import Problem
from tests.inventory.makers import line
from tests.inventory.purchasing import PAYABLES_DRIFT, Buyer, make_buyer
from tests.salon.makers import make_branch

PROVES = os.environ.get("SALONOS_PROVE") == "1"
EXAMPLES, STEPS = (200, 40) if PROVES else (5, 15)


QUANTITIES = st.sampled_from([333, 1000, 2000, 4500]) | st.integers(1, 9000)


def rounded(amount: Fraction) -> int:
    """Half up."""
    return int((amount * 2 + 1) // 2)


@dataclass
class Billed:
    """A bill of one line as the oracle has it."""

    quantity: int
    taxable: int
    half_tax: int
    igst: int
    total: int
    due: int
    back: int = 0
    noted: int = 0

    def parts(self, quantity: int) -> int:
        """What a quantity that goes back takes off it, before rounding."""
        amounts = (self.taxable, self.half_tax, self.half_tax, self.igst)
        upto, before = Fraction(self.back + quantity, self.quantity), Fraction(self.back, self.quantity)
        return sum(rounded(each * upto) - rounded(each * before) for each in amounts)


@dataclass
class Goods:
    """A receipt's line as the oracle has it."""

    id: UUID
    supplier: int
    quantity: int
    unbilled: int
    bills: list[Billed] = field(default_factory=list)


class Payables(RuleBasedStateMachine):
    """Two suppliers, at a branch of this example's own."""

    runner: asyncio.Runner
    database: Database
    shared: list[Buyer]

    def __init__(self) -> None:
        super().__init__()
        self.goods: list[Goods] = []
        self.bills: tuple[list[Billed], list[Billed]] = ([], [])
        self.credits: list[int] = [0, 0]

    def run(self, coroutine: Any) -> Any:
        """Waits for it."""
        return self.runner.run(coroutine)

    def try_(self, coroutine: Any) -> Problem | None:
        """The expected failure, if there was one."""
        try:
            self.run(coroutine)
        except Problem as problem:
            return problem
        return None

    @initialize()
    def begin(self) -> None:
        self.buyer = self.run(make_buyer_again(self.database, self.shared))
        self.suppliers = (self.buyer.local_id, self.buyer.distant_id)
        for supplier in (0, 1):  # most examples do without some rules: goods and bills are there all the same
            self.receive(supplier=supplier, quantity=4000, cost=100_00, sold=True)
            self.bill(which=supplier, quantity=4000, price=100_00, off=0)

    def owed(self, supplier: int) -> int:
        """What is owed to a supplier."""
        return sum(bill.due for bill in self.bills[supplier]) - self.credits[supplier]

    @rule(supplier=st.integers(0, 1), quantity=QUANTITIES, cost=st.integers(0, 99_999), sold=st.booleans())
    def receive(self, *, supplier: int, quantity: int, cost: int, sold: bool) -> None:
        product = self.buyer.store.serum_id if sold else self.buyer.store.colour_id
        (line_id,) = self.run(
            self.buyer.came(
                line(product, quantity, cost),
                supplier_id=self.suppliers[supplier],
                branch_id=self.buyer.store.branch_id,
            )
        )
        self.goods.append(Goods(line_id, supplier, quantity, quantity))

    @rule(
        which=st.integers(0, 30),
        quantity=QUANTITIES | st.none(),
        price=st.integers(100, 99_999),
        off=st.integers(0, 50),
    )
    def bill(self, *, which: int, quantity: int | None, price: int, off: int) -> None:
        if not self.goods:
            return
        goods = self.goods[which % len(self.goods)]
        quantity = quantity or goods.unbilled or 1000
        amount = rounded(Fraction(quantity * price, 1000))
        off = min(off, amount)
        taxable = amount - off
        half = rounded(Fraction(taxable * 9, 100)) if goods.supplier == 0 else 0
        igst = rounded(Fraction(taxable * 18, 100)) if goods.supplier == 1 else 0
        total = rounded(Fraction(taxable + 2 * half + igst, 100)) * 100
        if not total:
            return
        problem = self.try_(
            self.buyer.bill(
                BillLine(goods.id, quantity, price),
                supplier_id=self.suppliers[goods.supplier],
                number=f"{self.buyer.store.branch_id.hex}-{sum(map(len, self.bills))}",
                discount_paise=off,
                total=total,
            )
        )
        if problem is not None:
            assert isinstance(problem, BilledTooMuch)
            assert problem.unbilled == goods.unbilled < quantity
            return
        assert quantity <= goods.unbilled
        goods.unbilled -= quantity
        used = min(self.credits[goods.supplier], total)
        self.credits[goods.supplier] -= used
        made = Billed(quantity, taxable, half, igst, total, total - used)
        goods.bills.append(made)
        self.bills[goods.supplier].append(made)

    @rule(which=st.integers(0, 30), quantity=QUANTITIES | st.none())
    def give_back(self, *, which: int, quantity: int | None) -> None:
        if not self.goods:
            return
        goods = self.goods[which % len(self.goods)]
        quantity = quantity or goods.quantity
        problem = self.try_(
            self.buyer.give_back(ReturnedLine(goods.id, quantity), supplier_id=self.suppliers[goods.supplier])
        )
        returnable = goods.unbilled + sum(bill.quantity - bill.back for bill in goods.bills)
        if problem is not None:
            assert isinstance(problem, SentBackTooMuch)
            assert problem.returnable == returnable < quantity
            return
        assert quantity <= returnable
        rest = quantity - min(quantity, goods.unbilled)
        goods.unbilled -= quantity - rest
        left = 0
        taken: list[tuple[Billed, int]] = []
        for bill in reversed(goods.bills):
            part = min(rest, bill.quantity - bill.back)
            rest -= part
            if part:
                taken.append((bill, part))
        for bill, part in taken:
            whole = bill.total - bill.noted
            note = whole if bill.back + part == bill.quantity else min(bill.parts(part), whole)
            bill.back += part
            bill.noted += note
            own = min(note, bill.due)
            bill.due -= own
            left += note - own
        self.credits[goods.supplier] += self.settle(goods.supplier, left)

    def settle(self, supplier: int, amount: int) -> int:
        """Lowers the oldest debts. Returns what is left."""
        for bill in self.bills[supplier]:
            part = min(amount, bill.due)
            bill.due -= part
            amount -= part
        return amount

    @rule(supplier=st.integers(0, 1), amount=st.integers(1, 500_000))
    def pay(self, *, supplier: int, amount: int) -> None:
        problem = self.try_(self.buyer.pay(amount, supplier_id=self.suppliers[supplier]))
        owed = sum(bill.due for bill in self.bills[supplier])
        if problem is not None:
            assert isinstance(problem, SupplierOverpaid)
            assert amount > owed
            return
        assert amount <= owed
        assert self.settle(supplier, amount) == 0

    @rule(supplier=st.integers(0, 1))
    def pay_all(self, *, supplier: int) -> None:
        if owed := sum(bill.due for bill in self.bills[supplier]):
            self.pay(supplier=supplier, amount=owed)

    @rule(which=st.integers(0, 30), percent=st.sampled_from([1, 50, 100, 101]))
    def pay_back(self, *, which: int, percent: int) -> None:
        rows = self.run(
            self.database.pool.fetch(
                "select id, supplier_id, credit_left_paise from supplier_returns "
                "where branch_id = $1 and credit_left_paise > 0 order by id",
                self.buyer.store.branch_id,
            )
        )
        if not rows:
            return
        row = rows[which % len(rows)]
        amount = -(-row["credit_left_paise"] * percent // 100)
        supplier = self.suppliers.index(row["supplier_id"])
        problem = self.try_(self.buyer.refund(row["id"], amount))
        if problem is not None:
            assert isinstance(problem, SupplierRefundedTooMuch)
            assert amount > row["credit_left_paise"]
            return
        self.credits[supplier] -= amount
        assert self.credits[supplier] >= 0

    @invariant()
    def the_ledger_is_the_oracle_s_and_the_books(self) -> None:
        if hasattr(self, "buyer"):
            self.run(self.compare())

    async def compare(self) -> None:
        for supplier in (0, 1):
            assert await self.buyer.owed(self.suppliers[supplier]) == self.owed(supplier)
            dues = await self.database.pool.fetch(
                "select balance_due_paise from supplier_bills where supplier_id = $1 and branch_id = $2 order by id",
                self.suppliers[supplier],
                self.buyer.store.branch_id,
            )
            assert [row[0] for row in dues] == [bill.due for bill in self.bills[supplier]]
        books = await self.database.pool.fetchval(
            "select coalesce(sum(amount_paise), 0)::bigint from daily_balances join accounts on accounts.id = account_id "
            "where code = '2000' and branch_id = $1",
            self.buyer.store.branch_id,
        )
        assert books == -self.owed(0) - self.owed(1)
        assert await self.database.pool.fetchval(PAYABLES_DRIFT, self.buyer.store.branch_id) == 0
        assert await self.buyer.store.drift(self.buyer.store.branch_id) == 0


async def make_buyer_again(database: Database, shared: list[Buyer]) -> Buyer:
    """The buyer of all examples, at a branch and with suppliers of this one's own bills."""
    if not shared:
        shared.append(await make_buyer(database))
        return shared[0]
    first = shared[0]
    branch_id = await make_branch(database, f"B{len(shared)}")
    shop = replace(first.store.shop, branch_id=branch_id)
    shared.append(replace(first, store=replace(first.store, shop=shop)))
    return shared[-1]


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
            machine = type("Run", (Payables,), {"runner": runner, "database": database, "shared": []})
            run_state_machine_as_test(machine, settings=options)
        finally:
            runner.run(database.close())


def test_the_ledger_is_what_plain_python_says(database_url: str) -> None:
    run_machine(database_url, examples=EXAMPLES, steps=STEPS)


SWITCHES = {
    "documents write no ledger": "alter table supplier_bills disable trigger supplier_bills_ledger; "
    "alter table supplier_accounts disable trigger supplier_accounts_control",
    "settlements settle nothing": "alter table supplier_settlements disable trigger supplier_settlements_count",
    "billing counts nothing": "alter table supplier_bill_lines disable trigger supplier_bill_lines_count",
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
