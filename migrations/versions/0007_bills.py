"""The till: bills with their lines, payments and tips, and the dated limits on discounts and cash.

What must hold whoever writes is held here. A posted bill keeps its figures, lines and tips; only what was paid on it
still moves. Lines and tips of a posted bill come with the statement that inserts the bill, never later. At commit a
bill's lines, tips and payments sum to what it says. Payments are append-only.
"""

from alembic import op

revision = "0007_bills"
down_revision = "0006_accounting"
branch_labels = None
depends_on = None

BILLS = """
create table bills (
    id uuid constraint pk_bills primary key,
    branch_id uuid not null constraint fk_bills_branch_id references branches (id),
    kind varchar(32) not null,
    status varchar(32) not null,
    number text,
    number_key text collate "C" not null generated always as (coalesce(number, '')) stored,
    version integer not null,
    customer_id uuid constraint fk_bills_customer_id references customers (id),
    created_at timestamptz not null,
    created_by_id uuid not null,
    posted_at timestamptz,
    posted_by_id uuid,
    listed_at timestamptz not null generated always as (coalesce(posted_at, created_at)) stored,
    business_date date not null,
    gstin text,
    place_of_supply text not null,
    buyer_gstin text,
    notes text,
    bill_discount_paise bigint,
    bill_discount_hundredths integer,
    discount_reason text,
    gross_paise bigint not null,
    discount_paise bigint not null,
    taxable_paise bigint not null,
    cgst_paise bigint not null,
    sgst_paise bigint not null,
    igst_paise bigint not null,
    round_off_paise bigint not null,
    total_paise bigint not null,
    tip_paise bigint not null,
    paid_paise bigint not null,
    balance_due_paise bigint not null generated always as (total_paise + tip_paise - paid_paise) stored,
    payment_state varchar(32) not null,
    entry_id uuid constraint fk_bills_entry_id references entries (id),
    constraint uq_bills_number unique (number),
    constraint uq_bills_entry_id unique (entry_id),
    constraint ck_bills_bill_kind check (kind in ('TAX_INVOICE', 'BILL_OF_SUPPLY', 'CREDIT_NOTE')),
    constraint ck_bills_bill_status check (status in ('DRAFT', 'POSTED', 'VOID')),
    constraint ck_bills_payment_state check (payment_state in ('UNPAID', 'PARTLY_PAID', 'PAID')),
    constraint ck_bills_total
        check (total_paise = taxable_paise + cgst_paise + sgst_paise + igst_paise + round_off_paise),
    constraint ck_bills_one_kind_of_tax check (cgst_paise = sgst_paise and (igst_paise = 0 or cgst_paise = 0)),
    constraint ck_bills_whole_rupees check (round_off_paise between -49 and 50 and total_paise % 100 = 0),
    constraint ck_bills_amounts check (
        least(gross_paise, discount_paise, taxable_paise, cgst_paise, igst_paise, total_paise, tip_paise, paid_paise) >= 0
        and discount_paise <= gross_paise and paid_paise <= total_paise + tip_paise
    ),
    constraint ck_bills_largest check (total_paise <= 1000000000000 and gross_paise <= 1000000000000),
    constraint ck_bills_posted_is_whole check (
        case status when 'DRAFT' then num_nulls(number, posted_at, posted_by_id, entry_id) = 4
                    when 'POSTED' then num_nulls(number, posted_at, posted_by_id, entry_id) = 0
                    else num_nulls(number, posted_at, posted_by_id, entry_id) in (0, 4) end
    ),
    constraint ck_bills_payment_state_of_paid check (
        payment_state = case when paid_paise >= total_paise + tip_paise then 'PAID'
                             when paid_paise = 0 then 'UNPAID' else 'PARTLY_PAID' end
    ),
    constraint ck_bills_owed_by_somebody check (
        not (status = 'POSTED' and total_paise + tip_paise - paid_paise > 0)
        or (customer_id is not null and tip_paise = 0)
    ),
    constraint ck_bills_tax_on_invoice check (kind <> 'BILL_OF_SUPPLY' or cgst_paise + igst_paise = 0),
    constraint ck_bills_one_discount check (num_nonnulls(bill_discount_paise, bill_discount_hundredths) <= 1),
    constraint ck_bills_version check (version > 0)
)
"""

