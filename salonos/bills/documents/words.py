"""Numbers as India writes and says them: 1,23,456.00 and One Lakh Twenty-Three Thousand."""

from typing import Final

_ONES: Final = [
    "Zero",
    "One",
    "Two",
    "Three",
    "Four",
    "Five",
    "Six",
    "Seven",
    "Eight",
    "Nine",
    "Ten",
    "Eleven",
    "Twelve",
    "Thirteen",
    "Fourteen",
    "Fifteen",
    "Sixteen",
    "Seventeen",
    "Eighteen",
    "Nineteen",
]
_TENS: Final = ["Twenty", "Thirty", "Forty", "Fifty", "Sixty", "Seventy", "Eighty", "Ninety"]
_STEPS: Final = ((10**7, "Crore"), (10**5, "Lakh"), (1000, "Thousand"), (100, "Hundred"))


def spoken(number: int) -> str:
    """A number of 0 and more in words; above a crore, crores are counted in the same way."""
    for step, name in _STEPS:
        if number >= step:
            rest = f" {spoken(number % step)}" if number % step else ""
            return f"{spoken(number // step)} {name}{rest}"
    if number < len(_ONES):
        return _ONES[number]
    tens = _TENS[number // 10 - 2]
    return f"{tens}-{_ONES[number % 10]}" if number % 10 else tens


def amount_in_words(paise: int) -> str:
    """An amount of 0 and more: `Rupees One Hundred and Fifty Paise Only`."""
    rupees, rest = divmod(paise, 100)
    return f"Rupees {spoken(rupees)}{f' and {spoken(rest)} Paise' if rest else ''} Only"


def amount(paise: int) -> str:
    """An amount with commas after the thousands and each hundred of them: `1,23,456.00`."""
    rupees, rest = divmod(abs(paise), 100)
    digits = str(rupees)
    head, tail = digits[:-3], digits[-3:]
    groups: list[str] = []
    while head:
        head, group = head[:-2], head[-2:]
        groups.insert(0, group)
    return f"{'-' if paise < 0 else ''}{','.join([*groups, tail])}.{rest:02d}"


def quantity(milli: int) -> str:
    """A quantity without zeros at its end: `1`, `0.25`."""
    whole, rest = divmod(milli, 1000)
    return f"{whole}.{rest:03d}".rstrip("0").rstrip(".")


def percent(hundredths: int) -> str:
    """A rate: `18 %`, `2.5 %`."""
    whole, rest = divmod(hundredths, 100)
    return f"{whole}.{rest:02d}".rstrip("0").rstrip(".") + " %"


def half_percent(hundredths: int) -> str:
    """Half a rate, as CGST and SGST are: of 0.25 % it is 0.125 %."""
    whole, rest = divmod(hundredths * 5, 1000)
    return f"{whole}.{rest:03d}".rstrip("0").rstrip(".") + " %"
