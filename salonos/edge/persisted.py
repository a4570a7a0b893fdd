"""Documents that clients name by their SHA-256: trusted ones always, others once somebody has sent them whole.

Apollo's protocol of automatic persisted queries (`extensions.persistedQuery`), and `documentId` as the GraphQL over HTTP
draft's appendix has it. What was sent whole is kept only after it was read, limited and validated, and only for people
who are signed in: in this process, and for all processes in Redis where there is one. Whoever has one kept pays for its length,
and has so many bytes kept a day.
"""

import contextlib
import re
from collections.abc import Mapping
from typing import Any, Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from salonos.graph.caches import Bounded
from salonos.graph.execute import Budget
from salonos.graph.trusted import id_of
from salonos.kernel.actor import Actor
from salonos.kernel.problems import BadRequest, Refusal

TEXTS_MAX, TEXT_BYTES_MAX = 1_000, 8 << 20
KEPT_S: Final = 7 * 24 * 3600
KEPT_BYTES_A_DAY: Final = 256 << 10
"""What one person may have kept in Redis: some hundred documents a day. Beyond it they are sent whole each time."""
DAY_S: Final = 24 * 3600
_PLACE, _KEPT_OF = "salonos:document:", "salonos:documents-of:"
_KEEP = """
if redis.call('exists', KEYS[1]) == 1 then
  redis.call('expire', KEYS[1], ARGV[3])
  return 1
end
local kept = redis.call('incrby', KEYS[2], ARGV[2])
if kept == tonumber(ARGV[2]) then
  redis.call('expire', KEYS[2], ARGV[4])
end
if kept > tonumber(ARGV[5]) then
  return 0
end
redis.call('set', KEYS[1], ARGV[1], 'EX', ARGV[3])
return 1
"""
"""Document, text's bytes, how long each is kept, how many a day: what was counted beyond that stays counted."""
_ID = re.compile("(?:sha256:)?([0-9a-f]{64})")


class PersistedQueryNotFound(Refusal):
    """Apollo's word: the client sends the document whole next."""

    code = "PERSISTED_QUERY_NOT_FOUND"

    def __init__(self) -> None:
        super().__init__("PersistedQueryNotFound")


class Persisted:
    """The documents of one process by their id."""

    def __init__(self, trusted: Mapping[str, str] | None = None, redis: "Redis | None" = None) -> None:
        self._trusted = trusted or {}
        self._redis = redis
        self._kept: Bounded[str, str] = Bounded(entries_max=TEXTS_MAX, bytes_max=TEXT_BYTES_MAX)

    async def text(self, document_id: str) -> str:
        """The text of an id.

        Raises: PersistedQueryNotFound.
        """
        found = self._trusted.get(document_id) or self._kept.get(document_id)
        if found is None and self._redis is not None:
            with contextlib.suppress(RedisError, OSError, TimeoutError):
                given = await self._redis.get(_PLACE + document_id)
                # What stands in Redis is believed only if it is the text of that id.
                if given is not None and id_of(text := bytes(given).decode(errors="replace")) == document_id:
                    found = self._kept.keep(document_id, text, size=len(text))
        if found is None:
            raise PersistedQueryNotFound
        return found

    async def keep(self, document_id: str, text: str, actor: Actor, budget: Budget | None) -> None:
        """Keeps a document that somebody who is signed in has sent, and that was found right.

        Raises: TooMany: a new one costs an object for each character.
        """
        if document_id in self._trusted or self._kept.get(document_id) is not None:
            return
        if budget is not None:
            budget.charge(actor, "", len(text))
        if await self._may_stay(document_id, text.encode(), actor):
            self._kept.keep(document_id, text, size=len(text))

    async def _may_stay(self, document_id: str, text: bytes, actor: Actor) -> bool:
        """Whether the person has not had too much kept today; one round trip, which keeps it. Without Redis: yes."""
        if self._redis is None:
            return True
        keys = [_PLACE + document_id, f"{_KEPT_OF}{actor.id.hex}"]
        given: list[str | bytes] = [text, *map(str, (len(text), KEPT_S, DAY_S, KEPT_BYTES_A_DAY))]
        with contextlib.suppress(RedisError, OSError, TimeoutError):
            return bool(await self._redis.eval(_KEEP, len(keys), *keys, *given))  # type: ignore[misc,arg-type]  # of either kind of client; bytes are sent as they are
        return True


def named(given: Mapping[str, Any]) -> str | None:
    """The id of the document that a request names; None where it names none.

    Raises: BadRequest.
    """
    extensions, document_id = given.get("extensions"), given.get("documentId")
    if extensions is not None and not isinstance(extensions, dict):
        raise BadRequest("`extensions` is an object.")
    persisted = (extensions or {}).get("persistedQuery")
    if persisted is not None:
        if not isinstance(persisted, dict) or persisted.get("version") != 1:
            raise BadRequest("`persistedQuery` is an object of version 1.")
        document_id = persisted.get("sha256Hash")
    elif document_id is None:
        return None
    found = _ID.fullmatch(document_id) if isinstance(document_id, str) else None
    if found is None:
        raise BadRequest("A document's id is the SHA-256 of its text, in 64 lower-case hexadecimal digits.")
    query = given.get("query")
    if isinstance(query, str) and id_of(query) != found[1]:
        raise BadRequest("The document's id is not the SHA-256 of the document.")
    return found[1]
