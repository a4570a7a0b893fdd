"""Expected failures of the catalogue's commands."""

from dataclasses import dataclass
from uuid import UUID

from salonos.kernel.problems import Problem


@dataclass(eq=False)
class SkuTaken(Problem):
    """Another product has this SKU."""

    sku: str
    product_id: UUID | None = None
    message: str = "Another product has this SKU already."


@dataclass(eq=False)
class BarcodeTaken(Problem):
    """Another product has this barcode."""

    barcode: str
    product_id: UUID | None = None
    message: str = "Another product has this barcode already."


@dataclass(eq=False)
class NameTaken(Problem):
    """A tax class of this name exists."""

    message: str = "There is one of this name already."
