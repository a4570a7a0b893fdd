"""The load: wrk, a client in C that costs the machine little; its figures and the server's processor time per request."""

import itertools
import json
import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from bench.ground import cpu_s
from salonos.kernel.ids import new_id

_NUMBERS = itertools.count(10**11, 10**8)
_MS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}


REFERENCE = "412345678901"
"""Of a payment in a body; each request has another in its place, as each customer's transfer has."""
_KEYED = """
local asked, body = 0, wrk.body
request = function()
  asked = asked + 1
  wrk.headers["idempotency-key"] = "%s-" .. asked
  return wrk.format(nil, nil, nil, (body:gsub("%s", string.format("%%012d", %d + asked))))
end
"""


@dataclass(frozen=True)
class Loaded:
    """What one run saw. `cpu_us` is the server process's own time per request, PostgreSQL's not counted."""

    requests_per_s: float
    p99_ms: float
    cpu_us: float


@dataclass(frozen=True)
class Target:
    """A server under load."""

    port: int
    pid: int
    headers: tuple[tuple[str, str], ...] = ()


def load(target: Target, body: bytes, *, connections: int, seconds: int, is_keyed: bool = False) -> Loaded:
    """Posts a body again and again over so many connections; `is_keyed` gives each an Idempotency-Key of its own.

    Raises: RuntimeError where an answer is not of 2xx.
    """
    with tempfile.TemporaryDirectory(prefix="salonos-bench-") as folder:
        script = Path(folder) / "post.lua"
        script.write_text(
            _script(target, body) + (_KEYED % (new_id().hex, REFERENCE, next(_NUMBERS)) if is_keyed else "")
        )
        command = [
            "wrk",
            "-t1",
            f"-c{connections}",
            f"-d{seconds}s",
            "--latency",
            "--timeout",
            "30s",
            "-s",
            str(script),
        ]
        before_s = cpu_s(target.pid)
        done = subprocess.run(
            [*command, f"http://127.0.0.1:{target.port}/graphql"], capture_output=True, text=True, check=True
        )
        spent_s = cpu_s(target.pid) - before_s
    told = done.stdout
    if "Non-2xx" in told or "Socket errors" in told:
        raise RuntimeError(told)
    requests = int(_found(r"(\d+) requests in", told))
    p99 = re.search(r"99%\s+([\d.]+)(us|ms|s|m)\b", told)
    if p99 is None:
        raise RuntimeError(told)
    return Loaded(
        float(_found(r"Requests/sec:\s+([\d.]+)", told)), float(p99[1]) * _MS[p99[2]], spent_s / max(requests, 1) * 1e6
    )


def _script(target: Target, body: bytes) -> str:
    headers = (("content-type", "application/json"), *target.headers)
    lines = [f"wrk.headers[{json.dumps(name)}] = {json.dumps(value)}" for name, value in headers]
    quoted = "".join(f"\\{byte:03d}" for byte in body)
    return "\n".join(["wrk.method = 'POST'", f'wrk.body = "{quoted}"', *lines, ""])


def _found(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    if found is None:
        raise RuntimeError(text)
    return found[1]
