"""Recipes, consumption and its variance through the schema: who reads what, and in how many statements."""

from salonos.inventory.commands import RecipePart
from salonos.kernel.database import Database
from salonos.kernel.ids import id_text, new_id
from tests.bills.makers import SYSTEM, actor_as
from tests.inventory.asking import CONSUMPTIONS, OF_BILL, RECORD, SET_RECIPE, VARIANCE, Asker
from tests.inventory.consuming import make_parlour, make_recipe
from tests.inventory.makers import line
from tests.statements import Statements

MONTH = {"since": "2026-11-01", "until": "2026-12-01"}


async def test_a_recipe_is_said_and_read_with_its_service(database: Database) -> None:
    parlour = await make_parlour(database)
    ask, store = Asker(database), parlour.store
    given = {
        "serviceId": id_text("service", store.shop.catalog.service_id),
        "expectedVersion": 1,
        "lines": [{"productId": id_text("product", store.colour_id), "quantity": "0.08", "unit": "BOTTLE"}],
    }

    said = (await ask.data(SET_RECIPE, input=given))["setRecipe"]
    again = (await ask.data(SET_RECIPE, input=given))["setRecipe"]
    wrong = {**given, "expectedVersion": 2, "lines": [{**given["lines"][0], "unit": "BOX"}]}
    refused = (await ask.data(SET_RECIPE, input=wrong))["setRecipe"]

    assert said["recipe"]["lines"] == [{"quantity": "40.000", "product": {"sku": "COL-60"}, "item": {"unit": "ML"}}]
    assert said["recipe"]["service"]["recipe"] == {"id": id_text("recipe", store.shop.catalog.service_id)}
    assert said["recipe"]["version"] == 2
    assert again == {"__typename": "StaleVersion", "currentVersion": 2}
    assert refused["issues"] == [{"path": ["lines", "0", "unit"], "code": "UNKNOWN_UNIT"}]


async def test_what_a_bill_used_is_listed_entered_once_and_costs_are_for_those_who_may(database: Database) -> None:
    parlour = await make_parlour(database)
    ask, store = Asker(database), parlour.store
    bill_id = await parlour.color()
    branch, stylist = id_text("branch", store.branch_id), store.shop.staff_ids[0]
    at_the_desk = actor_as("RECEPTIONIST", store.branch_id)
    in_the_chair = actor_as("STAFF", store.branch_id, staff_id=stylist)

    body = await ask(CONSUMPTIONS, actor=at_the_desk, branch=branch, filter={"causeId": id_text("bill", bill_id)})
    (row,) = body["data"]["consumptions"]["nodes"]
    entry = {"consumptionId": row["id"], "expectedVersion": 1, "quantity": "40"}
    key = new_id().hex
    entered = await ask(RECORD, actor=in_the_chair, key=key, input=entry)
    repeated = await ask(RECORD, actor=in_the_chair, key=key, input=entry)
    late = await ask(RECORD, input=entry)
    of_bill = await ask.data(OF_BILL, actor=in_the_chair, id=id_text("bill", bill_id))

    assert (row["expected"], row["actual"], row["isRecorded"], row["cost"]) == ("35.000", "35.000", False, None)
    assert [error["extensions"]["coordinate"] for error in body["errors"]] == ["Consumption.cost"]
    recorded = entered["data"]["recordConsumption"]["consumption"]
    assert (recorded["actual"], recorded["difference"], recorded["version"]) == ("40.000", "5.000", 2)
    assert recorded["cost"] is recorded["differenceCost"] is None
    assert repeated["data"] == entered["data"]
    assert repeated["extensions"]["idempotency"]["replayed"] is True
    assert late["data"]["recordConsumption"]["__typename"] == "StaleVersion"
    assert (await store.level(store.colour_id))[0] == 460_000
    assert of_bill["bill"]["consumption"] == [{"position": 1, "expected": "35.000", "product": {"sku": "COL-60"}}]


async def test_the_variance_is_told_by_person_service_and_item_in_one_statement(
    database: Database, statements: Statements
) -> None:
    parlour = await make_parlour(database)
    ask, store = Asker(database), parlour.store
    first, second = store.shop.staff_ids
    await database.pool.execute("update staff set display_name = 'Divya' where id = $1", second)
    await store.receive(line(store.serum_id, 9000, 500_00))
    service_id = store.shop.catalog.service_id
    for staff_id, milli in ((first, 36_000), (first, 41_000), (second, 20_000)):
        haircut = store.shop.haircut.__class__(service_id=service_id, staff_id=staff_id)
        used = await parlour.used(await parlour.color(lines=(haircut,)))
        await parlour.record(used["id"], milli)
    await parlour.color()
    branch = id_text("branch", store.branch_id)

    await ask.data(VARIANCE, branch=branch, **MONTH)
    with statements.counted() as asked:
        found = (await ask.data(VARIANCE, branch=branch, **MONTH))["consumptionVariance"]
    counter = actor_as("RECEPTIONIST", store.branch_id)
    unpriced = (await ask(VARIANCE, actor=counter, branch=branch, **MONTH))["data"]["consumptionVariance"]
    elsewhere = await ask(VARIANCE, actor=actor_as("MANAGER", new_id()), branch=branch, **MONTH)
    earlier = (await ask.data(VARIANCE, branch=branch, since="2026-10-01", until="2026-11-23"))["consumptionVariance"]

    told = [(*list(row.values())[4:], row["staff"]["displayName"], row["item"]["unit"]) for row in found["rows"]]
    assert told == [
        (1, 1, "35.000", "20.000", "-15.000", "11.80", "-8.85", "Divya", "ML"),
        (3, 2, "105.000", "112.000", "7.000", "66.08", "4.13", "Meena", "ML"),
    ]
    assert (found["cost"], found["expectedCost"]) == ("77.88", "82.60")
    assert len(asked) == 1
    assert {row["cost"] for row in unpriced["rows"]} == {unpriced["cost"], None} == {None}
    assert elsewhere["data"] == {"consumptionVariance": None}
    assert (earlier["rows"], earlier["cost"]) == ([], "0.00")


async def test_many_recipes_are_read_in_one_statement(database: Database, statements: Statements) -> None:
    parlour = await make_parlour(database)
    await make_recipe(
        database,
        parlour.store.shop.catalog.service_id,
        RecipePart(parlour.store.colour_id, 1000),
        RecipePart(parlour.store.serum_id, 10),
        version=1,
    )
    ask = Asker(database)
    text = "{ services { nodes { name recipe { version lines { quantity product { sku } item { unit } } } } } }"

    await ask.data(text)
    with statements.counted() as asked:
        (service,) = (await ask.data(text, actor=SYSTEM))["services"]["nodes"]

    assert [each["quantity"] for each in service["recipe"]["lines"]] == ["1.000", "0.010"]
    assert len(asked) == 1