BILL_LINES = """
create table bill_lines (
    id uuid constraint pk_bill_lines primary key,
    bill_id uuid not null constraint fk_bill_lines_bill_id references bills (id),
    position integer not null,
    service_id uuid constraint fk_bill_lines_service_id references services (id),
    product_id uuid constraint fk_bill_lines_product_id references products (id),
    staff_id uuid constraint fk_bill_lines_staff_id references staff (id),
    description text not null,
    code text not null,
    quantity_milli bigint not null,
    unit_price_paise bigint not null,
    is_price_overridden boolean not null,
    discount_reason text,
    rate_hundredths integer not null,
    is_tax_included boolean not null,
    gross_paise bigint not null,
    discount_paise bigint not null,
    bill_discount_paise bigint not null,
    taxable_paise bigint not null,
    cgst_paise bigint not null,
    sgst_paise bigint not null,
    igst_paise bigint not null,
    unit_cost_paise bigint,
    constraint uq_bill_lines_bill_id_position unique (bill_id, position),
    constraint ck_bill_lines_one_item check (num_nonnulls(service_id, product_id) = 1),
    constraint ck_bill_lines_position check (position between 1 and 200),
    constraint ck_bill_lines_quantity check (quantity_milli between 1 and 1000000000),
    constraint ck_bill_lines_rate check (rate_hundredths between 0 and 10000),
    constraint ck_bill_lines_one_kind_of_tax check (cgst_paise = sgst_paise and (igst_paise = 0 or cgst_paise = 0)),
    constraint ck_bill_lines_amounts check (
        least(unit_price_paise, discount_paise, bill_discount_paise, taxable_paise, cgst_paise, igst_paise) >= 0
        and gross_paise <= 1000000000000
    ),
    constraint ck_bill_lines_taxable check (
        gross_paise - discount_paise - bill_discount_paise
            = taxable_paise + case when is_tax_included then cgst_paise + sgst_paise + igst_paise else 0 end
    )
)
"""

PAYMENTS = """
create table payments (
    id uuid constraint pk_payments primary key,
    bill_id uuid not null constraint fk_payments_bill_id references bills (id),
    money_move_id uuid not null constraint fk_payments_money_move_id references money_moves (id),
    method varchar(32) not null,
    amount_paise bigint not null,
    tendered_paise bigint,
    change_paise bigint,
    reference text,
    business_date date not null,
    received_at timestamptz not null,
    received_by_id uuid not null,
    constraint ck_payments_payment_method
        check (method in ('CASH', 'UPI', 'CARD', 'BANK_TRANSFER', 'ON_ACCOUNT', 'OTHER')),
    constraint ck_payments_amount check (amount_paise > 0),
    constraint ck_payments_is_money check (method <> 'ON_ACCOUNT'),
    constraint ck_payments_change_of_cash check (
        case when method = 'CASH' then change_paise >= 0 and tendered_paise = amount_paise + change_paise
             else num_nulls(tendered_paise, change_paise) = 2 end
    )
)
"""

TIPS = """
create table tips (
    bill_id uuid not null constraint fk_tips_bill_id references bills (id),
    staff_id uuid not null constraint fk_tips_staff_id references staff (id),
    amount_paise bigint not null,
    constraint pk_tips primary key (bill_id, staff_id),
    constraint ck_tips_amount check (amount_paise > 0)
)
"""

LIMITS = """
create table discount_limits (
    id uuid constraint pk_discount_limits primary key,
    role_id uuid constraint fk_discount_limits_role_id references roles (id),
    valid_from date not null,
    amount_paise bigint not null,
    share_hundredths integer not null,
    constraint uq_discount_limits_role_id_valid_from unique nulls not distinct (role_id, valid_from),
    constraint ck_discount_limits_limit check (amount_paise >= 0 and share_hundredths between 0 and 10000)
);
create table cash_limits (
    valid_from date constraint pk_cash_limits primary key,
    amount_paise bigint not null,
    constraint ck_cash_limits_amount check (amount_paise > 0)
);
insert into discount_limits (id, role_id, valid_from, amount_paise, share_hundredths)
values (gen_random_uuid(), null, '2000-01-01', 50000, 1000);
insert into cash_limits (valid_from, amount_paise) values ('2017-04-01', 20000000)
"""
"""Five hundred rupees or ten per cent, whichever is less; two lakh rupees by section 269ST, in force since 2017-04-01."""

INDEXES = (
    "ix_bills_listed_at_id on bills (listed_at, id)",
    "ix_bills_branch_id_listed_at_id on bills (branch_id, listed_at, id)",
    "ix_bills_customer_id_listed_at_id on bills (customer_id, listed_at, id)",
    "ix_bills_status_listed_at_id on bills (status, listed_at, id)",
    "ix_bills_payment_state_listed_at_id on bills (payment_state, listed_at, id)",
    "ix_bills_created_at_id on bills (created_at, id)",
    "ix_bills_branch_id_created_at_id on bills (branch_id, created_at, id)",
    "ix_bills_total_paise_id on bills (total_paise, id)",
    "ix_bills_branch_id_total_paise_id on bills (branch_id, total_paise, id)",
    "ix_bills_number_key_id on bills (number_key, id)",
    "ix_bills_branch_id_number_key_id on bills (branch_id, number_key, id)",
    "ix_bills_branch_id_business_date on bills (branch_id, business_date)",
    "ix_bills_owed on bills (customer_id) where status = 'POSTED' and balance_due_paise > 0",
    "ix_bill_lines_staff_id_bill_id on bill_lines (staff_id, bill_id)",
    "ix_bill_lines_service_id_bill_id on bill_lines (service_id, bill_id)",
    "ix_bill_lines_product_id_bill_id on bill_lines (product_id, bill_id)",
    "ix_payments_bill_id_received_at_id on payments (bill_id, received_at, id)",
    "ix_payments_money_move_id on payments (money_move_id)",
    "ix_payments_business_date_method on payments (business_date, method)",
    "ix_tips_staff_id on tips (staff_id)",
)

