"""What an address counts as: an IPv6 address as its /64, IPv4 in IPv6's clothes as IPv4, all else as itself."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salonos.kernel.addresses import address_key, parsed

NETWORK = int(ipaddress.IPv6Address("2001:db8:1:2::"))


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("::FFFF:c000:201", "192.0.2.1"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("2001:DB8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::/64"),
        ("", ""),
        ("testclient", "testclient"),
        ("192.0.2.01", "192.0.2.01"),
        ("192.0.2.1:8000", "192.0.2.1:8000"),
        ("[2001:db8::1]", "[2001:db8::1]"),
        ("2001:db8::/64", "2001:db8::/64"),
        ("1" * 65, "1" * 65),
    ],
)
def test_an_address_counts_as_the_network_of_whoever_has_it(text: str, key: str) -> None:
    assert address_key(text) == key
    assert address_key(key) == key


@given(st.integers(0, 2**64 - 1))
def test_all_addresses_of_a_64_count_as_one(host: int) -> None:
    assert address_key(str(ipaddress.IPv6Address(NETWORK + host))) == "2001:db8:1:2::/64"


def test_what_is_no_address_or_too_long_for_one_is_none() -> None:
    assert [parsed(each) for each in ("", "unknown", "1.2.3", "fe80::1%" + "x" * 64)] == [None] * 4
