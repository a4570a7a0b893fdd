"""gql, Python's client: queries and mutations over aiohttp, subscriptions over websockets, against the salon's schema.

It runs in an environment of its own: what a foreign program needs is no part of the project's lock, and the versions of
graphql-core that it wants are not ours.
"""

import asyncio
import os
import secrets
import subprocess
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, suppress
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

from gql import Client, GraphQLRequest, gql
from gql.transport.aiohttp import AIOHTTPTransport
from gql.transport.exceptions import TransportConnectionFailed, TransportQueryError
from gql.transport.websockets import WebsocketsTransport
from gql.utilities import update_schema_scalar
from graphql import GraphQLError, GraphQLScalarType

URL = os.environ["SALON_ADDRESS"] + "/graphql"
SOCKET_URL = URL.replace("http", "ws", 1)
ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S, TRY_S = 60, 2

SIGN_IN = """
mutation SignIn($input: SignInInput!) {
  signIn(input: $input) {
    __typename
    ... on SignInSuccess { accessToken refreshToken }
    ... on Problem { message }
  }
}
"""
FACTS = "query Facts { branches(first: 1) { nodes { id } } services(first: 1) { nodes { id price } } }"
BILLS = """
query Bills($after: String) {
  bills(first: 5, after: $after, filter: { status: POSTED }) {
    nodes { id total }
    pageInfo { hasNextPage endCursor }
  }
}
"""
SELL = """
mutation Sell($input: CheckOutInput!) {
  checkOut(input: $input) {
    __typename
    ... on CheckOutSuccess { bill { id number total } }
    ... on Problem { message }
  }
}
"""
POSTED = """
subscription Posted($after: EventCursor) { billPosted(after: $after) { cursor bill { id number total } } }
"""


def over_http(token: str | None = None, **more: Any) -> Client:
    """A client of somebody, or of nobody."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return Client(transport=AIOHTTPTransport(url=URL, headers=headers), **more)


def over_socket(token: str) -> Client:
    """A client that subscribes."""
    return Client(transport=WebsocketsTransport(url=SOCKET_URL, init_payload={"Authorization": f"Bearer {token}"}))


async def sign_in(username: str) -> str:
    """Somebody's access token."""
    given = {"username": username, "password": os.environ["SALONOS_DEMO_PASSWORD"]}
    async with over_http() as session:
        found = await session.execute(GraphQLRequest(SIGN_IN, variable_values={"input": given}))
    assert found["signIn"]["__typename"] == "SignInSuccess", found
    return str(found["signIn"]["accessToken"])


async def sell(session: Any, *, key: str | None = None) -> Any:
    """A sale of one service, with all that the server says of it."""
    facts = await session.execute(gql(FACTS))
    given = {
        "branchId": facts["branches"]["nodes"][0]["id"],
        "lines": [{"serviceId": facts["services"]["nodes"][0]["id"]}],
        "payments": [{"method": "CASH", "amount": "20000.00"}],
    }
    headers = {"Idempotency-Key": key or secrets.token_hex(16)}
    answer = await session.execute(
        GraphQLRequest(SELL, variable_values={"input": given}),
        extra_args={"headers": headers},
        get_execution_result=True,
    )
    assert answer.data["checkOut"]["__typename"] == "CheckOutSuccess", answer
    return answer


async def a_wrong_password_is_a_member_of_the_union() -> None:
    given = {"username": "owner", "password": "not the password"}
    async with over_http() as session:
        found = await session.execute(GraphQLRequest(SIGN_IN, variable_values={"input": given}))
    assert found["signIn"]["__typename"] == "WrongCredentials"


async def the_schema_is_read_by_introspection_and_holds_operations_before_they_are_sent() -> None:
    client = over_http(await sign_in("owner"), fetch_schema_from_transport=True)
    async with client as session:
        found = await session.execute(gql("query Me { viewer { username } }"))
        assert found == {"viewer": {"username": "owner"}}
        wrong = await refusal(session.execute(gql("query Wrong { viewer { nothing } }")), GraphQLError)
        assert "nothing" in str(wrong)


async def amounts_become_decimals() -> None:
    client = over_http(await sign_in("owner"), fetch_schema_from_transport=True, parse_results=True)
    async with client as session:
        money = GraphQLScalarType("Money", parse_value=Decimal, serialize=str)
        update_schema_scalar(client.schema, "Money", money)
        found = await session.execute(gql(FACTS))
    price = found["services"]["nodes"][0]["price"]
    assert isinstance(price, Decimal)
    assert price.as_tuple().exponent == -2


