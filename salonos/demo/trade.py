"""What happens in the demo salon, day by day: planned from a seed, without a clock or a database.

One plan per branch: visits in the order of their instants, and the days on which debts are brought. The figures of a
visit are those of the bills' own rules, so that what is handed over settles what is due.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from salonos.accounting.rules import PaymentMethod
from salonos.bills import rules as bills
from salonos.customers.rules import Gender
from salonos.demo import wares
from salonos.demo.people import STAFF, Guest
from salonos.kernel import clock

ZONE = "Asia/Kolkata"
BILLS_MAX = (900, 600)
FIRST_MINUTE, LAST_MINUTE = 9 * 60 + 10, 20 * 60 + 20
PACE = ((9, 9, 9, 9, 11, 16, 15), (6, 0, 6, 6, 8, 12, 10))
"""Bills by branch and weekday, Monday first; the second branch is closed on Tuesdays."""

CASH, UPI, CARD = PaymentMethod.CASH, PaymentMethod.UPI, PaymentMethod.CARD
_REASONS = ("Regular guest", "Festival offer", "Student discount", "Waited long")
_NOTES_PAISE = (50_000, 20_000, 10_000)


@dataclass(frozen=True)
class Size:
    """How much happens: days before today, customers, and the share of PACE."""

    days: int = 60
    guests: int = 300
    pace: float = 1.0


@dataclass(frozen=True)
class Item:
    """A service (at `place` of the wares) by a member of staff, or a product."""

    place: int
    is_service: bool
    staff: int
    quantity: int = 1


@dataclass(frozen=True)
class Visit:
    """A bill to be sold. `owed_paise` is put on account and brought `after_days` later."""

    at: datetime
    items: tuple[Item, ...]
    guest: int | None
    share_hundredths: int
    reason: str
    tip_paise: int
    tenders: tuple[bills.Tender, ...]
    owed_paise: int = 0


@dataclass(frozen=True)
class Debt:
    """What was owed for the visit at `of` is brought."""

    at: datetime
    of: datetime
    tender: bills.Tender


Happening = Visit | Debt


def plan(branch: int, guests: Sequence[Guest], *, seed: int, until: datetime, size: Size) -> list[Happening]:
    """All that happens at a branch in the days up to an instant, in order, no two things at once."""
    today = clock.business_date(until, ZONE)
    found: list[Happening] = []
    debts: list[Debt] = []
    for back in range(size.days, -1, -1):
        day = today - timedelta(days=back)
        chance = random.Random(f"{seed} {branch} {back}")  # noqa: S311  the same salon for the same seed
        visits = _visits(branch, guests, day, chance, size)
        debts += [_debt(visit, chance) for visit in visits if visit.owed_paise]
        found += visits
    bounded = sorted(found, key=lambda each: each.at)[-BILLS_MAX[branch] :]
    kept = {each.at for each in bounded}
    happenings: list[Happening] = [*bounded, *(debt for debt in debts if debt.of in kept)]
    return sorted((each for each in happenings if each.at <= until), key=lambda each: each.at)


def _visits(branch: int, guests: Sequence[Guest], day: date, chance: random.Random, size: Size) -> list[Visit]:
    usual = PACE[branch][day.weekday()] * size.pace
    count = round(usual * chance.uniform(0.8, 1.2))
    minutes = sorted(chance.sample(range(FIRST_MINUTE, LAST_MINUTE), count))
    midnight = clock.day_bounds(day, ZONE)[0]
    return [
        _visit(branch, guests, midnight + timedelta(minutes=minute, seconds=chance.randrange(60)), chance)
        for minute in minutes
    ]


def _visit(branch: int, guests: Sequence[Guest], at: datetime, chance: random.Random) -> Visit:
    guest = _regular(len(guests), branch, chance) if chance.random() < 0.85 else None
    gender = guests[guest].gender if guest is not None else chance.choice((Gender.FEMALE, Gender.MALE))
    items = _items(branch, gender, chance)
    figures = _figures(items, 0)
    share = chance.choice((500, 1000)) if chance.random() < 0.1 else 0
    if figures.gross_paise * share > 50_000 * 10_000:
        share = 0
    due = _figures(items, share).total_paise
    is_owed = guest is not None and chance.random() < 0.02
    tip = chance.choice((2_000, 5_000, 10_000)) if items[0].is_service and not is_owed and chance.random() < 0.15 else 0
    if is_owed:
        part = due // 200 * 100
        tenders: tuple[bills.Tender, ...] = (bills.Tender(UPI, part, _reference(chance)),) if part else ()
        owed = due - part
        tenders += (bills.Tender(PaymentMethod.ON_ACCOUNT, owed),)
        return Visit(at, items, guest, share, _reason(share, chance), 0, tenders, owed)
    return Visit(at, items, guest, share, _reason(share, chance), tip, _tenders(due + tip, chance))


def _reason(share: int, chance: random.Random) -> str:
    return chance.choice(_REASONS) if share else ""


def _regular(count: int, branch: int, chance: random.Random) -> int:
    """Some come often, and most to one branch."""
    place = (
        min(int(chance.paretovariate(0.9) * count / 25) - 1, count - 1)
        if chance.random() < 0.5
        else chance.randrange(count)
    )
    return place if (place % 3 == 2) == (branch == 1) or chance.random() < 0.1 else (place + 1) % count


def _items(branch: int, gender: Gender, chance: random.Random) -> tuple[Item, ...]:
    letter = "F" if gender is Gender.FEMALE else "M"
    fitting = [place for place, each in enumerate(wares.SERVICES) if letter in each.guests]
    weights = [1 / (wares.SERVICES[place].rupees / 500 + 0.4) for place in fitting]
    workers = [place for place, each in enumerate(STAFF) if each.is_service_provider and branch in each.branches]
    worker = chance.choice(workers)
    found: list[Item] = []
    if chance.random() < 0.94:
        wanted = chance.choices((1, 2, 3, 4), (50, 30, 15, 5))[0]
        chosen = dict.fromkeys(chance.choices(fitting, weights, k=wanted))
        found = [Item(place, True, worker if chance.random() < 0.8 else chance.choice(workers)) for place in chosen]
    if not found or chance.random() < 0.28:
        retail = [place for place, each in enumerate(wares.PRODUCTS) if each.is_retail]
        quantity = 2 if chance.random() < 0.1 else 1
        found.append(Item(chance.choice(retail), False, worker, quantity))
    return tuple(found)


def _figures(items: Sequence[Item], share_hundredths: int) -> bills.Figures:
    return bills.figures_of(
        [_priced(item) for item in items],
        discount=bills.Discount(share_hundredths=share_hundredths) if share_hundredths else None,
        treatment=bills.Treatment.WITHIN_STATE,
    )


def _priced(item: Item) -> bills.PricedLine:
    """As the bill will price it: the latest rates, which the days of the demo all have."""
    if item.is_service:
        rate = wares.SERVICES_CLASS.rates[-1][1]
        return bills.PricedLine(
            item.quantity * 1000, wares.SERVICES[item.place].rupees * 100, rate, is_tax_included=False
        )
    product = wares.PRODUCTS[item.place]
    rate = product.tax_class.rates[-1][1]
    return bills.PricedLine(item.quantity * 1000, product.rupees * 100, rate, is_tax_included=True)


def _tenders(due: int, chance: random.Random) -> tuple[bills.Tender, ...]:
    """Mostly one payment; cash is handed over in notes, so that there is change."""
    if not due:
        return ()
    method = chance.choices((UPI, CASH, CARD), (52, 30, 18))[0]
    if method is CASH:
        note = chance.choice(_NOTES_PAISE)
        return (bills.Tender(CASH, -(-due // note) * note),)
    if due > 100_000 and chance.random() < 0.05:
        cash = due // 3 // 10_000 * 10_000
        return (bills.Tender(CASH, cash), bills.Tender(UPI, due - cash, _reference(chance)))
    return (bills.Tender(method, due, _reference(chance)),)


def _reference(chance: random.Random) -> str:
    return f"{chance.randrange(10**12):012d}"


def _debt(visit: Visit, chance: random.Random) -> Debt:
    at = visit.at + timedelta(days=chance.randrange(2, 9), seconds=chance.randrange(1, 55))
    return Debt(at, visit.at, bills.Tender(UPI, visit.owed_paise, _reference(chance)))
