"""Bill groups (M8): services and goods of one cart as two documents that round themselves and are paid together."""

import asyncio
import os
from collections import Counter
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest

from salonos.accounting.rules import PaymentMethod
from salonos.bills import commands
from salonos.bills.commands import BillContents, NewRefund, NewTip
from salonos.bills.problems import BillAlreadyPosted, PaymentsDoNotAddUp, PaymentsExceedTotal
from salonos.bills.rules import Contributor, Discount, Kept, Share, Tender, fill
from salonos.kernel.database import Database
from salonos.kernel.ids import id_text
from salonos.kernel.problems import InvalidInput, Problem, StaleVersion
from salonos.salon.problems import NumberSeriesExhausted
from tests.bills.asking import Asker
from tests.bills.makers import CASH, NOW, ON_ACCOUNT, SYSTEM, UPI, Shop, book_balance, make_shop
from tests.bills.test_books import DIFFERENCES
from tests.salon.makers import make_branch
from tests.statements import Statements

ROUNDS = 200 if "SALONOS_PROVE" in os.environ else 10


async def make_splitting_shop(database: Database) -> Shop:
    return await make_shop(database, splits_bills=True)


async def group(shop: Shop, bill_id: UUID) -> tuple[dict[str, Any], dict[str, Any]]:
    """A bill and its companion, each of which names the other."""
    first = await shop.row("bills", bill_id)
    second = await shop.row("bills", first["companion_id"])
    assert second["companion_id"] == bill_id
    return first, second


async def pay(shop: Shop, bill_id: UUID, method: PaymentMethod, paise: int, *, version: int) -> commands.TakenPayment:
    tender = Tender(method, paise)
    return await shop.database.run(
        SYSTEM, lambda work: commands.add_payment(work, bill_id, tender, expected_version=version), now=NOW
    )


async def payments(shop: Shop, *bills: dict[str, Any]) -> list[list[tuple[str, int, int | None, int | None]]]:
    rows = [await shop.rows("payments", bill["id"]) for bill in bills]
    return [
        [(row["method"], row["amount_paise"], row["tendered_paise"], row["change_paise"]) for row in of_bill]
        for of_bill in rows
    ]


async def books_agree(database: Database) -> bool:
    return bool(await database.pool.fetchval(DIFFERENCES) == "{}")


def test_payments_fill_debts_in_order_and_change_stands_with_the_last_that_is_reached() -> None:
    upi = Kept(UPI, 500, None, None, "a")
    cash = Kept(CASH, 700, 1000, 300, None)
    assert fill([upi, cash], [800, 0, 400]) == (
        Share(0, 0, upi),
        Share(1, 0, Kept(CASH, 300, 300, 0, None)),
        Share(1, 2, Kept(CASH, 400, 700, 300, None)),
    )
    assert fill([upi], [800, 400]) == (Share(0, 0, upi),)
    assert fill([], [800]) == ()


async def test_a_mixed_cart_becomes_two_documents_that_one_payment_settles(database: Database) -> None:
    shop = await make_splitting_shop(database)
    tips = (NewTip(shop.staff_ids[0], 5000),)
    services, goods = await group(shop, await shop.check_out((UPI, 50_000), (CASH, 150_000), tips=tips))

    assert (services["number"], goods["number"]) == ("BLR1/2627/00001", "BLR1/2627/00002")
    assert (services["total_paise"], services["round_off_paise"], services["tip_paise"]) == (78_800, 50, 5000)
    assert (goods["total_paise"], goods["round_off_paise"], goods["tip_paise"]) == (99_900, 0, 0)
    assert {each["status"] for each in (services, goods)} == {"POSTED"}
    assert {each["payment_state"] for each in (services, goods)} == {"PAID"}
    assert await payments(shop, services, goods) == [
        [("UPI", 50_000, None, None), ("CASH", 33_800, 33_800, 0)],
        [("CASH", 99_900, 116_200, 16_300)],
    ]
    moved = await database.pool.fetch("select method, amount_paise from money_moves order by amount_paise")
    assert [tuple(row) for row in moved] == [("UPI", 50_000), ("CASH", 133_700)]  # of the cash one move, not two
    assert {code for code, _ in await shop.entry(services["id"])} & {"4000", "4010"} == {"4000"}
    assert await book_balance(database, "2200") == 0
    assert await books_agree(database)


