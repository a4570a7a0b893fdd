"""`salonos up`: the whole salon as one process tree, on the bundled servers or on those that the environment names.

This process only starts, watches and stops others, and loads nothing that they need: a second start takes as long as
the API takes to load.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from salonos import embedded
from salonos.settings import DATABASE_EXIT, Settings
from salonos.terminal import USAGE_EXIT, fail

SLOW_S = 2.0
STOP_S = 20.0
START_S = 120.0
RESTARTS_MAX = 5
RESTART_WINDOW_S = 60.0
PORT_EXIT, INTERRUPTED_EXIT = 69, 130
MIGRATIONS = Path(__file__).resolve().parents[1] / "migrations" / "versions"
_UNUSED_DEMO = (
    "select not exists (select from salons) or exists (select from salons where is_demo) "
    "and not exists (select from staff where signed_in_at is not null)"
)


def run(settings: Settings) -> None:
    """Runs until it is told to stop."""
    refuse_taken_port(settings)
    try:
        with bundled(settings) as servers:
            run_house(settings, servers)
    except embedded.EmbeddedFailed as failed:
        raise fail(str(failed), failed.exit_code) from None
    except KeyboardInterrupt:
        raise SystemExit(INTERRUPTED_EXIT) from None


def refuse_taken_port(settings: Settings) -> None:
    """A port that is taken is found out before anything starts."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError:
            message = f"Port {settings.port} is taken. End what uses it, or set SALONOS_PORT to another one."
            raise fail(message, PORT_EXIT) from None


@contextlib.contextmanager
def bundled(settings: Settings) -> Iterator[embedded.Servers | None]:
    """The bundled servers, or None where the environment names others."""
    if settings.database_url and settings.redis_url:
        yield None
        return
    if settings.database_url or settings.redis_url:
        raise fail("Set both DATABASE_URL and REDIS_URL, or neither.", USAGE_EXIT)
    with step("Starting PostgreSQL and Valkey"):
        servers = embedded.start(settings.home)
    try:
        yield servers
    finally:
        servers.stop()


@contextlib.contextmanager
def step(name: str) -> Iterator[None]:
    """A step of the start: named when it begins, and told with its time once it took longer than two seconds."""
    say(f"{name}…")
    began = time.monotonic()
    yield
    took_s = time.monotonic() - began
    if took_s >= SLOW_S:
        say(f"{name} took {took_s:.1f} s")


def say(line: str) -> None:
    """A line on standard output, at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def run_house(settings: Settings, servers: embedded.Servers | None) -> None:
    """Migrates, fills an empty salon, and keeps API and worker running until it is told to stop."""
    environment = os.environ | {"SECRET_KEY": settings.secret, "SALONOS_HOME": str(settings.home)}
    if servers is not None:
        environment |= {"DATABASE_URL": servers.database_url, "REDIS_URL": servers.redis_url}
    house = House(environment, servers)
    if servers is None or servers.ask("select version_num from alembic_version") != newest_migration():
        with step("Bringing the database up to date"):
            house.finish("salonos.migrate")
    if settings.is_demo and (servers is None or servers.ask(_UNUSED_DEMO) == "t"):
        house.finish("salonos.demo")
    house.start("serve", "salonos.edge", "serve")
    with step("Starting the API"):
        house.until_served(settings)
    house.start("worker", "worker")  # afterwards, so that the till does not wait for it
    address = settings.shown_address
    say(f"\nSalonOS answers at {address}/graphql")
    say(f"Playground:        {address}/playground")
    if settings.certificate is not None:
        house.finish("salonos.tablets")
    say("Ctrl-C stops it.")
    house.watch()


def newest_migration() -> str:
    """The last of the migrations' names, which are numbered."""
    return max(path.stem for path in MIGRATIONS.glob("[0-9]*.py"))


@dataclass
class House:
    """API and worker as processes of their own: started again when one dies, stopped in order."""

    environment: dict[str, str]
    servers: embedded.Servers | None
    commands: dict[str, list[str]] = field(default_factory=dict)
    processes: "dict[str, subprocess.Popen[bytes]]" = field(default_factory=dict)
    restarts: list[float] = field(default_factory=list)
    is_stopping: bool = False

    def __post_init__(self) -> None:
        signal.signal(signal.SIGTERM, self.on_signal)
        signal.signal(signal.SIGINT, self.on_signal)

    def on_signal(self, _number: int, _frame: FrameType | None) -> None:
        """Ctrl-C or SIGTERM: the loop stops at its next look."""
        self.is_stopping = True

    def start(self, name: str, module: str, *words: str) -> None:
        """Starts a part that is to run for ever."""
        self.commands[name] = [*embedded.dies_with_parent("TERM"), sys.executable, "-m", module, *words]
        self.processes[name] = subprocess.Popen(self.commands[name], env=self.environment, start_new_session=True)

    def finish(self, module: str) -> None:
        """Runs a part that comes to an end, and waits for it."""
        command = [*embedded.dies_with_parent("TERM"), sys.executable, "-m", module]
        process = subprocess.Popen(command, env=self.environment, start_new_session=True)
        while process.poll() is None:
            if self.is_stopping:
                process.terminate()
                process.wait()
                raise SystemExit(0)
            time.sleep(0.02)
        if process.returncode:
            raise SystemExit(process.returncode)

    def until_served(self, settings: Settings) -> None:
        """Waits until the API answers."""
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            self.check()
            with contextlib.suppress(OSError), socket.create_connection((settings.host, settings.port), timeout=1):
                return
            time.sleep(0.02)
        self.stop()
        raise fail("The API did not start.", embedded.SERVER_EXIT)

    def check(self) -> None:
        """Starts again what died; gives up when a server died or a part dies again and again."""
        if self.is_stopping:
            self.stop()
            raise SystemExit(0)
        if self.servers is not None and (name := self.servers.failed()):
            self.stop()
            raise fail(f"{name} has stopped. Start SalonOS again: it recovers by itself.", embedded.SERVER_EXIT)
        for name, process in list(self.processes.items()):
            if process.poll() is None:
                continue
            if process.returncode in {DATABASE_EXIT, USAGE_EXIT}:  # it has said why, and would say it again
                self.stop()
                raise SystemExit(process.returncode)
            now = time.monotonic()
            self.restarts = [at for at in self.restarts if now - at < RESTART_WINDOW_S] + [now]
            if len(self.restarts) > RESTARTS_MAX:
                self.stop()
                raise fail(f"`salonos {name}` ends again and again (code {process.returncode}).", embedded.SERVER_EXIT)
            self.processes[name] = subprocess.Popen(self.commands[name], env=self.environment, start_new_session=True)

    def watch(self) -> None:
        """Until it is told to stop."""
        while True:
            self.check()
            time.sleep(0.1)

    def stop(self) -> None:
        """The API first, so that no new work comes in, then the worker; each finishes what it is at."""
        for name in ("serve", "worker"):
            process = self.processes.get(name)
            if process is None or process.poll() is not None:
                continue
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
