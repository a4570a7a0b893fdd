"""Files over HTTP: a table comes in for a mutation, an export goes out to whoever has its link, and nothing else does."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import orjson
import pytest

from salonos.edge.app import App, make_app
from salonos.edge.files import AT_ONCE, WAITING_MAX
from salonos.identity.commands import passwords
from salonos.inventory import commands as inventory
from salonos.inventory.commands import FileFormat
from salonos.kernel import files, sheets
from salonos.kernel.actor import Actor
from salonos.kernel.ids import id_value, new_id
from salonos.settings import Settings
from tests.catalog.makers import make_catalog
from tests.faults import served as serving
from tests.faults.test_headers import Reply, send_to
from tests.identity.makers import PASSWORD, TABLET, House, open_house
from tests.inventory.sheets import OIL, csv_of

ORIGIN = "https://till.example"
CSV = {"content-type": "text/csv"}
IMPORT = """
mutation ($file: ID!, $dry: Boolean!) { importStockItems(input: { fileId: $file, dryRun: $dry }) { __typename
  ... on ImportStockItemsSuccess { created } ... on InvalidInput { issues { path } } } }
"""


@dataclass
class Desk:
    """An API process, and people with tokens."""

    app: App
    house: House
    tokens: dict[str, str]

    async def ask(self, method: str, path: str, body: bytes = b"", who: str = "owner", **more: str) -> Reply:
        """A request with somebody's token."""
        named = {name.replace("_", "-"): value for name, value in more.items()}
        own = {"authorization": f"Bearer {self.tokens[who]}"} if who else {}
        return await send_to(self.app, method, path, body, {**CSV, **own, **named})

    async def bring(self, file_id: str, who: str = "owner", *, dry: bool = True) -> Any:
        """Imports an upload through the schema."""
        body = orjson.dumps({"query": IMPORT, "variables": {"file": file_id, "dry": dry}})
        more = {"content_type": "application/json", "idempotency_key": new_id().hex}
        reply = await self.ask("POST", "/graphql", body, who, **more)
        return orjson.loads(reply.body)["data"]["importStockItems"]


