"""Large files of bills: made by the worker with its asker's rights of that time, whole or not at all, for its asker only."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from salonos.bills.graph import exports as columns
from salonos.edge import app, making
from salonos.graph import pages
from salonos.graph.context import RequestFacts
from salonos.identity import commands as identity
from salonos.identity import rules as identity_rules
from salonos.identity.commands import StaffChange, passwords
from salonos.kernel import clock, exports, files, jobs, sheets
from salonos.kernel.actor import Actor
from salonos.kernel.database import Database
from salonos.kernel.ids import id_text, id_value
from salonos.kernel.tables import ExportFailure
from tests.bills.makers import CASH, NOW, SYSTEM
from tests.edge.desk import EVIL, Desk, Furnished, furnished, opened_desk
from tests.faults import served as serving
from tests.salon.makers import make_branch
from tests.worker.relaying import relay_all
from tests.worker.test_relay import Lines
from worker.main import LISTENERS
from worker.relay import Relay

START = """
mutation ($of: ExportedRows!, $format: FileFormat!, $filter: BillFilter) {
  startExport(input: { of: $of, format: $format, filter: $filter }) {
    ... on StartExportSuccess { export { id state billsDone } } ... on TooManyExports { openMax } } }
"""
EXPORT = "query ($id: ID!) { export(id: $id) { name state failure billsDone billsInAll expiresAt url } }"
MINE = "{ exports { nodes { id state } } }"
WATCH = "subscription { exportChanged { export { id state billsDone url } } }"


furnished_shop = pytest.fixture(scope="module", name="furnished_shop")(furnished)


@pytest.fixture
async def desk(furnished_shop: Furnished, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    monkeypatch.setattr(passwords.hashing, "hasher", passwords.SMALL)
    monkeypatch.setattr(app, "make_graph", making.graph)
    async with opened_desk(furnished_shop) as opened:
        yield opened


async def started(desk: Desk, who: str, *, of: str = "BILLS", form: str = "CSV", **conditions: Any) -> str:
    """A new export's id."""
    answer = await desk.ask(who, START, of=of, format=form, filter=conditions)
    made = answer["data"]["startExport"]["export"]
    assert (made["state"], made["billsDone"]) == ("WAITING", 0)
    found: str = made["id"]
    return found


async def told(desk: Desk, who: str, export_id: str) -> Any:
    """How an export stands."""
    return (await desk.ask(who, EXPORT, id=export_id))["data"]["export"]


async def queued(desk: Desk) -> list[UUID]:
    """The jobs that wait, made of what was asked for."""
    await relay_all(Relay(desk.house.database, dict(LISTENERS), Lines()))
    rows = await desk.house.database.pool.fetch("select id from jobs where listener = 'exports.make' order by event_id")
    return [UUID(bytes=row["id"].bytes) for row in rows]


async def work_off(desk: Desk, database: Database | None = None) -> None:
    """What a worker does, here."""
    for job_id in await queued(desk):
        await jobs.run(database or desk.house.database, LISTENERS, job_id)


async def count_of(desk: Desk, table: str) -> int:
    found: int = await desk.house.database.pool.fetchval(f"select count(*) from {table}")
    return found


@dataclass
class Interrupted:
    """A database whose commands are run as ever; `happens`, once, before one when so many pieces are kept."""

    database: Database
    happens: Callable[[], Awaitable[object]]
    pieces: int
    calls_left: int = 0
    has_happened: bool = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self.database, name)

    async def run(self, actor: Actor, command: Any, **more: Any) -> Any:
        written = await self.database.pool.fetchval("select count(*) from export_pieces")
        self.calls_left -= 1
        if written >= self.pieces and self.calls_left < 0 and not self.has_happened:
            self.has_happened = True
            await self.happens()
        return await self.database.run(actor, command, **more)


def in_small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns, "PAGE_ROWS", 1)
    monkeypatch.setattr(making, "PIECE_BILLS", 1)


# --- the whole way


