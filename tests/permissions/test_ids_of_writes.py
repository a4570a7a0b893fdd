"""G17 for writes: every id that a mutation takes, made from the schema.

An id of another branch's row is answered as one that does not exist, to the byte; a malformed one and one of another kind
are refused; and nothing that was refused has changed a row. A new mutation is here the moment it is in the schema; an
argument whose kind of id can't be told from its name fails with a word.
"""

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import orjson
import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLNamedType,
    get_named_type,
    get_nullable_type,
    is_list_type,
    is_required_input_field,
)

from salonos.bills import commands as bills
from salonos.bills.commands import NewBill, NewLine
from salonos.graph.context import RequestFacts
from salonos.identity.queries import actor_of_session
from salonos.inventory import commands as inventory
from salonos.inventory.commands import NewCount, NewTransfer, SentLine
from salonos.kernel.actor import Actor, access, reach_of
from salonos.kernel.database import Database
from salonos.kernel.ids import id_text, id_value, new_id
from salonos.kernel.permissions import ROLES
from salonos.salon.rules import TaxScheme
from tests.graph.test_differential import values_of
from tests.permissions.conftest import UNTIL
from tests.permissions.test_matrix import GRAPH, House, house
from tests.salon.makers import make_branch

__all__ = ["house"]

KINDS = {
    "adjustmentId": "stockadjustment",
    "batchId": "stockbatch",
    "causeId": "bill",
    "copyOf": "role",
    "countId": "stockcount",
    "deviceId": "session",
    "fromBranchId": "branch",
    "objectId": "bill",
    "tabletId": "tablet",
    "toBranchId": "branch",
    "transferId": "stocktransfer",
    "transferLineId": "transferline",
}
"""What an id is of, where its name does not say it."""

WITHOUT_ROWS = {
    "approval": "select id, requester_id as of from approvals",
    "file": "select id, owner_id as of from stored_files where kind = 'UPLOAD'",
}
"""Ids of what no client reads by its id, and whose each is."""

OF_EVERYBODY = {"account", "customer", "product", "role", "service", "supplier", "taxclass"}
"""What belongs to the whole business: none of it is out of anybody's reach."""

NOT_ASKED = {"approval"}
"""Whoever may ask everything here needs none: whose an approval is good for, `tests/bills/test_approved_discount.py` asks."""

NOT_TOLD_SO = {
    "approve.input.objectId",
    "checkOut.input.lines.contributors.staffId",
    "createBill.input.lines.contributors.staffId",
    "updateBill.input.lines.contributors.staffId",
    "countStock.input.lines.batchId",
    "enterStockCount.input.lines.batchId",
    "exportBills.input.filter.branchId",
    "exportBills.input.filter.staffId",
    "startExport.input.filter.branchId",
    "startExport.input.filter.staffId",
    "updateStaffMember.input.branchIds",
}
"""Where both are answered alike, but not as NOT_FOUND: a filter finds nothing, a batch is none of the count, a branch is
beyond one's rights, who approves is asked before what, and shares must add up first."""

IDS_AT_ONCE = 50

ONE_OF = {"BillLineInput": frozenset({"serviceId", "staffId"})}
"""Of an input's fields that may be left out, those without which it is refused before its ids are looked at."""

BY_NAME = {
    "opensAt": "09:30",
    "closesAt": "19:30",
    "phone": "+919876543210",
    "password": "nine purple umbrellas",
    "username": "somebody",
    "pin": "482913",
}
VALUES: dict[str, Any] = {
    "Boolean": True,
    "Date": "2026-11-22",
    "DateTime": "2026-11-22T10:00:00Z",
    "Email": "a@example.org",
    "Int": 1,
    "Money": "100.00",
    "Percentage": "5",
    "PhoneNumber": "+919876543210",
    "Quantity": "1",
    "String": "Something",
}
FACTS = RequestFacts(id="writes")
NOISE = re.compile(rb'"errorId":"[0-9a-f]+"|"requestId":"[^"]*"')


