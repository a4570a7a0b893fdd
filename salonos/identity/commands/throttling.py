"""Guesses are counted in PostgreSQL before they are evaluated, in a transaction of their own.

Counting first means that a hundred guesses sent at once count as a hundred. A right password takes its count back.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import ceil
from typing import TypeAlias
from uuid import UUID

from sqlalchemy import LargeBinary, any_, delete, literal, select, update
from sqlalchemy.dialects.postgresql import ARRAY, insert

from salonos.identity import rules
from salonos.identity.problems import PinBlocked, TooManyAttempts
from salonos.identity.tables import SignInAttempt
from salonos.kernel import crypto
from salonos.kernel.work import Work

Limit: TypeAlias = rules.Throttle | rules.Quota


@dataclass(frozen=True)
class Counted:
    """The buckets in which an attempt was counted."""

    account: bytes
    """Its failures in a row: the right secret ends the row."""
    throttles: Mapping[bytes, Limit]
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
    device = origin.device_hash.hex()
    if origin.tablet_id is not None:
        of_a_day = _of_a_day(account, "tablets")
        throttles: dict[bytes, Limit] = {
            of_a_day: rules.TABLETS_A_DAY,
            _tablet(origin.tablet_id): rules.TABLET_THROTTLE,
        }
        return _counted(_in_a_row(account, device), throttles)
    counted = _known(account, device) if is_known else _strangers(account)
    if origin.address and not (is_known and origin.is_bound):
        by_address = {_bucket(f"address|{origin.address}"): rules.ADDRESS_THROTTLE}
        return _counted(counted.account, {**counted.throttles, **by_address})
    return counted


def own_buckets(account: str, session_id: UUID) -> Counted:
    """Where a signed-in person's attempt at their own password counts: the session is a device that they know.

    By itself: whoever has stolen a session does not keep its person from changing the password in another one.
    """
    return _known(account, f"session|{session_id.hex}")


def _strangers(account: str) -> Counted:
    in_a_row = _in_a_row(account, "strangers")
    return _counted(in_a_row, {_of_a_day(account, "strangers"): rules.STRANGERS_A_DAY})


def _known(account: str, device: str) -> Counted:
    of_a_day = {_of_a_day(account, device): rules.DEVICE_A_DAY, _of_a_day(account, "known"): rules.KNOWN_A_DAY}
    return _counted(_in_a_row(account, device), of_a_day)


def _in_a_row(account: str, who: str) -> bytes:
    return _bucket(f"account|{account}|{who}")


def _of_a_day(account: str, who: str) -> bytes:
    return _bucket(f"account of a day|{account}|{who}")


def pin_buckets(account: str, *, tablet_id: UUID) -> Counted:
    """Where an attempt at a person's PIN counts: at the person, on all tablets together, and at the tablet."""
    in_a_row, of_a_day = _pins(account)
    throttles: dict[bytes, Limit] = {of_a_day: rules.PINS_A_DAY, _tablet(tablet_id): rules.TABLET_THROTTLE}
    return _counted(in_a_row, throttles, by=rules.PIN_THROTTLE)


def _pins(account: str) -> tuple[bytes, bytes]:
    """A person's wrong PINs in a row, and those of a day."""
    return _bucket(f"pin|{account}"), _bucket(f"pins of a day|{account}")


def _counted(in_a_row: bytes, others: Mapping[bytes, Limit], *, by: rules.Throttle | None = None) -> Counted:
    """`by`: how failures in a row are throttled, where not like those of a password."""
    throttles: dict[bytes, Limit] = {in_a_row: by or rules.ACCOUNT_THROTTLE, **others}
    return Counted(in_a_row, {bucket: throttles[bucket] for bucket in sorted(throttles)})


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
    await work.session.execute(insert(SignInAttempt).on_conflict_do_nothing(), new)
    rows = await _locked(work, throttles)
    if any(throttles[row.bucket].is_lock and row.retry_at > work.now for row in rows):
        raise PinBlocked
    wait_s = max(((row.retry_at - work.now).total_seconds() for row in rows), default=0.0)
    if wait_s > 0:
        raise TooManyAttempts(retry_after=ceil(wait_s))
    counts = {
        row.bucket: throttles[row.bucket].after_failure(
            rules.Count(row.failures, row.last_at, row.retry_at, row.kept_until), now=work.now
        )
        for row in rows
    }
    # One statement, however many there are and whatever has changed of which: it tells nothing of the account.
    await work.session.execute(
        update(SignInAttempt), [{"bucket": bucket, **asdict(after)} for bucket, after in counts.items()]
    )
    return any(throttles[bucket].is_lock and after.retry_at > work.now for bucket, after in counts.items())


async def _locked(work: Work, wanted: Iterable[bytes]) -> Sequence[SignInAttempt]:
    """Rows, locked in one order: two attempts from one address wait for each other and can't overtake the count.

    An array, so that the statement's text doesn't tell how many there are: a known device has more than a stranger.
    """
    among = SignInAttempt.bucket == any_(literal(list(wanted), ARRAY(LargeBinary())))
    found = select(SignInAttempt).where(among).order_by(SignInAttempt.bucket).with_for_update()
    return (await work.session.scalars(found.execution_options(populate_existing=True))).all()


async def forgive(work: Work, counted: Counted, *, opens_pin_of: str | None = None) -> None:
    """Takes a count back after a right secret: all of the account's in a row, and one of each other bucket's.

    One only: whoever has an account of their own must not wash off guesses at others' with it. `opens_pin_of`: whose
    password it was, and who has all tries of their PIN again.
    """
    ended = {counted.account} if opens_pin_of is None else {counted.account, *_pins(opens_pin_of)}
    for row in await _locked(work, {*counted.throttles, *ended}):
        if row.bucket in ended:
            await work.session.delete(row)
        else:
            row.failures = max(row.failures - 1, 0)
            row.retry_at = work.now


async def open_pin(work: Work, account: str) -> None:
    """All tries of a person's PIN again."""
    await work.session.execute(delete(SignInAttempt).where(SignInAttempt.bucket.in_(_pins(account))))


async def open_account(work: Work, account: str, device_hashes: Iterable[bytes]) -> None:
    """Forgets all guesses at a password that is none any more, from anywhere and from the devices that knew it."""
    known = [each.hex() for each in device_hashes]
    in_a_row = [_in_a_row(account, each) for each in ("strangers", *known)]
    of_a_day = [_of_a_day(account, each) for each in ("strangers", "tablets", "known", *known)]
    ended = [*in_a_row, *of_a_day, *_pins(account)]
    await work.session.execute(delete(SignInAttempt).where(SignInAttempt.bucket.in_(ended)))


async def purge(work: Work) -> None:
    """Forgets buckets whose time is over, mostly a day after the latest failure; not those that somebody counts in now."""
    over = select(SignInAttempt.bucket).where(SignInAttempt.kept_until < work.now).with_for_update(skip_locked=True)
    await work.session.execute(delete(SignInAttempt).where(SignInAttempt.bucket.in_(over)))
