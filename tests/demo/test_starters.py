"""Every starter tab of the playground runs against the demo salon, as the person that it is for."""

import json
import re
import secrets
from pathlib import Path
from typing import Any

import orjson
from graphql import OperationType, parse
from graphql.language import OperationDefinitionNode

from salonos.demo import make
from salonos.demo.trade import Size
from salonos.edge.app import make_graph
from salonos.graph.context import RequestFacts
from salonos.graph.execute import Engine
from salonos.identity import commands as identity
from salonos.kernel import crypto
from salonos.kernel.actor import NOBODY, Actor
from salonos.kernel.clock import parse_instant
from salonos.kernel.database import Database
from tests.conftest import SECRET

STARTERS = Path(__file__).resolve().parents[2] / "playground" / "starters"
NOON = parse_instant("2026-11-22T18:40:00+05:30")
PASSWORD = "nine purple umbrellas"
PEOPLE = {
    "owner": "owner",
    "manager": "manager",
    "receptionist": "receptionist",
    "staff": "stylist",
    "accountant": "accountant",
}
FACTS = {
    "$BRANCH": "{ branches(first: 1) { nodes { id } } }",
    "$SERVICE": "{ services(first: 1) { nodes { id } } }",
    "$PRODUCT": "{ products(first: 1, filter: { isRetail: true }) { nodes { id } } }",
    "$CUSTOMER": "{ customers(first: 1) { nodes { id } } }",
}
EXPECTED_DENIALS = {"staff/1-my-work": {"BillLine.unitCost"}}


async def answer(engine: Engine, actor: Actor, text: str, variables: dict[str, Any]) -> dict[str, Any]:
    facts = RequestFacts(id="starter", idempotency_key=secrets.token_hex(16))
    found: dict[str, Any]
    if is_subscription(text):
        events = engine.subscribe(actor, facts, text, None, variables)
        if "dashboardChanged" not in text:
            engine.documents.operation(text, None, is_signed_in=True)
            await events.aclose()
            return {"data": {"subscribed": True}}
        found = orjson.loads(await anext(events))
        await events.aclose()
        return found
    found = orjson.loads((await engine.answer(actor, facts, text, None, variables)).body)
    return found


def is_subscription(text: str) -> bool:
    operation = parse(text).definitions[0]
    return isinstance(operation, OperationDefinitionNode) and operation.operation is OperationType.SUBSCRIPTION


async def variables_of(engine: Engine, actor: Actor, path: Path) -> dict[str, Any]:
    """As the playground fills them: the first ids that the person reads."""
    file = path.with_suffix(".json")
    text = file.read_text() if file.exists() else "{}"
    filled = {"$TODAY": "2026-11-22", "$YESTERDAY": "2026-11-21"}
    for name, query in FACTS.items():
        if name in text:
            (rows,) = (await answer(engine, actor, query, {}))["data"].values()
            filled[name] = rows["nodes"][0]["id"]
    read: dict[str, Any] = json.loads(re.sub(r"\$[A-Z]+", lambda word: filled[word[0]], text))
    return read


async def test_every_starter_tab_runs_for_the_person_that_it_is_for(database_url: str) -> None:
    crypto.configure(crypto.Keyring(SECRET))
    database = await Database.open(database_url, set_clock=NOON)
    await make.furnish(
        database, password=PASSWORD, say=lambda _: None, size=Size(days=3, guests=12, pace=0.2), seed=35, now=NOON
    )
    engine = Engine(make_graph(), database)
    answers: dict[str, Any] = {}
    for path in sorted(STARTERS.glob("*/*.graphql")):
        actor = NOBODY
        if path.parent.name in PEOPLE:
            device = identity.Device(id=None, name="Playground", address="127.0.0.1", program="test")
            username = PEOPLE[path.parent.name]
            signed_in = await identity.sign_in(database, username=username, password=PASSWORD, device=device)
            actor = signed_in.actor
        variables = await variables_of(engine, actor, path)
        answers[f"{path.parent.name}/{path.stem}"] = await answer(engine, actor, path.read_text(), variables)
    await engine.live.stop()
    await database.close()

    denials = {
        name: {error["extensions"].get("coordinate") for error in each["errors"]}
        for name, each in answers.items()
        if "errors" in each
    }
    assert denials == EXPECTED_DENIALS
    assert answers["receptionist/1-sell"]["data"]["checkOut"]["__typename"] == "CheckOutSuccess"
    assert answers["receptionist/3-begin-a-draft"]["data"]["createBill"]["bill"]["status"] == "DRAFT"
    assert answers["staff/1-my-work"]["data"]["bills"]["nodes"], "the stylist has work to see"
    assert answers["owner/3-latest-bills"]["data"]["bills"]["nodes"]
    assert answers["receptionist/4-receive-goods"]["data"]["receiveStock"]["__typename"] == "ReceiveStockSuccess"
    assert answers["manager/4-stock"]["data"]["stockLevels"]["totalCount"] > 5
    assert answers["manager/4-stock"]["data"]["stockBatches"]["nodes"][0]["expiresOn"] == "2026-12-01"
    assert answers["manager/5-consumption"]["data"]["consumptionVariance"]["rows"]
    assert answers["staff/3-what-i-used"]["data"]["consumptions"]["nodes"]
