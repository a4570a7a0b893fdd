"""The catalogue in the schema: tax classes with their rates, services, products."""

import enum
from collections.abc import Callable
from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

import strawberry
from sqlalchemy import ColumnElement, Text, and_, func
from sqlalchemy.orm import InstrumentedAttribute

from salonos.catalog import commands, problems, queries, rules, tables
from salonos.graph.fields import (
    Order,
    Part,
    Within,
    by_id,
    by_key,
    column,
    connection,
    extend,
    field,
    key,
    listing,
    many,
    node,
    one,
    orders,
    ref,
    row,
    where,
)
from salonos.graph.mutations import mutation
from salonos.graph.problem import InvalidInput, Problem, StaleVersion, problem
from salonos.graph.roots import Connection, Mutation, Node, Query
from salonos.kernel.actor import Access
from salonos.kernel.database import Hundredths
from salonos.kernel.ids import id_value
from salonos.kernel.money import Money
from salonos.kernel.permissions import Permission
from salonos.kernel.quantity import Percentage
from salonos.kernel.text import search_key
from salonos.kernel.work import Work
from salonos.salon import graph as salon

# --- what is read


def everybody(_: Access) -> ColumnElement[bool] | None:
    """The catalogue is the whole business's: no row is hidden."""
    return None


def rate_today(tax_class_id: InstrumentedAttribute[Any]) -> ColumnElement[int]:
    """A class's rate at today's business date. A class begins with a rate that has begun, so there always is one."""
    rate = queries.rate_on(tax_class_id.expression, salon.today()).correlate(tax_class_id.class_)
    return func.coalesce(rate.scalar_subquery(), 0, type_=Hundredths())


@row(tables.TaxRate, scope=Within(tables.TaxRate.tax_class_id, "TaxClass"))
class TaxRate:
    """A tax class's rate from a date on, until the next one begins."""

    valid_from: date = column(tables.TaxRate.valid_from, "The first business date on which it counts.")
    rate: Percentage = column(tables.TaxRate.rate_hundredths, "All of the GST: CGST and SGST together, or IGST.")
    allows_input_credit: bool = column(
        tables.TaxRate.allows_input_credit, "Whether input credit may be taken on what is bought for it."
    )


@node(tables.TaxClass, scope=everybody, requires=Permission.CATALOG_READ)
class TaxClass(Node):
    """Items that carry the same GST."""

    name: str = column(tables.TaxClass.name, "What it is called.")
    current_rate: Percentage = column(rate_today(tables.TaxClass.id), "At today's business date.")
    rates: list[TaxRate] = many(
        tables.TaxRate.tax_class_id, "All of them by their first date, at most 500.", order_by=tables.TaxRate.valid_from
    )


@node(tables.Service, scope=everybody, requires=Permission.CATALOG_READ)
class Service(Node):
    """Something that is done for a customer."""

    name: str = column(tables.Service.name, "What it is called on menus and bills.")
    category: str = column(tables.Service.category, "Its group on the menu; empty when it has none.")
    price: Money = column(tables.Service.price_paise, "Of one; with tax only if `priceIncludesTax`.")
    price_includes_tax: bool = column(tables.Service.price_includes_tax, "Whether tax is part of the price.")
    duration_minutes: int = column(tables.Service.duration_minutes, "How long it takes: 1 to 720.")
    sac_code: str = column(tables.Service.sac_code, "Services accounting code of GST: `999721` is hairdressing.")
    tax_rate: Percentage = column(
        rate_today(tables.Service.tax_class_id), "All of the GST at today's business date; a sale takes its own date's."
    )
    tax_class: TaxClass = one(tables.Service.tax_class_id, "What GST it carries.", within=True)
    is_active: bool = column(tables.Service.is_active, "Whether it is offered.")
    version: int = column(tables.Service.version, "Rises with each change.")
    created_at: datetime = column(tables.Service.created_at, "When it was taken into the catalogue.")


