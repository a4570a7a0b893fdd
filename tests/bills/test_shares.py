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
from salonos.identity import commands as identity
from salonos.kernel.database import Database
from salonos.kernel.ids import id_text, new_id
from salonos.kernel.problems import InvalidInput
from tests.bills.asking import Asker
from tests.bills.makers import NOW, SYSTEM, TODAY, UPI, Shop, actor_as, book_balance, make_shop, make_staff

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


MINE = "query($filter: BillFilter) { bills(first: 9, filter: $filter) { nodes { id } } }"


async def test_whose_work_a_bill_is_goes_by_lines_and_shares(database: Database) -> None:
    shop = await make_shop(database)
    one, other = shop.staff_ids
    third = await make_staff(database, "Ravi")
    ask = Asker(database)
    shared_id = await shop.check_out((UPI, 78_800), lines=(shared(shop, Contributor(one), Contributor(other)),))
    alone_id = await shop.check_out((UPI, 178_700))
    draft_id = await shop.create_bill(lines=(shared(shop, Contributor(third, amount_paise=100)),))
    note = NewRefund(bill_id=shared_id, reason="x", method=UPI)
    note_id = await database.run(SYSTEM, lambda work: commands.refund_bill(work, note), now=NOW)

    async def found(staff_id: UUID) -> list[set[str]]:
        """What somebody sees as their own, and what is found of them."""
        as_staff = await ask.data(MINE, actor=actor_as("STAFF", shop.branch_id, staff_id=staff_id))
        searched = await ask.data(MINE, filter={"staffId": id_text("staff", staff_id)})
        return [{each["id"] for each in data["bills"]["nodes"]} for data in (as_staff, searched)]

    def ids(*bill_ids: UUID) -> list[set[str]]:
        return [{id_text("bill", each) for each in bill_ids}] * 2

    assert await found(one) == ids(shared_id, alone_id, draft_id, note_id)
    assert await found(other) == ids(shared_id, note_id)
    assert await found(third) == ids(draft_id)
    contents = BillContents(lines=(shared(shop, Contributor(other, amount_paise=100)),))
    await database.run(SYSTEM, lambda work: commands.update_bill(work, draft_id, contents, expected_version=1), now=NOW)
    assert await found(third) == ids()
    assert await found(other) == ids(shared_id, note_id, draft_id)


async def test_a_bill_with_shares_that_is_taken_back_is_nobodys_work_that_day(database: Database) -> None:
    shop = await make_shop(database)
    people = (*shop.staff_ids, await make_staff(database, "Ravi"))
    line = replace_price(shared(shop, *(Contributor(each) for each in people)))
    bill_id = await shop.check_out((UPI, 78_800), lines=(line,))
    shares = "select staff_id, position, amount_paise from line_shares order by position"
    before = await database.pool.fetch(shares)

    await database.run(SYSTEM, lambda work: commands.void_bill(work, bill_id, reason="x", expected_version=1), now=NOW)
    await database.run(SYSTEM, lambda work: closing.summarise_day(work, shop.branch_id, TODAY), now=NOW)

    assert await database.pool.fetch(shares) == before
    assert await database.pool.fetchval("select count(*) from day_staff_sales") == 0
    assert await database.pool.fetchval("select sum(amount_paise) from entry_lines") == 0
    assert [await book_balance(database, code) for code in ("4000", "2100", "2101", "1020")] == [0] * 4


async def test_a_bill_with_shares_is_given_back_whole_or_the_rest_of_it(database: Database) -> None:
    shop = await make_shop(database)
    people = (*shop.staff_ids, await make_staff(database, "Ravi"))
    line = replace_price(shared(shop, *(Contributor(each) for each in people), quantity_milli=3000))
    bill_ids = [await shop.check_out((UPI, 414_900), lines=(line, shop.serum, shared(shop))) for _ in range(2)]
    some = RefundedLine((await shop.rows("bill_lines", bill_ids[1]))[0]["id"], 700)

    for bill_id, lines in ((bill_ids[0], None), (bill_ids[1], [some]), (bill_ids[1], None)):
        new = NewRefund(bill_id=bill_id, reason="x", method=UPI, lines=lines)
        await database.run(SYSTEM, lambda work, new=new: commands.refund_bill(work, new), now=NOW)

    signed = """
        select staff_id, sum(amount_paise * case kind when 'CREDIT_NOTE' then -1 else 1 end)::bigint as paise, count(*)
        from line_shares join bills on bills.id = bill_id group by staff_id
    """
    rows = await database.pool.fetch(signed)
    assert {row["staff_id"]: (row["paise"], row["count"]) for row in rows} == dict.fromkeys(people, (0, 5))
    each_line = """
        select count(*) from (
            select line.id from bill_lines as line join line_shares as part on part.line_id = line.id
            group by line.id, line.taxable_paise having sum(part.amount_paise) <> line.taxable_paise)
    """
    assert await database.pool.fetchval(each_line) == 0
    await database.run(SYSTEM, lambda work: closing.summarise_day(work, shop.branch_id, TODAY), now=NOW)
    assert await database.pool.fetchval("select sum(abs(amount_paise)) from day_staff_sales") == 0


async def test_a_contributor_who_left_before_the_posting_keeps_what_they_did(database: Database) -> None:
    shop = await make_shop(database)
    one, other = shop.staff_ids
    line = shared(shop, Contributor(one, 6000), Contributor(other, 4000))
    bill_id = await shop.create_bill(lines=(line,), customer_id=shop.customer_id)
    await database.run(SYSTEM, lambda work: identity.disable_staff_member(work, other, expected_version=1), now=NOW)
    contents = BillContents(lines=(line,), customer_id=shop.customer_id)

    with pytest.raises(InvalidInput) as raised:
        await database.run(
            SYSTEM, lambda work: commands.update_bill(work, bill_id, contents, expected_version=1), now=NOW
        )
    await database.run(SYSTEM, lambda work: commands.post_bill(work, bill_id, expected_version=1), now=NOW)

    path = ("lines", 0, "contributors", 1, "staffId")
    assert [(issue.path, issue.code) for issue in raised.value.issues] == [(path, "NOT_FOUND")]
    rows = await database.pool.fetch("select staff_id, amount_paise from line_shares order by position")
    assert [tuple(row) for row in rows] == [(one, 45_000), (other, 30_000)]
    assert (await shop.row("bills", bill_id))["status"] == "POSTED"


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
