"""Fast hashes, a salon with two branches and its owner."""

from collections.abc import Iterator

import pytest

from salonos.identity.commands import passwords
from salonos.kernel.database import Database
from tests.identity import makers


@pytest.fixture(autouse=True)
def small_hashes() -> Iterator[None]:
    """OWASP's least: the suite hashes some hundred passwords."""
    usual = passwords.hashing.hasher
    passwords.hashing.hasher = passwords.SMALL
    yield
    passwords.hashing.hasher = usual


@pytest.fixture
async def house(database: Database) -> makers.House:
    """A salon with two branches and its owner."""
    return await makers.open_house(database)
