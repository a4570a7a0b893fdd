"""A plan: one SQL statement with a JSON column for each response name, and everything that answering it needs.

A plan is shared by all who have the same rights and ask the same: it holds no value of a request, only how to get one.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, TypeAlias
from uuid import UUID

import orjson

from salonos.graph.reads import ACTOR
from salonos.kernel.actor import Actor


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a request brings to a plan. `now` is None where PostgreSQL's clock counts."""

    variables: Mapping[str, Any]
    actor: Actor
    now: datetime | None = None
    ids: Sequence[UUID | list[UUID] | None] = ()


Getter: TypeAlias = Callable[[Inputs], Any]
Opener: TypeAlias = Callable[[list[Any]], Any]


@dataclass(frozen=True)
class Ready:
    """Finished JSON of a payload's attribute, by response name: it may be selected under several."""

    by_name: Mapping[str, str | None]


@dataclass(frozen=True)
class Opens:
    """Below a response name: the leaves that Python finishes, by their own response names."""

    inner: Mapping[str, "Opens | Opener"]


@dataclass(frozen=True)
class OpensByType:
    """A list whose items are `{"t": type name, "v": row}`, since what is to be opened depends on the type."""

    by_type: Mapping[str, "Opens | None"]


Opening: TypeAlias = Opens | OpensByType | Opener


@dataclass(frozen=True, eq=False)
class Plan:
    """`names` are the columns' response names, `heads` what stands before each value in the finished text."""

    sql: str
    getters: tuple[Getter, ...]
    names: tuple[str, ...]
    heads: tuple[str, ...]
    opens: Mapping[str, Opening]
    denials: tuple[dict[str, Any], ...]
    actor_names: frozenset[str]
    """Which of the actor's values it binds: actors who agree in them are answered alike."""
    varies: bool = False
    """Whether PostgreSQL has to look at the values before it decides how to read."""

    @cached_property
    def tail(self) -> bytes:
        """What follows the data of a query: its errors, if anything was denied."""
        return b',"errors":' + orjson.dumps(self.denials) + b"}" if self.denials else b"}"

    @property
    def size(self) -> int:
        """About how many bytes it keeps."""
        return 2 * len(self.sql) + 400 * len(self.getters) + 2_000

    def bind(self, inputs: Inputs) -> list[Any]:
        """The statement's parameters for one request.

        Raises: BadRequest; BadCursor.
        """
        return [get(inputs) for get in self.getters]


def actor_getter(key: str) -> Getter:
    """How an `actor_value` is got."""
    name = key.removeprefix(ACTOR)
    if name == "branch_ids":
        return lambda inputs: list(inputs.actor.branch_ids)
    return lambda inputs: getattr(inputs.actor, name)


def actor_scope(actor: Actor, names: frozenset[str]) -> tuple[Any, ...]:
    """An actor's values of these names, comparable."""
    values = (getattr(actor, name) for name in sorted(names))
    return tuple(tuple(sorted(value)) if isinstance(value, tuple) else value for value in values)


def opened(value: Any, opening: Opening | None) -> Any:
    """A decoded value with its leaves finished."""
    if value is None or opening is None:
        return value
    if isinstance(opening, OpensByType):
        return [each and opened(each["v"], opening.by_type[each["t"]]) for each in value]
    if not isinstance(opening, Opens):
        return opening(value)
    for row in value if isinstance(value, list) else (value,):
        if row is not None:
            for key, inner in opening.inner.items():
                if key in row:
                    row[key] = opened(row[key], inner)
    return value
