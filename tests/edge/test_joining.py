"""A reply's head and body are one write; nothing that was written is lost or turned round."""

import asyncio
from typing import Any

from salonos.edge.joining import LARGE, Joining


class Wire(asyncio.Transport):
    """Keeps what is sent."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[bytes] = []

    def write(self, data: Any) -> None:
        self.sent.append(data)

    def close(self) -> None:
        self.sent.append(b"closed")

    def is_closing(self) -> bool:
        return b"closed" in self.sent


async def test_what_is_written_in_one_turn_is_sent_as_one() -> None:
    wire = Wire()
    joining = Joining(wire, asyncio.get_running_loop())

    joining.write(b"head ")
    joining.write(b"body")
    assert wire.sent == []
    await asyncio.sleep(0)
    joining.write(b"next")
    await asyncio.sleep(0)

    assert wire.sent == [b"head body", b"next"]


async def test_a_large_piece_goes_at_once_behind_what_waits() -> None:
    wire, large = Wire(), b"x" * LARGE
    joining = Joining(wire, asyncio.get_running_loop())

    joining.write(b"head ")
    joining.write(large)
    joining.write(b"end")
    assert wire.sent == [b"head " + large]
    await asyncio.sleep(0)

    assert wire.sent == [b"head " + large, b"end"]


async def test_a_connection_is_closed_behind_what_was_written() -> None:
    wire = Wire()
    joining = Joining(wire, asyncio.get_running_loop())

    joining.write(b"last words")
    joining.close()
    await asyncio.sleep(0)

    assert wire.sent == [b"last words", b"closed"]
    assert joining.is_closing()
