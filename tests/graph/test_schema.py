"""The SDL says everything, and start-up refuses a promise without ground."""

import dataclasses
from typing import Any

import pytest
import sqlalchemy as sa

from salonos.graph import check, narrowing, reads
from salonos.graph.assemble import DEFINITION, SchemaFault, assemble
from salonos.graph.directives import rule
from salonos.graph.fields import EXTENSIONS, by_id, extend, key
from salonos.graph.roots import Query
from salonos.kernel.permissions import Permission
from tests.graph import tables, world
from tests.graph.world import GRAPH


def test_the_sdl_prints_descriptions_and_directives() -> None:
    sdl = GRAPH.sdl

    assert '"""What the goods had cost us."""\n  cost: Money @requiresPermission(permission: COST_READ)' in sdl
    assert "name: String! @masked(unless: CUSTOMER_CONTACT_READ, as: FIRST_NAME)" in sdl
    assert "): Node @authenticated" in sdl
    assert "viewer: Viewer @public" in sdl
    assert "type Bill implements Node @requiresPermission(permission: BILL_READ) {" in sdl
    assert "): Bill @requiresPermission(permission: BILL_READ)" in sdl
    assert "union PostBillResult = PostBillSuccess | BillAlreadyPosted | InvalidInput | StaleVersion" in sdl
    assert "type BillConnection {" in sdl
    assert "VOID @requiresPermission(permission: BILL_VOID)" in sdl
    assert "unitPrice: Money @requiresPermission(permission: BILL_PRICE_OVERRIDE)" in sdl
    assert "scalar Date @specifiedBy(url:" in sdl
    assert "= null" not in sdl
    for name in ("public", "authenticated", "requiresPermission", "masked"):
        assert f"directive @{name}" in sdl


def test_every_promise_of_the_test_world_rests_on_the_catalogue() -> None:
    assert check.faults(GRAPH) == []


def test_the_targets_of_extensions_stay_as_they_were() -> None:
    names = {each.python_name for each in Query.__strawberry_definition__.fields}  # type: ignore[attr-defined]

    assert names == {"node", "nodes"}
    assert "bills" in GRAPH.core.type_map["Customer"].fields  # type: ignore[attr-defined]


def test_a_field_declared_twice_is_refused() -> None:
    class Again:
        bill: world.Bill | None = by_id("Once more.")

    Again.__module__ = world.__name__
    extend(Query)(Again)
    try:
        with pytest.raises(SchemaFault, match=r"Query\.bill is declared twice"):
            assemble([world])
    finally:
        EXTENSIONS.pop()


CUSTOMER_KEY = key(tables.Bill.version, "Not indexed.")


