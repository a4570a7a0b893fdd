"""The operations that every server is asked, as a front end of a salon asks them."""

from typing import Final

SELECTION: Final = """{
  id number status createdAt total balanceDue
  customer { id name }
  lines { id position description total }
  payments { id method amount receivedAt }
}"""
LATEST: Final = f"query Latest($first: Int!) {{ bills(first: $first) {{ nodes {SELECTION} }} }}"
ONE: Final = f"query One($id: ID!) {{ bill(id: $id) {SELECTION} }}"
FIRST: Final = 20
