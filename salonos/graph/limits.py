"""The guard of documents: depth, aliases, directives, operations and cost, each fragment visited once.

A limiter that expands fragments doubles its work with each one; here every fragment is measured once and its measure
reused, so that a document of any shape costs as many steps as it has nodes. Cost is the number of objects that a
request may return: page sizes multiply down the tree.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLNamedType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    Node,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_list_type,
)

from salonos.kernel.problems import BadRequest, QueryTooComplex

if TYPE_CHECKING:
    from salonos.graph.documents import Operation

INTROSPECTION = frozenset({"__schema", "__type"})
NAME_BYTES_MAX = 63
"""`row_to_json` cuts longer response names."""
SIZES_KEPT_MAX = 100
MEMBERS = frozenset({"fields", "inputFields", "interfaces", "possibleTypes", "enumValues"})
"""What a type has many of. All types with all their members is a schema; the members' members again are its square."""
PASSING = frozenset({"edges", "node", "nodes"})
"""Steps through a connection: they lead to rows and are none themselves."""
TOTAL_OBJECTS = 100
"""What counting a connection costs: up to 10,000 rows are looked at, and none is sent."""


@dataclass(frozen=True)
class Limits:
    """The numbers, in one place."""

    depth_max: int = 12
    introspection_depth_max: int = 20
    schemas_max: int = 1
    types_max: int = 5
    """How often an operation may ask for `__schema` and for `__type`."""
    aliases_max: int = 30
    directives_max: int = 10
    operations_max: int = 5
    fragments_max: int = 40
    fields_max: int = 400
    """Of one operation, those of a fragment wherever it is spread: what is compiled, a quarter of a millisecond at most each."""
    repeats_max: int = 20
    """How often a document may select again what a selection has already: validation compares every pair of these."""
    once: tuple[str, ...] = ("signIn", "refresh", "approve", "changePassword", "setPin", "resetPassword")
    """How fields begin with which somebody could guess at secrets: an operation has one of them, however it is called."""
    objects_max: int = 20_000
    event_objects_max: int = 500
    """Of a subscription, which asks for them at every event."""
    page_default: int = 20
    list_typical: int = 5
    """How many rows a bounded list counts for: most bills have fewer than five lines."""


@dataclass(frozen=True)
class Measure:
    """What a selection adds up to, its fragments included."""

    depth: int = 0
    aliases: int = 0
    directives: int = 0
    introspection_depth: int = 0
    fields: int = 0
    members: int = 0
    """How many lists of members stand in one another."""

    def beside(self, other: "Measure") -> "Measure":
        """Two selections of one object."""
        return Measure(
            max(self.depth, other.depth),
            self.aliases + other.aliases,
            self.directives + other.directives,
            max(self.introspection_depth, other.introspection_depth),
            self.fields + other.fields,
            max(self.members, other.members),
        )


@dataclass(frozen=True, slots=True)
class Size:
    """How many rows a field asks for: numbers and the values of variables, by name, added up."""

    parts: tuple[int | str, ...]
    otherwise: int = 0
    """What it is where all of them are null or left out: an argument's default."""


NOTHING = Size(())


@dataclass(eq=False)
class Cost:
    """A selection's rows: `size` objects, each with what its parts cost. A fragment's cost is shared by its spreads."""

    size: Size = NOTHING
    is_row: bool = False
    is_total: bool = False
    """A connection's count: taken once beside the rows of its page."""
    parts: list["Cost"] = field(default_factory=list)


class Priced:
    """An operation's cost with the answers for the page sizes that came lately: most clients ask the same again."""

    __slots__ = ("_cost", "_known", "_names", "most")

    def __init__(self, cost: Cost, most: int) -> None:
        self._cost = cost
        self.most = most
        self._names = tuple(sorted(sizes_of(cost)))
        self._known: dict[tuple[int, ...], int] = {}

    def objects(self, variables: Mapping[str, Any]) -> int:
        """How many objects the operation asks for with these variables."""
        key = tuple([_rows_of(name, variables) for name in self._names])
        found = self._known.get(key)
        if found is None:
            if len(self._known) >= SIZES_KEPT_MAX:
                self._known.clear()
            found = self._known[key] = objects(self._cost, variables)
        return found


