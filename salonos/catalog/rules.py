"""Pure decisions of the catalogue: codes and their forms."""

import re

SAC = re.compile(r"99[0-9]{4}", re.ASCII)
HSN = re.compile(r"[0-9]{4}(?:[0-9]{2}){0,2}", re.ASCII)
SKU = re.compile(r"[A-Z0-9][A-Z0-9._-]{0,31}", re.ASCII)
BARCODE = re.compile(r"[0-9A-Za-z-]{4,32}", re.ASCII)
RATE_HUNDREDTHS_MAX = 4000
"""No GST rate is above 40 %."""

PRICE_PAISE_MAX = 10**9
"""A crore rupees: beyond it somebody mistyped."""

DURATION_MINUTES_MAX = 720


def sac_is_valid(code: str) -> bool:
    """Whether text has the form of a services accounting code: six digits that begin with 99."""
    return SAC.fullmatch(code) is not None


def hsn_is_valid(code: str) -> bool:
    """Whether text has the form of an HSN code of goods: four, six or eight digits, not a service's."""
    return HSN.fullmatch(code) is not None and not code.startswith("99")
