"""G21 from outside: what a thousand customers entrusted to a running salon is in no dump, WAL, Redis, log or refusal."""

import asyncio
import os
import re
import secrets
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from redis.asyncio import Redis

from salonos import embedded
from salonos.kernel.database import plain_url
from salonos.kernel.ids import new_id
from tests import servers
from tests.faults import served as serving
from tests.faults.fleet import CHECK_OUT, a_sale

CANARIES = 1_000
AT_ONCE = 25
MARK = "canary" + secrets.token_hex(4)
NUMBERS = f"98{secrets.randbelow(100_000):05d}"
"""Of all their phone numbers; three more digits tell them apart."""
CREATE = "m{0}: createCustomer(input: $c{0}) {{ __typename ... on CreateCustomerSuccess {{ customer {{ id }} }} }}"
UPDATE = """
mutation($input: UpdateCustomerInput!) {
  updateCustomer(input: $input) { __typename ... on UpdateCustomerSuccess { customer { id phone notes } } }
}
"""
READ = "query($id: ID!) { customer(id: $id) { name phone email address notes } }"
FIND = "query($search: String!) { customers(filter: {search: $search}) { nodes { id phone } } }"


def person(number: int) -> dict[str, str]:
    """Somebody whose every detail can be told from anything else. Names are stored as they are: lists sort by them."""
    return {
        "name": f"Person {MARK}n {number}",
        "phone": f"+91{NUMBERS}{number:03d}",
        "email": f"{MARK}e{number}@example.in",
        "address": f"{MARK}a House {number}",
        "notes": f"{MARK}o allergic to {number}",
    }


SECRETS = re.compile(f"{MARK}[eao]|{NUMBERS}[0-9]{{3}}".encode())
WORDS = re.compile(f"{MARK}|{NUMBERS}[0-9]{{3}}".encode())
"""Names too: they have no place outside of the customers' own rows and of the papers that name their recipient."""

SOLD = 5


def hexadecimal(blob: bytes) -> Iterator[bytes]:
    """The runs of bytes that a dump writes as hexadecimal digits."""
    for found in re.findall(rb"\\x((?:[0-9a-f]{2})+)", blob):
        yield bytes.fromhex(found.decode())


def hits(blob: bytes, wanted: re.Pattern[bytes] = SECRETS) -> list[bytes]:
    """What of the canaries stands in some bytes, as text or as hexadecimal digits."""
    return [*wanted.findall(blob), *(hit for run in hexadecimal(blob) for hit in wanted.findall(run))]


@dataclass
class Salon:
    """A served salon and the ids of its thousand customers."""

    served: serving.Served
    url: str
    ids: list[str]
    replies: list[bytes]
    """What was answered to those who may not know, or asked wrongly."""

    def ask(self, query: str, *, token: str | None = None, **variables: object) -> bytes:
        """An answer's body and headers."""
        headers = {"authorization": f"Bearer {token or self.served.owner}", "idempotency_key": secrets.token_hex(16)}
        reply = self.served.ask(query, dict(variables), **headers)
        return reply.content + repr(reply.headers).encode()


def create(served: serving.Served) -> list[str]:
    """A thousand customers, over HTTP."""
    ids = []
    for first in range(0, CANARIES, AT_ONCE):
        numbers = range(first, first + AT_ONCE)
        head = ", ".join(f"$c{number}: CreateCustomerInput!" for number in numbers)
        text = f"mutation({head}) {{ {' '.join(CREATE.format(number) for number in numbers)} }}"
        headers = {"authorization": f"Bearer {served.owner}", "idempotency_key": secrets.token_hex(16)}
        body = served.ask(text, {f"c{number}": person(number) for number in numbers}, **headers).json()
        ids += [each["customer"]["id"] for each in body["data"].values()]
    return ids


def use(salon: Salon) -> None:
    """Changes, reads and searches; then all the ways to be refused with somebody's data in the request."""
    for number in range(20):
        given = {"customerId": salon.ids[number], "expectedVersion": 1, "notes": f"{MARK}o changed {number}"}
        assert b"UpdateCustomerSuccess" in salon.ask(UPDATE, input=given)
    for given in (asyncio.run(a_sale(salon.url)) | {"customerId": each} for each in salon.ids[:SOLD]):
        assert b"CheckOutSuccess" in salon.ask(CHECK_OUT, input=given)
    assert f"{MARK}a House 7".encode() in salon.ask(READ, id=salon.ids[7])
    assert salon.ids[7].encode() in salon.ask(FIND, search=person(7)["phone"])
    wrong: list[tuple[str, dict[str, Any]]] = [
        (READ, {"id": person(1)["email"]}),
        (UPDATE, {"input": {"customerId": salon.ids[0], "expectedVersion": 99, "notes": person(2)["notes"]}}),
        (UPDATE, {"input": {"customerId": "customer_" + "0" * 32, "expectedVersion": 1, "phone": person(3)["phone"]}}),
        (UPDATE, {"input": {"customerId": salon.ids[0], "expectedVersion": 2, "phone": person(4)["notes"]}}),
        (UPDATE, {"input": {"customerId": salon.ids[0], "expectedVersion": 2, "email": person(5)["address"]}}),
        (UPDATE, {"input": {"customerId": salon.ids[0], "expectedVersion": person(6)["phone"]}}),
        (UPDATE, {"input": {person(6)["email"]: 1}}),
        (f'{{ customer(id: "{person(8)["email"]}") {{ id }} }}', {}),
        (f'{{ customers(filter: {{search: 7, x: "{person(8)["notes"]}"}}) {{ nodes {{ id }} }} }}', {}),
        (f'query Q($a: Int = "{person(9)["phone"]}") {{ salon {{ name }} }}', {}),
    ]
    for query, variables in wrong:
        salon.replies.append(salon.ask(query, **variables))
        salon.replies.append(salon.ask(query, token=salon.served.stylist, **variables))
    for query, number in ((READ, 1), (READ, 2)):
        salon.replies.append(salon.ask(query, token=salon.served.stylist, id=salon.ids[number]))


