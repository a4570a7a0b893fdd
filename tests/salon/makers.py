"""Salons and branches in the states that tests need, made by the real commands."""

from uuid import UUID

from salonos.kernel.actor import Actor
from salonos.kernel.database import Database
from salonos.salon import commands
from salonos.salon.commands import NewBranch, NewSalon
from salonos.salon.rules import TaxScheme, gstin_check_digit

SYSTEM = Actor.system()
KARNATAKA_GSTIN = "29ABCDE1234F1Z" + gstin_check_digit("29ABCDE1234F1Z")


async def make_salon(database: Database) -> UUID:
    """A salon without branches."""
    return await database.run(
        SYSTEM, lambda work: commands.set_up_salon(work, NewSalon(name="Nayana", legal_name="Nayana Salons LLP"))
    )


async def make_branch(database: Database, code: str = "BLR1", **more: object) -> UUID:
    """A registered branch in Karnataka, unless `more` says otherwise."""
    given: dict[str, object] = {
        "name": f"Branch {code}",
        "code": code,
        "address": "12, 100 Feet Road, Indiranagar, Bengaluru 560038",
        "state_code": "29",
        "gstin": KARNATAKA_GSTIN,
        "tax_scheme": TaxScheme.REGULAR,
    }
    new = NewBranch(**{**given, **more})  # type: ignore[arg-type]  # a test's own values
    return await database.run(SYSTEM, lambda work: commands.add_branch(work, new))