async def test_the_cart_s_discount_is_spread_over_both_documents(database: Database) -> None:
    shop = await make_splitting_shop(database)
    taken = {"discount": Discount(10_000), "discount_reason": "friend"}
    services, goods = await group(shop, await shop.check_out((UPI, 168_400), **taken))
    assert (services["taxable_paise"], services["bill_discount_paise"]) == (70_712, 4288)
    assert (services["total_paise"], services["round_off_paise"]) == (74_200, -48)
    assert (goods["discount_paise"], goods["bill_discount_paise"]) == (5712, 5712)
    assert (goods["total_paise"], goods["round_off_paise"]) == (94_200, 12)
    assert {each["discount_reason"] for each in (services, goods)} == {"friend"}

    with pytest.raises(PaymentsDoNotAddUp) as refused:
        await shop.check_out((UPI, 168_600), (ON_ACCOUNT, 100), customer_id=shop.customer_id, **taken)
    assert refused.value.due == 168_400


async def test_what_is_owed_stands_with_the_last_document(database: Database) -> None:
    shop = await make_splitting_shop(database)
    sold = await shop.check_out((UPI, 100_000), (ON_ACCOUNT, 78_700), customer_id=shop.customer_id)
    services, goods = await group(shop, sold)
    assert (services["balance_due_paise"], goods["balance_due_paise"]) == (0, 78_700)
    assert (services["payment_state"], goods["payment_state"]) == ("PAID", "PARTLY_PAID")

    unpaid = await group(shop, await shop.check_out((ON_ACCOUNT, 178_700), customer_id=shop.customer_id))
    assert [each["balance_due_paise"] for each in unpaid] == [78_800, 99_900]
    taken = await pay(shop, unpaid[1]["id"], CASH, 100_000, version=1)  # whichever of both is named, the first is first
    assert taken.not_posted == ()
    assert [each["balance_due_paise"] for each in await group(shop, unpaid[0]["id"])] == [0, 78_700]
    assert await book_balance(database, "1100") == 78_700 * 2
    assert await books_agree(database)


async def test_who_sells_only_one_kind_or_does_not_split_has_one_document(database: Database) -> None:
    shop = await make_splitting_shop(database)
    assert (await shop.row("bills", await shop.check_out((UPI, 78_800), lines=(shop.haircut,))))["companion_id"] is None
    whole = await shop.check_out((UPI, 178_700), branch_id=await make_branch(database, "MYS1"))
    assert (await shop.row("bills", whole))["companion_id"] is None


async def test_drafts_of_a_group_are_posted_by_the_payment_that_completes_both(database: Database) -> None:
    shop = await make_splitting_shop(database)
    shared = commands.NewLine(
        product_id=shop.catalog.product_id,
        staff_id=shop.staff_ids[0],
        contributors=tuple(Contributor(staff_id) for staff_id in shop.staff_ids),
    )
    drafts = await group(shop, await shop.create_bill(lines=(shop.haircut, shared)))
    assert [each["total_paise"] for each in drafts] == [78_800, 99_900]
    assert len(await shop.rows("line_shares", drafts[1]["id"])) == 2

    await pay(shop, drafts[1]["id"], UPI, 100_000, version=1)
    services, goods = await group(shop, drafts[0]["id"])
    assert [(each["status"], each["balance_due_paise"]) for each in (services, goods)] == [
        ("DRAFT", 0),
        ("DRAFT", 78_700),
    ]
    assert await book_balance(database, "2200") == -100_000
    with pytest.raises(PaymentsExceedTotal):
        await pay(shop, services["id"], UPI, 80_000, version=2)

    await pay(shop, services["id"], CASH, 80_000, version=2)
    services, goods = await group(shop, drafts[0]["id"])
    assert [(each["status"], each["number"]) for each in (services, goods)] == [
        ("POSTED", "BLR1/2627/00001"),
        ("POSTED", "BLR1/2627/00002"),
    ]
    assert (await payments(shop, services, goods))[1] == [("UPI", 21_200, None, None), ("CASH", 78_700, 80_000, 1300)]
    assert await book_balance(database, "2200") == 0
    assert await books_agree(database)


