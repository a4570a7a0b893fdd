"""The salon through the schema: who sees which branches, and who may change them."""

from typing import Any
from uuid import UUID

import pytest

from salonos.kernel.database import Database
from salonos.kernel.ids import id_text
from salonos.salon import graph
from tests.salon.asker import Asker, actor_of
from tests.salon.makers import KARNATAKA_GSTIN, make_branch, make_salon
from tests.statements import Statements

BRANCHES = "query($first: Int) { branches(first: $first) { nodes { code openingHours { weekday } } totalCount } }"
ADD = """mutation($input: AddBranchInput!) { addBranch(input: $input) { __typename
    ... on AddBranchSuccess { branch { code gstin taxScheme timeZone version
        numberSeries { document pattern digits } } }
    ... on BranchCodeTaken { code message }
    ... on InvalidInput { issues { path code } } } }"""
NEW = {"name": "Jayanagar", "code": "JAY", "address": "11th Main", "stateCode": "29"}


@pytest.fixture
def ask(database: Database) -> Asker:
    return Asker(database, [graph])


async def test_the_profile_is_null_until_the_salon_is_set_up(ask: Asker, database: Database) -> None:
    text = "{ salon { name legalName currency timeZone isDemo } }"
    assert await ask.data(text) == {"salon": None}

    await make_salon(database)

    assert await ask.data(text, "STAFF") == {
        "salon": {
            "name": "Nayana",
            "legalName": "Nayana Salons LLP",
            "currency": "INR",
            "timeZone": "Asia/Kolkata",
            "isDemo": False,
        }
    }


async def test_everybody_sees_the_branches_where_they_work(ask: Asker, database: Database) -> None:
    ids = [await make_branch(database, code) for code in ("BLR1", "BLR2", "BLR3")]

    async def codes(*branch_ids: UUID) -> list[str]:
        found = await ask.data(BRANCHES, actor_of("STAFF", *branch_ids))
        assert found["branches"]["totalCount"] == len(found["branches"]["nodes"])
        return [each["code"] for each in found["branches"]["nodes"]]

    assert await codes() == ["BLR1", "BLR2", "BLR3"]
    assert await codes(ids[1]) == ["BLR2"]
    assert await codes(ids[0], ids[2]) == ["BLR1", "BLR3"]
    text = "query($id: ID!) { branch(id: $id) { code } node(id: $id) { id } }"
    elsewhere = await ask.data(text, actor_of("STAFF", ids[1]), id=id_text("branch", ids[0]))
    assert elsewhere == {"branch": None, "node": None}


async def test_branches_are_one_statement_at_1_and_at_50(
    ask: Asker, database: Database, statements: Statements
) -> None:
    for number in range(50):
        await make_branch(database, f"B{number:02d}")

    for first in (1, 50):
        with statements.counted() as asked:
            found = await ask.data(BRANCHES, first=first)
        assert (len(found["branches"]["nodes"]), len(asked)) == (first, 1)


async def test_strangers_see_nothing(ask: Asker) -> None:
    assert await ask.denied("{ salon { name } branches { totalCount } }", "NOBODY") == [
        ("UNAUTHENTICATED", "Query.salon"),
        ("UNAUTHENTICATED", "Query.branches"),
    ]


async def test_number_series_are_for_who_manages_the_settings(ask: Asker, database: Database) -> None:
    await make_branch(database)
    text = "{ branches { nodes { code numberSeries { pattern } } } }"

    body = await ask(text, "MANAGER")

    assert body["data"]["branches"]["nodes"] == [{"code": "BLR1", "numberSeries": None}]
    (error,) = body["errors"]
    assert error["extensions"] == {
        "code": "FORBIDDEN",
        "permission": "SETTINGS_MANAGE",
        "coordinate": "Branch.numberSeries",
    }


async def test_a_branch_is_added_with_its_series(ask: Asker) -> None:
    given = NEW | {"gstin": KARNATAKA_GSTIN, "taxScheme": "REGULAR"}

    added = await ask.data(ADD, input=given)
    again = await ask.data(ADD, input=given)

    branch = added["addBranch"]["branch"]
    assert (branch["code"], branch["gstin"], branch["taxScheme"]) == ("JAY", KARNATAKA_GSTIN, "REGULAR")
    assert [each["document"] for each in branch["numberSeries"]] == [
        "BILL_OF_SUPPLY", "CREDIT_NOTE", "DEBIT_NOTE", "PURCHASE_ORDER", "RECEIPT_VOUCHER", "REFUND_VOUCHER",
        "TAX_INVOICE",
    ]  # fmt: skip
    assert again["addBranch"]["__typename"] == "BranchCodeTaken"
    assert again["addBranch"]["code"] == "JAY"


@pytest.mark.parametrize(
    ("wrong", "issue"),
    [
        ({"code": "jay"}, ("code", "INVALID_CODE")),
        ({"code": "0JAY"}, ("code", "INVALID_CODE")),
        ({"stateCode": "25"}, ("stateCode", "UNKNOWN_STATE")),
        ({"gstin": KARNATAKA_GSTIN}, ("gstin", "GSTIN_BY_SCHEME")),
        ({"taxScheme": "REGULAR"}, ("gstin", "GSTIN_BY_SCHEME")),
        ({"taxScheme": "REGULAR", "gstin": "29AAFCA7488L1Z0"}, ("gstin", "INVALID_GSTIN")),
        ({"taxScheme": "REGULAR", "gstin": "27AAPFU0939F1ZV"}, ("gstin", "OTHER_STATE")),
        ({"taxScheme": "REGULAR", "gstin": KARNATAKA_GSTIN, "timeZone": "Asia/Dubai"}, ("timeZone", "GSTIN_ZONE")),
        ({"timeZone": "Mars/Olympus"}, ("timeZone", "UNKNOWN_ZONE")),
        ({"name": "  "}, ("name", "REQUIRED")),
    ],
)
async def test_what_is_wrong_with_a_branch_is_told_at_its_path(
    ask: Asker, wrong: dict[str, str], issue: tuple[str, str]
) -> None:
    found = (await ask.data(ADD, input=NEW | wrong))["addBranch"]

    assert found == {"__typename": "InvalidInput", "issues": [{"path": [issue[0]], "code": issue[1]}]}


