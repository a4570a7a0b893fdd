"""graphql-core's executor for mutations and events: an object that holds references has them read by one plan."""

import copy
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson
from graphql import GraphQLObjectType, get_named_type, is_non_null_type
from graphql.execution.collect_fields import FieldDetailsList, collect_subfields
from graphql.execution.executor import Executor

from salonos.graph.assemble import DEFINITION, rule_of_field
from salonos.graph.compiler import Wanted
from salonos.graph.context import Context
from salonos.graph.plan import Inputs, Plan, Ready
from salonos.graph.reads import Ref

if TYPE_CHECKING:
    from graphql.execution.values import VariableValues
    from graphql.pyutils import Path
    from graphql.type import GraphQLOutputType, GraphQLResolveInfo

    from salonos.graph.documents import Operation
    from salonos.graph.execute import Engine
    from salonos.kernel.actor import Access, Actor


@dataclass(frozen=True, slots=True)
class Asked:
    """A request whose payload is read."""

    engine: "Engine"
    operation: "Operation"
    values: "VariableValues"
    actor: "Actor"
    """Who asks; what is asked may be read with the rights of another."""
    pay: Callable[[], None] | None = None
    """Called before a plan is made; raises TooMany. Nobody is refused any more once the effect is there."""


def references(value: Any) -> list[Ref]:
    """The references that an attribute holds: one, a list of them, or none."""
    if isinstance(value, Ref):
        return [value]
    if isinstance(value, list) and value and all(isinstance(each, Ref) for each in value):
        return value
    return []


def attributes_with_references(result: Any) -> dict[str, list[Ref]]:
    """An object's attributes that hold references, by their Python names."""
    fields = getattr(getattr(type(result), "__strawberry_definition__", None), "fields", ())  # an enum has none
    found = {each.python_name: references(getattr(result, each.python_name, None)) for each in fields}
    return {name: held for name, held in found.items() if held}


