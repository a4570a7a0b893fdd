"""Named reads that commands and jobs need."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Integer, Text, Uuid, bindparam, select, text
from sqlalchemy.dialects.postgresql import ARRAY

from salonos.kernel.work import Work
from salonos.salon import rules, tables

_ONE_AT_A_TIME = text("lock table number_series in share row exclusive mode")
"""Two changes that can't see one another could agree on one number. Reading, and drawing numbers, go on."""

_GIVEN = text(
    """
    select drawn.text from drawn_numbers drawn
    join unnest(:prefixes, :digits) as own (prefix, digits)
      on starts_with(drawn.text, own.prefix) and length(drawn.text) = length(own.prefix) + own.digits
    where drawn.financial_year >= :year
      and case when substr(drawn.text, length(own.prefix) + 1) ~ '^[0-9]+$'
          then drawn.series_id is distinct from :series_id
               or substr(drawn.text, length(own.prefix) + 1)::bigint <> drawn.number
          else false end
    order by 1 limit 1
    """
).bindparams(
    bindparam("prefixes", type_=ARRAY(Text())),
    bindparam("digits", type_=ARRAY(Integer())),
    bindparam("series_id", type_=Uuid()),
)


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


async def numberings_for_update(work: Work) -> dict[UUID, rules.Numbering]:
    """How all series of the business number, by the series; locked against other changes until the commit."""
    await work.session.execute(_ONE_AT_A_TIME)
    series = tables.NumberSeries
    found = select(series.id, series.pattern, tables.Branch.code, series.digits).join(
        tables.Branch, tables.Branch.id == series.branch_id
    )
    return {row.id: rules.Numbering(row.pattern, row.code, row.digits) for row in await work.session.execute(found)}


async def number_given_already(
    work: Work, own: Sequence[rules.Numbering], *, series_id: UUID | None, year: int
) -> str | None:
    """A number of this financial year or a later one that these series could give a second time; None without any.

    What a series gave itself, as the same running number, it never gives again: its counter only goes on. Reads all
    numbers of the year.
    """
    pairs = [(each.prefix(of), each.digits) for each in own for of in (year, year + 1)]
    given = {
        "prefixes": [prefix for prefix, _ in pairs],
        "digits": [digits for _, digits in pairs],
        "series_id": series_id,
        "year": year,
    }
    found: str | None = (await work.session.execute(_GIVEN, given)).scalar_one_or_none()
    return found
