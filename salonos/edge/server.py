"""The HTTP server of one API process with its limits; it ends event streams first, so that a stop never waits for them."""

import resource
from types import FrameType

import uvicorn

from salonos.edge.app import App, make_app
from salonos.edge.connections import protocol
from salonos.edge.frames import Frames
from salonos.edge.proxies import Proxies
from salonos.kernel.stopping import end_within
from salonos.settings import Settings

CONNECTIONS_MAX = 5_000
OPEN_FILES = 8_192
HSTS = ("strict-transport-security", "max-age=31536000")
"""Of every reply over TLS: browsers do not try without from then on."""


class Server(uvicorn.Server):
    """Tells the application that it stops: open streams end, sockets are closed with 1012, requests are finished."""

    def __init__(self, config: uvicorn.Config, app: App) -> None:
        super().__init__(config)
        self.app = app

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """SIGTERM or Ctrl-C."""
        end_within()
        self.app.stop_streams()
        super().handle_exit(sig, frame)


def make_server(settings: Settings) -> Server:
    """No new work once it is told to stop, and ten seconds for what is under way."""
    allow_open_files()
    app = make_app(settings)
    certificate = settings.certificate
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http=protocol(Proxies(settings.trusted_proxies)),
        ws=Frames,
        ws_max_size=65_536,
        ws_per_message_deflate=False,
        ws_ping_interval=20,
        ws_ping_timeout=20,
        timeout_graceful_shutdown=10,
        timeout_keep_alive=5,
        limit_concurrency=CONNECTIONS_MAX,  # open sockets are among them; operations have a bound of their own
        proxy_headers=False,  # `salonos.edge.proxies` reads them: uvicorn's would hide who is at the other end
        server_header=False,
        access_log=False,
        log_config=None,
        ssl_certfile=certificate.certificate if certificate else None,
        ssl_keyfile=certificate.key if certificate else None,
        headers=[HSTS] if certificate else [],
    )
    return Server(config, app)


def allow_open_files() -> None:
    """Every connection is a file: as many as we let in must not fail for the shell's default of 1,024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
