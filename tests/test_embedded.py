"""The bundled servers: they start, recover from kill -9, and say clearly why they can't."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import asyncpg
import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from salonos import embedded
from salonos.embedded import BUSY_EXIT, DISK_EXIT, STATE_EXIT, EmbeddedFailed
from salonos.kernel.database import plain_url


class Usage(NamedTuple):
    total: int
    used: int
    free: int


@pytest.fixture
def home() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="salonos-home-"))
    yield folder / "state"
    shutil.rmtree(folder, ignore_errors=True)


async def write(servers: embedded.Servers, sql: str) -> None:
    connection = await asyncpg.connect(plain_url(servers.database_url))
    await connection.execute(sql)
    await connection.close()


async def count(servers: embedded.Servers) -> int:
    connection = await asyncpg.connect(plain_url(servers.database_url))
    found: int = await connection.fetchval("select count(*) from kept")
    await connection.close()
    return found


def test_what_was_written_is_there_after_a_stop_and_after_kill_9(home: Path) -> None:
    with embedded.running(home) as servers:
        asyncio.run(write(servers, "create table kept as select 1 as n"))
    servers = embedded.start(home)
    asyncio.run(write(servers, "insert into kept values (2)"))
    for process in (servers.postgres, servers.valkey):
        process.kill()
        process.wait()
    assert servers.failed() == "PostgreSQL"
    servers.stop()

    with embedded.running(home) as again:
        assert asyncio.run(count(again)) == 2


def test_the_servers_die_with_the_process_that_started_them(home: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from salonos import embedded; "
        "s = embedded.start(Path(sys.argv[1])); print(s.postgres.pid, s.valkey.pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", program, str(home)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pids = [int(word) for word in parent.stdout.readline().split()]
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()

    with embedded.running(home) as servers:
        assert servers.failed() is None
        assert not any(Path(f"/proc/{pid}").exists() and is_running(pid) for pid in pids)


def is_running(pid: int) -> bool:
    return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()


def test_what_is_to_die_with_its_parent_does_not_begin_without_it() -> None:
    """The parent may die before its child has asked for the signal of that: no signal comes any more."""
    words = [*embedded.dies_with_parent("TERM"), "echo", "runs"]
    ours = subprocess.run(words, check=True, capture_output=True, text=True)
    assert ours.stdout == "runs\n"
    anothers = subprocess.run(["sh", "-c", '"$@"; exit $?', "sh", *words], check=False, capture_output=True, text=True)
    assert (anothers.returncode, anothers.stdout) == (1, "")


def test_who_is_told_to_stop_and_can_not_is_ended_by_the_system() -> None:
    program = "import threading; from salonos.kernel import stopping; stopping.end_within(1); threading.Event().wait()"
    assert subprocess.run([sys.executable, "-c", program], check=False, timeout=60).returncode == -signal.SIGALRM


async def ask_without_password(address: str) -> str:
    client = Redis(unix_socket_path=address)
    try:
        await client.ping()
    except RedisError as refused:
        return str(refused)
    finally:
        await client.aclose()
    return "answered"


def test_both_listen_on_private_sockets_only_and_the_store_asks_for_its_password(home: Path) -> None:
    with embedded.running(home) as servers:
        socket = servers.redis_url.partition("@")[2]
        assert Path(socket).parent.stat().st_mode & 0o777 == 0o700
        assert "Authentication required" in asyncio.run(ask_without_password(socket))
        assert (home / "keys" / "valkey").stat().st_mode & 0o777 == 0o600
        command = Path(f"/proc/{servers.valkey.pid}/cmdline").read_bytes()
        assert servers.redis_url.split(":")[2].partition("@")[0].encode() not in command


def test_one_folder_is_used_by_one_process_tree(home: Path) -> None:
    with embedded.running(home), pytest.raises(EmbeddedFailed, match="running already") as failed:
        embedded.start(home)
    assert failed.value.exit_code == BUSY_EXIT


def test_a_folder_of_another_version_is_left_alone(home: Path) -> None:
    with embedded.running(home):
        pass
    (home / "postgres" / "PG_VERSION").write_text("15\n")

    with pytest.raises(EmbeddedFailed, match="written by PostgreSQL 15") as failed:
        embedded.start(home)
    assert failed.value.exit_code == STATE_EXIT


def test_a_folder_of_another_user_is_left_alone(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home.mkdir()
    monkeypatch.setattr(os, "geteuid", lambda: home.stat().st_uid + 1)

    with pytest.raises(EmbeddedFailed, match="belongs to another user") as failed:
        embedded.start(home)
    assert failed.value.exit_code == STATE_EXIT


def test_a_full_disk_is_said_before_anything_is_written(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**9, 10**9, 10**6))

    with pytest.raises(EmbeddedFailed, match="nearly full") as failed:
        embedded.start(home)
    assert failed.value.exit_code == DISK_EXIT
    assert not (home / "postgres").exists()


def test_a_folder_with_a_long_name_gets_its_sockets_elsewhere(home: Path) -> None:
    deep = home / ("x" * 120)
    with embedded.running(deep) as servers:
        assert servers.failed() is None
        assert len(servers.redis_url) < 160


def test_a_set_up_that_was_killed_half_way_starts_over(home: Path) -> None:
    half = home / "postgres.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")

    with embedded.running(home) as servers:
        assert servers.failed() is None


def test_a_lock_whose_number_is_another_programs_by_now_stops_nothing(home: Path) -> None:
    servers = embedded.start(home)
    locks = (home / "postgres" / "postmaster.pid", servers.socket_folder / ".s.PGSQL.5432.lock")
    texts = [lock.read_text() for lock in locks]
    servers.postgres.kill()
    servers.postgres.wait()
    servers.stop()
    other = subprocess.Popen(["sleep", "60"])
    for lock, text in zip(locks, texts, strict=True):
        lock.write_text(f"{other.pid}\n{text.partition(chr(10))[2]}")

    with embedded.running(home) as again:
        assert again.failed() is None
    assert other.poll() is None
    other.kill()
    other.wait()


async def start_endless_work(servers: embedded.Servers) -> int:
    """The number of a server process that does not look up from its work."""
    connection = await asyncpg.connect(plain_url(servers.database_url))
    pid: int = await connection.fetchval("select pg_backend_pid()")
    endless = asyncio.create_task(connection.execute("do $$ begin loop perform 1; end loop; end $$"))
    watcher = await asyncpg.connect(plain_url(servers.database_url))
    running = "select exists (select from pg_stat_activity where pid = $1 and query like 'do %')"
    while not await watcher.fetchval(running, pid):
        pass
    servers.postgres.kill()
    servers.postgres.wait()
    endless.cancel()
    await asyncio.gather(endless, return_exceptions=True)
    connection.terminate()
    watcher.terminate()
    return pid


def test_a_session_that_outlives_its_killed_server_does_not_stop_the_next_one(home: Path) -> None:
    servers = embedded.start(home)
    pid = asyncio.run(start_endless_work(servers))
    servers.stop()
    assert is_running(pid)

    with embedded.running(home) as again:
        assert again.failed() is None
        assert not (Path(f"/proc/{pid}").exists() and is_running(pid))


def test_a_folder_that_postgresql_did_not_write_is_left_alone(home: Path) -> None:
    (home / "postgres").mkdir(parents=True)

    with pytest.raises(EmbeddedFailed, match="damaged") as failed:
        embedded.start(home)
    assert failed.value.exit_code == STATE_EXIT
    assert list((home / "postgres").iterdir()) == []
