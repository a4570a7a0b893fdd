"""Who is asking: from an access token to an actor, and the reads that identity's commands need."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import asyncpg
from sqlalchemy import Boolean, Uuid, any_, bindparam, func, or_, select
from sqlalchemy.dialects.postgresql import ARRAY

from salonos.identity import rules, tables
from salonos.identity.problems import SessionRevoked, TokenExpired
from salonos.kernel import clock, crypto
from salonos.kernel.actor import Actor, Reach, access, reach_of
from salonos.kernel.database import Database
from salonos.kernel.permissions import RoleRights
from salonos.kernel.problems import Unauthenticated
from salonos.kernel.text import login_key
from salonos.kernel.work import Work

PRINCIPAL_CACHED_S = 2.0
_PRINCIPALS_MAX = 10_000

_RIGHTS = """
    select staff.id, staff.display_name, staff.rights_version, staff.all_branches,
           roles.name as role, roles.permissions, roles.own_permissions,
           array(select branch_id from staff_branches where staff_id = staff.id order by branch_id) as branch_ids
"""
_ACTOR = f"""
    {_RIGHTS}
    from sessions
    join staff on staff.id = sessions.staff_id and staff.is_active
    join roles on roles.id = staff.role_id
    where sessions.id = $1 and sessions.ended_at is null and sessions.expires_at > $2
"""
_EMPLOYED = f"""
    {_RIGHTS}
    from staff join roles on roles.id = staff.role_id
    where staff.id = $1 and staff.is_active
"""

_STANDING = """
    select sessions.id, sessions.staff_id, staff.rights_version
    from sessions
    join staff on staff.id = sessions.staff_id and staff.is_active
    where sessions.id = any($1) and sessions.ended_at is null and sessions.expires_at > $2
"""


_KNOWN = """
    select coalesce(
        (select 'session|' || sessions.id from refresh_tokens join sessions on sessions.id = refresh_tokens.session_id
         where refresh_tokens.token_hash = $1 and sessions.ended_at is null),
        (select 'tablet|' || id from tablets where token_hash = $2 and revoked_at is null),
        (select 'device|' || id || '|' || encode($4::bytea, 'hex') from staff
         where username_key = $3 and is_active
         and exists (select from sessions where staff_id = staff.id and device_hash = $4))
    )
