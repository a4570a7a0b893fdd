"""Whatever the till does, the books tell the same as the bills, after every step (G4)."""

import os
import random  # noqa: TID251  a walk that can be repeated
from uuid import UUID

import pytest

from salonos.bills import commands
from salonos.bills.commands import BillContents, NewRefund, RefundedLine
from salonos.bills.rules import Discount, Tender
from salonos.kernel.database import Database
from salonos.kernel.problems import Problem
from tests.bills.makers import CARD, CASH, NOW, ON_ACCOUNT, SYSTEM, UPI, Shop, make_shop

STEPS, SEEDS = (500, 20) if "SALONOS_PROVE" in os.environ else (60, 2)
DIFFERENCES = """
    with balances as (
        select code, sum(amount_paise) as paise from accounts join entry_lines on account_id = accounts.id group by code
    ), signed as (select *, case kind when 'CREDIT_NOTE' then -1 else 1 end as sign from bills
    ), kept as (
        select method, sum(case direction when 'IN' then amount_paise else -amount_paise end) as paise
        from payments group by method
    )
    select jsonb_strip_nulls(jsonb_build_object(
        'books do not balance', (select nullif(sum(paise), 0) from balances),
        'customers owe', (select nullif(coalesce(sum(balance_due_paise) filter (where status = 'POSTED'), 0)
            - coalesce((select paise from balances where code = '1100'), 0), 0) from bills),
        'bad debts', (select nullif(coalesce(sum(written_off_paise), 0)
            - coalesce((select paise from balances where code = '6400'), 0), 0) from bills),
        'advances', (select nullif(coalesce(sum(paid_paise) filter (where status = 'DRAFT'), 0)
            + coalesce((select paise from balances where code = '2200'), 0), 0) from bills),
        'income', (select nullif(coalesce(sum(sign * taxable_paise) filter (where status = 'POSTED'), 0)
            + coalesce((select sum(paise) from balances where code in ('4000', '4010')), 0), 0) from signed),
        'tax', (select nullif(coalesce(sum(sign * (cgst_paise + sgst_paise + igst_paise)) filter (where status = 'POSTED'), 0)
            + coalesce((select sum(paise) from balances where code in ('2100', '2101', '2102')), 0), 0) from signed),
        'tax register', (select nullif(coalesce(sum((cgst_paise + sgst_paise + igst_paise)
                * case document_kind when 'CREDIT_NOTE' then -1 else 1 end), 0)
            + coalesce((select sum(paise) from balances where code in ('2100', '2101', '2102')), 0), 0)
            from tax_register where supply = 'OUTWARD'),
        'cash', (select nullif(coalesce((select paise from kept where method = 'CASH'), 0)
            - coalesce((select paise from balances where code = '1000'), 0), 0)),
        'between branches', (select nullif(paise, 0) from balances where code = '1290'),
        'money moves', (select nullif((select coalesce(sum(paise), 0) from kept)
            - (select coalesce(sum(case direction when 'IN' then amount_paise else -amount_paise end), 0)
               from money_moves), 0)),
        'numbers', (select nullif((select count(*) from drawn_numbers) - count(number), 0) from bills)
    ))::text
"""
"""Every sub-ledger against its control account, by name; `{}` when all are equal."""


