"""Who sells goods to the salon."""

import enum
from datetime import datetime
from typing import Annotated

import strawberry
from sqlalchemy import ColumnElement

from salonos.catalog.graph import PREFIX, begins_with
from salonos.graph.fields import (
    Order,
    by_id,
    column,
    connection,
    extend,
    field,
    node,
    orders,
    ref,
    where,
)
from salonos.graph.mutations import mutation
from salonos.graph.problem import InvalidInput, Problem, StaleVersion, problem
from salonos.graph.roots import Connection, Mutation, Node, Query
from salonos.graph.scalars import Gstin, PhoneNumber
from salonos.inventory import commands, problems, tables
from salonos.kernel.actor import Access
from salonos.kernel.ids import id_value
from salonos.kernel.permissions import Permission
from salonos.kernel.work import Work

SUPPLIER_READ = Permission.SUPPLIER_READ


def every_supplier(_: Access) -> ColumnElement[bool] | None:
    """Suppliers are the whole business's."""
    return None


@node(tables.Supplier, scope=every_supplier, requires=SUPPLIER_READ)
class Supplier(Node):
    """Who sells goods to the salon."""

    name: str = column(tables.Supplier.name, "What it is called.")
    gstin: Gstin | None = column(tables.Supplier.gstin, "Null for one that is not registered, and charges no GST.")
    state_code: str = column(tables.Supplier.state_code, "GST state code: goods from another state carry IGST.")
    phone: PhoneNumber | None = column(tables.Supplier.phone, "In E.164; null when we have none.")
    is_active: bool = column(tables.Supplier.is_active, "Whether one still orders there.")
    version: int = column(tables.Supplier.version, "Rises with each change.")
    created_at: datetime = column(tables.Supplier.created_at, "When it was taken into the records.")


@orders(NAME=Order(tables.Supplier.search_name, "By name, without case."))
class SupplierOrder(enum.Enum):
    """How suppliers may be ordered. The id breaks ties."""


@strawberry.input(description="Which suppliers; all conditions hold.")
class SupplierFilter:
    """Which suppliers."""

    search: str | None = where(
        tables.Supplier.search_name, "The name begins with this, without case.", parts=PREFIX, condition=begins_with
    )
    gstin: Gstin | None = where(tables.Supplier.gstin, "With this GSTIN.")
    is_active: bool | None = where(tables.Supplier.is_active, "Only those where one still orders, or only others.")


@extend(Query)
class SupplierReads:
    """The roots."""

    supplier: Supplier | None = by_id("A supplier by its id.")
    suppliers: Connection[Supplier] | None = connection(
        None, "Who sells goods to the salon.", order=SupplierOrder, filter=SupplierFilter
    )


# --- writes


@problem(problems.SupplierExists)
class SupplierExists(Problem):
    """Another supplier has this GSTIN."""

    supplier: Supplier | None = field("Which.")


@strawberry.input(description="Somebody to buy goods from.")
class CreateSupplierInput:
    """Somebody to buy goods from."""

    name: str = field("At most 120 characters.")
    gstin: Gstin | None = field("Left out for one that is not registered.")
    state_code: str | None = field("GST state code; that of the GSTIN when left out.")
    phone: PhoneNumber | None = field("To call.")


@strawberry.input(description="What is known of a supplier from now on, in place of all that was said.")
class UpdateSupplierInput:
    """What is known of a supplier from now on."""

    supplier_id: strawberry.ID = field("Which.")
    expected_version: int = field("The version that was read.")
    name: str = field("At most 120 characters.")
    gstin: Gstin | None = field("Left out for one that is not registered.")
    state_code: str | None = field("GST state code; that of the GSTIN when left out.")
    phone: PhoneNumber | None = field("To call.")
    is_active: bool = field("Whether one still orders there.", default=True)


@strawberry.type(description="The supplier is known now.")
class CreateSupplierSuccess:
    """The supplier is known now."""

    supplier: Supplier | None = field("As it is now.")


@strawberry.type(description="The supplier was changed.")
class UpdateSupplierSuccess:
    """The supplier was changed."""

    supplier: Supplier | None = field("As it is now.")


CreateSupplierResult = Annotated[
    CreateSupplierSuccess | InvalidInput | SupplierExists,
    strawberry.union("CreateSupplierResult", description="What became of it."),
]
UpdateSupplierResult = Annotated[
    UpdateSupplierSuccess | InvalidInput | StaleVersion | SupplierExists,
    strawberry.union("UpdateSupplierResult", description="What became of it."),
]


@extend(Mutation)
class SupplierWrites:
    """The writes."""

    @mutation("Take a supplier into the records.", requires=Permission.PURCHASE_MANAGE)
    async def create_supplier(self, work: Work, input: CreateSupplierInput) -> CreateSupplierResult:
        """Creates a supplier."""
        new = commands.NewSupplier(input.name, input.gstin, input.state_code, input.phone)
        return CreateSupplierSuccess(supplier=ref(Supplier, await commands.create_supplier(work, new)))

    @mutation("Say anew what is known of a supplier.", requires=Permission.PURCHASE_MANAGE)
    async def update_supplier(self, work: Work, input: UpdateSupplierInput) -> UpdateSupplierResult:
        """Changes a supplier."""
        new = commands.NewSupplier(input.name, input.gstin, input.state_code, input.phone, input.is_active)
        supplier_id = id_value("supplier", input.supplier_id)
        await commands.update_supplier(work, supplier_id, new, expected_version=input.expected_version)
        return UpdateSupplierSuccess(supplier=ref(Supplier, supplier_id))
