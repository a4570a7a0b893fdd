"""`salonos up` as a person has it: it says why it can't start, starts again what dies, and stops in order."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from salonos.embedded import BUSY_EXIT
from salonos.kernel.stopping import LATEST_S
from salonos.settings import USAGE_EXIT
from salonos.up import PORT_EXIT
from tests.journeys.client import Client
from tests.journeys.house import free_port

SECRET = "correct horse battery staple 0123456789"
COMMAND = [sys.executable, "-m", "salonos", "up"]


def environment(home: Path, port: int, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SALONOS_", "DATABASE_"))}
    return kept | {"SALONOS_HOME": str(home), "SALONOS_PORT": str(port), "SECRET_KEY": SECRET, **more}


def refused(home: Path, port: int, **more: str) -> tuple[int, str]:
    """The exit code and the words of a start that does not come about."""
    done = subprocess.run(
        COMMAND, env=environment(home, port, **more), check=False, capture_output=True, text=True, timeout=60
    )
    return done.returncode, done.stderr


@contextlib.contextmanager
def up(home: Path, port: int) -> Iterator["subprocess.Popen[str]"]:
    """A salon that answers, with its log in a file."""
    with (home.parent / "log").open("a") as log:
        process = subprocess.Popen(COMMAND, env=environment(home, port), stdout=subprocess.PIPE, stderr=log, text=True)
    assert process.stdout is not None
    try:
        assert any(line.startswith("Ctrl-C") for line in process.stdout)
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        process.stdout.close()


def parts(process: "subprocess.Popen[str]") -> dict[str, psutil.Process]:
    """Everything that runs under it, by what it is."""
    found = {}
    for each in psutil.Process(process.pid).children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):  # ended meanwhile
            words = each.cmdline()
            for name in ("salonos.edge", "worker", "postgres", "valkey-server"):
                if name in words or (words and words[0].split()[0].endswith(name)):
                    found[name] = each
    return found


def until_ended(processes: dict[str, psutil.Process]) -> None:
    """Waits until none of them runs; one that nobody has asked for its exit code has ended too."""
    deadline = time.monotonic() + 2 * LATEST_S
    for name, process in processes.items():
        with contextlib.suppress(psutil.NoSuchProcess):
            while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                assert time.monotonic() < deadline, f"{name} runs on without its parent"


def connections(home: Path) -> list[str]:
    return sorted(each.name for each in (home / "run").iterdir() if each.is_socket())


def test_a_start_that_can_not_be_is_told_with_its_exit_code(tmp_path: Path) -> None:
    port = free_port()
    assert refused(tmp_path / "state", port, SECRET_KEY="weak")[0] == USAGE_EXIT
    assert refused(tmp_path / "state", port, DATABASE_URL="postgresql://one@/two") == (
        USAGE_EXIT,
        "Set both DATABASE_URL and REDIS_URL, or neither.\n",
    )
    assert not (tmp_path / "state" / "postgres").exists()


def test_a_manifest_that_can_not_be_used_is_told_once_and_ends_the_house(tmp_path: Path) -> None:
    manifest = tmp_path / "trusted.json"
    manifest.write_bytes(b"[]")

    code, said = refused(tmp_path / "state", free_port(), SALONOS_TRUSTED_DOCUMENTS=str(manifest))

    assert code == USAGE_EXIT
    (line,) = [line for line in said.splitlines() if not line.startswith("{")]
    assert line.startswith(f"SALONOS_TRUSTED_DOCUMENTS={manifest} can't be used: it is not of format ")


def test_a_house_starts_again_what_dies_refuses_a_second_one_and_stops_in_order(tmp_path: Path) -> None:
    home, port = tmp_path / "state", free_port()
    with up(home, port) as house:
        assert refused(home, port) == (
            PORT_EXIT,
            f"Port {port} is taken. End what uses it, or set SALONOS_PORT to another one.\n",
        )
        assert refused(home, free_port())[0] == BUSY_EXIT

        before = parts(house)
        assert set(before) == {"salonos.edge", "worker", "postgres", "valkey-server"}
        before["worker"].kill()
        while (after := parts(house)).get("worker") in {None, before["worker"]}:
            pass
        assert after["worker"].pid != before["worker"].pid
        assert after["salonos.edge"].pid == before["salonos.edge"].pid

        house.send_signal(signal.SIGTERM)
        assert house.wait(60) == 0
        assert psutil.wait_procs(after.values(), timeout=0)[1] == []
        assert connections(home) == []

    with up(home, port) as again:
        killed = parts(again)
        again.kill()
        again.wait()
        until_ended(killed)

    with up(home, port) as recovered:
        recovered.send_signal(signal.SIGINT)
        assert recovered.wait(60) == 0


def create_owner(home: Path, port: int, password: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "salonos", "create-owner", "asha", "Asha Kulkarni"]
    own = environment(home, port, SALONOS_OWNER_PASSWORD=password)
    done = subprocess.run(command, env=own, check=False, capture_output=True, text=True)
    return done.returncode, done.stdout


async def test_an_owner_opens_a_real_salon(tmp_path: Path) -> None:
    """No demo: the owner is created beside the running salon, signs in, sets it up, and adds the first branch."""
    home, port = tmp_path / "state", free_port()
    with up(home, port):
        password = "nine purple umbrellas"
        assert create_owner(home, port, password) == (0, "asha may sign in.\n")
        async with Client(f"http://127.0.0.1:{port}") as owner:
            await owner.sign_in("asha", password)
            name = {"input": {"name": "Nayana", "legalName": "Nayana Salons LLP"}}
            assert await owner.data(SET_UP, name) == {
                "setUpSalon": {"__typename": "SetUpSalonSuccess", "salon": {"name": "Nayana", "isDemo": False}}
            }
            assert (await owner.data(SET_UP, name))["setUpSalon"]["__typename"] == "SalonAlreadySetUp"
            branch = {"name": "Indiranagar", "code": "BLR", "address": "12, 100 Feet Road", "stateCode": "29"}
            added = (await owner.data(ADD_BRANCH, {"input": branch}))["addBranch"]
            assert added == {"branch": {"code": "BLR", "gstin": None}}
            schema = await owner.ask("{ __schema { queryType { name } } }")
            assert schema["data"]["__schema"]["queryType"]["name"] == "Query"


SET_UP = "mutation($input: SetUpSalonInput!) { setUpSalon(input: $input) { __typename ... on SetUpSalonSuccess { salon { name isDemo } } } }"
ADD_BRANCH = "mutation($input: AddBranchInput!) { addBranch(input: $input) { ... on AddBranchSuccess { branch { code gstin } } } }"
