"""Whose budget pays for strangers: their address, its sign-ins, or alone whoever presents a secret that is known here."""

from dataclasses import dataclass
from typing import Any

import pytest

from salonos.edge import payers as paying
from salonos.edge.budget import Budget
from salonos.edge.endpoint import Asked, Endpoint
from salonos.edge.gate import Gate, Incoming
from salonos.edge.payers import Payers
from salonos.edge.sessions import Watch
from salonos.graph.context import RequestFacts
from salonos.graph.execute import CHARACTERS_AN_OBJECT, REQUEST_COST, Engine, Status
from salonos.identity import commands, queries
from salonos.identity.commands import passwords
from salonos.kernel.database import Database
from tests.bills.asking import GRAPH
from tests.identity.makers import PASSWORD, TABLET, House, open_house
from tests.statements import Statements

ADDRESS = "192.0.2.1"
SHARED = "192.0.2.1|sign-in"
SIGN_IN = "mutation($input: SignInInput!) { signIn(input: $input) { __typename } }"
WITH_PIN = "mutation($input: SignInWithPinInput!) { signInWithPin(input: $input) { __typename } }"
REFRESH = "mutation($input: RefreshTokensInput!) { refreshTokens(input: $input) { __typename } }"
UNKNOWN = "nobody-knows-this-0123456789"


@dataclass
class Door:
    """A salon whose owner is signed in on a device, an enrolled tablet, and who pays for strangers."""

    house: House
    payers: Payers
    signed_in: commands.SignedIn
    tablet: commands.Enrolled

    async def payer(self, query: str, **variables: Any) -> str:
        return await self.payers.of_stranger(query, variables, ADDRESS)

    def spend(self, objects: int = 500) -> None:
        """Half of what the address may sign in for at once."""
        self.payers.budget.debts[SHARED] = objects

    @property
    def session(self) -> str:
        return f"session|{self.signed_in.actor.session_id}"


@pytest.fixture
async def door(database: Database, monkeypatch: pytest.MonkeyPatch) -> Door:
    monkeypatch.setattr(passwords.hashing, "hasher", passwords.SMALL)
    house = await open_house(database)
    signed_in = await house.sign_in("owner")
    branch_id = house.branch_ids[0]
    tablet = await database.run(
        signed_in.actor, lambda work: commands.enroll_tablet(work, branch_id=branch_id, name="Desk")
    )
    return Door(house, Payers(house.identity(), Budget(100)), signed_in, tablet)


async def test_what_signs_in_is_paid_apart_from_what_else_an_address_asks(door: Door) -> None:
    assert await door.payer("{ customers(first: 100) { nodes { id } } }") == ADDRESS
    assert [await door.payer(each) for each in (SIGN_IN, WITH_PIN, REFRESH)] == [SHARED] * 3
    assert await door.payers.of_stranger(REFRESH, {}, "2001:db8:1:2::7") == "2001:db8:1:2::/64|sign-in"


async def test_nobody_is_looked_up_before_half_is_spent(door: Door, statements: Statements) -> None:
    door.spend(499)
    with statements.counted() as sent:
        assert await door.payer(REFRESH, input={"refreshToken": door.signed_in.refresh_token}) == SHARED
    assert sent == []

    door.spend()
    with statements.counted() as sent:
        assert await door.payer(REFRESH, input={"refreshToken": door.signed_in.refresh_token}) == door.session
        assert await door.payer(SIGN_IN) == SHARED
        assert await door.payer("{ viewer { username } }", input={"refreshToken": UNKNOWN}) == ADDRESS
    assert len(sent) == 1


async def test_who_presents_a_known_secret_pays_alone(door: Door) -> None:
    door.spend()
    device = {"username": "OWNER", "deviceId": TABLET.id, "password": "a guess"}

    assert await door.payer(REFRESH, input={"refreshToken": door.signed_in.refresh_token}) == door.session
    assert await door.payer(WITH_PIN, input={"tabletToken": door.tablet.token}) == f"tablet|{door.tablet.tablet_id}"
    assert await door.payer(SIGN_IN, input={"tabletToken": door.tablet.token}) == f"tablet|{door.tablet.tablet_id}"
    assert (await door.payer(SIGN_IN, input=device)).startswith(f"device|{door.house.owner_id}|")


