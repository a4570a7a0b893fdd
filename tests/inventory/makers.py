"""Stock in the states that tests need, made by the real commands; and what must hold of all of it."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from salonos.inventory import commands
from salonos.inventory.commands import NewItem, NewReceipt, ReceivedLine
from salonos.inventory.rules import StockUnit
from salonos.kernel.actor import Actor
from salonos.kernel.database import Database
from tests.bills.makers import NOW, SYSTEM, Shop, make_shop
from tests.catalog.makers import make_product

DRIFT = """
    select
        (select count(*) from stock_levels as level full join (
            select branch_id, product_id, sum(quantity_milli) as quantity, sum(value_paise) as value
            from stock_moves group by 1, 2) as moved using (branch_id, product_id)
         where ($1::uuid is null or branch_id = $1)
           and (level.quantity_milli is distinct from coalesce(moved.quantity, 0)
                or level.value_paise is distinct from coalesce(moved.value, 0)))
      + (select count(*) from stock_batches as batch full join (
            select batch_id as id, sum(quantity_milli) as quantity from stock_moves group by 1) as moved using (id)
         where ($1::uuid is null or batch.branch_id = $1)
           and batch.quantity_milli is distinct from coalesce(moved.quantity, 0))
      + (select count(*) from (
            select branch_id, case use when 'RETAIL' then '1200' else '1210' end as code, sum(value_paise) as paise
            from stock_levels join stock_items on stock_items.id = product_id group by 1, 2) as stock
         full join (
            select branch_id, code, sum(amount_paise) as paise from daily_balances
            join accounts on accounts.id = account_id where code in ('1200', '1210') group by 1, 2) as books
         using (branch_id, code)
         where ($1::uuid is null or branch_id = $1) and coalesce(stock.paise, 0) <> coalesce(books.paise, 0))
      + (select count(*) from (
            select from_branch_id as branch_id, sum(in_transit_paise) as paise from stock_transfer_lines group by 1) as way
         full join (
            select branch_id, sum(amount_paise) as paise from daily_balances
            join accounts on accounts.id = account_id where code = '1220' group by 1) as books using (branch_id)
         where ($1::uuid is null or branch_id = $1) and coalesce(way.paise, 0) <> coalesce(books.paise, 0))
      + (select count(*) from stock_transfers as transfer join stock_transfer_lines as line on line.transfer_id = transfer.id
         where ($1::uuid is null or transfer.from_branch_id = $1)
           and (line.received_milli <> (
                    select coalesce(sum(quantity_milli), 0) from stock_moves where cause_id = transfer.id
                    and position = line.position and branch_id = transfer.to_branch_id)
                or (line.in_transit_milli > 0 and not transfer.is_in_transit)))
      + (select count(*) from (
            select branch_id, sum((cgst_paise + sgst_paise + igst_paise) * case when credit_kind = 'REVERSED'
                or document_kind = 'DEBIT_NOTE' then -1 else 1 end) as paise
            from tax_register where credit_kind <> 'BLOCKED' group by 1) as register
         full join (
            select branch_id, sum(amount_paise) as paise from daily_balances
            join accounts on accounts.id = account_id where code in ('1300', '1301', '1302') group by 1) as books
            using (branch_id)
         where ($1::uuid is null or branch_id = $1) and coalesce(register.paise, 0) <> coalesce(books.paise, 0))
