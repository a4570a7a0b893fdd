"""Money: integer paise inside, decimal text with two places outside. No float ever touches an amount."""

import re
from collections.abc import Sequence
from typing import NewType

Money = NewType("Money", int)
"""An amount in paise of the salon's currency."""

PAISE_MAX = 10**14
"""No single amount reaches a lakh crore rupees; sums of many stay within BIGINT."""

_MONEY = re.compile(r"-?(?:0|[1-9][0-9]{0,11})\.[0-9]{2}", re.ASCII)


def half_up(numerator: int, denominator: int) -> int:
    """The nearest integer to a fraction, halves upwards. Numerator at least 0, denominator above 0.

    Raises: ValueError outside that range, where "up" would need a second meaning.
    """
    if numerator < 0 or denominator <= 0:
        raise ValueError("half_up rounds fractions that are not negative")
    return (2 * numerator + denominator) // (2 * denominator)


def to_whole_rupee(paise: int) -> tuple[int, int]:
    """What is payable, and the round-off that was added (section 170 CGST Act: nearest rupee, fifty paise upwards)."""
    payable = half_up(paise, 100) * 100
    return payable, payable - paise


def spread(total: int, weights: Sequence[int]) -> list[int]:
    """A total over weights in proportion: floors, then a paisa each to the largest weights, the earlier first.

    The shares sum to the total exactly. Weights are not negative; a total over weights that are all 0 must be 0.

    Raises: ValueError for a negative total or weight, and for a total that no weight can carry.
    """
    if total < 0 or any(weight < 0 for weight in weights):
        raise ValueError("spread divides amounts that are not negative")
    whole = sum(weights)
    if whole == 0:
        if total:
            raise ValueError("there is nothing to spread over")
        return [0] * len(weights)
    shares = [total * weight // whole for weight in weights]
    largest_first = sorted(range(len(weights)), key=lambda place: (-weights[place], place))
    for place in largest_first[: total - sum(shares)]:
        shares[place] += 1
    return shares


def money_text(paise: int) -> str:
    """The client's form: `"1180.00"`, `"-0.36"`."""
    sign = "-" if paise < 0 else ""
    return f"{sign}{abs(paise) // 100}.{abs(paise) % 100:02d}"


def money_value(text: object) -> Money:
    """An amount from the client's form: ASCII digits, exactly two places, below ten to the twelfth rupees.

    Raises: ValueError for everything else, numbers and exponents among it.
    """
    if not isinstance(text, str) or _MONEY.fullmatch(text) is None or text == "-0.00":
        raise ValueError('Money is written as "1180.00".')
    return Money(int(text.replace(".", "")))
