"""Bills as files over HTTP: what the list shows, as its asker may see it, a page at a time, and broken off when they may no more."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from salonos.bills.graph import exports as columns
from salonos.edge import app, exports, making
from salonos.graph import pages
from salonos.identity import commands as identity
from salonos.identity.commands import passwords
from salonos.kernel import sheets
from tests.edge.desk import EVIL, EXPORT, Desk, Furnished, furnished, opened_desk

LIST = "query ($filter: BillFilter) { bills(first: 100, orderBy: OLDEST, filter: $filter) { nodes { number } } }"


furnished_shop = pytest.fixture(scope="module", name="furnished_shop")(furnished)


@pytest.fixture
async def desk(furnished_shop: Furnished, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    monkeypatch.setattr(passwords.hashing, "hasher", passwords.SMALL)
    monkeypatch.setattr(app, "make_graph", making.graph)
    async with opened_desk(furnished_shop) as opened:
        yield opened


async def test_a_file_holds_what_its_asker_may_see_and_no_formula(desk: Desk) -> None:
    owners, accountants = await desk.table("owner"), await desk.table("accountant")
    lines = await desk.table("accountant", of="LINES")
    book = await desk.fetch(await desk.link("owner", form="XLSX"))

    assert [each["Number"] for each in owners] == [each["Number"] for each in accountants]
    assert [each["Total"] for each in owners] == ["1787.00", "1787.00", "788.00", "1787.00"]
    assert [(each["Customer"], each["Phone"]) for each in owners] == [
        ("Asha Rao", "'+919876543210"),
        (f"'{EVIL} Rao", "'+919845012345"),
        ("", ""),
        ("", ""),
    ]
    assert [each["Customer"] for each in accountants] == ["Asha", f"'{EVIL}", "", ""]
    assert "Phone" not in accountants[0]
    assert [(each["Number"], each["Line"], each["Description"], each["Total"], each["Cost"]) for each in lines[:3]] == [
        ("SHOP/2627/00001", "1", "Haircut", "787.50", ""),
        ("SHOP/2627/00001", "2", "Argan Serum", "999.00", "520.00"),
        ("SHOP/2627/00002", "1", "Haircut", "787.50", ""),
    ]
    assert len(lines) == 7
    rows = sheets.read(book.body).rows
    assert list(rows[0].cells) == list(owners[0])
    assert rows[2].cells[:6] == ("SHOP/2627/00002", "TAX_INVOICE", "POSTED", 46349, "SHOP", f"{EVIL} Rao")
    assert (
        book.headers["content-disposition"] == 'attachment; filename="bills-2026-11-23.xlsx"'
        or "bills-" in (book.headers["content-disposition"])
    )


@pytest.mark.parametrize("page", [1, 2, 100])
async def test_a_file_holds_the_bills_of_the_list_with_the_same_filter(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, page: int
) -> None:
    monkeypatch.setattr(columns, "PAGE_ROWS", page)
    conditions: list[dict[str, Any]] = [
        {},
        {"status": "POSTED", "totalFrom": "1000.00"},
        {"paymentMethod": "UPI"},
        {"customerNamePrefix": "asha"},
        {"customerPhone": "+919845012345", "since": "2026-11-23", "until": "2026-11-24"},
        {"totalTo": "0.00"},
    ]

    for chosen in conditions:
        listed = (await desk.ask("owner", LIST, filter=chosen))["data"]["bills"]["nodes"]
        told = await desk.table("owner", **chosen)
        assert [each["Number"] for each in told] == [each["number"] or "" for each in listed], chosen


async def test_nobody_takes_bills_away_without_the_right_to_nor_by_what_they_may_not_read(desk: Desk) -> None:
    asked = {"of": "BILLS", "format": "CSV"}
    manager = await desk.ask("manager", EXPORT, **asked)
    by_phone = await desk.ask("accountant", EXPORT, **asked, filter={"customerPhone": "+919845012345"})
    kept = await desk.link("accountant")
    alive = await desk.fetch(kept)
    await desk.house.database.run(desk.actors["accountant"], identity.sign_out)
    gone = await desk.fetch(kept)

    assert [answer["errors"][0]["extensions"]["code"] for answer in (manager, by_phone)] == ["FORBIDDEN"] * 2
    assert manager["errors"][0]["extensions"]["permission"] == "REPORT_EXPORT"
    assert by_phone["errors"][0]["extensions"]["permission"] == "CUSTOMER_CONTACT_READ"
    assert (alive.status, gone.status) == (200, 404)


async def test_a_process_holds_one_page_and_breaks_off_what_may_be_read_no_more(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second piece is made after the first was sent; then its asker signs out, and no end is sent."""
    monkeypatch.setattr(columns, "PAGE_ROWS", 1)
    path = await desk.link("owner")
    sent: list[Any] = []
    engine = desk.app.files.exports.engine  # type: ignore[union-attr]  # it was started

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append((message, engine.statements))
        if len(sent) == 3:
            await desk.house.database.run(desk.actors["owner"], identity.sign_out)

    scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "client": ("127.0.0.1", 5)}
    await desk.app({**scope, "headers": [(b"host", b"127.0.0.1:8000")]}, receive, send)

    pieces = [(message.get("body", b"").count(b"SHOP/"), statements) for message, statements in sent]
    first = pieces[1][1]
    assert pieces == [(0, first), (1, first), (1, first + 1)]
    assert sent[-1][0]["more_body"] is True
    assert desk.app.files.exports.under_way == 0  # type: ignore[union-attr]  # it was started


async def test_few_files_are_made_at_a_time(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    path = await desk.link("owner")
    monkeypatch.setattr(exports, "AT_ONCE", 0)

    busy = await desk.fetch(path)

    assert (busy.status, busy.headers["retry-after"]) == (503, "5")


async def test_more_bills_than_are_counted_are_not_made_a_file_of_at_once(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "COUNTED_MAX", 3)
    too_large = "mutation { exportBills(input: { of: BILLS, format: CSV }) { ... on ExportTooLarge { billsMax } } }"

    answer = await desk.ask("owner", too_large)
    fewer = await desk.ask("owner", EXPORT, of="BILLS", format="CSV", filter={"status": "POSTED"})

    assert answer == {"data": {"exportBills": {"billsMax": 10_000}}}
    assert fewer["data"]["exportBills"]["url"].startswith("/files/")
    assert await desk.house.database.pool.fetchval("select count(*) from stored_files") == 1