@node(tables.Product, scope=everybody, requires=Permission.CATALOG_READ)
class Product(Node):
    """Something that is sold, used up at work, or both."""

    name: str = column(tables.Product.name, "What it is called on shelves and bills.")
    category: str = column(tables.Product.category, "Its group; empty when it has none.")
    sku: str = column(tables.Product.sku, "Our own code of it, unique.")
    barcode: str | None = column(
        tables.Product.barcode, "What the till's scanner reads, unique; null when it has none."
    )
    price: Money = column(tables.Product.price_paise, "Of one; without tax only if not `priceIncludesTax`.")
    price_includes_tax: bool = column(tables.Product.price_includes_tax, "Whether tax is part of the price (MRP).")
    unit_cost: Money | None = column(
        tables.Product.unit_cost_paise,
        "What one costs us, without tax; null while unknown.",
        requires=Permission.COST_READ,
    )
    hsn_code: str = column(tables.Product.hsn_code, "Code of goods of GST: 4, 6 or 8 digits.")
    tax_rate: Percentage = column(
        rate_today(tables.Product.tax_class_id), "All of the GST at today's business date; a sale takes its own date's."
    )
    tax_class: TaxClass = one(tables.Product.tax_class_id, "What GST it carries.", within=True)
    is_retail: bool = column(tables.Product.is_retail, "Whether it is sold; else it is only used up at work.")
    is_active: bool = column(tables.Product.is_active, "Whether it is still in the catalogue.")
    version: int = column(tables.Product.version, "Rises with each change.")
    created_at: datetime = column(tables.Product.created_at, "When it was taken into the catalogue.")


@orders(
    NAME=Order(tables.Service.search_name, "By name, without case."),
    PRICE=Order(tables.Service.price_paise, "The cheapest first."),
    PRICE_DESCENDING=Order(tables.Service.price_paise, "The dearest first.", descending=True),
)
class ServiceOrder(enum.Enum):
    """How services may be ordered. The id breaks ties."""


@orders(
    NAME=Order(tables.Product.search_name, "By name, without case."),
    SKU=Order(tables.Product.sku, "By our own code."),
    PRICE=Order(tables.Product.price_paise, "The cheapest first."),
    PRICE_DESCENDING=Order(tables.Product.price_paise, "The dearest first.", descending=True),
)
class ProductOrder(enum.Enum):
    """How products may be ordered. The id breaks ties."""


def begins_with(on: ColumnElement[str], low: ColumnElement[str], high: ColumnElement[str]) -> ColumnElement[bool]:
    """A range in the order of code points, which the index on the column serves whatever the plan."""
    return and_(on.expression >= low, on.expression < high)


PREFIX = (Part(search_key, Text()), Part(lambda typed: search_key(typed) + "\U0010ffff", Text()))


def exactly(make: Callable[[str], str]) -> tuple[Part]:
    """The typed text, brought into the form in which it is kept."""
    return (Part(make, Text()),)


@strawberry.input(description="Which services; all conditions hold.")
class ServiceFilter:
    """Which services."""

    search: str | None = where(
        tables.Service.search_name, "The name begins with this, without case.", parts=PREFIX, condition=begins_with
    )
    category: str | None = where(tables.Service.category, "Of this group, as it is written.")
    is_active: bool | None = where(tables.Service.is_active, "Only those that are offered, or that are not.")
    sac_code: str | None = where(tables.Service.sac_code, "With this code.")
    tax_class_id: strawberry.ID | None = where(tables.Service.tax_class_id, "Of this tax class.", prefix="taxclass")


@strawberry.input(description="Which products; all conditions hold.")
class ProductFilter:
    """Which products."""

    search: str | None = where(
        tables.Product.search_name, "The name begins with this, without case.", parts=PREFIX, condition=begins_with
    )
    category: str | None = where(tables.Product.category, "Of this group, as it is written.")
    is_active: bool | None = where(tables.Product.is_active, "Only those in the catalogue, or those retired.")
    is_retail: bool | None = where(tables.Product.is_retail, "Only those that are sold, or those that are not.")
    sku: str | None = where(tables.Product.sku, "With this code, without case.", parts=exactly(rules.sku_text))
    barcode: str | None = where(tables.Product.barcode, "With this barcode, as scanned.", parts=exactly(str.strip))
    hsn_code: str | None = where(tables.Product.hsn_code, "With this code.")
    tax_class_id: strawberry.ID | None = where(tables.Product.tax_class_id, "Of this tax class.", prefix="taxclass")


@extend(Query)
class CatalogReads:
    """The catalogue's roots."""

    services: Connection[Service] | None = connection(
        None, "What we do, retired ones included.", order=ServiceOrder, filter=ServiceFilter
    )
    service: Service | None = by_id("A service by its id.")
    products: Connection[Product] | None = connection(
        None, "What we sell and use up, retired ones included.", order=ProductOrder, filter=ProductFilter
    )
    product: Product | None = by_id("A product by its id.")
    product_by_sku: Product | None = by_key(
        "A product by our own code.", sku=key(tables.Product.sku, "In capitals, as it is kept.")
    )
    tax_classes: list[TaxClass] | None = listing("All tax classes by name, at most 500.", order_by=tables.TaxClass.name)


