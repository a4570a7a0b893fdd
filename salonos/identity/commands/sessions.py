"""Signing in, staying signed in, and signing out.

These commands manage their own transactions where an attempt must count although it fails: they take the database.
"""

import secrets
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Select, delete, exists, select, update

from salonos.identity import queries, rules, tables
from salonos.identity.commands import authority, notices, passwords, throttling
from salonos.identity.events import RefreshTokenStolen
from salonos.identity.problems import SessionEnded, WrongCredentials
from salonos.identity.rules import Notice, Refresh, SessionEnd
from salonos.kernel import crypto
from salonos.kernel.actor import NOBODY, Actor
from salonos.kernel.addresses import address_key
from salonos.kernel.database import Database
from salonos.kernel.ids import new_id
from salonos.kernel.permissions import Permission
from salonos.kernel.problems import InputIssue, InvalidInput, Unauthenticated, not_found
from salonos.kernel.text import login_key, safe_text
from salonos.kernel.work import Work, failpoint

_TOKEN_BYTES = 32
_KEPT_AFTER_END = timedelta(days=60)
"""Ended sessions say for a while which devices a person has used."""


@dataclass(frozen=True, kw_only=True)
class Device:
    """Who sends. `id` is a random text that the client made once and keeps; without one, address and program stand for it.

    `address` becomes what the address is counted under: neighbours of an IPv6 /64 are one.
    """

    id: str | None = field(default=None, repr=False)
    name: str = ""
    address: str = ""
    program: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "address", address_key(self.address))

    @property
    def hash(self) -> bytes:
        """A keyed hash to recognise it by."""
        if self.id is not None:
            return queries.device_hash(self.id)
        return crypto.keyring().index("devices", f"from|{self.address}|{self.program}")


@dataclass(frozen=True)
class SignedIn:
    """A device's tokens, and who it is now. `expires_at` is the access token's."""

    actor: Actor
    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True)
class Account:
    """Whose password is tried. `staff_id` is None for an unknown name."""

    staff_id: UUID | None
    password_hash: str | None = field(repr=False)
    is_active: bool
    counted: throttling.Counted
    tablet_id: UUID | None = None


async def sign_in(
    database: Database, *, username: str, password: str, device: Device, tablet_token: str | None = None
) -> SignedIn:
    """Opens a session for who knows the password; on an enrolled tablet it ends that of whoever used it before.

    A place among the hashes is taken and the attempt counted first, in a transaction of its own; the password is then
    verified in a thread, outside of any transaction; the session is opened in a second one. Unknown names take the same
    way.

    Raises: WrongCredentials; TooManyAttempts, also while too many are waiting; InvalidInput for text that is too long or can't be printed, and NOT_FOUND
    at `tabletToken`.
    """
    if tablet_token is not None:
        device = replace(device, id=tablet_token)
    check_sign_in(username, password, device)
    is_tablet = tablet_token is not None
    with passwords.place() as place:
        account = await database.run(
            NOBODY, lambda work: _count_attempt(work, login_key(username), device, place, is_tablet=is_tablet)
        )
        is_right = await passwords.verify(password, account.password_hash)
        if account.staff_id is None or account.password_hash is None or not is_right or not account.is_active:
            raise WrongCredentials
        renewed_hash = await passwords.renewed(password, account.password_hash)
    opened = await database.run(
        Actor(account.staff_id, NOBODY.access), lambda work: _open_session(work, account, renewed_hash, device)
    )
    return await signed_in(database, opened)


def check_sign_in(username: str, password: str, device: Device) -> None:
    """Refuses what no account can have, before anything is hashed.

    Raises: InvalidInput.
    """
    issues = [
        *_text_issues(username, ("username",), rules.USERNAME_CHARACTERS_MAX),
        *_text_issues(device.name, ("deviceName",), rules.DEVICE_NAME_CHARACTERS_MAX),
        *device_id_issues(device.id),
    ]
    if len(password) > rules.PASSWORD_CHARACTERS_MAX:
        issues.append(InputIssue(("password",), "TOO_LONG", rules.PasswordFault.TOO_LONG.value))
    if issues:
        raise InvalidInput(issues=tuple(issues))


