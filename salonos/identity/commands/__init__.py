"""What may be done: `sessions` (signing in and out), `people`, `roles`; `passwords`, `throttling` and `authority` serve them."""

from salonos.identity.commands.passwords import new_hash
from salonos.identity.commands.people import (
    NewOwner,
    NewStaffMember,
    StaffChange,
    change_password,
    create_owner,
    create_staff_member,
    disable_staff_member,
    enable_staff_member,
    reset_password,
    update_staff_member,
)
from salonos.identity.commands.roles import NewRole, RoleChange, create_role, update_role
from salonos.identity.commands.sessions import Device, SignedIn, refresh, sign_in, sign_out, sign_out_device

__all__ = [
    "Device",
    "NewOwner",
    "NewRole",
    "NewStaffMember",
    "RoleChange",
    "SignedIn",
    "StaffChange",
    "change_password",
    "create_owner",
    "create_role",
    "create_staff_member",
    "disable_staff_member",
    "enable_staff_member",
    "new_hash",
    "refresh",
    "reset_password",
    "sign_in",
    "sign_out",
    "sign_out_device",
    "update_role",
    "update_staff_member",
]