@pytest.fixture(scope="module")
def salon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Salon]:
    name = f"test_{new_id().hex}"
    asyncio.run(servers.create_database(name))
    asyncio.run(serving.furnish(servers.url_of(name)))
    log = tmp_path_factory.mktemp("g21") / "api.log"
    served = serving.serve(servers.url_of(name), os.environ[servers.REDIS], log, SALONOS_OBJECTS_PER_SECOND="1000000")
    served.owner, served.stylist = served.sign_in("owner"), served.sign_in("stylist")
    made = Salon(served, servers.url_of(name), create(served), [])
    use(made)
    yield made
    served.process.kill()
    served.process.wait()
    asyncio.run(servers.drop_database(name))


def dumped(url: str) -> bytes:
    """The whole database, as a backup has it."""
    command = [str(embedded.postgres_binary("pg_dump")), "--dbname", plain_url(url)]
    return subprocess.run(command, check=True, capture_output=True).stdout


def contents(folder: Path) -> dict[Path, bytes]:
    """Every file's bytes."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def betrayers(folder: Path) -> list[Path]:
    """The files that tell of somebody."""
    return [path for path, blob in contents(folder).items() if WORDS.search(blob)]


async def values(url: str, query: str) -> bytes:
    """A query's values as one text."""
    owner = await asyncpg.connect(plain_url(url))
    rows = await owner.fetch(query)
    await owner.close()
    return "\n".join(str(tuple(row)) for row in rows).encode()


def test_no_detail_of_a_thousand_people_is_in_the_dump(salon: Salon) -> None:
    dump = dumped(salon.url)

    assert len(salon.ids) == CANARIES
    assert len(set(re.findall(f"Person {MARK}n [0-9]+".encode(), dump))) == CANARIES
    assert hits(dump) == []


async def test_none_is_in_the_wal(salon: Salon) -> None:
    (folder,) = (await values(salon.url, "show data_directory")).decode().strip("(),'").split("\n")
    await values(salon.url, "checkpoint")

    wal = b"".join(contents(Path(folder) / "pg_wal").values())

    assert f"Person {MARK}n".encode() in wal
    assert SECRETS.findall(wal) == []


async def test_none_is_in_redis_or_its_files(salon: Salon) -> None:
    redis = Redis.from_url(os.environ[servers.REDIS])
    kept = [key + b" " + (await redis.dump(key) or b"") async for key in redis.scan_iter(count=1000)]
    folder = (await redis.config_get("dir"))["dir"]
    await redis.aclose()

    assert hits(b"\n".join(kept), WORDS) == []
    assert betrayers(Path(folder)) == []


def test_none_is_in_the_log_or_in_what_is_refused(salon: Salon) -> None:
    assert len(salon.served.written()) > CANARIES // AT_ONCE
    assert hits(salon.served.written().encode(), WORDS) == []
    assert len(salon.replies) == 22
    assert [reply for reply in salon.replies if hits(reply)] == []


async def test_names_too_are_absent_from_events_keys_jobs_and_the_audit_trail(salon: Salon) -> None:
    for table in ("outbox_events", "idempotency_keys", "jobs", "audit_log"):
        told = await values(salon.url, f"select t::text from {table} t")
        assert hits(told, WORDS) == [], table
    assert (await values(salon.url, "select count(*) from idempotency_keys where result is not null")) != b"(0,)"


async def test_names_stand_in_the_customers_own_rows_and_as_recipients_of_papers_only(salon: Salon) -> None:
    tables = await values(salon.url, "select tablename from pg_tables where schemaname = 'public' order by tablename")
    named = {
        table: hits(await values(salon.url, f"select (to_jsonb(t) - 'buyer_name')::text from {table} t"), WORDS)
        for table in re.findall(r"\w+", tables.decode())
    }

    assert {table for table, found in named.items() if found} == {"customers"}
    assert len(named) > 50
    assert len(hits(await values(salon.url, "select buyer_name from bills"), WORDS)) == SOLD


async def test_what_was_moved_to_another_row_or_column_does_not_open(salon: Salon) -> None:
    first, second = (each.removeprefix("customer_") for each in salon.ids[30:32])
    owner = await asyncpg.connect(plain_url(salon.url))
    await owner.execute(
        "update customers set notes_sealed = (select notes_sealed from customers where id = $1) where id = $2",
        first,
        second,
    )
    await owner.execute("update customers set address_sealed = notes_sealed where id = $1", first)
    await owner.close()

    notes = await asyncio.to_thread(salon.ask, "query($id: ID!) { customer(id: $id) { notes } }", id=salon.ids[31])
    address = await asyncio.to_thread(salon.ask, "query($id: ID!) { customer(id: $id) { address } }", id=salon.ids[30])

    for answer in (notes, address):
        assert hits(answer) == []
        assert b'"code":"INTERNAL"' in answer
    assert hits(salon.served.written().encode(), WORDS) == []


async def test_the_search_finds_what_is_there() -> None:
    assert hits(f"x {person(3)['phone']} y".encode()) == [f"{NUMBERS}003".encode()]
    assert hits(b"\\x" + f"{MARK}o".encode().hex().encode()) == [f"{MARK}o".encode()]
    assert hits(person(1)["name"].encode()) == []
    assert hits(person(1)["name"].encode(), WORDS) == [MARK.encode()]
