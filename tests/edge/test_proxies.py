"""X-Forwarded-For is believed from the proxies that were named, from the right, as far as they have written it."""

from ipaddress import ip_network

import pytest

from salonos.edge.endpoint import facts_of
from salonos.edge.gate import Incoming
from salonos.edge.proxies import HOPS_MAX, Proxies
from salonos.kernel.addresses import address_key

NAMED = Proxies(tuple(ip_network(each) for each in ("10.0.0.0/8", "127.0.0.1", "fd00::/8")))
PROXY, CLIENT = "10.0.0.1", "203.0.113.9"


def counted(peer: str, *lines: str, proxies: Proxies = NAMED) -> str:
    """Whose address a request counts for."""
    headers = [(b"x-forwarded-for", line.encode("latin-1")) for line in lines]
    scope = {"type": "http", "client": (peer, 50_000), "headers": headers}
    return facts_of(scope, Incoming(headers), "test", proxies).address


def test_without_the_setting_nobodys_header_is_believed() -> None:
    assert counted(PROXY, CLIENT, proxies=Proxies()) == PROXY


@pytest.mark.parametrize(
    "peer", ["203.0.113.5", "11.0.0.1", "2001:db8::5", "::ffff:203.0.113.5", "", "10.0.0.1.example"]
)
def test_a_header_from_somebody_else_is_ignored(peer: str) -> None:
    assert counted(peer, CLIENT) == peer


@pytest.mark.parametrize("peer", ["10.0.0.1", "10.255.255.255", "127.0.0.1", "fd12::1", "::ffff:10.0.0.1"])
def test_a_named_proxy_says_who_asks(peer: str) -> None:
    assert counted(peer, CLIENT) == CLIENT


@pytest.mark.parametrize(
    ("lines", "client"),
    [
        ((f"198.51.100.1, {CLIENT}",), CLIENT),
        ((f"10.0.0.7, 127.0.0.1, {CLIENT}",), CLIENT),
        ((f"198.51.100.1, {CLIENT}, 10.0.0.3, fd00::2",), CLIENT),
        ((f"198.51.100.1,{CLIENT},10.0.0.3",), CLIENT),
        ((f" 198.51.100.1 ,\t{CLIENT} , 10.0.0.3 ",), CLIENT),
        (("198.51.100.1", CLIENT), CLIENT),
        (("198.51.100.1", f"{CLIENT}, 10.0.0.3"), CLIENT),
        (("10.0.0.4, 10.0.0.3",), "10.0.0.4"),
    ],
)
def test_of_several_hops_the_rightmost_that_is_no_proxy_counts(lines: tuple[str, ...], client: str) -> None:
    assert counted(PROXY, *lines) == client


@pytest.mark.parametrize(
    ("line", "client"),
    [
        ("", PROXY),
        (",", PROXY),
        ("unknown", PROXY),
        (f"{CLIENT}, unknown", PROXY),
        (f"{CLIENT}, _hidden, 10.0.0.3", "10.0.0.3"),
        (f"{CLIENT}, , 10.0.0.3", "10.0.0.3"),
        (f"{CLIENT}:4711", PROXY),
        ("203.0.113.256", PROXY),
        ("203.0.113.09", PROXY),
        ("10.0.0.0/8", PROXY),
        ("é" * 3, PROXY),
        ("1" * 10_000, PROXY),
    ],
)
def test_what_is_no_address_ends_the_list(line: str, client: str) -> None:
    assert counted(PROXY, line) == client


def test_of_a_list_without_end_the_last_hops_are_read() -> None:
    proxies = ", ".join(["10.0.0.9"] * (HOPS_MAX - 1))

    assert counted(PROXY, f"{CLIENT}, {proxies}") == CLIENT
    assert counted(PROXY, f"{CLIENT}, 10.0.0.8, {proxies}") == "10.0.0.8"


def test_ipv6_is_read_in_every_spelling() -> None:
    assert counted("fd00::1", "2001:DB8:0:0::7") == "2001:db8::7"
    assert counted(PROXY, "::ffff:203.0.113.9") == CLIENT
    assert address_key(counted(PROXY, "2001:db8:1:2::a")) == address_key(counted(PROXY, "2001:db8:1:2::b"))


def test_without_the_walk_from_the_right_a_client_says_who_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Proxies, "trusts", lambda _self, _address: True)

    with pytest.raises(AssertionError):
        test_of_several_hops_the_rightmost_that_is_no_proxy_counts((f"198.51.100.1, {CLIENT}",), CLIENT)
    with pytest.raises(AssertionError):
        test_a_header_from_somebody_else_is_ignored("203.0.113.5")
