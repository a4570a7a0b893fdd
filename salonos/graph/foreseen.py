"""What a mutation's payload may read, known before its transaction: so that what is refused of it changes nothing.

A payload's plans are made and bound while nothing has been written: a page size, a cursor or a filter that can't be is
told then. The command's references are not there yet, so that every one which a result of the field may hold counts.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from graphql import (
    GraphQLNamedType,
    GraphQLObjectType,
    get_named_type,
    get_nullable_type,
    is_abstract_type,
    is_composite_type,
    is_list_type,
)
from graphql.execution.collect_fields import FieldDetailsList, GroupedFieldSet, collect_fields, collect_subfields
from graphql.execution.values import VariableValues

from salonos.graph.assemble import Graph, rule_of_field
from salonos.graph.compiler import Wanted
from salonos.graph.reads import Computed

if TYPE_CHECKING:
    from salonos.graph.documents import Operation

Steps = Sequence[str | int]


@dataclass(frozen=True, eq=False)
class Held:
    """An object of a payload that may hold references, and what is selected of them."""

    kind: GraphQLObjectType
    path: Steps
    wanted: Mapping[str, Wanted]

    @property
    def names_an_actor(self) -> bool:
        """Whether one of them may be read with another actor's rights, who is not known yet: after a sign-in.

        Then it is looked at with all rights, so that nothing of the selection is left out.
        """
        return any(each.place is None for each in self.wanted.values())


@dataclass(frozen=True, eq=False)
class Foreseen:
    """The payloads of one request."""

    graph: Graph
    operation: "Operation"
    values: VariableValues

    def held(self) -> Iterator[Held]:
        """Every object that may hold references, of all results that the mutation's fields may have."""
        core, asked = self.graph.core, self.operation
        root = core.mutation_type
        if root is not None:
            grouped = collect_fields(core, asked.fragments, self.values, root, asked.definition).grouped_field_set
            yield from self._below(root, grouped, [])

    def _below(self, kind: GraphQLObjectType, grouped: GroupedFieldSet, path: Steps) -> Iterator[Held]:
        wanted: dict[str, Wanted] = {}
        for key, details in grouped.items():
            field = kind.fields.get(details[0].node.name.value)
            target = get_named_type(field.type) if field is not None else None
            if field is None or target is None or not leads_to_rows(self.graph, target):
                continue
            is_list = is_list_type(get_nullable_type(field.type))
            source = self.graph.sources.get(target.name)
            if source is None or not isinstance(target, GraphQLObjectType):
                yield from self._of(target, details, [*path, key, 0] if is_list else [*path, key])
                continue
            ids = sum(each.place is not None for each in wanted.values())
            place = None if isinstance(source.rows, Computed) else ids
            coordinate = f"{kind.name}.{details[0].node.name.value}"
            guard = rule_of_field(self.graph, field)
            wanted[key] = Wanted(target, details, place, is_list, coordinate, guard)
        if wanted:
            yield Held(kind, path, wanted)

    def _of(self, kind: GraphQLNamedType, details: FieldDetailsList, path: Steps) -> Iterator[Held]:
        core, asked = self.graph.core, self.operation
        for each in core.get_possible_types(kind) if is_abstract_type(kind) else [kind]:
            if isinstance(each, GraphQLObjectType) and leads_to_rows(self.graph, each):
                grouped = collect_subfields(core, asked.fragments, self.values, asked.definition, each, details)
                yield from self._below(each, grouped.grouped_field_set, path)


@lru_cache(maxsize=4_096)
def leads_to_rows(graph: Graph, kind: GraphQLNamedType) -> bool:
    """Whether an object of a payload, or what it holds, may be read by a plan."""
    seen: set[str] = set()
    waiting = [kind]
    while waiting:
        each = waiting.pop()
        if each.name in graph.sources:
            return True
        if each.name not in seen and is_composite_type(each):
            seen.add(each.name)
            waiting += graph.core.get_possible_types(each) if is_abstract_type(each) else []
            waiting += [get_named_type(field.type) for field in getattr(each, "fields", {}).values()]
    return False
