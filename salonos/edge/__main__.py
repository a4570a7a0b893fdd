"""`python -m salonos.edge serve` is one API process; `python -m salonos.edge schema` prints the schema."""

import contextlib
import sys

from salonos import starting
from salonos.edge.app import make_graph
from salonos.edge.server import make_server
from salonos.settings import Settings
from salonos.terminal import fail, settings_or_exit

START_FAILED = 3


def serve(settings: Settings) -> None:
    """Until it is told to stop."""
    server = make_server(settings)
    starting.is_over()
    try:
        with contextlib.suppress(KeyboardInterrupt):
            server.run()
    except SystemExit:
        if server.app.refusal:
            raise fail(server.app.refusal, server.app.refusal_code) from None
        raise
    if not server.started:
        sys.exit(START_FAILED)


if sys.argv[1:] == ["schema"]:
    sys.stdout.write(make_graph().sdl)
else:
    serve(settings_or_exit())