# --- problems


@problem(problems.SkuTaken)
class SkuTaken(Problem):
    """Another product has this SKU."""

    sku: str = field("The SKU.")
    product: Product | None = field("Who has it; null when it came at the same moment.")


@problem(problems.BarcodeTaken)
class BarcodeTaken(Problem):
    """Another product has this barcode: the till could not tell them apart."""

    barcode: str = field("The barcode.")
    product: Product | None = field("Who has it; null when it came at the same moment.")


@problem(problems.NameTaken)
class NameTaken(Problem):
    """There is one of this name already."""


# --- inputs


@strawberry.input(description="A tax class and its first rate.")
class CreateTaxClassInput:
    """A tax class and its first rate."""

    name: str = field("What it is called, at most 120 characters, unique.")
    rate: Percentage = field("All of the GST, at most 40 percent.")
    valid_from: date = field("The first business date on which the rate counts: today or before.")
    allows_input_credit: bool = field("Whether input credit may be taken on what is bought for it.")


@strawberry.input(description="A class's rate from a date on.")
class AddTaxRateInput:
    """A class's rate from a date on."""

    tax_class_id: strawberry.ID = field("Whose.")
    rate: Percentage = field("All of the GST, at most 40 percent.")
    valid_from: date = field("The first business date on which it counts; no other rate begins on it.")
    allows_input_credit: bool = field("Whether input credit may be taken on what is bought for it.")


@strawberry.input(description="A new service.")
class CreateServiceInput:
    """A new service."""

    name: str = field("What it is called, at most 120 characters.")
    price: Money = field("Of one, at most 10000000.00.")
    duration_minutes: int = field("How long it takes: 1 to 720.")
    sac_code: str = field("Services accounting code: six digits that begin with 99.")
    tax_class_id: strawberry.ID = field("What GST it carries.")
    price_includes_tax: bool = field("Whether tax is part of the price.", default=False)
    category: str = field("Its group on the menu, at most 120 characters; empty for none.", default="")


@strawberry.input(description="What becomes of a service; what is left out stays.")
class UpdateServiceInput:
    """What becomes of a service."""

    service_id: strawberry.ID = field("Which.")
    expected_version: int = field("The version that was read.")
    name: str | None = field("What it is called, at most 120 characters.")
    price: Money | None = field("Of one, at most 10000000.00.")
    duration_minutes: int | None = field("How long it takes: 1 to 720.")
    sac_code: str | None = field("Services accounting code: six digits that begin with 99.")
    tax_class_id: strawberry.ID | None = field("What GST it carries.")
    price_includes_tax: bool | None = field("Whether tax is part of the price.")
    category: str | None = field("Its group on the menu; empty takes it out of its group.")


@strawberry.input(description="A service that is no longer offered, or is offered again.")
class RetireServiceInput:
    """A service that is no longer offered, or is offered again."""

    service_id: strawberry.ID = field("Which.")
    expected_version: int = field("The version that was read.")
    is_back: bool = field("Whether it is offered again.", default=False)


@strawberry.input(description="A new product.")
class CreateProductInput:
    """A new product."""

    name: str = field("What it is called, at most 120 characters.")
    sku: str = field("Our own code: 1 to 32 of A-Z 0-9 . _ and -, unique; kept in capitals.")
    price: Money = field("Of one, at most 10000000.00; 0.00 when it is not sold.")
    hsn_code: str = field("Code of goods of GST: 4, 6 or 8 digits.")
    tax_class_id: strawberry.ID = field("What GST it carries.")
    price_includes_tax: bool = field("Whether tax is part of the price (MRP).", default=True)
    is_retail: bool = field("Whether it is sold; else it is only used up at work.", default=True)
    barcode: str | None = field("What the till's scanner reads, unique: 4 to 32 digits, letters or hyphens.")
    unit_cost: Money | None = field("What one costs us, without tax.", requires=Permission.COST_READ)
    category: str = field("Its group, at most 120 characters; empty for none.", default="")


