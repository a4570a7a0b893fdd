"""A second reader, for the differential test only: plain graphql-core over plain rows.

It knows a schema by its SDL (guards and masks are read from the printed directives) and by what each field reads; but
it joins, orders, pages, masks, opens and writes values in Python, from rows that simple top-level selects return.
"""

import dataclasses
from base64 import b64encode, urlsafe_b64decode
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from graphql import GraphQLEnumType, GraphQLScalarType, GraphQLSchema, build_schema, execute_sync, get_named_type, parse
from sqlalchemy import Table, bindparam, literal, select
from sqlalchemy.ext.asyncio import AsyncSession
from strawberry.utils.str_converters import to_camel_case

from salonos.graph import reads
from salonos.graph.assemble import DEFINITION, Graph
from salonos.graph.scalars import instant_text
from salonos.kernel.actor import Actor
from salonos.kernel.database import Database
from salonos.kernel.ids import id_value

Row = dict[str, Any]


def plain_schema(graph: Graph) -> GraphQLSchema:
    """The schema built from its own SDL, with the scalars and enums of the real one and no resolvers."""
    made = build_schema(graph.sdl)
    for name, kind in made.type_map.items():
        ours = graph.core.type_map.get(name)
        if name.startswith("__") or not isinstance(kind, GraphQLScalarType | GraphQLEnumType):
            continue
        for method in ("coerce_output_value", "coerce_input_value", "coerce_input_literal"):
            setattr(kind, method, getattr(ours, method))
    return made


def key_columns(home: Any) -> list[Any]:
    """What tells a table's rows apart."""
    return [home.c.id] if "id" in home.c else list(home.primary_key)


def needed(node: Any) -> str | None:
    """The permission that a definition's printed directives demand; `authenticated` for a mere sign-in."""
    for directive in getattr(node, "directives", None) or ():
        if directive.name.value == "requiresPermission":
            return str(directive.arguments[0].value.value)
        if directive.name.value in {"authenticated", "public"}:
            return str(directive.name.value)
    return None


@dataclasses.dataclass
class Rows:
    """All rows of one type: every declared expression of each, who may see which, and their places in each order."""

    by_id: dict[Any, Row]
    visible: set[Any]
    ranks: dict[str, dict[Any, int]] = dataclasses.field(default_factory=dict)
    keys: dict[str, dict[Any, Any]] = dataclasses.field(default_factory=dict)


