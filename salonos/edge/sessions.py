"""From a token to an actor: per request, and again and again for as long as a socket is open."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from salonos.edge.gate import Incoming
from salonos.graph import errors
from salonos.identity.problems import TokenExpired
from salonos.identity.queries import Identity
from salonos.identity.rules import Claims
from salonos.kernel.actor import NOBODY, Actor
from salonos.kernel.problems import Unauthenticated

WATCH_S = 2.0
TOKEN_CHARACTERS_MAX = 4_096
_BEARER = "Bearer "


def token_of(authorization: str) -> str:
    """The token of an Authorization value.

    Raises: Unauthenticated for another scheme and for what is too long to be ours.
    """
    if (
        not authorization.startswith(_BEARER)
        or len(authorization) > TOKEN_CHARACTERS_MAX
        or not authorization.isascii()
    ):
        raise Unauthenticated
    return authorization.removeprefix(_BEARER)


async def actor_of(identity: Identity, headers: Incoming, *, fresh: bool) -> Actor:
    """Who sends a request; NOBODY without a token.

    Raises: Unauthenticated.
    """
    authorization = headers.get(b"authorization").decode("latin-1")
    return await identity.authenticate(token_of(authorization), fresh=fresh) if authorization else NOBODY


class TooManyStreams(Exception):  # noqa: N818  a refusal
    """The device has as many websockets and event streams open as it may have."""


@dataclass(eq=False)
class Watched:
    """The session behind an open stream. `over` is done once it is over, with the reason."""

    claims: Claims
    over: "asyncio.Future[Unauthenticated]"
    _actor: Actor

    def actor(self) -> Actor:
        """Who it is, as of the last look.

        Raises: Unauthenticated.
        """
        if self.over.done():
            raise self.over.result()
        return self._actor


@dataclass
class Watch:
    """The sessions behind a process's open streams: every two seconds one statement looks at all of them.

    `device_max`: how many streams one session, which is one device, may have open at a time; None for any number.
    """

    identity: Identity
    device_max: int | None = None
    watched: set[Watched] = field(default_factory=set)
    by_device: Counter[UUID] = field(default_factory=Counter)
    _looking: asyncio.Task[None] | None = None

    async def begin(self, token: str) -> Watched:
        """A session to be watched until `end`.

        Raises: Unauthenticated; TooManyStreams.
        """
        actor = await self.identity.authenticate(token, fresh=True)
        device = self.identity.claims(token).session_id
        if self.device_max is not None and self.by_device[device] >= self.device_max:
            raise TooManyStreams
        made = Watched(self.identity.claims(token), asyncio.get_running_loop().create_future(), actor)
        self.watched.add(made)
        self.by_device[device] += 1
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look(), name="sessions")
        return made

    def end(self, watched: Watched) -> None:
        """Nobody asks for it any more."""
        self.watched.discard(watched)
        device = watched.claims.session_id
        self.by_device[device] -= 1
        if not self.by_device[device]:
            del self.by_device[device]
        if not self.watched and self._looking is not None:
            self._looking.cancel()
            self._looking = None

    async def _look(self) -> None:
        """Again and again. A token's time ends whether the database answers or not: nobody is asked for that."""
        asking: asyncio.Task[None] | None = None
        try:
            while True:
                await asyncio.sleep(WATCH_S)
                self._tell(self.identity.expired(each.claims for each in self.watched))
                if asking is None or asking.done():
                    asking = asyncio.create_task(self._ask(), name="standing of sessions")
        finally:
            if asking is not None:
                asking.cancel()

    async def _ask(self) -> None:
        """One look; an unreachable database is asked again. Anything else ends all: nobody is left unwatched."""
        asked = {each.claims for each in self.watched if not each.over.done()}
        try:
            over = await self.identity.over(asked)
        except Exception as error:  # noqa: BLE001  whatever it is, the sessions are no longer known to stand
            if errors.is_outage(error):
                return
            errors.entries_of(error)  # tells the log
            over = dict.fromkeys(asked, Unauthenticated())
        self._tell(over)

    def _tell(self, over: Mapping[Claims, Unauthenticated]) -> None:
        for each in self.watched:
            reason = over.get(each.claims)
            if reason is not None and not each.over.done():
                each.over.set_result(reason)


def close_code(over: Unauthenticated) -> int:
    """4401: sign in or refresh; 4403: it was taken away."""
    return 4401 if isinstance(over, TokenExpired) else 4403
