"""Guesses are counted in PostgreSQL before they are evaluated, in a transaction of their own.

Counting first means that a hundred guesses sent at once count as a hundred. A right password takes its count back.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

from sqlalchemy import delete, select, text, update
from sqlalchemy.dialects.postgresql import insert

from salonos.identity import rules
from salonos.identity.problems import TooManyAttempts
from salonos.identity.tables import SignInAttempt
from salonos.kernel import crypto
from salonos.kernel.work import Work


@dataclass(frozen=True)
class Counted:
    """The buckets in which an attempt was counted."""

    account: bytes
    address: bytes | None

    @property
    def throttles(self) -> Mapping[bytes, rules.Throttle]:
        """Each bucket's throttle, in the order in which they are locked."""
        found = {self.account: rules.ACCOUNT_THROTTLE}
        if self.address is not None:
            found[self.address] = rules.ADDRESS_THROTTLE
        return dict(sorted(found.items()))


def buckets(account: str, *, device_hash: bytes | None, address: str) -> Counted:
    """Where an attempt at an account counts. `device_hash` is None for a device that the account does not know.

    A known device counts by itself, so that strangers can't lock it out; all strangers count together, and also by
    their address.
    """
    ring = crypto.keyring()
    who = "strangers" if device_hash is None else device_hash.hex()
    by_address = ring.index("attempts", f"address|{address}") if device_hash is None and address else None
    return Counted(ring.index("attempts", f"account|{account}|{who}"), by_address)


async def count(work: Work, counted: Counted) -> None:
    """Counts an attempt as failed beforehand.

    Raises: TooManyAttempts when it comes too early; it is not counted then.
    """
    throttles = counted.throttles
    new = [{"bucket": each, "failures": 0, "last_at": work.now, "retry_at": work.now} for each in throttles]
    await work.session.execute(insert(SignInAttempt).values(new).on_conflict_do_nothing())
    # Locked in one order: two attempts from one address wait for each other and can't overtake the count.
    found = (
        select(SignInAttempt)
        .where(SignInAttempt.bucket.in_(throttles))
        .order_by(SignInAttempt.bucket)
        .with_for_update()
    )
    rows = list(await work.session.scalars(found.execution_options(populate_existing=True)))
    wait_s = max(((row.retry_at - work.now).total_seconds() for row in rows), default=0.0)
    if wait_s > 0:
        raise TooManyAttempts(retry_after=ceil(wait_s))
    for row in rows:
        is_forgotten = work.now - row.last_at > rules.THROTTLE_FORGOTTEN_AFTER
        row.failures = 1 if is_forgotten else row.failures + 1
        row.last_at = work.now
        row.retry_at = work.now + throttles[row.bucket].wait_after(row.failures)


async def forgive(work: Work, counted: Counted) -> None:
    """Takes a count back after a right password: all of the account's, and one of the address's."""
    await work.session.execute(delete(SignInAttempt).where(SignInAttempt.bucket == counted.account))
    if counted.address is not None:
        # One only: whoever has an account of their own must not wash off guesses at others' with it.
        await work.session.execute(
            update(SignInAttempt)
            .where(SignInAttempt.bucket == counted.address)
            .values(failures=text("greatest(failures - 1, 0)"), retry_at=work.now)
        )


async def purge(work: Work) -> None:
    """Forgets buckets in which nothing was counted for a day."""
    old = SignInAttempt.last_at < work.now - rules.THROTTLE_FORGOTTEN_AFTER
    await work.session.execute(delete(SignInAttempt).where(old))
