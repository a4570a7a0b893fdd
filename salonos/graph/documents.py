"""Documents: read, limited and validated once, kept by their text; whoever asks them again pays a look-up."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Protocol

from graphql import (
    ArgumentNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentsOnCompositeTypesRule,
    GraphQLError,
    GraphQLSchema,
    KnownDirectivesRule,
    KnownFragmentNamesRule,
    ListValueNode,
    Node,
    NoFragmentCyclesRule,
    NoUnusedFragmentsRule,
    OperationDefinitionNode,
    OperationType,
    PossibleFragmentSpreadsRule,
    Undefined,
    UniqueDirectivesPerLocationRule,
    UniqueFragmentNamesRule,
    VariableNode,
    coerce_input_value,
    parse,
    print_ast,
    specified_rules,
    type_from_ast,
    validate,
)
from graphql.execution.collect_fields import FragmentDetails
from graphql.execution.get_variable_signature import GraphQLVariableSignature, get_variable_signature
from graphql.execution.values import VariableValues, VariableValueSource, get_variable_values
from graphql.validation import ASTValidationRule

from salonos.graph.caches import Bounded
from salonos.graph.errors import ERRORS_MAX, Rejected
from salonos.graph.limits import fragments_of, root_fields
from salonos.graph.values import Shape, shape_of_variable

TOKENS_MAX = 2_000
TEXT_MAX = 20_000
DOCUMENTS_MAX, DOCUMENT_BYTES_MAX = 1_000, 32 << 20
STRANGERS_DOCUMENTS_MAX = 50
CHARACTER_BYTES = 150
"""What a document takes for each of its characters, being parsed and priced."""
INTROSPECTION = frozenset({"__schema", "__type"})
_OF_FRAGMENTS: frozenset[type[ASTValidationRule]] = frozenset(
    {
        FragmentsOnCompositeTypesRule,
        KnownFragmentNamesRule,
        NoFragmentCyclesRule,
        NoUnusedFragmentsRule,
        PossibleFragmentSpreadsRule,
        UniqueFragmentNamesRule,
    }
)
_OF_DIRECTIVES: frozenset[type[ASTValidationRule]] = frozenset(
    {KnownDirectivesRule, UniqueDirectivesPerLocationRule}
) | {rule for rule in specified_rules if "Stream" in rule.__name__}
"""`@defer` and `@stream` have rules of their own, although we have neither."""


def rules_for(text: str) -> list[type[ASTValidationRule]]:
    """The rules that a document may break. Each costs a call at every node, and most tills' documents are plain.

    Whatever has a fragment is written with three dots or the word, whatever has a directive with an @.
    """
    has_fragments, has_directives = "..." in text or "fragment" in text, "@" in text
    return [
        rule
        for rule in specified_rules
        if (has_fragments or rule not in _OF_FRAGMENTS) and (has_directives or rule not in _OF_DIRECTIVES)
    ]


class Limits(Protocol):
    """What the edge's limit guard does: both raise QueryTooComplex."""

    def check_document(self, document: DocumentNode, operation: OperationDefinitionNode) -> int:
        """Depth, aliases, directives, operations: before validation, visiting each fragment once. Counts the fields."""

    def check_cost(self, operation: "Operation", variables: Mapping[str, Any]) -> int:
        """Objects requested, with this request's page sizes."""


