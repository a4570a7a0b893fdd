"""Stock against plain Python: whatever comes, is sold and comes back, levels, batches, value and books agree (G6).

The oracle keeps batches by hand; value has to be the sum of the moves' values, the control account's balance, nothing
for nothing, and never of the other sign than the quantity.
"""

import asyncio
import os
from collections.abc import Coroutine
from dataclasses import replace
from datetime import date, timedelta
from typing import Any, ClassVar, TypeVar
from uuid import UUID

import asyncpg
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from salonos.accounting import commands as accounting
from salonos.accounting.commands import NewEntry
from salonos.inventory import commands
from salonos.inventory.commands import Issue, RecipePart
from salonos.inventory.problems import ReturnedTooMuch, StockBelowZero, StockTooLow
from salonos.inventory.rules import StockAdjustmentReason
from salonos.kernel.database import Database, plain_url
from salonos.kernel.ids import new_id
from salonos.kernel.problems import Problem
from salonos.kernel.work import Work
from tests.bills.makers import NOW, SYSTEM, TODAY
from tests.inventory import control
from tests.inventory.consuming import MISMATCHED, Parlour, make_recipe
from tests.inventory.makers import Store, line, make_store
from tests.salon.makers import make_branch

EXAMPLES, STEPS = (500, 50) if "SALONOS_PROVE" in os.environ else (6, 15)
T = TypeVar("T")
SENT = "select quantity_milli from stock_transfer_lines where id = $1"
SERUM, COLOUR = 0, 1
RECIPE = {COLOUR: 1500, SERUM: 333}
"""What one of the service uses, in thousandths."""

items = st.sampled_from([SERUM, COLOUR])
quantities = st.integers(1, 9) | st.integers(1, 20_000)
costs = st.integers(0, 7) | st.integers(0, 100_000)
expiries = st.none() | st.integers(0, 40)