@strawberry.input(description="What becomes of a product; what is left out stays.")
class UpdateProductInput:
    """What becomes of a product."""

    product_id: strawberry.ID = field("Which.")
    expected_version: int = field("The version that was read.")
    name: str | None = field("What it is called, at most 120 characters.")
    sku: str | None = field("Our own code: 1 to 32 of A-Z 0-9 . _ and -, unique; kept in capitals.")
    price: Money | None = field("Of one, at most 10000000.00; 0.00 when it is not sold.")
    hsn_code: str | None = field("Code of goods of GST: 4, 6 or 8 digits.")
    tax_class_id: strawberry.ID | None = field("What GST it carries.")
    price_includes_tax: bool | None = field("Whether tax is part of the price (MRP).")
    is_retail: bool | None = field("Whether it is sold; else it is only used up at work.")
    barcode: str | None = field("What the till's scanner reads; empty takes it away.")
    unit_cost: Money | None = field("What one costs us, without tax.", requires=Permission.COST_READ)
    category: str | None = field("Its group; empty takes it out of its group.")


@strawberry.input(description="A product that leaves the catalogue, or comes back.")
class RetireProductInput:
    """A product that leaves the catalogue, or comes back."""

    product_id: strawberry.ID = field("Which.")
    expected_version: int = field("The version that was read.")
    is_back: bool = field("Whether it comes back.", default=False)


# --- results


@strawberry.type(description="The class was made.")
class CreateTaxClassSuccess:
    """The class was made."""

    tax_class: TaxClass | None = field("With its first rate.")


@strawberry.type(description="The rate was added.")
class AddTaxRateSuccess:
    """The rate was added."""

    tax_class: TaxClass | None = field("With all its rates.")


@strawberry.type(description="The service was taken into the catalogue.")
class CreateServiceSuccess:
    """The service was taken into the catalogue."""

    service: Service | None = field("As it is now.")


@strawberry.type(description="The service was changed.")
class UpdateServiceSuccess:
    """The service was changed."""

    service: Service | None = field("As it is now.")


@strawberry.type(description="The service is offered no longer, or again.")
class RetireServiceSuccess:
    """The service is offered no longer, or again."""

    service: Service | None = field("As it is now.")


@strawberry.type(description="The product was taken into the catalogue.")
class CreateProductSuccess:
    """The product was taken into the catalogue."""

    product: Product | None = field("As it is now.")


@strawberry.type(description="The product was changed.")
class UpdateProductSuccess:
    """The product was changed."""

    product: Product | None = field("As it is now.")


@strawberry.type(description="The product left the catalogue, or came back.")
class RetireProductSuccess:
    """The product left the catalogue, or came back."""

    product: Product | None = field("As it is now.")


CreateTaxClassResult = Annotated[
    CreateTaxClassSuccess | InvalidInput | NameTaken,
    strawberry.union("CreateTaxClassResult", description="What became of it."),
]
AddTaxRateResult = Annotated[
    AddTaxRateSuccess | InvalidInput, strawberry.union("AddTaxRateResult", description="What became of it.")
]
CreateServiceResult = Annotated[
    CreateServiceSuccess | InvalidInput, strawberry.union("CreateServiceResult", description="What became of it.")
]
UpdateServiceResult = Annotated[
    UpdateServiceSuccess | InvalidInput | StaleVersion,
    strawberry.union("UpdateServiceResult", description="What became of it."),
]
RetireServiceResult = Annotated[
    RetireServiceSuccess | InvalidInput | StaleVersion,
    strawberry.union("RetireServiceResult", description="What became of it."),
]
CreateProductResult = Annotated[
    CreateProductSuccess | InvalidInput | SkuTaken | BarcodeTaken,
    strawberry.union("CreateProductResult", description="What became of it."),
]
UpdateProductResult = Annotated[
    UpdateProductSuccess | InvalidInput | StaleVersion | SkuTaken | BarcodeTaken,
    strawberry.union("UpdateProductResult", description="What became of it."),
]
RetireProductResult = Annotated[
    RetireProductSuccess | InvalidInput | StaleVersion,
    strawberry.union("RetireProductResult", description="What became of it."),
]


def dated_rate(given: CreateTaxClassInput | AddTaxRateInput) -> rules.DatedRate:
    """The rate of an input."""
    return rules.DatedRate(given.valid_from, given.rate, given.allows_input_credit)


def optional_class(given: strawberry.ID | None) -> UUID | None:
    """The tax class that an input names, if it does."""
    return None if given is None else id_value("taxclass", given)


