"""Writes of the customers: create, change, and remember who served whom."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import Date, Uuid, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY

from salonos.customers import problems, queries, rules, tables
from salonos.kernel import clock, crypto
from salonos.kernel.checks import Checks
from salonos.kernel.ids import new_id
from salonos.kernel.permissions import Permission
from salonos.kernel.problems import StaleVersion, not_found
from salonos.kernel.text import search_key
from salonos.kernel.work import Work
from salonos.salon import rules as salon_rules

_NOTE_SERVICE = text(
    """
    insert into customer_visits as visit (staff_id, customer_id, last_served_on)
    select staff_id, :customer_id, :on from unnest(:staff_ids) as served (staff_id) order by staff_id
    on conflict (staff_id, customer_id) do update set last_served_on = excluded.last_served_on
        where visit.last_served_on < excluded.last_served_on
    """
).bindparams(
    bindparam("customer_id", type_=Uuid()), bindparam("staff_ids", type_=ARRAY(Uuid())), bindparam("on", type_=Date())
)


@dataclass(frozen=True)
class NewCustomer:
    """A person to be served. The phone number as people write it, Indian unless it says otherwise."""

    name: str
    phone: str | None = None
    email: str | None = None
    gender: rules.Gender | None = None
    birth_date: date | None = None
    address: str | None = None
    notes: str | None = None
    shares_phone: bool = False


@dataclass(frozen=True)
class CustomerChanges:
    """What becomes of a customer; None stays as it is, and what `removes` names is taken away."""

    name: str | None = None
    phone: str | None = None
    email: str | None = None
    gender: rules.Gender | None = None
    birth_date: date | None = None
    address: str | None = None
    notes: str | None = None
    shares_phone: bool = False
    removes: frozenset[rules.CustomerDetail] = frozenset()


async def create_customer(work: Work, new: NewCustomer) -> UUID:
    """Takes a person into the records, with a key of their own.

    Raises: InvalidInput with every issue; CustomerExists for a phone number in use, unless `shares_phone`.
    """
    work.actor.require(Permission.CUSTOMER_WRITE)
    row = tables.Customer(
        id=new_id(),
        person_key=crypto.keyring().new_person_key(),
        gender=new.gender,
        version=1,
        created_at=work.now,
    )
    checks = Checks()
    _take_name(row, new.name, checks)
    _take_details(row, new, checks, today=clock.business_date(work.now, salon_rules.INDIA))
    checks.finish()
    if row.phone_index is not None:
        await _claim_phone(work, row, shares=new.shares_phone)
    work.session.add(row)
    await work.session.flush()
    return row.id


async def update_customer(work: Work, customer_id: UUID, changes: CustomerChanges, *, expected_version: int) -> UUID:
    """Changes what is known of a person.

    Raises: InvalidInput with every issue; StaleVersion; CustomerExists.
    """
    work.actor.require(Permission.CUSTOMER_WRITE)
    row = await queries.customer_for_update(work, customer_id)
    if row is None:
        raise not_found(("customerId",), "customer")
    if row.version != expected_version:
        raise StaleVersion(current_version=row.version)
    known_by = row.phone_index
    checks = Checks()
    if changes.name is not None:
        _take_name(row, changes.name, checks)
    row.gender = changes.gender or row.gender
    _take_details(row, changes, checks, today=clock.business_date(work.now, salon_rules.INDIA))
    _remove(row, changes.removes)
    checks.finish()
    row.version += 1
    if row.phone_index is not None and row.phone_index != known_by:
        await _claim_phone(work, row, shares=changes.shares_phone)
    await work.session.flush()
    return row.id


async def note_service(work: Work, customer_id: UUID, staff_ids: Collection[UUID], on: date) -> None:
    """Remembers that members of staff served a customer on a date: they may see this customer for ninety days.

    Called by whatever proves a service (a posted bill), in its transaction; the date never goes back.
    """
    if staff_ids:
        given = {"customer_id": customer_id, "staff_ids": sorted(set(staff_ids)), "on": on}
        await work.session.execute(_NOTE_SERVICE, given)


async def _claim_phone(work: Work, row: tables.Customer, *, shares: bool) -> None:
    """Raises: CustomerExists when somebody else has the number and nobody said that they share it."""
    if row.phone_index is None or shares:
        return
    with work.session.no_autoflush:
        await queries.lock_phone(work, row.phone_index)
        found = await queries.customer_by_phone(work, row.phone_index, but=row.id)
    if found is not None:
        raise problems.CustomerExists(customer_id=found)


def _take_name(row: tables.Customer, name: str, checks: Checks) -> None:
    row.name = checks.text(name, ("name",), rules.NAME_MAX)
    row.first_name = rules.first_name(row.name) if row.name else ""
    row.search_name, row.search_first_name = search_key(row.name), search_key(row.first_name)


def _take_details(row: tables.Customer, given: NewCustomer | CustomerChanges, checks: Checks, *, today: date) -> None:
    """Seals what was given."""
    if given.phone is not None:
        phone = rules.phone_number(given.phone)
        checks.require(phone, ("phone",), "INVALID_PHONE", "This is no telephone number.")
        if phone is not None:
            row.phone_sealed, row.phone_index = _sealed(row, "phone_sealed", phone), queries.phone_index(phone)
            row.phone_last_digits = rules.last_digits(phone)
    email = checks.optional_text(given.email, ("email",), rules.EMAIL_MAX)
    if email is not None:
        checks.require(rules.email_is_possible(email), ("email",), "INVALID_EMAIL", "This is no e-mail address.")
        row.email_sealed, row.email_index = _sealed(row, "email_sealed", email), queries.email_index(email)
    if given.birth_date is not None:
        is_possible = rules.birth_date_is_possible(given.birth_date, today=today)
        checks.require(is_possible, ("birthDate",), "OUT_OF_RANGE", "Nobody we serve was born on this date.")
        row.birth_date_sealed = _sealed(row, "birth_date_sealed", given.birth_date.isoformat())
    address = checks.optional_text(given.address, ("address",), rules.ADDRESS_MAX, is_multiline=True)
    if address is not None:
        row.address_sealed = _sealed(row, "address_sealed", address)
    notes = checks.optional_text(given.notes, ("notes",), rules.NOTES_MAX, is_multiline=True)
    if notes is not None:
        row.notes_sealed = _sealed(row, "notes_sealed", notes)


def _remove(row: tables.Customer, details: frozenset[rules.CustomerDetail]) -> None:
    """Takes details away, with what they are found and masked by."""
    columns = {
        rules.CustomerDetail.PHONE: ("phone_sealed", "phone_index", "phone_last_digits"),
        rules.CustomerDetail.EMAIL: ("email_sealed", "email_index"),
        rules.CustomerDetail.GENDER: ("gender",),
        rules.CustomerDetail.BIRTH_DATE: ("birth_date_sealed",),
        rules.CustomerDetail.ADDRESS: ("address_sealed",),
        rules.CustomerDetail.NOTES: ("notes_sealed",),
    }
    for detail in details:
        for column in columns[detail]:
            setattr(row, column, None)


def _sealed(row: tables.Customer, column: str, value: str) -> bytes:
    """A value sealed under the person's key at its place.

    Raises: ValueError for a person whose key was destroyed.
    """
    if row.person_key is None:
        raise ValueError("This person was erased.")
    place = crypto.place_of(tables.Customer.__tablename__, column, row.id.hex)
    return crypto.keyring().seal(row.person_key, value, place=place)
