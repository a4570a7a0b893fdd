"""What may be done: `sessions` and `pins` (signing in and out), `tablets`, `approvals`, `people`, `roles`.

`passwords`, `throttling`, `notices` and `authority` serve them.
"""

from salonos.identity.commands.approvals import ApprovalRequest, Given, Secret, approve, redeem_approval
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
from salonos.identity.commands.pins import set_pin, sign_in_with_pin
from salonos.identity.commands.roles import NewRole, RoleChange, create_role, update_role
from salonos.identity.commands.sessions import Device, SignedIn, refresh, sign_in, sign_out, sign_out_device
from salonos.identity.commands.tablets import Enrolled, enroll_tablet, revoke_tablet

__all__ = [
    "ApprovalRequest",
    "Device",
    "Enrolled",
    "Given",
    "NewOwner",
    "NewRole",
    "NewStaffMember",
    "RoleChange",
    "Secret",
    "SignedIn",
    "StaffChange",
    "approve",
    "change_password",
    "create_owner",
    "create_role",
    "create_staff_member",
    "disable_staff_member",
    "enable_staff_member",
    "enroll_tablet",
    "new_hash",
    "redeem_approval",
    "refresh",
    "reset_password",
    "revoke_tablet",
    "set_pin",
    "sign_in",
    "sign_in_with_pin",
    "sign_out",
    "sign_out_device",
    "update_role",
    "update_staff_member",
]
