"""What others build on the same tables: each a server of its own, asked for the same values in its own words."""

import base64
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import Any

from bench.ground import Ground, free_port
from bench.load import Target
from bench.operations import FIRST, LATEST, ONE, Asked, request
from bench.rivals import mercurius, node, postgraphile
from salonos.identity.queries import token_key
from salonos.kernel.ids import id_text


@dataclass(frozen=True)
class Rival:
    """One server. `command` gets BENCH_PORT, BENCH_PGHOST, BENCH_PGUSER and BENCH_PGDATABASE besides what ours get.

    `bodies` are its requests by the operation's name; `shown` turns its answer into the shape of ours, so
    that the values can be compared. `checks_tokens` and `sells` say what it does besides reading; one that checks tokens
    gets BENCH_TOKEN_KEY.
    """

    name: str
    version: Callable[[], str]
    command: tuple[str, ...]
    bodies: Callable[[Asked], Mapping[str, bytes]]
    shown: Callable[[str, Any], Any]
    checks_tokens: bool = False
    sells: bool = False

    @contextmanager
    def running(self, on: Ground, token: str) -> Iterator[Target]:
        """The server, from its first open port on, until the block ends."""
        port = free_port()
        place = {
            "BENCH_PORT": str(port),
            "BENCH_PGHOST": str(on.servers.socket_folder),
            "BENCH_PGUSER": "salonos",
            "BENCH_PGDATABASE": on.database_url.partition("@/")[2].partition("?")[0],
            "NODE_ENV": "production",
        }
        headers: tuple[tuple[str, str], ...] = ()
        if self.checks_tokens:
            headers = (("authorization", f"Bearer {token}"),)
            place["BENCH_TOKEN_KEY"] = base64.b64encode(token_key().key).decode()
        with on.process(*self.command, port=port, **place) as process:
            yield Target(port, process.pid, headers)

    def check(self, operation: str, ours: Any, theirs: Any) -> None:
        """That it answers the same.

        Raises: RuntimeError.
        """
        if self.shown(operation, theirs) != ours:
            raise RuntimeError(f"{self.name} answers {operation} otherwise: {str(self.shown(operation, theirs))[:500]}")


def same_words(asked: Asked) -> Mapping[str, bytes]:
    """The requests of a server with our schema."""
    one = id_text("bill", asked.bill_id)
    return {"Latest": request("Latest", LATEST, first=FIRST), "One": request("One", ONE, id=one)}


STRAWBERRY = Rival(
    name="(c) Strawberry, ORM, DataLoaders",
    version=lambda: f"strawberry-graphql {version('strawberry-graphql')}, SQLAlchemy {version('sqlalchemy')}",
    command=(sys.executable, "-m", "bench.rivals.plain"),
    bodies=same_words,
    shown=lambda _, answer: answer,
    checks_tokens=True,
    sells=True,
)
POSTGRAPHILE = Rival(
    name="(d) PostGraphile",
    version=lambda: node.versions("postgraphile", "grafserv", "fast-jwt", "node"),
    command=node.command("postgraphile"),
    bodies=postgraphile.bodies,
    shown=postgraphile.shown,
    checks_tokens=True,
)
MERCURIUS = Rival(
    name="(e) Mercurius, graphql-jit",
    version=lambda: node.versions("mercurius", "graphql-jit", "fastify", "fast-jwt", "node"),
    command=node.command("mercurius"),
    bodies=mercurius.bodies,
    shown=lambda _, answer: answer,
    checks_tokens=True,
)
RIVALS: list[Rival] = [
    STRAWBERRY,
    POSTGRAPHILE,
    replace(POSTGRAPHILE, name=f"{POSTGRAPHILE.name}, asks nobody", checks_tokens=False),
    MERCURIUS,
    replace(MERCURIUS, name=f"{MERCURIUS.name}, asks nobody", checks_tokens=False),
]
"""The Node servers run twice: with the token and the branch checked as in (a), and open to everybody (decision 0009)."""
