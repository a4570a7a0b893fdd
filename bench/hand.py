"""(a): what a careful developer writes for these two reads alone: bare starlette, asyncpg, and JSON made by PostgreSQL.

The token is checked as SalonOS checks it, cached for two seconds, and the branch predicate is there. Nothing else is:
no GraphQL, no limits, no permissions by field, no idempotency, no log.
"""

import contextlib
import os
from collections.abc import AsyncIterator
from typing import Any

import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from salonos.identity.queries import Identity
from salonos.kernel import crypto
from salonos.kernel.actor import Actor
from salonos.kernel.database import Database
from salonos.kernel.ids import id_value

_TIME = """'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'"""
_BILL = f"""
    select 'bill_' || encode(uuid_send(b.id), 'hex') as id, b.number, b.status,
        to_char(b.created_at at time zone 'UTC', {_TIME}) as "createdAt", (b.total_paise * 0.01)::text as total,
        (b.balance_due_paise * 0.01)::text as "balanceDue",
        (select row_to_json(c) from (
            select 'customer_' || encode(uuid_send(id), 'hex') as id, name from customers where id = b.customer_id
        ) c) as customer,
        (select coalesce(json_agg(row_to_json(l)), '[]') from (
            select 'line_' || encode(uuid_send(id), 'hex') as id, position, description,
                ((taxable_paise + cgst_paise + sgst_paise + igst_paise) * 0.01)::text as total
            from bill_lines where bill_id = b.id order by position
        ) l) as lines,
        (select coalesce(json_agg(row_to_json(p)), '[]') from (
            select 'payment_' || encode(uuid_send(id), 'hex') as id, method, (amount_paise * 0.01)::text as amount,
                to_char(received_at at time zone 'UTC', {_TIME}) as "receivedAt"
            from payments where bill_id = b.id order by received_at
        ) p) as payments
"""
LATEST_ANYWHERE = f"""
    select coalesce(json_agg(row_to_json(r)), '[]')::text from (
        {_BILL} from (select * from bills order by listed_at desc, id desc limit $1) b
    ) r
"""
LATEST_OF_BRANCH = f"""
    select coalesce(json_agg(row_to_json(r)), '[]')::text from (
        {_BILL} from (select * from bills where branch_id = $2 order by listed_at desc, id desc limit $1) b
    ) r
"""
ONE_ANYWHERE = f"select row_to_json(r)::text from ({_BILL} from bills b where b.id = $1) r"
ONE_OF_BRANCH = f"select row_to_json(r)::text from ({_BILL} from bills b where b.id = $1 and b.branch_id = $2) r"
_BEARER = "Bearer "


class Hand:
    """The two handlers over one pool."""

    database: Database
    identity: Identity

    @contextlib.asynccontextmanager
    async def lifespan(self, _: Starlette) -> AsyncIterator[None]:
        """Connects as SalonOS does: ten connections, prepared statements kept."""
        crypto.configure(crypto.Keyring(os.environ["SECRET_KEY"].encode()))
        self.database = await Database.open(os.environ["DATABASE_URL"])
        self.identity = Identity(self.database)
        yield
        await self.database.close()

    async def graphql(self, request: Request) -> Response:
        """Reads the name and the variables; the text of the operation is known."""
        actor = await self.identity.authenticate(request.headers["authorization"].removeprefix(_BEARER))
        asked = orjson.loads(await request.body())
        body = await (self.latest if asked["operationName"] == "Latest" else self.one)(actor, asked["variables"])
        return Response(body, media_type="application/json")

    async def latest(self, actor: Actor, variables: dict[str, Any]) -> str:
        """The newest bills."""
        if actor.is_everywhere:
            nodes = await self.database.pool.fetchval(LATEST_ANYWHERE, variables["first"])
        else:
            nodes = await self.database.pool.fetchval(LATEST_OF_BRANCH, variables["first"], actor.branch_id)
        return f'{{"data":{{"bills":{{"nodes":{nodes}}}}}}}'

    async def one(self, actor: Actor, variables: dict[str, Any]) -> str:
        """One bill."""
        bill_id = id_value("bill", variables["id"])
        if actor.is_everywhere:
            bill = await self.database.pool.fetchval(ONE_ANYWHERE, bill_id)
        else:
            bill = await self.database.pool.fetchval(ONE_OF_BRANCH, bill_id, actor.branch_id)
        return f'{{"data":{{"bill":{bill or "null"}}}}}'


hand = Hand()
app = Starlette(routes=[Route("/graphql", hand.graphql, methods=["POST"])], lifespan=hand.lifespan)

if __name__ == "__main__":
    uvicorn.run(
        app, port=int(os.environ["BENCH_PORT"]), loop="uvloop", http="httptools", access_log=False, log_level="error"
    )
