"""What documents print: a branch's UPI id, and the names of seller and buyer as they were when a bill was posted.

A trigger takes the names, whatever posts the bill, so that no command can forget them and no statement is added. It is
named to run after `bills_final`: a posted bill that is given its customer gets the customer's name, and no other way
leads to another name.
"""

from alembic import op

revision = "0022_documents"
down_revision = "0021_stock_transfers"
branch_labels = None
depends_on = None

TAKE_NAMES = """
create function take_names() returns trigger language plpgsql as $$
begin
    if tg_op = 'INSERT' or old.status = 'DRAFT' then
        select salons.name, salons.legal_name, branches.address
        into new.seller_name, new.seller_legal_name, new.seller_address
        from branches left join salons on true where branches.id = new.branch_id;
    end if;
    if tg_op = 'INSERT' or old.status = 'DRAFT' or old.customer_id is distinct from new.customer_id then
        new.buyer_name := (select name from customers where id = new.customer_id);
    end if;
    return new;
end $$
"""


def upgrade() -> None:
    """Columns that may be null, since bills from before have no names of their own."""
    op.execute("set local lock_timeout = '3s'")
    op.execute("alter table branches add column upi_id text")
    op.execute(
        "alter table branches add constraint ck_branches_upi_id"
        " check (upi_id ~ '^[A-Za-z0-9._-]{2,200}@[A-Za-z][A-Za-z0-9]{1,63}$')"
    )
    op.execute(
        "alter table bills add column seller_name text, add column seller_legal_name text,"
        " add column seller_address text, add column buyer_name text"
    )
    op.execute(TAKE_NAMES)
    op.execute(
        "create trigger bills_names before insert or update on bills for each row"
        " when (new.status = 'POSTED') execute function take_names()"
    )
    _audit("'notes', 'buyer_name'")


def downgrade() -> None:
    """As it was; the names are lost."""
    op.execute("set local lock_timeout = '3s'")
    _audit("'notes'")
    op.execute("drop trigger bills_names on bills")
    op.execute("drop function take_names()")
    op.execute(
        "alter table bills drop column seller_name, drop column seller_legal_name, drop column seller_address,"
        " drop column buyer_name"
    )
    op.execute("alter table branches drop column upi_id")


def _audit(hidden: str) -> None:
    """The audit says that these changed, not what they hold."""
    op.execute("drop trigger bills_audit on bills")
    op.execute(
        "create trigger bills_audit after insert or update or delete on bills"
        f" for each row execute function audit_change({hidden})"
    )
