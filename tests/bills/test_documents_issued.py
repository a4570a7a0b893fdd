"""The table of documents issued: what each series gave in a period, and which of its numbers were cancelled."""

from datetime import UTC, datetime, timedelta
from typing import Any

from salonos.kernel.database import Database
from salonos.kernel.ids import id_text
from salonos.salon import commands as salon
from salonos.salon.rules import DocumentKind
from tests.bills.asking import Asker
from tests.bills.makers import CASH, NOW, SYSTEM, Shop, actor_as, make_shop
from tests.bills.test_voids import void
from tests.salon.makers import make_branch

ISSUED = """
query ($since: Date, $until: Date, $branch: ID) { documentsIssued(since: $since, until: $until, branchId: $branch) {
  since until totalCount cancelledCount
  series { branch { code } document firstNumber lastNumber totalCount cancelledCount netCount }
  cancelled { number cancelledOn bill { status voidReason } }
} }
"""
MARCH_ENDS = datetime(2027, 3, 31, 18, 29, 59, tzinfo=UTC)
MIDNIGHT = datetime(2027, 3, 31, 18, 30, tzinfo=UTC)


async def sold(shop: Shop, now: datetime = NOW, **more: Any) -> Any:
    """A bill, paid in cash."""
    return await shop.check_out((CASH, 1_000_000), now=now, lines=(shop.haircut,), **more)


def told(series: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """A row as a tuple."""
    return [(row["branch"]["code"], row["document"], *[row[name] for name in COUNTS]) for row in series]


COUNTS = ("firstNumber", "lastNumber", "totalCount", "cancelledCount", "netCount")


async def test_every_number_of_a_period_is_told_and_each_that_was_cancelled(database: Database) -> None:
    shop = await make_shop(database)
    other = await make_branch(database, "MYS1")
    bills = [await sold(shop) for _ in range(4)]
    await void(shop, bills[1])
    await void(shop, await shop.create_bill())  # a draft has no number to be cancelled
    await database.run(
        SYSTEM,
        lambda work: salon.configure_number_series(
            work, shop.branch_id, DocumentKind.TAX_INVOICE, pattern="{branch}-{year}-", digits=5
        ),
        now=NOW,
    )
    await void(shop, await sold(shop))
    await sold(shop, branch_id=other)
    await sold(shop, now=NOW + timedelta(days=30))
    ask = Asker(database)
    november = {"since": "2026-11-01", "until": "2026-12-01"}
    before = ask.engine.statements

    found = (await ask.data(ISSUED, **november))["documentsIssued"]
    mine = (await ask.data(ISSUED, **november, actor=actor_as("ACCOUNTANT", other)))["documentsIssued"]
    foreign = await ask.data(
        ISSUED, **november, actor=actor_as("ACCOUNTANT", other), branch=id_text("branch", shop.branch_id)
    )
    empty = (await ask.data(ISSUED, since="2026-10-01", until="2026-11-01"))["documentsIssued"]
    month = (await ask.data(ISSUED))["documentsIssued"]
    denied = await ask(ISSUED, **november, actor=actor_as("MANAGER", other))

    assert ask.engine.statements - before == 6
    assert (found["totalCount"], found["cancelledCount"]) == (6, 2)
    assert told(found["series"]) == [
        ("BLR1", "TAX_INVOICE", "BLR1-2627-00005", "BLR1-2627-00005", 1, 1, 0),
        ("BLR1", "TAX_INVOICE", "BLR1/2627/00001", "BLR1/2627/00004", 4, 1, 3),
        ("MYS1", "TAX_INVOICE", "MYS1/2627/00001", "MYS1/2627/00001", 1, 0, 1),
    ]
    assert [(each["number"], each["cancelledOn"], each["bill"]["voidReason"]) for each in found["cancelled"]] == [
        ("BLR1-2627-00005", "2026-11-23", "Wrong"),
        ("BLR1/2627/00002", "2026-11-23", "Wrong"),
    ]
    assert (told(mine["series"]), mine["cancelled"]) == (told(found["series"])[2:], [])
    assert foreign == {"documentsIssued": None}
    assert (empty["totalCount"], empty["cancelledCount"], empty["series"], empty["cancelled"]) == (0, 0, [], [])
    assert month == {**found, "since": "2026-11-01", "until": "2026-11-24"}
    assert denied["errors"][0]["extensions"]["permission"] == "GST_RETURN_READ"


async def test_a_bill_after_midnight_of_the_financial_year_begins_the_next_series(database: Database) -> None:
    shop = await make_shop(database)
    at = [MARCH_ENDS, MARCH_ENDS, MIDNIGHT]
    bills = [await sold(shop, now=now) for now in at]
    ask = Asker(database)

    found = (await ask.data(ISSUED, since="2027-03-01", until="2027-05-01"))["documentsIssued"]

    assert told(found["series"]) == [
        ("BLR1", "TAX_INVOICE", "BLR1/2627/00001", "BLR1/2627/00002", 2, 0, 2),
        ("BLR1", "TAX_INVOICE", "BLR1/2728/00001", "BLR1/2728/00001", 1, 0, 1),
    ]
    dates = [(await shop.row("bills", bill))["business_date"].isoformat() for bill in bills]
    assert dates == ["2027-03-31", "2027-03-31", "2027-04-01"]
