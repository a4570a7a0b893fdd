"""Expected failures in the schema: the interface Problem, the shared problems, and how a kernel problem becomes one.

    @problem(problems.BillAlreadyPosted)
    class BillAlreadyPosted(Problem):
        "The bill is final already."
        number: str = field("Its number.")
        bill: Bill | None = field("As it is.")

`message` and the fields are filled from the exception's attributes of the same names; a field of a type with ids that
the exception lacks is made of its `<name>_id`. A mutation's union lists the problems that it may answer with.
"""

import inspect
from collections.abc import Callable
from typing import Any, TypeVar, dataclass_transform
from uuid import UUID

import strawberry

from salonos.graph.fields import SOURCES, field
from salonos.graph.reads import Ref
from salonos.kernel import problems as kernel

T = TypeVar("T")

PROBLEMS: dict[type[kernel.Problem], type[Any]] = {}
"""By the kernel's exception; a schema takes those of its features' modules and of this one."""


@strawberry.interface(description="An expected failure: nothing was changed.")
class Problem:
    """An expected failure."""

    message: str = field("What went wrong, in a sentence for the person at the till.")


@dataclass_transform(kw_only_default=True, field_specifiers=(field, strawberry.field))
def problem(raised: type[kernel.Problem]) -> Callable[[type[T]], type[T]]:
    """Decorator: the schema's form of a kernel problem. The class's docstring is its description."""

    def decorate(cls: type[T]) -> type[T]:
        made = strawberry.type(description=inspect.getdoc(cls))(cls)
        PROBLEMS[raised] = made
        return made

    return decorate


@strawberry.type(description="One thing that is wrong with an input.")
class InputIssue:
    """One thing that is wrong with an input."""

    path: list[str] = field('Where: names and places from `input` down, `["lines", "0", "serviceId"]`.')
    code: str = field("Which kind, for programs: `NOT_FOUND`, `TOO_LONG`, `REQUIRED`…")
    message: str = field("What is wrong, for the person at the till.")


@problem(kernel.InvalidInput)
class InvalidInput(Problem):
    """The input can't be right whatever the state; every issue that was found is listed."""

    issues: list[InputIssue] = field("What to correct, at most 100.")


@problem(kernel.StaleVersion)
class StaleVersion(Problem):
    """Somebody else changed the object meanwhile: read it again, then decide."""

    current_version: int = field("The version it has now.")


def problem_of(raised: kernel.Problem) -> Any:
    """The schema's object for a kernel problem.

    Raises: LookupError for one that no feature declared.
    """
    made = next((PROBLEMS[kind] for kind in type(raised).__mro__ if kind in PROBLEMS), None)
    if made is None:
        raise LookupError(f"{type(raised).__name__} has no form in the schema") from raised
    if isinstance(raised, kernel.InvalidInput):
        issues = [
            InputIssue(path=[str(step) for step in i.path], code=i.code, message=i.message) for i in raised.issues
        ]
        return InvalidInput(message=raised.message, issues=issues)
    return made(**{each.python_name: _value(raised, each) for each in made.__strawberry_definition__.fields})


def _value(raised: kernel.Problem, declared: Any) -> Any:
    """An attribute of the exception; an object is made of its id."""
    name = declared.python_name
    if hasattr(raised, name):
        found = getattr(raised, name)
        kind = _object_type(declared)
        return Ref(kind, found) if isinstance(found, UUID) and kind is not None else found
    row_id = getattr(raised, f"{name}_id", None)
    kind = _object_type(declared)
    return Ref(kind, row_id) if row_id is not None and kind is not None else None


def _object_type(declared: Any) -> type[Any] | None:
    """The type with rows that a field returns, if it does."""
    kind = declared.type
    kind = getattr(kind, "of_type", kind)
    return kind if kind in SOURCES else None
