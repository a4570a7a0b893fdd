"""(e)'s requests: our words, and the branch, since it does not know who asks."""

from collections.abc import Mapping

from bench.operations import FIRST, ONE, SELECTION, Asked, request
from salonos.kernel.ids import id_text

LATEST = f"query Latest($branchId: ID!, $first: Int!) {{ bills(branchId: $branchId, first: $first) {{ nodes {SELECTION} }} }}"


def bodies(asked: Asked) -> Mapping[str, bytes]:
    """Both requests."""
    return {
        "Latest": request("Latest", LATEST, branchId=id_text("branch", asked.branch_id), first=FIRST),
        "One": request("One", ONE, id=id_text("bill", asked.bill_id)),
    }