def _text_issues(text: str, path: tuple[str | int, ...], characters_max: int) -> list[InputIssue]:
    try:
        safe_text(text, characters_max=characters_max)
    except ValueError as error:
        return [InputIssue(path, "NOT_ACCEPTED", str(error))]
    return []


def device_id_issues(device_id: str | None) -> list[InputIssue]:
    """What is wrong with a client's device id."""
    if device_id is None:
        return []
    is_good = device_id.isascii() and device_id.isprintable()
    if is_good and rules.DEVICE_ID_CHARACTERS_MIN <= len(device_id) <= rules.DEVICE_ID_CHARACTERS_MAX:
        return []
    return [InputIssue(("deviceId",), "NOT_ACCEPTED", "A device id has 16 to 128 printable ASCII characters.")]


async def _count_attempt(
    work: Work, username_key: str, device: Device, place: passwords.Place, *, is_tablet: bool
) -> Account:
    tablet = await queries.tablet_of(work, device.id or "") if is_tablet else None
    if is_tablet and tablet is None:
        raise not_found(("tabletToken",), "tablet")
    tablet_id = None if tablet is None else tablet.id
    origin = throttling.Origin(
        device_hash=device.hash, is_bound=device.id is not None, address=device.address, tablet_id=tablet_id
    )
    return await count_attempt(work, username_key, origin, place)


async def count_attempt(work: Work, username_key: str, origin: throttling.Origin, place: passwords.Place) -> Account:
    """Takes the place where the password is verified, and counts the attempt as failed beforehand.

    A tablet is a device that every account knows.

    Raises: TooManyAttempts.
    """
    staff = tables.Staff
    known = exists().where(tables.Session.staff_id == staff.id, tables.Session.device_hash == origin.device_hash)
    found = select(staff.id, staff.password_hash, staff.is_active, known).where(staff.username_key == username_key)
    row = (await work.session.execute(found)).one_or_none()
    is_known = origin.tablet_id is not None or (row is not None and row[3])
    place.take(is_known=is_known)
    counted = throttling.buckets(username_key, origin, is_known=is_known)
    await throttling.count(work, counted)
    if row is None:
        return Account(None, None, False, counted, origin.tablet_id)
    return Account(row[0], row[1], row[2], counted, origin.tablet_id)


@dataclass(frozen=True)
class Opened:
    """What a committed transaction leaves to be answered with."""

    session_id: UUID
    refresh_token: str = field(repr=False)
    now: datetime


async def _open_session(work: Work, account: Account, renewed_hash: str | None, device: Device) -> Opened:
    """Session and first refresh token.

    Raises: WrongCredentials when the account was changed, or the tablet revoked, while the password was verified.
    """
    staff = account.staff_id and await queries.staff_for_update(work, account.staff_id)
    if not staff or not staff.is_active or staff.password_hash != account.password_hash:
        raise WrongCredentials
    staff.signed_in_at = work.now
    staff.password_hash = renewed_hash or staff.password_hash
    await throttling.forgive(work, account.counted, opens_pin_of=staff.username_key)
    return await begin_session(work, staff, device, tablet_id=account.tablet_id)


async def begin_session(work: Work, staff: tables.Staff, device: Device, *, tablet_id: UUID | None) -> Opened:
    """A new session of a locked member of staff; on a tablet, whoever was signed in there is so no longer.

    Raises: WrongCredentials when the tablet was revoked meanwhile.
    """
    await throttling.purge(work)
    await purge(work)
    if tablet_id is not None:
        # One at a time: of two people who sign in at once the second ends the first's session.
        tablet = await work.session.get_one(tables.Tablet, tablet_id, with_for_update=True, populate_existing=True)
        if tablet.revoked_at is not None:
            raise WrongCredentials
        await end_tablet_sessions(work, tablet_id, SessionEnd.ANOTHER_SIGNED_IN)
    await _end_longest_unused(work, staff.id)
    session = tables.Session(
        id=new_id(),
        staff_id=staff.id,
        device_name=safe_text(device.name, characters_max=rules.DEVICE_NAME_CHARACTERS_MAX) or "A device",
        device_hash=device.hash,
        is_device_bound=device.id is not None,
        generation=1,
        created_at=work.now,
        last_seen_at=work.now,
        expires_at=work.now + rules.SESSION_LIFE,
        tablet_id=tablet_id,
    )
    work.session.add(session)
    await work.session.flush()
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    _add_refresh_token(work, session, token)
    return Opened(session.id, token, work.now)


