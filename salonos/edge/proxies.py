"""Whose address counts behind a proxy: X-Forwarded-For is believed as far as proxies that the salon named have written it.

Each proxy adds whom it heard at the right end, so that a client can invent only what stands left of its own address.
Everybody else's header is nobody's business. Does not say who sits at this machine: `metrics.is_local` does.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network

from salonos.edge.gate import Headers as RawHeaders
from salonos.edge.gate import Scope
from salonos.kernel.addresses import parsed

HEADER = b"x-forwarded-for"
HOPS_MAX = 20


def peer_of(scope: Scope) -> str:
    """The address at the other end of the connection, empty without one."""
    return str(scope["client"][0]) if scope.get("client") else ""


@dataclass(frozen=True)
class Proxies:
    """The proxies whose word is taken, by address or network; none by default."""

    networks: tuple[IPv4Network | IPv6Network, ...] = ()

    def trusts(self, address: str) -> bool:
        """Whether an address is one of a proxy's."""
        found = parsed(address)
        return found is not None and any(found in network for network in self.networks)

    def client_of(self, peer: str, headers: RawHeaders) -> str:
        """The client's address: the rightmost hop that is no proxy of ours, else the farthest hop.

        A hop that is no address ends the list: who stands left of it can't be told from somebody invented.
        """
        address, hops = peer, forwarded(headers)
        while self.trusts(address):
            found = parsed(next(hops, ""))
            if found is None:
                break
            address = str(found)
        return address


def forwarded(headers: RawHeaders) -> Iterator[str]:
    """The hops of all of a request's X-Forwarded-For, the nearest first: a proxy may add a line of its own."""
    lines = [value.decode("latin-1") for name, value in headers if name == HEADER]
    return (each.strip() for each in reversed(",".join(lines).rsplit(",", HOPS_MAX)[-HOPS_MAX:]))