@extend(Mutation)
class CatalogWrites:
    """The catalogue's writes."""

    @mutation("Make a tax class with its first rate.", requires=Permission.CATALOG_MANAGE)
    async def create_tax_class(self, work: Work, input: CreateTaxClassInput) -> CreateTaxClassResult:
        """Makes a class."""
        class_id = await commands.create_tax_class(work, name=input.name, rate=dated_rate(input))
        return CreateTaxClassSuccess(tax_class=ref(TaxClass, class_id))

    @mutation("Add a tax class's rate from a date on.", requires=Permission.CATALOG_MANAGE)
    async def add_tax_rate(self, work: Work, input: AddTaxRateInput) -> AddTaxRateResult:
        """Adds a rate."""
        class_id = id_value("taxclass", input.tax_class_id)
        return AddTaxRateSuccess(
            tax_class=ref(TaxClass, await commands.add_tax_rate(work, class_id, dated_rate(input)))
        )

    @mutation("Take a service into the catalogue.", requires=Permission.CATALOG_MANAGE)
    async def create_service(self, work: Work, input: CreateServiceInput) -> CreateServiceResult:
        """Creates a service."""
        new = commands.NewService(
            name=input.name,
            sac_code=input.sac_code,
            duration_minutes=input.duration_minutes,
            price_paise=input.price,
            tax_class_id=id_value("taxclass", input.tax_class_id),
            price_includes_tax=input.price_includes_tax,
            category=input.category,
        )
        return CreateServiceSuccess(service=ref(Service, await commands.create_service(work, new)))

    @mutation("Change a service.", requires=Permission.CATALOG_MANAGE)
    async def update_service(self, work: Work, input: UpdateServiceInput) -> UpdateServiceResult:
        """Changes a service."""
        changes = commands.ServiceChanges(
            name=input.name,
            sac_code=input.sac_code,
            duration_minutes=input.duration_minutes,
            price_paise=input.price,
            tax_class_id=optional_class(input.tax_class_id),
            price_includes_tax=input.price_includes_tax,
            category=input.category,
        )
        service_id = id_value("service", input.service_id)
        await commands.update_service(work, service_id, changes, expected_version=input.expected_version)
        return UpdateServiceSuccess(service=ref(Service, service_id))

    @mutation("Offer a service no longer, or again.", requires=Permission.CATALOG_MANAGE)
    async def retire_service(self, work: Work, input: RetireServiceInput) -> RetireServiceResult:
        """Retires a service."""
        service_id = id_value("service", input.service_id)
        await commands.retire_service(work, service_id, input.expected_version, is_back=input.is_back)
        return RetireServiceSuccess(service=ref(Service, service_id))

    @mutation("Take a product into the catalogue.", requires=Permission.CATALOG_MANAGE)
    async def create_product(self, work: Work, input: CreateProductInput) -> CreateProductResult:
        """Creates a product."""
        new = commands.NewProduct(
            name=input.name,
            sku=input.sku,
            hsn_code=input.hsn_code,
            price_paise=input.price,
            tax_class_id=id_value("taxclass", input.tax_class_id),
            price_includes_tax=input.price_includes_tax,
            is_retail=input.is_retail,
            barcode=input.barcode,
            unit_cost_paise=input.unit_cost,
            category=input.category,
        )
        return CreateProductSuccess(product=ref(Product, await commands.create_product(work, new)))

    @mutation("Change a product.", requires=Permission.CATALOG_MANAGE)
    async def update_product(self, work: Work, input: UpdateProductInput) -> UpdateProductResult:
        """Changes a product."""
        changes = commands.ProductChanges(
            name=input.name,
            sku=input.sku,
            hsn_code=input.hsn_code,
            price_paise=input.price,
            tax_class_id=optional_class(input.tax_class_id),
            price_includes_tax=input.price_includes_tax,
            is_retail=input.is_retail,
            barcode=input.barcode,
            unit_cost_paise=input.unit_cost,
            category=input.category,
        )
        product_id = id_value("product", input.product_id)
        await commands.update_product(work, product_id, changes, expected_version=input.expected_version)
        return UpdateProductSuccess(product=ref(Product, product_id))

    @mutation("Take a product out of the catalogue, or back into it.", requires=Permission.CATALOG_MANAGE)
    async def retire_product(self, work: Work, input: RetireProductInput) -> RetireProductResult:
        """Retires a product."""
        product_id = id_value("product", input.product_id)
        await commands.retire_product(work, product_id, input.expected_version, is_back=input.is_back)
        return RetireProductSuccess(product=ref(Product, product_id))