async def test_a_branch_is_changed_by_who_read_its_version(ask: Asker, database: Database) -> None:
    branch_id = id_text("branch", await make_branch(database))
    text = """mutation($input: UpdateBranchInput!) { updateBranch(input: $input) { __typename
        ... on UpdateBranchSuccess { branch { name version gstin taxScheme } }
        ... on StaleVersion { currentVersion } ... on InvalidInput { issues { path code } } } }"""
    given: dict[str, Any] = {"branchId": branch_id, "expectedVersion": 1, "name": "Indiranagar"}

    first = await ask.data(text, input=given)
    second = await ask.data(text, input=given)
    left = await ask.data(text, input={"branchId": branch_id, "expectedVersion": 2, "taxScheme": "UNREGISTERED"})
    missing = await ask.data(text, input=given | {"branchId": id_text("branch", UUID(int=1))})

    assert first["updateBranch"]["branch"] == {
        "name": "Indiranagar", "version": 2, "gstin": KARNATAKA_GSTIN, "taxScheme": "REGULAR",
    }  # fmt: skip
    assert second["updateBranch"] == {"__typename": "StaleVersion", "currentVersion": 2}
    assert left["updateBranch"]["branch"]["gstin"] is None
    assert missing["updateBranch"]["issues"] == [{"path": ["branchId"], "code": "NOT_FOUND"}]


async def test_hours_are_replaced_as_a_whole(ask: Asker, database: Database) -> None:
    branch_id = id_text("branch", await make_branch(database))
    text = """mutation($input: SetOpeningHoursInput!) { setOpeningHours(input: $input) { __typename
        ... on SetOpeningHoursSuccess { branch { openingHours { weekday opensAt closesAt } } }
        ... on InvalidInput { issues { path code } } } }"""

    async def put(*hours: tuple[int, str, str]) -> Any:
        rows = [{"weekday": day, "opensAt": opens, "closesAt": closes} for day, opens, closes in hours]
        return (await ask.data(text, input={"branchId": branch_id, "hours": rows}))["setOpeningHours"]

    await put((0, "09:00", "21:00"), (1, "09:00", "21:00"))
    replaced = await put((6, "15:30", "20:00"), (6, "10:00", "14:00"))
    overlapping = await put((0, "09:00", "13:00"), (0, "12:59", "20:00"))
    typed = await put((0, "9:00", "25:00"))

    assert replaced["branch"]["openingHours"] == [
        {"weekday": 6, "opensAt": "10:00", "closesAt": "14:00"},
        {"weekday": 6, "opensAt": "15:30", "closesAt": "20:00"},
    ]
    assert overlapping["issues"] == [{"path": ["hours"], "code": "INVALID_HOURS"}]
    assert typed["issues"] == [
        {"path": ["hours", "0", "opensAt"], "code": "INVALID_TIME"},
        {"path": ["hours", "0", "closesAt"], "code": "INVALID_TIME"},
    ]


async def test_a_series_is_configured_only_lawfully(ask: Asker, database: Database) -> None:
    branch_id = id_text("branch", await make_branch(database))
    text = """mutation($input: ConfigureNumberSeriesInput!) { configureNumberSeries(input: $input) { __typename
        ... on ConfigureNumberSeriesSuccess { branch { numberSeries { document pattern digits } } }
        ... on InvalidInput { issues { path code message } } } }"""

    async def put(pattern: str, digits: int) -> Any:
        given = {"branchId": branch_id, "document": "CREDIT_NOTE", "pattern": pattern, "digits": digits}
        return (await ask.data(text, input=given))["configureNumberSeries"]

    lawful = await put("{branch}-{year}CN", 4)
    too_long = await put("{branch}/{year}/CN/", 5)
    taken = await put("{branch}/{year}/", 5)

    assert {"document": "CREDIT_NOTE", "pattern": "{branch}-{year}CN", "digits": 4} in lawful["branch"]["numberSeries"]
    assert too_long["issues"] == [
        {
            "path": ["pattern"],
            "code": "UNLAWFUL_NUMBER",
            "message": "Its longest number BLR1/2627/CN/99999 has 18 characters, and the law allows 16.",
        }
    ]
    assert [(each["path"], each["code"]) for each in taken["issues"]] == [(["pattern"], "TAKEN")]


async def test_the_profile_is_changed_by_the_owner_alone(ask: Asker, database: Database) -> None:
    await make_salon(database)
    text = """mutation($input: UpdateSalonInput!) { updateSalon(input: $input) {
        ... on UpdateSalonSuccess { salon { name legalName } } } }"""

    for role in ("MANAGER", "RECEPTIONIST", "STAFF", "ACCOUNTANT"):
        assert await ask.denied(text, role, input={"name": "Mine"}) == [("FORBIDDEN", "Mutation.updateSalon")]
    changed = await ask.data(text, input={"name": "Nayana & Co"})

    assert changed["updateSalon"]["salon"] == {"name": "Nayana & Co", "legalName": "Nayana Salons LLP"}
