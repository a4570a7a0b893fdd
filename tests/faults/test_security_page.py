"""docs/security.md is what the tests show: every attack has its row, and every row its cases."""

import ast
import functools
import re
from pathlib import Path

import pytest

from salonos.edge import connections, frames, server, socket
from salonos.edge.connections import Connection
from tests.faults import test_attacks_http as over_http
from tests.faults import test_attacks_socket as over_socket
from tests.faults.attack_values import SEARCHES

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text()
ROWS = dict(re.findall(r"^\| (A[0-9]+) \|(.*)\|$", PAGE, re.MULTILINE))
TRAPS = dict(re.findall(r"^\| (P[0-9]+) \|(.*)\|$", PAGE, re.MULTILINE))
NUMBER = re.compile(r"\bA[0-9]+\b")
NOT_YET = "not in the product yet"


def shown_by(row: str) -> str:
    return ROWS[row].split(" | ")[-1]


def http_numbers() -> set[str]:
    assert SEARCHES
    return {attack.id for attack in over_http.ATTACKS} | {"A46", "A47"}


def socket_numbers() -> set[str]:
    tables = (over_socket.BEFORE_GREETING, over_socket.AFTER_GREETING, over_socket.OPERATIONS)
    written = re.findall(r'"(A[0-9]+) ', Path(over_socket.__file__).read_text())
    subprotocols = re.findall(r'f"(A[0-9]+) ', Path(over_socket.__file__).read_text())
    return {name.split()[0] for table in tables for name in table} | set(written) | set(subprotocols)


@functools.cache
def functions(path: str) -> frozenset[str]:
    """The names of a test file's functions."""
    tree = ast.parse((ROOT / path).read_text())
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def test_every_attack_has_a_row() -> None:
    assert list(ROWS) == [f"A{number}" for number in range(1, 66)]


@pytest.mark.parametrize("row", ROWS)
def test_a_row_s_tests_exist(row: str) -> None:
    shown = shown_by(row)
    named = re.findall(r"`(tests/[a-z_/0-9]+\.py)::(test_[a-z_0-9]+)`", shown)
    catalogues = {word for word in ("HTTP", "websocket") if re.search(rf"\b{word}\b", shown)}

    assert [f"{path}::{name}" for path, name in named if name not in functions(path)] == []
    assert ("HTTP" in catalogues) <= (row in http_numbers())
    assert ("websocket" in catalogues) <= (row in socket_numbers())
    assert named or catalogues or NOT_YET in ROWS[row]


@pytest.mark.parametrize("trap", TRAPS)
def test_a_trap_s_tests_exist(trap: str) -> None:
    named = re.findall(r"`(tests/[a-z_/0-9]+\.py)::(test_[a-z_0-9]+)`", TRAPS[trap].split(" | ")[-1])

    assert named
    assert [f"{path}::{name}" for path, name in named if name not in functions(path)] == []


def test_traps_stand_in_their_order() -> None:
    assert list(TRAPS) == sorted(TRAPS, key=lambda trap: int(trap[1:]))
    assert len(TRAPS) == 18


def test_the_page_s_bounds_are_those_of_the_code() -> None:
    controls, limit = frames.CONTROLS_MAX, f"{connections.WIRE_BYTES_MAX // 2**20} MiB and {connections.CHUNKS_MAX:,}"
    large = f"{connections.FILE_WIRE_BYTES_MAX // 2**20} MiB and {connections.FILE_CHUNKS_MAX:,}"
    bounds = [
        f"{Connection.address_max} connections an address, {server.CONNECTIONS_MAX:,} a process",
        f"above {socket.OPEN_MAX:,} a process",
        f"above {controls} pings and pongs in ten seconds",
        f"above {frames.FRAMES_MAX:,} frames in ten seconds",
        f"above {frames.FRAGMENTS_MAX} fragments",
        f"{limit} chunks on the wire, {large} at `/files`",
        f"{connections.PIPELINED_MAX} requests ahead",
    ]

    assert [bound for bound in bounds if bound not in PAGE] == []
    assert (frames.WINDOW_S, socket.INIT_S) == (10.0, 5.0)


def test_every_case_has_a_row_that_names_its_catalogue() -> None:
    assert {number for number in http_numbers() if "HTTP" not in shown_by(number)} == set()
    assert {
        number for number in socket_numbers() if not re.search("websocket|test_attacks_socket", shown_by(number))
    } == set()


def test_the_page_names_no_test_that_its_pattern_does_not_see() -> None:
    assert len(re.findall(r"`tests/[^`]+::[^`]+`", PAGE)) == len(
        re.findall(r"`tests/[a-z_/0-9]+\.py::test_[a-z_0-9]+`", PAGE)
    )
    assert NUMBER.findall(" ".join(ROWS)) == list(ROWS)