async def test_money_that_can_not_post_its_group_is_kept_on_both_drafts(database: Database) -> None:
    shop = await make_splitting_shop(database)
    drafts = await group(shop, await shop.create_bill())
    await shop.change_rate(1200, since=NOW.date())
    taken = await pay(shop, drafts[0]["id"], UPI, 178_700, version=1)
    assert [type(each) for each in taken.not_posted] == [StaleVersion]
    kept = await group(shop, drafts[0]["id"])
    assert [(each["status"], each["paid_paise"]) for each in kept] == [("DRAFT", 78_800), ("DRAFT", 99_900)]
    assert await book_balance(database, "2200") == -178_700
    assert await books_agree(database)


async def test_a_draft_that_comes_to_hold_both_is_divided_once_and_before_it_is_paid(database: Database) -> None:
    shop = await make_splitting_shop(database)

    async def update(bill_id: UUID, *lines: commands.NewLine, version: int) -> None:
        contents = BillContents(lines=lines)
        await database.run(
            SYSTEM, lambda work: commands.update_bill(work, bill_id, contents, expected_version=version), now=NOW
        )

    draft = await shop.create_bill(lines=(shop.serum,))
    await update(draft, shop.serum, shop.haircut, version=1)
    services, goods = await group(shop, draft)
    assert [(each["version"], each["total_paise"]) for each in (services, goods)] == [(2, 78_800), (1, 99_900)]
    with pytest.raises(InvalidInput) as refused:
        await update(draft, shop.serum, shop.haircut, version=2)
    assert [(issue.path, issue.code) for issue in refused.value.issues] == [(("lines",), "MIXED")]
    await update(goods["id"], shop.serum, shop.serum, version=1)
    assert (await shop.row("bills", goods["id"]))["total_paise"] == 199_800

    paid = await shop.create_bill(lines=(shop.haircut,))
    await pay(shop, paid, UPI, 10_000, version=1)
    await update(paid, shop.haircut, shop.serum, version=2)
    assert (await shop.row("bills", paid))["companion_id"] is None
    await pay(shop, paid, UPI, 168_700, version=3)
    assert (await shop.row("bills", paid))["status"] == "POSTED"


async def test_each_document_is_posted_taken_back_and_refunded_by_itself(database: Database) -> None:
    shop = await make_splitting_shop(database)
    drafts = await group(shop, await shop.create_bill(customer_id=shop.customer_id))
    goods = drafts[1]["id"]
    await database.run(SYSTEM, lambda work: commands.post_bill(work, goods, expected_version=1), now=NOW)
    assert [each["status"] for each in await group(shop, drafts[0]["id"])] == ["DRAFT", "POSTED"]
    await pay(shop, drafts[0]["id"], UPI, 178_700, version=1)
    assert [each["status"] for each in await group(shop, drafts[0]["id"])] == ["POSTED", "POSTED"]

    refund = NewRefund(bill_id=goods, reason="broken", method=CASH)
    note = await database.run(SYSTEM, lambda work: commands.refund_bill(work, refund), now=NOW)
    assert (await shop.row("bills", note))["original_id"] == goods
    services = drafts[0]["id"]
    await database.run(
        SYSTEM, lambda work: commands.void_bill(work, services, reason="mistake", expected_version=2), now=NOW
    )
    assert [each["status"] for each in await group(shop, services)] == ["VOID", "POSTED"]
    assert await book_balance(database, "4010") == await book_balance(database, "1100") == 0
    assert await books_agree(database)


