"""The operations that every server is asked, as a front end of a salon asks them."""

import json
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

SELECTION: Final = """{
  id number status createdAt total balanceDue
  customer { id name }
  lines { id position description total }
  payments { id method amount receivedAt }
}"""
LATEST: Final = f"query Latest($first: Int!) {{ bills(first: $first) {{ nodes {SELECTION} }} }}"
ONE: Final = f"query One($id: ID!) {{ bill(id: $id) {SELECTION} }}"
FIRST: Final = 20


@dataclass(frozen=True)
class Asked:
    """The bill that is asked for, and the branch whose newest bills are: its own. Who knows the person knows the branch."""

    bill_id: UUID
    branch_id: UUID


def request(operation: str, text: str, **variables: Any) -> bytes:
    """A request's body as clients send it."""
    return json.dumps({"query": text, "operationName": operation, "variables": variables}).encode()
