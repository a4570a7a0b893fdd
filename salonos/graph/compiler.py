"""An operation and a set of rights become one SQL statement: fields to expressions, relations to correlated JSON.

Whatever is denied is decided here, before any SQL runs: the field is null in the statement, nothing below it is read,
and the plan carries one error for each coordinate.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from uuid import UUID

import orjson
from graphql import (
    FieldNode,
    GraphQLField,
    GraphQLNamedType,
    GraphQLObjectType,
    OperationDefinitionNode,
    get_named_type,
    get_nullable_type,
    is_list_type,
)
from graphql.execution.collect_fields import (
    FieldDetailsList,
    FragmentDetails,
    GroupedFieldSet,
    collect_fields,
    collect_subfields,
)
from graphql.execution.values import VariableValues
from sqlalchemy import (
    BindParameter,
    ColumnElement,
    FromClause,
    Select,
    Table,
    Text,
    Uuid,
    bindparam,
    case,
    exists,
    func,
    literal_column,
    null,
    select,
)
from sqlalchemy import Column as TableColumn
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import TypeEngine

from salonos.graph import inputs, leaves, pages, reads, sql
from salonos.graph.assemble import DEFINITION, Graph, rule_of_field
from salonos.graph.directives import Denial, Rule, rule
from salonos.graph.events import OnChange
from salonos.graph.limits import NAME_BYTES_MAX
from salonos.graph.plan import Getter, Inputs, Opener, Opening, Opens, OpensByType, Plan, actor_getter
from salonos.graph.values import Const, Given, Reader, is_given, plain_value
from salonos.kernel.actor import NOBODY, Access
from salonos.kernel.ids import id_prefix, id_value
from salonos.kernel.problems import BadRequest

NODES_MAX = 50
Piece: TypeAlias = tuple[ColumnElement[Any], Opening | None]
Path: TypeAlias = Sequence[str | None]
"""Response names from the root; None stands for a list, below which there is no one path."""


@dataclass(frozen=True)
class Wanted:
    """An object of a payload that the plan reads: its type, selection, and place in `Inputs.ids` (None: computed)."""

    kind: GraphQLObjectType
    details: FieldDetailsList
    place: int | None
    is_list: bool = False
    coordinate: str = ""
    guard: Rule | None = None


@dataclass
class Compiler:
    """Makes one plan. `variables` are those of the request at hand: only their shape may enter the plan."""

    graph: Graph
    fragments: dict[str, FragmentDetails]
    operation: OperationDefinitionNode
    variables: VariableValues
    access: Access
    getters: dict[str, Getter] = field(default_factory=dict)
    denials: dict[str, dict[str, Any]] = field(default_factory=dict)
    arguments: Mapping[str, Getter] = field(default_factory=dict)
    """The arguments of the reading that is being compiled."""
    aliases: int = 0
    varies: bool = False
    """As `Plan.varies`."""

    @property
    def reader(self) -> Reader:
        """Reads the arguments of fields."""
        return Reader(self.variables.coerced)

    # --- the whole statement

    def query(self, root: GraphQLObjectType) -> Plan:
        """The plan of an operation's root fields; introspection's are left out."""
        core = self.graph.core
        grouped = collect_fields(core, self.fragments, self.variables, root, self.operation).grouped_field_set
        columns: dict[str, ColumnElement[Any]] = {}
        opens: dict[str, Opening] = {}
        for key, details in grouped.items():
            name = details[0].node.name.value
            if name == "__typename":
                columns[key] = literal_column(f"""'"{root.name}"'""", Text())
            elif not name.startswith("__"):
                columns[key], opening = self.field(root, root.fields[name], details, None, [key])
                opens |= {key: opening} if opening else {}
        return self.plan(columns, opens)

    def payload(self, wanted: Mapping[str, Wanted], path: Path, *, probes: Sequence[Wanted] = ()) -> Plan:
        """A column for each response name of a payload that holds references; `probes` say what is within reach."""
        columns: dict[str, ColumnElement[Any]] = {}
        opens: dict[str, Opening] = {}
        for key, each in wanted.items():
            columns[key], opening = self.referred(each, [*path, key])
            opens |= {key: opening} if opening else {}
        for number, each in enumerate(probes):
            columns[f"{number}?"] = func.to_json(self.is_within_reach(each))
        return self.plan(columns, opens)

    def plan(self, columns: Mapping[str, ColumnElement[Any]], opens: Mapping[str, Opening]) -> Plan:
        """The finished plan."""
        denials = tuple(self.denials.values())
        heads = tuple(("," if place else "{") + orjson.dumps(key).decode() + ":" for place, key in enumerate(columns))
        if not columns:
            return Plan("", (), (), (), {}, denials, frozenset())
        text, binds = sql.compiled(columns)
        getters = tuple(_processed(self.getter_of(bind), bind) for bind in binds)
        actor_names = frozenset(b.key.removeprefix(reads.ACTOR) for b in binds if b.key.startswith(reads.ACTOR))
        return Plan(text, getters, tuple(columns), heads, opens, denials, actor_names, self.varies)

    def getter_of(self, bind: BindParameter[Any]) -> Getter:
        """How a parameter is got: ours by name, the actor's, the clock's; a constant of a declaration as it is."""
        if bind.key in self.getters:
            return self.getters[bind.key]
        if bind.key.startswith(reads.ACTOR):
            return actor_getter(bind.key)
        if bind.key == reads.NOW:
            return lambda given: given.now
        if bind.key.startswith(reads.ARGUMENT):
            raise TypeError(f"{bind.key} is no argument of this reading")
        value = bind.effective_value
        return lambda _: value

    # --- one field

    def field(
        self,
        parent: GraphQLObjectType,
        definition: GraphQLField,
        details: FieldDetailsList,
        at: FromClause | None,
        path: Path,
    ) -> Piece:
        """A field's expression over the row `at`, or null when it is denied."""
        node = details[0].node
        coordinate = f"{parent.name}.{node.name.value}"
        guard = rule_of_field(self.graph, definition)
        if guard is not None and (denial := guard.denial(self.access)):
            return self.denied(coordinate, denial, node, path)
        given = self.reader.arguments(node, definition) if definition.args else {}
        for denied_at, denial in self.denied_inputs(coordinate, definition, given).items():
            self.denied(denied_at, denial, node, path)
            given = {"": Const(None)}
        if "" in given:
            return null(), None
        read = definition.extensions[DEFINITION].metadata.get(reads.READ)
        if isinstance(read, OnChange):
            read = read.reading
        if at is None:
            return self.root(definition, read, details, given, path)
        target = get_named_type(definition.type)
        match read:
            case reads.Column():
                return self.leaf(parent, definition, read, at, read.opener(self.access, _constants(given)))
            case reads.One():
                value = sql.move(read.key, self.home(parent), at)
                return self.row_by(_object(target), details, value, path, outer=at, is_within=read.is_within)
            case reads.Many():
                return self.children(_object(target), read, details, at, path)
            case reads.Pages():
                return pages.Page(self, definition, read, details, given, path).within(at)
            case _:
                raise TypeError(f"{coordinate} does not say what it reads")

    def root(
        self, definition: GraphQLField, read: Any, details: FieldDetailsList, given: Mapping[str, Given], path: Path
    ) -> Piece:
        """A root field."""
        target = get_named_type(definition.type)
        match read:
            case reads.ById():
                kind = _object(target)
                getter = _id_getter(self.source(kind).prefix or "", given["id"])
                return self.row_by(kind, details, self.parameter(getter, Uuid()), path)
            case reads.ByKey():
                return self.row_by_key(_object(target), read, details, given, path)
            case reads.ByNode(listed=True):
                return self.nodes(given["ids"], details, path)
            case reads.ByNode():
                return self.node(given["id"], details, path)
            case reads.Pages():
                return pages.Page(self, definition, read, details, given, path).within(None)
            case reads.Reading():
                with self.reading(read, given):
                    return self.computed(definition, read, details, path)
            case _:
                raise TypeError(f"{path[-1]} does not say what it reads")

    def denied(self, coordinate: str, denial: Denial, node: FieldNode, path: Path) -> Piece:
        """Null, and the one error of this coordinate."""
        code = denial["code"]
        message = "Sign in to read this." if code == "UNAUTHENTICATED" else "You may not read this."
        error: dict[str, Any] = {"message": message, "extensions": {**denial, "coordinate": coordinate}}
        if node.loc:
            start = node.loc.start_token
            error["locations"] = [{"line": start.line, "column": start.column}]
        if None not in path:
            error["path"] = list(path)
        self.denials.setdefault(coordinate, error)
        return null(), None

    def denied_inputs(self, coordinate: str, definition: GraphQLField, given: Mapping[str, Given]) -> inputs.Denials:
        """Arguments, input fields and enum values that were used without their permission: all of the plan's key."""
        if not any(is_given(value) for value in given.values()):
            return {}
        arguments = inputs.arguments_of(coordinate, definition.args)
        if not arguments.guarded:
            return {}
        now = Inputs(self.variables.coerced, NOBODY)
        return arguments.denials({name: plain_value(value, now) for name, value in given.items()}, self.access)

    def leaf(
        self, parent: GraphQLNamedType, definition: GraphQLField, read: reads.Column, at: FromClause, opener: Any
    ) -> Piece:
        """A scalar or an enum, masked where these rights see a part only."""
        home, masking = self.home(parent), read.masking
        if masking is not None and masking.unless not in self.access.permissions:
            if masking.part is not None:
                return masking.mask.of_part(sql.move(masking.part, home, at)), None
            return masking.mask.of_whole(sql.move(read.expressions[0], home, at)), None
        shape = None if _is_list(definition) else get_named_type(definition.type).name
        written = leaves.written(read, shape, home, leaves.name_of(at))
        return leaves.leaf(read, shape, home, at) if written is None else written, opener

    # --- rows

    def subfields(self, kind: GraphQLObjectType, details: FieldDetailsList) -> GroupedFieldSet:
        """The selection on a type, by response name.

        Raises: BadRequest for a response name that PostgreSQL would cut.
        """
        grouped = collect_subfields(
            self.graph.core, self.fragments, self.variables, self.operation, kind, details
        ).grouped_field_set
        if any(len(key) > NAME_BYTES_MAX for key in grouped):
            raise BadRequest(f"A response name has at most {NAME_BYTES_MAX} bytes.")
        return grouped

    def row(
        self, kind: GraphQLObjectType, details: FieldDetailsList, at: FromClause, path: Path
    ) -> tuple[dict[str, ColumnElement[Any]], Opens | None]:
        """The selection on one row, a value for each response name."""
        values: dict[str, ColumnElement[Any]] = {}
        opens: dict[str, Opens | Opener] = {}
        source = self.source(kind)
        for key, sub in self.subfields(kind, details).items():
            name = sub[0].node.name.value
            opening: Any = None
            if name == "__typename":
                value: ColumnElement[Any] = sql.text_literal(kind.name)
            elif name == "id" and source.prefix is not None:
                value = leaves.row_id(source.prefix, leaves.name_of(at))
            else:
                value, opening = self.field(kind, kind.fields[name], sub, at, [*path, key])
            values[key] = value
            if opening is not None:
                opens[key] = opening
        return values, Opens(opens) if opens else None

    def row_by(
        self,
        kind: GraphQLObjectType,
        details: FieldDetailsList,
        row_id: ColumnElement[Any],
        path: Path,
        *,
        outer: FromClause | None = None,
        is_within: bool = False,
    ) -> Piece:
        """The row with an id, if it is within reach."""
        row = self.alias(kind)
        values, opens = self.row(kind, details, row, path)
        reach = [] if is_within else self.reach(kind, row)
        query = select(sql.selection(values)).select_from(row).where(row.c.id == row_id, *reach)
        return sql.json_row(sql.correlated(query, outer)), opens

    def row_by_key(
        self,
        kind: GraphQLObjectType,
        read: reads.ByKey,
        details: FieldDetailsList,
        given: Mapping[str, Given],
        path: Path,
    ) -> Piece:
        """The row with a natural key, the newest where there are several."""
        row = self.alias(kind)
        values, opens = self.row(kind, details, row, path)
        tests = []
        for graphql_name, value in given.items():
            argument = read.keys[_python_name(graphql_name)]
            if argument.on is None:
                raise TypeError(f"{graphql_name} names no column")
            column = row.c[str(argument.on.key)]
            tests.append(column == self.parameter(_argument_getter(argument, value), column.type))
        order = [row.c.id.desc()] if "id" in row.c else []
        query = (
            select(sql.selection(values))
            .select_from(row)
            .where(*tests, *self.reach(kind, row))
            .order_by(*order)
            .limit(1)
        )
        return sql.json_row(query), opens

    def children(
        self, kind: GraphQLObjectType, read: reads.Many, details: FieldDetailsList, at: FromClause, path: Path
    ) -> Piece:
        """A bounded list below a row."""
        row = self.alias(kind)
        values, opens = self.row(kind, details, row, [*path, None])
        tests = [row.c[read.key.key] == at.c.id] if read.key is not None else []
        if read.on is not None:
            tests.append(read.on(at, row))
        order = self.ordered(kind, read.order_by, row, among=read.key)
        tests += self.reach(kind, row, via=read.key)
        query = (
            select(sql.selection(values)).select_from(row).where(*tests).order_by(*order).limit(sql.number(read.limit))
        )
        return sql.json_list(sql.correlated(query, at)), opens

    def computed(self, definition: GraphQLField, read: reads.Reading, details: FieldDetailsList, path: Path) -> Piece:
        """A root's computed row, or a bounded list of rows."""
        kind = _object(get_named_type(definition.type))
        is_list = _is_list(definition)
        row = self.alias(kind)
        values, opens = self.row(kind, details, row, [*path, None] if is_list else path)
        tests = self.reach(kind, row) + ([read.predicate(row)] if read.predicate else [])
        query = select(sql.selection(values)).select_from(row).where(*tests)
        query = query.order_by(*self.ordered(kind, read.order_by, row)).limit(sql.number(read.limit))
        return (sql.json_list(query) if is_list else sql.json_row(query)), opens

    def ordered(
        self, kind: GraphQLObjectType, by: Sequence[reads.Expression], row: FromClause, *, among: Any = None
    ) -> list[ColumnElement[Any]]:
        """The order of a bounded list `among` those with one value of a key; the table's key breaks ties, if there are."""
        moved = [sql.move(each, self.home(kind), row) for each in by]
        source = self.source(kind).rows
        keys = sql.tie_breakers(source, by, among) if isinstance(source, Table) and by else ()
        return [*moved, *[row.c[key] for key in keys]]

    def referred(self, wanted: Wanted, path: Path) -> Piece:
        """What stands where a payload holds a reference, or a list of them in its order, without those out of reach."""
        kind, place = wanted.kind, wanted.place
        if wanted.guard is not None and (denial := wanted.guard.denial(self.access)):
            return self.denied(wanted.coordinate, denial, wanted.details[0].node, path)
        if place is None:
            return self.computed_payload(kind, wanted.details, path)
        if not wanted.is_list:
            return self.row_by(kind, wanted.details, self.parameter(lambda i: i.ids[place], Uuid()), path)
        ids = self.parameter(lambda i: i.ids[place], ARRAY(Uuid()))
        listed = func.unnest(ids).table_valued(TableColumn("id", Uuid), with_ordinality="place", name="ids")
        listed = listed.render_derived()
        value, opens = self.row_by(kind, wanted.details, listed.c.id, [*path, None], outer=listed)
        # OFFSET 0 keeps PostgreSQL from making each row twice: once to look whether it is there, once to list it.
        made = select(value.label("value")).select_from(listed).offset(literal_column("0")).subquery()
        query = select(func.coalesce(func.json_agg(made.c.value), sql.NOTHING)).where(made.c.value.is_not(None))
        return query.scalar_subquery(), opens

    def computed_payload(self, kind: GraphQLObjectType, details: FieldDetailsList, path: Path) -> Piece:
        """A computed row in a payload: it has no arguments."""
        row = self.alias(kind)
        values, opens = self.row(kind, details, row, path)
        return sql.json_row(
            select(sql.selection(values)).select_from(row).where(*self.reach(kind, row)).limit(1)
        ), opens

    def is_within_reach(self, wanted: Wanted) -> ColumnElement[bool]:
        """Whether a referred row may be seen."""
        place = wanted.place
        if place is None or self.type_denial(wanted.kind) is not None:
            return literal_column("true" if place is None else "false")
        row = self.alias(wanted.kind)
        value = self.parameter(lambda i: i.ids[place], Uuid())
        return exists(
            select(literal_column("1")).select_from(row).where(row.c.id == value, *self.reach(wanted.kind, row))
        )

    # --- sources

    def source(self, kind: GraphQLNamedType) -> reads.Source:
        """Where a type's rows come from."""
        return self.graph.sources[kind.name]

    def home(self, kind: GraphQLNamedType) -> FromClause:
        """What a type's declared expressions refer to."""
        return self.source(kind).home

    def alias(self, kind: GraphQLNamedType) -> FromClause:
        """A type's rows under a name of their own, a computed select with the arguments of its reading."""
        self.aliases += 1
        name = f"t{self.aliases}"
        source = self.source(kind).rows
        if not isinstance(source, reads.Computed):
            return sql.named(source, name)
        rows, arguments = reads.computed_as(source, self.access, name)
        for bind, argument in arguments.items():
            self.getters[bind] = self.arguments.get(argument, lambda _: None)
        return rows

    @contextmanager
    def reading(self, read: reads.Reading, given: Mapping[str, Given]) -> Iterator[None]:
        """While a reading is compiled, its computed selects bind these arguments."""
        outer = self.arguments
        self.arguments = {
            (python_name := _python_name(name)): _argument_getter(read.arguments[python_name], value)
            for name, value in given.items()
        }
        yield
        self.arguments = outer

    def reach(self, kind: GraphQLNamedType, row: FromClause, via: Any = None) -> list[ColumnElement[bool]]:
        """The row scope of these rights. Children reached through their parent share the parent's."""
        source = self.source(kind)
        if source.scope is None:
            return []
        if isinstance(source.scope, reads.Within):
            return self.reach_of_parent(source.scope, row, via)
        return [*leaves.scope(source, self.access, leaves.name_of(row))]

    def reach_of_parent(self, within: reads.Within, row: FromClause, via: Any) -> list[ColumnElement[bool]]:
        """An EXISTS over the parent, where the rows are not reached through it and its scope narrows anything."""
        if via is not None and via.key == within.key.key:
            return []
        kind = self.graph.core.type_map[within.parent]
        up = self.alias(kind)
        scope = self.reach(kind, up)
        if not scope:
            return []
        test: Select[Any] = select(literal_column("1")).select_from(up).where(up.c.id == row.c[within.key.key], *scope)
        return [exists(test.correlate(row))]

    # --- any object by its id

    def type_denial(self, kind: GraphQLNamedType) -> Denial | None:
        """Why these rights may not read a type."""
        guard = rule(self.source(kind).requires)
        return guard.denial(self.access) if guard is not None else None

    def type_by_prefix(self, prefix: str) -> GraphQLObjectType:
        """The type whose ids have a prefix.

        Raises: BadRequest for a prefix of none.
        """
        kind = self.graph.by_prefix.get(prefix)
        if kind is None:
            raise BadRequest("No object has such an id.")
        return kind

    def node(self, given: Given, details: FieldDetailsList, path: Path) -> Piece:
        """The id's prefix is part of the plan's key, so that one table is read."""
        prefix = id_prefix(plain_value(given, Inputs(self.variables.coerced, NOBODY)))
        kind = self.type_by_prefix(prefix)
        if denial := self.type_denial(kind):
            return self.denied("Query.node", denial, details[0].node, path)
        return self.row_by(kind, details, self.parameter(_id_getter(prefix, given), Uuid()), path)

    def nodes(self, given: Given, details: FieldDetailsList, path: Path) -> Piece:
        """A CASE by prefix for each id, in the order of the ids; unknown and unreachable ones are null."""
        now: list[str] = plain_value(given, Inputs(self.variables.coerced, NOBODY))
        listed = func.unnest(
            self.parameter(lambda i: [id_prefix(each) for each in _node_ids(given, i)], ARRAY(Text())),
            self.parameter(lambda i: [id_value(id_prefix(each), each) for each in _node_ids(given, i)], ARRAY(Uuid())),
        ).table_valued(TableColumn("prefix", Text), TableColumn("id", Uuid), with_ordinality="place", name="ids")
        listed = listed.render_derived()
        found: dict[str, tuple[GraphQLObjectType, ColumnElement[Any], Opening | None]] = {}
        for prefix in sorted({id_prefix(each) for each in now}):
            kind = self.type_by_prefix(prefix)
            if denial := self.type_denial(kind):
                self.denied("Query.nodes", denial, details[0].node, path)
                continue
            found[prefix] = (kind, *self.row_by(kind, details, listed.c.id, [*path, None], outer=listed))
        if not found:
            answer: ColumnElement[Any] = literal_column("null::json")
        else:
            answer = case(
                *[
                    (listed.c.prefix == sql.text_literal(prefix), _typed(kind, value) if _any_opens(found) else value)
                    for prefix, (kind, value, _) in found.items()
                ]
            )
        query = select(func.coalesce(func.json_agg(answer), sql.NOTHING)).select_from(listed)
        by_type = {kind.name: opening for kind, _, opening in found.values()}
        return query.scalar_subquery(), OpensByType(by_type) if _any_opens(found) else None  # type: ignore[arg-type]

    # --- parameters

    def parameter(self, get: Getter, kind: TypeEngine[Any]) -> BindParameter[Any]:
        """A value that comes with each request."""
        name = f"p{len(self.getters)}"
        self.getters[name] = get
        return bindparam(name, type_=kind)


