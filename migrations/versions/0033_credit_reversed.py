"""Input credit that is given back stands in the tax register: for goods lost, and used in services that earn none.

Section 17(5)(h) CGST Act; table 4(B)(1) of GSTR-3B is made of these lines. They belong to no document.
"""

import sqlalchemy as sa
from alembic import op

revision = "0033_credit_reversed"
down_revision = "0032_exports"
branch_labels = None
depends_on = None

KINDS = "'INPUTS', 'CAPITAL_GOODS', 'INPUT_SERVICES', 'BLOCKED'"


def upgrade() -> None:
    """What was given back before is not told: no return was made of it yet."""
    op.execute("set local lock_timeout = '3s'")
    _allow(f"{KINDS}, 'REVERSED'")
    for column, kind in (("document_kind", sa.String(32)), ("document_number", sa.Text())):
        op.alter_column("tax_register", column, existing_type=kind, nullable=True)
    op.create_check_constraint(
        op.f("ck_tax_register_document_unless_reversed"),
        "tax_register",
        "(document_kind is null) = (coalesce(credit_kind, '') = 'REVERSED')"
        " and (document_kind is null) = (document_number is null)",
    )


def downgrade() -> None:
    """The register tells of documents only."""
    op.execute("set local lock_timeout = '3s'")
    op.drop_constraint(op.f("ck_tax_register_document_unless_reversed"), "tax_register", type_="check")
    op.execute("alter table tax_register disable trigger user")
    op.execute("delete from tax_register where credit_kind = 'REVERSED'")
    op.execute("alter table tax_register enable trigger user")
    for column, kind in (("document_kind", sa.String(32)), ("document_number", sa.Text())):
        op.alter_column("tax_register", column, existing_type=kind, nullable=False)
    _allow(KINDS)


def _allow(kinds: str) -> None:
    op.drop_constraint(op.f("ck_tax_register_credit_kind"), "tax_register", type_="check")
    op.create_check_constraint(op.f("ck_tax_register_credit_kind"), "tax_register", f"credit_kind in ({kinds})")
