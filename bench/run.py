"""`make bench`: every measurement, printed as Markdown. One run means something; figures of two runs don't compare."""

import argparse
import asyncio
from typing import Any

from bench import checkout, export, floor, live, pages, reading, receipt, start, stock
from bench.ground import ground
from bench.rivals import RIVALS


async def main(rounds: int, seconds: int, only: set[str]) -> None:
    """Prints every table as it is finished."""
    parts: dict[str, Any] = {
        "reads": lambda on: reading.measure(on, rounds=rounds, seconds=seconds, rivals=RIVALS),
        "floor": lambda on: floor.measure(on, rounds=rounds, seconds=seconds),
        "checkout": lambda on: checkout.measure(on, rounds=rounds, seconds=seconds),
        "live": live.measure,
        "pages": pages.measure,
        "start": start.measure,
        "stock": stock.measure,
        "receipt": receipt.measure,
        "export": export.measure,
    }
    for name, part in parts.items():
        if not only or name in only:
            async with ground() as on:
                print(f"\n### {name}\n", *await part(on), sep="\n", flush=True)


if __name__ == "__main__":
    reader = argparse.ArgumentParser(description="SalonOS beside others.")
    reader.add_argument("--rounds", type=int, default=5)
    reader.add_argument("--seconds", type=int, default=2)
    reader.add_argument(
        "only",
        nargs="*",
        help="reads, floor, checkout, live, pages, start, stock, receipt, export; all of them when none is named",
    )
    given = reader.parse_args()
    asyncio.run(main(given.rounds, given.seconds, set(given.only)))
