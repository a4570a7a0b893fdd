"""A shop with bills, an API process over it, and people who take them away."""

import asyncio
import csv
import io
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import orjson
import pytest

from salonos.customers import commands as customers
from salonos.customers.commands import NewCustomer
from salonos.edge.app import App, make_app
from salonos.identity.commands import SignedIn, passwords
from salonos.kernel import crypto
from salonos.kernel.actor import Actor
from salonos.kernel.database import Database
from salonos.kernel.ids import new_id
from salonos.settings import Settings
from tests import servers
from tests.bills.makers import CASH, NOW, SYSTEM, UPI, Shop, make_shop
from tests.faults import served as serving
from tests.faults.test_headers import Reply, send_to
from tests.identity.makers import PASSWORD, TABLET, House, open_house

PEOPLE = {"owner": "OWNER", "accountant": "ACCOUNTANT", "manager": "MANAGER"}
EXPORT = """
mutation ($of: ExportedRows!, $format: FileFormat!, $filter: BillFilter) {
  exportBills(input: { of: $of, format: $format, filter: $filter }) { ... on ExportBillsSuccess { name url } } }
"""
FORGETFUL = "SALONOS_FORGETFUL_DATABASE"
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


@dataclass(frozen=True)
class Furnished:
    """A database to be copied, to which nobody is connected: the shop with three bills and a draft, and who is signed in."""

    name: str
    house: House
    shop: Shop
    signed: dict[str, SignedIn]


def furnished() -> Iterator[Furnished]:
    """For a module's fixture."""
    crypto.configure(crypto.Keyring(serving.SECRET.encode()))
    name = servers.spares.take()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(passwords.hashing, "hasher", passwords.SMALL)
        yield asyncio.run(furnish(name))
    servers.spares.give_back(name)


async def furnish(name: str) -> Furnished:
    """By the real commands."""
    database = await Database.open(servers.url_of(name))
    house = await open_house(database)
    shop = await make_shop(database, "SHOP")
    for role in ("accountant", "manager"):
        await house.take_on(PEOPLE[role], role, branches=(shop.branch_id,))
    evil = NewCustomer(name=f"{EVIL} Rao", phone="+919845012345")
    evil_id = await database.run(SYSTEM, lambda work: customers.create_customer(work, evil), now=NOW)
    await shop.check_out((CASH, 200_000), customer_id=shop.customer_id)
    await shop.check_out((UPI, 178_700), customer_id=evil_id)
    await shop.check_out((CASH, 78_800), lines=(shop.haircut,))
    await shop.create_bill()
    signed = {role: await house.sign_in(role, PASSWORD, TABLET) for role in PEOPLE}
    await database.close()
    return Furnished(name, house, shop, signed)


@asynccontextmanager
async def opened_desk(of: Furnished) -> AsyncIterator[Desk]:
    """A copy of the shop with an API process over it."""
    name = f"test_{new_id().hex}"
    await servers.create_database(name, template=of.name)
    url = servers.url_of(name)
    app = make_app(Settings.read({"SECRET_KEY": serving.SECRET, "DATABASE_URL": url, FORGETFUL: "1"}))
    await app.start()
    assert app.database is not None
    house, shop = [replace(each, database=app.database) for each in (of.house, of.shop)]
    tokens = {role: each.access_token for role, each in of.signed.items()}
    try:
        yield Desk(app, house, shop, tokens, {role: each.actor for role, each in of.signed.items()})
    finally:
        await app._open.aclose()
        await servers.drop_database(name)
