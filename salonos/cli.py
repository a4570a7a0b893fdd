"""The command line: `salonos up` runs everything on one PC; serve, worker, migrate and the rest run the parts apart."""

import asyncio
import contextlib
import getpass
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from types import FrameType
from typing import Annotated

import typer
import uvicorn
from rich.console import Console

from salonos import embedded
from salonos.demo import make as demo
from salonos.edge.app import make_app, make_graph
from salonos.identity import commands as identity
from salonos.identity.commands import NewOwner
from salonos.kernel import crypto, migrations
from salonos.kernel.actor import Actor
from salonos.kernel.database import Database
from salonos.kernel.problems import InvalidInput, Problem
from salonos.settings import Settings, SettingWrong
from worker.main import run as run_worker

SLOW_S = 2.0
STOP_S = 20.0
RESTARTS_MAX = 5
RESTART_WINDOW_S = 60.0
USAGE_EXIT, PORT_EXIT = 64, 69

app = typer.Typer(
    help="The back office of a salon.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,  # they may hold a password
)
console = Console(highlight=False)


def fail(message: str, code: int) -> typer.Exit:
    """Says why on standard error; raise what it returns."""
    print(message, file=sys.stderr)
    return typer.Exit(code)


def settings_or_exit() -> Settings:
    """The environment's settings, or the sentence that says which one is wrong."""
    try:
        return Settings.read()
    except SettingWrong as wrong:
        raise fail(str(wrong), USAGE_EXIT) from wrong


def database_url(settings: Settings) -> str:
    """The database that the environment names; the bundled one is only there while `up` runs."""
    if settings.database_url is None:
        raise fail("Set DATABASE_URL, or use `salonos up`, which brings a database.", USAGE_EXIT)
    return settings.database_url


@contextlib.contextmanager
def step(name: str) -> Iterator[None]:
    """A step of the start: a spinner while it takes, a line once it took longer than two seconds."""
    began = time.monotonic()
    with console.status(name) if console.is_terminal else contextlib.nullcontext():
        yield
    took_s = time.monotonic() - began
    if took_s >= SLOW_S:
        console.print(f"{name}: {took_s:.1f} s")


@app.command()
def up() -> None:
    """Run the salon on this PC: servers, migrations, demo data if there is no salon, API and worker."""
    settings = settings_or_exit()
    refuse_taken_port(settings)
    try:
        servers = bundled(settings)
        with servers or contextlib.nullcontext() as running:
            address = (
                (running.database_url, running.redis_url) if running else (settings.database_url, settings.redis_url)
            )
            run_house(settings, str(address[0]), str(address[1]), running)
    except embedded.EmbeddedFailed as failed:
        raise fail(str(failed), failed.exit_code) from failed


def bundled(settings: Settings) -> "contextlib.AbstractContextManager[embedded.Servers] | None":
    """The bundled servers, unless the environment names others."""
    if settings.database_url and settings.redis_url:
        return None
    if settings.database_url or settings.redis_url:
        raise fail("Set both DATABASE_URL and REDIS_URL, or neither.", USAGE_EXIT)
    return embedded.running(settings.home)


def refuse_taken_port(settings: Settings) -> None:
    """A port that is taken is found out before anything starts."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as taken:
            message = f"Port {settings.port} is taken. End what uses it, or set SALONOS_PORT to another one."
            raise fail(message, PORT_EXIT) from taken


def run_house(settings: Settings, database: str, redis: str, servers: embedded.Servers | None) -> None:
    """Migrates, fills an empty salon, and keeps API and worker running until it is told to stop."""
    with step("Bringing the database up to date"):
        asyncio.run(migrations.upgrade(database))
    sign_ins: Sequence[tuple[str, str]] = ()
    if settings.is_demo:
        sign_ins = asyncio.run(furnish(settings, database))
    environment = os.environ | {"DATABASE_URL": database, "REDIS_URL": redis, "SECRET_KEY": settings.secret}
    house = House(environment, servers)
    house.start("serve")
    house.start("worker")
    wait_until_served(settings, house)
    greet(settings, sign_ins)
    house.watch()


async def furnish(settings: Settings, url: str) -> Sequence[tuple[str, str]]:
    """The demo salon where there is no salon yet; its sign-ins, names and passwords, if they were made now."""
    crypto.configure(crypto.Keyring(settings.secret.encode()))
    database = await Database.open(url, set_clock=settings.set_clock)
    try:
        return await demo.furnish(database, password=settings.demo_password, say=console.print)
    except InvalidInput as refused:
        if refused.issues[0].path != ("password",):
            raise
        raise fail(f"SALONOS_DEMO_PASSWORD: {refused.issues[0].message}", USAGE_EXIT) from None
    finally:
        await database.close()


def greet(settings: Settings, sign_ins: Sequence[tuple[str, str]]) -> None:
    """Where everything is."""
    console.print(f"\n[bold]SalonOS[/bold] answers at {settings.address}/graphql")
    console.print(f"Playground:       {settings.address}/playground")
    for username, password in sign_ins:
        console.print(f"  {username:<14} {password}", markup=False)
    if sign_ins:
        console.print("These passwords are shown this once.")
    console.print("Ctrl-C stops it.")


def wait_until_served(settings: Settings, house: "House") -> None:
    """Until the API answers."""
    with step("Starting the API"):
        while not answers(settings):
            house.check()
            time.sleep(0.05)


def answers(settings: Settings) -> bool:
    """Whether something listens at the API's address."""
    with contextlib.suppress(OSError), socket.create_connection((settings.host, settings.port), timeout=1):
        return True
    return False


