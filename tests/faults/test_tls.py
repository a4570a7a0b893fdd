"""Other addresses than the loopback are served over TLS only, by an authority of the salon's own (A65)."""

import asyncio
import contextlib
import os
import socket
import ssl
import stat
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import websockets
from cryptography import x509
from PIL import Image
from websockets.asyncio.client import connect

from salonos import authority, network, tablets
from salonos.edge.gate import SECURITY_HEADERS
from salonos.kernel.ids import new_id
from salonos.settings import USAGE_EXIT, Settings, SettingWrong
from tests import servers
from tests.bills.papers import codes_of
from tests.faults import served as serving
from tests.faults.served import SECRET, Served
from tests.journeys.client import receive, send

STRONG = "correct horse battery staple 0123456789"


def read(home: Path, **more: str) -> Settings:
    return Settings.read({"SALONOS_HOME": str(home), "SECRET_KEY": STRONG, **more})


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "127.255.255.254", "::1", "localhost"])
def test_a65_the_loopback_needs_no_tls(host: str, tmp_path: Path) -> None:
    assert network.is_loopback(host)
    assert read(tmp_path, SALONOS_HOST=host).certificate is None


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "192.168.1.20", "10.0.0.1", "8.8.8.8", "fe80::1", "till.local", "128.0.0.1", "localhost.example", "::ffff:192.168.1.20", "1"]
)  # fmt: skip
def test_a65_another_address_than_loopback_needs_tls(host: str, tmp_path: Path) -> None:
    assert not network.is_loopback(host)
    with pytest.raises(SettingWrong, match=r"needs TLS.*salonos tls"):
        read(tmp_path, SALONOS_HOST=host)


@pytest.mark.parametrize("host", ["a b", "http://127.0.0.1", "127.0.0.1:8000", "-", "salon_1", "::g"])
def test_what_is_no_address_is_named(host: str, tmp_path: Path) -> None:
    with pytest.raises(SettingWrong, match="SALONOS_HOST"):
        read(tmp_path, SALONOS_HOST=host)


def test_certificate_and_key_are_given_together_and_the_key_is_not_everybodys(tmp_path: Path) -> None:
    made = authority.make(tmp_path / "made", ("localhost",))
    given = {"SALONOS_TLS_CERTIFICATE": str(made.certificate), "SALONOS_TLS_KEY": str(made.key)}
    settings = read(tmp_path, SALONOS_HOST="192.168.1.20", **given)

    assert settings.certificate == network.Certificate(made.certificate, made.key)
    assert settings.address == "https://192.168.1.20:8000"
    assert settings.allowed_origins[-1] == "https://192.168.1.20:8000"
    for name, path in given.items():
        with pytest.raises(SettingWrong, match="given together"):
            read(tmp_path, **{name: path})
    made.key.chmod(0o604)
    with pytest.raises(SettingWrong, match="everybody may read"):
        read(tmp_path, **given)


def test_a_machine_s_names_are_served_once_they_are_certified(tmp_path: Path) -> None:
    authority.make(tmp_path, ("localhost", "192.168.1.20", "till.local"))

    settings = read(tmp_path, SALONOS_HOST="0.0.0.0")

    assert settings.allowed_hosts == ("127.0.0.1", "localhost", "192.168.1.20", "till.local")
    assert "https://till.local:8000" in settings.allowed_origins
    assert settings.shown_address.removeprefix("https://").removesuffix(":8000") in {
        "0.0.0.0",
        *network.own_addresses(),
    }


def test_the_authority_is_kept_and_its_files_are_this_users_alone(tmp_path: Path) -> None:
    first = authority.make(tmp_path, ("localhost",))
    kept = (tmp_path / "keys/tls/authority.crt").read_bytes(), first.certificate.read_bytes()

    authority.make(tmp_path, ("localhost", "192.168.1.21"))

    assert (tmp_path / "keys/tls/authority.crt").read_bytes() == kept[0]
    assert first.certificate.read_bytes() != kept[1]
    files = [*(tmp_path / "keys" / "tls").iterdir()]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert stat.S_IMODE((tmp_path / "keys" / "tls").stat().st_mode) == 0o700