class Plain:
    """Reads as one actor. `load` fetches all rows once; then everything happens in Python."""

    def __init__(self, graph: Graph, schema: GraphQLSchema, actor: Actor) -> None:
        self.graph = graph
        self.schema = schema
        self.actor = actor
        self.permissions = {permission.name for permission in actor.access.permissions}
        self.rows: dict[str, Rows] = {}
        self.matching: dict[Any, set[Any]] = {}
        self.computed: dict[Any, list[Row]] = {}
        self.denied: set[str] = set()
        self.missing: list[Callable[[AsyncSession], Any]] = []

    # --- loading

    async def load(self, database: Database) -> None:
        """All rows of all tables, and what the scopes let this actor see."""
        async with AsyncSession(database.engine) as session:
            tables = {name: s for name, s in self.graph.sources.items() if isinstance(s.rows, Table)}
            for name, source in tables.items():
                self.rows[name] = await self.load_table(session, name, source)
            for name, source in tables.items():
                await self.narrow(session, name, source)

    async def load_table(self, session: AsyncSession, name: str, source: reads.Source) -> Rows:
        home: Any = source.rows
        wanted = self.expressions(name)
        query = select(*[column.label(f"column {column.key}") for column in home.c])
        query = query.add_columns(*[expression.label(label) for label, expression in wanted.items()])
        found = [dict(row._mapping) for row in await self.run(session, query)]
        for row in found:
            row["__typename"] = name
        keys = [f"column {column.key}" for column in key_columns(home)]
        return Rows({tuple(row[key] for key in keys) if len(keys) > 1 else row[keys[0]]: row for row in found}, set())

    def expressions(self, name: str) -> dict[str, Any]:
        """What each leaf of a type is made of, by label."""
        found: dict[str, Any] = {}
        for field, definition in self.fields(name).items():
            read = self.read(definition)
            if isinstance(read, reads.Column):
                for number, expression in enumerate(read.expressions):
                    found[f"{field} {number}"] = expression
                if read.masking is not None and read.masking.part is not None:
                    found[f"{field} part"] = read.masking.part
            if isinstance(read, reads.One):
                found[f"{field} 0"] = read.key
        return found

    async def narrow(self, session: AsyncSession, name: str, source: reads.Source) -> None:
        rows = self.rows[name]
        if isinstance(source.scope, reads.Within):
            parent = self.rows[source.scope.parent]
            if not parent.visible:
                await self.narrow(session, source.scope.parent, self.graph.sources[source.scope.parent])
            key = f"column {source.scope.key.key}"
            rows.visible = {row_id for row_id, row in rows.by_id.items() if row[key] in parent.visible}
            return
        scope = source.scope(self.actor.access) if source.scope is not None else None
        if scope is None:
            rows.visible = set(rows.by_id)
            return
        home: Any = source.rows
        found = await self.run(session, select(home.c.id).where(scope))
        rows.visible = set(found.scalars())

    async def run(self, session: AsyncSession, query: Any, arguments: Row | None = None) -> Any:
        """A statement with what it binds of the actor, the clock and a reading's arguments."""
        given: Row = {}
        for name in query.compile().params:
            if name.startswith(reads.ACTOR):
                value = getattr(self.actor, name.removeprefix(reads.ACTOR))
                given[name] = list(value) if isinstance(value, tuple) else value
            elif name.startswith((reads.ARGUMENT, reads.NOW)):
                given[name] = (arguments or {}).get(name)
        return await session.execute(query, given)

    def fields(self, name: str) -> dict[str, Any]:
        return getattr(self.graph.core.type_map[name], "fields", {})

    def read(self, definition: Any) -> Any:
        declared = definition.extensions.get(DEFINITION)
        return declared.metadata.get(reads.READ) if declared is not None else None

    # --- executing

    async def execute(self, database: Database, text: str, variables: dict[str, Any]) -> Any:
        """The data. What Python can't know beforehand (a filter's matches) is fetched, and the execution repeated."""
        while True:
            self.denied, self.missing = set(), []
            result = execute_sync(
                self.schema,
                parse(text),
                variable_values=variables,
                field_resolver=self.resolve,
                type_resolver=self.kind,
            )
            if not self.missing:
                assert not result.errors, result.errors
                return result.data
            async with AsyncSession(database.engine) as session:
                for fetch in self.missing:
                    await fetch(session)

    def kind(self, value: Any, *_: Any) -> str:
        return str(value["__typename"])

    def denies(self, coordinate: str, permission: str | None) -> bool:
        if permission in {None, "public"}:
            return False
        allowed = self.actor.access.signed_in if permission == "authenticated" else permission in self.permissions
        if not allowed:
            self.denied.add(coordinate)
        return not allowed

    def resolve(self, source: Any, info: Any, **given: Any) -> Any:  # noqa: C901, PLR0911  one for each kind of read
        parent, name = info.parent_type, info.field_name
        field = parent.fields[name]
        target = get_named_type(field.type)
        if "nodes" in getattr(target, "fields", {}) and target.name.endswith("Connection"):
            target = get_named_type(target.fields["nodes"].type)
        own = needed(field.ast_node) or needed(getattr(target, "ast_node", None))
        if self.denies(f"{parent.name}.{name}", own):
            return None
        if any([self.denies_input(field.args[each].type, value) for each, value in given.items()]):  # noqa: C419  all
            return None
        if isinstance(source, dict) and "page" in source:
            return self.of_page(source, name)
        definition = self.fields(parent.name)[name]
        read = self.read(definition)
        row: Row = source
        if name == "id" and not isinstance(read, reads.Column):
            return self.id_text(row["__typename"], row["column id"])
        match read:
            case reads.Column():
                value = self.leaf(row, name, read, given)
                return date.fromisoformat(value) if target.name == "Date" and isinstance(value, str) else value
            case reads.One():
                return self.one(target.name, row[f"{name} 0"], is_within=read.is_within)
            case reads.Many():
                return self.many(target.name, read, row)
            case reads.Pages():
                return self.page(target.name, read, row, given, definition)
            case reads.ById():
                return self.one(target.name, UUID(given["id"].partition("_")[2]))
            case reads.ByKey():
                return self.by_key(target.name, read, given)
            case reads.ByNode():
                ids = given.get("ids", [given.get("id")])
                found = [self.node(each, f"Query.{name}") for each in ids]
                return found if read.listed else found[0]
            case reads.Reading():
                return self.reading(target.name, read, given, is_list=bool(read.order_by))
            case _:
                raise AssertionError(f"{parent.name}.{name}")

    def denies_input(self, kind: Any, value: Any) -> bool:
        """Whether something of an input is guarded and used."""
        named = get_named_type(kind)
        if value is None:
            return False
        if isinstance(value, list):
            return any([self.denies_input(named, each) for each in value])  # noqa: C419  each is told
        if isinstance(named, GraphQLEnumType):
            node = named.values[value.name].ast_node
            return self.denies(f"{named.name}.{value.name}", needed(node))
        if isinstance(value, dict):
            return any(
                [  # noqa: C419  each is told
                    self.denies(f"{named.name}.{key}", needed(named.fields[key].ast_node))
                    | self.denies_input(named.fields[key].type, inner)
                    for key, inner in value.items()
                    if inner is not None
                ]
            )
        return False

    # --- rows

    def id_text(self, kind: str, row_id: UUID) -> str:
        return f"{self.graph.sources[kind].prefix}_{row_id.hex}"

    def leaf(self, row: Row, name: str, read: reads.Column, given: dict[str, Any]) -> Any:
        masking = read.masking
        if masking is not None and masking.unless.name not in self.permissions:
            dots = "••••••" if masking.mask.name == "LAST_DIGITS" else ""
            if masking.part is not None:
                part = row[f"{name} part"]
                return None if part is None else dots + part
            whole = row[f"{name} 0"]
            return whole if whole is None else dots + whole[-4:] if dots else whole.split(" ")[0]
        values = [row[f"{name} {number}"] for number in range(len(read.expressions))]
        if (opener := read.opener(self.actor.access, given)) is not None:
            return opener([_plain(value) for value in values])
        if read.prefix is not None:
            return None if values[0] is None else f"{read.prefix}_{values[0].hex}"
        return int(values[0]) if isinstance(values[0], Decimal) else values[0]  # sums of BIGINT are NUMERIC

    def one(self, kind: str, row_id: Any, *, is_within: bool = False) -> Row | None:
        rows = self.rows[kind]
        if row_id is None or (row_id not in rows.visible and not is_within):
            return None
        return rows.by_id.get(row_id)

    def node(self, text: str, coordinate: str) -> Row | None:
        prefix, _, digits = text.partition("_")
        kind = self.graph.by_prefix[prefix]
        if self.denies(coordinate, needed(self.schema.type_map[kind.name].ast_node)):
            return None
        return self.one(kind.name, UUID(digits))

    def by_key(self, kind: str, read: reads.ByKey, given: dict[str, Any]) -> Row | None:
        found = []
        for row_id in self.rows[kind].visible:
            row = self.rows[kind].by_id[row_id]
            values = {}
            for name, argument in read.keys.items():
                value = given[_camel(name)]
                values[f"column {argument.on.key}"] = UUID(value.partition("_")[2]) if argument.prefix else value  # type: ignore[union-attr]
            if all(row[column] == value for column, value in values.items()):
                found.append(row)
        return max(found, key=lambda row: row["column id"], default=None)

    def many(self, kind: str, read: reads.Many, row: Row) -> list[Row]:
        if kind not in self.rows or read.on is not None or read.key is None:
            return self.joined(kind, read, row)
        rows = self.rows[kind]
        key, own = f"column {read.key.key}", row["column id"]
        scope = self.graph.sources[kind].scope
        inherits = isinstance(scope, reads.Within) and scope.key.key == read.key.key
        found = [i for i, each in rows.by_id.items() if each[key] == own and (inherits or i in rows.visible)]
        ranks = self.ranks(kind, ("many", read.order_by), read.order_by, descending=False)
        return [rows.by_id[i] for i in sorted(found, key=lambda i: ranks.get(i, 0))][: read.limit]

    def joined(self, kind: str, read: reads.Many, row: Row) -> list[Row]:
        """A list below a computed row: computed too, or of a table's rows that `on` chooses."""
        own = row.get("column id", row.get("arguments key"))
        return self.fetched((kind, id(read), own), lambda: self.query_joined(kind, read, row))

    def query_joined(self, kind: str, read: reads.Many, row: Row) -> Any:
        source = self.graph.sources[kind]
        child = self.home(source)
        query = self.selected(kind, child, source)
        if read.on is not None:
            parent_source = self.graph.sources[row["__typename"]]
            if isinstance(parent_source.rows, Table):
                parent: Any = parent_source.rows.alias("parent")
                keys = [parent.c.id == row["column id"]]
            else:
                parent = parent_source.rows.build(self.actor.access).subquery("parent")
                keys = [parent.c[key] == row[f"computed {key}"] for key in list(parent.c.keys()) if _is_plain(row, key)]
            query = query.where(select(literal(1)).select_from(parent).where(read.on(parent, child), *keys).exists())
        order = [self.over(each, source, child) for each in read.order_by]
        query = query.order_by(*order, *([child.c.id] if "id" in child.c else [])).limit(read.limit)
        return query, row.get("arguments", {})

    def reading(self, kind: str, read: reads.Reading, given: dict[str, Any], *, is_list: bool) -> Any:
        arguments = {}
        for name, argument in read.arguments.items():
            value = given.get(_camel(name))
            is_id = argument.prefix is not None and value is not None
            arguments[f"{reads.ARGUMENT}{name}"] = UUID(value.partition("_")[2]) if is_id else value
        found = self.fetched((kind, id(read), repr(arguments)), lambda: self.query_reading(kind, read, arguments))
        return found if is_list else (found[0] if found else None)

    def query_reading(self, kind: str, read: reads.Reading, arguments: dict[str, Any]) -> Any:
        source = self.graph.sources[kind]
        home = self.home(source)
        query = self.selected(kind, home, source)
        order = [self.over(each, source, home) for each in read.order_by]
        query = query.order_by(*order, *([home.c.id] if read.order_by and "id" in home.c else []))
        if read.predicate is not None:
            query = query.where(read.predicate(home))
        return query.limit(read.limit), arguments

    def home(self, source: reads.Source) -> Any:
        """A source by its own name, so that declared expressions need no moving."""
        if isinstance(source.rows, reads.Computed):
            return source.rows.build(self.actor.access).subquery(source.rows.name)
        return source.rows

    def over(self, expression: Any, source: reads.Source, home: Any) -> Any:
        """A declared expression of a computed source, by its column's name."""
        if isinstance(source.rows, reads.Computed):
            from salonos.graph.sql import move  # noqa: PLC0415  a computed select differs by rights

            return move(expression, source.home, home)
        return expression

    def selected(self, kind: str, home: Any, source: reads.Source) -> Any:
        columns = [self.over(each, source, home).label(label) for label, each in self.expressions(kind).items()]
        own = [column.label(f"computed {column.key}") for column in home.c]
        if isinstance(source.rows, Table):
            own += [column.label(f"column {column.key}") for column in home.c]
        query = select(*own, *columns).select_from(home)
        if isinstance(source.rows, Table) and self.graph.sources[kind].scope is not None:
            query = query.where(home.c.id.in_(list(self.rows[kind].visible)))
        elif callable(source.scope) and (scope := source.scope(self.actor.access)) is not None:
            query = query.where(self.over(scope, source, home))
        return query

    def fetched(self, key: Any, make: Callable[[], Any]) -> list[Row]:
        if key in self.computed:
            return self.computed[key]
        kind = key[0]

        async def fetch(session: AsyncSession) -> None:
            query, arguments = make()
            found = await self.run(session, query, arguments)
            extra = {"__typename": kind, "arguments": arguments, "arguments key": repr(arguments)}
            self.computed[key] = [dict(row._mapping) | extra for row in found]

        self.missing.append(fetch)
        return []

    # --- pages

    def ranks(self, kind: str, name: Any, by: tuple[Any, ...], *, descending: bool) -> dict[Any, int]:
        """Each row's place in an order, as PostgreSQL compares (collations are not Python's)."""
        rows = self.rows[kind]
        key = f"{name}"
        if key not in rows.ranks:
            home: Any = self.graph.sources[kind].rows
            columns = key_columns(home)
            ordered = [getattr(each, "expression", each).desc() if descending else each for each in [*by, *columns]]

            async def fetch(session: AsyncSession) -> None:
                found = list(await self.run(session, select(by[0], *columns).order_by(*ordered)))
                ids = [tuple(row[1:]) if len(columns) > 1 else row[1] for row in found]
                rows.ranks[key] = {row_id: number for number, row_id in enumerate(ids)}
                rows.keys[key] = {row_id: row[0] for row_id, row in zip(ids, found, strict=True)}

            self.missing.append(fetch)
            return {}
        return rows.ranks[key]

    def page(self, kind: str, read: reads.Pages, row: Row | None, given: dict[str, Any], definition: Any) -> Any:
        rows = self.rows[kind]
        found = set(rows.visible)
        scope = self.graph.sources[kind].scope
        if read.key is not None and row is not None:
            if isinstance(scope, reads.Within) and scope.key.key == read.key.key:
                found = set(rows.by_id)
            key, own = f"column {read.key.key}", row["column id"]
            found = {i for i in found if rows.by_id[i][key] == own}
        for name, argument in read.keys.items():
            wanted = id_value(argument.prefix, given[to_camel_case(name)])
            found = {i for i in found if rows.by_id[i][f"column {argument.on.key}"] == wanted}
        for name, value in (given.get("filter") or {}).items():
            if value is not None:
                found &= self.matches(kind, name, value, definition)
        for only in read.filters:
            found &= self.matches_predicate(kind, only)
        order_name = given["orderBy"].name if given.get("orderBy") else read.default_order
        order = read.orders[order_name]
        by = order.by
        if order.masked is not None and order.masked[1].name not in self.permissions:
            by = order.masked[0]
        label = (order_name, by is order.by)
        ranks = self.ranks(kind, label, (by,), descending=order.descending)
        ids = sorted(found, key=lambda i: ranks.get(i, 0))
        total = len(ids)
        after, before = (self.place(given.get(name), ranks) for name in ("after", "before"))
        ids = [i for i in ids if (after is None or ranks[i] > after) and (before is None or ranks[i] < before)]
        first, last = given.get("first"), given.get("last")
        size = last if last is not None else first if first is not None else 20
        more = len(ids) > size
        ids = ids[-size:] if last is not None else ids[:size]
        keys = rows.keys.get(f"{label}", {})
        return {
            "page": [rows.by_id[i] for i in ids],
            "cursors": [self.cursor(order_name, keys.get(i), i) for i in ids],
            "total": total if total <= 10_000 else None,
            "next": (more or before is not None) if last is None else before is not None,
            "previous": (more or after is not None) if last is not None else after is not None,
        }

    def place(self, cursor: str | None, ranks: dict[Any, int]) -> int | None:
        if cursor is None:
            return None
        text = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        return ranks.get(UUID(text.rpartition("|")[2]), -1)

    def cursor(self, order: str, key: Any, row_id: UUID) -> str:
        told = instant_text(key) if isinstance(key, datetime) else getattr(key, "name", key)
        text = f"1|{order}|{told}|{row_id}"
        return b64encode(text.encode(), altchars=b"-_").decode().rstrip("=")

    def matches(self, kind: str, name: str, value: Any, definition: Any) -> set[Any]:
        key = (kind, name, repr(value), frozenset(self.permissions))
        if key in self.matching:
            return self.matching[key]
        filters: Any = get_named_type(definition.args["filter"].type)
        test: reads.Where = self.read(filters.fields[name])

        async def fetch(session: AsyncSession) -> None:
            binds = [bindparam(f"value {n}", part.make(value), type_=part.kind) for n, part in enumerate(test.parts)]
            home: Any = self.graph.sources[kind].rows
            query = select(home.c.id).where(test.test(self.actor.access, binds))
            self.matching[key] = set((await self.run(session, query)).scalars())

        self.missing.append(fetch)
        return set()

    def matches_predicate(self, kind: str, only: Callable[[Any], Any]) -> set[Any]:
        key = (kind, id(only))
        if key in self.matching:
            return self.matching[key]

        async def fetch(session: AsyncSession) -> None:
            home: Any = self.graph.sources[kind].rows
            self.matching[key] = set((await session.execute(select(home.c.id).where(only(home)))).scalars())

        self.missing.append(fetch)
        return set()

    def of_page(self, page: Row, name: str) -> Any:
        match name:
            case "nodes":
                return page["page"]
            case "edges":
                return [{"page": (row, cursor)} for row, cursor in zip(page["page"], page["cursors"], strict=True)]
            case "node":
                return page["page"][0]
            case "cursor":
                return page["page"][1]
            case "totalCount":
                return page["total"]
            case "pageInfo":
                return page
            case "hasNextPage" | "hasPreviousPage":
                return page["next" if name == "hasNextPage" else "previous"]
            case _:
                cursors = page["cursors"]
                return (cursors[0] if name == "startCursor" else cursors[-1]) if cursors else None


def _plain(value: Any) -> Any:
    """A value as JSON has it."""
    match value:
        case UUID():
            return str(value)
        case bytes() | memoryview():
            return b64encode(bytes(value)).decode()
        case datetime() | date():
            return value.isoformat()
        case _:
            return getattr(value, "name", value)


def _is_plain(row: Row, key: str) -> bool:
    return not isinstance(row[f"computed {key}"], list | type(None))


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.title() for part in rest)
