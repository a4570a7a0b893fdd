"""The facts of stock."""

from datetime import datetime

import strawberry

from salonos.graph.events import on_event
from salonos.graph.fields import (
    extend,
    field,
    ref,
)
from salonos.graph.roots import Subscription
from salonos.graph.scalars import EventCursor
from salonos.inventory import events
from salonos.inventory.graph.shelves import StockLevel
from salonos.kernel.permissions import Permission


@strawberry.type(description="An item came down to its reorder point.")
class StockLowEvent:
    """An item came down to its reorder point."""

    cursor: EventCursor = field("Give it as `after` to resume behind this event.")
    occurred_at: datetime = field("When.")
    level: StockLevel | None = field("The level as it is now.")


@extend(Subscription)
class StockEvents:
    """The facts."""

    stock_low: StockLowEvent | None = on_event(
        events.StockLow,
        "An item came down to its reorder point at a branch: once, until it has risen above it again.",
        requires=Permission.STOCK_READ,
        payload=lambda event: StockLowEvent(
            cursor=EventCursor(event.cursor), occurred_at=event.occurred_at, level=ref(StockLevel, event.subject_id)
        ),
    )
