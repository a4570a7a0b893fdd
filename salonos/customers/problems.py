"""Expected failures of the customers' commands."""

from dataclasses import dataclass
from uuid import UUID

from salonos.kernel.problems import Problem


@dataclass(eq=False)
class CustomerExists(Problem):
    """Somebody with this phone number is known already: take them, or say that the two share the number."""

    customer_id: UUID
    message: str = "There is a customer with this phone number already. Is it the same person?"