"""

_ACTIVE_STAFF = select(tables.Staff.id).where(
    tables.Staff.id == any_(bindparam("ids", type_=ARRAY(Uuid()))),
    tables.Staff.is_active,
    or_(
        bindparam("is_everywhere", type_=Boolean()),
        tables.Staff.all_branches,
        tables.Staff.id.in_(
            select(tables.StaffBranch.staff_id).where(
                tables.StaffBranch.branch_id == any_(bindparam("branch_ids", type_=ARRAY(Uuid())))
            )
        ),
    ),
)


def token_key() -> rules.TokenKey:
    """The key of access tokens."""
    return rules.TokenKey(crypto.keyring().key("access tokens"))


def device_hash(device_id: str) -> bytes:
    """A keyed hash to recognise a device by that keeps a random text."""
    return crypto.keyring().index("devices", f"id|{device_id}")


async def actor_of_session(database: Database, session_id: UUID) -> Actor | None:
    """Who is signed in on a device, with the rights of this moment; None when the session is over."""
    row = await database.readers.fetchrow(_ACTOR, session_id, _now(database))
    return None if row is None else _actor(row, session_id)


async def actor_of_staff(database: Database, staff_id: UUID) -> Actor | None:
    """A member of staff with the rights of this moment, signed in or not; None for who has left.

    For work that somebody asked for and that goes on without them.
    """
    row = await database.readers.fetchrow(_EMPLOYED, staff_id)
    return None if row is None else _actor(row, None)


def _now(database: Database) -> datetime:
    return database.set_clock or clock.utc_now()


def _actor(row: asyncpg.Record, session_id: UUID | None) -> Actor:
    rights = rules.rights_of(row["permissions"], row["own_permissions"])
    branch_ids = () if row["all_branches"] else tuple(UUID(bytes=each.bytes) for each in row["branch_ids"])
    reach = Reach.ALL if row["all_branches"] else reach_of(branch_ids)
    return Actor(
        id=UUID(bytes=row["id"].bytes),
        access=access(rights.permissions, rights.own, reach),
        branch_ids=branch_ids,
        session_id=session_id,
        version=row["rights_version"],
        name=row["display_name"],
        role=row["role"],
    )


@dataclass(frozen=True)
class Presented:
    """What a client that is not signed in says to be known by; empty where it says nothing."""

    refresh_token: str = field(default="", repr=False)
    tablet_token: str = field(default="", repr=False)
    device_id: str = field(default="", repr=False)
    username: str = ""


@dataclass(frozen=True, slots=True)
class _Principal:
    actor: Actor
    claims: rules.Claims
    read_at_s: float


@dataclass
class Identity:
    """A process's way from access tokens to actors. One for each database of a process."""

    database: Database
    _key: rules.TokenKey = field(default_factory=token_key)
    _principals: dict[str, _Principal] = field(default_factory=dict)

    async def authenticate(self, token: str, *, fresh: bool = False) -> Actor:
        """The actor of an access token. `fresh` reads the rights anew, as every write must; a read may be two seconds late.

        Raises: Unauthenticated; its kinds TokenExpired (refresh) and SessionRevoked (over, or the rights have changed).
        """
        known = None if fresh else self._principals.get(token)
        now_s = clock.monotonic_s()
        if known is not None and now_s - known.read_at_s < PRINCIPAL_CACHED_S and self._is_in_time(known.claims):
            return known.actor
        claims = self.claims(token)
        actor = await actor_of_session(self.database, claims.session_id)
        if actor is None or actor.id != claims.staff_id or actor.version != claims.version:
            self._principals.pop(token, None)
            raise SessionRevoked
        self._keep(token, _Principal(actor, claims, now_s))
        return actor

    def claims(self, token: str) -> rules.Claims:
        """What a token says, without asking whether the session still lives.

        Raises: Unauthenticated; TokenExpired.
        """
        try:
            return rules.decode(token, self._key, now=_now(self.database))
        except rules.TokenRefused as refused:
            if refused.is_expired:
                raise TokenExpired from None
            raise Unauthenticated from None

    async def known_client(self, given: Presented) -> str | None:
        """Which live session, enrolled tablet or device of an account presents its secret; None when none does.

        One statement of indexed look-ups. A device is known to the account that signed in on it, as throttling knows it.
        """
        username = login_key(given.username) if given.username.isprintable() else ""  # what else there is, is no name
        tokens = rules.token_hash(given.refresh_token), rules.token_hash(given.tablet_token)
        row = await self.database.readers.fetchrow(_KNOWN, *tokens, username, device_hash(given.device_id))
        found: str | None = row[0] if row else None
        return found

    async def over(self, tokens: Collection[rules.Claims]) -> dict[rules.Claims, Unauthenticated]:
        """Which of many tokens are over, and why: one statement, however many there are, and none for who is out of time.

        Rights don't change without their version, so whoever is not named here still has the actor that they had.
        """
        found = self.expired(tokens)
        asked = [each for each in tokens if each not in found]
        if not asked:
            return found
        rows = await self.database.pool.fetch(_STANDING, {each.session_id for each in asked}, _now(self.database))
        standing = {(row["id"], row["staff_id"], row["rights_version"]) for row in rows}
        for each in asked:
            if (each.session_id, each.staff_id, each.version) not in standing:
                found[each] = SessionRevoked()
        return found

    def expired(self, tokens: Iterable[rules.Claims]) -> dict[rules.Claims, Unauthenticated]:
        """Those of many tokens whose time is over, which nobody has to be asked for."""
        return {each: TokenExpired() for each in tokens if not self._is_in_time(each)}

    def _is_in_time(self, claims: rules.Claims) -> bool:
        return claims.expires_at > _now(self.database)

    def _keep(self, token: str, principal: _Principal) -> None:
        """The longest-read principal makes room: tokens that are in use are read every two seconds."""
        self._principals.pop(token, None)
        if len(self._principals) >= _PRINCIPALS_MAX:
            del self._principals[next(iter(self._principals))]
        self._principals[token] = principal


def rights_of_actor(actor: Actor) -> RoleRights:
    """An actor's rights as a role would have them."""
    return RoleRights(actor.access.permissions, actor.access.own)


def rights_of_role(role: tables.Role) -> RoleRights:
    """A role's rights."""
    return rules.rights_of(role.permissions, role.own_permissions)


async def staff_exist(work: Work, ids: Iterable[UUID]) -> set[UUID]:
    """Those of the ids that are active members of staff within the actor's reach."""
    actor = work.actor
    given = {"ids": list(set(ids)), "is_everywhere": actor.is_everywhere, "branch_ids": list(actor.branch_ids)}
    return set(await work.session.scalars(_ACTIVE_STAFF, given))


async def role_exists(work: Work, role_id: UUID) -> bool:
    """Whether there is such a role."""
    return await work.session.get(tables.Role, role_id) is not None


async def staff_for_update(work: Work, staff_id: UUID) -> tables.Staff | None:
    """A member of staff, locked so that nobody else changes the same person meanwhile."""
    return await work.session.get(tables.Staff, staff_id, with_for_update=True, populate_existing=True)


async def tablet_of(work: Work, token: str) -> tables.Tablet | None:
    """The enrolled tablet that has a token."""
    found = select(tables.Tablet).where(
        tables.Tablet.token_hash == rules.token_hash(token), tables.Tablet.revoked_at.is_(None)
    )
    return (await work.session.scalars(found)).one_or_none()


async def branches_of(work: Work, staff_id: UUID) -> set[UUID]:
    """The branches of a member of staff."""
    found = select(tables.StaffBranch.branch_id).where(tables.StaffBranch.staff_id == staff_id)
    return set(await work.session.scalars(found))


async def other_owners(work: Work, staff_id: UUID) -> int:
    """How many others may sign in and do everything, everywhere."""
    found = select(func.count()).where(
        tables.Staff.role_id == rules.BUILT_IN_ROLE_IDS[rules.OWNER],
        tables.Staff.id != staff_id,
        tables.Staff.is_active,
        tables.Staff.all_branches,
        tables.Staff.username.is_not(None),
    )
    count: int = (await work.session.execute(found)).scalar_one()
    return count
