"""Who sells goods to the salon."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.exc import IntegrityError

from salonos.customers.rules import phone_number
from salonos.inventory import problems, queries, rules, tables
from salonos.kernel.checks import Checks
from salonos.kernel.database import constraint_of
from salonos.kernel.ids import new_id
from salonos.kernel.permissions import Permission
from salonos.kernel.problems import StaleVersion, not_found
from salonos.kernel.text import search_key
from salonos.kernel.work import StartOver, Work
from salonos.salon import rules as salon_rules


@dataclass(frozen=True)
class NewSupplier:
    """A supplier. The state is that of the GSTIN where there is one; the phone number as people write it."""

    name: str
    gstin: str | None = None
    state_code: str | None = None
    phone: str | None = None
    is_active: bool = True


async def create_supplier(work: Work, new: NewSupplier) -> UUID:
    """Takes a supplier into the records.

    Raises: InvalidInput with every fault; SupplierExists for a GSTIN that another one has.
    """
    work.actor.require(Permission.PURCHASE_MANAGE)
    row = tables.Supplier(id=new_id(), version=1, created_at=work.now)
    _take(row, new)
    work.session.add(row)
    await _flush(work, row)
    return row.id


async def update_supplier(work: Work, supplier_id: UUID, new: NewSupplier, *, expected_version: int) -> UUID:
    """Replaces what is known of a supplier. Documents of before keep their state and GSTIN.

    Raises: InvalidInput with every fault; StaleVersion; SupplierExists.
    """
    work.actor.require(Permission.PURCHASE_MANAGE)
    row = await queries.supplier_for_update(work, supplier_id)
    if row is None:
        raise not_found(("supplierId",), "supplier")
    if row.version != expected_version:
        raise StaleVersion(current_version=row.version)
    _take(row, new)
    row.version += 1
    await _flush(work, row)
    return row.id


def _take(row: tables.Supplier, new: NewSupplier) -> None:
    """Raises: InvalidInput with every fault."""
    checks = Checks()
    row.name = checks.text(new.name, ("name",), rules.SUPPLIER_NAME_MAX)
    row.search_name = search_key(row.name)
    row.gstin = (new.gstin or "").strip() or None
    row.is_active = new.is_active
    if row.gstin is not None and not salon_rules.gstin_is_valid(row.gstin):
        checks.add(("gstin",), "INVALID_GSTIN", "This is no GSTIN: check it letter by letter.")
    row.state_code = new.state_code or (row.gstin or "")[:2]
    if not row.state_code:
        checks.add(("stateCode",), "REQUIRED", "Say in which state a supplier without a GSTIN is.")
    elif row.state_code not in salon_rules.STATES:
        checks.add(("stateCode",), "UNKNOWN_STATE", "This is no state code of GST.")
    elif row.gstin is not None and row.gstin[:2] != row.state_code:
        checks.add(("gstin",), "OTHER_STATE", "The GSTIN belongs to another state.")
    row.phone = phone_number(new.phone) if new.phone else None
    if new.phone and row.phone is None:
        checks.add(("phone",), "INVALID_PHONE", "This is no phone number.")
    checks.finish()


async def _flush(work: Work, row: tables.Supplier) -> None:
    """Raises: SupplierExists; StartOver when somebody took the GSTIN since we looked, who is then found."""
    if row.gstin is not None:
        with work.session.no_autoflush:
            taken_by = await queries.supplier_with_gstin(work, row.gstin, but=row.id)
        if taken_by is not None:
            raise problems.SupplierExists(taken_by)
    try:
        await work.session.flush()
    except IntegrityError as error:
        if constraint_of(error) == "uq_suppliers_gstin":
            raise StartOver from error
        raise
