"""Several people do one thing: equally, in percent or in amounts, and together they did all of it, to the paisa."""

import itertools
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from salonos.bills import commands
from salonos.bills.commands import BillContents, NewLine, NewRefund, RefundedLine
from salonos.bills.rules import Contribution, Contributor, contributions_of, shares_back
from salonos.closing import commands as closing
from salonos.kernel.database import Database
from salonos.kernel.ids import id_text, new_id
from salonos.kernel.problems import InvalidInput
from tests.bills.asking import Asker
from tests.bills.makers import NOW, SYSTEM, TODAY, UPI, Shop, make_shop, make_staff

A, B, C = new_id(), new_id(), new_id()
SELL = """
    mutation($input: CheckOutInput!) {
        checkOut(input: $input) {
            __typename
            ... on InvalidInput { issues { path code } }
            ... on CheckOutSuccess {
                bill { lines { taxable staff { id } contributions { staff { id } amount percentage } } }
            }
        }
    }
"""


def of(contributions: tuple[Contribution, ...]) -> list[tuple[UUID, int]]:
    return [(each.staff_id, each.amount_paise) for each in contributions]


def test_a_line_is_shared_exactly() -> None:
    equal = contributions_of(1000, (Contributor(A), Contributor(B), Contributor(C)), staff_id=A)
    percent = contributions_of(1001, (Contributor(A, 7000), Contributor(B, 3000)), staff_id=A)
    fixed = contributions_of(1000, (Contributor(B, amount_paise=300),), staff_id=A)
    all_of_it = contributions_of(300, (Contributor(B, amount_paise=300),), staff_id=A)

    assert of(equal) == [(A, 334), (B, 333), (C, 333)]
    assert of(percent) == [(A, 701), (B, 300)]
    assert of(fixed) == [(B, 300), (A, 700)]
    assert of(all_of_it) == [(B, 300)]


