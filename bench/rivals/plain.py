"""(c): Strawberry as its documentation shows it, with SQLAlchemy's ORM and a DataLoader for each edge.

It stands on SalonOS's tables and checks the token as SalonOS does; a branch predicate is there, nothing else is. The
sale writes the same rows as SalonOS's, one object each.
"""

import hashlib
import os
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import strawberry
import uvicorn
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from starlette.applications import Starlette
from starlette.routing import Route
from strawberry.asgi import GraphQL
from strawberry.dataloader import DataLoader
from strawberry.types import Info

from salonos.accounting import rules as books_rules
from salonos.accounting import tables as books
from salonos.bills import rules, tables
from salonos.catalog import tables as catalog
from salonos.customers import tables as customers
from salonos.identity import tables as identity
from salonos.identity.queries import Identity
from salonos.kernel import crypto
from salonos.kernel import tables as kernel
from salonos.kernel.actor import Actor
from salonos.kernel.clock import business_date, financial_year
from salonos.kernel.database import Database, driver_url
from salonos.kernel.ids import id_text, id_value, new_id
from salonos.salon import rules as salon_rules
from salonos.salon import tables as salon


def rupees(paise: int) -> str:
    """A decimal string."""
    return f"{Decimal(paise) / 100:.2f}"


@strawberry.type
class Customer:
    id: strawberry.ID
    name: str


@strawberry.type
class BillLine:
    id: strawberry.ID
    position: int
    description: str
    total: str


@strawberry.type
class Payment:
    id: strawberry.ID
    method: str
    amount: str
    received_at: str


@strawberry.type
class Bill:
    row: strawberry.Private[tables.Bill]
    id: strawberry.ID
    number: str | None
    status: str
    created_at: str
    total: str
    balance_due: str

    @strawberry.field
    async def customer(self, info: Info) -> Customer | None:
        if self.row.customer_id is None:
            return None
        return await info.context["customers"].load(self.row.customer_id)

    @strawberry.field
    async def lines(self, info: Info) -> list[BillLine]:
        return await info.context["lines"].load(self.row.id)

    @strawberry.field
    async def payments(self, info: Info) -> list[Payment]:
        return await info.context["payments"].load(self.row.id)


def instant(at: datetime) -> str:
    """As SalonOS writes it."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def bill_of(row: tables.Bill) -> Bill:
    """A row as the schema's type."""
    return Bill(
        row=row,
        id=strawberry.ID(id_text("bill", row.id)),
        number=row.number,
        status=row.status.name,
        created_at=instant(row.created_at),
        total=rupees(row.total_paise),
        balance_due=rupees(row.balance_due_paise),
    )


class Loaders:
    """One of each for a request; every batch has a session of its own, since a session serves one task at a time."""

    def __init__(self, sessions: async_sessionmaker[AsyncSession]) -> None:
        self.sessions = sessions

    async def customers(self, ids: Sequence[UUID]) -> list[Customer | None]:
        async with self.sessions() as session:
            rows = await session.scalars(select(customers.Customer).where(customers.Customer.id.in_(ids)))
            known = {row.id: Customer(id=strawberry.ID(id_text("customer", row.id)), name=row.name) for row in rows}
        return [known.get(each) for each in ids]

    async def lines(self, ids: Sequence[UUID]) -> list[list[BillLine]]:
        line = tables.BillLine
        async with self.sessions() as session:
            rows = await session.scalars(select(line).where(line.bill_id.in_(ids)).order_by(line.position))
            found: defaultdict[UUID, list[BillLine]] = defaultdict(list)
            for row in rows:
                total = row.taxable_paise + row.cgst_paise + row.sgst_paise + row.igst_paise
                made = BillLine(
                    id=strawberry.ID(id_text("line", row.id)),
                    position=row.position,
                    description=row.description,
                    total=rupees(total),
                )
                found[row.bill_id].append(made)
        return [found[each] for each in ids]

    async def payments(self, ids: Sequence[UUID]) -> list[list[Payment]]:
        payment = tables.Payment
        async with self.sessions() as session:
            rows = await session.scalars(
                select(payment).where(payment.bill_id.in_(ids)).order_by(payment.received_at, payment.id)
            )
            found: defaultdict[UUID, list[Payment]] = defaultdict(list)
            for row in rows:
                made = Payment(
                    id=strawberry.ID(id_text("payment", row.id)),
                    method=row.method.name,
                    amount=rupees(row.amount_paise),
                    received_at=instant(row.received_at),
                )
                found[row.bill_id].append(made)
        return [found[each] for each in ids]


@strawberry.type
class BillConnection:
    nodes: list[Bill]