@dataclass(eq=False)
class Guard:
    """Holds documents of one schema to the limits. `visits` counts the nodes it looked at, for tests."""

    schema: GraphQLSchema
    limits: Limits = field(default_factory=Limits)
    visits: int = 0

    def check_document(self, document: DocumentNode, operation: OperationDefinitionNode) -> int:
        """What can be told from the text alone, before validation; returns how many fields are to be compiled.

        Raises: QueryTooComplex; BadRequest for a response name that PostgreSQL would cut.
        """
        operations = sum(isinstance(each, OperationDefinitionNode) for each in document.definitions)
        if operations > self.limits.operations_max:
            raise QueryTooComplex(f"A document has at most {self.limits.operations_max} operations.")
        fragments = fragments_of(document)
        if len(fragments) > self.limits.fragments_max:
            raise QueryTooComplex(f"A document has at most {self.limits.fragments_max} fragments.")
        if sum(repeats(each) for each in document.definitions) > self.limits.repeats_max:
            raise QueryTooComplex(f"A document repeats at most {self.limits.repeats_max} fields.")
        self._check_roots(Counter(node.name.value for node in root_fields(operation, fragments)))
        whole = self._measure(operation.selection_set, fragments, {}, frozenset())
        directives = whole.directives + len(operation.directives or ())
        if whole.depth > self.limits.depth_max:
            raise QueryTooComplex(f"An operation is at most {self.limits.depth_max} levels deep.")
        if whole.introspection_depth > self.limits.introspection_depth_max:
            raise QueryTooComplex(f"Introspection is at most {self.limits.introspection_depth_max} levels deep.")
        if whole.aliases > self.limits.aliases_max:
            raise QueryTooComplex(f"An operation has at most {self.limits.aliases_max} aliases.")
        if directives > self.limits.directives_max:
            raise QueryTooComplex(f"An operation has at most {self.limits.directives_max} directives.")
        if whole.fields > self.limits.fields_max:
            raise QueryTooComplex(f"An operation selects at most {self.limits.fields_max} fields.")
        return whole.fields

    def _check_roots(self, counts: Counter[str]) -> None:
        if sum(count for name, count in counts.items() if name.startswith(self.limits.once)) > 1:
            raise QueryTooComplex("An operation signs in, refreshes or changes a password once.")
        if counts["__schema"] > self.limits.schemas_max:
            raise QueryTooComplex("An operation asks for the schema once.")
        if counts["__type"] > self.limits.types_max:
            raise QueryTooComplex(f"An operation asks for at most {self.limits.types_max} types by their name.")

    def _measure(
        self,
        selections: SelectionSetNode,
        fragments: Mapping[str, FragmentDefinitionNode],
        known: dict[str, Measure],
        above: frozenset[str],
    ) -> Measure:
        total = Measure()
        for node in selections.selections:
            self.visits += 1
            directives = len(node.directives or ())
            if isinstance(node, FragmentSpreadNode):
                name = node.name.value
                if name not in known and name in fragments and name not in above:
                    known[name] = self._measure(fragments[name].selection_set, fragments, known, above | {name})
                below = known.get(name, Measure())  # a cycle or an unknown name is the validation's to refuse
            elif isinstance(node, InlineFragmentNode):
                below = self._measure(node.selection_set, fragments, known, above)
            elif isinstance(node, FieldNode):
                below = self._measure_field(node, fragments, known, above)
            else:
                continue
            total = total.beside(below).beside(Measure(directives=directives))
        return total

    def _measure_field(
        self,
        node: FieldNode,
        fragments: Mapping[str, FragmentDefinitionNode],
        known: dict[str, Measure],
        above: frozenset[str],
    ) -> Measure:
        name, aliases = node.name.value, int(node.alias is not None)
        if node.alias is not None and len(node.alias.value) > NAME_BYTES_MAX:
            raise BadRequest(f"A response name has at most {NAME_BYTES_MAX} bytes.")
        below = self._measure(node.selection_set, fragments, known, above) if node.selection_set else Measure()
        if name in INTROSPECTION:
            self._check_introspection(name, below)
            return Measure(0, below.aliases + aliases, below.directives, below.depth + 1)
        step = 0 if name in PASSING else 1
        return Measure(
            below.depth + step,
            below.aliases + aliases,
            below.directives,
            below.introspection_depth,
            below.fields + 1,
            below.members + (name in MEMBERS),
        )

    def _check_introspection(self, name: str, below: Measure) -> None:
        if below.aliases:
            raise QueryTooComplex("Nothing has an alias below __schema and __type.")
        if below.fields > self.limits.fields_max:
            raise QueryTooComplex(f"Introspection selects at most {self.limits.fields_max} fields.")
        if name == "__schema" and below.members > 1:
            raise QueryTooComplex("The schema tells of its types' members, not of the members' members.")

    def check_cost(self, operation: "Operation", variables: Mapping[str, Any]) -> int:
        """How many objects this request may return, with its page sizes.

        Raises: QueryTooComplex.
        """
        priced = operation.prices.get(self)
        if priced is None:
            is_event = operation.kind is OperationType.SUBSCRIPTION
            most = self.limits.event_objects_max if is_event else self.limits.objects_max
            priced = operation.prices[self] = Priced(self._cost_of(operation), most)
        asked = priced.objects(variables)
        if asked > priced.most:
            what = "A subscription" if operation.kind is OperationType.SUBSCRIPTION else "An operation"
            raise QueryTooComplex(f"{what} asks for at most {priced.most} objects: ask for less at once.")
        return asked

    def _cost_of(self, operation: "Operation") -> Cost:
        root = self.schema.get_root_type(operation.kind)
        fragments = fragments_of(operation.document)
        whole = Cost()
        if root is not None:
            self._add(whole, operation.definition.selection_set, root, fragments, {})
        return whole

    def _add(
        self,
        into: Cost,
        selections: SelectionSetNode,
        parent: GraphQLNamedType,
        fragments: Mapping[str, FragmentDefinitionNode],
        known: dict[str, Cost],
    ) -> None:
        for node in selections.selections:
            if isinstance(node, FragmentSpreadNode):
                into.parts.append(self._fragment(node.name.value, fragments, known))
            elif isinstance(node, InlineFragmentNode):
                kind = self.schema.type_map[node.type_condition.name.value] if node.type_condition else parent
                self._add(into, node.selection_set, kind, fragments, known)
            elif isinstance(node, FieldNode) and node.selection_set is not None:
                definition = self._definition(parent, node.name.value)
                if definition is not None:
                    made = self._cost_of_field(node, definition, parent)
                    self._add(made, node.selection_set, get_named_type(definition.type), fragments, known)
                    into.parts.append(made)
            elif isinstance(node, FieldNode) and node.name.value == "totalCount" and parent.name.endswith("Connection"):
                into.parts.append(Cost(is_total=True))

    def _fragment(self, name: str, fragments: Mapping[str, FragmentDefinitionNode], known: dict[str, Cost]) -> Cost:
        """The document is valid, so that the fragment exists and does not spread itself."""
        if name not in known:
            known[name] = Cost()
            definition = fragments[name]
            kind = self.schema.type_map[definition.type_condition.name.value]
            self._add(known[name], definition.selection_set, kind, fragments, known)
        return known[name]

    def _definition(self, parent: GraphQLNamedType, name: str) -> GraphQLField | None:
        fields: Mapping[str, GraphQLField] = getattr(parent, "fields", {})
        return fields.get(name)

    def _cost_of_field(self, node: FieldNode, definition: GraphQLField, parent: GraphQLNamedType) -> Cost:
        given = {each.name.value: each.value for each in node.arguments or ()}
        if parent.name.endswith("Connection") or parent.name.endswith("Edge"):
            return Cost()
        if get_named_type(definition.type).name.endswith("Connection"):
            sizes = tuple(_page_size(given[name]) for name in ("first", "last") if name in given)
            return Cost(Size(sizes, self._page_default(definition)), is_row=True)
        if "ids" in given:
            return Cost(Size((_length(given["ids"]),)), is_row=True)
        is_list = is_list_type(get_nullable_type(definition.type))
        return Cost(Size((self.limits.list_typical if is_list else 1,)), is_row=True)

    def _page_default(self, definition: GraphQLField) -> int:
        first = definition.args.get("first")
        default = first.default_value if first is not None else None
        return default if isinstance(default, int) else self.limits.page_default


