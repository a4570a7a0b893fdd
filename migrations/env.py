"""Alembic's entry: runs on the connection that `salonos.kernel.migrations` hands over, in its transaction."""

import importlib
import pkgutil

from alembic import context
from sqlalchemy.dialects.postgresql.base import ischema_names

import salonos
from salonos.kernel.database import Base
from salonos.kernel.tables import Xid8


def import_tables() -> None:
    """Every feature's mapped classes, so that a comparison sees them all."""
    for module in pkgutil.walk_packages(salonos.__path__, "salonos."):
        if module.name.rpartition(".")[2] in {"tables", "due"}:
            importlib.import_module(module.name)


import_tables()
ischema_names["xid8"] = Xid8  # SQLAlchemy's reflection does not know it
context.configure(connection=context.config.attributes["connection"], target_metadata=Base.metadata, compare_type=True)
context.run_migrations()