class PlanExecutor(Executor[None]):
    """Completes values as graphql-core does, and objects with references by their plans."""

    def complete_value(
        self,
        return_type: "GraphQLOutputType",
        field_details_list: FieldDetailsList,
        info: "GraphQLResolveInfo[Any]",
        path: "Path",
        result: Any,
        position_context: None,
    ) -> Any:
        """Finished JSON goes out as it is."""
        if isinstance(result, Ready):
            text = result.by_name[str(path.key)]
            if text is None and not is_non_null_type(return_type):
                return None
            return (
                super().complete_value(return_type, field_details_list, info, path, None, position_context)
                if (text is None)
                else orjson.Fragment(text)
            )
        if not is_non_null_type(return_type) and (held := attributes_with_references(result)):
            return self.complete_references(
                held, (return_type, field_details_list, info, path), result, position_context
            )
        return super().complete_value(return_type, field_details_list, info, path, result, position_context)

    async def complete_references(
        self, held: Mapping[str, list[Ref]], where: tuple[Any, FieldDetailsList, Any, Any], result: Any, position: None
    ) -> Any:
        """Reads the references of one object, a statement for each actor they are read as (nearly always one)."""
        return_type, details, info, path = where
        kind = self.schema.type_map[type(result).__strawberry_definition__.name]
        if not isinstance(kind, GraphQLObjectType):
            raise TypeError(f"{kind.name} is no object")
        clone = copy.copy(result)
        ready: dict[str, dict[str, str | None]] = {name: {} for name in held}
        for actor in _actors(held, self.context_value.actor):
            for name, texts in (await self.read(actor, held, (kind, details, path))).items():
                ready[name] |= texts
        for name, texts in ready.items():
            setattr(clone, name, Ready(texts))
        done = super().complete_value(return_type, details, info, path, clone, position)
        return await done if isinstance(done, Awaitable) else done

    async def read(
        self,
        actor: "Actor",
        held: Mapping[str, list[Ref]],
        where: tuple[GraphQLObjectType, FieldDetailsList, Any],
    ) -> dict[str, dict[str, str | None]]:
        """The finished JSON of what one actor reads, by attribute and response name."""
        kind, details, path = where
        context: Context = self.context_value
        wanted, names, ids = self.wanted(actor, held, kind, details)
        probes: list[Wanted] = []
        if context.probes_reach:
            probes, probed = _probes(self.schema.type_map, held, len(ids))
            ids += probed
        if not wanted and not probes:
            return {}
        asked = Asked(context.engine, context.operation, self.variable_values, context.actor)
        plan = payload_plan(asked, actor.access, kind, path.as_list(), wanted, probes)
        values = self.variable_values.coerced
        ready = await context.engine.run(plan, Inputs(values, actor, context.database.set_clock, ids))
        for denial in plan.denials:
            context.denials.setdefault(denial["extensions"]["coordinate"], denial)
        context.actor_names |= plan.actor_names
        for number in range(len(probes)):
            context.is_within_reach = context.is_within_reach and ready.pop(f"{number}?") == "true"
        found: dict[str, dict[str, str | None]] = {}
        for key, name in names.items():
            found.setdefault(name, {})[key] = ready[key]
        return found

    def wanted(
        self, actor: "Actor", held: Mapping[str, list[Ref]], kind: GraphQLObjectType, details: FieldDetailsList
    ) -> tuple[dict[str, Wanted], dict[str, str], list[Any]]:
        """What is selected of the references that this actor reads, attributes by response name, and the ids."""
        wanted: dict[str, Wanted] = {}
        names: dict[str, str] = {}
        ids: list[Any] = []
        grouped = collect_subfields(
            self.schema, self.fragments, self.variable_values, self.operation, kind, details
        ).grouped_field_set
        for key, sub in grouped.items():
            field = kind.fields.get(sub[0].node.name.value)
            if field is None:
                continue
            name = field.extensions[DEFINITION].python_name
            refs = held.get(name, [])
            if not refs or (refs[0].actor or self.context_value.actor) is not actor:
                continue
            target = get_named_type(field.type)
            if not isinstance(target, GraphQLObjectType):
                raise TypeError(f"{target.name} is no object")
            is_list = _is_list(field.type)
            is_computed = refs[0].id is None
            guard = rule_of_field(self.context_value.engine.graph, field)
            coordinate = f"{kind.name}.{sub[0].node.name.value}"
            wanted[key] = Wanted(target, sub, None if is_computed else len(ids), is_list, coordinate, guard)
            names[key] = name
            if not is_computed:
                ids.append([each.id for each in refs] if is_list else refs[0].id)
        return wanted, names, ids


def payload_plan(
    asked: Asked,
    access: "Access",
    kind: GraphQLObjectType,
    path: Sequence[str | int],
    wanted: Mapping[str, Wanted],
    probes: Sequence[Wanted] = (),
) -> Plan:
    """The plan for an object's references, made or found.

    Raises: TooMany where somebody pays.
    """
    engine, operation, values = asked.engine, asked.operation, asked.values
    steps = tuple(step for step in path if isinstance(step, str))
    shapes = (shape(values.coerced) for shape in operation.payload_shapes)
    key = (operation, access, steps, kind.name, tuple(wanted), len(probes), *shapes)
    plans = engine.plans if asked.actor.access.signed_in else engine.strangers_plans
    found = plans.get(key)
    if found is not None:
        return found
    if asked.pay is not None:
        asked.pay()
    compiler = engine.compiler(operation, values, access)
    has_list = any(isinstance(step, int) for step in path)
    made = compiler.payload(wanted, [None, *steps] if has_list else steps, probes=probes)
    return plans.keep(key, made, size=made.size + operation.size)


def _actors(held: Mapping[str, list[Ref]], default: "Actor") -> list["Actor"]:
    found = {id(actor): actor for refs in held.values() for each in refs for actor in (each.actor or default,)}
    return list(found.values())


def _is_list(kind: Any) -> bool:
    inner = kind.of_type if is_non_null_type(kind) else kind
    return hasattr(inner, "of_type")


def _probes(type_map: Mapping[str, Any], held: Mapping[str, list[Ref]], start: int) -> tuple[list[Wanted], list[Any]]:
    """What an event refers to must be within reach, selected or not."""
    refs = [each for several in held.values() for each in several if each.id is not None]
    made = [
        Wanted(type_map[each.kind.__strawberry_definition__.name], [], start + number)
        for number, each in enumerate(refs)
    ]
    return made, [each.id for each in refs]
