"""A shop with everything that a bill needs, made by the real commands; and what tests ask of bills."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from salonos.accounting.rules import PaymentMethod
from salonos.bills import commands
from salonos.bills.commands import NewBill, NewLine, NewSale
from salonos.bills.rules import Tender
from salonos.catalog import commands as catalog
from salonos.catalog.rules import DatedRate
from salonos.customers import commands as customers
from salonos.customers.commands import NewCustomer
from salonos.kernel.actor import Actor, access, reach_of
from salonos.kernel.database import Database
from salonos.kernel.ids import new_id
from salonos.kernel.permissions import ROLES
from tests.catalog.makers import Catalog, make_catalog
from tests.salon.makers import make_branch

SYSTEM = Actor.system()
NOW = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)
TODAY = date(2026, 11, 23)
ADDRESS = "4/2, MG Road\nMysuru 570001"
CASH, UPI, CARD, ON_ACCOUNT = PaymentMethod.CASH, PaymentMethod.UPI, PaymentMethod.CARD, PaymentMethod.ON_ACCOUNT


@dataclass(frozen=True)
class Shop:
    """A branch, the two items of the plan's example, a customer, and two members of staff."""

    database: Database
    branch_id: UUID
    catalog: Catalog
    customer_id: UUID
    staff_ids: tuple[UUID, UUID]

    @property
    def haircut(self) -> NewLine:
        """750.00, 5 % on top."""
        return NewLine(service_id=self.catalog.service_id, staff_id=self.staff_ids[0])

    @property
    def serum(self) -> NewLine:
        """999.00, 18 % within."""
        return NewLine(product_id=self.catalog.product_id)

    def sale(self, *payments: tuple[PaymentMethod, int], **more: Any) -> NewSale:
        """The plan's example: both items, 1787.00."""
        tenders = tuple(Tender(method, amount) for method, amount in payments)
        given = {"branch_id": self.branch_id, "lines": (self.haircut, self.serum), "payments": tenders}
        return NewSale(**{**given, **more})

    def draft(self, **more: Any) -> NewBill:
        """The same, to be begun as a draft."""
        return NewBill(**{"branch_id": self.branch_id, "lines": (self.haircut, self.serum), **more})

    async def check_out(
        self, *payments: tuple[PaymentMethod, int], actor: Actor = SYSTEM, now: datetime = NOW, **more: Any
    ) -> UUID:
        """Sells."""
        sale = self.sale(*payments, **more)
        return await self.database.run(actor, lambda work: commands.check_out(work, sale), now=now)

    async def create_bill(self, *, actor: Actor = SYSTEM, now: datetime = NOW, **more: Any) -> UUID:
        """Begins a draft."""
        new = self.draft(**more)
        return await self.database.run(actor, lambda work: commands.create_bill(work, new), now=now)

    async def change_rate(self, rate_hundredths: int, *, since: date) -> None:
        """Gives the haircut's tax class another rate from a date on."""
        rate = DatedRate(valid_from=since, rate_hundredths=rate_hundredths, allows_input_credit=True)
        class_id = self.catalog.service_class_id
        await self.database.run(SYSTEM, lambda work: catalog.add_tax_rate(work, class_id, rate), now=NOW)

    async def row(self, table: str, bill_id: UUID) -> dict[str, Any]:
        """A bill's only row of a table."""
        (found,) = await self.rows(table, bill_id)
        return found

    async def rows(self, table: str, bill_id: UUID) -> list[dict[str, Any]]:
        """A bill's rows of a table, in order."""
        key, order = ("id", "id") if table == "bills" else ("bill_id", "position" if table == "bill_lines" else "1")
        found = await self.database.pool.fetch(f"select * from {table} where {key} = $1 order by {order}", bill_id)
        return [dict(row) for row in found]

    async def entry(self, bill_id: UUID) -> list[tuple[str, int]]:
        """The lines of a posted bill's entry: account and signed paise."""
        found = await self.database.pool.fetch(
            "select code, amount_paise from bills join entry_lines on entry_lines.entry_id = bills.entry_id "
            "join accounts on accounts.id = account_id where bills.id = $1 order by position",
            bill_id,
        )
        return [(row["code"], row["amount_paise"]) for row in found]


async def make_shop(database: Database, code: str = "BLR1", **branch: Any) -> Shop:
    """A registered branch in Karnataka with items, people and a customer."""
    branch_id = await make_branch(database, code, **branch)
    items = await make_catalog(database)
    customer_id = await database.run(
        SYSTEM,
        lambda work: customers.create_customer(
            work, NewCustomer(name="Asha Rao", phone="+919876543210", address=ADDRESS)
        ),
    )
    return Shop(database, branch_id, items, customer_id, (await make_staff(database), await make_staff(database)))


async def make_staff(database: Database, name: str = "Meena") -> UUID:
    """A stylist of all branches who does not sign in."""
    staff_id = new_id()
    await database.pool.execute(
        "insert into staff (id, display_name, display_name_key, role_id, all_branches, is_service_provider, created_at) "
        "select $1, $2, lower($2), id, true, true, now() from roles where name = 'STAFF'",
        staff_id,
        name,
    )
    return staff_id


def actor_as(role: str, *branch_ids: UUID, staff_id: UUID | None = None) -> Actor:
    """Somebody of a built-in role at some branches."""
    rights = ROLES[role]
    return Actor(staff_id or new_id(), access(rights.permissions, rights.own, reach_of(branch_ids)), branch_ids)


async def book_balance(database: Database, code: str) -> int:
    """What all entries moved on an account, in paise."""
    found: int = await database.pool.fetchval(
        "select coalesce(sum(amount_paise), 0)::bigint from entry_lines join accounts on accounts.id = account_id "
        "where code = $1",
        code,
    )
    return found
