"""Carries the demo's plan out by the real commands, step by step, each step once."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import partial
from itertools import groupby
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, bindparam, select, text

from salonos.bills import commands as bills
from salonos.bills import rules as bill_rules
from salonos.bills import tables as bill_tables
from salonos.catalog import commands as catalog
from salonos.catalog import rules as catalog_rules
from salonos.catalog import tables as catalog_tables
from salonos.closing import jobs as closing
from salonos.customers import commands as customers
from salonos.customers import tables as customer_tables
from salonos.demo import people, shelves, trade, wares
from salonos.demo.people import Guest, Member
from salonos.demo.tables import DemoStage
from salonos.demo.trade import Size
from salonos.identity import commands as identity
from salonos.identity import rules as identity_rules
from salonos.identity import tables as identity_tables
from salonos.inventory import commands as inventory
from salonos.kernel import clock, due
from salonos.kernel.actor import Actor, Reach, access
from salonos.kernel.database import Database
from salonos.kernel.permissions import ROLES
from salonos.kernel.work import Work
from salonos.salon import commands as salon
from salonos.salon import rules as salon_rules
from salonos.salon import tables as salon_tables

SYSTEM = Actor.system()
SALON, SHELVES, GUESTS, DELIVERY, DRAFTS, SIGN_INS = "salon", "shelves", "guests", "delivery", "drafts", "sign-ins"
PAN = "ABCFN0000K"
"""Of a firm, by its fourth letter; no PAN has the number 0000, so nobody's is taken."""

Say = Callable[[str], object]
_BRANCHES = (
    ("Nandana, Indiranagar", "BLR", "418, 100 Feet Road, Indiranagar\nBengaluru 560038"),
    ("Nandana, Mysuru", "MYS", "27, Kalidasa Road, Jayalakshmipuram\nMysuru 570012"),
)


def gstin() -> str:
    """Karnataka's, with its check digit."""
    first = f"29{PAN}1Z"
    return first + salon_rules.gstin_check_digit(first)


_ADVANCE = text(
    """
    insert into demo_stages as stage (name, steps_done, until) values (:name, 1, :until)
    on conflict (name) do update set steps_done = stage.steps_done + 1 where stage.steps_done = :number
    returning steps_done
    """
).bindparams(bindparam("until", type_=DateTime(timezone=True)))


