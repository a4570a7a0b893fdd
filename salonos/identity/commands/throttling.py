"""Guesses are counted in PostgreSQL before they are evaluated, in a transaction of their own.

Counting first means that a hundred guesses sent at once count as a hundred. A right password takes its count back.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from uuid import UUID

from sqlalchemy import delete, select, text, update
from sqlalchemy.dialects.postgresql import insert

from salonos.identity import rules
from salonos.identity.problems import PinBlocked, TooManyAttempts
from salonos.identity.tables import SignInAttempt
from salonos.kernel import crypto
from salonos.kernel.work import Work


@dataclass(frozen=True)
class Counted:
    """The buckets in which an attempt was counted."""

    account: bytes
    shared: bytes | None
    """Of many accounts: the address, or the tablet."""
    by_pin: bool = False

    @property
    def throttles(self) -> Mapping[bytes, rules.Throttle]:
        """Each bucket's throttle, in the order in which they are locked."""
        found = {self.account: rules.PIN_THROTTLE if self.by_pin else rules.ACCOUNT_THROTTLE}
        if self.shared is not None:
            found[self.shared] = rules.TABLET_THROTTLE if self.by_pin else rules.ADDRESS_THROTTLE
        return dict(sorted(found.items()))


def buckets(account: str, *, device_hash: bytes | None, address: str) -> Counted:
    """Where an attempt at an account's password counts. `device_hash` is None for a device that the account does not know.

    A known device counts by itself, so that strangers can't lock it out; all strangers count together, and also by
    their address.
    """
    ring = crypto.keyring()
    who = "strangers" if device_hash is None else device_hash.hex()
    by_address = ring.index("attempts", f"address|{address}") if device_hash is None and address else None
    return Counted(ring.index("attempts", f"account|{account}|{who}"), by_address)


def pin_buckets(account: str, *, tablet_id: UUID) -> Counted:
    """Where an attempt at a person's PIN counts: at the person, on all tablets together, and at the tablet."""
    ring = crypto.keyring()
    tablet = ring.index("attempts", f"tablet|{tablet_id.hex}")
    return Counted(ring.index("attempts", f"pin|{account}"), tablet, by_pin=True)


async def count(work: Work, counted: Counted) -> int:
    """Counts an attempt as failed beforehand; returns how many of the account's have failed now.

    Raises: TooManyAttempts when it comes too early; PinBlocked when time does not help. It is not counted then.
    """
    throttles = counted.throttles
    new = [
        {"bucket": bucket, "failures": 0, "last_at": work.now, "retry_at": work.now, "kept_until": work.now}
        for bucket in throttles
    ]
    await work.session.execute(insert(SignInAttempt).values(new).on_conflict_do_nothing())
    # Locked in one order: two attempts from one address wait for each other and can't overtake the count.
    found = (
        select(SignInAttempt)
        .where(SignInAttempt.bucket.in_(throttles))
        .order_by(SignInAttempt.bucket)
        .with_for_update()
    )
    rows = list(await work.session.scalars(found.execution_options(populate_existing=True)))
    if any(throttles[row.bucket].is_lock and row.retry_at > work.now for row in rows):
        raise PinBlocked
    wait_s = max(((row.retry_at - work.now).total_seconds() for row in rows), default=0.0)
    if wait_s > 0:
        raise TooManyAttempts(retry_after=ceil(wait_s))
    for row in rows:
        throttle = throttles[row.bucket]
        row.failures = 1 if work.now > row.last_at + throttle.forgotten_after else row.failures + 1
        row.last_at = work.now
        row.retry_at = work.now + throttle.wait_after(row.failures)
        row.kept_until = work.now + throttle.forgotten_after
    return next(row.failures for row in rows if row.bucket == counted.account)


async def forgive(work: Work, counted: Counted) -> None:
    """Takes a count back after a right password: all of the account's, and one of the address's."""
    await work.session.execute(delete(SignInAttempt).where(SignInAttempt.bucket == counted.account))
    if counted.shared is not None:
        # One only: whoever has an account of their own must not wash off guesses at others' with it.
        await work.session.execute(
            update(SignInAttempt)
            .where(SignInAttempt.bucket == counted.shared)
            .values(failures=text("greatest(failures - 1, 0)"), retry_at=work.now)
        )


async def open_pin(work: Work, account: str) -> None:
    """Whoever gave the password has all tries of their PIN again."""
    bucket = crypto.keyring().index("attempts", f"pin|{account}")
    await work.session.execute(delete(SignInAttempt).where(SignInAttempt.bucket == bucket))


async def purge(work: Work) -> None:
    """Forgets buckets whose time is over: mostly a day after the latest failure."""
    await work.session.execute(delete(SignInAttempt).where(SignInAttempt.kept_until < work.now))
