"""A salon as it runs: bundled servers, two API processes and a worker, each a process that can be killed."""

import asyncio
import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from salonos import embedded

START_S = 60.0
SECRET = secrets.token_urlsafe(48)


def free_port() -> int:
    """A port of the loopback that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class House:
    """The processes of one salon. `clock` is an instant in RFC 3339: the time of every transaction."""

    home: Path
    clock: str
    ports: tuple[int, int] = field(default_factory=lambda: (free_port(), free_port()))
    servers: embedded.Servers | None = None
    processes: "list[subprocess.Popen[bytes]]" = field(default_factory=list)

    @property
    def addresses(self) -> tuple[str, str]:
        """Where the two API processes answer."""
        one, other = self.ports
        return f"http://127.0.0.1:{one}", f"http://127.0.0.1:{other}"

    @property
    def database_url(self) -> str:
        """The running database."""
        assert self.servers is not None
        return self.servers.database_url

    def start_servers(self) -> None:
        """PostgreSQL and Valkey, as durable as in a salon."""
        self.servers = embedded.start(self.home)

    def start(self, *parts: str, clock: str | None = None, **more: str) -> None:
        """Starts `serve` (once for each port) and `worker`, as they are named."""
        assert self.servers is not None
        environment = os.environ | {
            "SALONOS_HOME": str(self.home),
            "DATABASE_URL": self.servers.database_url,
            "REDIS_URL": self.servers.redis_url,
            "SECRET_KEY": SECRET,
            "SALONOS_DEMO": "1",
            "SALONOS_SET_CLOCK": clock or self.clock,
            **more,
        }
        log = (self.home / "logs" / "parts.log").open("ab")
        with log:
            for place, part in enumerate(parts):
                own = environment | {"SALONOS_PORT": str(self.ports[place % 2])}
                command = [*embedded.dies_with_parent("KILL"), sys.executable, "-m", "salonos", part]
                self.processes.append(subprocess.Popen(command, env=own, stdout=log, stderr=log))

    async def until_served(self, *ports: int) -> None:
        """Until the API processes answer."""
        deadline = time.monotonic() + START_S
        for port in ports or self.ports:
            while time.monotonic() < deadline:
                with contextlib.suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.close()
                    await writer.wait_closed()
                    break
                assert all(process.poll() is None for process in self.processes), self.log()
                await asyncio.sleep(0.05)

    def log(self) -> str:
        """What the processes have said lately."""
        return (self.home / "logs" / "parts.log").read_text()[-4000:]

    def kill(self) -> None:
        """kill -9 for everything: API processes, worker, PostgreSQL, Valkey."""
        for process in self.processes:
            process.kill()
        for process in self.processes:
            process.wait()
        self.processes.clear()
        if self.servers is not None:
            for server in (self.servers.postgres, self.servers.valkey):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(server.pid, signal.SIGKILL)
                server.wait()
            self.servers.lock.close()
            self.servers = None

    def stop(self) -> int:
        """SIGTERM for the parts; returns how many did not end well."""
        for process in self.processes:
            process.send_signal(signal.SIGTERM)
        codes = [process.wait(START_S) for process in self.processes]
        self.processes.clear()
        if self.servers is not None:
            self.servers.stop()
            self.servers = None
        return sum(code not in (0, -signal.SIGTERM) for code in codes)


@contextlib.contextmanager
def house(home: Path, *, clock: str) -> Iterator[House]:
    """A house whose processes are gone at the end, whatever happened."""
    made = House(home, clock)
    made.start_servers()
    try:
        yield made
    finally:
        made.kill()