async def test_a_session_pays_for_all_its_refresh_tokens(door: Door) -> None:
    door.spend()
    first = door.signed_in.refresh_token
    second = await commands.refresh(door.house.database, refresh_token=first, device=TABLET)

    assert [await door.payer(REFRESH, input={"refreshToken": each}) for each in (first, second.refresh_token)] == [
        door.session
    ] * 2


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        ("mutation($t: String!) { refreshTokens(input: {refreshToken: $t}) { __typename } }", {"t": "{token}"}),
        ('mutation { refreshTokens(input: {refreshToken : "{token}"}) { __typename } }', {}),
        ("mutation($refreshToken: String!) { refreshTokens(input: {refreshToken: $refreshToken}) { __typename } }", {"refreshToken": "{token}"}),
        (REFRESH, {"input": {"refreshToken": "{token}", "deviceId": None}}),
    ],
)  # fmt: skip
async def test_a_secret_is_found_wherever_a_document_has_it(door: Door, query: str, variables: dict[str, Any]) -> None:
    door.spend()

    def filled(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: filled(each) for name, each in value.items()}
        return value.replace("{token}", door.signed_in.refresh_token) if isinstance(value, str) else value

    assert await door.payer(filled(query), **filled(variables)) == door.session


@pytest.mark.parametrize(
    "given",
    [
        {"refreshToken": UNKNOWN},
        {"refreshToken": ""},
        {"refreshToken": 7},
        {"refreshToken": "x" * 257},
        {"tabletToken": UNKNOWN},
        {"deviceId": TABLET.id},
        {"deviceId": TABLET.id, "username": "nobody"},
        {"deviceId": UNKNOWN, "username": "owner"},
        {"deviceId": TABLET.id, "username": "owner\0"},
        {"username": "owner"},
        [{"refreshToken": UNKNOWN}],
        None,
    ],
)
async def test_whoever_knows_nothing_pays_with_the_address(door: Door, given: Any) -> None:
    door.spend()

    assert await door.payer(SIGN_IN, input=given) == SHARED


async def test_what_is_over_is_known_no_longer(door: Door) -> None:
    door.spend()
    owner, token = door.signed_in.actor, door.signed_in.refresh_token
    await door.house.database.run(owner, lambda work: commands.revoke_tablet(work, door.tablet.tablet_id))
    await door.house.database.run(owner, commands.sign_out)

    assert await door.payer(WITH_PIN, input={"tabletToken": door.tablet.token}) == SHARED
    assert await door.payer(REFRESH, input={"refreshToken": token}) == SHARED
    assert (await door.payer(SIGN_IN, input={"username": "owner", "deviceId": TABLET.id})).startswith("device|")


async def test_without_a_database_the_address_pays(database_url: str) -> None:
    gone = await Database.open(database_url)
    payers = Payers(queries.Identity(gone), Budget(100, {SHARED: 500.0}))
    await gone.close()

    assert await payers.of_stranger(REFRESH, {"input": {"refreshToken": UNKNOWN}}, ADDRESS) == SHARED


async def test_the_look_up_goes_by_indexes(door: Door) -> None:
    async with door.house.database.pool.acquire() as connection, connection.transaction():
        await connection.execute("set local enable_seqscan = off")
        rows = await connection.fetch(f"explain {queries._KNOWN}", b"", b"", "owner", b"")

    assert [row[0] for row in rows if "Seq Scan" in row[0]] == []


async def test_reading_a_subscription_is_paid_by_who_subscribes(door: Door) -> None:
    budget, identity = door.payers.budget, door.payers.identity
    engine = Engine(GRAPH, door.house.database, budget=budget)
    gate = Gate(hosts=frozenset(), origins=frozenset())
    endpoint = Endpoint(engine, identity, gate, Watch(identity), payers=door.payers)
    asked, facts = Asked("subscription { billPosted { cursor } }", None, {}), RequestFacts(address=ADDRESS)
    bearer = Incoming([(b"authorization", f"Bearer {door.signed_in.access_token}".encode())])
    budget.debts[ADDRESS] = 1_000

    refused = await endpoint.answered(asked, facts, Incoming([]), streams=True)
    assert refused is not None
    assert refused.status is Status.TOO_MANY
    assert await endpoint.answered(asked, facts, bearer, streams=True) is None
    assert budget.debts == {
        ADDRESS: 1_000,
        door.house.owner_id.int: REQUEST_COST + len(asked.query) // CHARACTERS_AN_OBJECT,
    }


def test_a_password_is_never_looked_at() -> None:
    given = {"input": {"username": "owner", "password": PASSWORD, "pin": "8264"}}

    assert dict(paying.presented(SIGN_IN, given)) == {"username": "owner"}
