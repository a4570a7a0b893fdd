"""The link that a UPI app pays by."""

from urllib.parse import quote
from uuid import UUID

from salonos.kernel.money import money_text


def upi_link(*, upi_id: str | None, payee: str | None, number: str | None, bill_id: UUID, due_paise: int) -> str | None:
    """`upi://pay` with the exact amount; None without a UPI id or where nothing is due.

    `tr` is the bill's number, or of a draft its id in the 32 letters that the 35 of the standard leave room for.
    """
    if upi_id is None or due_paise <= 0:
        return None
    given = {"pa": upi_id, "pn": payee or upi_id, "tr": number or bill_id.hex, "am": money_text(due_paise), "cu": "INR"}
    return "upi://pay?" + "&".join(f"{name}={quote(value, safe='')}" for name, value in given.items())
