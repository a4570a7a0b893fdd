"""A sale at the counter: one transaction that makes the bill, takes the money, numbers it and books it."""

from tests.bills.makers import CASH, UPI, make_shop
from salonos.kernel.database import Database


async def test_the_plans_example_is_billed_numbered_and_booked(database: Database) -> None:
    shop = await make_shop(database)

    bill_id = await shop.check_out((CASH, 100_000), (UPI, 78_700))

    bill = await shop.row("bills", bill_id)
    assert bill["number"] == "BLR1/2627/00001"
    print(bill, await shop.entry(bill_id), await shop.rows("payments", bill_id))
