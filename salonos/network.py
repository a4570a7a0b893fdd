"""Where a process may be reached: which addresses need TLS, what this machine is called, and where its certificate lies."""

import contextlib
import ipaddress
import re
import socket
from dataclasses import dataclass
from pathlib import Path

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*")
_NOWHERE = "192.0.2.1"
"""An address of documentation: asking how it would be reached sends nothing."""


def is_loopback(host: str) -> bool:
    """Whether only programs of this machine reach an address; everything else needs TLS."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_everywhere(host: str) -> bool:
    """Whether an address stands for all of the machine's."""
    return host in {"0.0.0.0", "::"}  # noqa: S104  compared, not bound


def is_name(text: str) -> bool:
    """Whether a text is an address or a host's name that a certificate can carry."""
    with contextlib.suppress(ValueError):
        return bool(ipaddress.ip_address(text))
    return _NAME.fullmatch(text) is not None


def own_addresses() -> tuple[str, ...]:
    """The machine's address in its network, as far as it has one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((_NOWHERE, 9))
        except OSError:
            return ()
        address: str = probe.getsockname()[0]
    return (address,)


def own_names() -> tuple[str, ...]:
    """What clients may call this machine: itself, its name, its name in a network without a name server, its address."""
    name = socket.gethostname().lower()
    named = (name, f"{name}.local") if _NAME.fullmatch(name) and "." not in name else (name,) if is_name(name) else ()
    return tuple(dict.fromkeys(("localhost", "127.0.0.1", "::1", *named, *own_addresses())))


@dataclass(frozen=True)
class Certificate:
    """The files of a certificate and its key. `authority` is our own, where it made them."""

    certificate: Path
    key: Path
    authority: Path | None = None

    @classmethod
    def of(cls, home: Path) -> "Certificate":
        """The one that `salonos tls` makes."""
        folder = home / "keys" / "tls"
        return cls(folder / "server.crt", folder / "server.key", folder / "authority.crt")

    @property
    def names_file(self) -> Path:
        """A line for each name that `salonos tls` certified."""
        return self.certificate.with_name("names")

    def names(self) -> tuple[str, ...]:
        """What the machine was called when its certificate was made."""
        return tuple(self.names_file.read_text().split()) if self.names_file.exists() else ()
