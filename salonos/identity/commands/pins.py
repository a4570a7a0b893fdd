"""PINs: chosen by each person with their password, good on enrolled tablets only, and for five tries.

A PIN is a short secret that colleagues may see being typed. It opens the one tablet on which it is typed, ends the
session of whoever used that tablet before, and after five wrong ones in a row, or twelve within a day, only the
password helps.
"""

import contextlib
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import exists, or_, select

from salonos.identity import events, queries, rules, tables
from salonos.identity.commands import notices, passwords, people, sessions, throttling
from salonos.identity.commands.sessions import Device, Opened, SignedIn
from salonos.identity.problems import TabletNotEnrolled, WrongCredentials
from salonos.identity.rules import Notice, SessionEnd
from salonos.kernel.actor import NOBODY, Actor
from salonos.kernel.database import Database
from salonos.kernel.problems import InputIssue, InvalidInput, invalid
from salonos.kernel.text import login_key, safe_text
from salonos.kernel.work import Work


@dataclass(frozen=True)
class Account:
    """Whose PIN is tried; `is_last`: a wrong one blocks it. `pin_hash` is None for who is nobody here."""

    staff_id: UUID | None
    pin_hash: str | None = field(repr=False)
    counted: throttling.Counted
    is_last: bool
    tablet_id: UUID


async def sign_in_with_pin(
    database: Database, *, username: str, pin: str, tablet_token: str, device: Device
) -> SignedIn:
    """Opens a session on an enrolled tablet for who knows the PIN, and ends that of whoever used it before.

    Counted, verified and opened like a sign-in with a password. Unknown names, people of other branches and people
    without a PIN take the same way.

    Raises: TabletNotEnrolled; WrongCredentials; PinBlocked after too many wrong ones; TooManyAttempts; InvalidInput.
    """
    check_pin(username, pin)
    tablet = await database.run(NOBODY, lambda work: _tablet(work, tablet_token))
    key = login_key(username)
    with passwords.place(is_taken=True):
        account = await database.run(NOBODY, lambda work: count_attempt(work, key, tablet.id, tablet.branch_id))
        if not await is_right(database, account, pin) or account.staff_id is None:
            raise WrongCredentials(message="The username or the PIN is not right.")
    device = Device(id=tablet_token, name=tablet.name, address=device.address, program=device.program)
    person = Actor(account.staff_id, NOBODY.access)
    opened = await database.run(person, lambda work: _open_session(work, account, device, tablet.id))
    return await sessions.signed_in(database, opened)


def check_pin(username: str, pin: str) -> None:
    """Refuses what no account can have, before anything is hashed.

    Raises: InvalidInput.
    """
    issues: list[InputIssue] = []
    try:
        safe_text(username, characters_max=rules.USERNAME_CHARACTERS_MAX)
    except ValueError as error:
        issues.append(InputIssue(("username",), "NOT_ACCEPTED", str(error)))
    if len(pin) > rules.PIN_DIGITS_MAX:
        issues.append(InputIssue(("pin",), "TOO_LONG", rules.PinFault.NOT_DIGITS.value))
    if issues:
        raise InvalidInput(issues=tuple(issues))


async def _tablet(work: Work, token: str) -> tables.Tablet:
    tablet = await queries.tablet_of(work, token)
    if tablet is None:
        raise TabletNotEnrolled
    return tablet


async def count_attempt(work: Work, username_key: str, tablet_id: UUID, branch_id: UUID) -> Account:
    """Counts a try as failed beforehand, for people at a branch.

    Raises: PinBlocked; TooManyAttempts.
    """
    counted = throttling.pin_buckets(username_key, tablet_id=tablet_id)
    is_last = await throttling.count(work, counted)
    staff, at = tables.Staff, tables.StaffBranch
    here = or_(staff.all_branches, exists().where(at.staff_id == staff.id, at.branch_id == branch_id))
    found = select(staff.id, staff.pin_hash).where(staff.username_key == username_key, staff.is_active, here)
    row = (await work.session.execute(found)).one_or_none()
    staff_id, pin_hash = (None, None) if row is None else (row[0], row[1])
    return Account(staff_id, pin_hash, counted, is_last, tablet_id)


async def is_right(database: Database, account: Account, pin: str) -> bool:
    """Whether it is the account's PIN. The last wrong one is told to the owner."""
    if await passwords.verify(pin, account.pin_hash):
        return True
    if account.is_last:
        with contextlib.suppress(_NobodysPin):
            await database.run(NOBODY, lambda work: _tell_blocked(work, account))
    return False


class _NobodysPin(Exception):  # noqa: N818  takes back what was written
    """There is no such person here, or no PIN that could be blocked."""


async def _tell_blocked(work: Work, account: Account) -> None:
    """Tells the owner. For nobody the same is written and taken back, so that the database is asked as much.

    Raises: _NobodysPin.
    """
    enrolled_by_id = select(tables.Tablet.enrolled_by_id).where(tables.Tablet.id == account.tablet_id)
    stand_in_id = (await work.session.execute(enrolled_by_id)).scalar_one()
    blocked_id = account.staff_id if account.pin_hash is not None else None
    staff_id = blocked_id or stand_in_id
    notices.tell(work, Notice.PIN_BLOCKED, staff_id)
    work.announce(events.PinBlocked(branch_id=None, subject_id=staff_id))
    if blocked_id is None:
        await work.finish()
        raise _NobodysPin


async def _open_session(work: Work, account: Account, device: Device, tablet_id: UUID) -> Opened:
    """Raises: WrongCredentials when the account was changed while the PIN was verified."""
    staff = account.staff_id and await queries.staff_for_update(work, account.staff_id)
    if not staff or not staff.is_active or staff.pin_hash != account.pin_hash:
        raise WrongCredentials
    await throttling.forgive(work, account.counted)
    return await sessions.begin_session(work, staff, device, tablet_id=tablet_id)


async def set_pin(database: Database, actor: Actor, *, current_password: str, pin: str | None) -> UUID:
    """Gives the actor another PIN, or with None takes it away; sessions that were opened on tablets end, but this one.

    Guesses at the password are counted as those of a sign-in.

    Raises: Unauthenticated; WrongCredentials; TooManyAttempts; InvalidInput at `pin`.
    """
    sessions.require_signed_in(actor)
    fault = None if pin is None else rules.pin_fault(pin)
    if fault is not None:
        raise invalid(("pin",), fault.name, fault.value)
    present = await people.verified_own(database, actor, current_password)
    pin_hash = None if pin is None else await passwords.hash_of(pin)
    return await database.run(actor, lambda work: _replace_pin(work, present.password_hash, pin_hash))


async def _replace_pin(work: Work, password_hash: str | None, pin_hash: str | None) -> UUID:
    member = await people.own_for_update(work, password_hash)
    member.pin_hash = pin_hash
    member.version += 1
    await throttling.open_pin(work, member.username_key or "")
    await sessions.end_sessions(work, member.id, SessionEnd.PIN_CHANGED, but=work.actor.session_id, on_tablets=True)
    work.announce(events.PinChanged(branch_id=None, subject_id=member.id))
    return member.id
