"""What every measurement stands on: PostgreSQL and Valkey of its own, as durable as a salon's, and people who sign in."""

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from salonos import embedded
from salonos.identity import commands as identity
from salonos.identity import rules as identity_rules
from salonos.kernel import crypto, migrations
from salonos.kernel.actor import Actor
from salonos.kernel.database import Database, plain_url
from tests.catalog.makers import make_catalog
from tests.salon.makers import make_branch

START_S = 60.0
LOG_SHOWN = 2_000
"""Characters of the servers' log that a failed start shows."""
PASSWORD = "nine purple umbrellas"
SECRET = secrets.token_urlsafe(48)
TILL = identity.Device(id="till-0123456789abcdef0", name="Till", address="127.0.0.1", program="bench")
SYSTEM = Actor.system()


@dataclass(frozen=True)
class Ground:
    """Running servers and a migrated database."""

    servers: embedded.Servers
    database_url: str

    @property
    def environment(self) -> dict[str, str]:
        """What a process of ours needs to find it."""
        return {
            **os.environ,
            "DATABASE_URL": self.database_url,
            "REDIS_URL": self.servers.redis_url,
            "SECRET_KEY": SECRET,
            "SALONOS_HOME": str(self.servers.socket_folder.parent),
            "SALONOS_OBJECTS_PER_SECOND": "1000000000",  # one person asks for what a whole chain would
            "SALONOS_SOCKETS_PER_DEVICE": "10000",
        }

    async def sign_in(self, username: str) -> str:
        """A new access token; it lives for fifteen minutes."""
        database = await Database.open(self.database_url, pool_size=2)
        try:
            found = await identity.sign_in(database, username=username, password=PASSWORD, device=TILL)
        finally:
            await database.close()
        return found.access_token

    @contextlib.contextmanager
    def process(self, *command: str, port: int, **more: str) -> Iterator["subprocess.Popen[bytes]"]:
        """A server's process, from its first open port on, until the block ends."""
        whole = [*embedded.dies_with_parent("KILL"), *command]
        with (self.servers.socket_folder / "bench.log").open("ab") as log:
            process = subprocess.Popen(whole, env={**self.environment, **more}, stdout=log, stderr=log)
        try:
            try:
                until_open(port, process)
            except RuntimeError as error:
                error.add_note((self.servers.socket_folder / "bench.log").read_text()[-LOG_SHOWN:])
                raise
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(START_S)

    @contextlib.contextmanager
    def salonos(self, *, port: int) -> Iterator["subprocess.Popen[bytes]"]:
        """`salonos serve`."""
        with self.process(sys.executable, "-m", "salonos", "serve", port=port, SALONOS_PORT=str(port)) as process:
            yield process


@contextlib.asynccontextmanager
async def ground(name: str = "bench") -> AsyncIterator[Ground]:
    """A salon with two branches, the owner `owner` and the manager `manager` of the first branch, and nothing sold yet."""
    crypto.configure(crypto.Keyring(SECRET.encode()))
    home = Path(tempfile.mkdtemp(prefix="salonos-bench-"))
    servers = embedded.start(home)
    try:
        yield Ground(servers, await new_database(servers, name))
    finally:
        servers.stop()
        shutil.rmtree(home, ignore_errors=True)


async def new_database(servers: embedded.Servers, name: str) -> str:
    """The address of a further database with the same salon."""
    owner = await asyncpg.connect(plain_url(servers.database_url))
    try:
        await owner.execute(f'create database "{name}" template template0')
    finally:
        await owner.close()
    url = servers.database_url.replace("@/salonos", f"@/{name}")
    await migrations.upgrade(url)
    database = await Database.open(url, pool_size=2)
    try:
        await _open_salon(database)
    finally:
        await database.close()
    return url


async def _open_salon(database: Database) -> None:
    """By the real commands."""
    branch_id = await make_branch(database, "BLR1")
    await make_branch(database, "MYS1")
    await make_catalog(database)
    owner = identity.NewOwner(display_name="Asha Owner", username="owner", password=PASSWORD)
    await database.run(SYSTEM, lambda work: identity.create_owner(work, owner))
    manager = identity.NewStaffMember(
        display_name="Ravi Manager",
        username="manager",
        password_hash=await identity.new_hash(PASSWORD),
        role_id=identity_rules.BUILT_IN_ROLE_IDS["MANAGER"],
        branch_ids=(branch_id,),
        all_branches=False,
    )
    await database.run(SYSTEM, lambda work: identity.create_staff_member(work, manager))


def free_port() -> int:
    """A port of the loopback that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def until_open(port: int, process: "subprocess.Popen[bytes]") -> None:
    """Waits until somebody listens."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args} ended with {process.returncode}.")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.05)
    raise RuntimeError(f"{process.args} does not listen.")


def cpu_s(pid: int) -> float:
    """Seconds of processor time that a process and its ended children have used (proc(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(each) for each in fields[11:13]) / os.sysconf("SC_CLK_TCK")