@strawberry.type
class Query:
    @strawberry.field
    async def bills(self, info: Info, first: int = 20) -> BillConnection:
        actor: Actor = info.context["actor"]
        asked = select(tables.Bill).order_by(tables.Bill.listed_at.desc(), tables.Bill.id.desc()).limit(first)
        if not actor.is_everywhere:
            asked = asked.where(tables.Bill.branch_id.in_(actor.branch_ids))
        async with info.context["sessions"]() as session:
            rows = (await session.scalars(asked)).all()
        return BillConnection(nodes=[bill_of(row) for row in rows])

    @strawberry.field
    async def bill(self, info: Info, id: strawberry.ID) -> Bill | None:  # noqa: A002  the schema's name
        async with info.context["sessions"]() as session:
            row = await session.get(tables.Bill, id_value("bill", id))
        actor: Actor = info.context["actor"]
        return bill_of(row) if row is not None and actor.reaches(row.branch_id) else None


@strawberry.input
class LineInput:
    service_id: strawberry.ID | None = None
    product_id: strawberry.ID | None = None
    staff_id: strawberry.ID | None = None


@strawberry.input
class PaymentInput:
    method: str
    amount: str
    reference: str | None = None


@strawberry.input
class CheckOutInput:
    branch_id: strawberry.ID
    customer_id: strawberry.ID
    lines: list[LineInput]
    payments: list[PaymentInput]


@strawberry.type
class CheckOutSuccess:
    bill: Bill


@strawberry.type
class Mutation:
    @strawberry.mutation
    async def check_out(self, info: Info, input: CheckOutInput) -> CheckOutSuccess:  # noqa: A002  the schema's name
        sale = Sale(info.context["actor"], info.context["key"], input)
        async with info.context["sessions"]() as session, session.begin():
            bill = await sale.sell(session)
        return CheckOutSuccess(bill=bill_of(bill))


