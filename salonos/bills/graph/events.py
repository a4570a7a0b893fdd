"""Bills as they happen."""

from datetime import datetime

import strawberry

from salonos.bills import events
from salonos.bills.graph.reads import BILL_READ, Bill, Payment
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


@strawberry.type(description="A bill changed: a draft was saved, money was kept, something was given back.")
class BillChangedEvent:
    """A bill changed."""

    cursor: EventCursor = field("Give it as `after` to resume behind this event.")
    occurred_at: datetime = field("When it changed.")
    bill: Bill | None = field("The bill as it is now.")


@strawberry.type(description="Money was kept towards a bill.")
class PaymentTakenEvent:
    """Money was kept towards a bill."""

    cursor: EventCursor = field("Give it as `after` to resume behind this event.")
    occurred_at: datetime = field("When it was taken.")
    payment: Payment | None = field("The payment, with its bill.")


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
    bill_changed: BillChangedEvent | None = on_event(
        events.BillChanged,
        "A bill changed: a draft was saved, money was kept, something was given back. Posting is `billPosted`.",
        requires=BILL_READ,
        payload=lambda event: BillChangedEvent(
            cursor=EventCursor(event.cursor), occurred_at=event.occurred_at, bill=ref(Bill, event.subject_id)
        ),
    )
    payment_taken: PaymentTakenEvent | None = on_event(
        events.PaymentTaken,
        "Money was kept towards a bill.",
        requires=BILL_READ,
        payload=lambda event: PaymentTakenEvent(
            cursor=EventCursor(event.cursor), occurred_at=event.occurred_at, payment=ref(Payment, event.subject_id)
        ),
    )
