"""Declared expressions over other aliases; what the catalogue proves of an expression; results kept as JSON."""

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import aliased

from salonos.graph import leaves, prewritten, results, sql
from salonos.graph.catalogue import is_never_null, is_ordered_by_index
from salonos.graph.reads import Ref, Source, actor_value, argument_value
from salonos.kernel.actor import NOBODY
from tests.graph import tables, world
from tests.graph.world import GRAPH, PaymentMethod, PostBillSuccess

BILLS: Any = tables.Bill.__table__


def moved(expression: Any) -> str:
    alias = BILLS.alias("b1")
    return " ".join(str(sa.select(alias.c.id, sql.move(expression, BILLS, alias))).split())


@pytest.mark.parametrize("said", [True, False])
def test_a_correlated_subselect_moves_also_when_it_says_correlate(said: bool) -> None:  # noqa: FBT001  a case
    inner = sa.select(sa.func.sum(tables.BillLine.cost_paise)).where(tables.BillLine.bill_id == tables.Bill.id)
    inner = inner.correlate(tables.Bill) if said else inner

    text = moved(sa.func.coalesce(inner.scalar_subquery(), 0))

    assert "FROM world_bill_lines WHERE world_bill_lines.bill_id = b1.id" in text
    assert text.endswith("FROM world_bills AS b1")


def test_another_alias_of_the_same_table_stays() -> None:
    other = aliased(tables.Bill)

    text = moved(
        sa.select(sa.func.count())
        .select_from(other)
        .where(other.customer_id == tables.Bill.customer_id)
        .scalar_subquery()
    )

    assert "FROM world_bills AS world_bills_1 WHERE world_bills_1.customer_id = b1.customer_id" in text


def test_a_condition_with_an_exists_moves() -> None:
    lines = sa.select(tables.BillLine.id).where(tables.BillLine.bill_id == tables.Bill.id)

    assert "world_bill_lines.bill_id = b1.id" in moved(sa.exists(lines))


def over_bills(value: Any) -> str:
    """A statement over bills that are called b1, with a value whose text was made before."""
    alias = BILLS.alias("b1")
    made = prewritten.value(sql.move(value, BILLS, alias), alias)
    assert made is not None
    return " ".join(str(sa.select(made.label("x")).select_from(alias).compile(dialect=sql.DIALECT)).split())


def test_what_is_written_before_keeps_its_parameters_and_its_correlation_at_any_depth() -> None:
    inner = sa.select(sa.func.sum(tables.BillLine.cost_paise)).where(
        tables.BillLine.bill_id == tables.Bill.id, tables.BillLine.cost_paise > actor_value("least", sa.Integer())
    )
    value = sa.func.coalesce(inner.scalar_subquery(), sa.literal_column("'100 %'"))
    told = over_bills(value)
    assert told.count("FROM world_bills") == 1
    assert "bill_id = b1.id" in told
    assert told.endswith("> $1::INTEGER), '100 %') AS x FROM world_bills AS b1")

    alias = BILLS.alias("b1")
    made: Any = prewritten.value(sql.move(value, BILLS, alias), alias)
    deep = sa.select(made.label("x")).correlate(alias)
    whole = sa.select(sql.json_row(deep)).select_from(alias)
    assert str(whole.compile(dialect=sql.DIALECT)).count("FROM world_bills") == 1


def test_rows_that_are_written_before_stand_where_their_select_stood() -> None:
    query: Any = sa.select(BILLS.c.id, argument_value("day", sa.Date()).label("day"))
    made = prewritten.rows(query.where(BILLS.c.id == actor_value("id", sa.Uuid())), "t1")
    told = " ".join(str(sa.select(made.c.day).select_from(made).compile(dialect=sql.DIALECT)).split())
    assert (
        told
        == "SELECT t1.day FROM (SELECT world_bills.id, $1::DATE AS day FROM world_bills WHERE world_bills.id = $2::UUID) AS t1"
    )


def test_a_condition_with_an_or_keeps_its_place_among_others() -> None:
    source = Source(BILLS, "bill", lambda _: sa.or_(BILLS.c.id.is_(None), BILLS.c.id.is_not(None)), None)
    (condition,) = leaves.scope(source, NOBODY.access, "b1")
    told = str(sa.select(sa.literal_column("1")).where(sa.literal_column("false"), condition))
    assert " ".join(told.split()) == "SELECT 1 WHERE false AND (b1.id IS NULL OR b1.id IS NOT NULL)"


