"""The demo salon's way in: made where there is no salon, finished where it was interrupted, else left alone."""

import secrets
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from salonos.demo import building, people
from salonos.demo.building import SIGN_INS, SYSTEM, Builder, Say
from salonos.demo.trade import Size
from salonos.identity import commands as identity
from salonos.identity import tables as identity_tables
from salonos.kernel import jobs
from salonos.kernel.database import Database
from salonos.kernel.work import Work
from salonos.salon import queries as salon

SEED = 29
FULL = Size()


async def furnish(
    database: Database,
    *,
    password: str | None,
    say: Say,
    size: Size = FULL,
    seed: int = SEED,
    now: datetime | None = None,
) -> Sequence[tuple[str, str]]:
    """Makes the demo salon, whose story reaches up to now; returns its sign-ins if they are to be shown.

    A salon that is there already is left alone. A demo that was interrupted is finished, up to the instant at which
    it was begun. A generated password is shown until somebody has signed in with it, a new one each time.

    Raises: InvalidInput for a password that identity refuses, before anything is made.
    """
    if password is not None:
        await identity.new_hash(password, own_words=people.USERNAMES)
    has_salon = await database.run(SYSTEM, salon.salon) is not None
    stages = await database.run(SYSTEM, building.stages)
    if has_salon and not stages:
        return ()
    if SIGN_INS in stages:
        return () if password is not None or not await _is_unused(database) else await _new_passwords(database)
    until = next(iter(stages.values())).until if stages else now or await database.now()
    done = {name: stage.steps_done for name, stage in stages.items()}
    builder = Builder(database, until, size, seed, say, done)
    await builder.build()
    return await _let_in(builder, password or secrets.token_urlsafe(12))


async def _let_in(builder: Builder, password: str) -> Sequence[tuple[str, str]]:
    """The last step: usernames and passwords, and nobody waits any more for what the demo announced."""
    hashes = {name: await identity.new_hash(password, own_words=people.USERNAMES) for name in people.USERNAMES}

    async def let_in(work: Work) -> None:
        for member, staff_id in zip(people.STAFF, builder.staff_ids, strict=True):
            if member.username is not None:
                change = identity.StaffChange(username=member.username, password_hash=hashes[member.username])
                await identity.update_staff_member(work, staff_id, change, expected_version=1)
        await jobs.pass_over(work)

    await builder.step(SIGN_INS, 0, let_in, now=builder.until)
    return [(name, password) for name in people.USERNAMES]


async def _is_unused(database: Database) -> bool:
    async def unused(work: Work) -> bool:
        staff = identity_tables.Staff
        used = select(staff.id).where(staff.username_key.in_(people.USERNAMES), staff.signed_in_at.is_not(None))
        return (await work.session.execute(used.limit(1))).scalar_one_or_none() is None

    return await database.run(SYSTEM, unused)


async def _new_passwords(database: Database) -> Sequence[tuple[str, str]]:
    """Whoever missed the first showing gets another."""
    password = secrets.token_urlsafe(12)

    async def ids(work: Work) -> list[UUID]:
        staff = identity_tables.Staff
        return list(
            (await work.session.execute(select(staff.id).where(staff.username_key.in_(people.USERNAMES)))).scalars()
        )

    for staff_id in await database.run(SYSTEM, ids):
        await identity.reset_password(database, SYSTEM, staff_id, new_password=password)
    return [(name, password) for name in people.USERNAMES]
