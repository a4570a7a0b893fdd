"""Alembic's entry: runs on the connection that `salonos.kernel.migrations` hands over, in its transaction."""

import importlib
import pkgutil

from alembic import context

import salonos
from salonos.kernel.database import Base


def import_tables() -> None:
    """Every feature's mapped classes, so that a comparison sees them all."""
    for module in pkgutil.walk_packages(salonos.__path__, "salonos."):
        if module.name.rpartition(".")[2] in {"tables", "due"}:
            importlib.import_module(module.name)


import_tables()
context.configure(connection=context.config.attributes["connection"], target_metadata=Base.metadata, compare_type=True)
context.run_migrations()
