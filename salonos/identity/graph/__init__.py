"""Identity in the schema. Higher features refer to `StaffMember` and `Viewer`, and refuse with `ApprovalNotValid`."""

from salonos.identity.graph import approvals, people, problems, roles, sessions, tablets
from salonos.identity.graph.problems import ApprovalNotValid
from salonos.identity.graph.reads import Role, StaffMember, Viewer

__all__ = [
    "ApprovalNotValid",
    "Role",
    "StaffMember",
    "Viewer",
    "approvals",
    "people",
    "problems",
    "roles",
    "sessions",
    "tablets",
]
