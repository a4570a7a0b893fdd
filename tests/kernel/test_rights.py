"""Permissions, roles and actors: one Access per set of rights, guards that refuse."""

from uuid import UUID

import pytest

from salonos.kernel.actor import NOBODY, Actor, Reach, access, reach_of
from salonos.kernel.permissions import ROLES, Permission
from salonos.kernel.problems import Forbidden, InvalidInput, Unauthenticated

HERE, THERE = UUID(int=7), UUID(int=8)


def receptionist() -> Actor:
    rights = ROLES["RECEPTIONIST"]
    return Actor(UUID(int=3), access(rights.permissions, rights.own, Reach.ONE_BRANCH), (HERE,))


def test_actors_with_the_same_rights_share_one_access() -> None:
    assert receptionist().access is receptionist().access
    assert receptionist().access is not Actor.system().access


def test_own_permissions_are_permissions() -> None:
    assert all(rights.own <= rights.permissions for rights in ROLES.values())
    assert ROLES["OWNER"].permissions == frozenset(Permission)


def test_a_permission_that_is_missing_is_named() -> None:
    with pytest.raises(Forbidden) as refused:
        receptionist().require(Permission.COST_READ)

    assert refused.value.extensions == {"code": "FORBIDDEN", "permission": "COST_READ"}
    receptionist().require(Permission.BILL_CREATE)
    assert receptionist().may(Permission.BILL_CREATE)


def test_nobody_is_asked_to_sign_in() -> None:
    with pytest.raises(Unauthenticated):
        NOBODY.require(Permission.BILL_READ)


def test_a_foreign_branch_is_answered_as_a_missing_one() -> None:
    with pytest.raises(InvalidInput) as refused:
        receptionist().require_branch(THERE)

    assert [(issue.path, issue.code) for issue in refused.value.issues] == [(("branchId",), "NOT_FOUND")]
    receptionist().require_branch(HERE)
    assert receptionist().branch_id == HERE
    assert Actor.system().reaches(THERE)
    assert reach_of((HERE,)) is Reach.ONE_BRANCH
    assert reach_of((HERE, THERE)) is Reach.BRANCHES