def test_a_stray_table_is_refused() -> None:
    with pytest.raises(sa.exc.SAWarning, match="cartesian product"):
        sql.compiled({"a": sql.json_row(sa.select(tables.Bill.id, tables.Customer.name))})


BILL, LINE = tables.Bill, tables.BillLine


@pytest.mark.parametrize(
    ("expression", "certain"),
    [
        (BILL.total_paise, True),
        (BILL.number, False),
        (BILL.total_paise - BILL.paid_paise, True),
        (BILL.total_paise == BILL.paid_paise, True),
        (BILL.number.is_(None), True),
        (BILL.number == "x", False),
        (sa.func.coalesce(BILL.number, ""), True),
        (sa.func.coalesce(BILL.number, BILL.posted_at), False),
        (sa.func.upper(BILL.number), False),
        (sa.cast(BILL.total_paise, sa.Integer), True),
        (sa.case((BILL.number.is_(None), 1), else_=2), True),
        (sa.case((BILL.number.is_(None), 1)), False),
        (sa.exists(sa.select(LINE.id)), True),
        (sa.select(sa.func.count()).select_from(LINE).scalar_subquery(), True),
        (sa.select(sa.func.sum(LINE.cost_paise)).scalar_subquery(), False),
        (sa.select(sa.func.coalesce(sa.func.sum(LINE.cost_paise), 0)).scalar_subquery(), True),
        (sa.select(sa.func.coalesce(LINE.cost_paise, 0)).scalar_subquery(), False),
        (sa.select(sa.func.count()).select_from(LINE).group_by(LINE.bill_id).scalar_subquery(), False),
        (sa.null(), False),
        (sa.literal(5), True),
        (actor_value("id", sa.Uuid()), True),
        (argument_value("date", sa.Date()), False),
        (world.day_figures.c.bill_count, True),
        (world.status_sales.c.paise, False),
    ],
)
def test_what_is_never_null(expression: Any, certain: bool) -> None:  # noqa: FBT001  the expected answer
    assert is_never_null(expression) is certain


@pytest.mark.parametrize(
    ("key", "ordered"),
    [(BILL.created_at, True), (BILL.number, True), (BILL.posted_at, False), (BILL.customer_id, False), (BILL.id, True)],
)
def test_which_orders_an_index_has(key: Any, ordered: bool) -> None:  # noqa: FBT001  the expected answer
    assert is_ordered_by_index(BILLS, key) is ordered


def test_cursors_of_sql_and_python_are_the_same() -> None:
    row_id = UUID(int=7)

    text = sql.cursor_text("NAME", "a|b ß", row_id)

    assert sql.cursor_parts(text, "NAME") == ("a|b ß", row_id)


def test_a_kept_result_is_restored() -> None:
    row_id, at = UUID(int=9), datetime(2026, 11, 23, tzinfo=UTC)
    success = PostBillSuccess(
        bill=Ref(world.Bill, row_id),  # type: ignore[arg-type]  # it stands for one
        lines=[Ref(world.BillLine, row_id)],  # type: ignore[list-item]
        posted_at=at,
        method=PaymentMethod.UPI,
        margin=None,
        warnings=[world.BillAlreadyPosted(message="m", number="n", bill=None, posted_by=None)],
    )

    again = results.restored(results.stored(success), GRAPH.types)

    assert isinstance(again, PostBillSuccess)
    assert (again.posted_at, again.method) == (at, PaymentMethod.UPI)
    assert isinstance(again.bill, Ref)
    assert (again.bill.kind, again.bill.id) == (world.Bill, row_id)
    assert [each.message for each in again.warnings] == ["m"]
    assert results.restored(results._stored(date(2026, 1, 2)), {}) == date(2026, 1, 2)


@pytest.mark.parametrize("wrong", [5, object(), {"a": 1}])
def test_what_is_no_result_is_not_kept(wrong: Any) -> None:
    with pytest.raises(TypeError):
        results.stored(wrong)
