"""(d)'s requests in the names that it makes of the tables, aliased to ours; and its answer's values in our forms.

It answers with what the columns hold: bare UUIDs, paise, times with an offset. As many values as ours, nested alike.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from bench.operations import FIRST, Asked, request
from salonos.kernel.ids import id_text
from salonos.kernel.money import money_text

SELECTION: Final = """{
  id: rowId number status createdAt total: totalPaise balanceDue: balanceDuePaise
  customer: customerByCustomerId { id: rowId name }
  lines: billLinesByBillIdList(orderBy: [POSITION_ASC]) { id: rowId position description total: totalPaise }
  payments: paymentsByBillIdList(orderBy: [RECEIVED_AT_ASC, ROW_ID_ASC]) { id: rowId method amount: amountPaise receivedAt }
}"""
LATEST: Final = f"""query Latest($branchId: UUID!, $first: Int!) {{
  bills: allBills(condition: {{branchId: $branchId}}, first: $first, orderBy: [LISTED_AT_DESC, ROW_ID_DESC]) {{
    nodes {SELECTION}
  }}
}}"""
ONE: Final = f"query One($id: UUID!) {{ bill: billByRowId(rowId: $id) {SELECTION} }}"


def bodies(asked: Asked) -> Mapping[str, bytes]:
    """Both requests."""
    return {
        "Latest": request("Latest", LATEST, branchId=str(asked.branch_id), first=FIRST),
        "One": request("One", ONE, id=str(asked.bill_id)),
    }


def shown(operation: str, answer: Any) -> Any:
    """The answer as ours would be."""
    data = answer["data"]
    if operation == "One":
        return {"data": {"bill": _bill(data["bill"])}}
    return {"data": {"bills": {"nodes": [_bill(each) for each in data["bills"]["nodes"]]}}}


def _bill(given: dict[str, Any]) -> dict[str, Any]:
    customer = given["customer"]
    return {
        **given,
        "id": _id("bill", given),
        "createdAt": _instant(given["createdAt"]),
        "total": money_text(int(given["total"])),
        "balanceDue": money_text(int(given["balanceDue"])),
        "customer": customer and {**customer, "id": _id("customer", customer)},
        "lines": [
            {**each, "id": _id("line", each), "total": money_text(int(each["total"]))} for each in given["lines"]
        ],
        "payments": [
            {
                **each,
                "id": _id("payment", each),
                "amount": money_text(int(each["amount"])),
                "receivedAt": _instant(each["receivedAt"]),
            }
            for each in given["payments"]
        ],
    }


def _id(prefix: str, row: dict[str, Any]) -> str:
    return id_text(prefix, UUID(row["id"]))


def _instant(text: str) -> str:
    return datetime.fromisoformat(text).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
