"""Identifiers: ULIDs in the database, `<prefix>_<32 hex digits>` for clients.

The prefix names the type, so that an id says by itself which table it belongs to and a mixed-up id is refused
before any row is read. Hexadecimal, because PostgreSQL prints it in a third of a microsecond.
"""

import os
import re
from uuid import UUID

from ulid import ULID

from salonos.kernel.problems import BadRequest

_ID = re.compile(r"([a-z]{1,16})_([0-9a-f]{32})", re.ASCII)


def new_id() -> UUID:
    """A new id: unique, and ordered by the millisecond it was made in."""
    return ULID().to_uuid()


def request_id() -> str:
    """The name of a request in logs and replies: 32 hexadecimal digits that tell nothing and cost little."""
    return os.urandom(16).hex()


def id_text(prefix: str, value: UUID) -> str:
    """The client's form: `bill_0193…`."""
    return f"{prefix}_{value.hex}"


def id_prefix(text: str) -> str:
    """The prefix of a client's id.

    Raises: BadRequest for anything that is not of an id's form.
    """
    found = _ID.fullmatch(text)
    if found is None:
        raise BadRequest("This is not an id.")
    return found[1]


def id_value(prefix: str, text: str) -> UUID:
    """The database's form of a client's id.

    Raises: BadRequest for a malformed id and for another type's.
    """
    if id_prefix(text) != prefix:
        raise BadRequest(f"This is not the id of a {prefix}.")
    return UUID(text[len(prefix) + 1 :])
