"""The catalogue through the schema: prices, the rate of today, searches, and costs for those who may see them."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from salonos.catalog import graph
from salonos.kernel.database import Database
from salonos.kernel.ids import id_text
from salonos.salon import graph as salon
from tests.catalog.makers import Catalog, make_catalog, make_product, make_service
from tests.salon.asker import Asker
from tests.statements import Statements

SERVICES = """query($first: Int, $filter: ServiceFilter, $order: ServiceOrder, $after: String) {
    services(first: $first, filter: $filter, orderBy: $order, after: $after) {
        nodes { name taxRate taxClass { name } } totalCount pageInfo { endCursor } } }"""
PRODUCTS = """query($filter: ProductFilter, $order: ProductOrder) {
    products(filter: $filter, orderBy: $order) { nodes { sku } } }"""


@pytest.fixture
def ask(database: Database) -> Asker:
    return Asker(database, [salon, graph])


@pytest.fixture
async def catalog(database: Database) -> Catalog:
    return await make_catalog(database)


async def names(ask: Asker, **variables: Any) -> list[str]:
    found = await ask.data(SERVICES, "STAFF", **variables)
    return [each["name"] for each in found["services"]["nodes"]]


async def skus(ask: Asker, **variables: Any) -> list[str]:
    found = await ask.data(PRODUCTS, "STAFF", **variables)
    return [each["sku"] for each in found["products"]["nodes"]]


async def test_an_item_says_its_price_and_todays_rate(ask: Asker, catalog: Catalog) -> None:
    text = """query($service: ID!, $product: ID!) {
        service(id: $service) { name category price priceIncludesTax durationMinutes sacCode taxRate isActive version }
        product(id: $product) { name sku barcode price priceIncludesTax hsnCode taxRate unitCost isRetail
            taxClass { name currentRate rates { validFrom rate allowsInputCredit } } } }"""
    ids = {"service": id_text("service", catalog.service_id), "product": id_text("product", catalog.product_id)}

    found = await ask.data(text, "ACCOUNTANT", **ids)

    assert found["service"] == {
        "name": "Haircut",
        "category": "Hair",
        "price": "750.00",
        "priceIncludesTax": False,
        "durationMinutes": 45,
        "sacCode": "999721",
        "taxRate": "5",
        "isActive": True,
        "version": 1,
    }
    assert found["product"] == {
        "name": "Argan Serum",
        "sku": "SER-100",
        "barcode": None,
        "price": "999.00",
        "priceIncludesTax": True,
        "hsnCode": "33059090",
        "taxRate": "18",
        "unitCost": "520.00",
        "isRetail": True,
        "taxClass": {
            "name": "Goods 18 %",
            "currentRate": "18",
            "rates": [{"validFrom": "2017-07-01", "rate": "18", "allowsInputCredit": True}],
        },
    }


@pytest.mark.parametrize(
    ("now", "rate"),
    [
        (datetime(2025, 9, 21, 18, 29, tzinfo=UTC), "18"),
        (datetime(2025, 9, 21, 18, 30, tzinfo=UTC), "5"),
        (datetime(2000, 1, 1, tzinfo=UTC), "0"),
    ],
)
async def test_the_rate_changes_at_midnight_in_the_salon(
    ask: Asker, catalog: Catalog, database: Database, now: datetime, rate: str
) -> None:
    database.set_clock = now

    found = await ask.data(
        "query($id: ID!) { service(id: $id) { taxRate } }", id=id_text("service", catalog.service_id)
    )

    assert found == {"service": {"taxRate": rate}}


async def test_unit_costs_are_for_who_may_read_costs(ask: Asker, catalog: Catalog) -> None:
    body = await ask("{ products { nodes { sku unitCost } } }", "RECEPTIONIST")

    assert body["data"]["products"]["nodes"] == [{"sku": "SER-100", "unitCost": None}]
    (error,) = body["errors"]
    assert error["extensions"] == {"code": "FORBIDDEN", "permission": "COST_READ", "coordinate": "Product.unitCost"}


async def test_services_are_searched_filtered_ordered_and_paged(
    ask: Asker, catalog: Catalog, database: Database
) -> None:
    for name, price in (("hair spa", 180_000), ("Facial", 120_000), ("HAIR Colour %_", 250_000)):
        await make_service(database, catalog.service_class_id, name=name, price_paise=price, category=name[:4])

    assert await names(ask) == ["Facial", "HAIR Colour %_", "hair spa", "Haircut"]
    assert await names(ask, order="PRICE_DESCENDING") == ["HAIR Colour %_", "hair spa", "Facial", "Haircut"]
    assert await names(ask, filter={"search": "hAIr "}) == ["HAIR Colour %_", "hair spa", "Haircut"]
    assert await names(ask, filter={"search": "hair c"}) == ["HAIR Colour %_"]
    assert await names(ask, filter={"search": "%"}) == []
    assert await names(ask, filter={"category": "hair"}) == ["hair spa"]
    page = (await ask.data(SERVICES, first=2))["services"]
    assert await names(ask, after=page["pageInfo"]["endCursor"]) == ["hair spa", "Haircut"]
    assert page["totalCount"] == 4


async def test_products_are_found_by_their_codes(ask: Asker, catalog: Catalog, database: Database) -> None:
    await make_product(database, catalog.goods_class_id, "B-1", barcode="8901234567890", name="Shampoo")

    assert await skus(ask, filter={"barcode": "8901234567890"}) == ["B-1"]
    assert await skus(ask, filter={"sku": " b-1"}) == ["B-1"]
    assert await skus(ask, filter={"search": "arg", "isRetail": True, "isActive": True}) == ["SER-100"]
    assert await skus(ask, filter={"taxClassId": id_text("taxclass", catalog.service_class_id)}) == []
    assert await skus(ask, order="SKU") == ["B-1", "SER-100"]
    found = await ask.data('{ productBySku(sku: "B-1") { name } }')
    assert found == {"productBySku": {"name": "Shampoo"}}


async def test_a_list_is_one_statement_at_1_and_at_50(
    ask: Asker, catalog: Catalog, database: Database, statements: Statements
) -> None:
    for number in range(50):
        await make_service(database, catalog.service_class_id, name=f"Service {number}")

    for first in (1, 50):
        with statements.counted() as asked:
            found = await ask.data(SERVICES, first=first)
        assert (len(found["services"]["nodes"]), len(asked)) == (first, 1)


async def test_a_service_is_created_changed_retired_and_back(ask: Asker, catalog: Catalog) -> None:
    create = """mutation($input: CreateServiceInput!) { createService(input: $input) { __typename
        ... on CreateServiceSuccess { service { id name price version taxRate } }
        ... on InvalidInput { issues { path code } } } }"""
    update = """mutation($input: UpdateServiceInput!) { updateService(input: $input) { __typename
        ... on UpdateServiceSuccess { service { name price version } }
        ... on StaleVersion { currentVersion } } }"""
    retire = """mutation($input: RetireServiceInput!) { retireService(input: $input) {
        ... on RetireServiceSuccess { service { isActive version } } } }"""
    given = {
        "name": "Beard trim",
        "price": "200.00",
        "durationMinutes": 20,
        "sacCode": "999721",
        "taxClassId": id_text("taxclass", catalog.service_class_id),
    }

    made = (await ask.data(create, "MANAGER", input=given))["createService"]["service"]
    wrong = await ask.data(create, input=given | {"taxClassId": id_text("taxclass", UUID(int=1)), "price": "-1.00"})
    changed = await ask.data(update, input={"serviceId": made["id"], "expectedVersion": 1, "price": "250.00"})
    stale = await ask.data(update, input={"serviceId": made["id"], "expectedVersion": 1, "price": "300.00"})
    gone = await ask.data(retire, input={"serviceId": made["id"], "expectedVersion": 2})
    back = await ask.data(retire, input={"serviceId": made["id"], "expectedVersion": 3, "isBack": True})

    assert (made["name"], made["price"], made["version"], made["taxRate"]) == ("Beard trim", "200.00", 1, "5")
    assert wrong["createService"]["issues"] == [
        {"path": ["price"], "code": "OUT_OF_RANGE"},
        {"path": ["taxClassId"], "code": "NOT_FOUND"},
    ]
    assert changed["updateService"]["service"] == {"name": "Beard trim", "price": "250.00", "version": 2}
    assert stale["updateService"] == {"__typename": "StaleVersion", "currentVersion": 2}
    assert gone["retireService"]["service"] == {"isActive": False, "version": 3}
    assert back["retireService"]["service"] == {"isActive": True, "version": 4}


async def test_a_product_is_created_changed_and_retired(ask: Asker, catalog: Catalog) -> None:
    create = """mutation($input: CreateProductInput!) { createProduct(input: $input) { __typename
        ... on CreateProductSuccess { product { id sku price unitCost priceIncludesTax isRetail } }
        ... on SkuTaken { sku product { name } } ... on BarcodeTaken { barcode product { name } } } }"""
    update = """mutation($input: UpdateProductInput!) { updateProduct(input: $input) {
        ... on UpdateProductSuccess { product { barcode unitCost version } } } }"""
    retire = """mutation($input: RetireProductInput!) { retireProduct(input: $input) {
        ... on RetireProductSuccess { product { isActive } } ... on StaleVersion { currentVersion } } }"""
    given = {
        "name": "Wide comb",
        "sku": "cmb-1",
        "price": "99.00",
        "hsnCode": "9615",
        "taxClassId": id_text("taxclass", catalog.goods_class_id),
        "unitCost": "40.00",
        "barcode": "8901234567890",
    }

    made = (await ask.data(create, input=given))["createProduct"]["product"]
    same_sku = (await ask.data(create, input=given))["createProduct"]
    same_barcode = (await ask.data(create, input=given | {"sku": "CMB-2"}))["createProduct"]
    changed = await ask.data(
        update, input={"productId": made["id"], "expectedVersion": 1, "barcode": "", "unitCost": "41.50"}
    )
    gone = await ask.data(retire, input={"productId": made["id"], "expectedVersion": 2})
    stale = await ask.data(retire, input={"productId": made["id"], "expectedVersion": 2})

    assert made | {"id": None} == {
        "id": None, "sku": "CMB-1", "price": "99.00", "unitCost": "40.00", "priceIncludesTax": True, "isRetail": True,
    }  # fmt: skip
    assert same_sku == {"__typename": "SkuTaken", "sku": "CMB-1", "product": {"name": "Wide comb"}}
    assert same_barcode == {
        "__typename": "BarcodeTaken", "barcode": "8901234567890", "product": {"name": "Wide comb"},
    }  # fmt: skip
    assert changed["updateProduct"]["product"] == {"barcode": None, "unitCost": "41.50", "version": 2}
    assert gone["retireProduct"]["product"] == {"isActive": False}
    assert stale["retireProduct"] == {"currentVersion": 3}


async def test_a_tax_class_and_its_rates_are_made(ask: Asker) -> None:
    create = """mutation($input: CreateTaxClassInput!) { createTaxClass(input: $input) { __typename
        ... on CreateTaxClassSuccess { taxClass { id currentRate } } } }"""
    add = """mutation($input: AddTaxRateInput!) { addTaxRate(input: $input) {
        ... on AddTaxRateSuccess { taxClass { currentRate rates { rate } } }
        ... on InvalidInput { issues { path code } } } }"""
    first = {"name": "Soap", "rate": "18", "validFrom": "2017-07-01", "allowsInputCredit": True}

    made = (await ask.data(create, input=first))["createTaxClass"]["taxClass"]
    again = await ask.data(create, input=first)
    rate = {"taxClassId": made["id"], "rate": "2.5", "validFrom": "2025-09-22", "allowsInputCredit": True}
    added = await ask.data(add, input=rate)
    taken = await ask.data(add, input=rate)

    assert made["currentRate"] == "18"
    assert again["createTaxClass"] == {"__typename": "NameTaken"}
    assert added["addTaxRate"]["taxClass"] == {"currentRate": "2.5", "rates": [{"rate": "18"}, {"rate": "2.5"}]}
    assert taken["addTaxRate"]["issues"] == [{"path": ["validFrom"], "code": "TAKEN"}]
    listed = await ask.data("{ taxClasses { name rates { rate } } }", "STAFF")
    assert listed == {"taxClasses": [{"name": "Soap", "rates": [{"rate": "18"}, {"rate": "2.5"}]}]}


@pytest.mark.parametrize("role", ["RECEPTIONIST", "STAFF", "ACCOUNTANT"])
async def test_who_may_not_manage_the_catalogue_is_refused(ask: Asker, catalog: Catalog, role: str) -> None:
    text = "mutation($input: RetireServiceInput!) { retireService(input: $input) { __typename } }"
    given = {"serviceId": id_text("service", catalog.service_id), "expectedVersion": 1}

    assert await ask.denied(text, role, input=given) == [("FORBIDDEN", "Mutation.retireService")]
    assert await names(ask, filter={"isActive": True}) == ["Haircut"]


async def test_text_that_postgresql_can_not_hold_is_a_bad_request(ask: Asker, catalog: Catalog) -> None:
    assert await ask.denied(SERVICES, "STAFF", filter={"search": "a\0"}) == [("BAD_REQUEST", "")]
