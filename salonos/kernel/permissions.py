"""What a role may do: every permission, and the five built-in roles. The kernel's one page of features' words.

A permission is `RESOURCE_ACTION`. Where a role has one for *own* work only, the reader's row scope narrows it to rows
that belong to the person.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field


class Permission(enum.Enum):
    """One right. A combination of rights is a permission of its own, never a rule in code."""

    BILL_READ = "BILL_READ"
    BILL_CREATE = "BILL_CREATE"
    PAYMENT_TAKE = "PAYMENT_TAKE"
    BILL_POST_ON_ACCOUNT = "BILL_POST_ON_ACCOUNT"
    BILL_DISCOUNT = "BILL_DISCOUNT"
    BILL_DISCOUNT_APPROVE = "BILL_DISCOUNT_APPROVE"
    BILL_PRICE_OVERRIDE = "BILL_PRICE_OVERRIDE"
    BILL_VOID = "BILL_VOID"
    BILL_REFUND = "BILL_REFUND"
    BILL_WRITE_OFF = "BILL_WRITE_OFF"
    PAYMENT_CORRECT = "PAYMENT_CORRECT"
    APPOINTMENT_READ = "APPOINTMENT_READ"
    APPOINTMENT_SERVE = "APPOINTMENT_SERVE"
    APPOINTMENT_BOOK = "APPOINTMENT_BOOK"
    APPOINTMENT_CHANGE = "APPOINTMENT_CHANGE"
    QUEUE_MANAGE = "QUEUE_MANAGE"
    CATALOG_READ = "CATALOG_READ"
    CATALOG_MANAGE = "CATALOG_MANAGE"
    CUSTOMER_READ = "CUSTOMER_READ"
    CUSTOMER_CONTACT_READ = "CUSTOMER_CONTACT_READ"
    CUSTOMER_NOTES_READ = "CUSTOMER_NOTES_READ"
    CUSTOMER_WRITE = "CUSTOMER_WRITE"
    CUSTOMER_MERGE = "CUSTOMER_MERGE"
    CUSTOMER_ERASE = "CUSTOMER_ERASE"
    CUSTOMER_EXPORT = "CUSTOMER_EXPORT"
    STOCK_READ = "STOCK_READ"
    STOCK_REQUEST = "STOCK_REQUEST"
    STOCK_RECEIVE = "STOCK_RECEIVE"
    STOCK_COUNT = "STOCK_COUNT"
    PURCHASE_MANAGE = "PURCHASE_MANAGE"
    SUPPLIER_READ = "SUPPLIER_READ"
    STOCK_APPROVE = "STOCK_APPROVE"
    STOCK_TRANSFER = "STOCK_TRANSFER"
    COST_READ = "COST_READ"
    DRAWER_OPERATE = "DRAWER_OPERATE"
    DRAWER_EXPECTED_READ = "DRAWER_EXPECTED_READ"
    DRAWER_REOPEN = "DRAWER_REOPEN"
    DAY_CLOSE = "DAY_CLOSE"
    DAY_REOPEN = "DAY_REOPEN"
    EXPENSE_RECORD = "EXPENSE_RECORD"
    EXPENSE_RECORD_PAYROLL = "EXPENSE_RECORD_PAYROLL"
    EXPENSE_APPROVE = "EXPENSE_APPROVE"
    DASHBOARD_READ = "DASHBOARD_READ"
    REVENUE_READ = "REVENUE_READ"
    SUMMARY_READ = "SUMMARY_READ"
    BOOKS_READ = "BOOKS_READ"
    REPORT_EXPORT = "REPORT_EXPORT"
    GST_RETURN_READ = "GST_RETURN_READ"
    PROFIT_READ = "PROFIT_READ"
    JOURNAL_POST = "JOURNAL_POST"
    GST_RETURN_FILE = "GST_RETURN_FILE"
    STAFF_READ = "STAFF_READ"
    STAFF_PROFILE_READ = "STAFF_PROFILE_READ"
    STAFF_MANAGE = "STAFF_MANAGE"
    ROLE_MANAGE = "ROLE_MANAGE"
    API_KEY_MANAGE = "API_KEY_MANAGE"
    SETTINGS_MANAGE = "SETTINGS_MANAGE"
    COMMISSION_READ = "COMMISSION_READ"
    AUDIT_READ = "AUDIT_READ"
    SCHEMA_READ = "SCHEMA_READ"


@dataclass(frozen=True)
class RoleRights:
    """A role's permissions; those in `own` reach only rows of the person's own work."""

    permissions: frozenset[Permission]
    own: frozenset[Permission] = field(default=frozenset())


_OWNER_ONLY = frozenset(
    {
        Permission.CUSTOMER_ERASE,
        Permission.CUSTOMER_EXPORT,
        Permission.DAY_REOPEN,
        Permission.BOOKS_READ,
        Permission.REPORT_EXPORT,
        Permission.GST_RETURN_READ,
        Permission.PROFIT_READ,
        Permission.JOURNAL_POST,
        Permission.GST_RETURN_FILE,
        Permission.ROLE_MANAGE,
        Permission.API_KEY_MANAGE,
        Permission.SETTINGS_MANAGE,
        Permission.AUDIT_READ,
        Permission.SCHEMA_READ,
    }
)
_MANAGER = frozenset(Permission) - _OWNER_ONLY
_RECEPTIONIST = _MANAGER - {
    Permission.BILL_DISCOUNT_APPROVE,
    Permission.BILL_PRICE_OVERRIDE,
    Permission.BILL_VOID,
    Permission.BILL_REFUND,
    Permission.BILL_WRITE_OFF,
    Permission.PAYMENT_CORRECT,
    Permission.CATALOG_MANAGE,
    Permission.CUSTOMER_MERGE,
    Permission.STOCK_APPROVE,
    Permission.STOCK_TRANSFER,
    Permission.COST_READ,
    Permission.DRAWER_EXPECTED_READ,
    Permission.DRAWER_REOPEN,
    Permission.DAY_CLOSE,
    Permission.EXPENSE_RECORD_PAYROLL,
    Permission.EXPENSE_APPROVE,
    Permission.REVENUE_READ,
    Permission.SUMMARY_READ,
    Permission.STAFF_PROFILE_READ,
    Permission.STAFF_MANAGE,
    Permission.COMMISSION_READ,
}
_STAFF_OWN = frozenset(
    {
        Permission.BILL_READ,
        Permission.APPOINTMENT_READ,
        Permission.APPOINTMENT_SERVE,
        Permission.CUSTOMER_READ,
        Permission.CUSTOMER_NOTES_READ,
        Permission.COMMISSION_READ,
    }
)
_STAFF = _STAFF_OWN | {
    Permission.CATALOG_READ,
    Permission.STOCK_READ,
    Permission.STOCK_REQUEST,
    Permission.STAFF_READ,
}
_ACCOUNTANT = frozenset(
    {
        Permission.BILL_READ,
        Permission.CATALOG_READ,
        Permission.CUSTOMER_READ,
        Permission.STOCK_READ,
        Permission.SUPPLIER_READ,
        Permission.COST_READ,
        Permission.EXPENSE_RECORD,
        Permission.DASHBOARD_READ,
        Permission.REVENUE_READ,
        Permission.SUMMARY_READ,
        Permission.BOOKS_READ,
        Permission.REPORT_EXPORT,
        Permission.GST_RETURN_READ,
        Permission.PROFIT_READ,
        Permission.JOURNAL_POST,
        Permission.GST_RETURN_FILE,
        Permission.STAFF_READ,
        Permission.COMMISSION_READ,
        Permission.AUDIT_READ,
    }
)

ROLES: Mapping[str, RoleRights] = {
    "OWNER": RoleRights(frozenset(Permission)),
    "MANAGER": RoleRights(_MANAGER),
    "RECEPTIONIST": RoleRights(_RECEPTIONIST),
    "STAFF": RoleRights(_STAFF, own=_STAFF_OWN),
    "ACCOUNTANT": RoleRights(_ACCOUNTANT),
}

OWN_POSSIBLE = frozenset[Permission]().union(*(rights.own for rights in ROLES.values()))
"""Permissions that can be held for one's own work only: those whose readers know what that is."""

PARTS: frozenset[tuple[Permission, Permission]] = frozenset(
    {
        (Permission.CUSTOMER_READ, Permission.CUSTOMER_NOTES_READ),
        (Permission.BILL_READ, Permission.CUSTOMER_READ),
    }
)
"""What rows need, and what a part of them needs besides: a field, or a filter. *Own* narrows rows, never a part of them,
so nobody holds the part for own work only and the rows for all. Start-up compares these pairs with the schema's.
"""


def wider_than_own(rights: RoleRights) -> frozenset[tuple[Permission, Permission]]:
    """The pairs of `PARTS` whose part is held for own work only although the rows are held for all."""
    whole = rights.permissions - rights.own
    return frozenset((rows, part) for rows, part in PARTS if rows in whole and part in rights.own)