@pytest.mark.parametrize(
    ("where", "read", "fault"),
    [
        ("Bill.total", reads.Column((tables.Bill.number,)), "Money does not rest on"),
        ("Bill.total", reads.Column((tables.BillLine.position,)), "Money does not rest on"),
        ("Bill.number", reads.Column((tables.Bill.total_paise,)), "String does not rest on"),
        ("Customer.name", reads.Column((tables.Customer.notes,)), "its SQL may be null"),
        (
            "BillLine.position",
            reads.Column((sa.cast(tables.BillLine.position, sa.BigInteger),)),
            "Int does not rest on",
        ),
        ("Bill.status", reads.Column((tables.Payment.method,)), "BillStatus lacks CASH, UPI"),
        ("Bill.total", reads.Column((tables.Bill.total_paise, tables.Bill.id)), "several expressions need `opens`"),
        ("Viewer.id", reads.Column((world.viewers.c.id,)), "an id needs the prefix"),
        ("Bill.branch", reads.One(tables.Bill.branch_id), "needs a NOT NULL key and `within`"),
        ("Bill.branch", reads.One(tables.Bill.customer_id, is_within=True), "needs a NOT NULL key and `within`"),
        ("Bill.lines", reads.Many(tables.BillLine.position, (), 9), "no index begins with position"),
        (
            "Query.bills",
            reads.Pages(None, {"X": reads.Order(tables.Bill.posted_at)}, "X"),
            "order X: its key may be null",
        ),
        ("Query.bills", reads.Pages(None, {"X": reads.Order(tables.Bill.version)}, "X"), "no index has its key"),
        (
            "Query.customers",
            reads.Pages(None, {"X": reads.Order(tables.Customer.name)}, "X"),
            "order X: would tell what needs CUSTOMER_CONTACT_READ",
        ),
        ("Query.billByNumber", reads.ByKey({"number": CUSTOMER_KEY}), "no index begins with version"),
        ("Bill.total", None, "does not say what it reads"),
    ],
)
def test_start_up_refuses_a_promise_without_ground(
    where: str, read: Any, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind, name = where.split(".")
    declared = GRAPH.core.type_map[kind].fields[name].extensions[DEFINITION]  # type: ignore[attr-defined]
    monkeypatch.setattr(declared, "metadata", {reads.READ: read} if read else {})

    found = check.faults(GRAPH)

    assert [each for each in found if each.startswith(f"{where}:") and fault in each], found


@pytest.mark.parametrize(
    ("where", "fault"),
    [
        ("Query.branches", "a root field carries exactly one of"),
        ("Mutation.postBill", "a root field carries exactly one of"),
        ("Subscription.billPosted", "a root field carries exactly one of"),
    ],
)
def test_start_up_refuses_a_root_without_a_guard(where: str, fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kind, name = where.split(".")
    declared = GRAPH.core.type_map[kind].fields[name].extensions[DEFINITION]  # type: ignore[attr-defined]
    monkeypatch.setattr(declared, "directives", [])

    assert any(each.startswith(f"{where}: {fault}") for each in check.faults(GRAPH))


def test_start_up_refuses_a_non_null_way_to_a_guarded_type(monkeypatch: pytest.MonkeyPatch) -> None:
    source = dataclasses.replace(GRAPH.sources["Branch"], requires=Permission.SETTINGS_MANAGE)
    monkeypatch.setitem(GRAPH.sources, "Branch", source)  # type: ignore[arg-type]  # it is a dict

    found = check.faults(GRAPH)

    assert "Bill.branch: may be denied, so it is nullable" in found
    assert "Viewer.branches: may be denied, so it is nullable" in found


def test_start_up_refuses_a_parent_that_has_no_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    scope = reads.Within(tables.BillLine.bill_id, "Sale")
    source = dataclasses.replace(GRAPH.sources["BillLine"], scope=scope)
    monkeypatch.setitem(GRAPH.sources, "BillLine", source)  # type: ignore[arg-type]  # it is a dict

    assert "BillLine: lies within Sale, which has no rows" in check.faults(GRAPH)


def test_start_up_refuses_a_filter_that_would_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    declared = GRAPH.core.type_map["CustomerFilter"].fields["search"].extensions[DEFINITION]  # type: ignore[attr-defined]
    told = dataclasses.replace(declared.metadata[reads.READ], masked=None)
    monkeypatch.setattr(declared, "metadata", {reads.READ: told})

    assert "Query.customers: filter search: would tell what needs CUSTOMER_CONTACT_READ" in check.faults(GRAPH)


@pytest.mark.parametrize(
    ("where", "permission", "rows"),
    [
        ("Bill.number", Permission.COMMISSION_READ, "BILL_READ"),
        ("Branch.name", Permission.CUSTOMER_NOTES_READ, "nothing that own work narrows"),
        ("PostBillSuccess.method", Permission.BILL_READ, "nothing that own work narrows"),
        ("BillAlreadyPosted.number", Permission.BILL_READ, "nothing that own work narrows"),
        ("Query.viewer", Permission.COMMISSION_READ, "nothing that own work narrows"),
    ],
)
def test_start_up_refuses_own_work_where_nothing_narrows_it(
    where: str, permission: Permission, rows: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind, name = where.split(".")
    declared = GRAPH.core.type_map[kind].fields[name].extensions[DEFINITION]  # type: ignore[attr-defined]
    monkeypatch.setattr(declared, "directives", [rule(permission)])

    (fault,) = [each for each in narrowing.faults(GRAPH) if each.startswith(f"{where}:")]

    assert f"needs {permission.value}, which may be held for own work only" in fault
    assert f"its rows need {rows}:" in fault


@pytest.mark.parametrize("kind", ["Customer", "DayFigures"])
def test_start_up_refuses_rows_that_own_work_does_not_narrow(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    source = dataclasses.replace(GRAPH.sources[kind], requires=Permission.COMMISSION_READ)
    monkeypatch.setitem(GRAPH.sources, kind, source)  # type: ignore[arg-type]  # it is a dict

    told = f"{kind}: COMMISSION_READ may be held for own work only, but all rows are seen then"
    assert told in check.faults(GRAPH)


def test_start_up_refuses_a_filter_that_is_narrower_than_its_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(narrowing, "PARTS", frozenset())

    found = {each.split(":")[0] for each in narrowing.faults(GRAPH)}

    assert {"Customer.notes", "Query.bills(filter.customerId)"} <= found


def test_start_up_refuses_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    core = GRAPH.core
    monkeypatch.setattr(core.type_map["Bill"], "description", None)
    monkeypatch.setattr(core.type_map["Bill"].fields["total"], "description", "")  # type: ignore[attr-defined]
    monkeypatch.setattr(core.type_map["BillStatus"].values["DRAFT"], "description", None)  # type: ignore[attr-defined]
    monkeypatch.setattr(core.type_map["PostBillInput"].fields["note"], "description", None)  # type: ignore[attr-defined]

    silent = {"Bill", "Bill.total", "BillStatus.DRAFT", "PostBillInput.note"}

    assert {each.split(":")[0] for each in check.faults(GRAPH)} == silent
