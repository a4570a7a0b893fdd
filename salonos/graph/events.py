"""Subscriptions: facts as they happen, and figures whenever they change.

    @extend(Subscription)
    class BillEvents:
        bill_posted: BillPostedEvent | None = on_event(
            events.BillPosted, "A bill became final.", requires=Permission.BILL_READ,
            payload=lambda event: BillPostedEvent(
                cursor=event.cursor, occurred_at=event.occurred_at, bill=ref(Bill, event.subject_id)))
        dashboard_changed: Dashboard | None = on_change(
            (events.BillPosted, events.PaymentTaken), "The day's figures, at once and after every change.",
            requires=Permission.DASHBOARD_READ, branch_id=argument(strawberry.ID | None, "…", prefix="branch"))

An event out of a subscriber's reach is not sent to it at all. `payload` gets the stored event: `cursor`, `occurred_at`,
`subject_id`, `branch_id`, `payload` (its further facts as JSON values).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import strawberry

from salonos.graph.directives import Rule, rule
from salonos.graph.fields import _argument
from salonos.graph.reads import READ, Argument, Reading
from salonos.graph.scalars import EventCursor
from salonos.kernel.outbox import Event, Stored
from salonos.kernel.permissions import Permission


@dataclass(frozen=True)
class OnEvent:
    """A subscription to facts: kinds of events, and the payload of one."""

    kinds: tuple[str, ...]
    payload: Callable[[Stored], Any]


@dataclass(frozen=True)
class OnChange:
    """A subscription to a reading: the kinds of events after which it is read again."""

    kinds: tuple[str, ...]
    reading: Reading


def on_event(
    event: type[Event] | tuple[type[Event], ...],
    description: str,
    *,
    requires: Permission | Rule,
    payload: Callable[[Stored], Any],
    branch_required: bool = False,
    is_of_branch: bool = True,
) -> Any:
    """A past-tense fact. Arguments `branchId` (only that branch's) and `after` (resume behind a cursor).

    What happens at no branch (`is_of_branch=False`) has the latter only.
    """
    branch = strawberry.ID if branch_required else strawberry.ID | None
    by_branch = _argument(
        "branch_id", branch, "Only what happens at this branch; all within reach when it is left out."
    )
    after = _argument(
        "after", EventCursor | None, "Resume behind this event, for seven days; from now on when left out."
    )
    arguments = [by_branch, after] if is_of_branch else [after]
    return _subscription(OnEvent(_kinds(event), payload), description, rule(requires), arguments)


def on_change(
    event: type[Event] | tuple[type[Event], ...],
    description: str,
    *,
    requires: Permission | Rule,
    **arguments: Argument,
) -> Any:
    """A reading at once and after every change: the newest only, at most one a second.

    The field's type is a computed one, and the arguments are those of its reading.
    """
    given = [
        _argument(name, each.annotation, each.description, default=each.default) for name, each in arguments.items()
    ]
    return _subscription(OnChange(_kinds(event), Reading(arguments)), description, rule(requires), given)


def _kinds(event: type[Event] | tuple[type[Event], ...]) -> tuple[str, ...]:
    several = event if isinstance(event, tuple) else (event,)
    return tuple(each.__name__ for each in several)


def _subscription(read: Any, description: str, guard: Rule | None, arguments: list[Any]) -> Any:
    made = strawberry.field(description=description, directives=[guard] if guard else [], metadata={READ: read})
    made.arguments = arguments
    return made
