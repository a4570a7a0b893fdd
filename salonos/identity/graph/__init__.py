"""Identity in the schema. Higher features refer to `StaffMember` and `Viewer`."""

from salonos.identity.graph import people, problems, roles, sessions
from salonos.identity.graph.reads import Role, StaffMember, Viewer

__all__ = ["Role", "StaffMember", "Viewer", "people", "problems", "roles", "sessions"]