"""
"""Levels and batches that are not the sum of their moves, and branches whose stock, goods in transit or input credit in the tax register differ from their control account; of one branch, or of all where it is null."""


@dataclass(frozen=True)
class Store:
    """A shop whose serum (retail, 18 % within) and colour (professional, in ml) are stocked."""

    shop: Shop
    serum_id: UUID
    colour_id: UUID

    @property
    def database(self) -> Database:
        """Where it is kept."""
        return self.shop.database

    @property
    def branch_id(self) -> UUID:
        """The shop's branch."""
        return self.shop.branch_id

    async def receive(
        self, *lines: ReceivedLine, actor: Actor = SYSTEM, now: datetime = NOW, **more: Any
    ) -> list[UUID]:
        """Takes goods in."""
        receipt = NewReceipt(**{"branch_id": self.branch_id, "lines": lines, **more})
        received = await self.database.run(actor, lambda work: commands.receive_stock(work, receipt), now=now)
        return list(received.move_ids)

    async def allow_negative(self, *, allows: bool = True) -> None:
        """Lets the branch issue what it does not have, or forbids it."""
        await self.database.run(
            SYSTEM, lambda work: commands.set_stock_policy(work, self.branch_id, allows_negative=allows)
        )

    async def level(self, product_id: UUID) -> tuple[int, int]:
        """Quantity and value of an item."""
        row = await self.database.pool.fetchrow(
            "select quantity_milli, value_paise from stock_levels where branch_id = $1 and product_id = $2",
            self.branch_id,
            product_id,
        )
        return row["quantity_milli"], row["value_paise"]

    async def batches(self, product_id: UUID) -> list[tuple[str | None, int]]:
        """What is left in an item's batches, by expiry."""
        rows = await self.database.pool.fetch(
            "select code, quantity_milli from stock_batches where product_id = $1 and quantity_milli <> 0 "
            "order by expires_key, id",
            product_id,
        )
        return [(row["code"], row["quantity_milli"]) for row in rows]

    async def moves(self, product_id: UUID) -> list[tuple[str, int, int]]:
        """An item's moves: kind, quantity and value."""
        rows = await self.database.pool.fetch(
            "select kind, quantity_milli, value_paise from stock_moves where product_id = $1 order by id", product_id
        )
        return [(row["kind"], row["quantity_milli"], row["value_paise"]) for row in rows]

    async def credit_reversed(self, cause_id: UUID) -> list[tuple[Any, ...]]:
        """What the tax register says of input credit given back: code, quantity, rate, value, CGST and SGST."""
        rows = await self.database.pool.fetch(
            "select code, quantity_milli, rate_hundredths, taxable_paise, cgst_paise, sgst_paise from tax_register "
            "where credit_kind = 'REVERSED' and document_id = $1 and gstin = (select gstin from branches where id = $2) "
            "order by entry_id, position",
            cause_id,
            self.branch_id,
        )
        return [tuple(row) for row in rows]

    async def drift(self, branch_id: UUID | None = None) -> int:
        """See DRIFT."""
        found: int = await self.database.pool.fetchval(DRIFT, branch_id)
        return found


def line(product_id: UUID, quantity_milli: int, unit_cost_paise: int, **more: Any) -> ReceivedLine:
    """Goods that come in."""
    return ReceivedLine(product_id=product_id, quantity_milli=quantity_milli, unit_cost_paise=unit_cost_paise, **more)


async def make_store(database: Database, *, reorder_point_milli: int | None = 5000, **branch: Any) -> Store:
    """The shop with its two items, nothing on the shelves."""
    shop = await make_shop(database, **branch)
    colour_id = await make_product(
        database,
        shop.catalog.goods_class_id,
        "COL-60",
        name="Colour 6.0",
        price_paise=0,
        is_retail=False,
        unit_cost_paise=None,
    )
    serum_id = shop.catalog.product_id
    await stock(database, serum_id, NewItem(StockUnit.PIECE, reorder_point_milli=reorder_point_milli))
    await stock(database, colour_id, NewItem(StockUnit.ML, units={StockUnit.BOTTLE: 500_000}))
    return Store(shop, serum_id, colour_id)


async def stock(database: Database, product_id: UUID, item: NewItem) -> UUID:
    """Begins to keep a product in stock."""
    return await database.run(SYSTEM, lambda work: commands.stock_product(work, product_id, item))


def on(text: str) -> date:
    """A date of a batch."""
    return date.fromisoformat(text)
