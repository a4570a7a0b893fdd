"""One API process as a salon runs it, and strangers who talk to it in every way they like."""

import asyncio
import contextlib
import functools
import json
import os
import secrets
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from salonos import embedded
from salonos.identity import commands as identity
from salonos.identity import rules as identity_rules
from salonos.kernel import crypto
from salonos.kernel.actor import Actor
from salonos.kernel.database import Database
from salonos.kernel.ids import new_id
from tests import servers
from tests.catalog.makers import make_catalog
from tests.journeys.house import free_port
from tests.salon.makers import make_branch, make_salon

SECRET = secrets.token_urlsafe(48)
PASSWORD = "nine purple umbrellas"
PEOPLE = {"owner": "OWNER", "stylist": "STAFF", "manager": "MANAGER"}
SIGN_IN = "mutation($input: SignInInput!) { signIn(input: $input) { ... on SignInSuccess { accessToken } } }"
DEVICE_ID = secrets.token_hex(16)
"""Of whoever signs in as themselves: guesses of others at their address do not hold them up."""
ANSWER_S = 15.0
SERVE = ("-m", "salonos.edge", "serve")


def new_client(verify: ssl.SSLContext | bool = False) -> httpx.Client:  # noqa: FBT001, FBT002  a factory too
    """A connection a request: a hostile request must not end the next one's. Making a client takes longer than asking."""
    return httpx.Client(
        timeout=ANSWER_S, limits=httpx.Limits(max_keepalive_connections=0), trust_env=False, verify=verify
    )


@dataclass
class Served:
    """A running API process; `log` is all that it wrote."""

    port: int
    log: Path
    process: "subprocess.Popen[bytes]"
    owner: str = ""
    stylist: str = ""
    client: httpx.Client = field(default_factory=new_client)
    scheme: str = "http"
    url: str = ""
    """Of its database."""

    @property
    def address(self) -> str:
        """Where it answers."""
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def post(self, body: bytes, **headers: str) -> httpx.Response:
        """A body as it is, as a JSON POST unless the headers say otherwise."""
        given = {"content-type": "application/json"} | {name.replace("_", "-"): text for name, text in headers.items()}
        return self.client.post(f"{self.address}/graphql", content=body, headers=given)

    def ask(self, query: str, variables: dict[str, Any] | None = None, **headers: str) -> httpx.Response:
        """An operation."""
        return self.post(json.dumps({"query": query, "variables": variables or {}}).encode(), **headers)

    def sign_in(self, username: str) -> str:
        """An access token."""
        given = {"username": username, "password": PASSWORD, "deviceName": "test", "deviceId": DEVICE_ID}
        token: str = self.ask(SIGN_IN, {"input": given}).json()["data"]["signIn"]["accessToken"]
        return token

    def written(self) -> str:
        """The log so far."""
        return self.log.read_text(errors="replace")


async def furnish(url: str) -> None:
    """A salon with a branch, a small catalogue, an owner, a manager and a stylist."""
    crypto.configure(crypto.Keyring(SECRET.encode()))
    database = await Database.open(url)
    await make_salon(database)
    branch_id = await make_branch(database)
    await make_catalog(database)
    password_hash = await identity.new_hash(PASSWORD)
    for username, role in PEOPLE.items():
        new = identity.NewStaffMember(
            display_name=f"{username.capitalize()} Rao",
            username=username,
            password_hash=password_hash,
            role_id=identity_rules.BUILT_IN_ROLE_IDS[role],
            branch_ids=() if role == "OWNER" else (branch_id,),
            all_branches=role == "OWNER",
        )
        await database.run(Actor.system(), functools.partial(identity.create_staff_member, new=new))
    await database.close()


@contextlib.contextmanager
def alone(folder: Path, *, words: tuple[str, ...] = SERVE, **more: str) -> Iterator[Served]:
    """A furnished process of one test's own, whose owner is signed in; `words` are what Python is to run."""
    name = f"test_{new_id().hex}"
    asyncio.run(servers.create_database(name))
    asyncio.run(furnish(servers.url_of(name)))
    made = serve(servers.url_of(name), os.environ[servers.REDIS], folder / "api.log", words=words, **more)
    try:
        made.owner = made.sign_in("owner")
        yield made
    finally:
        made.process.kill()
        made.process.wait()
        asyncio.run(servers.drop_database(name))


def serve(
    url: str,
    redis_url: str,
    log: Path,
    *,
    is_demo: bool = False,
    verify: ssl.SSLContext | None = None,
    words: tuple[str, ...] = SERVE,
    **more: str,
) -> Served:
    """Starts the process and waits until it answers; `words` are what Python is to run, `verify` trusts its TLS."""
    port = free_port()
    environment = os.environ | {
        "SALONOS_HOME": str(log.parent),
        "DATABASE_URL": url,
        "REDIS_URL": redis_url,
        "SECRET_KEY": SECRET,
        "SALONOS_DEMO": str(int(is_demo)),
        "SALONOS_PORT": str(port),
        **more,
    }
    command = [*embedded.dies_with_parent("KILL"), sys.executable, *words]
    with log.open("ab") as file:
        process = subprocess.Popen(command, env=environment, stdout=file, stderr=file)
        made = Served(port, log, process, url=url)
    if verify is not None:
        made.client, made.scheme = new_client(verify), "https"
    deadline_s = time.monotonic() + 60
    while time.monotonic() < deadline_s:
        assert made.process.poll() is None, made.written()
        try:
            made.client.get(f"{made.address}/healthz")
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return made
    raise AssertionError(made.written())