@asynccontextmanager
async def worker(
    database_url: str, redis_url: str, home: Path, *, code: str = "", **more: str
) -> AsyncIterator["asyncio.subprocess.Process"]:
    """A worker as it is started anywhere; killed if it does not end by itself."""
    environment = os.environ | {
        "DATABASE_URL": database_url,
        "REDIS_URL": f"{redis_url}?db=7",
        "SECRET_KEY": serving.SECRET,
        "SALONOS_HOME": str(home),
        "SALONOS_FORGETFUL_DATABASE": "1",
        "PYTHONPATH": str(Path.cwd()),
        **more,
    }
    given = ("-c", code) if code else ("-m", "worker")
    process = await asyncio.create_subprocess_exec(
        sys.executable, *given, env=environment, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await process.wait()


async def test_a_worker_makes_the_file_and_its_asker_alone_watches_and_fetches_it(
    desk: Desk, redis_url: str, tmp_path: Path
) -> None:
    engine = desk.app.endpoint.engine  # type: ignore[union-attr]  # it was started
    actor = desk.actors["owner"]
    watched = engine.subscribe(actor, RequestFacts(), WATCH)
    first = asyncio.ensure_future(anext(watched))
    others = engine.subscribe(desk.actors["accountant"], RequestFacts(), WATCH)
    nothing = asyncio.ensure_future(anext(others))
    await asyncio.sleep(0)
    csv, book = await started(desk, "owner"), await started(desk, "owner", of="LINES", form="XLSX")

    async with worker(desk.house.database.url, redis_url, tmp_path), asyncio.timeout(60):
        body, done = await first, set()
        while done != {csv, book}:
            done |= {each for each in (csv, book) if each.encode() in body and b'"DONE"' in body}
            body = b"" if done == {csv, book} else await anext(watched)

    made = [await told(desk, "owner", each) for each in (csv, book)]
    assert [(each["state"], each["failure"], each["billsDone"], each["billsInAll"]) for each in made] == [
        ("DONE", None, 4, 4)
    ] * 2
    assert re.fullmatch(r"bills-\d{4}-\d\d-\d\d\.csv", made[0]["name"])
    fetched = [await desk.fetch(each["url"]) for each in made]
    streamed = [await desk.fetch(await desk.link("owner", of=of, form=form)) for of, form in MADE]
    assert [(each.status, each.body, each.headers["content-type"]) for each in fetched] == [
        (200, each.body, each.headers["content-type"]) for each in streamed
    ]
    assert [each.headers["content-length"] for each in fetched] == [str(len(each.body)) for each in fetched]
    assert f"'{EVIL} Rao".encode() in fetched[0].body
    assert f",{EVIL}".encode() not in fetched[0].body
    assert sheets.read(fetched[1].body).rows[1].cells[0] == "SHOP/2627/00001"
    nothing.cancel()
    await asyncio.gather(nothing, return_exceptions=True)
    await watched.aclose()
    assert await told(desk, "accountant", csv) is None
    assert (await desk.ask("accountant", MINE))["data"]["exports"]["nodes"] == []
    assert [each["id"] for each in (await desk.ask("owner", MINE))["data"]["exports"]["nodes"]] == [book, csv]
    assert (await desk.ask("manager", MINE))["errors"][0]["extensions"]["permission"] == "REPORT_EXPORT"


MADE = (("BILLS", "CSV"), ("LINES", "XLSX"))


async def test_nothing_is_told_to_others_nor_lies_open_in_the_database(desk: Desk) -> None:
    engine = desk.app.endpoint.engine  # type: ignore[union-attr]  # it was started
    seen: dict[str, list[bytes]] = {"owner": [], "accountant": []}

    async def watch(who: str) -> None:
        async for body in engine.subscribe(desk.actors[who], RequestFacts(), WATCH):
            seen[who].append(body)

    watching = [asyncio.create_task(watch(who)) for who in seen]
    while len(engine.live.subscribers) < 2:  # noqa: ASYNC110  tasks of this process
        await asyncio.sleep(0.01)
    owners = await started(desk, "owner", customerPhone="+919845012345")
    accountants = await started(desk, "accountant")
    await work_off(desk)
    async with asyncio.timeout(60):
        while not all(b'"DONE"' in b"".join(each) for each in seen.values()):  # noqa: ASYNC110  events on their way
            await asyncio.sleep(0.02)
    for each in watching:
        each.cancel()
    await asyncio.gather(*watching, return_exceptions=True)

    assert owners.encode() not in b"".join(seen["accountant"])
    assert accountants.encode() not in b"".join(seen["owner"])
    kept = await desk.house.database.pool.fetch("select to_jsonb(x)::text as t from exports x")
    kept += await desk.house.database.pool.fetch("select encode(content, 'escape') as t from export_pieces")
    assert not [row["t"] for row in kept if "9845012345" in row["t"] or "SHOP/2627" in row["t"] or "Rao" in row["t"]]


# --- who may fetch it, and for how long


async def test_a_link_is_good_for_minutes_for_one_file_and_for_these_rights(desk: Desk) -> None:
    mine, theirs = await started(desk, "owner"), await started(desk, "accountant")
    await work_off(desk)
    path, other = (await told(desk, "owner", mine))["url"], id_value("export", theirs)
    now = clock.utc_now()
    swapped = path.replace(id_value("export", mine).hex, other.hex)
    late = exports.path_of(other, now=now - exports.LINK_LIVES)
    of_another_kind = exports.PATH + files.link(other, now + timedelta(minutes=1))

    wrong = [await desk.fetch(each) for each in (swapped, late, of_another_kind, path[:-1], exports.PATH)]
    good, again = [await desk.fetch((await told(desk, "accountant", theirs))["url"]) for _ in range(2)]

    assert [each.status for each in wrong] == [404] * 5
    assert len({each.body for each in wrong}) == 1
    assert (good.status, b"Phone" in good.body, again.body) == (200, False, good.body)
    assert late.startswith(path[: len(exports.PATH)])


async def test_a_file_is_offered_no_more_once_the_rights_of_its_owner_are_others(desk: Desk) -> None:
    paths = {}
    for change in CHANGES:
        export_id = await started(desk, await accountant(desk, change))
        await work_off(desk)
        paths[change] = (await told(desk, change, export_id))["url"]
    before = [(await desk.fetch(each)).status for each in paths.values()]
    for change, happens in CHANGES.items():
        await happens(desk, change)

    assert before == [200] * 3
    assert [(await desk.fetch(each)).status for each in paths.values()] == [404] * 3


async def test_a_file_is_gone_after_a_day(desk: Desk) -> None:
    export_id = await started(desk, "owner")
    await work_off(desk)
    path = (await told(desk, "owner", export_id))["url"]
    pool = desk.house.database.pool
    await pool.execute("update exports set expires_at = clock_timestamp() - interval '1 second'")

    before = await told(desk, "owner", export_id), await count_of(desk, "export_pieces")
    gone = await desk.fetch(path)
    await desk.house.database.run(SYSTEM, exports.purge)
    after = await told(desk, "owner", export_id), await count_of(desk, "export_pieces")
    await pool.execute("update exports set created_at = created_at - interval '31 days'")
    await desk.house.database.run(SYSTEM, exports.purge)

    assert gone.status == 404
    assert [(each["state"], each["url"]) for each, _ in (before, after)] == [("EXPIRED", None)] * 2
    assert (before[1], after[1]) == (1, 0)
    assert await told(desk, "owner", export_id) is None


async def test_a_file_that_goes_while_it_is_fetched_breaks_off(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    in_small_pieces(monkeypatch)
    export_id = await started(desk, "owner")
    await work_off(desk)
    path = (await told(desk, "owner", export_id))["url"]
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)
        if len(sent) == 2:
            await desk.house.database.pool.execute("delete from export_pieces")

    await desk.app.files.exports.fetched(path, clock.utc_now(), [], send)  # type: ignore[union-attr]  # it was started

    assert [each["type"] for each in sent] == ["http.response.start", "http.response.body"]
    assert sent[1]["more_body"] is True


# --- rights at the time it is made


async def accountant(desk: Desk, name: str) -> str:
    """A further one at the shop, who is signed in."""
    await desk.house.take_on("ACCOUNTANT", name, branches=(desk.shop.branch_id,))
    signed = await desk.house.sign_in(name)
    desk.tokens[name], desk.actors[name] = signed.access_token, signed.actor
    return name


async def change_rights(desk: Desk, name: str, **change: Any) -> None:
    staff_id, new = desk.actors[name].id, StaffChange(**change)
    version = await desk.house.version(staff_id)
    command = identity.update_staff_member
    await desk.house.database.run(SYSTEM, lambda work: command(work, staff_id, new, expected_version=version))


async def demote(desk: Desk, name: str) -> None:
    await change_rights(desk, name, role_id=identity_rules.BUILT_IN_ROLE_IDS["MANAGER"])


async def move(desk: Desk, name: str) -> None:
    await change_rights(desk, name, branch_ids=(desk.house.branch_ids[0],), all_branches=False)


async def disable(desk: Desk, name: str) -> None:
    staff_id = desk.actors[name].id
    version = await desk.house.version(staff_id)
    command = identity.disable_staff_member
    await desk.house.database.run(SYSTEM, lambda work: command(work, staff_id, expected_version=version))


CHANGES: dict[str, Callable[[Desk, str], Awaitable[None]]] = {"demoted": demote, "disabled": disable, "moved": move}


async def test_who_may_not_take_these_bills_away_any_more_gets_no_file(desk: Desk) -> None:
    """Demoted, gone, or with a condition that they may not use any more: the right to contacts is not an accountant's."""
    for change in ("demoted", "disabled"):
        await started(desk, await accountant(desk, change))
        await CHANGES[change](desk, change)
    await desk.house.take_on("OWNER", "second", branches=())
    signed = await desk.house.sign_in("second")
    desk.tokens["second"], desk.actors["second"] = signed.access_token, signed.actor
    await started(desk, "second", customerPhone="+919845012345")
    await change_rights(desk, "second", role_id=identity_rules.BUILT_IN_ROLE_IDS["ACCOUNTANT"])
    await work_off(desk)

    rows = await desk.house.database.pool.fetch("select state, failure, pieces from exports")

    assert [tuple(row) for row in rows] == [("FAILED", "RIGHTS_CHANGED", 0)] * 3


async def test_a_file_holds_what_its_asker_may_see_when_it_is_made(desk: Desk) -> None:
    """Asked for at one branch, made when the asker works at another: the rows are the other's."""
    other = replace(desk.shop, branch_id=await make_branch(desk.house.database, "OTHR"))
    await other.check_out((CASH, 178_700), now=NOW)
    await started(desk, "accountant")
    await change_rights(desk, "accountant", branch_ids=(other.branch_id,), all_branches=False)
    await work_off(desk)

    row = await desk.house.database.pool.fetchrow("select id, state, file_key, run, items_done from exports")
    content = await desk.house.database.pool.fetchval("select content from export_pieces")
    told_of = exports.opened(row["file_key"], UUID(bytes=row["id"].bytes), run=row["run"], position=0, content=content)

    assert (row["state"], row["items_done"]) == ("DONE", 1)
    assert (told_of.count(b"OTHR/2627"), told_of.count(b"SHOP/2627")) == (1, 0)


async def test_rights_that_change_while_it_is_made_leave_no_half_of_a_file(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_small_pieces(monkeypatch)
    for change, happens in CHANGES.items():
        await started(desk, await accountant(desk, change))
        slow: Any = Interrupted(desk.house.database, partial(happens, desk, change), pieces=2)
        await work_off(desk, slow)
        assert slow.has_happened

    rows = await desk.house.database.pool.fetch("select state, failure from exports")

    assert [tuple(row) for row in rows] == [("FAILED", "RIGHTS_CHANGED")] * 3
    assert await count_of(desk, "export_pieces") == 0


# --- killed, overtaken, failed

KILLED = """
import asyncio, sys
from uuid import UUID
from salonos.bills.graph import exports as columns
from salonos.edge import app, making
from salonos.graph import pages
from salonos.kernel import crypto, jobs
from salonos.kernel.database import Database
from worker.main import LISTENERS

async def main():
    import os
    columns.PAGE_ROWS = making.PIECE_BILLS = 1
    pages.COUNTED_MAX = 4
    crypto.configure(crypto.Keyring(os.environ["SECRET_KEY"].encode()))
    database = await Database.open(os.environ["DATABASE_URL"], pool_size=2)
    await jobs.run(database, LISTENERS, UUID(os.environ["JOB_ID"]))

asyncio.run(main())
"""


async def test_a_worker_killed_in_the_middle_leaves_no_half_file_and_another_makes_the_only_one(
    desk: Desk, redis_url: str, tmp_path: Path
) -> None:
    await desk.shop.check_out((CASH, 178_700), now=NOW + timedelta(days=3))
    export_id = await started(desk, "owner")
    (job_id,) = await queued(desk)
    killing = {"JOB_ID": job_id.hex, "SALONOS_FAILPOINT": "export_half_way"}
    async with worker(desk.house.database.url, redis_url, tmp_path, code=KILLED, **killing) as process:
        assert await process.wait() in {137, -signal.SIGKILL}
    killed, pieces = await told(desk, "owner", export_id), await count_of(desk, "export_pieces")
    half = await desk.fetch(exports.path_of(id_value("export", export_id), now=clock.utc_now()))
    held = await jobs.run(desk.house.database, LISTENERS, job_id)
    await desk.house.database.pool.execute("update jobs set leased_until = clock_timestamp() - interval '1 second'")
    done, again = [await jobs.run(desk.house.database, LISTENERS, job_id) for _ in range(2)]
    made = await told(desk, "owner", export_id)

    assert (killed["state"], killed["billsDone"], killed["billsInAll"], killed["url"]) == ("RUNNING", 1, 5, None)
    assert (pieces, half.status, held) == (1, 404, False)
    assert (done, again, made["state"], made["billsDone"], made["billsInAll"]) == (True, False, "DONE", 5, 5)
    assert (await desk.fetch(made["url"])).body == (await desk.fetch(await desk.link("owner"))).body
    assert await desk.house.database.pool.fetchval("select array_agg(distinct run) from export_pieces") == [2]


async def test_a_slow_worker_that_was_overtaken_adds_nothing_to_the_file_of_the_other(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_small_pieces(monkeypatch)
    export_id = await started(desk, "owner")
    (job_id,) = await queued(desk)
    pool = desk.house.database.pool

    async def overtake() -> None:
        await pool.execute("update jobs set leased_until = clock_timestamp() - interval '1 second'")
        assert await jobs.run(desk.house.database, LISTENERS, job_id)

    slow: Any = Interrupted(desk.house.database, overtake, pieces=2)
    done = await jobs.run(slow, LISTENERS, job_id)
    made = await told(desk, "owner", export_id)

    assert (done, slow.has_happened, made["state"]) == (False, True, "DONE")
    assert (await desk.fetch(made["url"])).body == (await desk.fetch(await desk.link("owner"))).body


async def test_without_the_fence_two_workers_would_write_one_file(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The proof's own proof: what the test above compares does go wrong when only the last claimer's right is taken away."""
    in_small_pieces(monkeypatch)

    async def renew(*_: Any) -> None:
        """Whoever it is."""

    async def begin(work: Any, export_id: UUID, *, run: int) -> Any:
        return await whole_begin(work, export_id, run=1)

    whole_begin = exports.begin
    monkeypatch.setattr(jobs, "_renew", renew)
    monkeypatch.setattr(exports, "begin", begin)
    monkeypatch.setattr(jobs.Hold, "fence", 1)
    await started(desk, "owner")
    (job_id,) = await queued(desk)
    pool = desk.house.database.pool

    async def overtake() -> None:
        await pool.execute("update jobs set leased_until = clock_timestamp() - interval '1 second'")
        other: Any = Interrupted(desk.house.database, stop, pieces=1, calls_left=4)
        with pytest.raises(asyncio.CancelledError):
            await jobs.run(other, LISTENERS, job_id)

    async def stop() -> None:
        raise asyncio.CancelledError

    slow: Any = Interrupted(desk.house.database, overtake, pieces=2)
    await jobs.run(slow, LISTENERS, job_id)

    assert await pool.fetchval("select pieces from exports") != await count_of(desk, "export_pieces")


async def test_an_outage_is_waited_out_and_a_fault_of_ours_is_told(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    away, broken = await started(desk, "owner"), await started(desk, "owner", of="LINES")
    first, second = await queued(desk)

    async def outage(*_: Any) -> None:
        raise TimeoutError

    async def fault(*_: Any) -> None:
        raise ArithmeticError

    with monkeypatch.context() as patched:
        patched.setattr(making.Making, "count", outage)
        assert not await jobs.run(desk.house.database, LISTENERS, first)
        patched.setattr(making.Making, "count", fault)
        assert await jobs.run(desk.house.database, LISTENERS, second)
    waiting = await told(desk, "owner", away)
    await desk.house.database.pool.execute("update jobs set run_after = clock_timestamp()")
    assert await jobs.run(desk.house.database, LISTENERS, first)

    assert waiting["state"] == "RUNNING"
    assert (await told(desk, "owner", away))["state"] == "DONE"
    failed = await told(desk, "owner", broken)
    assert (failed["state"], failed["failure"], failed["url"]) == ("FAILED", "FAULT", None)


async def test_more_bills_than_a_file_holds_are_refused_counted_or_not(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All bills are of one date: where they are more than are counted, nobody knows how many there are."""
    monkeypatch.setattr(making, "BILLS_MAX", 3)
    counted = await started(desk, "owner")
    await work_off(desk)
    monkeypatch.setattr(pages, "COUNTED_MAX", 2)
    monkeypatch.setattr(making, "STEP_S", -1.0)
    monkeypatch.setattr(making, "graph", making.make_graph)
    uncounted = await started(desk, "owner")
    await work_off(desk)

    found = [await told(desk, "owner", each) for each in (counted, uncounted)]

    assert [(each["state"], each["failure"], each["billsInAll"]) for each in found] == [
        ("FAILED", "TOO_LARGE", None)
    ] * 2


async def test_many_bills_are_counted_over_parts_of_their_time(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    in_small_pieces(monkeypatch)
    monkeypatch.setattr(pages, "COUNTED_MAX", 4)
    for days in (1, 2, 9):
        await desk.shop.check_out((CASH, 178_700), now=NOW + timedelta(days=days))
    export_id = await started(desk, "owner", branchId=id_text("branch", desk.shop.branch_id))
    seen = []

    async def look() -> None:
        seen.append(await told(desk, "owner", export_id))

    slow: Any = Interrupted(desk.house.database, look, pieces=2)
    await work_off(desk, slow)

    assert [(each["state"], each["billsDone"], each["billsInAll"], each["url"]) for each in seen] == [
        ("RUNNING", 2, 7, None)
    ]


async def test_what_ended_meanwhile_is_not_made(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    in_small_pieces(monkeypatch)
    early, late = await started(desk, "owner"), await started(desk, "owner")
    first, second = await queued(desk)
    database = desk.house.database

    async def give_up() -> None:
        row_id = id_value("export", late)
        await database.run(SYSTEM, lambda work: exports.fail(work, row_id, ExportFailure.TOO_LATE))

    await database.pool.execute(
        "update exports set created_at = created_at - interval '7 hours' where id = $1", id_value("export", early)
    )
    await database.run(SYSTEM, exports.purge)
    done = await jobs.run(database, LISTENERS, first)
    slow: Any = Interrupted(database, give_up, pieces=2)
    also = await jobs.run(slow, LISTENERS, second)

    found = [await told(desk, "owner", each) for each in (early, late)]
    assert (done, also) == (True, True)
    assert [(each["state"], each["failure"]) for each in found] == [("FAILED", "TOO_LATE")] * 2
    assert await count_of(desk, "export_pieces") == 0


# --- how many


async def test_a_search_without_bills_makes_nothing(desk: Desk) -> None:
    none = START.replace("... on TooManyExports", "... on InvalidInput { issues { path code } } ... on TooManyExports")
    answer = await desk.ask("owner", none, of="BILLS", format="CSV", filter={"customerNamePrefix": "zzz"})

    assert answer["data"]["startExport"] == {"issues": [{"path": ["filter"], "code": "NO_BILLS"}]}
    assert await count_of(desk, "exports") == 0


async def test_few_are_made_at_a_time_for_one_person_and_few_files_are_kept(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {"of": "BILLS", "format": "CSV"}
    answers = await asyncio.gather(*(desk.ask("owner", START, **asked) for _ in range(6)))
    made = [each["data"]["startExport"] for each in answers]
    elses = await started(desk, "accountant")
    await work_off(desk)
    monkeypatch.setattr(exports, "KEPT_MAX", 3)
    further = await started(desk, "owner")

    ids = sorted(each["export"]["id"] for each in made if "export" in each)
    states = {each["id"]: each["state"] for each in (await desk.ask("owner", MINE))["data"]["exports"]["nodes"]}
    kept = [(await told(desk, "owner", each))["url"] for each in states if states[each] == "DONE"]
    one, other = [(await desk.fetch(each)).body for each in kept]
    assert [each for each in made if "export" not in each] == [{"openMax": 3}] * 3
    assert sorted(states) == sorted([*ids, further])
    assert sorted(states.values()) == ["DONE", "DONE", "EXPIRED", "WAITING"]
    assert (await told(desk, "accountant", elses))["state"] == "DONE"
    assert one == other