@pytest.fixture
async def desk(database_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    monkeypatch.setattr(passwords.hashing, "hasher", passwords.SMALL)
    settings = {"SECRET_KEY": serving.SECRET, "DATABASE_URL": database_url, "SALONOS_FORGETFUL_DATABASE": "1"}
    app = make_app(Settings.read({**settings, "SALONOS_ORIGINS": ORIGIN}))
    await app.start()
    assert app.database is not None
    house = await open_house(app.database)
    await make_catalog(app.database)
    for role in ("MANAGER", "RECEPTIONIST", "STAFF"):
        await house.take_on(role, role.lower())
    people = ("owner", "manager", "receptionist", "staff")
    yield Desk(app, house, {name: (await house.sign_in(name, PASSWORD, TABLET)).access_token for name in people})
    await app._open.aclose()


def code_of(reply: Reply) -> str:
    """The code of a refusal, in the form of GraphQL's errors."""
    (entry,) = orjson.loads(reply.body)["errors"]
    assert entry["message"]
    code: str = entry["extensions"]["code"]
    return code


async def test_a_file_comes_in_and_is_imported_by_its_id_by_whoever_brought_it(desk: Desk) -> None:
    came = await desk.ask("POST", "/files", csv_of(OIL), origin=ORIGIN)
    told = orjson.loads(came.body)

    others = await desk.bring(told["id"], "manager")
    own = await desk.bring(told["id"], dry=False)

    assert (came.status, told["rows"]) == (201, 1)
    assert came.headers["access-control-allow-origin"] == ORIGIN
    assert others == {"__typename": "InvalidInput", "issues": [{"path": ["fileId"]}]}
    assert own == {"__typename": "ImportStockItemsSuccess", "created": 1}


async def test_an_upload_is_asked_for_like_a_mutation(desk: Desk) -> None:
    preflight = await desk.ask("OPTIONS", "/files", who="", origin=ORIGIN)
    large = b"x" * (sheets.BYTES_MAX + 1)
    refused = {
        "no token": await desk.ask("POST", "/files", csv_of(OIL), who=""),
        "no rights": await desk.ask("POST", "/files", csv_of(OIL), who="staff"),
        "another page": await desk.ask("OPTIONS", "/files", who="", origin="https://evil.example"),
        "a form": await desk.ask("POST", "/files", csv_of(OIL), content_type="multipart/form-data; boundary=x"),
        "plain text": await desk.ask("POST", "/files", csv_of(OIL), content_type="text/plain"),
        "packed": await desk.ask("POST", "/files", csv_of(OIL), content_encoding="gzip"),
        "in the address": await desk.ask("POST", "/files?name=x", csv_of(OIL)),
        "too large": await desk.ask("POST", "/files", large),
        "said to be too large": await desk.ask("POST", "/files", content_length=str(len(large))),
        "no table": await desk.ask("POST", "/files", b"MZ\0\0"),
        "a method": await desk.ask("DELETE", "/files"),
    }

    assert (preflight.status, preflight.headers["access-control-allow-methods"]) == (204, "POST")
    assert {name: (reply.status, code_of(reply)) for name, reply in refused.items()} == {
        "no token": (401, "UNAUTHENTICATED"),
        "no rights": (403, "FORBIDDEN"),
        "another page": (403, "FORBIDDEN"),
        "a form": (415, "BAD_REQUEST"),
        "plain text": (415, "BAD_REQUEST"),
        "packed": (415, "BAD_REQUEST"),
        "in the address": (400, "BAD_REQUEST"),
        "too large": (413, "TOO_LARGE"),
        "said to be too large": (413, "TOO_LARGE"),
        "no table": (422, "NOT_A_TABLE"),
        "a method": (405, "BAD_REQUEST"),
    }
    assert (await desk.ask("POST", "/files", b"SKU\nA\n", who="receptionist")).status == 201  # who counts stock may


async def test_a_person_keeps_few_files_and_none_for_long(desk: Desk) -> None:
    assert desk.app.database is not None
    database = desk.app.database
    for _ in range(files.KEPT_MAX + 2):
        await desk.ask("POST", "/files", b"SKU\nA\n")
    await desk.ask("POST", "/files", b"SKU\nA\n", who="manager")
    kept = await database.pool.fetch("select count(*) as n from stored_files group by owner_id order by 1")
    came = orjson.loads((await desk.ask("POST", "/files", csv_of(OIL))).body)["id"]
    later = (await database.now()) + files.UPLOAD_LIVES

    gone = await database.run(
        (await desk.house.actor("owner")), lambda work: files.uploaded(work, id_value("file", came)), now=later
    )
    await database.run(Actor.system(), files.purge, now=later + timedelta(seconds=5))

    assert [row["n"] for row in kept] == [1, files.KEPT_MAX]
    assert gone is None
    assert await database.pool.fetchval("select count(*) from stored_files") == 0


async def test_an_export_is_an_attachment_for_whoever_has_its_link_and_for_five_minutes(desk: Desk) -> None:
    assert desk.app.database is not None
    database, branch_id = desk.app.database, desk.house.branch_ids[0]
    made, _ = await database.run(Actor.system(), lambda work: inventory.export_stock(work, branch_id, FileFormat.XLSX))

    found = await desk.ask("GET", made.path, who="")
    database.set_clock = made.expires_at - timedelta(seconds=1)
    at_last = await desk.ask("GET", made.path, who="")
    database.set_clock = made.expires_at
    late = await desk.ask("GET", made.path, who="")

    assert (found.status, at_last.status, late.status) == (200, 200, 404)
    assert found.headers["content-disposition"] == f'attachment; filename="{made.name}"'
    assert found.headers["content-type"] == files.XLSX
    assert (found.headers["x-content-type-options"], found.headers["cache-control"]) == ("nosniff", "no-store")
    assert sheets.read(found.body).rows[0].cells[0] == "SKU"


async def test_nobody_makes_a_link_of_their_own(desk: Desk) -> None:
    assert desk.app.database is not None
    database, branch_id = desk.app.database, desk.house.branch_ids[0]
    made, _ = await database.run(Actor.system(), lambda work: inventory.export_stock(work, branch_id, FileFormat.CSV))
    upload = orjson.loads((await desk.ask("POST", "/files", b"SKU\nA\n")).body)["id"]
    upload_id = id_value("file", upload)
    file_id, until, signature = made.path.removeprefix("/files/").split(".")
    links = [
        f"{file_id}.{int(until, 16) + 3600:x}.{signature}",
        f"{upload_id.hex}.{until}.{signature}",
        f"{file_id}.{until}.{signature[:-1]}",
        f"{file_id}.{until}",
        f"{file_id}.{until}.{signature}ü",
        "",
        "..",
        files.link(upload_id, made.expires_at),
        files.link(new_id(), made.expires_at),
    ]

    replies = [await desk.ask("GET", f"/files/{link}", who="") for link in links]
    posted = await desk.ask("POST", made.path, who="")

    assert {(reply.status, reply.body) for reply in replies} == {(404, replies[0].body)}
    assert posted.status == 405


async def test_few_files_are_read_at_a_time_and_whoever_comes_on_top_is_told(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, reading = asyncio.Event(), []

    async def slowly(_: Any, content: bytes) -> sheets.Sheet:
        reading.append(content)
        await held.wait()
        return sheets.read(content)

    monkeypatch.setattr(asyncio, "to_thread", slowly)
    first = [asyncio.create_task(desk.ask("POST", "/files", b"SKU\nA\n")) for _ in range(AT_ONCE + WAITING_MAX)]
    assert desk.app.files is not None
    async with asyncio.timeout(30):
        while desk.app.files.under_way < AT_ONCE + WAITING_MAX:  # noqa: ASYNC110  turns of the loop
            await asyncio.sleep(0)
    at_a_time = len(reading)

    refused = await desk.ask("POST", "/files", b"SKU\nA\n")
    held.set()
    replies = await asyncio.gather(*first)

    assert at_a_time == AT_ONCE
    assert (refused.status, refused.headers["retry-after"], code_of(refused)) == (503, "1", "UNAVAILABLE")
    assert [reply.status for reply in replies] == [201] * len(first)
    assert desk.app.files.under_way == 0
