"""The operations that every server is asked, as a front end of a salon asks them."""

import json
from typing import Any, Final

SELECTION: Final = """{
  id number status createdAt total balanceDue
  customer { id name }
  lines { id position description total }
  payments { id method amount receivedAt }
}"""
LATEST: Final = f"query Latest($first: Int!) {{ bills(first: $first) {{ nodes {SELECTION} }} }}"
ONE: Final = f"query One($id: ID!) {{ bill(id: $id) {SELECTION} }}"
FIRST: Final = 20


def request(operation: str, text: str, **variables: Any) -> bytes:
    """A request's body as clients send it."""
    return json.dumps({"query": text, "operationName": operation, "variables": variables}).encode()