def test_the_authority_speaks_for_private_networks_and_its_own_names_only(tmp_path: Path) -> None:
    authority.make(tmp_path, ("localhost", "salon.example"))
    found = x509.load_pem_x509_certificate((tmp_path / "keys/tls/authority.crt").read_bytes())

    authority.refuse_beyond(found, ("10.1.2.3", "till.local", "salon.example", "fe80::1"))
    for name in ("bank.example", "8.8.8.8", "example", "notlocal", "2001:db8::1"):
        with pytest.raises(ValueError, match="may not speak for"):
            authority.refuse_beyond(found, (name,))


def run(home: Path, *words: str, **more: str) -> "subprocess.CompletedProcess[str]":
    environment = os.environ | {"SALONOS_HOME": str(home), "SECRET_KEY": SECRET, **more}
    return subprocess.run([sys.executable, "-m", "salonos", *words], env=environment, capture_output=True, text=True, timeout=60, check=False)  # fmt: skip


def test_salonos_tls_says_what_to_compare_and_refuses_nonsense(tmp_path: Path) -> None:
    done, refused = run(tmp_path, "tls", "Till.local"), run(tmp_path, "tls", "not a name")

    assert done.returncode == 0
    assert "till.local" in done.stdout
    assert authority.fingerprint(tmp_path / "keys/tls/authority.crt") in done.stdout
    assert (refused.returncode, refused.stderr) == (USAGE_EXIT, "not a name is neither an address nor a host's name.\n")


def test_serve_does_not_start_on_another_address_without_tls(tmp_path: Path) -> None:
    refused = run(tmp_path, "serve", SALONOS_HOST="192.0.2.20", DATABASE_URL="postgresql://nowhere")

    assert refused.returncode == USAGE_EXIT
    assert refused.stderr.startswith("SALONOS_HOST=192.0.2.20 needs TLS, and there is no ")
    assert "Traceback" not in refused.stderr


@pytest.fixture
def secured(tmp_path: Path) -> Iterator[Served]:
    """A process that speaks TLS on the loopback."""
    authority.make(tmp_path, ("127.0.0.1", "localhost"))
    name = f"test_{new_id().hex}"
    asyncio.run(servers.create_database(name))
    asyncio.run(serving.furnish(servers.url_of(name)))
    trusted = ssl.create_default_context(cafile=tmp_path / "keys/tls/authority.crt")
    made = serving.serve(servers.url_of(name), os.environ[servers.REDIS], tmp_path / "api.log", verify=trusted, SALONOS_TLS="1")  # fmt: skip
    yield made
    made.process.terminate()
    made.process.wait(serving.ANSWER_S)
    asyncio.run(servers.drop_database(name))


async def test_https_and_wss_are_answered_with_hsts(secured: Served, tmp_path: Path) -> None:
    reply = secured.ask("{ __typename }")
    refused = secured.post(b"x")
    downloaded = secured.client.get(f"{secured.address}/authority.crt")

    for each in (reply, refused, downloaded):
        assert each.headers["strict-transport-security"] == "max-age=31536000"
    assert (reply.status_code, refused.status_code, downloaded.status_code) == (200, 400, 200)
    assert downloaded.headers["content-type"] == "application/x-x509-ca-cert"
    assert downloaded.content == (tmp_path / "keys/tls/authority.crt").read_bytes()
    token, trusted = secured.sign_in("owner"), ssl.create_default_context(cafile=tmp_path / "keys/tls/authority.crt")
    address = secured.address.replace("https", "wss") + "/graphql"
    async with connect(address, subprotocols=[websockets.Subprotocol("graphql-transport-ws")], ssl=trusted) as client:
        await send(client, type="connection_init", payload={"Authorization": f"Bearer {token}"})
        assert (await receive(client))["type"] == "connection_ack"
    assert "Traceback" not in secured.written()