class Sale:
    """One sale in one transaction, object by object."""

    def __init__(self, actor: Actor, key: str, given: CheckOutInput) -> None:
        self.actor = actor
        self.key = key
        self.given = given
        self.now = datetime.now(UTC)
        self.bill_id = new_id()

    async def sell(self, session: AsyncSession) -> tables.Bill:
        """All rows of it."""
        await session.execute(
            select(func.set_config("salonos.actor_id", str(self.actor.id), True))
        )  # for the audit trail
        key = self.idempotency_key()
        session.add(key)
        await session.flush()
        branch = await session.get_one(salon.Branch, id_value("branch", self.given.branch_id))
        customer = await session.get_one(customers.Customer, id_value("customer", self.given.customer_id))
        today = business_date(self.now, branch.time_zone)
        lines = [await self.line(session, place, each, today) for place, each in enumerate(self.given.lines, 1)]
        entry = self.entry(branch, today)
        await self.book(session, entry, lines)
        number = await self.number(session, branch, today)
        entry.narration = f"Bill {number}"
        session.add(entry)
        bill = self.bill(branch, customer, entry, lines)
        session.add(bill)
        session.add_all(lines)
        await session.flush()  # a posted bill takes no lines
        bill.status, bill.number, bill.entry_id = rules.BillStatus.POSTED, number, entry.id
        bill.posted_at, bill.posted_by_id = self.now, self.actor.id
        payment = self.pay(session, bill, entry)
        self.register(session, bill, entry, lines)
        await self.note_service(session, customer, today)
        self.announce(session, bill, payment)
        key.result = {"type": "CheckOutSuccess", "fields": {"bill": {"ref": "Bill", "id": bill.id.hex}}}
        await session.flush()
        await session.refresh(bill)
        return bill

    def idempotency_key(self) -> kernel.IdempotencyKey:
        """A second request with the key meets its row."""
        asked = hashlib.sha256(repr(self.given).encode()).digest()
        return kernel.IdempotencyKey(
            user_id=self.actor.id, key=self.key, fingerprint=asked, result=None, created_at=self.now
        )

    async def line(self, session: AsyncSession, position: int, given: LineInput, today: date) -> tables.BillLine:
        """An item as it is priced today."""
        item: Any
        if given.service_id:
            item = await session.get_one(catalog.Service, id_value("service", given.service_id))
        else:
            item = await session.get_one(catalog.Product, id_value("product", given.product_id or ""))
        rates = catalog.TaxRate
        dated = select(rates).where(rates.tax_class_id == item.tax_class_id, rates.valid_from <= today)
        rate = (await session.scalars(dated.order_by(rates.valid_from.desc()).limit(1))).one()
        if given.staff_id:
            await session.get_one(identity.Staff, id_value("staff", given.staff_id))
        share = rate.rate_hundredths
        gross = item.price_paise
        tax = round(gross * share / (10_000 + share) / 2) if item.price_includes_tax else round(gross * share / 20_000)
        return tables.BillLine(
            id=new_id(),
            bill_id=self.bill_id,
            position=position,
            service_id=item.id if given.service_id else None,
            product_id=None if given.service_id else item.id,
            staff_id=id_value("staff", given.staff_id) if given.staff_id else None,
            description=item.name,
            code=item.sac_code if given.service_id else item.hsn_code,
            quantity_milli=1_000,
            unit_price_paise=gross,
            is_price_overridden=False,
            rate_hundredths=share,
            is_tax_included=item.price_includes_tax,
            gross_paise=gross,
            discount_paise=0,
            bill_discount_paise=0,
            taxable_paise=gross - 2 * tax if item.price_includes_tax else gross,
            cgst_paise=tax,
            sgst_paise=tax,
            igst_paise=0,
            unit_cost_paise=None if given.service_id else item.unit_cost_paise,
        )

    def entry(self, branch: salon.Branch, today: date) -> books.Entry:
        """The entry's head; a trigger numbers it."""
        return books.Entry(
            id=new_id(),
            branch_id=branch.id,
            business_date=today,
            cause_kind="bill",
            cause_id=self.bill_id,
            posted_at=self.now,
            posted_by_id=self.actor.id,
        )

    async def book(self, session: AsyncSession, entry: books.Entry, lines: list[tables.BillLine]) -> None:
        """Debit the bank; credit services, goods and both halves of the tax."""
        services = sum(line.taxable_paise for line in lines if line.service_id)
        goods = sum(line.taxable_paise for line in lines if line.product_id)
        tax = sum(line.cgst_paise for line in lines)
        amounts = [
            (books_rules.UPI, services + goods + 2 * tax),
            (books_rules.SERVICES, -services),
            (books_rules.PRODUCTS, -goods),
            (books_rules.OUTPUT_CGST, -tax),
            (books_rules.OUTPUT_SGST, -tax),
        ]
        entry.line_count, entry.total_paise = len(amounts), services + goods + 2 * tax
        accounts = {
            account.code: account.id
            for account in await session.scalars(
                select(books.Account).where(books.Account.code.in_([code for code, _ in amounts]))
            )
        }
        for position, (code, amount) in enumerate(amounts, 1):
            session.add(
                books.EntryLine(
                    entry_id=entry.id,
                    position=position,
                    branch_id=entry.branch_id,
                    business_date=entry.business_date,
                    line_count=entry.line_count,
                    account_id=accounts[code],
                    amount_paise=amount,
                )
            )

    async def number(self, session: AsyncSession, branch: salon.Branch, today: date) -> str:
        """The next of the series, its counter locked."""
        series = (
            await session.scalars(
                select(salon.NumberSeries).where(
                    salon.NumberSeries.branch_id == branch.id,
                    salon.NumberSeries.document == salon_rules.DocumentKind.TAX_INVOICE,
                )
            )
        ).one()
        year = financial_year(today)
        counter = await session.get(salon.NumberCounter, (series.id, year), with_for_update=True)
        if counter is None:
            counter = salon.NumberCounter(series_id=series.id, financial_year=year, last_number=0, last_date=today)
            session.add(counter)
        counter.last_number += 1
        counter.last_date = today
        pattern = series.pattern.replace("{branch}", branch.code).replace("{year}", salon_rules.year_text(today))
        text = pattern + str(counter.last_number).zfill(series.digits)
        session.add(
            salon.DrawnNumber(
                series_id=series.id, financial_year=year, number=counter.last_number, text=text, drawn_on=today
            )
        )
        return text

    def bill(
        self,
        branch: salon.Branch,
        customer: customers.Customer,
        entry: books.Entry,
        lines: list[tables.BillLine],
    ) -> tables.Bill:
        """The bill's head."""
        taxable, tax = sum(line.taxable_paise for line in lines), sum(line.cgst_paise for line in lines)
        total = taxable + 2 * tax
        return tables.Bill(
            id=self.bill_id,
            branch_id=branch.id,
            kind=rules.BillKind.TAX_INVOICE,
            status=rules.BillStatus.DRAFT,
            version=1,
            customer_id=customer.id,
            created_at=self.now,
            created_by_id=self.actor.id,
            business_date=entry.business_date,
            gstin=branch.gstin,
            place_of_supply=branch.state_code,
            gross_paise=sum(line.gross_paise for line in lines),
            discount_paise=0,
            taxable_paise=taxable,
            cgst_paise=tax,
            sgst_paise=tax,
            igst_paise=0,
            round_off_paise=0,
            total_paise=total,
            tip_paise=0,
            paid_paise=total,
            payment_state=rules.PaymentState.PAID,
        )

    def pay(self, session: AsyncSession, bill: tables.Bill, entry: books.Entry) -> tables.Payment:
        """The payment with its money move."""
        given = self.given.payments[0]
        method = books_rules.PaymentMethod[given.method]
        move = books.MoneyMove(
            id=new_id(),
            branch_id=bill.branch_id,
            business_date=bill.business_date,
            direction=books_rules.MoneyDirection.IN,
            method=method,
            amount_paise=bill.total_paise,
            reference=given.reference,
            entry_id=entry.id,
            received_at=self.now,
        )
        payment = tables.Payment(
            id=new_id(),
            bill_id=bill.id,
            money_move_id=move.id,
            method=method,
            amount_paise=bill.total_paise,
            reference=given.reference,
            business_date=bill.business_date,
            received_at=self.now,
            received_by_id=self.actor.id,
        )
        session.add_all([move, payment])
        return payment

    def register(
        self, session: AsyncSession, bill: tables.Bill, entry: books.Entry, lines: list[tables.BillLine]
    ) -> None:
        """The lines of the tax register."""
        for line in lines:
            session.add(
                books.TaxRegisterLine(
                    entry_id=entry.id,
                    position=line.position,
                    branch_id=bill.branch_id,
                    supply=books_rules.SupplyDirection.OUTWARD,
                    document_kind=salon_rules.DocumentKind.TAX_INVOICE,
                    document_id=bill.id,
                    document_number=bill.number,
                    document_date=bill.business_date,
                    gstin=bill.gstin,
                    place_of_supply=bill.place_of_supply,
                    code=line.code,
                    quantity_milli=line.quantity_milli,
                    unit="NA" if line.service_id else "NOS",
                    rate_hundredths=line.rate_hundredths,
                    taxable_paise=line.taxable_paise,
                    cgst_paise=line.cgst_paise,
                    sgst_paise=line.sgst_paise,
                    igst_paise=0,
                )
            )

    async def note_service(self, session: AsyncSession, customer: customers.Customer, today: date) -> None:
        """Who served may see the customer."""
        for staff_id in {id_value("staff", line.staff_id) for line in self.given.lines if line.staff_id}:
            visit = await session.get(customers.CustomerVisit, (staff_id, customer.id))
            if visit is None:
                session.add(customers.CustomerVisit(staff_id=staff_id, customer_id=customer.id, last_served_on=today))
            elif visit.last_served_on < today:
                visit.last_served_on = today

    def announce(self, session: AsyncSession, bill: tables.Bill, payment: tables.Payment) -> None:
        """The two events of a sale."""
        day = {"business_date": bill.business_date.isoformat()}
        for kind, subject_id, payload in (
            ("BillPosted", bill.id, day),
            ("PaymentTaken", payment.id, {"bill_id": bill.id.hex, **day}),
        ):
            session.add(
                kernel.OutboxEvent(
                    kind=kind,
                    branch_id=bill.branch_id,
                    subject_id=subject_id,
                    payload=payload,
                    occurred_at=self.now,
                )
            )


