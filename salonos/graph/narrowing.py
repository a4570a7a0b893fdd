"""Whether *own* means what it says: start-up asks each guard of a permission that may be held for one's own work only.

Own work is a question of rows: a type's scope narrows them. A part of a row, a field or a filter, can't be narrowed by
itself, so its pair of permissions stands in `PARTS`, and no role holds the part more narrowly than the rows.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from graphql import GraphQLObjectType, get_named_type

from salonos.graph import reads
from salonos.graph.assemble import DEFINITION, Graph, target_of
from salonos.graph.directives import Masked, RequiresPermission
from salonos.kernel.actor import Reach, access
from salonos.kernel.permissions import OWN_POSSIBLE, PARTS, Permission

Pair = tuple[Permission | None, Permission]


def faults(graph: Graph) -> list[str]:
    """Every guard that lets somebody see more than their own work, a line each."""
    found = [f"{where}: {_told(pair)}" for where, pair in parts(graph) if pair not in PARTS]
    for name, source in graph.sources.items():
        if source.requires in OWN_POSSIBLE and not isinstance(source.scope, reads.Within) and not _narrows(source):
            found.append(f"{name}: {source.requires.value} may be held for own work only, but all rows are seen then")
    return found


def parts(graph: Graph) -> Iterator[tuple[str, Pair]]:
    """Where a part of rows needs what may be held for own work only: the coordinate, what the rows need, and the part."""
    for kind in graph.core.type_map.values():
        if not isinstance(kind, GraphQLObjectType):
            continue
        own, source = _rows_of(graph, kind.name), graph.sources.get(kind.name)
        if source is not None and source.requires in OWN_POSSIBLE and source.requires is not own:
            yield kind.name, (own, source.requires)
        for name, definition in kind.fields.items():
            led_to = _rows_of(graph, target_of(definition).name)
            guards = set() if kind in _calls(graph) else _guards(definition) - {led_to}
            yield from ((f"{kind.name}.{name}", (own, permission)) for permission in guards - {own})
            for what, given in _given(definition).items():
                pairs = ((led_to, permission) for permission in _guards(given) - {led_to})
                yield from ((f"{kind.name}.{name}({what})", pair) for pair in pairs)


def _told(pair: Pair) -> str:
    rows = "nothing that own work narrows" if pair[0] is None else pair[0].value
    return f"needs {pair[1].value}, which may be held for own work only, and its rows need {rows}: a pair for PARTS"


def _guards(definition: Any) -> set[Permission]:
    """What a declaration itself asks for, of what may be held for own work only."""
    declared = definition.extensions.get(DEFINITION)
    asked = set()
    for each in getattr(declared, "directives", None) or ():
        if isinstance(each, RequiresPermission):
            asked.add(each.permission)
        elif isinstance(each, Masked):
            asked.add(each.unless)
    return asked & OWN_POSSIBLE


def _calls(graph: Graph) -> tuple[Any, ...]:
    """Types whose fields are no rows: commands look at own work themselves, and events are seen with their rows."""
    return (graph.core.mutation_type, graph.core.subscription_type)


def _rows_of(graph: Graph, name: str) -> Permission | None:
    """The permission whose *own* narrows a type's rows: that of the type which they are seen with."""
    source = graph.sources.get(name)
    while source is not None and isinstance(source.scope, reads.Within):
        source = graph.sources.get(source.scope.parent)
    return source.requires if source is not None else None


def _narrows(source: reads.Source) -> bool:
    """Whether fewer rows are seen for own work."""
    held = frozenset(Permission)
    whole = access(held, frozenset(), Reach.ALL)
    own = access(held, frozenset({source.requires} if source.requires else ()), Reach.ALL)
    if isinstance(source.rows, reads.Computed):
        return str(source.rows.build(own)) != str(source.rows.build(whole))
    return callable(source.scope) and source.scope(whole) is None and source.scope(own) is not None


def _given(definition: Any) -> Mapping[str, Any]:
    """The arguments of a field, the fields of its filter and the values of its order."""
    found: dict[str, Any] = {}
    for name, argument in definition.args.items():
        named = get_named_type(argument.type)
        found[name] = argument
        found |= {f"{name}.{each}": inner for each, inner in getattr(named, "fields", {}).items()}
        found |= {f"{name}: {each}": inner for each, inner in getattr(named, "values", {}).items() if inner}
    return found