# Generated columns are empty in a BEFORE trigger, and follow from the others.
KEEP_POSTED_BILL = """
create function keep_posted_bill() returns trigger language plpgsql as $$
declare
    moving constant text[] := array['paid_paise', 'payment_state', 'version', 'balance_due_paise', 'listed_at', 'number_key'];
begin
    if old.status <> 'DRAFT' and (tg_op = 'DELETE' or to_jsonb(old) - moving <> to_jsonb(new) - moving) then
        raise exception 'bill % is final', old.number using errcode = 'restrict_violation', constraint = 'bills_final';
    end if;
    if tg_op = 'DELETE' then
        return old;
    end if;
    return new;
end $$
"""

# A bill that the same statement inserts is not to be seen yet: its lines and tips come with it. Later, it is.
KEEP_POSTED_PARTS = """
create function keep_posted_parts() returns trigger language plpgsql as $$
begin
    if exists (select from bills where id in (old.bill_id, new.bill_id) and status <> 'DRAFT') then
        raise exception 'the bill of this row is final'
            using errcode = 'restrict_violation', constraint = 'bills_final';
    end if;
    if tg_op = 'DELETE' then
        return old;
    end if;
    return new;
end $$
"""

CHECK_BILL = """
create function check_bill() returns trigger language plpgsql as $$
declare
    this uuid := case tg_table_name when 'bills' then to_jsonb(new) ->> 'id' else to_jsonb(new) ->> 'bill_id' end;
    wrong boolean;
begin
    select coalesce(lines.taxable, 0) <> taxable_paise or coalesce(lines.cgst, 0) <> cgst_paise
        or coalesce(lines.igst, 0) <> igst_paise or coalesce(lines.gross, 0) <> gross_paise
        or coalesce(lines.discount, 0) <> discount_paise
        or tip_paise <> (select coalesce(sum(amount_paise), 0) from tips where bill_id = this)
        or paid_paise <> (select coalesce(sum(amount_paise), 0) from payments where bill_id = this)
    into wrong
    from bills, (
        select sum(taxable_paise) as taxable, sum(cgst_paise) as cgst, sum(igst_paise) as igst, sum(gross_paise) as gross,
               sum(discount_paise + bill_discount_paise) as discount
        from bill_lines where bill_id = this
    ) as lines
    where bills.id = this;
    if wrong then
        raise exception 'bill % is not the sum of its parts', this
            using errcode = 'check_violation', constraint = 'bills_sum';
    end if;
    return null;
end $$
"""

TRIGGERS = (
    "bills_final before update or delete on bills for each row execute function keep_posted_bill()",
    "bill_lines_final before insert or update or delete on bill_lines for each row execute function keep_posted_parts()",
    "tips_final before insert or update or delete on tips for each row execute function keep_posted_parts()",
    "payments_append_only before update or delete on payments for each row execute function refuse_change()",
    *(
        f"{table}_no_truncate before truncate on {table} for each statement execute function refuse_change()"
        for table in ("bills", "bill_lines", "payments", "tips")
    ),
    "cash_limits_append_only before update or delete on cash_limits for each row execute function refuse_change()",
    "bills_audit after insert or update or delete on bills for each row execute function audit_change('notes')",
    "bill_lines_audit after update or delete on bill_lines for each row execute function audit_change()",
    "discount_limits_audit after insert or update on discount_limits for each row execute function audit_change()",
)
CONSTRAINT_TRIGGERS = (
    "bills_sum after insert or update on bills",
    "payments_sum after insert on payments",
)


def upgrade() -> None:
    """Tables and indexes, what keeps them true, and who may do what."""
    op.execute("set local lock_timeout = '3s'")
    for table in (BILLS, BILL_LINES, PAYMENTS, TIPS, *LIMITS.split(";\n")):
        op.execute(table)
    for index in INDEXES:
        op.execute(f"create index {index}")
    for function in (KEEP_POSTED_BILL, KEEP_POSTED_PARTS, CHECK_BILL):
        op.execute(function)
    for trigger in TRIGGERS:
        op.execute(f"create trigger {trigger}")
    for trigger in CONSTRAINT_TRIGGERS:
        op.execute(
            f"create constraint trigger {trigger} deferrable initially deferred "
            "for each row execute function check_bill()"
        )
    op.execute("grant select, insert, update on bills to salonos_app")
    op.execute("grant select, insert, update, delete on bill_lines, tips to salonos_app")
    op.execute("grant select, insert on payments, cash_limits to salonos_app")
    op.execute("grant select, insert, update on discount_limits to salonos_app")


def downgrade() -> None:
    """Everything of the till."""
    op.execute("set local lock_timeout = '3s'")
    for table in ("cash_limits", "discount_limits", "tips", "payments", "bill_lines", "bills"):
        op.drop_table(table)
    for function in ("keep_posted_bill", "keep_posted_parts", "check_bill"):
        op.execute(f"drop function {function}()")
