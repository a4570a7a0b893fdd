"""One JSON line a request or event, on standard error. Only listed facts are written, so that no personal data can be.

The standard library's logging and twelve lines of ours: a logging library would load longer than the rest of the edge.
"""

import asyncio
import logging
import sys
from datetime import UTC, datetime

import orjson

from salonos.kernel import clock

ALLOWED = frozenset(
    {
        "request_id",
        "operation",
        "kind",
        "status",
        "code",
        "duration_ms",
        "error_id",
        "error",
        "sqlstate",
        "frames",
        "job",
        "job_id",
        "branch_id",
        "count",
    }
)


_requests = logging.getLogger("salonos.requests")
_untold: list[str] = []
"""Lines of requests that ended in this turn of the loop: written together, since a write costs more than a line."""


def request(request_id: str, *, operation: str, status: int, code: str, took_s: float) -> None:
    """The line of one request, written without the steps that only other lines need: this one is written for each."""
    if not _requests.isEnabledFor(logging.INFO):
        return
    told = {
        "timestamp": clock.utc_now().isoformat(timespec="milliseconds"),
        "level": "info",
        "event": "request",
        "request_id": request_id,
        "operation": operation,
        "status": status,
        "code": code,
        "duration_ms": round(took_s * 1000, 1),
    }
    if not _untold:
        asyncio.get_running_loop().call_soon(_tell)
    _untold.append(orjson.dumps(told).decode() + "\n")


def _tell() -> None:
    sys.stderr.write("".join(_untold))
    _untold.clear()


class Lines(logging.Formatter):
    """An event's name, level and time, and those of its facts that are on the list; arguments and traces are not."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        facts = {name: value for name, value in record.__dict__.items() if name in ALLOWED}
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        told = {"timestamp": at, "level": record.levelname.lower(), "event": record.msg, **facts}
        return orjson.dumps(told, default=str).decode()


def configure() -> None:
    """Sends the process's log through the allow-list."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Lines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    for name in ("uvicorn", "uvicorn.error", "arq", "asyncio"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    for name in ("uvicorn.error", "uvicorn.access", "arq.worker", "arq.jobs"):
        logging.getLogger(name).setLevel(logging.WARNING)