async def test_two_tills_that_pay_one_group_at_once_pay_it_once(database: Database) -> None:
    shop = await make_splitting_shop(database)

    async def outcome(bill_id: UUID) -> str:
        try:
            taken = await pay(shop, bill_id, UPI, 178_700, version=1)
        except Problem as problem:
            return type(problem).__name__
        return "kept" if taken.not_posted else "posted"

    for _ in range(ROUNDS):
        services, goods = await group(shop, await shop.create_bill())
        found = Counter(await asyncio.gather(outcome(services["id"]), outcome(goods["id"])))
        assert found == {"posted": 1, BillAlreadyPosted.__name__: 1}
        assert [each["paid_paise"] for each in await group(shop, services["id"])] == [78_800, 99_900]
    assert await book_balance(database, "2200") == 0
    assert await books_agree(database)


async def test_a_group_that_fails_at_its_second_document_leaves_nothing(database: Database) -> None:
    shop = await make_splitting_shop(database)
    await database.pool.execute(
        "update number_series set digits = 1 where branch_id = $1 and document = 'TAX_INVOICE'", shop.branch_id
    )
    for _ in range(4):
        await shop.check_out((UPI, 178_700))
    await shop.check_out((UPI, 78_800), lines=(shop.haircut,))
    with pytest.raises(NumberSeriesExhausted):
        await shop.check_out((UPI, 178_700))
    count = (
        "select (select count(*) from bills), (select count(*) from money_moves), (select count(*) from drawn_numbers)"
    )
    assert tuple(await database.pool.fetchrow(count)) == (9, 5, 9)


async def test_one_link_pays_both_documents(database: Database) -> None:
    shop = await make_shop(database, splits_bills=True, upi_id="nayana@okhdfc")
    services, goods = await group(shop, await shop.create_bill())
    ask = Asker(database)

    async def amounts() -> list[str | None]:
        found = (await ask.data(LINKS, id=id_text("bill", services["id"])))["bill"]
        links = [found["upiLink"], found["companion"]["upiLink"]]
        return [None if link is None else parse_qs(urlsplit(link).query)["am"][0] for link in links]

    assert await amounts() == ["1787.00", "1787.00"]
    await pay(shop, services["id"], UPI, 100_000, version=1)
    assert await amounts() == ["787.00", "787.00"]
    await pay(shop, goods["id"], UPI, 78_700, version=2)
    assert await amounts() == [None, None]


SPLIT = """
    mutation($input: UpdateBranchInput!) {
        updateBranch(input: $input) { ... on UpdateBranchSuccess { branch { splitsBills version } } }
    }
"""
LINKS = "query($id: ID!) { bill(id: $id) { upiLink companion { upiLink } } }"
SELL = """
    mutation($input: CheckOutInput!) {
        checkOut(input: $input) {
            __typename
            ... on CheckOutSuccess { bill { total payments { amount } companion { total companion { total } } } }
        }
    }
"""


async def test_a_branch_that_begins_to_split_is_told_of_both_documents(
    database: Database, statements: Statements
) -> None:
    shop = await make_shop(database)
    ask = Asker(database)
    branch = id_text("branch", shop.branch_id)
    changed = await ask.data(SPLIT, input={"branchId": branch, "expectedVersion": 1, "splitsBills": True})
    assert changed["updateBranch"]["branch"] == {"splitsBills": True, "version": 2}

    lines = [
        {"serviceId": id_text("service", shop.catalog.service_id)},
        {"productId": id_text("product", shop.catalog.product_id)},
    ]
    sale = {"branchId": branch, "lines": lines, "payments": [{"method": "UPI", "amount": "1787.00"}]}
    with statements.counted() as asked:
        sold = (await ask.data(SELL, input=sale))["checkOut"]
    assert sold["bill"] == {
        "total": "788.00",
        "payments": [{"amount": "788.00"}],
        "companion": {"total": "999.00", "companion": {"total": "788.00"}},
    }
    assert len(asked) <= 20, asked