@dataclass(frozen=True, eq=False)
class Operation:
    """A valid document's one operation, whoever asks it. It hashes by identity: hashing a document walks it."""

    text: str
    name: str | None
    document: DocumentNode
    definition: OperationDefinitionNode
    fragments: dict[str, FragmentDetails]
    shapes: tuple[Shape, ...]
    payload_shapes: tuple[Shape, ...]
    """Of the variables that stand below the root fields: those in a mutation's input don't change what is read."""
    below: frozenset[str]
    """The names of those variables."""
    is_introspecting: bool
    signatures: tuple[tuple[str, GraphQLVariableSignature], ...]
    """The variables and what they take, found once."""
    fields: int
    """How many there are to compile, those of a fragment wherever it is spread; 0 where nothing limits documents."""
    trusted_name: str | None = None
    """Its name if it is one of our own clients': a word of ours, whatever a request calls it."""
    prices: dict[object, Any] = field(default_factory=dict)
    """What a guard found out about its page sizes: it goes with the operation."""

    @property
    def kind(self) -> OperationType:
        """Query, mutation or subscription."""
        return self.definition.operation

    @property
    def size(self) -> int:
        """About how many bytes it keeps, and whatever holds it."""
        return CHARACTER_BYTES * len(self.text)

    @cached_property
    def roots(self) -> int:
        """How many root fields it has, by response name, whatever the variables leave out."""
        nodes = root_fields(self.definition, fragments_of(self.document))
        return len({(node.alias or node.name).value for node in nodes})

    @cached_property
    def canonical_text(self) -> str:
        """The document without its writer's layout and comments."""
        return f"{self.name or ''}\n{print_ast(self.document)}"

    def coerced(self, schema: GraphQLSchema, given: Mapping[str, Any]) -> VariableValues:
        """The variables of a request; each was given and is right, as a rule.

        Raises: Rejected.
        """
        sources: dict[str, VariableValueSource] = {}
        values: dict[str, Any] = {}
        for name, signature in self.signatures:
            value = given.get(name, Undefined)
            values[name] = coerced = Undefined if value is Undefined else coerce_input_value(value, signature.type)
            if coerced is Undefined:
                return self.coerced_or_refused(schema, given)
            sources[name] = VariableValueSource(signature, value)
        return VariableValues(sources, values)

    def coerced_or_refused(self, schema: GraphQLSchema, given: Mapping[str, Any]) -> VariableValues:
        """The same where a variable was left out, or is wrong: graphql-core fills in defaults and says what is wrong.

        Raises: Rejected.
        """
        definitions = self.definition.variable_definitions or ()
        found = get_variable_values(schema, definitions, dict(given), ERRORS_MAX, hide_suggestions=True)
        if isinstance(found, list):
            raise Rejected.of(found)
        return found


class Documents:
    """The documents of one schema. Strangers' texts are kept apart, so that they evict nobody's."""

    def __init__(self, schema: GraphQLSchema, limits: Limits | None) -> None:
        self.schema = schema
        self.limits = limits
        self._known: Bounded[tuple[str, str | None], Operation] = Bounded(
            entries_max=DOCUMENTS_MAX, bytes_max=DOCUMENT_BYTES_MAX
        )
        self._strangers: Bounded[tuple[str, str | None], Operation] = Bounded(
            entries_max=STRANGERS_DOCUMENTS_MAX, bytes_max=DOCUMENT_BYTES_MAX // 8
        )
        self._trusted: dict[tuple[str, str | None], Operation] = {}
        self._canonical: dict[str, Operation] = {}
        """The trusted operations by what is left of their documents without layout and order."""

    def trust(self, text: str, name: str) -> None:
        """Reads a document of our own clients; it is never forgotten, whatever strangers ask.

        Raises: Rejected; QueryTooComplex.
        """
        read = replace(self.read(text, name), trusted_name=name)
        self._trusted[text, name] = self._trusted[text, None] = self._canonical[canonical(read.document)] = read

    def trusted(self, text: str, name: str | None) -> Operation | None:
        """The operation of a document of our own clients that was not seen in this layout; None for any other."""
        try:
            found = self._canonical.get(canonical(parsed(text)))
        except GraphQLError:
            return None
        if found is None or name not in {None, found.trusted_name}:
            return None
        return self._known.keep((text, name), found, size=found.size)

    def known(self, text: str, name: str | None, *, is_signed_in: bool = False) -> Operation | None:
        """An operation that was read before. A stranger's that somebody asks who is signed in is kept for them too."""
        key = (text, name)
        found = self._known.get(key) or self._trusted.get(key)
        if found is None:
            found = self._strangers.get(key)
            if found is not None and is_signed_in:
                self._known.keep(key, found, size=found.size)
        return found

    def operation(self, text: str, name: str | None, *, is_signed_in: bool) -> Operation:
        """The operation that a request asks.

        Raises: Rejected; QueryTooComplex.
        """
        found = self.known(text, name, is_signed_in=is_signed_in)
        if found is not None:
            return found
        made = self.read(text, name)
        kept = self._known if is_signed_in else self._strangers
        return kept.keep((text, name), made, size=made.size)

    def read(self, text: str, name: str | None) -> Operation:
        """Parses, limits, validates. A trusted document in another layout is the trusted operation.

        Raises: Rejected; QueryTooComplex.
        """
        try:
            document = parsed(text)
        except GraphQLError as error:
            raise Rejected.of([error]) from None
        definition = chosen(document, name)
        trusted = self._canonical.get(canonical(document)) if self._canonical else None
        if trusted is not None:
            return trusted
        fields = 0 if self.limits is None else self.limits.check_document(document, definition)
        errors = validate(
            self.schema,
            document,
            rules_for(text),
            max_errors=ERRORS_MAX,
            hide_suggestions=True,
            allow_empty_selection_sets=False,
        )
        if errors:
            raise Rejected.of(errors)
        return self.made(text, name, document, definition, fields)

    def made(
        self, text: str, name: str | None, document: DocumentNode, definition: OperationDefinitionNode, fields: int
    ) -> Operation:
        """The operation of a valid document, with how its variables take part in keys of plans."""
        fragments = {
            each.name.value: FragmentDetails(each, None)
            for each in document.definitions
            if isinstance(each, FragmentDefinitionNode)
        }
        found = Variables()
        found.visit(definition, is_root=True)
        for details in fragments.values():
            found.visit(details.definition, is_root=False)
        shapes: dict[str, Shape] = {}
        for each in definition.variable_definitions or ():
            variable = each.variable.name.value
            kind = type_from_ast(self.schema, each.type)
            shape = shape_of_variable(variable, kind, names_a_type=variable in found.ids)
            if shape is not None:
                shapes[variable] = shape
        payload = tuple(shape for variable, shape in shapes.items() if variable in found.below)
        is_query = definition.operation is OperationType.QUERY
        introspecting = is_query and bool(found.fields & INTROSPECTION)
        return Operation(
            text,
            name,
            document,
            definition,
            fragments,
            tuple(shapes.values()),
            payload,
            frozenset(found.below),
            introspecting,
            tuple(self.signatures(definition)),
            fields,
        )

    def signatures(self, definition: OperationDefinitionNode) -> Iterator[tuple[str, GraphQLVariableSignature]]:
        """What the variables of a valid operation take."""
        for each in definition.variable_definitions or ():
            signature = get_variable_signature(self.schema, each)
            if isinstance(signature, GraphQLError):
                raise Rejected.of([signature])
            yield each.variable.name.value, signature


