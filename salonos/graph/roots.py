"""The types that every feature extends or answers with: Query, Mutation, Subscription, Node, Connection."""

from typing import Generic, TypeVar

import strawberry

from salonos.graph.directives import AUTHENTICATED
from salonos.graph.fields import by_node, field

T = TypeVar("T")


@strawberry.interface(description="Whatever has an id.")
class Node:
    """Whatever has an id."""

    id: strawberry.ID = field("Opaque, unique over all types, ordered by time; it may stand in a log.")


@strawberry.type(description="Where a page stands among all rows.")
class PageInfo:
    """Where a page stands."""

    has_next_page: bool = field("Whether rows follow after this page.")
    has_previous_page: bool = field("Whether rows stand before this page.")
    start_cursor: str | None = field("The first row's cursor; null on an empty page.")
    end_cursor: str | None = field("The last row's cursor; null on an empty page.")


@strawberry.type(description="One row of a page, and where it stands.")
class Edge(Generic[T]):
    """One row of a page."""

    cursor: str = field("Where this row stands in the order; opaque.")
    node: T = field("The row.")


@strawberry.type(description="A page of rows.")
class Connection(Generic[T]):
    """A page of rows."""

    nodes: list[T] = field("The rows, at most 100.")
    edges: list[Edge[T]] = field("The rows with their cursors, at most 100.")
    page_info: PageInfo = field("Where this page stands.")
    total_count: int | None = field("How many rows there are on all pages; null above 10,000.")


@strawberry.type(description="All reads. A read changes nothing.")
class Query:
    """All reads."""

    node: Node | None = by_node("Any object by its id; null when there is none within reach.", requires=AUTHENTICATED)
    nodes: list[Node | None] | None = by_node(
        "Objects by their ids, in the order of the ids; null where there is none within reach. At most 50.",
        requires=AUTHENTICATED,
        listed=True,
    )


@strawberry.type(description="All writes. Each field is one transaction; they run one after another.")
class Mutation:
    """All writes."""


@strawberry.type(description="Facts as they happen.")
class Subscription:
    """Facts as they happen."""
