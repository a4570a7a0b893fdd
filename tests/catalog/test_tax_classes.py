"""Tax classes: a rate that counts today from the first day on, and rates that are added and never changed."""

from datetime import date, timedelta
from uuid import UUID

import pytest

from salonos.catalog import commands
from salonos.catalog.problems import NameTaken
from salonos.catalog.rules import DatedRate
from salonos.kernel import clock
from salonos.kernel.actor import Actor
from salonos.kernel.database import Database
from salonos.kernel.problems import InvalidInput
from salonos.salon.rules import INDIA
from tests.catalog.makers import REFORM, make_service_class, make_tax_class

SYSTEM = Actor.system()


def paths(refused: InvalidInput) -> list[tuple[tuple[str | int, ...], str]]:
    return [(issue.path, issue.code) for issue in refused.issues]


async def test_a_class_begins_with_a_rate_that_counts_today(database: Database) -> None:
    today = clock.business_date(await database.now(), INDIA)
    too_late = DatedRate(today + timedelta(days=2), 4001, allows_input_credit=True)

    with pytest.raises(InvalidInput) as refused:
        await database.run(SYSTEM, lambda work: commands.create_tax_class(work, name=" ", rate=too_late))

    assert paths(refused.value) == [
        (("name",), "REQUIRED"),
        (("rate",), "OUT_OF_RANGE"),
        (("validFrom",), "NOT_BEGUN"),
    ]


async def test_two_classes_of_one_name_do_not_exist(database: Database) -> None:
    await make_tax_class(database, "Cosmetics")

    with pytest.raises(NameTaken):
        await make_tax_class(database, "Cosmetics")


async def test_a_class_has_one_rate_from_a_date(database: Database) -> None:
    class_id = await make_service_class(database)
    again = DatedRate(REFORM, 1200, allows_input_credit=True)

    with pytest.raises(InvalidInput) as taken:
        await database.run(SYSTEM, lambda work: commands.add_tax_rate(work, class_id, again))
    with pytest.raises(InvalidInput) as unknown:
        await database.run(SYSTEM, lambda work: commands.add_tax_rate(work, UUID(int=1), again))

    assert paths(taken.value) == [(("validFrom",), "TAKEN")]
    assert paths(unknown.value) == [(("taxClassId",), "NOT_FOUND")]
    assert await database.pool.fetchval("select rate_hundredths from tax_rates where valid_from = $1", REFORM) == 500


async def test_a_rate_that_was_is_never_changed(database: Database) -> None:
    await make_service_class(database)

    for attack in ("update tax_rates set rate_hundredths = 0", "delete from tax_rates", "truncate tax_rates"):
        with pytest.raises(Exception, match="permission denied"):
            await database.pool.execute(attack)


async def test_a_date_beyond_reason_does_not_enter(database: Database) -> None:
    beyond = DatedRate(date(9999, 12, 31), 500, allows_input_credit=False)
    class_id = await make_tax_class(database)

    with pytest.raises(InvalidInput) as refused:
        await database.run(SYSTEM, lambda work: commands.add_tax_rate(work, class_id, beyond))

    assert paths(refused.value) == [(("validFrom",), "OUT_OF_RANGE")]
