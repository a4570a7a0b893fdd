"""The one formatter of failures, at every exit: HTTP, websocket and server-sent events.

A Refusal says its code. An outage is recognised here, and only here. Whatever else is a bug: the client gets the code
INTERNAL and an id to ask about, the log gets the id and the trace without values.
"""

import logging
import re
import traceback
from collections.abc import Iterable
from typing import Any

import asyncpg
import orjson
from graphql import GraphQLError
from sqlalchemy import exc as sqlalchemy_errors

from salonos.kernel import counts
from salonos.kernel.database import sqlstate
from salonos.kernel.ids import new_id
from salonos.kernel.problems import Refusal

Entry = dict[str, Any]
"""An item of `errors`: message, extensions with a code, and where."""

ERRORS_MAX = 5
"""More than these help nobody."""

_RETRYABLE_CLASSES = ("08", "53", "57P")
_RETRYABLE_STATES = frozenset({"40001", "40P01", "55P03", "57014", "25006"})
"""Serialization, deadlock, lock timeout, statement timeout, a server that is read-only for a while."""

_QUOTED = re.compile(
    r", but encountered error .*|[,;]? found: .*|(?<=value)(?<!invalid value): .*|(?<=literal): .*", re.DOTALL
)
_QUOTED_MEMBER = re.compile(r"Value .* does not exist in", re.DOTALL)
_NO_NAME = re.compile(r"unknown field '(?![A-Za-z_][A-Za-z_0-9]{0,63}').*'", re.DOTALL)
"""An object's key that can be no field's name is a value that somebody put there."""
_SUGGESTED = re.compile(r" Did you mean .*", re.DOTALL)
"""One rule of graphql-core suggests even where suggestions are off."""
MESSAGE_CHARACTERS_MAX = 300

_log = logging.getLogger(__name__)


def failure(entries: Iterable[Entry]) -> bytes:
    """The body of a request that was not executed."""
    return orjson.dumps({"errors": list(entries)})


def entries_of(error: BaseException) -> list[Entry]:
    """What a client reads of a failure: usually one entry; one for each coordinate that was denied."""
    if isinstance(error, Rejected):
        return error.entries
    entries = _of_graphql(error) if isinstance(error, GraphQLError) else [_described(error)]
    for entry in entries:
        counts.process.errors[entry["extensions"]["code"]] += 1
    return entries


class Rejected(Exception):  # noqa: N818  carries finished entries
    """A request that is not executed, with the entries that say why."""

    def __init__(self, entries: list[Entry]) -> None:
        super().__init__("rejected")
        self.entries = entries

    @classmethod
    def of(cls, errors: Iterable[GraphQLError]) -> "Rejected":
        """Of a document's or a variable's errors."""
        return cls([entry for error in list(errors)[:ERRORS_MAX] for entry in entries_of(error)])


def is_outage(error: BaseException) -> bool:
    """Whether only time can mend it: the database is away, overloaded, or took too long."""
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, OSError | TimeoutError | asyncpg.PostgresConnectionError):
            return True
        if isinstance(found, sqlalchemy_errors.TimeoutError | asyncpg.TooManyConnectionsError):
            return True
        if isinstance(found, asyncpg.InterfaceError) and "clos" in str(found):
            return True
        found = getattr(found, "orig", None) or found.__cause__
    state = sqlstate(error) or ""
    return state.startswith(_RETRYABLE_CLASSES) or state in _RETRYABLE_STATES


def _of_graphql(error: GraphQLError) -> list[Entry]:
    """graphql-core's errors carry ours inside; without one they are about the document or its variables."""
    cause = error.original_error if error.original_error is not None else error
    denials = getattr(cause, "denials", None)
    where = {key: value for key, value in error.formatted.items() if key in {"locations", "path"}}
    if denials:
        message = getattr(cause, "message", str(cause))
        return [{"message": message, **where, "extensions": {**d, "coordinate": at}} for at, d in denials.items()]
    if isinstance(cause, GraphQLError):
        message, extensions = without_value(error.message), error.extensions or {}
        return [{"message": message, **where, "extensions": {"code": "BAD_REQUEST", **extensions}}]
    return [{**_described(cause), **where}]


def without_value(message: str) -> str:
    """graphql-core's sentence without the value that it quotes at its end: it may be a password, or somebody's phone.

    Nor does it say what else could be meant: a name that was not asked for.
    """
    bare = _NO_NAME.sub("unknown fields", _QUOTED.sub(".", _SUGGESTED.sub("", message)))
    return _QUOTED_MEMBER.sub("This value does not exist in", bare)[:MESSAGE_CHARACTERS_MAX]


def _described(error: BaseException) -> Entry:
    if isinstance(error, Refusal):
        return {"message": error.message, "extensions": dict(error.extensions)}
    if is_outage(error):
        _log.warning("an outage", extra={"error": type(error).__name__, "sqlstate": sqlstate(error)})
        message = "The service is not available right now. Try again in a moment."
        return {"message": message, "extensions": {"code": "UNAVAILABLE", "retryable": True}}
    error_id = new_id().hex
    frames = "".join(traceback.format_tb(error.__traceback__))
    facts = {"error_id": error_id, "error": type(error).__name__, "sqlstate": sqlstate(error), "frames": frames}
    _log.error("a bug", extra=facts)
    message = "Something went wrong on our side. Nothing of this step was kept."
    return {"message": message, "extensions": {"code": "INTERNAL", "errorId": error_id}}