@dataclass
class House:
    """API and worker as processes of their own: started again when one dies, stopped in order."""

    environment: dict[str, str]
    servers: embedded.Servers | None
    processes: "dict[str, subprocess.Popen[bytes]]" = field(default_factory=dict)
    restarts: list[float] = field(default_factory=list)
    is_stopping: bool = False

    def start(self, part: str) -> None:
        """Starts `serve` or `worker`; the first call takes over the signals."""
        if not self.processes:
            signal.signal(signal.SIGTERM, self.on_signal)
            signal.signal(signal.SIGINT, self.on_signal)
        command = [*embedded.dies_with_parent("TERM"), sys.executable, "-m", "salonos", part]
        self.processes[part] = subprocess.Popen(command, env=self.environment, start_new_session=True)

    def on_signal(self, _number: int, _frame: FrameType | None) -> None:
        """Ctrl-C or SIGTERM: the loop stops at its next look."""
        self.is_stopping = True

    def check(self) -> None:
        """Starts again what died; gives up when a server died or a part dies again and again."""
        if self.is_stopping:
            self.stop()
            raise typer.Exit(0)
        if self.servers is not None and (name := self.servers.failed()):
            self.stop()
            raise fail(f"{name} has stopped. Start SalonOS again: it recovers by itself.", embedded.SERVER_EXIT)
        for part, process in list(self.processes.items()):
            if process.poll() is None:
                continue
            now = time.monotonic()
            self.restarts = [at for at in self.restarts if now - at < RESTART_WINDOW_S] + [now]
            if len(self.restarts) > RESTARTS_MAX:
                self.stop()
                raise fail(f"`salonos {part}` stops again and again (code {process.returncode}).", embedded.SERVER_EXIT)
            self.start(part)

    def watch(self) -> None:
        """Until it is told to stop."""
        while True:
            self.check()
            time.sleep(0.2)

    def stop(self) -> None:
        """The API first, so that no new work comes in, then the worker; each finishes what it is at."""
        for part in ("serve", "worker"):
            process = self.processes.get(part)
            if process is None or process.poll() is not None:
                continue
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@app.command()
def serve() -> None:
    """Run one API process. Needs DATABASE_URL and REDIS_URL."""
    settings = settings_or_exit()
    database_url(settings)
    uvicorn.run(
        make_app(settings),
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http="httptools",
        ws_max_size=65_536,
        ws_max_queue=8,
        ws_per_message_deflate=False,
        ws_ping_interval=20,
        ws_ping_timeout=20,
        timeout_graceful_shutdown=10,
        timeout_keep_alive=5,
        limit_concurrency=500,
        proxy_headers=False,
        server_header=False,
        access_log=False,
        log_config=None,
    )


@app.command()
def worker() -> None:
    """Run one background worker. Needs DATABASE_URL and REDIS_URL."""
    settings = settings_or_exit()
    database_url(settings)
    run_worker(settings)


@app.command()
def migrate() -> None:
    """Bring the database of DATABASE_URL up to date."""
    url = os.environ.get("DATABASE_URL")
    if not url:
        raise fail("Set DATABASE_URL.", USAGE_EXIT)
    asyncio.run(migrations.upgrade(url))


@app.command("check-migrations")
def check_migrations() -> None:
    """Compare the database of DATABASE_URL with the mapped classes; fails on a difference."""
    asyncio.run(migrations.check(database_url(settings_or_exit())))


@app.command()
def schema() -> None:
    """Print the schema's SDL."""
    print(make_graph().sdl, end="")


@app.command("demo")
def demo_command() -> None:
    """Fill an empty database with the demo salon. Needs DATABASE_URL."""
    settings = settings_or_exit()
    for username, password in asyncio.run(furnish(settings, database_url(settings))):
        console.print(f"  {username:<14} {password}", markup=False)


@app.command("create-owner")
def create_owner(
    username: Annotated[str, typer.Argument(help="The name to sign in with.")],
    display_name: Annotated[str, typer.Argument(help="The owner's name as others see it.")],
) -> None:
    """Create an owner's sign-in. The password is asked for, or read from SALONOS_OWNER_PASSWORD."""
    settings = settings_or_exit()
    url = database_url(settings)
    password = os.environ.get("SALONOS_OWNER_PASSWORD") or getpass.getpass("Password: ")
    crypto.configure(crypto.Keyring(settings.secret.encode()))

    async def create() -> None:
        database = await Database.open(url)
        try:
            new = NewOwner(username=username, display_name=display_name, password=password)
            await database.run(Actor.system(), lambda work: identity.create_owner(work, new))
        finally:
            await database.close()

    try:
        asyncio.run(create())
    except InvalidInput as refused:
        raise fail("\n".join(f"{issue.path[0]}: {issue.message}" for issue in refused.issues), USAGE_EXIT) from None
    except Problem as problem:
        raise fail(problem.message, USAGE_EXIT) from None
    console.print(f"{username} may sign in.", markup=False)


def main() -> None:
    """The entry point of the installed command."""
    app()
