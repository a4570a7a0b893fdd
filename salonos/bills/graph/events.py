"""Bills as they happen."""

from datetime import datetime

import strawberry

from salonos.bills import events
from salonos.bills.graph.reads import BILL_READ, Bill
from salonos.graph.events import on_event
from salonos.graph.fields import extend, field, ref
from salonos.graph.roots import Subscription
from salonos.graph.scalars import EventCursor


@strawberry.type(description="A bill became final.")
class BillPostedEvent:
    """A bill became final."""

    cursor: EventCursor = field("Give it as `after` to resume behind this event.")
    occurred_at: datetime = field("When it was posted.")
    bill: Bill | None = field("The bill as it is now.")


@extend(Subscription)
class BillEvents:
    """The facts."""

    bill_posted: BillPostedEvent | None = on_event(
        events.BillPosted,
        "A bill became final.",
        requires=BILL_READ,
        payload=lambda event: BillPostedEvent(
            cursor=EventCursor(event.cursor), occurred_at=event.occurred_at, bill=ref(Bill, event.subject_id)
        ),
    )
