"""Connections: keyset pages of a row source, forwards or backwards, in one correlated subselect.

page      rows after and before the marks, in the scan's order, one more than asked for when the client wants to
know whether there are more
numbered  with each row's place and how many were fetched
found     the selection on each row; the extra row is dropped before its selection is read
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from graphql import GraphQLField, GraphQLInputObjectType, GraphQLObjectType, get_named_type
from graphql.execution.collect_fields import FieldDetailsList, GroupedFieldSet
from sqlalchemy import (
    BindParameter,
    ColumnElement,
    DateTime,
    FromClause,
    Integer,
    Text,
    Uuid,
    case,
    func,
    literal_column,
    null,
    select,
    text,
    tuple_,
)
from sqlalchemy.types import Enum as EnumType
from sqlalchemy.types import TypeEngine
from strawberry.utils.str_converters import to_camel_case

from salonos.graph import reads, sql
from salonos.graph.assemble import DEFINITION
from salonos.graph.plan import Getter, Inputs, Opening, Opens
from salonos.graph.values import Const, Given, is_given, plain_value
from salonos.kernel.ids import id_value
from salonos.kernel.problems import BadRequest

if TYPE_CHECKING:
    from salonos.graph.compiler import Compiler, Path, Piece

PAGE_MAX = 100
COUNTED_MAX = 10_000
_FETCHED: ColumnElement[int] = literal_column("count(*) over ()", Integer()).label("fetched_")
_MORE = "coalesce(max(fetched_) > count(*), false)"


@dataclass
class Page:
    """One connection field of one plan."""

    compiler: "Compiler"
    definition: GraphQLField
    read: reads.Pages
    details: FieldDetailsList
    given: Mapping[str, Given]
    path: "Path"
    opens: dict[str, Any] = field(default_factory=dict)

    # --- what was asked

    @cached_property
    def kind(self) -> GraphQLObjectType:
        """The connection's type."""
        return _object(get_named_type(self.definition.type))

    @cached_property
    def target(self) -> GraphQLObjectType:
        """The rows' type."""
        return _object(get_named_type(self.kind.fields["nodes"].type))

    @cached_property
    def grouped(self) -> GroupedFieldSet:
        """The selection on the connection."""
        return self.compiler.subfields(self.kind, self.details)

    @cached_property
    def order_name(self) -> str:
        """The order's name: part of the plan's key, since enums are."""
        given = self.given.get("orderBy")
        value = given.value if isinstance(given, Const) else None
        return self.read.default_order if value is None else str(value.name)

    @property
    def order(self) -> reads.Order:
        """The order."""
        return self.read.orders[self.order_name]

    @property
    def is_backward(self) -> bool:
        """Whether the page is counted from the end."""
        return is_given(self.given.get("last"))

    @cached_property
    def wants_more(self) -> bool:
        """Whether one more row is fetched, to know if there are more."""
        return "pageInfo" in {sub[0].node.name.value for sub in self.grouped.values()}

    @cached_property
    def size(self) -> Getter:
        """How many rows the client wants, by request.

        Raises: BadRequest when asked.
        """
        first, last = self.given.get("first"), self.given.get("last")
        written = {a.name.value: a.value for a in self.details[0].node.arguments or ()}
        if self.is_backward:
            kind = self.definition.args["first"].type
            if "first" in written and is_given(self.compiler.reader.value(written["first"], kind)):
                raise BadRequest("Ask for `first` or for `last` rows, not for both.")
            return _size_getter(last, "last")
        default = self.definition.args["first"].default_value
        return _size_getter(first if is_given(first) else Const(default), "first")

    # --- rows

    def within(self, at: FromClause | None) -> "Piece":
        """The connection's object: below the row `at`, or at the root."""
        compiler, source = self.compiler, self.compiler.source(self.target)
        base = compiler.alias(self.target)
        if self.read.key is None and source.requires in compiler.access.own:
            compiler.varies = True  # one's own rows may be few or nearly all of them
        tests = [*self.conditions(base), *compiler.reach(self.target, base, via=self.read.key)]
        tests += [only(base) for only in self.read.filters]
        if self.read.key is not None and at is not None:
            tests.append(base.c[self.read.key.key] == at.c.id)
        key = sql.move(self.order.key(compiler.access), source.home, base)
        numbered = self.numbered(base, key, tests, at)
        if [sub[0].node.name.value for sub in self.grouped.values()] == ["nodes"]:
            return self.only_nodes(numbered)
        total = self.total_count(base, tests, at)
        return self.whole(numbered, total), Opens(self.opens) if self.opens else None

    def numbered(
        self, base: FromClause, key: ColumnElement[Any], tests: list[ColumnElement[bool]], at: FromClause | None
    ) -> FromClause:
        """The page's rows with `key_`; with `place_` and `fetched_` too when the client asks where it stands."""
        marks = [self.beyond(name, key, base) for name in ("after", "before") if is_given(self.given.get(name))]
        needed = self.needed()
        columns = [column for column in base.c if column.key != "key_" and (needed is None or column.key in needed)]
        page = select(*columns, key.label("key_")).where(*tests, *marks)
        page = page.order_by(*self.turned(key, base.c.id, scan=True)).limit(self.limit())
        name = f"{base.description}_page"
        rows: FromClause = sql.correlated(page, at).subquery(name)
        if not self.wants_more:
            return rows
        place = self.place_of(rows, scan=True).label("place_")
        return select(rows, place, _FETCHED).subquery(f"{name}d")

    def needed(self) -> set[str] | None:
        """The columns that the selection on a row reads; None for all of them, where that can't be told.

        What is not read is neither carried through the page's sorts nor compiled.
        """
        home, found = self.compiler.home(self.target), {"id"}
        for details in self.selections():
            for sub in self.compiler.subfields(self.target, details).values():
                definition = self.target.fields.get(sub[0].node.name.value)
                read = definition and definition.extensions[DEFINITION].metadata.get(reads.READ)
                match read:
                    case reads.Column():
                        masked = [read.masking.part] if read.masking and read.masking.part is not None else []
                        expressions = [*read.expressions, *masked]
                    case reads.One():
                        expressions = [read.key]
                    case reads.Many() if read.on is not None:
                        return None
                    case _:  # by the row's id
                        expressions = []
                for each in expressions:
                    found |= sql.columns_of(each, home)
        return found

    def selections(self) -> Iterator[FieldDetailsList]:
        """What is selected of a row, as a node and as an edge's node."""
        for sub in self.grouped.values():
            match sub[0].node.name.value:
                case "nodes":
                    yield sub
                case "edges":
                    edge = _object(get_named_type(self.kind.fields["edges"].type))
                    for inner in self.compiler.subfields(edge, sub).values():
                        if inner[0].node.name.value == "node":
                            yield inner

    def turned(
        self, key: ColumnElement[Any], row_id: ColumnElement[Any], *, scan: bool = False
    ) -> list[ColumnElement[Any]]:
        """The order's terms: as the client sees the rows, or as a backward scan fetches them."""
        falling = self.order.descending is not (scan and self.is_backward)
        return [key.desc(), row_id.desc()] if falling else [key.asc(), row_id.asc()]

    def place_of(self, rows: FromClause, *, scan: bool = False) -> ColumnElement[int]:
        """Each row's number, from one, in the same order."""
        return literal_column(f"row_number() over (order by {self.terms(rows, scan=scan)})", Integer())

    def terms(self, rows: FromClause, *, scan: bool = False) -> str:
        """The same order of rows of the page, as text."""
        turn = "desc" if self.order.descending is not (scan and self.is_backward) else "asc"
        return f"{rows.description}.key_ {turn}, {rows.description}.id {turn}"

    def limit(self) -> BindParameter[Any]:
        """How many rows are fetched."""
        size, extra = self.size, int(self.wants_more)
        return self.compiler.parameter(lambda request: size(request) + extra, Integer())

    def beyond(self, name: str, key: ColumnElement[Any], base: FromClause) -> ColumnElement[bool]:
        """Rows strictly after, or before, a cursor's place."""
        cursor, order = self.given[name], self.order_name
        kind: TypeEngine[Any] = Text() if isinstance(key.type, EnumType) else key.type
        parts: Callable[[Inputs], Any] = lambda request: sql.cursor_parts(plain_value(cursor, request), order)  # noqa: E731
        value = self.compiler.parameter(lambda request: sql.cursor_key(parts(request)[0], kind), kind)
        mark = self.compiler.parameter(lambda request: parts(request)[1], Uuid())
        rows, place = tuple_(key, base.c.id), tuple_(value, mark)
        return rows < place if self.order.descending is (name == "after") else rows > place

    def conditions(self, base: FromClause) -> list[ColumnElement[bool]]:
        """The filter's conditions. What was denied did not come so far."""
        given = self.given.get("filter")
        named = [self.named(name, argument, base) for name, argument in self.read.keys.items()]
        if not isinstance(given, Mapping):
            return named
        kind = get_named_type(self.definition.args["filter"].type)
        if not isinstance(kind, GraphQLInputObjectType):
            raise TypeError(f"{kind.name} is no filter")
        home = self.compiler.home(self.target)
        found = named
        for name, value in given.items():
            if is_given(value):
                test: reads.Where = kind.fields[name].extensions[DEFINITION].metadata[reads.READ]
                binds = [self.compared(part, value) for part in test.parts]
                self.compiler.varies |= test.varies and test.on is not self.order.key(self.compiler.access)
                found.append(sql.move(test.test(self.compiler.access, binds), home, base))
        return found

    def named(self, name: str, argument: reads.Argument, base: FromClause) -> ColumnElement[bool]:
        """What an argument of the connection itself says of its column; such arguments are never optional."""
        if argument.on is None or argument.prefix is None:
            raise TypeError(f"{name} names no column of ids")
        value = self.given[to_camel_case(name)]
        column = base.c[str(argument.on.key)]
        return column == self.compared(reads.Part(partial(id_value, argument.prefix), column.type), value)

    def compared(self, part: reads.Part, value: Given) -> ColumnElement[Any]:
        """A condition's parameter. An enum is part of the plan's key and stands in the text: some members are rare."""
        if isinstance(part.kind, EnumType) and isinstance(value, Const):
            return literal_column(f"'{part.make(value.value).name}'", part.kind)
        return self.compiler.parameter(_part_getter(part, value), part.kind)

    # --- JSON

    def only_nodes(self, rows: FromClause) -> "Piece":
        """The everyday page needs no row of its own."""
        ((key, sub),) = self.grouped.items()
        values, opens = self.compiler.row(self.target, sub, rows, [*self.path, key, None])
        query = select(sql.selection(values)).select_from(rows).order_by(text(self.terms(rows)))
        return sql.json_row(select(sql.selection({key: sql.json_list(query)}))), Opens({key: opens}) if opens else None

    def whole(self, rows: FromClause, total: ColumnElement[Any]) -> ColumnElement[Any]:
        """Any other selection on a connection: per row `inside`, over all rows `outside`."""
        inside: dict[str, ColumnElement[Any]] = {}
        outside: dict[str, ColumnElement[Any]] = {}
        for key, sub in self.grouped.items():
            match sub[0].node.name.value:
                case "nodes" | "edges" as name:
                    value, opens = self.node(sub, rows, key) if name == "nodes" else self.edge(sub, rows, key)
                    self.opens |= {key: opens} if opens else {}
                    label = f"k{len(inside)}"
                    inside[label] = value
                    outside[key] = _listed(label)
                case "totalCount":
                    outside[key] = total
                case "pageInfo":
                    outside[key] = self.page_info(sub)
                case _:
                    outside[key] = sql.text_literal(self.kind.name)
        made = select(sql.selection(outside))
        if not inside and not self.wants_more:  # only totalCount or __typename: the rows are not read at all
            return sql.json_row(made)
        one_group: ColumnElement[bool] = literal_column("true")  # HAVING: one row also without an aggregate
        return sql.json_row(made.select_from(self.found(rows, inside)).having(one_group))

    def found(self, rows: FromClause, inside: dict[str, ColumnElement[Any]]) -> FromClause:
        """The rows' values, each with its place and what its end of the page needs."""
        if self.wants_more:
            inside = {**inside, "fetched_": literal_column("fetched_"), "cursor_": self.cursor(rows)}
        query = select(sql.selection({**inside, "nth_": self.place_of(rows)})).select_from(rows)
        if self.wants_more:
            query = query.where(rows.c.place_ <= self.compiler.parameter(self.size, Integer()))
        return query.order_by(text(self.terms(rows))).subquery(f"{rows.description}_found")

    def cursor(self, rows: FromClause) -> ColumnElement[str]:
        """A row's place in this order, for the client to come back to."""
        return sql.cursor_sql(self.order_name, is_instant=isinstance(rows.c.key_.type, DateTime))

    def node(self, sub: FieldDetailsList, rows: FromClause, key: str) -> "Piece":
        """A row's selection as an object."""
        values, opens = self.compiler.row(self.target, sub, rows, [*self.path, key, None])
        return sql.json_value(values, rows), opens

    def edge(self, details: FieldDetailsList, rows: FromClause, key: str) -> "Piece":
        """A row with its cursor."""
        kind = _object(get_named_type(self.kind.fields["edges"].type))
        values: dict[str, ColumnElement[Any]] = {}
        opens: dict[str, Any] = {}
        for name, sub in self.compiler.subfields(kind, details).items():
            match sub[0].node.name.value:
                case "cursor":
                    value: ColumnElement[Any] = self.cursor(rows)
                case "node":
                    node, opening = self.compiler.row(self.target, sub, rows, [*self.path, key, None, name])
                    value = sql.json_value(node, rows)
                    opens |= {name: opening} if opening else {}
                case _:
                    value = sql.text_literal(kind.name)
            values[name] = value
        opening_of_edge: Opening | None = Opens(opens) if opens else None
        return sql.json_value(values, rows), opening_of_edge

    def page_info(self, details: FieldDetailsList) -> ColumnElement[Any]:
        """Where the page stands. Beyond a mark that was given there are rows."""
        kind = _object(self.compiler.graph.core.type_map["PageInfo"])
        after, before = (str(is_given(self.given.get(name))).lower() for name in ("after", "before"))
        values: Mapping[str, str] = {
            "hasNextPage": before if self.is_backward else f"{_MORE} or {before}",
            "hasPreviousPage": f"{_MORE} or {after}" if self.is_backward else after,
            "startCursor": "(array_agg(cursor_ order by nth_))[1]",
            "endCursor": "(array_agg(cursor_ order by nth_))[count(*)]",
            "__typename": f"'{kind.name}'",
        }
        selected = self.compiler.subfields(kind, details)
        return sql.json_object({name: values[sub[0].node.name.value] for name, sub in selected.items()})

    def total_count(
        self, base: FromClause, tests: list[ColumnElement[bool]], at: FromClause | None
    ) -> ColumnElement[Any]:
        """How many rows all pages have; counting stops above the limit."""
        some = sql.correlated(select(literal_column("1").label("one")).select_from(base).where(*tests), at)
        counted = some.limit(COUNTED_MAX + 1).subquery(f"{base.description}_counted")
        count = func.count()
        query = select(case((count <= COUNTED_MAX, count), else_=null())).select_from(counted)
        return sql.correlated(query, at).scalar_subquery()


def _object(kind: Any) -> GraphQLObjectType:
    if not isinstance(kind, GraphQLObjectType):
        raise TypeError(f"{kind} is no object")
    return kind


def _listed(label: str) -> ColumnElement[Any]:
    """In their order, said aloud: PostgreSQL sorts for one ordered aggregate and leaves the others what it got."""
    return literal_column(f"coalesce(json_agg({label} order by nth_), '[]')")


def _size_getter(given: Given | None, name: str) -> Getter:
    def get(request: Inputs) -> int:
        size = plain_value(given, request) if given is not None else None
        if not isinstance(size, int) or not 1 <= size <= PAGE_MAX:
            raise BadRequest(f"`{name}` is 1 to {PAGE_MAX}.")
        return size

    return get


def _part_getter(part: reads.Part, given: Given) -> Getter:
    """A condition's parameter, made in Python of the input's value."""

    def get(request: Inputs) -> Any:
        value = plain_value(given, request)
        try:
            made = part.make(value)
        except ValueError as error:
            raise BadRequest(str(error)) from None
        if isinstance(made, str) and "\0" in made:
            raise BadRequest("Text holds no NUL character.")
        return made

    return get