@given(
    shares=st.lists(st.integers(0, 10**7), min_size=1, max_size=11),
    cuts=st.lists(st.integers(0, 1000), max_size=6),
)
def test_what_goes_back_in_parts_is_what_everybody_had(shares: list[int], cuts: list[int]) -> None:
    value = sum(shares)
    steps = sorted({0, value, *(value * cut // 1000 for cut in cuts)})
    back = [0] * len(shares)
    for before, until in itertools.pairwise(steps):
        parts = shares_back(until - before, before, shares)
        assert sum(parts) == until - before
        back = [was + part for was, part in zip(back, parts, strict=True)]
    assert back == shares


def shared(shop: Shop, *contributors: Contributor, **more: Any) -> NewLine:
    """A haircut of 750.00 in which others share."""
    given = {"service_id": shop.catalog.service_id, "staff_id": shop.staff_ids[0], **more}
    return NewLine(contributors=contributors, **given)


async def test_the_till_says_who_shares_and_reads_it(database: Database) -> None:
    shop = await make_shop(database)
    one, other = (id_text("staff", each) for each in shop.staff_ids)
    service = {"serviceId": id_text("service", shop.catalog.service_id), "staffId": one}
    given = {
        "branchId": id_text("branch", shop.branch_id),
        "lines": [
            {**service, "contributors": [{"staffId": one, "percentage": "70"}, {"staffId": other, "percentage": "30"}]},
            {**service, "contributors": [{"staffId": other, "amount": "100.00"}]},
            service,
        ],
        "payments": [{"method": "CASH", "amount": "5000.00"}],
    }

    found = await Asker(database).data(SELL, input=given)

    lines = found["checkOut"]["bill"]["lines"]
    assert [
        [(each["staff"]["id"], each["amount"], each["percentage"]) for each in line["contributions"]] for line in lines
    ] == [[(one, "525.00", "70"), (other, "225.00", "30")], [(other, "100.00", None), (one, "650.00", None)], []]


async def test_what_can_not_be_shared_so_is_refused(database: Database) -> None:
    shop = await make_shop(database)
    one, other = shop.staff_ids
    half, both = Contributor(one, 5000), (Contributor(one), Contributor(other))
    refused: tuple[tuple[NewLine, tuple[Any, ...], str], ...] = (
        (shared(shop, half, Contributor(other, 4999)), ("contributors",), "NOT_WHOLE"),
        (shared(shop, half, Contributor(other)), ("contributors",), "ONE_WAY"),
        (shared(shop, Contributor(one, 5000, 100)), ("contributors",), "ONE_WAY"),
        (shared(shop, *both, Contributor(other)), ("contributors",), "TAKEN"),
        (shared(shop, Contributor(other)), ("staffId",), "NOT_AMONG"),
        (shared(shop, Contributor(one, amount_paise=1)), ("staffId",), "NOT_AMONG"),
        (shared(shop, Contributor(other, amount_paise=75_001)), ("contributors",), "TOO_MUCH"),
        (shared(shop, *both, staff_id=None), ("staffId",), "REQUIRED"),
        (shared(shop, Contributor(one), Contributor(new_id())), ("contributors", 1, "staffId"), "NOT_FOUND"),
    )
    for line, path, code in refused:
        with pytest.raises(InvalidInput) as raised:
            await shop.check_out((UPI, 78_800), lines=(line,))
        assert (("lines", 0, *path), code) in [(issue.path, issue.code) for issue in raised.value.issues]
    assert await database.pool.fetchval("select count(*) from bills") == 0


async def test_a_draft_keeps_its_shares_until_it_is_changed(database: Database) -> None:
    shop = await make_shop(database)
    both = (Contributor(shop.staff_ids[0]), Contributor(shop.staff_ids[1]))
    bill_id = await shop.create_bill(lines=(shared(shop, *both),), customer_id=shop.customer_id)
    contents = BillContents(lines=(shared(shop, *reversed(both)), shop.serum), customer_id=shop.customer_id)

    async def run(command: Any) -> None:
        await database.run(SYSTEM, command, now=NOW)

    await run(lambda work: commands.update_bill(work, bill_id, contents, expected_version=1))
    await run(lambda work: commands.post_bill(work, bill_id, expected_version=2))

    rows = await database.pool.fetch("select staff_id, amount_paise from line_shares order by position")
    assert [tuple(row) for row in rows] == [(shop.staff_ids[1], 37_500), (shop.staff_ids[0], 37_500)]
    served = await database.pool.fetchval("select array_agg(staff_id) from customer_visits")
    assert set(served) == set(shop.staff_ids)


async def test_a_credit_note_takes_back_what_each_had(database: Database) -> None:
    shop = await make_shop(database)
    third = await make_staff(database, "Ravi")
    people = (*shop.staff_ids, third)
    line = shared(shop, *(Contributor(each) for each in people))
    bill_id = await shop.check_out((UPI, 78_800), lines=(replace_price(line),), customer_id=shop.customer_id)
    line_id = (await shop.row("bill_lines", bill_id))["id"]

    for milli in (333, 333, 334):
        new = NewRefund(bill_id=bill_id, reason="x", method=UPI, lines=[RefundedLine(line_id, milli)])
        await database.run(SYSTEM, lambda work, new=new: commands.refund_bill(work, new), now=NOW)

    query = """
        select staff_id, sum(amount_paise * case kind when 'CREDIT_NOTE' then -1 else 1 end)::bigint as paise
        from line_shares join bills on bills.id = bill_id group by staff_id
    """
    assert {row["staff_id"]: row["paise"] for row in await database.pool.fetch(query)} == dict.fromkeys(people, 0)


async def test_the_day_counts_what_each_did(database: Database) -> None:
    shop = await make_shop(database)
    one, other = shop.staff_ids
    await shop.check_out((UPI, 78_800), lines=(shared(shop, Contributor(other, amount_paise=20_000)),))
    await shop.check_out((UPI, 178_700))

    await database.run(SYSTEM, lambda work: closing.summarise_day(work, shop.branch_id, TODAY), now=NOW)

    rows = await database.pool.fetch("select staff_id, line_count, amount_paise from day_staff_sales order by position")
    assert [tuple(row) for row in rows] == [(one, 2, 130_000), (other, 1, 20_000)]


def replace_price(line: NewLine) -> NewLine:
    """The haircut at its price; three can't share 750.01 equally."""
    return NewLine(**{**vars(line), "unit_price_paise": 75_001, "discount_reason": "x"})


@pytest.mark.parametrize(
    "change",
    [
        "update line_shares set amount_paise = amount_paise + 1",
        "delete from line_shares",
        "insert into line_shares select line_id, gen_random_uuid(), bill_id, 3, null, 0 from line_shares",
    ],
)
async def test_shares_of_a_posted_bill_are_final(database: Database, change: str) -> None:
    shop = await make_shop(database)
    both = (Contributor(shop.staff_ids[0]), Contributor(shop.staff_ids[1]))
    await shop.check_out((UPI, 78_800), lines=(shared(shop, *both),))

    with pytest.raises((asyncpg.RestrictViolationError, asyncpg.InsufficientPrivilegeError)):
        await database.pool.execute(change)
