"""Pure decisions: passwords, throttles, roles against each other, sealed successors."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salonos.identity import rules
from salonos.identity.rules import Count, PasswordFault, Quota, Throttle
from salonos.kernel.permissions import ROLES, Permission, RoleRights

START = datetime(2026, 7, 1, 9, tzinfo=UTC)
PERMISSIONS_PAGE = """
✓ ✓ ✓ own ✓ BILL_READ
✓ ✓ ✓ – – BILL_CREATE PAYMENT_TAKE BILL_POST_ON_ACCOUNT BILL_DISCOUNT
✓ ✓ – – – BILL_DISCOUNT_APPROVE BILL_PRICE_OVERRIDE BILL_VOID BILL_REFUND BILL_WRITE_OFF PAYMENT_CORRECT
✓ ✓ ✓ own – APPOINTMENT_READ APPOINTMENT_SERVE
✓ ✓ ✓ – – APPOINTMENT_BOOK APPOINTMENT_CHANGE QUEUE_MANAGE
✓ ✓ ✓ ✓ ✓ CATALOG_READ
✓ ✓ – – – CATALOG_MANAGE
✓ ✓ ✓ own ✓ CUSTOMER_READ
✓ ✓ ✓ – – CUSTOMER_CONTACT_READ
✓ ✓ ✓ own – CUSTOMER_NOTES_READ
✓ ✓ ✓ – – CUSTOMER_WRITE
✓ ✓ – – – CUSTOMER_MERGE
✓ – – – – CUSTOMER_ERASE CUSTOMER_EXPORT
✓ ✓ ✓ ✓ ✓ STOCK_READ
✓ ✓ ✓ ✓ – STOCK_REQUEST
✓ ✓ ✓ – – STOCK_RECEIVE STOCK_COUNT PURCHASE_MANAGE
✓ ✓ ✓ – ✓ SUPPLIER_READ
✓ ✓ – – – STOCK_APPROVE STOCK_TRANSFER
✓ ✓ – – ✓ COST_READ
✓ ✓ ✓ – – DRAWER_OPERATE
✓ ✓ – – – DRAWER_EXPECTED_READ DRAWER_REOPEN DAY_CLOSE
✓ – – – – DAY_REOPEN
✓ ✓ ✓ – ✓ EXPENSE_RECORD
✓ ✓ – – – EXPENSE_RECORD_PAYROLL EXPENSE_APPROVE
✓ ✓ ✓ – ✓ DASHBOARD_READ
✓ ✓ – – ✓ REVENUE_READ SUMMARY_READ
✓ – – – ✓ BOOKS_READ REPORT_EXPORT GST_RETURN_READ PROFIT_READ JOURNAL_POST GST_RETURN_FILE
✓ ✓ ✓ ✓ ✓ STAFF_READ
✓ ✓ – – – STAFF_PROFILE_READ STAFF_MANAGE
✓ – – – – ROLE_MANAGE API_KEY_MANAGE SETTINGS_MANAGE
✓ ✓ – own ✓ COMMISSION_READ
✓ – – – ✓ AUDIT_READ
✓ – – – – SCHEMA_READ
"""


def test_the_roles_are_those_that_were_agreed_upon() -> None:
    agreed = {}
    for line in PERMISSIONS_PAGE.split("\n")[1:-1]:
        owner, manager, receptionist, staff, accountant, *names = line.split()
        for name in names:
            agreed[name] = (owner, manager, receptionist, staff, accountant)

    table = rules.permissions_markdown(ROLES).split("\n")

    assert table[:2] == [
        "| permission | owner | manager | receptionist | staff | accountant |",
        "|---|---|---|---|---|---|",
    ]
    assert table[2:-1] == [f"| {each.value} | {' | '.join(agreed[each.value])} |" for each in Permission]
    assert set(agreed) == set(Permission.__members__)


@pytest.mark.parametrize(
    ("password", "fault"),
    [
        ("", PasswordFault.TOO_SHORT),
        ("seven77", PasswordFault.TOO_SHORT),
        ("a long sentence " * 8 + "!", PasswordFault.TOO_LONG),
        ("password", PasswordFault.TOO_COMMON),
        ("P@ssw0rd", PasswordFault.TOO_COMMON),
        ("PASSWORD2026!", PasswordFault.TOO_COMMON),
        ("Salon@123", PasswordFault.TOO_COMMON),
        ("salonos1", PasswordFault.TOO_COMMON),
        ("hair salon 1", PasswordFault.TOO_COMMON),
        ("Bangalore@1", PasswordFault.TOO_COMMON),
        ("iloveyou!!", PasswordFault.TOO_COMMON),
        ("12345678", PasswordFault.TOO_COMMON),
        ("9845012345", PasswordFault.TOO_COMMON),
        ("31121990", PasswordFault.TOO_COMMON),
        ("aaaaaaaa", PasswordFault.TOO_COMMON),
        ("abcabcabc", PasswordFault.TOO_COMMON),
        ("abcdefgh", PasswordFault.TOO_COMMON),
        ("poiuytrewq", PasswordFault.TOO_COMMON),
        ("qwertyui", PasswordFault.TOO_COMMON),
        ("Asha1234", PasswordFault.TOO_COMMON),
        ("asha.rao@1", PasswordFault.TOO_COMMON),
        ("nine purple umbrellas", None),
        ("Kx9#mPq2", None),
        ("अनार और आम का रस", None),
        ("a long sentence " * 8, None),
    ],
)
def test_passwords_that_others_try_first_are_refused(password: str, fault: PasswordFault | None) -> None:
    assert rules.password_fault(password, own_words=("asha", "Asha Rao", "")) is fault


def test_a_listed_password_is_refused_in_every_spelling_of_it() -> None:
    listed = rules.listed_cores(["starwars", "1qaz2wsx", "M1dn1ght", "abc"])

    def fault(password: str) -> PasswordFault | None:
        return rules.password_fault(password, listed=listed)

    assert listed == {"starwars", "iqaz2wsx", "qaz2wsx", "midnight"}
    for refused in ("starwars", "St@rWars!!", "2026starwars", "1qaz2wsx", "1QAZ2WSX.", "midnight12"):
        assert fault(refused) is PasswordFault.TOO_COMMON
    for good in ("starwars and tea", "abc of umbrellas", "midnightblueumbrella"):
        assert fault(good) is None


@given(st.text(max_size=200))
def test_any_text_has_one_answer(password: str) -> None:
    fault = rules.password_fault(password, own_words=(password[:5],))

    assert (fault is PasswordFault.TOO_SHORT) == (len(password) < 8)
    assert (fault is PasswordFault.TOO_LONG) == (len(password) > 128)


def test_the_wait_doubles_up_to_its_bound() -> None:
    throttle = Throttle(free=3, wait_max=timedelta(seconds=10))

    waits = [throttle.wait_after(failures).total_seconds() for failures in range(10)]

    assert waits == [0, 0, 0, 1, 2, 4, 8, 10, 10, 10]
    assert throttle.wait_after(10**9) == timedelta(seconds=10)


DAY = timedelta(days=1)


@given(
    quota=st.builds(Quota, at_once=st.integers(1, 12), a_day=st.integers(1, 12)),
    waits_s=st.lists(st.integers(0, 8 * 3_600) | st.just(0), max_size=80),
)
def test_no_day_has_more_wrong_guesses_than_a_quota_says(quota: Quota, waits_s: list[int]) -> None:
    now = START
    count = Count(0, now, now, now)
    looked_at: list[datetime] = []
    for wait_s in waits_s:
        now += timedelta(seconds=wait_s)
        if now >= count.retry_at:
            count = quota.after_failure(count, now=now)
            looked_at.append(now)
            assert count.kept_until > now
            assert 1 <= count.failures <= quota.at_once

    for first in looked_at:
        assert len([each for each in looked_at if first <= each < first + DAY]) <= quota.at_once + quota.a_day - 1


def test_a_quota_lets_one_more_through_for_each_that_is_forgotten() -> None:
    quota, now = Quota(at_once=3, a_day=6), START
    count = Count(0, now, now, now)
    for _ in range(3):
        assert count.retry_at <= now
        count = quota.after_failure(count, now=now)

    assert count == Count(3, now, now + timedelta(hours=4), now + timedelta(hours=12))
    later = now + timedelta(hours=9)
    assert quota.after_failure(count, now=later) == Count(2, now + timedelta(hours=8), later, now + timedelta(hours=16))
    forgotten = now + timedelta(days=3)
    assert quota.after_failure(count, now=forgotten) == Count(1, forgotten, forgotten, forgotten + timedelta(hours=4))


def test_a_lock_stays_closed() -> None:
    quota = Quota(at_once=1, a_day=6, is_lock=True)

    count = quota.after_failure(Count(0, START, START, START), now=START)

    assert (count.failures, count.retry_at, count.kept_until) == (1, START + rules.LOCKED_FOR, START + rules.LOCKED_FOR)


rights = st.sets(st.sampled_from(Permission)).flatmap(
    lambda held: st.builds(
        RoleRights,
        st.just(frozenset(held)),
        st.sets(st.sampled_from(sorted(held, key=lambda each: each.value))).map(frozenset)
        if held
        else st.just(frozenset()),
    )
)


@given(rights)
def test_everybody_can_grant_what_they_have_and_an_owner_everything(mine: RoleRights) -> None:
    assert rules.missing_for(mine, mine) == frozenset()
    assert rules.missing_for(ROLES["OWNER"], mine) == frozenset()
    assert rules.missing_for(RoleRights(frozenset()), mine) == mine.permissions


def test_who_has_a_right_for_own_work_grants_it_for_own_work_only() -> None:
    own = RoleRights(frozenset({Permission.BILL_READ}), frozenset({Permission.BILL_READ}))
    whole = RoleRights(frozenset({Permission.BILL_READ}))

    assert rules.missing_for(own, own) == frozenset()
    assert rules.missing_for(whole, own) == frozenset()
    assert rules.missing_for(own, whole) == {Permission.BILL_READ}


def test_permissions_of_another_release_grant_nothing() -> None:
    assert rules.rights_of(["BILL_READ", "TELEPORT"], ["TELEPORT", "STOCK_READ"]) == RoleRights(
        frozenset({Permission.BILL_READ})
    )


def test_a_successor_opens_for_its_parent_and_our_key_only() -> None:
    sealed = rules.seal_successor("next", parent="first", key=b"k" * 32)

    assert rules.open_successor(sealed, parent="first", key=b"k" * 32) == "next"
    assert b"next" not in sealed
    for parent, key, blob in (
        ("other", b"k" * 32, sealed),
        ("first", b"l" * 32, sealed),
        ("first", b"k" * 32, sealed[:-1]),
        ("first", b"k" * 32, b""),
    ):
        with pytest.raises(ValueError, match="not this parent's successor"):
            rules.open_successor(blob, parent=parent, key=key)
