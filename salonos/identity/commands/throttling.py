"""Guesses are counted in PostgreSQL before they are evaluated, in a transaction of their own.

Counting first means that a hundred guesses sent at once count as a hundred. A right password takes its count back.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from uuid import UUID

from sqlalchemy import delete, select
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
    """Its failures in a row: the right secret ends the row."""
    throttles: Mapping[bytes, rules.Throttle | rules.Quota]
    """Of all the buckets, in the order in which they are locked. Of the others the right secret takes one try back."""


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where an attempt comes from. `is_bound`: the device sent an id; it is not known by address and program alone."""

    device_hash: bytes
    is_bound: bool
    address: str
    tablet_id: UUID | None = None


def buckets(account: str, origin: Origin, *, is_known: bool) -> Counted:
    """Where an attempt at an account's password counts. `is_known`: the account was signed in on this device.

    A known device counts by itself, so that strangers can't lock it out; all strangers count together, and also by
    their address. So does a known device without an id: whoever shares its address and program passes for it. A tablet,
    which is known to every account, counts also by itself over all of them.
    """
    is_known = is_known or origin.tablet_id is not None
    who = origin.device_hash.hex() if is_known else "strangers"
    in_a_row = _bucket(f"account|{account}|{who}")
    found: dict[bytes, rules.Throttle | rules.Quota] = {in_a_row: rules.ACCOUNT_THROTTLE}
    if origin.tablet_id is not None:
        found[_tablet(origin.tablet_id)] = rules.TABLET_THROTTLE
    elif origin.address and not (is_known and origin.is_bound):
        found[_bucket(f"address|{origin.address}")] = rules.ADDRESS_THROTTLE
    return _counted(in_a_row, found)


def pin_buckets(account: str, *, tablet_id: UUID) -> Counted:
    """Where an attempt at a person's PIN counts: at the person, on all tablets together, and at the tablet."""
    in_a_row, of_a_day = _pins(account)
    return _counted(
        in_a_row,
        {in_a_row: rules.PIN_THROTTLE, of_a_day: rules.PINS_A_DAY, _tablet(tablet_id): rules.TABLET_THROTTLE},
    )


def _pins(account: str) -> tuple[bytes, bytes]:
    """A person's wrong PINs in a row, and those of a day."""
    return _bucket(f"pin|{account}"), _bucket(f"pins of a day|{account}")


def _counted(in_a_row: bytes, throttles: Mapping[bytes, rules.Throttle | rules.Quota]) -> Counted:
    return Counted(in_a_row, dict(sorted(throttles.items())))


def _tablet(tablet_id: UUID) -> bytes:
    return _bucket(f"tablet|{tablet_id.hex}")


def _bucket(named: str) -> bytes:
    return crypto.keyring().index("attempts", named)


async def count(work: Work, counted: Counted) -> bool:
    """Counts an attempt as failed beforehand; returns whether it was the last one, unless it is right.

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
    is_last = False
    for row in rows:
        throttle = throttles[row.bucket]
        was = rules.Count(row.failures, row.last_at, row.retry_at, row.kept_until)
        found_now = throttle.after_failure(was, now=work.now)
        row.failures, row.last_at = found_now.failures, found_now.last_at
        row.retry_at, row.kept_until = found_now.retry_at, found_now.kept_until
        is_last = is_last or (throttle.is_lock and row.retry_at > work.now)
    return is_last


async def forgive(work: Work, counted: Counted, *, opens_pin_of: str | None = None) -> None:
    """Takes a count back after a right secret: all of the account's in a row, and one of each other bucket's.

    One only: whoever has an account of their own must not wash off guesses at others' with it. `opens_pin_of`: whose
    password it was, and who has all tries of their PIN again.
    """
    ended = {counted.account} if opens_pin_of is None else {counted.account, *_pins(opens_pin_of)}
    # Locked in the order in which attempts lock them.
    found = (
        select(SignInAttempt)
        .where(SignInAttempt.bucket.in_({*counted.throttles, *ended}))
        .order_by(SignInAttempt.bucket)
        .with_for_update()
    )
    for row in await work.session.scalars(found.execution_options(populate_existing=True)):
        if row.bucket in ended:
            await work.session.delete(row)
        else:
            row.failures = max(row.failures - 1, 0)
            row.retry_at = work.now


async def open_pin(work: Work, account: str) -> None:
    """All tries of a person's PIN again."""
    await work.session.execute(delete(SignInAttempt).where(SignInAttempt.bucket.in_(_pins(account))))


async def purge(work: Work) -> None:
    """Forgets buckets whose time is over: mostly a day after the latest failure."""
    await work.session.execute(delete(SignInAttempt).where(SignInAttempt.kept_until < work.now))