class Server(GraphQL[dict[str, Any], None]):
    """The view with a context for each request."""

    sessions: async_sessionmaker[AsyncSession]
    identity: Identity

    async def get_context(self, request: Any, response: Any) -> dict[str, Any]:
        actor = await self.identity.authenticate(request.headers["authorization"].removeprefix("Bearer "))
        loaders = Loaders(self.sessions)
        return {
            "actor": actor,
            "key": request.headers.get("idempotency-key", ""),
            "sessions": self.sessions,
            "customers": DataLoader(loaders.customers),
            "lines": DataLoader(loaders.lines),
            "payments": DataLoader(loaders.payments),
        }


server = Server(strawberry.Schema(query=Query, mutation=Mutation), graphql_ide=None)


@asynccontextmanager
async def lifespan(_: Starlette) -> AsyncIterator[None]:
    """An engine with ten connections, as SQLAlchemy opens them."""
    crypto.configure(crypto.Keyring(os.environ["SECRET_KEY"].encode()))
    engine = create_async_engine(driver_url(os.environ["DATABASE_URL"]), pool_size=10, max_overflow=0)
    database = await Database.open(os.environ["DATABASE_URL"], pool_size=1)
    server.sessions = async_sessionmaker(engine, expire_on_commit=False)
    server.identity = Identity(database)
    yield
    await database.close()
    await engine.dispose()


app = Starlette(routes=[Route("/graphql", server)], lifespan=lifespan)

if __name__ == "__main__":
    uvicorn.run(
        app, port=int(os.environ["BENCH_PORT"]), loop="uvloop", http="httptools", access_log=False, log_level="error"
    )