def _add_refresh_token(work: Work, session: tables.Session, token: str) -> None:
    """The live token of the session's generation."""
    idle = rules.REFRESH_TOKEN_IDLE if session.tablet_id is None else rules.SHARED_DEVICE_IDLE
    work.session.add(
        tables.RefreshToken(
            session_id=session.id,
            generation=session.generation,
            token_hash=rules.token_hash(token),
            issued_at=work.now,
            expires_at=min(work.now + idle, session.expires_at),
        )
    )


async def signed_in(database: Database, opened: Opened) -> SignedIn:
    """The answer: an access token beside the refresh token.

    Raises: SessionEnded when the session ended in this very moment.
    """
    actor = await queries.actor_of_session(database, opened.session_id)
    if actor is None:
        raise SessionEnded
    claims = rules.new_claims(
        staff_id=actor.id, session_id=opened.session_id, token_id=new_id(), version=actor.version, now=opened.now
    )
    access_token = rules.encode(claims, queries.token_key())
    return SignedIn(actor, access_token, opened.refresh_token, claims.expires_at)


async def refresh(database: Database, *, refresh_token: str, device: Device) -> SignedIn:
    """New tokens for a refresh token, which is used up by it.

    A token that was used before ends the session: either the device or a thief holds a copy. Only the device whose
    response got lost has its answer repeated.

    Raises: SessionEnded; InvalidInput.
    """
    if issues := device_id_issues(device.id):
        raise InvalidInput(issues=tuple(issues))
    opened = await database.run(NOBODY, lambda work: _refresh(work, refresh_token, device))
    failpoint("after_refresh")
    if opened is None:
        raise SessionEnded
    return await signed_in(database, opened)


async def _refresh(work: Work, presented: str, device: Device) -> Opened | None:
    """None when the session is over, be it from now on: what ends it has to be committed."""
    session_id = await work.session.scalar(_session_of(presented))
    if session_id is None:
        return None
    # One refresh of a session at a time: all copies of a token meet here, and each sees what the one before has done.
    session = await work.session.get_one(tables.Session, session_id, with_for_update=True)
    found = select(tables.RefreshToken).where(tables.RefreshToken.token_hash == rules.token_hash(presented))
    token = (await work.session.scalars(found)).one()
    staff = await work.session.get_one(tables.Staff, session.staff_id)
    key = crypto.keyring().key("refresh successors")
    match rules.refresh_decision(_facts(session, token, staff), now=work.now, device=device.hash):
        case Refresh.ROTATE:
            successor = await _rotate(work, session, token, presented=presented, device=device)
        case Refresh.REPEAT:
            successor = rules.open_successor(token.successor_sealed or b"", parent=presented, key=key)
        case Refresh.STOLEN:
            session.ended_at, session.ended_because = work.now, SessionEnd.STOLEN
            notices.tell(work, Notice.SESSION_STOLEN, session.staff_id, session_id=session.id)
            work.announce(RefreshTokenStolen(branch_id=None, subject_id=session.id, staff_id=session.staff_id))
            return None
        case Refresh.ENDED:
            return None
    return Opened(session.id, successor, work.now)


def _session_of(presented: str) -> Select[UUID]:
    digest = rules.token_hash(presented)
    return select(tables.RefreshToken.session_id).where(tables.RefreshToken.token_hash == digest)


def _facts(session: tables.Session, token: tables.RefreshToken, staff: tables.Staff) -> rules.RefreshFacts:
    return rules.RefreshFacts(
        generation=token.generation,
        expires_at=token.expires_at,
        used_at=token.used_at,
        used_by=token.used_by,
        session_generation=session.generation,
        session_expires_at=session.expires_at,
        bound_to=session.device_hash if session.is_device_bound else None,
        is_ended=session.ended_at is not None or not staff.is_active,
    )