def _object(kind: GraphQLNamedType) -> GraphQLObjectType:
    if not isinstance(kind, GraphQLObjectType):
        raise TypeError(f"{kind.name} is no object")
    return kind


def _is_list(definition: GraphQLField) -> bool:
    return is_list_type(get_nullable_type(definition.type))


def _python_name(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


def _constants(given: Mapping[str, Given]) -> dict[str, Any]:
    """What a leaf was given, all of the plan's key: `check` lets it have enums only."""
    return {_python_name(name): value.value for name, value in given.items() if isinstance(value, Const)}


def _any_opens(found: Mapping[str, tuple[GraphQLObjectType, ColumnElement[Any], Opening | None]]) -> bool:
    return any(opening is not None for _, _, opening in found.values())


def _typed(kind: GraphQLObjectType, value: ColumnElement[Any]) -> ColumnElement[Any]:
    """A row with its type's name beside it, for what Python finishes; null when there is no row."""
    return func.json_build_object(literal_column("'t'"), sql.text_literal(kind.name), literal_column("'v'"), value)


def _node_ids(given: Given, request: Inputs) -> list[str]:
    ids: list[str] = plain_value(given, request)
    if not 1 <= len(ids) <= NODES_MAX:
        raise BadRequest(f"`ids` has 1 to {NODES_MAX} ids.")
    return ids


def _id_getter(prefix: str, given: Given) -> Getter:
    def get(request: Inputs) -> UUID:
        return id_value(prefix, plain_value(given, request))

    return get


def _argument_getter(argument: reads.Argument, given: Given) -> Getter:
    """An argument's value; an id of a type as its UUID."""
    prefix = argument.prefix

    def get(request: Inputs) -> Any:
        value = plain_value(given, request)
        if value is None or prefix is None:
            return checked_text(value)
        return id_value(prefix, value)

    return get


def checked_text(value: Any) -> Any:
    """A value that PostgreSQL can hold.

    Raises: BadRequest for text with a NUL character.
    """
    if isinstance(value, str) and "\0" in value:
        raise BadRequest("Text holds no NUL character.")
    return value


def _processed(get: Getter, bind: BindParameter[Any]) -> Getter:
    """What SQLAlchemy's type does to a value on its way to asyncpg."""
    process: Callable[[Any], Any] | None = bind.type.dialect_impl(sql.DIALECT).bind_processor(sql.DIALECT)
    if process is None:
        return get
    return lambda given: process(get(given))