async def pages_by_cursor_are_the_list() -> None:
    async with over_http(await sign_in("manager")) as session:
        found: list[str] = []
        after = None
        for _ in range(3):
            page = await session.execute(GraphQLRequest(BILLS, variable_values={"after": after}))
            found += [each["id"] for each in page["bills"]["nodes"]]
            after = page["bills"]["pageInfo"]["endCursor"]
        whole = await session.execute(gql("{ bills(first: 15, filter: { status: POSTED }) { nodes { id } } }"))
    assert found == [each["id"] for each in whole["bills"]["nodes"]]
    assert len(set(found)) == 15


async def a_sale_is_made_once_under_its_key() -> None:
    async with over_http(await sign_in("receptionist")) as session:
        key = secrets.token_hex(16)
        first, second = await sell(session, key=key), await sell(session, key=key)
    assert first.data == second.data
    assert second.extensions["idempotency"] == {"replayed": True}


async def a_refused_field_is_an_error_with_its_coordinate_beside_the_rest() -> None:
    async with over_http(await sign_in("accountant")) as session:
        asked = session.execute(gql("{ customers(first: 2) { nodes { id email } } }"))
        error = await refusal(asked, TransportQueryError)
    assert error.data is not None
    assert [each["email"] for each in error.data["customers"]["nodes"]] == [None, None]
    assert [each["extensions"]["coordinate"] for each in error.errors or []] == ["Customer.email"]


async def a_wrong_token_is_refused_over_http_and_over_a_socket() -> None:
    for token in ("nonsense", expired(await sign_in("owner"))):
        async with over_http(token) as session:
            error = await refusal(session.execute(gql("{ viewer { username } }")), TransportQueryError)
        assert [each["extensions"]["code"] for each in error.errors or []] == ["UNAUTHENTICATED"]
        closed = await refusal(over_socket(token).connect_async(), TransportConnectionFailed)
        assert "4401" in str(closed.__cause__)


async def the_sales_of_another_arrive_and_a_cursor_resumes_behind_the_last_one() -> None:
    async with over_http(await sign_in("receptionist")) as till:
        owner = await sign_in("owner")
        sold: list[str] = []

        async def sell_one() -> None:
            sold.append((await sell(till)).data["checkOut"]["bill"]["id"])

        async with over_socket(owner) as session, aclosing(session.subscribe(gql(POSTED))) as events:
            first = await heard(events, sell_one)
        met = first["billPosted"]["bill"]["id"]
        assert met in sold
        missed = len(sold)
        for _ in range(3):
            await sell_one()
        after = first["billPosted"]["cursor"]
        wanted = sold[sold.index(met) + 1 :]
        assert len(wanted) >= len(sold) - missed == 3
        request = GraphQLRequest(POSTED, variable_values={"after": after})
        async with over_socket(owner) as session, aclosing(session.subscribe(request)) as events:
            got = [(await in_time(anext(events)))["billPosted"]["bill"]["id"] for _ in wanted]
    assert got == wanted


async def heard(events: AsyncGenerator[dict[str, Any], None], sell_one: Callable[[], Awaitable[None]]) -> Any:
    """The first event. Nothing says that a subscription has begun: sales are made until one is heard."""
    waiting = asyncio.ensure_future(anext(events))
    for _ in range(PATIENCE_S // TRY_S):
        await sell_one()
        with suppress(TimeoutError):
            return await asyncio.wait_for(asyncio.shield(waiting), TRY_S)
    raise AssertionError("waited in vain for a sale")


E = TypeVar("E", bound=Exception)


async def refusal(asked: Awaitable[Any], kind: type[E]) -> E:
    """The error that has to come."""
    try:
        await asked
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__} came")


async def in_time(event: Awaitable[dict[str, Any]]) -> dict[str, Any]:
    """What comes, or a failure."""
    return await asyncio.wait_for(event, PATIENCE_S)


def expired(token: str) -> str:
    """The same token when its time is over, signed by the salon itself."""
    command = [str(ROOT / ".venv/bin/python"), "-m", "tests.clients.expired"]
    return subprocess.run(command, cwd=ROOT, input=token, capture_output=True, text=True, check=True).stdout


STORIES = (
    a_wrong_password_is_a_member_of_the_union,
    the_schema_is_read_by_introspection_and_holds_operations_before_they_are_sent,
    amounts_become_decimals,
    pages_by_cursor_are_the_list,
    a_sale_is_made_once_under_its_key,
    a_refused_field_is_an_error_with_its_coordinate_beside_the_rest,
    a_wrong_token_is_refused_over_http_and_over_a_socket,
    the_sales_of_another_arrive_and_a_cursor_resumes_behind_the_last_one,
)


def main() -> None:
    """One story after the other; the first that fails ends it."""
    for place, story in enumerate(STORIES, 1):
        name = story.__name__.replace("_", " ")
        try:
            asyncio.run(story())
        except BaseException:
            sys.stdout.write(f"not ok {place} gql: {name}\n")
            raise
        sys.stdout.write(f"ok {place} gql: {name}\n")


if __name__ == "__main__":
    main()
