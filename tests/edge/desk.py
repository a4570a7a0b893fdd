"""A shop with bills, an API process over it, and people who take them away."""

import csv
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import orjson

from salonos.customers import commands as customers
from salonos.customers.commands import NewCustomer
from salonos.edge.app import App, make_app
from salonos.kernel.actor import Actor
from salonos.settings import Settings
from tests.bills.makers import CASH, NOW, SYSTEM, UPI, Shop, make_shop
from tests.faults import served as serving
from tests.faults.test_headers import Reply, send_to
from tests.identity.makers import PASSWORD, TABLET, House, open_house

PEOPLE = {"owner": "OWNER", "accountant": "ACCOUNTANT", "manager": "MANAGER"}
EXPORT = """
mutation ($of: ExportedRows!, $format: FileFormat!, $filter: BillFilter) {
  exportBills(input: { of: $of, format: $format, filter: $filter }) { ... on ExportBillsSuccess { name url } } }
"""
EVIL = "=HYPERLINK(1)"


@dataclass
class Desk:
    """An API process over a shop with bills, and people with tokens."""

    app: App
    house: House
    shop: Shop
    tokens: dict[str, str]
    actors: dict[str, Actor]

    async def ask(self, who: str, text: str, **variables: Any) -> Any:
        """The decoded body."""
        body = orjson.dumps({"query": text, "variables": variables})
        headers = {"content-type": "application/json", "authorization": f"Bearer {self.tokens[who]}"}
        return orjson.loads((await send_to(self.app, "POST", "/graphql", body, headers)).body)

    async def link(self, who: str, *, of: str = "BILLS", form: str = "CSV", **conditions: Any) -> str:
        """The link to a file."""
        answer = await self.ask(who, EXPORT, of=of, format=form, filter=conditions)
        url: str = answer["data"]["exportBills"]["url"]
        return url

    async def fetch(self, path: str) -> Reply:
        """What a link leads to, without a token."""
        return await send_to(self.app, "GET", path)

    async def table(self, who: str, **asked: Any) -> list[dict[str, str]]:
        """A CSV by its titles."""
        reply = await self.fetch(await self.link(who, **asked))
        assert (reply.status, reply.headers["content-type"]) == (200, "text/csv; charset=utf-8")
        return list(csv.DictReader(io.StringIO(reply.body.decode("utf-8-sig"))))


@asynccontextmanager
async def opened_desk(database_url: str) -> AsyncIterator[Desk]:
    """The shop with three bills and a draft."""
    settings = {"SECRET_KEY": serving.SECRET, "DATABASE_URL": database_url, "SALONOS_FORGETFUL_DATABASE": "1"}
    app = make_app(Settings.read(settings))
    await app.start()
    assert app.database is not None
    house = await open_house(app.database)
    shop = await make_shop(app.database, "SHOP")
    for name in ("accountant", "manager"):
        await house.take_on(PEOPLE[name], name, branches=(shop.branch_id,))
    evil = NewCustomer(name=f"{EVIL} Rao", phone="+919845012345")
    evil_id = await app.database.run(SYSTEM, lambda work: customers.create_customer(work, evil), now=NOW)
    await shop.check_out((CASH, 200_000), customer_id=shop.customer_id)
    await shop.check_out((UPI, 178_700), customer_id=evil_id)
    await shop.check_out((CASH, 78_800), lines=(shop.haircut,))
    await shop.create_bill()
    signed = {name: await house.sign_in(name, PASSWORD, TABLET) for name in PEOPLE}
    yield Desk(
        app,
        house,
        shop,
        {name: each.access_token for name, each in signed.items()},
        {name: each.actor for name, each in signed.items()},
    )
    await app._open.aclose()
