"""A paper's content in one statement."""

from base64 import b64decode
from collections.abc import Mapping
from datetime import date
from typing import Any, Final
from uuid import UUID

import orjson

from salonos.accounting.rules import MoneyDirection, PaymentMethod
from salonos.bills.documents.content import Document, Line, Party, Payment
from salonos.bills.documents.links import Naming
from salonos.bills.rules import BillKind, BillStatus
from salonos.inventory.rules import StockUnit
from salonos.kernel import crypto
from salonos.kernel.database import Database

UNIT_CODES: Final = {
    StockUnit.PIECE: "PCS",
    StockUnit.ML: "MLT",
    StockUnit.L: "LTR",
    StockUnit.G: "GMS",
    StockUnit.KG: "KGS",
    StockUnit.BOX: "BOX",
    StockUnit.BOTTLE: "BTL",
}
"""Unit quantity codes of GST."""
NO_UNIT: Final = "NOS"
"""Of goods that are not counted in stock. Services have no unit."""

_DOCUMENT: Final = """
select json_build_object(
    'bill', row_to_json(bill),
    'original', (select json_build_object('number', number, 'kind', kind, 'on', business_date) from bills where id = bill.original_id),
    'branch', json_build_object('address', branch.address, 'upi_id', branch.upi_id, 'state_code', branch.state_code),
    'salon', (select json_build_object('name', name, 'legal_name', legal_name) from salons),
    'customer', (
        select json_build_object('id', id, 'name', name, 'first_name', first_name,
            'key', encode(person_key, 'base64'), 'address', encode(address_sealed, 'base64'))
        from customers where id = bill.customer_id
    ),
    'lines', (
        select json_agg(row_to_json(line) order by line.position) from (
            select bill_lines.*, stock_items.unit from bill_lines left join stock_items on stock_items.id = product_id
            where bill_id = bill.id
        ) as line
    ),
    'payments', (
        select coalesce(json_agg(row_to_json(payment) order by received_at, id), '[]') from payments as payment
        where bill_id = bill.id and reverses_id is null
            and not exists (select from payments as reversal where reversal.reverses_id = payment.id)
    )
)::text
from bills as bill join branches as branch on branch.id = bill.branch_id
where bill.id = $1 and bill.number is not null
"""


async def document_of(database: Database, bill_id: UUID, naming: Naming) -> Document | None:
    """The paper of a bill that was posted; None for a draft and for none."""
    row = await database.readers.fetchrow(_DOCUMENT, bill_id)
    return None if row is None else _document(orjson.loads(row[0]), naming)


def _document(found: Mapping[str, Any], naming: Naming) -> Document:
    bill, original = found["bill"], found["original"] or {}
    amounts = {name: bill[name] for name in bill if name in _AMOUNTS}
    return Document(
        bill_id=UUID(bill["id"]),
        kind=BillKind[bill["kind"]],
        status=BillStatus[bill["status"]],
        number=bill["number"],
        on=date.fromisoformat(bill["business_date"]),
        seller=_seller(found),
        customer=_customer(found, naming),
        place_of_supply=bill["place_of_supply"],
        original_kind=BillKind[original["kind"]] if original else None,
        original_number=original.get("number"),
        original_on=date.fromisoformat(original["on"]) if original else None,
        refund_reason=bill["refund_reason"],
        lines=[_line(each) for each in found["lines"]],
        payments=[_payment(each) for each in found["payments"]],
        upi_id=found["branch"]["upi_id"],
        **amounts,
    )


_AMOUNTS: Final = frozenset(name for name in Document.__dataclass_fields__ if name.endswith("_paise"))


def _seller(found: Mapping[str, Any]) -> Party:
    """As it was on the day; as it is today for bills from before names were kept."""
    bill, salon, branch = found["bill"], found["salon"] or {}, found["branch"]
    return Party(
        name=bill["seller_name"] or salon.get("name", ""),
        legal_name=bill["seller_legal_name"] or salon.get("legal_name", ""),
        address=bill["seller_address"] or branch["address"],
        gstin=bill["gstin"],
        state_code=branch["state_code"],
    )


def _customer(found: Mapping[str, Any], naming: Naming) -> Party | None:
    bill, customer = found["bill"], found["customer"]
    gstin = bill["buyer_gstin"]
    if naming is Naming.NONE or customer is None:
        return None if gstin is None else Party(name="", gstin=gstin, state_code=gstin[:2])
    state = gstin[:2] if gstin else bill["place_of_supply"]
    if naming is Naming.FIRST:
        return Party(name=customer["first_name"], gstin=gstin, state_code=state)
    return Party(name=bill["buyer_name"] or customer["name"], address=_address(customer), gstin=gstin, state_code=state)


def _address(customer: Mapping[str, Any]) -> str:
    """As it is known now; nothing once the person was forgotten."""
    if customer["key"] is None or customer["address"] is None:
        return ""
    place = crypto.place_of("customers", "address_sealed", UUID(customer["id"]).hex)
    return crypto.keyring().open(b64decode(customer["key"]), b64decode(customer["address"]), place=place)


def _line(row: Mapping[str, Any]) -> Line:
    unit = "" if row["service_id"] else UNIT_CODES[StockUnit[row["unit"]]] if row["unit"] else NO_UNIT
    return Line(
        position=row["position"],
        description=row["description"],
        code=row["code"],
        quantity_milli=row["quantity_milli"],
        unit=unit,
        unit_price_paise=row["unit_price_paise"],
        is_tax_included=row["is_tax_included"],
        gross_paise=row["gross_paise"],
        discount_paise=row["discount_paise"] + row["bill_discount_paise"],
        taxable_paise=row["taxable_paise"],
        rate_hundredths=row["rate_hundredths"],
        cgst_paise=row["cgst_paise"],
        sgst_paise=row["sgst_paise"],
        igst_paise=row["igst_paise"],
    )


def _payment(row: Mapping[str, Any]) -> Payment:
    return Payment(
        direction=MoneyDirection[row["direction"]],
        method=PaymentMethod[row["method"]],
        amount_paise=row["amount_paise"],
        tendered_paise=row["tendered_paise"],
        change_paise=row["change_paise"],
        reference=row["reference"],
    )
