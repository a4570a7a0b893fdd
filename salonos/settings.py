"""The environment, read once by a process into one frozen object. Only entry points import this."""

import importlib.util
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Self

from salonos import keyfile, network
from salonos.kernel.clock import parse_instant

SECRET_CHARACTERS_MIN = 32
SECRET_DISTINCT_MIN = 10
TOKEN_CHARACTERS_MIN = 16
PORT_MAX = 65_535
USAGE_EXIT, STATE_EXIT, DATABASE_EXIT = 64, 73, 78
_OTHERS = 0o007
_TRUE, _FALSE = frozenset({"1", "true", "yes", "on"}), frozenset({"", "0", "false", "no", "off"})


class SettingWrong(Exception):  # noqa: N818  read by whoever set it
    """A setting can't be used; the message names it and says what it has to be, `exit_code` is the process's."""

    def __init__(self, message: str, *, exit_code: int = USAGE_EXIT) -> None:
        super().__init__(message)
        self.exit_code = exit_code


@dataclass(frozen=True)
class Settings:
    """What a process has to know of its surroundings.

    `database_url` and `redis_url` are None where the bundled servers are used. `is_demo` opens introspection and the
    playground's starter tabs and allows `set_clock`, which replaces the time of every transaction.
    """

    home: Path
    host: str
    port: int
    certificate: network.Certificate | None
    """What TLS is spoken with, where it is."""
    database_url: str | None
    redis_url: str | None
    secret: str
    is_demo: bool
    demo_password: str | None
    set_clock: datetime | None
    allowed_origins: tuple[str, ...]
    allowed_hosts: tuple[str, ...]
    database_pool_size: int
    objects_per_second: int
    """What a person may ask for, over a while; ten seconds' worth at once."""
    sockets_per_device: int
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...]
    """Whose X-Forwarded-For is believed."""
    is_loop_watched: bool
    """Whether stalls of the event loop are measured, for `/metrics`."""
    metrics_token: str | None
    """What opens /metrics to callers that are not on this machine."""
    worker_metrics_port: int | None
    trusted_documents: Path | None
    """The manifest of our own clients' documents; see `salonos documents`."""
    is_traced: bool
    """Whether spans are sent to where OpenTelemetry's own variables say."""
    is_forgetful_allowed: bool
    """Whether the database may be one that loses acknowledged writes at a power cut: tests use such a one."""

    @property
    def address(self) -> str:
        """Where the API answers."""
        return f"{_scheme(self.certificate)}://{in_url(self.host)}:{self.port}"

    @property
    def shown_address(self) -> str:
        """Where others find it: for all of the machine's addresses, the one in its network."""
        own = network.own_addresses() if network.is_everywhere(self.host) else ()
        return replace(self, host=own[0]).address if own else self.address

    @classmethod
    def read(cls, environment: Mapping[str, str] | None = None) -> Self:
        """The settings of this process.

        Raises: SettingWrong.
        """
        env = os.environ if environment is None else environment
        home = home_of(env)
        host = env.get("SALONOS_HOST") or "127.0.0.1"
        certificate = _certificate(env, home, host)
        is_demo = _flag(env, "SALONOS_DEMO")
        port = _number(env, "SALONOS_PORT", 8000, most=PORT_MAX)
        hosts = _names(env, "SALONOS_HOSTS") or _own_names(host, certificate)
        return cls(
            home=home,
            host=host,
            port=port,
            certificate=certificate,
            database_url=env.get("DATABASE_URL") or None,
            redis_url=env.get("REDIS_URL") or None,
            secret=_secret(env, home, is_demo=is_demo),
            is_demo=is_demo,
            demo_password=env.get("SALONOS_DEMO_PASSWORD") or None,
            set_clock=_set_clock(env, is_demo=is_demo),
            allowed_origins=_names(env, "SALONOS_ORIGINS")
            or tuple(f"{_scheme(certificate)}://{in_url(name)}:{port}" for name in hosts),
            allowed_hosts=hosts,
            database_pool_size=_number(env, "SALONOS_DATABASE_POOL", 10, most=100),
            objects_per_second=_number(env, "SALONOS_OBJECTS_PER_SECOND", 20_000, most=10**9),
            sockets_per_device=_number(env, "SALONOS_SOCKETS_PER_DEVICE", 5, most=10_000),
            trusted_proxies=_networks(env, "SALONOS_TRUSTED_PROXIES"),
            metrics_token=_token(env, "SALONOS_METRICS_TOKEN"),
            worker_metrics_port=_number(env, "SALONOS_WORKER_METRICS_PORT", 0, most=PORT_MAX) or None,
            trusted_documents=_path(env, "SALONOS_TRUSTED_DOCUMENTS"),
            is_traced=_traced(env),
            is_loop_watched=_flag(env, "SALONOS_WATCHDOG"),
            is_forgetful_allowed=_flag(env, "SALONOS_FORGETFUL_DATABASE"),
        )


def home_of(env: Mapping[str, str]) -> Path:
    """The folder of keys, logs and the bundled servers' data."""
    return Path(env.get("SALONOS_HOME") or ".salonos").absolute()


def in_url(host: str) -> str:
    """A host as it stands in an address."""
    return f"[{host}]" if ":" in host else host


def _scheme(certificate: network.Certificate | None) -> str:
    return "http" if certificate is None else "https"


