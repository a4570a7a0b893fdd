"""`python -m salonos.migrate` brings the database of DATABASE_URL up to date. It needs no secret."""

import asyncio
import os

from salonos.kernel import migrations
from salonos.terminal import USAGE_EXIT, fail


def main() -> None:
    """Runs the migrations."""
    url = os.environ.get("DATABASE_URL")
    if not url:
        raise fail("Set DATABASE_URL.", USAGE_EXIT)
    asyncio.run(migrations.upgrade(url))


if __name__ == "__main__":
    main()
