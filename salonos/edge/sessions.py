"""From a token to an actor: per request, and again and again for as long as a socket is open."""

import asyncio
from dataclasses import dataclass

from salonos.edge.gate import Incoming
from salonos.graph import errors
from salonos.identity.problems import TokenExpired
from salonos.identity.queries import Identity
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


@dataclass
class Watched:
    """A token whose rights are looked at every two seconds. `actor` is who it is now; reading it raises once it is over."""

    identity: Identity
    token: str
    _actor: Actor
    _over: Unauthenticated | None = None

    @classmethod
    async def begin(cls, identity: Identity, token: str) -> "Watched":
        """Raises: Unauthenticated."""
        return cls(identity, token, await identity.authenticate(token, fresh=True))

    def actor(self) -> Actor:
        """Who it is, as of the last look.

        Raises: Unauthenticated.
        """
        if self._over is not None:
            raise self._over
        return self._actor

    async def until_over(self) -> Unauthenticated:
        """Returns why, once the token has expired or was revoked. An unreachable database is asked again."""
        while True:
            await asyncio.sleep(WATCH_S)
            try:
                self._actor = await self.identity.authenticate(self.token, fresh=True)
            except Unauthenticated as over:
                self._over = over
                return over
            except Exception as error:
                if not errors.is_outage(error):
                    raise


def close_code(over: Unauthenticated) -> int:
    """4401: sign in or refresh; 4403: it was taken away."""
    return 4401 if isinstance(over, TokenExpired) else 4403
