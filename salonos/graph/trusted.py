"""Trusted documents: what our own clients ask, known before they ask it.

The manifest has the form that Apollo's tools write (`apollo-persisted-query-manifest`, version 1): operations with an
`id` (the SHA-256 of `body`), a `name`, a `type` and a `body`. `onlyFor` is ours: the roles that may send nothing else.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import orjson

from salonos.kernel.permissions import ROLES

FORMAT, VERSION = "apollo-persisted-query-manifest", 1
OPERATIONS_MAX = 2_000
_ID = re.compile("[0-9a-f]{64}")
_NAME = re.compile("[A-Za-z_][A-Za-z0-9_]{0,99}")


class ManifestWrong(ValueError):  # noqa: N818  read by whoever made it
    """A manifest that can't be used; the message says which operation, and why."""


@dataclass(frozen=True)
class TrustedDocument:
    """One operation with the fragments that it needs."""

    id: str
    name: str
    text: str


@dataclass(frozen=True)
class Manifest:
    """The documents of our clients. Roles of `only_for` may send nothing else."""

    documents: tuple[TrustedDocument, ...] = ()
    only_for: frozenset[str] = frozenset()

    @property
    def texts(self) -> Mapping[str, str]:
        """Texts by id."""
        return {each.id: each.text for each in self.documents}

    @classmethod
    def read(cls, content: bytes) -> Self:
        """A manifest's content.

        Raises: ManifestWrong.
        """
        try:
            found = orjson.loads(content)
        except orjson.JSONDecodeError as error:
            raise ManifestWrong(f"it is no JSON: {error}") from None
        if not isinstance(found, dict) or (found.get("format"), found.get("version")) != (FORMAT, VERSION):
            raise ManifestWrong(f'it is not of format "{FORMAT}", version {VERSION}')
        operations, only_for = found.get("operations"), found.get("onlyFor", [])
        if not isinstance(operations, list) or len(operations) > OPERATIONS_MAX:
            raise ManifestWrong(f"`operations` is a list of at most {OPERATIONS_MAX}")
        if not isinstance(only_for, list) or not all(isinstance(each, str) for each in only_for):
            raise ManifestWrong("`onlyFor` is a list of roles' names")
        return cls(tuple(_document(each) for each in operations), roles_of(only_for))

    def written(self) -> bytes:
        """The content, the same bytes for the same documents."""
        operations = [
            {"id": each.id, "name": each.name, "type": kind_of(each.text), "body": each.text}
            for each in sorted(self.documents, key=lambda each: each.name)
        ]
        content: dict[str, Any] = {"format": FORMAT, "version": VERSION, "operations": operations}
        if self.only_for:
            content["onlyFor"] = sorted(self.only_for)
        return orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def roles_of(names: Iterable[str]) -> frozenset[str]:
    """The roles that a manifest holds to its documents. Only those that are built in: others differ from salon to salon.

    Raises: ManifestWrong for a name that would hold nobody.
    """
    found = frozenset(names)
    for name in sorted(found - ROLES.keys()):
        raise ManifestWrong(f"{name!r} is no built-in role; those are {', '.join(ROLES)}")
    return found


def _document(given: Any) -> TrustedDocument:
    facts = given if isinstance(given, dict) else {}
    found, name, text = facts.get("id"), facts.get("name"), facts.get("body")
    if not (isinstance(found, str) and isinstance(name, str) and isinstance(text, str)):
        raise ManifestWrong("an operation has an `id`, a `name` and a `body`")
    made = TrustedDocument(found, name, text)
    if not _NAME.fullmatch(made.name):
        raise ManifestWrong(f"{made.name!r} is no operation's name")
    if not _ID.fullmatch(made.id) or made.id != id_of(made.text):
        raise ManifestWrong(f"the id of {made.name} is not the SHA-256 of its body")
    return made


def id_of(text: str) -> str:
    """A document's id: the SHA-256 of its text, as 64 hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def kind_of(text: str) -> str:
    """`query`, `mutation` or `subscription`: the first word of a document that we wrote."""
    return text.split(None, 1)[0]