HANDSHAKE = b"GET /graphql HTTP/1.1\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\n"
UNANSWERED = {
    "no HTTP": (b"400", b"SSH-2.0-canary\r\n\r\n"),
    "a trailer": (b"400", b"POST /graphql HTTP/1.1\r\nhost: 127.0.0.1\r\ntransfer-encoding: chunked\r\n\r\n0\r\na: b\r\n\r\n"),
    "a head without end": (b"431", b"POST /graphql HTTP/1.1\r\nx: " + b"x" * 70_000),
    "a handshake without a key": (b"400", HANDSHAKE + b"host: 127.0.0.1\r\n\r\n"),
    "a handshake of another host": (b"403", HANDSHAKE + b"host: evil.example\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"),
}  # fmt: skip


def answer_to(served: Served, trusted: ssl.SSLContext, sent: bytes) -> list[bytes]:
    """The lines of what comes back inside TLS."""
    with (
        socket.create_connection(("127.0.0.1", served.port), timeout=serving.ANSWER_S) as plain,
        trusted.wrap_socket(plain, server_hostname="127.0.0.1") as made,
    ):
        made.sendall(sent)
        came = b""
        with contextlib.suppress(ConnectionResetError, ssl.SSLEOFError):
            while piece := made.recv(65_536):
                came += piece
    return came.split(b"\r\n")


def test_what_no_application_answers_has_hsts_and_the_security_headers_too(secured: Served, tmp_path: Path) -> None:
    trusted = ssl.create_default_context(cafile=tmp_path / "keys/tls/authority.crt")
    expected = {b"strict-transport-security: max-age=31536000", *(b": ".join(header) for header in SECURITY_HEADERS)}
    for name, (status, sent) in UNANSWERED.items():
        first, *lines = answer_to(secured, trusted, sent)

        assert (name, first.split()[1]) == (name, status)
        assert (name, {line: lines.count(line) for line in expected}) == (name, dict.fromkeys(expected, 1))
    assert "Traceback" not in secured.written()


def old_handshake(port: int) -> None:
    """A client that knows TLS 1.1 at most."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with warnings.catch_warnings(action="ignore"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with socket.create_connection(("127.0.0.1", port)) as plain:
        context.wrap_socket(plain)


def test_neither_plain_http_nor_old_tls_nor_another_authority_is_answered(secured: Served) -> None:
    with pytest.raises(httpx.TransportError):
        httpx.get(secured.address.replace("https", "http") + "/healthz")
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{secured.address}/healthz")
    with pytest.raises(ssl.SSLError):
        old_handshake(secured.port)
    assert secured.ask("{ __typename }").status_code == 200
    assert "Traceback" not in secured.written()


def test_the_loopback_without_tls_has_no_hsts(served: Served) -> None:
    assert "strict-transport-security" not in served.ask("{ __typename }").headers


MODULES = {"█": (255, 255), "▀": (255, 0), "▄": (0, 255), " ": (0, 0)}
"""Two modules, one above the other, in a sign: a terminal is dark, what is printed is light."""


def picture_of(lines: list[str]) -> Image.Image:
    """What a terminal shows."""
    rows = [[MODULES[sign][half] for sign in line] for line in lines for half in (0, 1)]
    small = Image.new("L", (len(rows[0]), len(rows)))
    small.putdata([module for row in rows for module in row])
    return small.resize((small.width * 8, small.height * 8), Image.Resampling.NEAREST)


@pytest.mark.parametrize("host", ["192.168.1.20", "till.lan"])
def test_the_address_is_shown_to_tablets_as_a_picture_that_cameras_read(
    host: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    authority.make(tmp_path, ("localhost", host))

    told = tablets.shown(read(tmp_path, SALONOS_HOST=host, SALONOS_PORT="8443"))

    lines = [line for line in capsys.readouterr().out.splitlines() if line and line != "For tablets:"]
    assert codes_of(picture_of(lines)) == [f"https://{host}:8443/playground"]
    assert codes_of(picture_of(lines[: len(lines) // 2])) == [], "half of it says nothing"
    assert f"https://{host}:8443/authority.crt" in told