class Stock(RuleBasedStateMachine):
    """One store in a database that all examples share; each begins at a branch of its own."""

    runner: ClassVar[asyncio.Runner]
    database: ClassVar[Database]
    shared: ClassVar[list[Store]] = []

    def run(self, made: Coroutine[Any, Any, T]) -> T:
        """The answer of a command."""
        return self.runner.run(made)

    @initialize()
    def begin(self) -> None:
        self.store = self.run(make_store_again(self.database, self.shared))
        self.held: dict[int, dict[int | None, int]] = {SERUM: {}, COLOUR: {}}
        self.sold: list[tuple[UUID, int, int]] = []
        self.back: dict[UUID, int] = {}
        self.used: dict[tuple[UUID, int], int] = {}
        self.low = 0
        self.allows = False
        self.arrived = {SERUM: 0, COLOUR: 0}
        self.there = self.run(store_at(self.store, f"T{len(self.shared)}", self.database))

    def product(self, item: int) -> UUID:
        """Which product an item is."""
        return (self.store.serum_id, self.store.colour_id)[item]

    def quantity(self, item: int) -> int:
        """What the oracle has of it."""
        return sum(self.held[item].values())

    def note(self, item: int, expiry: int | None, quantity: int) -> None:
        """A batch gains or loses, and stock may become low."""
        self.held[item][expiry] = self.held[item].get(expiry, 0) + quantity

    @rule(item=items, quantity=quantities, cost=costs, expiry=expiries)
    def receive(self, item: int, quantity: int, cost: int, expiry: int | None) -> None:
        expires_on = None if expiry is None else TODAY + timedelta(days=expiry)
        self.run(self.store.receive(line(self.product(item), quantity, cost, expires_on=expires_on)))
        self.note(item, expiry, quantity)

    @rule(item=items, quantity=quantities)
    def sell(self, item: int, quantity: int) -> None:
        bill_id, product_id = new_id(), self.product(item)

        async def command(work: Work) -> None:
            cost = await commands.issue(
                work,
                branch_id=self.store.branch_id,
                cause_kind="bill",
                cause_id=bill_id,
                on=TODAY,
                goods=[Issue(product_id, quantity, 1)],
            )
            await self.post(work, bill_id, cost.lines)

        before = usable = self.quantity(item)
        try:
            self.run(self.database.run(SYSTEM, command, now=NOW))
        except StockTooLow as problem:
            refused = problem.available
        else:
            refused = None
        if refused is not None:
            assert not self.allows
            assert refused == max(usable, 0) < quantity
            return
        assert self.allows or quantity <= usable
        self.low += item == SERUM and before > 5000 >= before - quantity
        self.take(item, quantity)
        self.sold.append((bill_id, item, quantity))

    def take(self, item: int, quantity: int) -> None:
        """What expires first leaves first; what no batch has comes from the one without a date."""
        rest = quantity
        for expiry in sorted(self.held[item], key=lambda each: 1000 if each is None else each):
            taken = min(rest, max(self.held[item][expiry], 0))
            self.held[item][expiry] -= taken
            rest -= taken
        if rest:
            self.note(item, None, -rest)

    @rule(quantity=st.integers(1, 9000))
    def use(self, quantity: int) -> None:
        """A service takes both items by its recipe, or neither."""
        expected = {item: (quantity * RECIPE[item] + 500) // 1000 for item in (COLOUR, SERUM)}
        wanted = [(item, milli) for item, milli in expected.items() if milli]
        before = {item: self.quantity(item) for item in (COLOUR, SERUM)}
        short = next(((item, milli) for item, milli in wanted if milli > before[item]), None)
        try:
            cause_id, refused = self.run(Parlour(self.store).use(quantity)), None
        except StockTooLow as problem:
            cause_id, refused = None, (problem.product_id, problem.available)
        if cause_id is None:
            assert not self.allows
            assert short is not None
            assert refused == (self.product(short[0]), max(before[short[0]], 0))
            return
        assert self.allows or short is None
        for item, milli in wanted:
            self.take(item, milli)
            self.used[cause_id, item] = milli
            self.low += item == SERUM and before[item] > 5000 >= before[item] - milli

    @rule(which=st.integers(0, 50), actual=st.integers(0, 20_000))
    def record(self, which: int, actual: int) -> None:
        """What was really used, once or again."""
        if not self.used:
            return
        cause_id, item = sorted(self.used)[which % len(self.used)]
        more, before = actual - self.used[cause_id, item], self.quantity(item)
        try:
            self.run(self.enter(cause_id, item, actual))
        except StockTooLow as problem:
            refused = problem.available
        else:
            refused = None
        if refused is not None:
            assert not self.allows
            assert refused == max(before, 0) < more
            return
        self.used[cause_id, item] = actual
        if more >= 0:
            assert self.allows or more <= max(before, 0)
            self.low += item == SERUM and before > 5000 >= before - more
            self.take(item, more)
        else:
            self.held[item] = self.run(self.batches(item))
            assert self.quantity(item) == before - more

    async def enter(self, cause_id: UUID, item: int, actual: int) -> None:
        """Enters it with the version that is there."""
        parlour = Parlour(self.store)
        row = await parlour.used(cause_id, self.product(item))
        await parlour.record(row["id"], actual, row["version"])

    @rule(which=st.integers(0, 50), quantity=quantities)
    def bring_back(self, which: int, quantity: int) -> None:
        if not self.sold:
            return
        bill_id, item, sold = self.sold[which % len(self.sold)]
        returnable = sold - self.back.get(bill_id, 0)

        async def command(work: Work) -> None:
            lines = await commands.bring_back(
                work,
                sold_id=bill_id,
                position=1,
                quantity_milli=quantity,
                cause_kind="bill",
                cause_id=new_id(),
                on=TODAY,
            )
            await self.post(work, bill_id, lines)

        try:
            self.run(self.database.run(SYSTEM, command, now=NOW))
        except ReturnedTooMuch as problem:
            refused = problem.returnable
        else:
            refused = None
        if refused is not None:
            assert refused == returnable < quantity
            return
        assert quantity <= returnable
        self.back[bill_id] = self.back.get(bill_id, 0) + quantity
        self.held[item] = self.run(self.batches(item))

    @rule(item=items, quantity=quantities | quantities.map(lambda each: -each), expired_first=st.booleans())
    def adjust(self, item: int, quantity: int, *, expired_first: bool) -> None:
        down = control.REASON.EXPIRY if expired_first else control.REASON.WASTAGE
        reason = control.REASON.FOUND if quantity > 0 else down
        before, there = self.quantity(item), sum(milli for milli in self.held[item].values() if milli > 0)
        try:
            self.run(self.correct(item, quantity, reason))
        except StockTooLow as problem:
            refused = problem.available
        else:
            refused = None
        if refused is not None:
            assert refused == there < -quantity
            return
        if quantity > 0:
            self.note(item, None, quantity)
            return
        self.lose(item, -quantity)
        self.low += item == SERUM and before > 5000 >= before + quantity

    @rule(item=items, found=st.integers(0, 30_000), sold=st.integers(1, 500))
    def count(self, item: int, found: int, sold: int) -> None:
        """Something is sold between the look at the shelf and the posting, where there is so much."""
        variance, before = found - self.quantity(item), self.quantity(item)
        count_id = self.run(control.count(self.store, control.counted(self.product(item), found)))
        state = self.run(control.count_state(self.store, count_id))
        if state == "SUBMITTED":
            if found > sold and before > sold:
                self.sell(item, sold)
            before = self.quantity(item)
            self.run(control.post_count(self.store, count_id))
        if variance > 0:
            self.note(item, None, variance)
        elif variance < 0:
            self.lose(item, -variance)
            self.low += item == SERUM and before > 5000 >= before + variance

    @rule(item=items, quantity=quantities, part=st.integers(1, 20_000), ends=st.sampled_from(["way", "all", "back"]))
    def transfer(self, item: int, quantity: int, part: int, ends: str) -> None:
        """Something is sent; it stays on its way, arrives in two parts, or comes back."""
        product_id, before = self.product(item), self.quantity(item)
        try:
            sent = self.run(control.send(self.store, self.there.branch_id, (product_id, quantity)))
        except StockTooLow as problem:
            refused = problem.available
        else:
            refused = None
        if refused is not None:
            assert refused == max(before, 0) < quantity
            return
        self.lose(item, quantity)
        self.low += item == SERUM and before > 5000 >= before - quantity
        if ends == "back":
            self.run(control.take_back(self.store, sent))
            self.held[item] = self.run(self.batches(item))
            assert self.quantity(item) == before
        elif ends == "all":
            first, *_ = self.run(control.lines_of(self.store, sent))
            sent_first = self.run(self.database.pool.fetchval(SENT, first))
            self.run(control.arrive(self.store, sent, [(first, min(part, sent_first))]))
            if quantity > min(part, sent_first):
                self.run(control.arrive(self.store, sent))
            self.arrived[item] += quantity

    async def correct(self, item: int, quantity: int, reason: StockAdjustmentReason) -> None:
        """Asked for by one, and approved by another where it is worth something."""
        asked = await control.ask_for(self.store, self.product(item), quantity, reason)
        state = await self.database.pool.fetchval("select state from stock_adjustments where id = $1", asked)
        if state == "PENDING":
            await control.approve(self.store, asked)

    def lose(self, item: int, quantity: int) -> None:
        """What expires first is lost first: nothing of these has expired."""
        for expiry in sorted(self.held[item], key=lambda each: 1000 if each is None else each):
            taken = min(quantity, max(self.held[item][expiry], 0))
            self.held[item][expiry] -= taken
            quantity -= taken

    @rule(allows=st.booleans())
    def set_policy(self, *, allows: bool) -> None:
        try:
            self.run(self.store.allow_negative(allows=allows))
        except StockBelowZero:
            assert not allows
            assert any(quantity < 0 for held in self.held.values() for quantity in held.values())
            return
        self.allows = allows

    async def post(self, work: Work, cause_id: UUID, lines: Any) -> None:
        """The entry that a bill would post."""
        if lines:
            entry = NewEntry(self.store.branch_id, TODAY, "Goods", "bill", cause_id, lines)
            await accounting.post_entry(work, entry)

    async def batches(self, item: int) -> dict[int | None, int]:
        """What the database has in batches, by days until they expire."""
        rows = await self.database.pool.fetch(
            "select expires_on, quantity_milli from stock_batches where branch_id = $1 and product_id = $2",
            self.store.branch_id,
            self.product(item),
        )
        return {_days(row["expires_on"]): row["quantity_milli"] for row in rows}

    @invariant()
    def stock_is_the_oracles(self) -> None:
        if hasattr(self, "store"):
            self.run(self.compare())

    async def compare(self) -> None:
        for item in (SERUM, COLOUR):
            found = {expiry: milli for expiry, milli in (await self.batches(item)).items() if milli}
            assert found == {expiry: milli for expiry, milli in self.held[item].items() if milli}
            quantity, value = await self.store.level(self.product(item))
            assert quantity == self.quantity(item)
            assert value * quantity >= 0
            assert quantity or not value
            sold = {bill_id: milli for bill_id, of, milli in self.sold if of == item}
            out = sum(sold.values()) - sum(self.back.get(bill_id, 0) for bill_id in sold)
            assert out == await self.moved(item)
            assert (await self.there.level(self.product(item)))[0] == self.arrived[item]
        assert await self.store.drift(self.store.branch_id) == 0
        assert await self.store.drift(self.there.branch_id) == 0
        assert await self.database.pool.fetchval(MISMATCHED) == 0
        told = await self.database.pool.fetchval(
            "select count(*) from outbox_events where kind = 'StockLow' and branch_id = $1", self.store.branch_id
        )
        assert told == self.low

    async def moved(self, item: int) -> int:
        """What customers took and did not bring back."""
        found: int = await self.database.pool.fetchval(
            "select -coalesce(sum(quantity_milli), 0)::bigint from stock_moves "
            "where branch_id = $1 and product_id = $2 and kind in ('SALE', 'CUSTOMER_RETURN')",
            self.store.branch_id,
            self.product(item),
        )
        return found


async def store_at(store: Store, code: str, database: Database) -> Store:
    """The same store at a further branch."""
    return replace(store, shop=replace(store.shop, branch_id=await make_branch(database, code)))


def _days(expires_on: date | None) -> int | None:
    return None if expires_on is None else (expires_on - TODAY).days


async def make_store_again(database: Database, shared: list[Store]) -> Store:
    """The store of all examples, at a branch of this one's own."""
    if not shared:
        shared.append(await make_store(database))
        await use_both(shared[0])
        return shared[0]
    first = shared[0]
    branch_id = await make_branch(database, f"B{len(shared)}")
    shared.append(replace(first, shop=replace(first.shop, branch_id=branch_id)))
    return shared[-1]


async def use_both(store: Store) -> None:
    """A recipe with both items."""
    parts = [RecipePart((store.serum_id, store.colour_id)[item], milli) for item, milli in RECIPE.items()]
    await make_recipe(store.database, store.shop.catalog.service_id, *parts)


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
            machine = type("Run", (Stock,), {"runner": runner, "database": database, "shared": []})
            run_state_machine_as_test(machine, settings=options)
        finally:
            runner.run(database.close())


def test_stock_is_what_plain_python_says(database_url: str) -> None:
    run_machine(database_url, examples=EXAMPLES, steps=STEPS)


SWITCHES = {
    "levels do not move": "alter table stock_moves disable trigger stock_moves_levels",
    "stock is locked by nobody and bounded by nothing": "update stock_policies set allows_negative = true; "
    "alter table stock_levels alter allows_negative set default true; "
    "create function let_go() returns trigger language plpgsql as $$ begin new.allows_negative := true; return new; end $$; "
    "create trigger let_go before insert or update on stock_levels for each row execute function let_go(); "
    "create trigger z_let_go before insert or update on stock_batches for each row execute function let_go()",
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