@dataclass
class Builder:
    """One run of the demo: what was done before, and where the made things are."""

    database: Database
    until: datetime
    size: Size
    seed: int
    say: Say
    done: dict[str, int]
    branch_ids: list[UUID] = field(default_factory=list)
    service_ids: list[UUID] = field(default_factory=list)
    product_ids: list[UUID] = field(default_factory=list)
    staff_ids: list[UUID] = field(default_factory=list)
    guest_ids: list[UUID] = field(default_factory=list)

    @property
    def first_day(self) -> date:
        """The first day of business."""
        return clock.business_date(self.until, trade.ZONE) - timedelta(days=self.size.days)

    @property
    def opening(self) -> datetime:
        """The eve of the first day, when everything is set up."""
        return clock.day_bounds(self.first_day, trade.ZONE)[0] - timedelta(hours=6)

    async def step(
        self, stage: str, number: int, command: Callable[[Work], Awaitable[Any]], *, now: datetime, by: Actor = SYSTEM
    ) -> None:
        """Does a step of a stage together with its count, unless it was done before."""
        if number < self.done.get(stage, 0):
            return

        async def whole(work: Work) -> None:
            row = await work.session.execute(_ADVANCE, {"name": stage, "number": number, "until": self.until})
            if row.scalar_one_or_none() != number + 1:
                raise RuntimeError("Another process is making the demo salon just now.")
            await command(work)

        await self.database.run(by, whole, now=now)

    async def build(self) -> None:
        """All of it but the sign-ins."""
        guests = people.guests(self.size.guests, seed=self.seed, born_before=self.first_day)
        self.say("Demo salon: branches, staff, services and products")
        await self.step(SALON, 0, self.set_up, now=self.opening)
        await self.find_things()
        plans = [
            trade.plan(place, guests, seed=self.seed, until=self.until, size=self.size)
            for place in range(len(_BRANCHES))
        ]
        await self.step(SHELVES, 0, partial(self.fill_shelves, plans), now=self.opening)
        self.say(f"Demo salon: {len(guests)} customers")
        for place, guest in enumerate(guests):
            at = self.opening + timedelta(seconds=place)
            await self.step(GUESTS, place, partial(self.welcome, guest), now=at)
        await self.find_guests()
        await self.do_business(plans)
        await self.step(DELIVERY, 0, self.take_delivery, now=self.until, by=self.receptionist())
        await self.step(DRAFTS, 0, self.leave_drafts, now=self.until, by=self.receptionist())

    # --- the salon

    async def set_up(self, work: Work) -> None:
        """Everything that is there before the first guest."""
        await salon.set_up_salon(
            work, salon.NewSalon(name="Nandana Salon & Spa", legal_name="Nandana Beauty Services", is_demo=True)
        )
        branch_ids = []
        for place, (name, code, address) in enumerate(_BRANCHES):
            scheme = salon_rules.TaxScheme.REGULAR
            new = salon.NewBranch(name, code, address, state_code="29", gstin=gstin(), tax_scheme=scheme)
            branch_ids.append(await salon.add_branch(work, new))
            days = [day for day in range(7) if trade.PACE[place][day]]
            hours = [salon.NewHours(day, "09:00", "20:30") for day in days]
            await salon.set_opening_hours(work, branch_ids[-1], hours)
        for member in people.STAFF:
            await identity.create_staff_member(work, _staff_member(member, branch_ids))
        await self.set_up_catalogue(work)

    async def set_up_catalogue(self, work: Work) -> None:
        """Tax classes, services, products."""
        classes = {}
        for each in wares.TAX_CLASSES:
            first, *later = (catalog_rules.DatedRate(*rate) for rate in each.rates)
            classes[each] = await catalog.create_tax_class(work, name=each.name, rate=first)
            for rate in later:
                await catalog.add_tax_rate(work, classes[each], rate)
        for service in wares.SERVICES:
            await catalog.create_service(
                work,
                catalog.NewService(
                    name=service.name,
                    sac_code=service.sac_code,
                    duration_minutes=service.minutes,
                    price_paise=service.rupees * 100,
                    tax_class_id=classes[wares.SERVICES_CLASS],
                    category=service.category,
                ),
            )
        for product in wares.PRODUCTS:
            await catalog.create_product(
                work,
                catalog.NewProduct(
                    name=product.name,
                    sku=product.sku,
                    hsn_code=product.hsn_code,
                    price_paise=product.rupees * 100,
                    tax_class_id=classes[product.tax_class],
                    is_retail=product.is_retail,
                    unit_cost_paise=product.cost_rupees * 100,
                    category=product.category,
                ),
            )

    async def welcome(self, guest: Guest, work: Work) -> None:
        """A customer's first record."""
        new = customers.NewCustomer(
            name=guest.name,
            phone=guest.phone,
            email=guest.email,
            gender=guest.gender,
            birth_date=guest.birth_date,
            address=guest.address,
            notes=guest.notes,
        )
        await customers.create_customer(work, new)

    # --- where things are, whoever made them

    async def find_things(self) -> None:
        """The ids of branches, wares and staff, in the plan's order."""

        async def find(work: Work) -> None:
            self.branch_ids = await _by_key(work, salon_tables.Branch.code, [code for _, code, _ in _BRANCHES])
            self.service_ids = await _by_key(work, catalog_tables.Service.name, [each.name for each in wares.SERVICES])
            self.product_ids = await _by_key(work, catalog_tables.Product.sku, [each.sku for each in wares.PRODUCTS])
            names = [member.name for member in people.STAFF]
            self.staff_ids = await _by_key(work, identity_tables.Staff.display_name, names)

        await self.database.run(SYSTEM, find)

    # --- stock

    async def fill_shelves(self, plans: list[list[trade.Happening]], work: Work) -> None:
        """Every product becomes an item, some services have recipes, and there is enough of everything for the plan."""
        for product, product_id in zip(wares.PRODUCTS, self.product_ids, strict=True):
            await inventory.stock_product(work, product_id, shelves.item(product.sku))
        for service, service_id in zip(wares.SERVICES, self.service_ids, strict=True):
            if service.name in shelves.RECIPES:
                parts = shelves.recipe(shelves.RECIPES[service.name], self.product_ids)
                await inventory.set_recipe(work, service_id, parts, expected_version=0)
        for branch_id, plan in zip(self.branch_ids, plans, strict=True):
            await inventory.receive_stock(work, shelves.opening(branch_id, self.product_ids, plan))

    async def take_delivery(self, work: Work) -> None:
        """What came this morning expires soon."""
        today = clock.business_date(self.until, trade.ZONE)
        for branch_id in self.branch_ids:
            await inventory.receive_stock(work, shelves.last_delivery(branch_id, self.product_ids, today))

    async def find_guests(self) -> None:
        """The customers' ids, in the plan's order: they were welcomed a second apart."""

        async def find(work: Work) -> None:
            rows = select(customer_tables.Customer.id).order_by(customer_tables.Customer.created_at)
            self.guest_ids = list((await work.session.execute(rows.limit(self.size.guests))).scalars())

        await self.database.run(SYSTEM, find)

    # --- business

    async def do_business(self, plans: list[list[trade.Happening]]) -> None:
        """Day by day: both branches at once, then the evening's summary."""
        plan_of: list[dict[date, list[tuple[int, trade.Happening]]]] = [dict(_by_day(plan)) for plan in plans]
        by = self.receptionist()
        for ahead in range(self.size.days + 1):
            day = self.first_day + timedelta(days=ahead)
            if ahead % 10 == 0:
                self.say(f"Demo salon: business of {day:%d %B %Y}, day {ahead + 1} of {self.size.days + 1}")
            await asyncio.gather(*(self.do_day(place, plan.get(day, []), by) for place, plan in enumerate(plan_of)))
            evening = min(self.until, clock.day_bounds(day, trade.ZONE)[0] + timedelta(hours=21, minutes=45))
            await due.tick(self.database, closing.DAILY, now=evening)

    async def do_day(self, place: int, happenings: list[tuple[int, trade.Happening]], by: Actor) -> None:
        """What happens at one branch on one day, in order."""
        stage = f"bills {_BRANCHES[place][1]}"
        for number, each in happenings:
            command = self.sale(place, each) if isinstance(each, trade.Visit) else self.collection(place, each)
            await self.step(stage, number, command, now=each.at, by=by)

    def sale(self, place: int, visit: trade.Visit) -> Callable[[Work], Awaitable[Any]]:
        """A visit's bill."""
        discount = bill_rules.Discount(share_hundredths=visit.share_hundredths) if visit.share_hundredths else None
        new = bills.NewSale(
            branch_id=self.branch_ids[place],
            customer_id=None if visit.guest is None else self.guest_ids[visit.guest],
            lines=self.lines(visit.items),
            discount=discount,
            discount_reason=visit.reason or None,
            tips=(bills.NewTip(self.staff_ids[visit.items[0].staff], visit.tip_paise),) if visit.tip_paise else (),
            payments=visit.tenders,
        )
        return lambda work: bills.check_out(work, new)

    def lines(self, items: Sequence[trade.Item]) -> tuple[bills.NewLine, ...]:
        """The positions of a bill. Where two serve a guest, they share in the first service."""
        found = [self.line(item) for item in items]
        people = list(dict.fromkeys(self.staff_ids[item.staff] for item in items if item.is_service))
        if len(people) > 1:
            found[0] = replace(found[0], contributors=tuple(bill_rules.Contributor(each) for each in people))
        return tuple(found)

    def line(self, item: trade.Item) -> bills.NewLine:
        """One position."""
        return bills.NewLine(
            service_id=self.service_ids[item.place] if item.is_service else None,
            product_id=None if item.is_service else self.product_ids[item.place],
            staff_id=self.staff_ids[item.staff],
            quantity_milli=item.quantity * 1000,
        )

    def collection(self, place: int, debt: trade.Debt) -> Callable[[Work], Awaitable[Any]]:
        """A debt that is brought; its bill is known by its instant."""

        async def collect(work: Work) -> None:
            of = (
                bill_tables.Bill.branch_id == self.branch_ids[place],
                bill_tables.Bill.created_at == debt.of,
            )
            found = select(bill_tables.Bill.id, bill_tables.Bill.version).where(*of)
            bill = (await work.session.execute(found)).one()
            await bills.add_payment(work, bill.id, debt.tender, expected_version=bill.version)

        return collect

    async def leave_drafts(self, work: Work) -> None:
        """Two guests are still in their chairs."""
        for guest, places in ((4, (0, 21)), (9, (54,))):
            lines = tuple(
                bills.NewLine(service_id=self.service_ids[place], staff_id=self.staff_ids[3]) for place in places
            )
            customer_id = self.guest_ids[guest % len(self.guest_ids)]
            await bills.create_bill(
                work, bills.NewBill(branch_id=self.branch_ids[0], customer_id=customer_id, lines=lines)
            )

    def receptionist(self) -> Actor:
        """Who stands at the till, with her own rights."""
        (place,) = (place for place, member in enumerate(people.STAFF) if member.role == "RECEPTIONIST")
        rights = ROLES["RECEPTIONIST"]
        branch_ids = tuple(self.branch_ids)
        return Actor(self.staff_ids[place], access(rights.permissions, rights.own, Reach.BRANCHES), branch_ids)


def _staff_member(member: Member, branch_ids: list[UUID]) -> identity.NewStaffMember:
    return identity.NewStaffMember(
        display_name=member.name,
        role_id=identity_rules.BUILT_IN_ROLE_IDS[member.role],
        branch_ids=tuple(branch_ids[place] for place in member.branches),
        all_branches=not member.branches,
        is_service_provider=member.is_service_provider,
    )


def _by_day(happenings: list[trade.Happening]) -> Iterator[tuple[date, list[tuple[int, trade.Happening]]]]:
    numbered = enumerate(happenings)
    for day, found in groupby(numbered, key=lambda each: clock.business_date(each[1].at, trade.ZONE)):
        yield day, list(found)


async def _by_key(work: Work, key: Any, wanted: list[str]) -> list[UUID]:
    rows = await work.session.execute(select(key, key.class_.id))
    found: dict[str, UUID] = {row[0]: row[1] for row in rows}
    return [found[each] for each in wanted]


async def stages(work: Work) -> dict[str, DemoStage]:
    """How far the demo has come."""
    return {row.name: row for row in (await work.session.execute(select(DemoStage))).scalars()}
