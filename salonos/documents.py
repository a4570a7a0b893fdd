"""`python -m salonos.documents FOLDER OUT [--add-typename] [ROLE ...]` writes the manifest of a client's documents.

It reads `.graphql` and `.gql` files, and the templates tagged gql or graphql, or marked `/* GraphQL */`, of JavaScript
and TypeScript files. Each operation becomes a document of its own with the fragments that it needs.
"""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    NameNode,
    Node,
    OperationDefinitionNode,
    SelectionSetNode,
    Source,
    parse,
    print_ast,
    visit,
)
from graphql.language import Visitor

from salonos.edge.app import make_graph
from salonos.graph.documents import Documents
from salonos.graph.errors import Rejected
from salonos.graph.limits import Guard
from salonos.graph.trusted import Manifest, ManifestWrong, TrustedDocument, id_of, roles_of
from salonos.kernel.problems import Refusal
from salonos.settings import USAGE_EXIT
from salonos.terminal import fail

PLAIN, SCRIPTS = {".graphql", ".gql"}, {".ts", ".tsx", ".js", ".jsx", ".mjs", ".vue"}
ADD_TYPENAME = "--add-typename"
SKIPPED = {"node_modules", "dist", "build", ".git"}
_TEMPLATE = re.compile(r"(?:(?<![\w/}-])(?:gql|graphql)\s*\(?\s*|/\*\s*GraphQL\s*\*/\s*)`((?:[^`\\]|\\.)*)`", re.DOTALL)
_SPLICED = re.compile(r"\$\{[^{}]*\}")


N = TypeVar("N", bound=Node)


class FolderWrong(ValueError):  # noqa: N818  read by whoever wrote the client
    """A client's folder that no manifest can be made of; the message names file and line."""


@dataclass
class Client:
    """What a client's files define, with the place of each for messages."""

    operations: dict[str, tuple[OperationDefinitionNode, str]] = field(default_factory=dict)
    fragments: dict[str, tuple[FragmentDefinitionNode, str]] = field(default_factory=dict)

    def add(self, text: str, path: Path, line: int) -> None:
        """One document, which begins at a line of a file.

        Raises: FolderWrong.
        """
        try:
            document = parse(Source(text))
        except GraphQLError as error:
            at = line + (error.locations[0].line - 1 if error.locations else 0)
            raise FolderWrong(f"{path}:{at}: {error.message}") from None
        for node in document.definitions:
            place = f"{path}:{line + (node.loc.start_token.line - 1 if node.loc else 0)}"
            if isinstance(node, OperationDefinitionNode):
                if node.name is None:
                    raise FolderWrong(f"{place}: a trusted operation has a name.")
                keep(self.operations, node.name.value, node, place)
            elif isinstance(node, FragmentDefinitionNode):
                keep(self.fragments, node.name.value, node, place)

    def documents(self, *, adds_typename: bool = False) -> Iterator[TrustedDocument]:
        """Each operation with its fragments; with `__typename` where clients with a normalised cache ask for it.

        Raises: FolderWrong.
        """
        for name, (operation, place) in sorted(self.operations.items()):
            needed = self.needed(operation, place)
            definitions = (operation, *[self.fragments[each][0] for each in sorted(needed)])
            document = DocumentNode(definitions=definitions)
            text = print_ast(visit(document, Typenames()) if adds_typename else document)
            yield TrustedDocument(id_of(text), name, text)

    def needed(self, operation: OperationDefinitionNode, place: str) -> set[str]:
        """The names of the fragments below an operation."""
        found: set[str] = set()
        waiting: list[Node] = [operation]
        while waiting:
            for name in spreads(waiting.pop()) - found:
                if name not in self.fragments:
                    raise FolderWrong(f"{place}: there is no fragment {name}.")
                found.add(name)
                waiting.append(self.fragments[name][0])
        return found


def keep(kept: dict[str, tuple[N, str]], name: str, node: N, place: str) -> None:
    """Names are unique over the whole client.

    Raises: FolderWrong.
    """
    if name in kept:
        raise FolderWrong(f"{place}: {name} is defined already, at {kept[name][1]}.")
    kept[name] = (node, place)


class Spreads(Visitor):
    """Collects the names of fragments."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def enter_fragment_spread(self, node: FragmentSpreadNode, *_: object) -> None:
        """One of them."""
        self.names.add(node.name.value)


class Typenames(Visitor):
    """Adds `__typename` as Apollo's tools do: at the end of each selection but an operation's own, where none is asked."""

    def enter_selection_set(
        self, node: SelectionSetNode, _: object, parent: object, *__: object
    ) -> SelectionSetNode | None:
        """One selection, changed or None."""
        if isinstance(parent, OperationDefinitionNode):
            return None
        if any(isinstance(each, FieldNode) and each.name.value.startswith("__") for each in node.selections):
            return None
        return SelectionSetNode(selections=(*node.selections, FieldNode(name=NameNode(value="__typename"))))


def spreads(node: Node) -> set[str]:
    """The fragments that a definition spreads itself."""
    visitor = Spreads()
    visit(node, visitor)
    return visitor.names


def client_of(folder: Path) -> Client:
    """Everything that a folder's files define.

    Raises: FolderWrong.
    """
    found = Client()
    for path in sorted(folder.rglob("*")):
        if SKIPPED & set(path.relative_to(folder).parts) or not path.is_file():
            continue
        if path.suffix in PLAIN:
            found.add(path.read_text(), path, 1)
        elif path.suffix in SCRIPTS:
            content = path.read_text()
            for template in _TEMPLATE.finditer(content):
                text = _SPLICED.sub("", template[1])
                if text.strip():
                    found.add(text, path, content.count("\n", 0, template.start(1)) + 1)
    return found


def manifest_of(folder: Path, only_for: frozenset[str] = frozenset(), *, adds_typename: bool = False) -> Manifest:
    """The manifest of a client's folder; every document was held to the schema and the limits.

    Raises: FolderWrong.
    """
    client = client_of(folder)
    made = tuple(client.documents(adds_typename=adds_typename))
    if not made:
        raise FolderWrong(f"{folder} has no operation in a .graphql file or a gql template.")
    core = make_graph().core
    documents = Documents(core, Guard(core))
    for each in made:
        try:
            documents.trust(each.text, each.name)
        except (Rejected, Refusal) as refused:
            said = refused.entries[0]["message"] if isinstance(refused, Rejected) else refused.message
            raise FolderWrong(f"{client.operations[each.name][1]}: {each.name}: {said}") from None
    return Manifest(made, only_for)


def main(folder: str, out: str, *words: str) -> None:
    """The command."""
    try:
        only_for = roles_of(each for each in words if each != ADD_TYPENAME)
        manifest = manifest_of(Path(folder), only_for, adds_typename=ADD_TYPENAME in words)
        Path(out).write_bytes(manifest.written())
    except ManifestWrong as wrong:
        raise fail(f"{wrong}.", USAGE_EXIT) from None
    except (FolderWrong, OSError) as wrong:
        raise fail(str(wrong), USAGE_EXIT) from None
    sys.stdout.write(f"{out}: {len(manifest.documents)} operations.\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
