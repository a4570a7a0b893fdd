"""Links to a bill's papers: signed, for one paper of one bill, and good for minutes.

Whoever holds a link is shown the paper without signing in, so that a browser's tab, a printer's program or a customer's
phone can fetch it. A link therefore says what its owner was allowed to see, and is refused when anything of it was
changed. Its path is its only secret: it is logged nowhere, and the paper is sent `no-store`.
"""

import base64
import enum
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from salonos.kernel import crypto
from salonos.kernel.actor import Access
from salonos.kernel.permissions import Permission

PATH: Final = "/documents/"
MINUTES: Final = 5
_PURPOSE: Final = "document links"
_BODY_BYTES: Final = 16 + 1 + 1 + 4
_TEXT: Final = re.compile(r"[A-Za-z0-9_-]{72}", re.ASCII)
"""The 54 bytes of body and signature, in one form only."""


class ReceiptFormat(enum.Enum):
    """How a paper is made."""

    HTML = "HTML"
    PDF = "PDF"
    ESC_POS = "ESC_POS"
    A4 = "A4"


class Naming(enum.Enum):
    """How much of a customer the owner of a link may read: the name and address, the first name, nothing."""

    WHOLE = "WHOLE"
    FIRST = "FIRST"
    NONE = "NONE"


@dataclass(frozen=True)
class Link:
    """One paper of one bill, as one role sees it, until a minute. `until_minute` counts from 1970."""

    bill_id: UUID
    format: ReceiptFormat
    naming: Naming
    until_minute: int


_FORMATS: Mapping[ReceiptFormat, int] = {each: place for place, each in enumerate(ReceiptFormat)}
_NAMINGS: Mapping[Naming, int] = {each: place for place, each in enumerate(Naming)}


def naming_of(access: Access) -> Naming:
    """What a role sees of a bill's customer, in the graph and therefore on paper.

    A role that sees the customers of its own work only gets no name, since the paper can't tell whose work it was.
    """
    if Permission.CUSTOMER_READ not in access.permissions or Permission.CUSTOMER_READ in access.own:
        return Naming.NONE
    return Naming.WHOLE if Permission.CUSTOMER_CONTACT_READ in access.permissions else Naming.FIRST


def path_of(bill_id: UUID, form: ReceiptFormat, naming: Naming, *, now: datetime) -> str:
    """The path of a new link; one that is asked for twice within a minute is the same."""
    until = int(now.timestamp()) // 60 + MINUTES + 1
    body = bill_id.bytes + bytes([_FORMATS[form], _NAMINGS[naming]]) + until.to_bytes(4, "big")
    return PATH + base64.urlsafe_b64encode(body + _mac(body)).decode()


def link_of(path: str, *, now: datetime) -> Link | None:
    """What a path leads to; None for one that is wrong in any way or too old: the caller can't tell which."""
    text = path.removeprefix(PATH)
    if not path.startswith(PATH) or _TEXT.fullmatch(text) is None:
        return None
    whole = base64.urlsafe_b64decode(text)
    body, mac = whole[:_BODY_BYTES], whole[_BODY_BYTES:]
    if not hmac.compare_digest(mac, _mac(body)):
        return None
    link = Link(
        UUID(bytes=body[:16]), tuple(ReceiptFormat)[body[16]], tuple(Naming)[body[17]], int.from_bytes(body[18:], "big")
    )
    return link if int(now.timestamp()) < link.until_minute * 60 else None


def _mac(body: bytes) -> bytes:
    return hmac.new(crypto.keyring().key(_PURPOSE), body, hashlib.sha256).digest()
