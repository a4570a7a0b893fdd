"""Facts announced after the commit."""

from dataclasses import dataclass
from uuid import UUID

from salonos.kernel.outbox import Event


@dataclass(frozen=True, kw_only=True)
class StockLow(Event):
    """An item came down to its reorder point at a branch: once per crossing. The subject is the level."""

    product_id: UUID
