"""Named reads that commands and jobs need."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select

from salonos.kernel.work import Work
from salonos.salon import tables


async def salon(work: Work) -> tables.Salon | None:
    """The business, once it is set up."""
    return (await work.session.execute(select(tables.Salon))).scalar_one_or_none()


async def branch_for_sale(work: Work, branch_id: UUID) -> tables.Branch | None:
    """A branch by its id."""
    return await work.session.get(tables.Branch, branch_id)


async def active_branches(work: Work) -> Sequence[tables.Branch]:
    """The branches that are open for business, by code."""
    found = select(tables.Branch).where(tables.Branch.is_active).order_by(tables.Branch.code)
    return (await work.session.execute(found)).scalars().all()
