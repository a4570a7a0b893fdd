"""`python -m salonos.migrate` brings the database of DATABASE_URL up to date. It needs no secret."""

import asyncio
import os

from alembic.util import CommandError

from salonos.embedded import SERVER_EXIT, STATE_EXIT
from salonos.kernel import migrations
from salonos.terminal import USAGE_EXIT, fail


def main() -> None:
    """Runs the migrations."""
    url = os.environ.get("DATABASE_URL")
    if not url:
        raise fail("Set DATABASE_URL.", USAGE_EXIT)
    try:
        asyncio.run(migrations.upgrade(url))
    except CommandError as error:
        message = (
            f"The database was not written by this SalonOS or one before it: {error}. Start the one that wrote it."
        )
        raise fail(message, STATE_EXIT) from None
    except OSError as error:
        raise fail(f"The database of DATABASE_URL does not answer: {error.strerror or error}.", SERVER_EXIT) from None


if __name__ == "__main__":
    main()