async def _rotate(
    work: Work, session: tables.Session, token: tables.RefreshToken, *, presented: str, device: Device
) -> str:
    session.generation += 1
    session.last_seen_at = work.now
    successor = secrets.token_urlsafe(_TOKEN_BYTES)
    key = crypto.keyring().key("refresh successors")
    token.used_at, token.used_by = work.now, device.hash
    token.successor_sealed = rules.seal_successor(successor, parent=presented, key=key)
    await work.session.flush()  # one live token a session: the used one is written before its successor
    _add_refresh_token(work, session, successor)
    return successor


async def sign_out(work: Work, *, is_everywhere: bool = False) -> int:
    """Ends the actor's own session, or all of the actor's; returns how many.

    Raises: Unauthenticated.
    """
    require_signed_in(work.actor)
    session_id = None if is_everywhere else work.actor.session_id
    return await end_sessions(work, work.actor.id, SessionEnd.SIGNED_OUT, only=session_id)


async def sign_out_device(work: Work, session_id: UUID) -> UUID:
    """Ends one session: an own one, or one of a person whom the actor administers.

    Raises: Unauthenticated; InvalidInput NOT_FOUND; RightsBeyondYours.
    """
    require_signed_in(work.actor)
    session = await work.session.get(tables.Session, session_id)
    if session is None:
        raise not_found(("deviceId",), "device")
    if session.staff_id != work.actor.id:
        if not work.actor.may(Permission.STAFF_MANAGE):
            raise not_found(("deviceId",), "device")
        await authority.administered(work, session.staff_id, path=("deviceId",), what="device")
    await end_sessions(work, session.staff_id, SessionEnd.SIGNED_OUT, only=session_id)
    return session_id


def require_signed_in(actor: Actor) -> None:
    """Guard of what a person does with their own account.

    Raises: Unauthenticated.
    """
    if actor.session_id is None:
        raise Unauthenticated


async def end_sessions(
    work: Work,
    staff_id: UUID,
    reason: SessionEnd,
    *,
    only: UUID | None = None,
    but: UUID | None = None,
    on_tablets: bool = False,
) -> int:
    """Ends a person's sessions: all, `only` one, all `but` one, those `on_tablets`; returns how many were live."""
    ending = (
        update(tables.Session)
        .where(tables.Session.staff_id == staff_id, tables.Session.ended_at.is_(None))
        .values(ended_at=work.now, ended_because=reason)
        .returning(tables.Session.id)
    )
    if only is not None:
        ending = ending.where(tables.Session.id == only)
    if but is not None:
        ending = ending.where(tables.Session.id != but)
    if on_tablets:
        ending = ending.where(tables.Session.tablet_id.is_not(None))
    return len((await work.session.execute(ending)).all())


async def end_tablet_sessions(work: Work, tablet_id: UUID, reason: SessionEnd) -> None:
    """Ends whoever's session on a tablet."""
    live = (tables.Session.tablet_id == tablet_id, tables.Session.ended_at.is_(None))
    await work.session.execute(update(tables.Session).where(*live).values(ended_at=work.now, ended_because=reason))


async def _end_longest_unused(work: Work, staff_id: UUID) -> None:
    """Makes room for a further session."""
    session = tables.Session
    live = (
        select(session.id)
        .where(session.staff_id == staff_id, session.ended_at.is_(None), session.expires_at > work.now)
        .order_by(session.last_seen_at.desc(), session.id.desc())
        .offset(rules.SESSIONS_MAX - 1)
    )
    too_many = update(session).where(session.id.in_(live))
    await work.session.execute(too_many.values(ended_at=work.now, ended_because=SessionEnd.TOO_MANY_DEVICES))


async def purge(work: Work) -> None:
    """Forgets sessions two months after their time, with their tokens, and used-up tokens a month after theirs."""
    old = tables.RefreshToken.expires_at < work.now - rules.SESSION_LIFE
    await work.session.execute(delete(tables.RefreshToken).where(old))
    gone = tables.Session.expires_at < work.now - _KEPT_AFTER_END
    await work.session.execute(delete(tables.Session).where(gone))
