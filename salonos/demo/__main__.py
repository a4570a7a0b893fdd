"""`python -m salonos.demo` makes the demo salon where there is none, and prints its sign-ins."""

import asyncio
import sys
from collections.abc import Sequence

from salonos.demo import make
from salonos.kernel import crypto
from salonos.kernel.database import Database
from salonos.kernel.problems import InvalidInput
from salonos.settings import Settings
from salonos.terminal import USAGE_EXIT, database_url, fail, settings_or_exit


def say(line: str) -> None:
    """Progress, as it happens."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


async def furnish(settings: Settings) -> Sequence[tuple[str, str]]:
    """The sign-ins that were made, if any."""
    database = await Database.open(database_url(settings), set_clock=settings.set_clock)
    try:
        return await make.furnish(database, password=settings.demo_password, say=say)
    except InvalidInput as refused:
        said = " ".join(issue.message for issue in refused.issues)
        raise fail(f"SALONOS_DEMO_PASSWORD: {said}", USAGE_EXIT) from None
    finally:
        await database.close()


def main() -> None:
    """Makes it, and says who may sign in."""
    settings = settings_or_exit()
    crypto.configure(crypto.Keyring(settings.secret.encode()))
    sign_ins = asyncio.run(furnish(settings))
    if not sign_ins:
        return
    say("\nSign in as one of these; the passwords are shown this once.")
    for username, password in sign_ins:
        say(f"  {username:<14} {password}")


main()
