"""A process whose children ask the engine and die where they are told to. It reads what to ask and answers how it ended.

Run as `python -m tests.bills.nursery DATABASE_URL`, with a line of JSON for each child: `point`, `text`, `key`, `input`.
A child is a fork, so that importing everything is paid for once.
"""

import asyncio
import json
import os
import sys
from typing import Any

from salonos.kernel import crypto
from salonos.kernel.database import Database
from salonos.kernel.work import FAILPOINT
from tests.bills.asking import Asker
from tests.conftest import SECRET


async def ask(url: str, asked: dict[str, Any]) -> None:
    """Asks as the system. Does not come back from a point that is reached."""
    database = await Database.open(url, pool_size=1)
    await Asker(database).data(asked["text"], key=asked["key"], input=asked["input"])
    await database.close()


def main(url: str) -> None:
    """A child for each line; its exit code on a line of its own."""
    crypto.configure(crypto.Keyring(SECRET))
    for line in sys.stdin:
        asked = json.loads(line)
        child = os.fork()
        if child == 0:
            os.environ[FAILPOINT] = asked["point"]
            asyncio.run(ask(url, asked))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])
