"""People, made by the real commands."""

from dataclasses import dataclass
from uuid import UUID

from salonos.identity import commands, queries, rules
from salonos.kernel.actor import Actor
from salonos.kernel.database import Database
from tests.salon import makers as salon

PASSWORD = "nine purple umbrellas"
TABLET = commands.Device(id="tablet-0123456789abcdef", name="Front desk", address="10.0.0.5", program="tablet/1")
STRANGER = commands.Device(id="stranger-0123456789abcd", name="", address="203.0.113.9", program="curl")


@dataclass(frozen=True)
class House:
    """A salon with its owner."""

    database: Database
    branch_ids: tuple[UUID, UUID]
    owner_id: UUID

    async def sign_in(
        self, username: str, password: str = PASSWORD, device: commands.Device = TABLET
    ) -> commands.SignedIn:
        """A session."""
        return await commands.sign_in(self.database, username=username, password=password, device=device)

    async def actor(self, username: str) -> Actor:
        """The actor of a new session."""
        return (await self.sign_in(username)).actor

    async def take_on(
        self,
        role: str | UUID,
        username: str | None = None,
        *,
        branches: tuple[UUID, ...] | None = None,
        by: Actor | None = None,
    ) -> UUID:
        """A member of staff at the first branch, or at those given; at all with `()`."""
        where = self.branch_ids[:1] if branches is None else branches
        new = commands.NewStaffMember(
            display_name=(username or str(role)).capitalize(),
            username=username,
            password_hash=None if username is None else await commands.new_hash(PASSWORD),
            role_id=rules.BUILT_IN_ROLE_IDS[role] if isinstance(role, str) else role,
            branch_ids=where,
            all_branches=not where,
        )
        return await self.database.run(by or Actor.system(), lambda work: commands.create_staff_member(work, new))

    async def version(self, staff_id: UUID) -> int:
        """The present version of a person's row."""
        found: int = await self.database.pool.fetchval("select version from staff where id = $1", staff_id)
        return found

    def identity(self) -> queries.Identity:
        """A process's authenticator, with nothing cached yet."""
        return queries.Identity(self.database)


async def open_house(database: Database) -> House:
    """A salon with two branches and the owner `owner`."""
    first = await salon.make_branch(database, "BLR1")
    second = await salon.make_branch(database, "BLR2")
    new = commands.NewOwner(display_name="Asha Owner", username="owner", password=PASSWORD)
    owner_id = await database.run(Actor.system(), lambda work: commands.create_owner(work, new))
    return House(database, (first, second), owner_id)
