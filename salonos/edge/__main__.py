"""`python -m salonos.edge serve` is one API process; `python -m salonos.edge schema` prints the schema."""

import sys

import uvicorn

from salonos.edge.app import make_app, make_graph
from salonos.settings import Settings
from salonos.terminal import settings_or_exit


def serve(settings: Settings) -> None:
    """Until it is told to stop; then no new work, ten seconds for what is under way, sockets closed with 1012."""
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


if sys.argv[1:] == ["schema"]:
    sys.stdout.write(make_graph().sdl)
else:
    serve(settings_or_exit())