def repeats(definition: Node) -> int:
    """How many fields of a definition stand beside one of the same response name, inline fragments opened."""
    found = 0
    waiting: list[tuple[SelectionSetNode | None, set[str]]] = [(getattr(definition, "selection_set", None), set())]
    while waiting:
        selections, seen = waiting.pop()
        for node in selections.selections if selections else ():
            if isinstance(node, InlineFragmentNode):
                waiting.append((node.selection_set, seen))
            elif isinstance(node, FieldNode):
                name = node.alias.value if node.alias else node.name.value
                found += name in seen
                seen.add(name)
                waiting.append((node.selection_set, set()))
    return found


def _page_size(value: Any) -> int | str:
    """What `first` or `last` says; null is nothing, so that the argument's default counts."""
    if isinstance(value, VariableNode):
        return value.name.value
    return int(value.value) if isinstance(value, IntValueNode) else 0


def _length(value: Any) -> int | str:
    """How many items a list argument has; a single value is a list of one."""
    if isinstance(value, VariableNode):
        return value.name.value
    return len(value.values) if isinstance(value, ListValueNode) else 1


def objects(cost: Cost, variables: Mapping[str, Any]) -> int:
    """The objects of a selection: a number of rows, each one and what is below it, and what counting them costs."""
    return sum(_objects(cost, variables, {}))


