"""Passwords of the demo's tests are hashed with the least memory."""

from collections.abc import Iterator

import pytest

from salonos.identity.commands import passwords


@pytest.fixture(autouse=True)
def small_hashes() -> Iterator[None]:
    """The smallest hasher, put back afterwards."""
    usual = passwords.hashing.hasher
    passwords.hashing.hasher = passwords.SMALL
    yield
    passwords.hashing.hasher = usual
