"""Links to papers: who gets one, what it opens and for how long, and that a paper is drawn beside the event loop."""

import asyncio
import base64
import threading
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from salonos.bills import documents
from salonos.bills.documents import File, Link, Naming, ReceiptFormat
from salonos.edge.app import make_app
from salonos.edge.documents import WAITING_MAX, Papers
from salonos.edge.gate import Gate, Incoming
from salonos.kernel import clock, crypto
from salonos.kernel.database import Database
from salonos.kernel.ids import id_text, new_id
from salonos.paper import strip
from salonos.settings import Settings
from tests.bills.asking import Asker
from tests.bills.makers import CASH, NOW, ON_ACCOUNT, SYSTEM, actor_as, make_shop
from tests.salon.makers import make_salon
from tests.statements import Statements

WAIT_S = 30
GATE = Gate(hosts=frozenset({"127.0.0.1"}), origins=frozenset({"https://till.example"}))
URLS = """
query($id: ID!, $as: ReceiptFormat) { bill(id: $id) {
  html: receiptUrl pdf: receiptUrl(format: PDF) a4: receiptUrl(format: A4) asked: receiptUrl(format: $as) upiLink
} }
"""
LIST = "{ bills(first: 50) { nodes { id receiptUrl(format: A4) upiLink } } }"