def _own_names(host: str, certificate: network.Certificate | None) -> tuple[str, ...]:
    certified = () if certificate is None else certificate.names()
    bound = () if network.is_everywhere(host) else (host,)
    return tuple(dict.fromkeys(("127.0.0.1", "localhost", *bound, *certified)))


def _certificate(env: Mapping[str, str], home: Path, host: str) -> network.Certificate | None:
    """What TLS is spoken with; None on the loopback, where nobody listens in, unless it was asked for."""
    given = (env.get("SALONOS_TLS_CERTIFICATE"), env.get("SALONOS_TLS_KEY"))
    if not network.is_name(host):
        raise SettingWrong("SALONOS_HOST is an address or a host's name.")
    if given[0] and given[1]:
        found = network.Certificate(Path(given[0]), Path(given[1]))
    elif given[0] or given[1]:
        raise SettingWrong("SALONOS_TLS_CERTIFICATE and SALONOS_TLS_KEY are given together.")
    elif _flag(env, "SALONOS_TLS") or not network.is_loopback(host):
        found = network.Certificate.of(home)
    else:
        return None
    missing = next((path for path in (found.certificate, found.key) if not path.is_file()), None)
    if missing is not None:
        raise SettingWrong(
            f"SALONOS_HOST={host} needs TLS, and there is no {missing}. Run `salonos tls` for a certificate of this "
            "machine, or name one with SALONOS_TLS_CERTIFICATE and SALONOS_TLS_KEY."
        )
    if found.key.stat().st_mode & _OTHERS:
        raise SettingWrong(f"SALONOS_TLS_KEY: everybody may read {found.key}. Take that right away (chmod 600).")
    return found


def _flag(env: Mapping[str, str], name: str) -> bool:
    value = env.get(name, "").lower()
    if value not in _TRUE | _FALSE:
        raise SettingWrong(f"{name} is 1 or 0.")
    return value in _TRUE


def _number(env: Mapping[str, str], name: str, default: int, *, most: int) -> int:
    text = env.get(name) or str(default)
    if not text.isascii() or not text.isdigit() or not min(1, default) <= int(text) <= most:
        raise SettingWrong(f"{name} is a number from 1 to {most}.")
    return int(text)


def _traced(env: Mapping[str, str]) -> bool:
    is_traced = _flag(env, "SALONOS_TRACES")
    if is_traced and any(importlib.util.find_spec(name) is None for name in ("opentelemetry", "opentelemetry.sdk")):
        raise SettingWrong("SALONOS_TRACES needs OpenTelemetry: install salonos[otel].")
    return is_traced


def _token(env: Mapping[str, str], name: str) -> str | None:
    value = env.get(name, "")
    if value and (len(value) < TOKEN_CHARACTERS_MIN or not value.isascii() or not value.isprintable()):
        raise SettingWrong(f"{name} is at least {TOKEN_CHARACTERS_MIN} letters, digits and signs.")
    return value or None


def _path(env: Mapping[str, str], name: str) -> Path | None:
    return Path(env[name]).absolute() if env.get(name) else None


def _names(env: Mapping[str, str], name: str) -> tuple[str, ...]:
    found = tuple(part.strip() for part in env.get(name, "").split(",") if part.strip())
    if any("*" in each or each == "null" for each in found):
        raise SettingWrong(f"{name} is a list of exact names, separated by commas, without *.")
    return found


def _networks(env: Mapping[str, str], name: str) -> tuple[IPv4Network | IPv6Network, ...]:
    try:
        found = tuple(ip_network(part.strip()) for part in env.get(name, "").split(",") if part.strip())
    except ValueError as error:
        raise SettingWrong(
            f"{name} is a list of addresses and networks, such as 10.0.0.5, fd00::/8: {error}."
        ) from None
    if not all(each.prefixlen for each in found):
        raise SettingWrong(f"{name} names the proxies, and not everybody.")
    return found


def _set_clock(env: Mapping[str, str], *, is_demo: bool) -> datetime | None:
    text = env.get("SALONOS_SET_CLOCK")
    if not text:
        return None
    if not is_demo:
        raise SettingWrong("SALONOS_SET_CLOCK is for demonstrations: set SALONOS_DEMO=1 with it.")
    try:
        return parse_instant(text)
    except ValueError as error:
        raise SettingWrong("SALONOS_SET_CLOCK is an instant such as 2026-11-23T21:45:00+05:30.") from error


def _secret(env: Mapping[str, str], home: Path, *, is_demo: bool) -> str:
    """From SECRET_KEY, or from the folder's own key file; only a demonstration may make itself a new one."""
    path = home / "keys" / "secret"
    try:
        secret = env.get("SECRET_KEY") or (keyfile.kept(path) if is_demo or path.exists() else "")
    except OSError as error:
        raise SettingWrong(
            f"The folder {home} can't be used: {error.strerror}. Set SALONOS_HOME to a folder of yours.",
            exit_code=STATE_EXIT,
        ) from error
    if len(secret) < SECRET_CHARACTERS_MIN or len(set(secret)) < SECRET_DISTINCT_MIN:
        raise SettingWrong(
            f"SECRET_KEY is missing or weak: give at least {SECRET_CHARACTERS_MIN} random characters, "
            'for instance from: python3 -c "import secrets; print(secrets.token_urlsafe(48))"'
        )
    return secret