def _objects(cost: Cost, variables: Mapping[str, Any], known: dict[int, tuple[int, int]]) -> tuple[int, int]:
    """What every row above has again, and what the connection above has once. Every shared part is added up once."""
    found = known.get(id(cost))
    if found is None:
        parts = [_objects(part, variables, known) for part in cost.parts]
        below, once = sum(part[0] for part in parts), sum(part[1] for part in parts)
        if cost.is_total:
            found = (0, TOTAL_OBJECTS)
        elif cost.is_row:
            found = (_rows(cost.size, variables) * (1 + below) + once, 0)
        else:
            found = (below, once)
        known[id(cost)] = found
    return found


def sizes_of(cost: Cost) -> set[str]:
    """The names of the variables that say how many rows."""
    found: set[str] = set()
    seen: set[int] = set()
    waiting = [cost]
    while waiting:
        each = waiting.pop()
        if id(each) not in seen:
            seen.add(id(each))
            found |= {part for part in each.size.parts if isinstance(part, str)}
            waiting += each.parts
    return found


def _rows(size: Size, variables: Mapping[str, Any]) -> int:
    told = [part if isinstance(part, int) else _rows_of(part, variables) for part in size.parts]
    return sum(max(each, 0) for each in told) or size.otherwise


def _rows_of(name: str, variables: Mapping[str, Any]) -> int:
    """What a variable says, being coerced: a number, or a list. Nothing where it is null or was left out."""
    given = variables.get(name)
    if isinstance(given, list):
        return len(given)
    return given if isinstance(given, int) else 0


def root_fields(
    operation: OperationDefinitionNode, fragments: Mapping[str, FragmentDefinitionNode]
) -> Iterator[FieldNode]:
    """An operation's root fields, each fragment opened once: what it repeats is one field."""
    waiting = [operation.selection_set]
    opened: set[str] = set()
    while waiting:
        for node in waiting.pop().selections:
            if isinstance(node, FieldNode):
                yield node
            elif isinstance(node, InlineFragmentNode):
                waiting.append(node.selection_set)
            elif isinstance(node, FragmentSpreadNode) and node.name.value not in opened:
                opened.add(node.name.value)
                if node.name.value in fragments:
                    waiting.append(fragments[node.name.value].selection_set)


def fragments_of(document: DocumentNode) -> dict[str, FragmentDefinitionNode]:
    """A document's fragments by name."""
    return {each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)}
