"""The schema of a process: `make_schema([salon.graph, …, closing.graph])`, proved before anything is answered."""

from collections.abc import Iterable
from types import ModuleType

from salonos.graph import check
from salonos.graph.assemble import Graph, SchemaFault, assemble

__all__ = ["Graph", "SchemaFault", "make_schema"]


def make_schema(features: Iterable[ModuleType]) -> Graph:
    """The schema of these `graph.py` rooms (modules, or packages of modules), checked.

    Raises: SchemaFault naming every promise that the schema makes and the database would not keep, a line each.
    """
    graph = assemble(features)
    if faults := check.faults(graph):
        raise SchemaFault("\n".join(faults))
    return graph
