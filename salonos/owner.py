"""`python -m salonos.owner USERNAME NAME` creates an owner's sign-in: the first one, or one more."""

import asyncio
import getpass
import os
import sys

from salonos.identity import commands as identity
from salonos.identity.commands import NewOwner
from salonos.kernel import crypto
from salonos.kernel.actor import Actor
from salonos.kernel.database import Database
from salonos.kernel.problems import InvalidInput, Problem
from salonos.settings import Settings
from salonos.terminal import USAGE_EXIT, database_url, fail, settings_or_exit


async def create(settings: Settings, new: NewOwner) -> None:
    """Raises: Problem."""
    database = await Database.open(database_url(settings))
    try:
        await database.run(Actor.system(), lambda work: identity.create_owner(work, new))
    finally:
        await database.close()


def main() -> None:
    """Asks for the password, unless SALONOS_OWNER_PASSWORD has it."""
    settings = settings_or_exit()
    username, display_name = sys.argv[1:]
    password = os.environ.get("SALONOS_OWNER_PASSWORD") or getpass.getpass("Password: ")
    crypto.configure(crypto.Keyring(settings.secret.encode()))
    new = NewOwner(username=username, display_name=display_name, password=password)
    try:
        asyncio.run(create(settings, new))
    except InvalidInput as refused:
        said = "\n".join(f"{issue.path[0]}: {issue.message}" for issue in refused.issues)
        raise fail(said, USAGE_EXIT) from None
    except Problem as problem:
        raise fail(problem.message, USAGE_EXIT) from None
    sys.stdout.write(f"{username} may sign in.\n")


if __name__ == "__main__":
    main()
