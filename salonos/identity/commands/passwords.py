"""Passwords are hashed with Argon2id in two threads of their own: a flood of sign-ins can't take processor and memory.

Passwords never reach a log, an event or the audit trail: they travel as arguments, never in a row or an exception.
"""

import asyncio
import importlib
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from salonos.identity import rules
from salonos.identity.problems import TooManyAttempts
from salonos.kernel.problems import invalid

T = TypeVar("T")

SMALL = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
"""OWASP's least (19 MiB), for machines with little memory, and for tests."""

HASHES_AT_ONCE = 2
WAITING_MAX = 64
KEPT_FOR_KNOWN = 16
"""Of the places in the queue, those that strangers can't take from tablets and devices that their account knows."""
_BUSY_RETRY_S = 2


class Hashing:
    """The process's hashers. `hasher` has argon2-cffi's defaults (RFC 9106, low memory) unless it is replaced."""

    def __init__(self) -> None:
        self.hasher = PasswordHasher()
        self.under_way = 0
        """How many places in the queue are taken."""
        self._threads = ThreadPoolExecutor(HASHES_AT_ONCE, thread_name_prefix="argon2")
        self._nobodys: tuple[PasswordHasher, str] | None = None

    async def run(self, work: Callable[[], T]) -> T:
        """Runs in one of the threads, after those that came before. Whoever calls it has a place."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def nobodys(self) -> str:
        """A hash that nothing was hashed to, so that an unknown username takes as long as a known one."""
        if self._nobodys is None or self._nobodys[0] is not self.hasher:
            self._nobodys = (self.hasher, self.hasher.hash("nobody's password"))
        return self._nobodys[1]

    def is_right(self, password: str, password_hash: str | None) -> bool:
        """Whether it is the password of a hash; never without one, after the same time."""
        compared = self.nobodys() if password_hash is None else password_hash
        self.nobodys()
        try:
            self.hasher.verify(compared, _typed(password))
        except (VerificationError, InvalidHashError):
            return False
        return password_hash is not None


hashing = Hashing()


class Place:
    """A place in the queue of hashes, which is taken before a guess is counted: a full queue is nobody's wrong guess."""

    def __init__(self) -> None:
        self._is_taken = False
        self._is_over = False

    def take(self, *, is_known: bool) -> None:
        """Takes it, once, however often a transaction begins anew. `is_known`: also one of those kept from strangers.

        Raises: TooManyAttempts when too many are waiting, and when nobody waits for this one any more.
        """
        if self._is_taken and not self._is_over:
            return
        places = WAITING_MAX if is_known else WAITING_MAX - KEPT_FOR_KNOWN
        if self._is_over or hashing.under_way >= places:
            raise TooManyAttempts(retry_after=_BUSY_RETRY_S)
        hashing.under_way += 1
        self._is_taken = True

    def leave(self) -> None:
        """Gives it to the next."""
        if self._is_taken and not self._is_over:
            hashing.under_way -= 1
        self._is_over = True


@contextmanager
def place(*, is_taken: bool = False) -> Iterator[Place]:
    """A place that is given back at the end; `is_taken` takes it at once, for who is known.

    Raises: TooManyAttempts.
    """
    made = Place()
    try:
        if is_taken:
            made.take(is_known=True)
        yield made
    finally:
        made.leave()


def _typed(password: str) -> bytes:
    """The same bytes however a keyboard composes its accents (RFC 8265)."""
    return unicodedata.normalize("NFC", password).encode(errors="surrogatepass")


async def verify(password: str, password_hash: str | None) -> bool:
    """Whether a password is right. Too long ones are never hashed. Whoever calls it has a place."""
    if len(password) > rules.PASSWORD_CHARACTERS_MAX:
        return False
    return await hashing.run(lambda: hashing.is_right(password, password_hash))


async def renewed(password: str, password_hash: str) -> str | None:
    """The hash again with today's parameters, when they have changed since it was made. Whoever calls it has a place."""
    if not hashing.hasher.check_needs_rehash(password_hash):
        return None
    return await hashing.run(lambda: hashing.hasher.hash(_typed(password)))


@cache
def known_passwords() -> frozenset[str]:
    """The thirty thousand passwords that people use most, as the package zxcvbn brings them (MIT).

    Loaded by the first who chooses a password, in a thread: most processes of a day need none.
    """
    lists: dict[str, list[str]] = importlib.import_module("zxcvbn.frequency_lists").FREQUENCY_LISTS
    return rules.listed_cores(lists["passwords"])


async def new_hash(password: str, *, own_words: Iterable[str] = (), path: tuple[str | int, ...] = ("password",)) -> str:
    """The hash of a new password. Made before the transaction that stores it, which is not to wait for it.

    Raises: InvalidInput at `path` for a password that is too short, too long, or one that others would try first;
    TooManyAttempts when too many are waiting.
    """
    listed = await asyncio.to_thread(known_passwords)
    fault = rules.password_fault(password, own_words=own_words, listed=listed)
    if fault is not None:
        raise invalid(path, fault.name, fault.value)
    return await hash_of(password)


async def hash_of(secret: str) -> str:
    """The hash of a password or PIN that was found good.

    Raises: TooManyAttempts when too many are waiting.
    """
    with place(is_taken=True):
        return await hashing.run(lambda: hashing.hasher.hash(_typed(secret)))
