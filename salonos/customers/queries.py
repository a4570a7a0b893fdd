"""Named reads that commands need, and the forms in which people are searched."""

from uuid import UUID

from sqlalchemy import func, select

from salonos.customers import rules, tables
from salonos.kernel import crypto
from salonos.kernel.work import Work

PHONE_PURPOSE, EMAIL_PURPOSE = "customer phone", "customer email"


def phone_index(phone: str) -> bytes:
    """By what a phone number in E.164 form is found."""
    return crypto.keyring().index(PHONE_PURPOSE, phone)


def email_index(email: str) -> bytes:
    """By what an e-mail address is found."""
    return crypto.keyring().index(EMAIL_PURPOSE, rules.email_key(email))


async def customer_for_bill(work: Work, customer_id: UUID) -> tables.Customer | None:
    """A customer by their id."""
    return await work.session.get(tables.Customer, customer_id)


async def has_address(work: Work, customer_id: UUID) -> bool:
    """Whether a customer's address is known."""
    found = select(tables.Customer.address_sealed.is_not(None)).where(tables.Customer.id == customer_id)
    return bool((await work.session.execute(found)).scalar_one_or_none())


async def lock(work: Work, customer_id: UUID) -> None:
    """Makes others wait who want to write about a customer; rows that only point at the customer are not held up."""
    found = select(tables.Customer.id).where(tables.Customer.id == customer_id).with_for_update(key_share=True)
    await work.session.execute(found)


async def customer_for_update(work: Work, customer_id: UUID) -> tables.Customer | None:
    """A customer, locked so that two changes of one person follow one another."""
    found = select(tables.Customer).where(tables.Customer.id == customer_id).with_for_update()
    return (await work.session.execute(found)).scalar_one_or_none()


async def lock_phone(work: Work, index: bytes) -> None:
    """Lets one transaction at a time take a phone number: two tills must not both create the same person."""
    key = int.from_bytes(index[:8], "big", signed=True)
    await work.session.execute(select(func.pg_advisory_xact_lock(key)))


async def customer_by_phone(work: Work, index: bytes, *, but: UUID | None = None) -> UUID | None:
    """The longest known customer with a phone number."""
    found = select(tables.Customer.id).where(tables.Customer.phone_index == index)
    if but is not None:
        found = found.where(tables.Customer.id != but)
    return (await work.session.execute(found.order_by(tables.Customer.id).limit(1))).scalar_one_or_none()
