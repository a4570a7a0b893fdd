"""What a network address counts as wherever somebody is counted by it: one customer's network, not one of its many names.

Knows nothing of who asks or of what is counted.
"""

from ipaddress import IPv4Address, IPv6Address, ip_address

CHARACTERS_MAX = 64
_HOST_BITS = 64
"""A subscriber's own part of an IPv6 address: each of its 2^64 values is theirs to choose anew for every connection."""


def parsed(text: str) -> IPv4Address | IPv6Address | None:
    """The address that a text is, None where it is none. An IPv4 address in IPv6's clothes is the IPv4 address."""
    if len(text) > CHARACTERS_MAX:
        return None
    try:
        found = ip_address(text)
    except ValueError:
        return None
    return found.ipv4_mapped or found if isinstance(found, IPv6Address) else found


def address_key(text: str) -> str:
    """What an address is counted under: IPv6 its /64 (`2001:db8::/64`), IPv4 itself. What is no address is itself.

    The key of a key is that key.
    """
    found = parsed(text)
    if isinstance(found, IPv6Address):
        return f"{IPv6Address(int(found) >> _HOST_BITS << _HOST_BITS)}/{_HOST_BITS}"
    return text if found is None else str(found)