def parsed(text: str) -> DocumentNode:
    """A document, within bounds.

    Raises: GraphQLError.
    """
    return parse(text, max_tokens=TOKENS_MAX, max_source_length=TEXT_MAX, allow_empty_selection_sets=False)


def canonical(document: DocumentNode) -> str:
    """A document's text without layout and comments, its fragments by their names."""
    fragments = (each for each in document.definitions if isinstance(each, FragmentDefinitionNode))
    others = (each for each in document.definitions if not isinstance(each, FragmentDefinitionNode))
    ordered = (*others, *sorted(fragments, key=lambda each: each.name.value))
    return print_ast(DocumentNode(definitions=ordered))


def chosen(document: DocumentNode, name: str | None) -> OperationDefinitionNode:
    """The operation with the name, or the only one.

    Raises: Rejected.
    """
    found = [
        each
        for each in document.definitions
        if isinstance(each, OperationDefinitionNode) and (name is None or (each.name and each.name.value == name))
    ]
    if len(found) != 1:
        message = "Name the one operation to run." if name is None else "The document has no such operation."
        raise Rejected.of([GraphQLError(message)])
    return found[0]


class Variables:
    """Where variables stand: in ids that choose tables, and below the root fields."""

    def __init__(self) -> None:
        self.ids: set[str] = set()
        self.below: set[str] = set()
        self.fields: set[str] = set()

    def visit(self, definition: OperationDefinitionNode | FragmentDefinitionNode, *, is_root: bool) -> None:
        """Walks one definition; a fragment's fields may stand anywhere."""
        for selection in definition.selection_set.selections:
            self._walk(selection, is_root=is_root)

    def _walk(self, node: Node, *, is_root: bool) -> None:
        if isinstance(node, FieldNode):
            self.fields.add(node.name.value)
            if node.name.value in {"node", "nodes"}:
                self.ids |= {name for argument in node.arguments or () for name in _variables(argument.value)}
        if isinstance(node, VariableNode):
            self.below.add(node.name.value)
            return
        for child in _children(node):
            if is_root and isinstance(node, FieldNode) and isinstance(child, ArgumentNode):
                continue
            inside_field = isinstance(node, FieldNode)
            self._walk(child, is_root=is_root and not inside_field)


def _children(node: Node) -> list[Node]:
    found: list[Node] = []
    for key in node.keys:
        value = getattr(node, key, None)
        if isinstance(value, Node):
            found.append(value)
        elif isinstance(value, list | tuple):
            found += [each for each in value if isinstance(each, Node)]
    return found


def _variables(value: Any) -> list[str]:
    values = value.values if isinstance(value, ListValueNode) else (value,)
    return [each.name.value for each in values if isinstance(each, VariableNode)]
