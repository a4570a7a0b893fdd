"""A mutation's result as it is kept with its Idempotency-Key: type names, ids and facts; objects are read anew."""

import enum
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID

from salonos.graph.reads import Ref

TYPE = "type"


def stored(result: Any) -> dict[str, Any]:
    """A success as JSON values."""
    kept = _stored(result)
    if not isinstance(kept, dict) or TYPE not in kept:
        raise TypeError(f"{type(result).__name__} is no object of the schema")
    return kept


def _stored(value: Any) -> Any:
    if isinstance(value, Ref):
        return {"ref": value.kind.__name__, "id": value.id and value.id.hex}
    if isinstance(value, enum.Enum):
        return {"enum": type(value).__name__, "name": value.name}
    if isinstance(value, datetime):
        return {"instant": value.isoformat()}
    if isinstance(value, date):
        return {"date": value.isoformat()}
    if isinstance(value, list | tuple):
        return [_stored(each) for each in value]
    definition = getattr(type(value), "__strawberry_definition__", None)
    if definition is not None:
        names = [each.python_name for each in definition.fields]
        return {TYPE: definition.name, "fields": {name: _stored(getattr(value, name)) for name in names}}
    if value is None or isinstance(value, str | int):
        return value
    raise TypeError(f"a result can't keep {type(value).__name__}")


def restored(kept: Any, types: Mapping[str, type[Any]]) -> Any:
    """The result again, with references to be read under today's rights. `types` is by name in the schema."""
    match kept:
        case {"ref": name, "id": row_id}:
            return Ref(types[name], UUID(row_id) if row_id else None)
        case {"enum": name, "name": member}:
            return types[name][member]
        case {"instant": text}:
            return datetime.fromisoformat(text)
        case {"date": text}:
            return date.fromisoformat(text)
        case {"type": name, "fields": fields}:
            return types[name](**{key: restored(value, types) for key, value in fields.items()})
        case list():
            return [restored(each, types) for each in kept]
        case _:
            return kept
