"""Migrations make what the mapped classes say, go up, down and up again, and two starters don't trip over each other."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator

import asyncpg
import pytest
from sqlalchemy import CheckConstraint

from salonos.embedded import SERVER_EXIT, STATE_EXIT
from salonos.kernel import migrations
from salonos.kernel.database import Base, plain_url
from salonos.kernel.ids import new_id
from tests import servers


@pytest.fixture
async def empty_url() -> AsyncIterator[str]:
    name = f"test_{new_id().hex}"
    await servers.create_database(name, template="template0")
    yield servers.url_of(name)
    await servers.drop_database(name)


async def schema_of(url: str) -> list[tuple[str, ...]]:
    """Every column, constraint, index and trigger, as text."""
    connection = await asyncpg.connect(plain_url(url))
    rows = await connection.fetch(
        """
        select 'column', table_name, column_name, data_type || is_nullable || coalesce(column_default, '')
        from information_schema.columns where table_schema = 'public'
        union all
        select 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid)
        from pg_constraint where connamespace = 'public'::regnamespace
        union all
        select 'index', tablename, indexname, indexdef from pg_indexes where schemaname = 'public'
        union all
        select 'trigger', tgrelid::regclass::text, tgname, pg_get_triggerdef(oid) from pg_trigger where not tgisinternal
        order by 1, 2, 3, 4
        """
    )
    await connection.close()
    return [tuple(row) for row in rows]


async def test_the_migrations_make_what_the_mapped_classes_say(database_url: str) -> None:
    await migrations.check(database_url)


async def test_they_go_up_down_and_up_again_to_the_same_schema(empty_url: str) -> None:
    await migrations.upgrade(empty_url)
    first = await schema_of(empty_url)
    await migrations.downgrade(empty_url, revision="base")
    left = {row[1] for row in await schema_of(empty_url)}
    await migrations.upgrade(empty_url)

    assert left == {"alembic_version"}
    assert await schema_of(empty_url) == first


async def test_two_processes_that_start_together_migrate_once(empty_url: str) -> None:
    await asyncio.gather(*(migrations.upgrade(empty_url) for _ in range(3)))

    await migrations.check(empty_url)


def migrate(url: str) -> tuple[int, str]:
    """The exit code and the words of `salonos migrate`."""
    command = [sys.executable, "-m", "salonos", "migrate"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=os.environ | {"DATABASE_URL": url})
    return done.returncode, done.stderr


async def test_a_database_of_a_newer_release_is_left_alone(database_url: str) -> None:
    connection = await asyncpg.connect(plain_url(database_url))
    await connection.execute("update alembic_version set version_num = '9999_later'")
    await connection.close()

    code, said = await asyncio.to_thread(migrate, database_url)
    assert code == STATE_EXIT
    assert "Can't locate revision identified by '9999_later'" in said
    assert said.count("\n") == 1


def test_a_database_that_does_not_answer_is_said_in_a_sentence() -> None:
    code, said = migrate("postgresql+asyncpg://salonos:hush@/salonos?host=/nowhere")

    assert code == SERVER_EXIT
    assert said == "The database of DATABASE_URL does not answer: No such file or directory.\n"


async def test_checks_have_the_names_that_the_mapped_classes_give_them(database_url: str) -> None:
    """A violated check is told by its name, so that the database and the code have to agree on it."""
    connection = await asyncpg.connect(plain_url(database_url))
    rows = await connection.fetch(
        "select conname from pg_constraint where contype = 'c' and connamespace = 'public'::regnamespace"
    )
    await connection.close()
    mapped = {
        str(constraint.name)
        for table in Base.metadata.tables.values()
        if not table.name.startswith("world_")
        for constraint in table.constraints
        if isinstance(constraint, CheckConstraint)
    }

    found = {row["conname"] for row in rows}
    assert {name for name in found if "_ck_" in name} == set()
    assert mapped - found == set()
