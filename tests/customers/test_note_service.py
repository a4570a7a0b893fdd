"""Who served whom last when: what lets a stylist see a customer."""

from datetime import date

from salonos.customers import commands
from salonos.kernel.actor import Actor
from salonos.kernel.database import Database
from tests.customers.makers import make_customer
from tests.identity.makers import open_house
from tests.statements import Statements

SYSTEM = Actor.system()


async def test_the_last_service_is_remembered_and_its_date_never_goes_back(
    database: Database, statements: Statements
) -> None:
    house = await open_house(database)
    stylist, other = await house.take_on("STAFF"), await house.take_on("STAFF", "second")
    customer_id = await make_customer(database)

    async def note(on: date) -> None:
        await database.run(SYSTEM, lambda work: commands.note_service(work, customer_id, [stylist], on))

    for day in (date(2026, 11, 20), date(2026, 11, 23), date(2026, 11, 21)):
        await note(day)
    with statements.counted() as asked:
        await database.run(
            SYSTEM, lambda work: commands.note_service(work, customer_id, [other, stylist, other], date(2026, 11, 22))
        )
    with statements.counted() as nobody:
        await database.run(SYSTEM, lambda work: commands.note_service(work, customer_id, [], date(2026, 11, 22)))

    rows = await database.pool.fetch("select staff_id, last_served_on from customer_visits order by last_served_on")
    assert [tuple(row) for row in rows] == [(other, date(2026, 11, 22)), (stylist, date(2026, 11, 23))]
    assert (len(asked), len(nobody)) == (2, 1)