class Till:
    """Random but repeatable actions on one shop."""

    def __init__(self, shop: Shop, seed: int) -> None:
        self.shop = shop
        self.chance = random.Random(seed)
        self.bills: list[UUID] = []

    async def step(self) -> None:
        """One action; what the till refuses is refused."""
        actions = [
            self.sell,
            self.owe,
            self.begin,
            self.change,
            self.pay,
            self.pay,
            self.post,
            self.refund,
            self.refund,
            self.void,
            self.write_off,
            self.correct,
        ]
        action = self.chance.choice(actions)
        try:
            await action()
        except Problem:
            return

    async def sell(self) -> None:
        """At the counter, with a discount that leaves a fraction of a rupee."""
        off = Discount(share_hundredths=self.chance.randrange(0, 3000))
        self.bills.append(await self.shop.check_out((CASH, 200_000), discount=off, discount_reason="x"))

    async def owe(self) -> None:
        """At the counter, on account."""
        payments = ((UPI, 8_700), (ON_ACCOUNT, 170_000))
        self.bills.append(await self.shop.check_out(*payments, customer_id=self.shop.customer_id))

    async def begin(self) -> None:
        """A draft."""
        self.bills.append(await self.shop.create_bill(customer_id=self.chance.choice([None, self.shop.customer_id])))

    async def change(self) -> None:
        """A draft's lines."""
        lines = tuple(self.chance.choices([self.shop.haircut, self.shop.serum], k=self.chance.randrange(1, 4)))
        contents = BillContents(lines=lines, customer_id=self.shop.customer_id)
        bill_id, version = await self.any_bill()
        await self.shop.database.run(
            SYSTEM, lambda work: commands.update_bill(work, bill_id, contents, expected_version=version), now=NOW
        )

    async def pay(self) -> None:
        """Something towards some bill."""
        tender = Tender(self.chance.choice([CASH, CARD, UPI]), self.chance.choice([5_000, 78_800, 178_700]))
        bill_id, version = await self.any_bill()
        await self.shop.database.run(
            SYSTEM, lambda work: commands.add_payment(work, bill_id, tender, expected_version=version), now=NOW
        )

    async def post(self) -> None:
        """Some draft."""
        bill_id, version = await self.any_bill()
        await self.shop.database.run(
            SYSTEM, lambda work: commands.post_bill(work, bill_id, expected_version=version), now=NOW
        )

    async def refund(self) -> None:
        """Some of some bill, or all that is left of it."""
        bill_id, _ = await self.any_bill()
        lines = await self.shop.rows("bill_lines", bill_id)
        some = [RefundedLine(line["id"], self.chance.choice([1, 333, 500, 1000])) for line in lines[:2]]
        new = NewRefund(
            bill_id=bill_id,
            reason="x",
            method=self.chance.choice([CASH, UPI]),
            lines=self.chance.choice([None, some, some[:1]]),
        )
        await self.shop.database.run(SYSTEM, lambda work: commands.refund_bill(work, new), now=NOW)

    async def void(self) -> None:
        """Some bill."""
        bill_id, version = await self.any_bill()
        by = self.chance.choice([None, UPI])
        await self.shop.database.run(
            SYSTEM,
            lambda work: commands.void_bill(work, bill_id, reason="x", expected_version=version, pay_back_by=by),
            now=NOW,
        )

    async def write_off(self) -> None:
        """What is owed on the last bill on which something is."""
        owed = (
            "select id, version from bills where status = 'POSTED' and balance_due_paise > 0 order by id desc limit 1"
        )
        found = await self.shop.database.pool.fetchrow(owed)
        if found is None:
            return
        bill_id, version = found
        await self.shop.database.run(
            SYSTEM,
            lambda work: commands.write_off_balance(work, bill_id, reason="x", expected_version=version),
            now=NOW,
        )

    async def correct(self) -> None:
        """Some payment of some bill."""
        bill_id, _ = await self.any_bill()
        payments = await self.shop.rows("payments", bill_id)
        if not payments:
            return
        payment_id, method = self.chance.choice(payments)["id"], self.chance.choice([CASH, CARD, UPI])
        await self.shop.database.run(
            SYSTEM,
            lambda work: commands.correct_payment(work, payment_id, method=method, reference="1"),
            now=NOW,
        )

    async def any_bill(self) -> tuple[UUID, int]:
        """One of the last bills, with its version."""
        if not self.bills:
            await self.begin()
        bill_id = self.chance.choice(self.bills[-4:])
        return bill_id, await self.shop.database.pool.fetchval("select version from bills where id = $1", bill_id)


@pytest.mark.parametrize("seed", range(SEEDS))
async def test_books_and_bills_agree_after_every_step(database: Database, seed: int) -> None:
    till = Till(await make_shop(database), seed)

    for step in range(STEPS):
        await till.step()
        assert await database.pool.fetchval(DIFFERENCES) == "{}", step

    assert await database.pool.fetchval("select exists (select from bills where write_off_entry_id is not null)")
    assert await database.pool.fetchval("select exists (select from payments where replaces_id is not null)")
    kinds = await database.pool.fetch("select kind = 'CREDIT_NOTE', status, payment_state from bills group by 1, 2, 3")
    assert {
        (False, "POSTED", "PAID"),
        (True, "POSTED", "PAID"),
        (False, "VOID", "UNPAID"),
    } <= {tuple(row) for row in kinds}