@dataclass(frozen=True)
class Place:
    """An id somewhere in a mutation's input: the names that lead to it, and the prefix of its kind."""

    mutation: str
    steps: tuple[str, ...]
    prefix: str

    def __str__(self) -> str:
        return f"{self.mutation}.{'.'.join(self.steps)}"


def places() -> list[Place]:
    """All of them."""
    mutations = GRAPH.core.mutation_type
    assert mutations is not None
    found: list[Place] = []
    for name, definition in mutations.fields.items():
        for argument, each in definition.args.items():
            found += [Place(name, (argument, *steps), prefix) for steps, prefix in ids_below(each.type, argument, ())]
    return found


def ids_below(kind: GraphQLInputType, name: str, above: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    """The ids of an input type, by the names that lead to them."""
    named = get_named_type(kind)
    if named.name == "ID":
        yield (), prefix_of(name, above)
    elif isinstance(named, GraphQLInputObjectType) and named.name not in above:
        for field, definition in named.fields.items():
            for steps, prefix in ids_below(definition.type, field, (*above, named.name)):
                yield (field, *steps), prefix


def prefix_of(name: str, above: tuple[str, ...]) -> str:
    """Of which kind an argument's ids are.

    Raises: AssertionError where its name does not say it.
    """
    found = KINDS.get(name, re.sub(r"Ids?$", "", name).lower())
    if found == "bill" and above[-1] == "PaidBillInput":
        found = "supplierbill"
    if found == "line" and "Purchase" in above[-1]:
        found = "purchaseline"
    if found == "line" and "Transfer" in above[-1]:
        found = "transferline"
    if found == "line" and "Receipt" in above[-1]:
        found = "receiptline"
    assert found in GRAPH.by_prefix or found in WITHOUT_ROWS, f"say in KINDS of what the id {name} of {above} is"
    return found


PLACES = places()


def filled(
    kind: GraphQLInputType, name: str, ids: dict[str, str], steps: tuple[str, ...], planted: str, above: Any
) -> Any:
    """A value of an input type with all that it must have, and with what leads to the planted id."""
    if is_list_type(get_nullable_type(kind)):
        return [filled(get_nullable_type(kind).of_type, name, ids, steps, planted, above)]  # type: ignore[union-attr]
    named: GraphQLNamedType = get_named_type(kind)
    if isinstance(named, GraphQLInputObjectType):
        return fields_of(named, ids, steps, planted, above)
    if named.name == "ID":
        return planted if steps == () else ids.get(name) or ids[prefix_of(name, above)]
    if isinstance(named, GraphQLEnumType):
        return next(iter(named.values))
    return BY_NAME.get(name, VALUES[named.name])


NOWHERE = ("nowhere",)


def fields_of(
    kind: GraphQLInputObjectType, ids: dict[str, str], steps: tuple[str, ...], planted: str, above: Any
) -> dict[str, Any]:
    above = (*above, kind.name)
    found = {}
    for name, definition in kind.fields.items():
        is_on_way = steps[:1] == (name,)
        if is_on_way or is_required_input_field(definition) or name in ONE_OF.get(kind.name, ()):
            rest = steps[1:] if is_on_way else NOWHERE
            found[name] = filled(definition.type, name, ids, rest, planted, above)
    return found


@dataclass
class Asking:
    """Asks mutations as somebody of one branch."""

    house: House
    actor: Actor
    ids: dict[str, str]
    """By their kinds, and some by a name."""
    ids_of: dict[str, dict[str, str]]
    """Those of a mutation that asks for rows in a state of their own."""

    async def __call__(self, place: Place, planted: str) -> bytes:
        """The answer's body."""
        mutations = GRAPH.core.mutation_type
        assert mutations is not None
        definition = mutations.fields[place.mutation]
        ids = self.ids | self.ids_of.get(place.mutation, {})
        head = ", ".join(f"${name}: {each.type}" for name, each in definition.args.items())
        given = ", ".join(f"{name}: ${name}" for name in definition.args)
        body = "__typename ... on InvalidInput { issues { path code message } } ... on Problem { message }"
        text = f"mutation({head}) {{ {place.mutation}({given}) {{ {body} }} }}"
        variables = {
            name: filled(each.type, name, ids, place.steps[1:], planted, ()) for name, each in definition.args.items()
        }
        facts = RequestFacts(id="writes", idempotency_key=new_id().hex)
        answer = await self.house.engine.answer(self.actor, facts, text, None, variables)
        return answer.body

    async def unnamed(self, place: Place, planted: str) -> bytes:
        """The answer's body without what differs each time; the planted id is told by a word."""
        return NOISE.sub(b"", (await self(place, planted)).replace(planted.encode(), b"IT"))


async def send_to_a_third_branch(house: House) -> None:
    """Goods on their way between two branches out of reach; the house's own transfers all have an end within it."""
    database = house.engine.database
    second = await database.pool.fetchrow("select id, gstin, tax_scheme from branches order by id desc limit 1")
    scheme = TaxScheme[second["tax_scheme"]]
    third_id = await make_branch(database, "BLR3", gstin=second["gstin"], tax_scheme=scheme)
    line = SentLine(
        product_id=await database.pool.fetchval("select min(product_id::text)::uuid from stock_moves"),
        quantity_milli=500,
    )
    new = NewTransfer(second["id"], third_id, (line,), "By bicycle")
    await database.run(Actor.system(), partial(inventory.transfer_stock, new=new), now=UNTIL)
    house.ids = dict((await values_of(database, GRAPH)).ids)


@pytest.fixture
async def asking(house: House) -> Asking:
    await send_to_a_third_branch(house)
    database = house.engine.database
    (branch_id, *_) = house.actors["RECEPTIONIST"].branch_ids
    rights = ROLES["OWNER"]
    session_id = await database.pool.fetchval(
        "select id from sessions where staff_id = $1 and ended_at is null", house.actors["OWNER"].id
    )
    signed_in = await actor_of_session(database, session_id)
    assert signed_in is not None
    reach = access(rights.permissions, rights.own, reach_of((branch_id,)))
    actor = replace(signed_in, access=reach, branch_ids=(branch_id,))
    ids = {prefix: found[0] for prefix, found in house.ids.items() if found}
    for prefix in {*GRAPH.by_prefix, *WITHOUT_ROWS}:
        ids.setdefault(prefix, id_text(prefix, new_id()))
    ids["branch"] = id_text("branch", branch_id)
    ids["toBranchId"] = next(each for each in house.ids["branch"] if each != ids["branch"])
    own = {
        prefix: [each for each, is_own in await by_reach(house, prefix, actor) if is_own] for prefix in GRAPH.by_prefix
    }
    ids |= {prefix: found[0] for prefix, found in own.items() if found}
    return Asking(house, actor, ids, await rows_under_way(database, actor, ids))


async def rows_under_way(database: Database, actor: Actor, ids: dict[str, str]) -> dict[str, dict[str, str]]:
    """A draft and an open count, for the mutations that ask for one."""
    line = NewLine(service_id=id_value("service", ids["service"]), staff_id=id_value("staff", ids["staff"]))
    new_bill = NewBill(branch_id=actor.branch_id, lines=(line,))
    bill_id = await database.run(actor, lambda work: bills.create_bill(work, new_bill), now=UNTIL)
    new_count = NewCount(branch_id=actor.branch_id, product_ids=None)
    count_id = await database.run(actor, lambda work: inventory.open_stock_count(work, new_count), now=UNTIL)
    product_id = await database.pool.fetchval(
        "select product_id from stock_count_lines where count_id = $1 order by id limit 1", count_id
    )
    count = {"stockcount": id_text("stockcount", count_id), "product": id_text("product", product_id)}
    draft = {"bill": id_text("bill", bill_id)}
    return {"updateBill": draft, "enterStockCount": count, "importStockCount": count}


async def by_reach(house: House, prefix: str, actor: Actor) -> list[tuple[str, bool]]:
    """The ids of a kind that the owner reads by them, and whether somebody else does."""
    if prefix in WITHOUT_ROWS:
        rows = await house.engine.database.pool.fetch(WITHOUT_ROWS[prefix])
        return [(id_text(prefix, row["id"]), row["of"] == actor.id) for row in rows]
    found = []
    for start in range(0, len(house.ids[prefix]), IDS_AT_ONCE):
        some = house.ids[prefix][start : start + IDS_AT_ONCE]
        listed = ", ".join(f'"{each}"' for each in some)
        text = f"{{ nodes(ids: [{listed}]) {{ id }} }}"
        known, own = [
            orjson.loads((await house.engine.answer(each, FACTS, text, None, None)).body)["data"]["nodes"]
            for each in (house.actors["OWNER"], actor)
        ]
        assert [each["id"] for each in known] == some
        found += [(each, node is not None) for each, node in zip(some, own, strict=True)]
    return found


async def digest(database: Database) -> dict[str, str]:
    """What every table of the salon holds, but for keys of requests and what is told of refused attempts."""
    names = await database.pool.fetch(
        "select relname from pg_class where relkind in ('r', 'p') and relnamespace = 'public'::regnamespace "
        "and not relispartition and relname !~ 'idempotency|attempts|alembic' order by relname"
    )
    return {
        name: await database.pool.fetchval(f"select md5(string_agg(t::text, '' order by t::text)) from {name} as t")
        for (name,) in names
    }


async def test_an_id_out_of_reach_is_answered_as_one_that_does_not_exist(asking: Asking) -> None:
    foreign: dict[str, list[str]] = {}
    unseen: set[str] = set()
    for prefix in sorted({each.prefix for each in PLACES}):
        found = await by_reach(asking.house, prefix, asking.actor)
        foreign[prefix] = [each for each, is_own in found if not is_own]
    assert {prefix for prefix, ids in foreign.items() if not ids} == OF_EVERYBODY
    for place in PLACES:
        if place.prefix in OF_EVERYBODY | NOT_ASKED:
            continue
        before = await digest(asking.house.engine.database)
        there = await asking.unnamed(place, foreign[place.prefix][0])
        missing = await asking.unnamed(place, id_text(place.prefix, new_id()))
        assert there == missing, place
        unseen |= {str(place)} if b'"NOT_FOUND"' not in there else set()
        if "filter" not in place.steps:
            assert b'Success"' not in there, (place, there)
            assert await digest(asking.house.engine.database) == before, place
    assert unseen == NOT_TOLD_SO


async def test_the_proof_fails_when_reach_is_forgotten(asking: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Actor, "reaches", lambda *_: True)
    monkeypatch.setattr(Actor, "require_branch", lambda *_: None)

    with pytest.raises(AssertionError):
        await test_an_id_out_of_reach_is_answered_as_one_that_does_not_exist(asking)


async def test_an_id_of_nothing_of_another_kind_or_malformed_is_refused_and_never_a_bug(asking: Asking) -> None:
    for place, planted in itertools.product(PLACES, (None, "", "x", "bill_1", "bill_" + "g" * 32, "\u0000")):
        wrong = id_text("summary", new_id()) if planted is None else planted
        answer = orjson.loads(await asking(place, wrong))
        codes = [each["extensions"]["code"] for each in answer.get("errors", ())]
        assert "INTERNAL" not in codes, (place, wrong, answer)
        told = (answer.get("data") or {}).get(place.mutation) or {}
        assert not told.get("__typename", "").endswith("Success"), (place, wrong, answer)
