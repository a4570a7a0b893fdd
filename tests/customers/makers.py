"""Customers in the states that tests need, made by the real commands."""

from uuid import UUID

from salonos.customers import commands
from salonos.customers.commands import NewCustomer
from salonos.kernel.actor import Actor
from salonos.kernel.database import Database

SYSTEM = Actor.system()
ASHA, ASHA_PHONE = "Asha Menon", "+919845012345"


async def make_customer(database: Database, name: str = ASHA, phone: str | None = ASHA_PHONE, **more: object) -> UUID:
    """A customer with a phone number, and more as a test needs it."""
    new = NewCustomer(name=name, phone=phone, **more)  # type: ignore[arg-type]  # a test's own values
    return await database.run(SYSTEM, lambda work: commands.create_customer(work, new))