@dataclass
class Reply:
    """What a request got."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


async def fetch(papers: Papers, path: str, method: str = "GET", **headers: str) -> Reply:
    """One request to the handler."""
    got = Reply()

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            got.status = message["status"]
            names = [name for name, _ in message["headers"]]
            assert len(names) == len(set(names)), "of two policies a browser obeys the stricter"
            for name, value in message["headers"]:
                got.headers[name.decode()] = value.decode()
        else:
            got.body += message["body"]

    incoming = Incoming([(name.encode(), value.encode()) for name, value in headers.items()])
    await papers({"type": "http", "method": method, "path": path}, incoming, [], send)
    return got


def link_to(bill_id: UUID, form: ReceiptFormat = ReceiptFormat.HTML, naming: Naming = Naming.WHOLE) -> str:
    """A link made now."""
    return documents.path_of(bill_id, form, naming, now=NOW)


# --- links


@pytest.mark.parametrize("form", ReceiptFormat)
@pytest.mark.parametrize("naming", Naming)
def test_a_link_says_again_what_it_was_made_of(form: ReceiptFormat, naming: Naming) -> None:
    bill_id = new_id()

    found = documents.link_of(link_to(bill_id, form, naming), now=NOW)

    assert found == Link(bill_id, form, naming, int(NOW.timestamp()) // 60 + 6)


def test_a_link_is_good_for_five_minutes_and_no_more_than_six() -> None:
    link = link_to(new_id())

    assert documents.link_of(link, now=NOW + timedelta(minutes=5)) is not None
    assert documents.link_of(link, now=NOW + timedelta(minutes=6)) is None


def test_no_bit_of_a_link_can_be_changed() -> None:
    path = link_to(new_id())
    raw = base64.urlsafe_b64decode(path.removeprefix(documents.PATH) + "=" * (-len(path) % 4) + "==")

    for place in range(len(raw) * 8):
        forged = bytearray(raw)
        forged[place // 8] ^= 1 << place % 8
        text = documents.PATH + base64.urlsafe_b64encode(bytes(forged)).rstrip(b"=").decode()
        assert documents.link_of(text, now=NOW) is None, place


def test_what_is_no_link_opens_nothing() -> None:
    path = link_to(new_id())

    for wrong in ("", "/", "/documents/", path[:-1], path + "A", path + "=", path.upper(), f"/x{path}", "/documents/é",
                  "/documents/" + "A" * 5000, "/documents/../graphql"):  # fmt: skip
        assert documents.link_of(wrong, now=NOW) is None, wrong


def test_a_link_under_another_secret_opens_nothing() -> None:
    path = link_to(new_id())
    crypto.configure(crypto.Keyring(b"another secret of more than thirty-two bytes"))

    assert documents.link_of(path, now=NOW) is None


# --- in the graph


async def test_links_are_leaves_of_the_same_statement(database: Database, statements: Statements) -> None:
    shop = await make_shop(database, upi_id="nayana@okhdfc")
    await make_salon(database)
    owed = await shop.check_out((ON_ACCOUNT, 178_700), customer_id=shop.customer_id)
    paid = await shop.check_out((CASH, 178_700))
    draft = await shop.create_bill()
    ask = Asker(database)

    with statements.counted() as asked:
        found = await ask.data(URLS, id=id_text("bill", owed), **{"as": "ESC_POS"})
        listed = (await ask.data(LIST))["bills"]["nodes"]

    assert len(asked) == 2
    bill = found["bill"]
    links = {name: documents.link_of(bill[name], now=clock.utc_now()) for name in ("html", "pdf", "a4", "asked")}
    assert {name: (link.bill_id, link.format.name) for name, link in links.items() if link} == {
        "html": (owed, "HTML"),
        "pdf": (owed, "PDF"),
        "a4": (owed, "A4"),
        "asked": (owed, "ESC_POS"),
    }
    assert bill["upiLink"] == "upi://pay?pa=nayana%40okhdfc&pn=Nayana&tr=BLR1%2F2627%2F00001&am=1787.00&cu=INR"
    by_id = {each["id"]: each for each in listed}
    assert by_id[id_text("bill", draft)]["receiptUrl"] is None
    assert by_id[id_text("bill", draft)]["upiLink"].endswith(f"&tr={draft.hex}&am=1787.00&cu=INR")
    assert by_id[id_text("bill", paid)]["upiLink"] is None
    assert by_id[id_text("bill", paid)]["receiptUrl"] is not None


async def test_a_link_shows_as_much_of_a_customer_as_its_owner_sees(database: Database) -> None:
    shop = await make_shop(database)
    bill_id = await shop.check_out((CASH, 178_700), customer_id=shop.customer_id)
    ask, papers = Asker(database), Papers(database, GATE)
    people = {
        "RECEPTIONIST": actor_as("RECEPTIONIST", shop.branch_id),
        "ACCOUNTANT": actor_as("ACCOUNTANT", shop.branch_id),
        "STAFF": actor_as("STAFF", shop.branch_id, staff_id=shop.staff_ids[0]),
    }
    seen = {}

    for role, actor in people.items():
        url = (await ask.data(URLS, actor=actor, id=id_text("bill", bill_id)))["bill"]["html"]
        page = (await fetch(papers, url)).body.decode()
        seen[role] = ("Asha" in page, "Rao" in page)

    papers.close()
    assert seen == {"RECEPTIONIST": (True, True), "ACCOUNTANT": (True, False), "STAFF": (False, False)}


async def test_who_does_not_see_the_bill_gets_no_link(database: Database) -> None:
    shop = await make_shop(database)
    bill_id = id_text("bill", await shop.check_out((CASH, 178_700)))
    ask = Asker(database)

    elsewhere = await ask.data(URLS, actor=actor_as("MANAGER", new_id()), id=bill_id)

    assert elsewhere == {"bill": None}


# --- over HTTP


async def test_a_process_serves_papers_to_who_has_a_link(database: Database) -> None:
    shop = await make_shop(database)
    bill_id = await shop.check_out((CASH, 178_700))
    settings = {
        "SECRET_KEY": "a secret of a served process, forty signs",
        "DATABASE_URL": database.url,
        "SALONOS_FORGETFUL_DATABASE": "1",
    }
    app = make_app(Settings.read(settings))
    await app.start()
    path = documents.path_of(bill_id, ReceiptFormat.HTML, Naming.NONE, now=clock.utc_now())
    got = []

    for each in (path, path[:-1]):
        scope = {"type": "http", "method": "GET", "path": each, "headers": [(b"host", b"127.0.0.1")]}
        sent: list[Any] = []

        async def send(message: Any, sent: list[Any] = sent) -> None:
            sent.append(message)

        await app(scope, never, send)
        got.append((sent[0]["status"], b"BLR1/2627/00001" in sent[1]["body"]))
    await app._open.aclose()

    assert got == [(200, True), (404, False)]


async def never() -> Any:
    """A GET has no body that anybody reads."""
    raise AssertionError


async def test_each_format_is_sent_as_what_it_is(database: Database) -> None:
    shop = await make_shop(database)
    bill_id = await shop.check_out((CASH, 178_700))
    papers = Papers(database, GATE, now=lambda: NOW)
    expected = {
        "HTML": ("text/html; charset=utf-8", 'inline; filename="BLR1-2627-00001.html"', b"<!doctype html>"),
        "PDF": ("application/pdf", 'inline; filename="BLR1-2627-00001-80mm.pdf"', b"%PDF-"),
        "A4": ("application/pdf", 'inline; filename="BLR1-2627-00001.pdf"', b"%PDF-"),
        "ESC_POS": ("application/octet-stream", 'attachment; filename="BLR1-2627-00001.escpos"', b"\x1b@"),
    }

    for form in ReceiptFormat:
        got = await fetch(papers, link_to(bill_id, form), origin="https://till.example")
        media, disposition, begin = expected[form.name]
        assert got.status == 200
        assert (got.headers["content-type"], got.headers["content-disposition"]) == (media, disposition)
        assert got.body.startswith(begin)
        assert got.headers["cache-control"] == "no-store"
        assert got.headers["x-content-type-options"] == "nosniff"
        assert got.headers["referrer-policy"] == "no-referrer"
        assert got.headers["access-control-allow-origin"] == "https://till.example"
        policy = got.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'")
        assert ("style-src" in policy) is (form is ReceiptFormat.HTML)
    papers.close()


async def test_a_page_runs_nothing_and_asks_no_other_host(database: Database) -> None:
    shop = await make_shop(database)
    bill_id = await shop.check_out((CASH, 178_700))
    papers = Papers(database, GATE, now=lambda: NOW)

    got = await fetch(papers, link_to(bill_id))
    fonts = [await fetch(papers, f"{strip.FONT_PATH}/{name}") for name in ("NotoSansKannada-Regular.ttf", "OFL.txt")]
    papers.close()

    page = got.body.decode()
    assert "script-src" not in got.headers["content-security-policy"]
    assert "http://" not in page
    assert "https://" not in page
    assert strip.STYLE_HASH in got.headers["content-security-policy"]
    assert [(each.status, each.headers["content-type"].split(";")[0]) for each in fonts] == [
        (200, "font/ttf"),
        (404, "text/plain"),
    ]


async def test_every_link_that_opens_nothing_is_answered_alike(database: Database) -> None:
    shop = await make_shop(database)
    bill_id, draft = await shop.check_out((CASH, 178_700)), await shop.create_bill()
    good = link_to(bill_id)
    later = Papers(database, GATE, now=lambda: NOW + timedelta(minutes=7))
    papers = Papers(database, GATE, now=lambda: NOW)
    other = documents.PATH + good.removeprefix(documents.PATH)[:-20] + link_to(new_id())[-20:]

    answers = {
        "expired": await fetch(later, good),
        "forged": await fetch(papers, other),
        "of another bill, which is not there": await fetch(papers, link_to(new_id())),
        "a draft's": await fetch(papers, link_to(draft)),
        "none": await fetch(papers, "/documents/"),
    }
    ok, posted = await fetch(papers, good), await fetch(papers, good, method="POST")
    later.close()
    papers.close()

    assert (ok.status, posted.status) == (200, 405)
    first = answers["none"]
    assert first.status == 404
    assert all(each == first for each in answers.values()), answers


# --- beside the event loop


@dataclass
class Slow:
    """Draws when it is told to; in the loop's own thread it can't wait and says so."""

    loop_thread: int
    began: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)
    threads: list[int] = field(default_factory=list)

    def __call__(self, document: Any, form: ReceiptFormat) -> File:
        self.threads.append(threading.get_ident())
        self.began.set()
        if self.threads[-1] != self.loop_thread:
            assert self.go_on.wait(WAIT_S)
        return documents.drawn(document, form)


class InLoop(Executor):
    """An executor that is none: the mechanism taken away."""

    def submit(self, work: Any, /, *given: Any, **named: Any) -> "Future[Any]":
        done: Future[Any] = Future()
        done.set_result(work(*given, **named))
        return done


async def is_drawn_beside_the_loop(papers: Papers, link: str, slow: Slow) -> bool:
    """While one paper is drawn, the loop answers another request; the paper comes when it is done."""
    drawing = asyncio.create_task(fetch(papers, link))
    await asyncio.wait_for(asyncio.to_thread(slow.began.wait, WAIT_S), WAIT_S)
    other = await fetch(papers, "/documents/none")
    was_still_drawing = not drawing.done()
    slow.go_on.set()
    got = await asyncio.wait_for(drawing, WAIT_S)
    assert (other.status, got.status) == (404, 200)
    return was_still_drawing and slow.threads != [slow.loop_thread]


async def test_a_paper_is_drawn_beside_the_event_loop(database: Database) -> None:
    shop = await make_shop(database)
    link = link_to(await shop.check_out((CASH, 178_700)))
    slow, inline = Slow(threading.get_ident()), Slow(threading.get_ident())
    papers = Papers(database, GATE, draw=slow, now=lambda: NOW)
    broken = Papers(database, GATE, draw=inline, now=lambda: NOW, _thread=InLoop())  # type: ignore[arg-type]

    assert await is_drawn_beside_the_loop(papers, link, slow)
    assert not await is_drawn_beside_the_loop(broken, link, inline), "the proof fails without the thread"

    papers.close()


async def test_no_more_papers_wait_than_there_is_room_for(database: Database) -> None:
    shop = await make_shop(database)
    link = link_to(await shop.check_out((CASH, 178_700)))
    slow = Slow(threading.get_ident())
    papers = Papers(database, GATE, draw=slow, now=lambda: NOW)

    waiting = [asyncio.create_task(fetch(papers, link)) for _ in range(WAITING_MAX)]
    await asyncio.wait_for(asyncio.to_thread(slow.began.wait, WAIT_S), WAIT_S)
    refused = await fetch(papers, link)
    slow.go_on.set()
    served = await asyncio.gather(*waiting)
    again = await fetch(papers, link)
    papers.close()

    assert (refused.status, refused.headers["retry-after"]) == (503, "1")
    assert {each.status for each in [*served, again]} == {200}


async def test_the_actor_of_no_request_is_asked_again(database: Database) -> None:
    """A link is a decision made before: whoever holds it needs no session, and it names nobody."""
    shop = await make_shop(database)
    bill_id = await shop.check_out((CASH, 178_700))
    url = (await Asker(database).data(URLS, actor=SYSTEM, id=id_text("bill", bill_id)))["bill"]["a4"]
    papers = Papers(database, GATE)

    got = await fetch(papers, url)
    papers.close()

    assert got.status == 200
    assert len(url) < 120
