"""What a return had left may be paid back by the supplier: a document of its own in the supplier's ledger.

It takes from what the return has left, like a settlement does: never more, by the same CHECK.
"""

from alembic import op

revision = "0034_supplier_refunds"
down_revision = "0033_credit_reversed"
branch_labels = None
depends_on = None

TABLE = """
create table supplier_refunds (
    id uuid not null constraint pk_supplier_refunds primary key,
    supplier_id uuid not null constraint fk_supplier_refunds_supplier_id references suppliers (id),
    branch_id uuid not null constraint fk_supplier_refunds_branch_id references branches (id),
    return_id uuid not null constraint fk_supplier_refunds_return_id references supplier_returns (id),
    business_date date not null,
    method varchar(32) not null,
    amount_paise bigint not null,
    reference text,
    money_move_id uuid not null constraint fk_supplier_refunds_money_move_id references money_moves (id),
    entry_id uuid not null constraint fk_supplier_refunds_entry_id references entries (id),
    received_at timestamptz not null,
    received_by_id uuid not null,
    constraint ck_supplier_refunds_amount check (amount_paise > 0),
    constraint ck_supplier_refunds_is_money check (method <> 'ON_ACCOUNT'),
    constraint ck_supplier_refunds_reference check (char_length(reference) between 1 and 120),
    constraint ck_supplier_refunds_payment_method
        check (method in ('CASH', 'UPI', 'CARD', 'BANK_TRANSFER', 'ON_ACCOUNT', 'OTHER'))
)
"""

WRITE_LEDGER = """
create or replace function write_supplier_ledger() returns trigger language plpgsql security definer set search_path = pg_catalog, public as $$
declare
    document jsonb := to_jsonb(new);
    kind text := tg_argv[0];
    amount bigint := (document ->> tg_argv[1])::bigint * case when kind in ({more}) then 1 else -1 end;
    after bigint;
begin
    if amount = 0 then
        return null;
    end if;
    insert into supplier_accounts as account (supplier_id, branch_id, balance_paise)
    values (new.supplier_id, new.branch_id, amount)
    on conflict (supplier_id, branch_id) do update set balance_paise = account.balance_paise + excluded.balance_paise
    returning balance_paise into after;
    insert into supplier_ledger (id, supplier_id, branch_id, kind, bill_id, return_id, payment_id{column}, business_date,
                                 amount_paise, balance_paise, entry_id, written_at)
    values (new.id, new.supplier_id, new.branch_id, kind, case kind when 'BILL' then new.id end,
            case kind when 'RETURN' then new.id end, case kind when 'PAYMENT' then new.id end{value},
            (document ->> tg_argv[2])::date, amount, after, new.entry_id, (document ->> tg_argv[3])::timestamptz);
    return null;
end $$
"""
WITH_REFUNDS = {
    "more": "'BILL', 'REFUND'",
    "column": ", refund_id",
    "value": ", case kind when 'REFUND' then new.id end",
}
WITHOUT = {"more": "'BILL'", "column": "", "value": ""}

COUNT_REFUND = """
create function count_supplier_refund() returns trigger language plpgsql security definer set search_path = pg_catalog, public as $$
begin
    update supplier_returns set settled_paise = settled_paise + new.amount_paise
    where id = new.return_id and supplier_id = new.supplier_id and branch_id = new.branch_id;
    if not found then
        raise exception 'a supplier pays back for its own returns at their own branch'
            using errcode = 'check_violation', constraint = 'supplier_refunds_same_account';
    end if;
    return null;
end $$
"""


def upgrade() -> None:
    """The table, its line in the ledger, and what keeps both true."""
    op.execute("set local lock_timeout = '3s'")
    op.execute(TABLE)
    op.execute("create index ix_supplier_refunds_return_id on supplier_refunds (return_id, received_at, id)")
    op.execute(
        "alter table supplier_ledger add column refund_id uuid"
        " constraint fk_supplier_ledger_refund_id references supplier_refunds (id)"
    )
    _documents(", refund_id", ", 'REFUND'")
    op.execute(WRITE_LEDGER.format(**WITH_REFUNDS))
    op.execute(COUNT_REFUND)
    create_triggers()
    op.execute("grant select, insert on supplier_refunds to salonos_app")


def create_triggers() -> None:
    """As those of the other documents."""
    op.execute(
        "create trigger supplier_refunds_append_only before update or delete on supplier_refunds "
        "for each row execute function refuse_change()"
    )
    op.execute(
        "create trigger supplier_refunds_no_truncate before truncate on supplier_refunds "
        "for each statement execute function refuse_change()"
    )
    op.execute(
        "create trigger supplier_refunds_ledger after insert on supplier_refunds for each row "
        "execute function write_supplier_ledger('REFUND', 'amount_paise', 'business_date', 'received_at')"
    )
    op.execute(
        "create trigger supplier_refunds_audit after insert on supplier_refunds "
        "for each row execute function audit_change()"
    )
    op.execute(
        "create trigger supplier_refunds_count after insert on supplier_refunds "
        "for each row execute function count_supplier_refund()"
    )


def downgrade() -> None:
    """Refused while one was paid back."""
    op.execute("set local lock_timeout = '3s'")
    op.execute(WRITE_LEDGER.format(**WITHOUT))
    _documents("", "")
    op.execute("alter table supplier_ledger drop column refund_id")
    op.drop_table("supplier_refunds")
    op.execute("drop function count_supplier_refund()")


def _documents(column: str, kind: str) -> None:
    op.execute("alter table supplier_ledger drop constraint if exists ck_supplier_ledger_one_document")
    op.execute("alter table supplier_ledger drop constraint ck_supplier_ledger_supplier_ledger_kind")
    op.execute(
        "alter table supplier_ledger add constraint ck_supplier_ledger_one_document"
        f" check (num_nonnulls(bill_id, return_id, payment_id{column}) = 1)"
    )
    op.execute(
        "alter table supplier_ledger add constraint ck_supplier_ledger_supplier_ledger_kind"
        f" check (kind in ('BILL', 'RETURN', 'PAYMENT'{kind}))"
    )
