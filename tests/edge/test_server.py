"""What the HTTP server is told, where its own defaults would harm us."""

from pathlib import Path

import pytest

from salonos import authority
from salonos.edge.connections import Connection
from salonos.edge.frames import Frames
from salonos.edge.server import make_server
from salonos.settings import Settings

SECRET = "correct horse battery staple 0123456789"
PINNED = {
    "ws": Frames,
    "ws_max_size": 65_536,
    "ws_per_message_deflate": False,
    "ws_ping_interval": 20,
    "ws_ping_timeout": 20,
    "timeout_graceful_shutdown": 10,
    "timeout_keep_alive": 5,
    "limit_concurrency": 5_000,
    "proxy_headers": False,
    "server_header": False,
    "access_log": False,
    "headers": [],
}


def settings(home: Path, **more: str) -> Settings:
    return Settings.read({"SALONOS_HOME": str(home), "SECRET_KEY": SECRET, **more})


def test_the_server_is_told_all_that_its_defaults_get_wrong(tmp_path: Path) -> None:
    config = make_server(settings(tmp_path)).config
    config.load()

    assert {name: getattr(config, name) for name in PINNED} == PINNED
    assert config.http_protocol_class.__bases__ == (Connection,)  # with the proxies of its process
    assert config.ws_protocol_class is Frames


def test_over_tls_every_reply_says_so(tmp_path: Path) -> None:
    authority.make(tmp_path, ("127.0.0.1",))
    config = make_server(settings(tmp_path, SALONOS_TLS="1")).config
    config.load()

    assert config.is_ssl
    assert config.encoded_headers == [(b"strict-transport-security", b"max-age=31536000")]


@pytest.mark.parametrize("forwarded", ["*", "127.0.0.1"])
def test_no_environment_makes_it_trust_a_proxy(forwarded: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", forwarded)
    made = make_server(settings(tmp_path))
    made.config.load()

    assert made.config.loaded_app is made.app
