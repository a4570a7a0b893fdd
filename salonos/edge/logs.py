"""One JSON line a request or event, on standard error. Only listed facts are written, so that no personal data can be."""

import logging
import sys

import orjson
import structlog

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


def configure() -> None:
    """Sends the process's log through the allow-list."""
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.ExtraAdder(allow=ALLOWED),
    ]
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.JSONRenderer(serializer=lambda value, **_: orjson.dumps(value).decode()),
        ],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    for name in ("uvicorn", "uvicorn.error", "arq", "asyncio"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    for name in ("uvicorn.error", "uvicorn.access", "arq.worker", "arq.jobs"):
        logging.getLogger(name).setLevel(logging.WARNING)
