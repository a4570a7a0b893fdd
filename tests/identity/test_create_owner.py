"""The way in on a fresh machine: `salonos create-owner`, and no password that nobody chose."""

import asyncio
import os
import subprocess
import sys

import pytest

from salonos.identity import commands
from salonos.kernel.database import Database
from tests.conftest import SECRET
from tests.identity.makers import PASSWORD, TABLET


async def create_owner(database: Database, password: str, username: str = "asha") -> subprocess.CompletedProcess[str]:
    """Runs the command as an administrator does."""
    environment = {
        **os.environ,
        "DATABASE_URL": database.url,
        "REDIS_URL": "redis://unused",
        "SECRET_KEY": SECRET.decode(),
        "SALONOS_OWNER_PASSWORD": password,
    }
    command = [sys.executable, "-m", "salonos", "create-owner", username, "Asha Kulkarni"]
    return await asyncio.to_thread(
        subprocess.run, command, env=environment, capture_output=True, text=True, check=False
    )


async def test_a_fresh_database_has_nobody_to_sign_in(database: Database) -> None:
    assert await database.pool.fetchval("select count(*) from staff") == 0


async def test_the_owner_that_was_made_signs_in_everywhere(database: Database) -> None:
    made = await create_owner(database, PASSWORD)

    assert (made.returncode, made.stdout) == (0, "asha may sign in.\n")
    signed_in = await commands.sign_in(database, username="asha", password=PASSWORD, device=TABLET)
    assert (signed_in.actor.name, signed_in.actor.access.reach.name) == ("Asha Kulkarni", "ALL")


@pytest.mark.parametrize(
    ("password", "said"),
    [
        ("short", "password: A password has at least 8 characters.\n"),
        ("AshaKulkarni1", "password: This password is among the first that others would try.\n"),
    ],
)
async def test_a_weak_password_is_refused_in_a_sentence(database: Database, password: str, said: str) -> None:
    refused = await create_owner(database, password)

    assert (refused.returncode, refused.stderr, refused.stdout) == (64, said, "")
    assert await database.pool.fetchval("select count(*) from staff") == 0


async def test_a_username_that_is_taken_is_refused_in_a_sentence(database: Database) -> None:
    await create_owner(database, PASSWORD)

    refused = await create_owner(database, "another fine password", "ASHA")

    assert (refused.returncode, refused.stderr) == (64, "Somebody else has this username.\n")
