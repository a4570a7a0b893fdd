"""The salon that all of these tests look at: made once for a process, and copied by each test."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from uuid import UUID

import pytest

from salonos.bills import commands as bills
from salonos.demo import make
from salonos.demo.trade import Size
from salonos.identity import commands as identity
from salonos.identity.problems import SessionEnded
from salonos.identity.rules import ApprovalAction
from salonos.inventory import commands as inventory
from salonos.kernel import crypto, files
from salonos.kernel.actor import Actor
from salonos.kernel.clock import parse_instant
from salonos.kernel.database import Database
from salonos.kernel.sheets import Sheet
from tests import servers
from tests.conftest import SECRET
from tests.identity.makers import PASSWORD, STRANGER, TABLET
from tests.inventory.control import correct_and_count, send_around
from tests.inventory.purchasing import buy

UNTIL = parse_instant("2026-11-22T15:00:00+05:30")
SIZE = Size(days=2, guests=12, pace=0.4)


@pytest.fixture(scope="session")
def salon() -> Iterator[str]:
    """The name of a furnished database, to which nobody is connected."""
    crypto.configure(crypto.Keyring(SECRET))
    name = servers.spares.take()
    asyncio.run(furnish(servers.url_of(name)))
    yield name
    servers.spares.give_back(name)


async def furnish(url: str) -> None:
    """A small demo salon with goods on its shelves."""
    database = await Database.open(url)
    await make.furnish(database, password=PASSWORD, say=lambda _: None, size=SIZE, now=UNTIL)
    await fill_shelves(database)
    await database.close()


async def fill_shelves(database: Database) -> None:
    """What the demo has not: purchases, corrections, a bill that was taken back."""
    product_id = await database.pool.fetchval("select id from products order by id limit 1")
    for row in await database.pool.fetch("select id from branches"):
        await buy(database, row["id"], product_id, now=UNTIL)
        await correct_and_count(database, row["id"], product_id, now=UNTIL)
    branch_ids = [row["id"] for row in await database.pool.fetch("select id from branches order by id")]
    await send_around(database, branch_ids, product_id, now=UNTIL)
    await take_back(database)
    await ask_for_a_file(database)
    await sign_people_in(database)


async def ask_for_a_file(database: Database) -> None:
    """An export, of the person in whose name the tests ask with each role's rights."""
    seller_id = await database.pool.fetchval(
        "select staff_id as id from bill_lines where staff_id is not null order by id"
    )
    seller = replace(Actor.system(), id=seller_id)
    start = partial(
        bills.start_export, rows=bills.ExportedRows.BILLS, file_format=inventory.FileFormat.CSV, conditions={}
    )
    await database.run(seller, start, now=UNTIL)


async def sign_people_in(database: Database) -> None:
    """Tablets, people signed in at each branch, and a token that was stolen."""
    database.set_clock = UNTIL
    owner = replace(Actor.system(), id=await database.pool.fetchval("select id from staff where username = 'owner'"))
    for row in await database.pool.fetch("select id, name from branches order by id"):
        enroll = partial(identity.enroll_tablet, branch_id=row["id"], name=f"Front desk of {row['name']}")
        await database.run(owner, enroll)
    seller_id = await database.pool.fetchval("select min(staff_id::text)::uuid from bill_lines")
    elsewhere_id = await database.pool.fetchval(
        "select staff_id from staff_branches where branch_id = (select max(id::text)::uuid from branches)"
        " group by staff_id having not exists (select from staff_branches as other"
        " where other.staff_id = staff_branches.staff_id and other.branch_id <> (select max(id::text)::uuid from branches))"
        " order by staff_id limit 1"
    )
    await sign_in(database, seller_id)
    await ask_and_upload(database, (await sign_in(database, elsewhere_id)).actor)
    signed_in = await sign_in(database, elsewhere_id)
    await identity.refresh(database, refresh_token=signed_in.refresh_token, device=TABLET)
    with pytest.raises(SessionEnded):
        await identity.refresh(database, refresh_token=signed_in.refresh_token, device=STRANGER)
    database.set_clock = None


async def ask_and_upload(database: Database, actor: Actor) -> None:
    """An approval that somebody of the second branch was given, and a file of theirs."""
    request = identity.ApprovalRequest(
        action=ApprovalAction.BILL_DISCOUNT, branch_id=actor.branch_id, ceiling_paise=10_000
    )
    by = identity.Secret(username="owner", password=PASSWORD)
    await identity.approve(database, actor, request, by=by, device=TABLET)
    await database.run(actor, lambda work: files.keep_upload(work, Sheet(())))


async def sign_in(database: Database, staff_id: UUID) -> identity.SignedIn:
    """A session of a person, who gets a username where they have none."""
    row = await database.pool.fetchrow("select username, version from staff where id = $1", staff_id)
    if row["username"] is None:
        change = identity.StaffChange(
            username=f"person.{staff_id.hex[-4:]}", password_hash=await identity.new_hash(PASSWORD)
        )
        await database.run(
            Actor.system(),
            lambda work: identity.update_staff_member(work, staff_id, change, expected_version=row["version"]),
        )
        return await sign_in(database, staff_id)
    return await identity.sign_in(database, username=row["username"], password=PASSWORD, device=TABLET)


async def take_back(database: Database) -> None:
    """A number that was cancelled."""
    bill = await database.pool.fetchrow(
        "select id, version from bills where status = 'POSTED' and kind <> 'CREDIT_NOTE' and credited_paise = 0 "
        "and paid_paise > 0 and business_date = $1 order by id limit 1",
        UNTIL.date(),
    )
    void = partial(
        bills.void_bill,
        bill_id=bill["id"],
        reason="The wrong chair",
        expected_version=bill["version"],
        pay_back_by=None,
    )
    await database.run(Actor.system(), void, now=UNTIL)
