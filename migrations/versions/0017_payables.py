"""What suppliers are owed: bills, returns, payments, what settles what, and the ledger of it.

By construction: a document writes its own ledger line and moves its supplier's account; a line on account 2000 moves
what the books say of the same account; at commit both are equal, or nothing is committed. A bill is never settled by
more than its total, a receipt's line never by more than came, a return never takes more back than was billed.
"""

from alembic import op

revision = "0017_payables"
down_revision = "0016_stored_files"
branch_labels = None
depends_on = None

TABLES = (
    """
    create table supplier_accounts (
        supplier_id uuid not null,
        branch_id uuid not null,
        balance_paise bigint default 0 not null,
        booked_paise bigint default 0 not null,
        constraint pk_supplier_accounts primary key (supplier_id, branch_id),
        constraint fk_supplier_accounts_supplier_id foreign key(supplier_id) references suppliers (id),
        constraint fk_supplier_accounts_branch_id foreign key(branch_id) references branches (id)
    )
    """,
    """
    create table supplier_bills (
        id uuid not null,
        supplier_id uuid not null,
        branch_id uuid not null,
        number text not null,
        number_key text not null,
        financial_year integer not null,
        billed_on date not null,
        booked_on date not null,
        gstin text,
        discount_paise bigint not null,
        taxable_paise bigint not null,
        cgst_paise bigint not null,
        sgst_paise bigint not null,
        igst_paise bigint not null,
        round_off_paise bigint not null,
        total_paise bigint not null,
        settled_paise bigint default 0 not null,
        balance_due_paise bigint generated always as (total_paise - settled_paise) stored not null,
        entry_id uuid not null,
        recorded_at timestamptz not null,
        recorded_by_id uuid not null,
        constraint pk_supplier_bills primary key (id),
        constraint uq_supplier_bills_supplier_id_financial_year_number_key unique (supplier_id, financial_year, number_key),
        constraint ck_supplier_bills_number check (char_length(number) between 1 and 40 and number_key <> ''),
        constraint ck_supplier_bills_billed_on check (billed_on >= '2000-01-01' and billed_on <= booked_on),
        constraint ck_supplier_bills_financial_year check (financial_year = extract(year from billed_on - interval '3 months')),
        constraint ck_supplier_bills_sum check (total_paise = taxable_paise + cgst_paise + sgst_paise + igst_paise + round_off_paise),
        constraint ck_supplier_bills_amounts check (least(discount_paise, taxable_paise, cgst_paise, igst_paise) >= 0),
        constraint ck_supplier_bills_one_kind_of_tax check (cgst_paise = sgst_paise and (cgst_paise = 0 or igst_paise = 0)),
        constraint ck_supplier_bills_round_off check (abs(round_off_paise) < 100),
        constraint ck_supplier_bills_settled check (total_paise > 0 and settled_paise between 0 and total_paise),
        constraint fk_supplier_bills_supplier_id foreign key(supplier_id) references suppliers (id),
        constraint fk_supplier_bills_branch_id foreign key(branch_id) references branches (id),
        constraint fk_supplier_bills_entry_id foreign key(entry_id) references entries (id)
    )
    """,
    """
    create table supplier_bill_lines (
        id uuid not null,
        bill_id uuid not null,
        position integer not null,
        receipt_line_id uuid not null,
        quantity_milli bigint not null,
        unit_price_paise bigint not null,
        discount_paise bigint not null,
        bill_discount_paise bigint not null,
        rate_hundredths integer not null,
        taxable_paise bigint not null,
        cgst_paise bigint not null,
        sgst_paise bigint not null,
        igst_paise bigint not null,
        is_credited boolean not null,
        settled_paise bigint not null,
        returned_milli bigint default 0 not null,
        constraint pk_supplier_bill_lines primary key (id),
        constraint uq_supplier_bill_lines_bill_id_position unique (bill_id, position),
        constraint ck_supplier_bill_lines_quantity check (quantity_milli > 0 and returned_milli between 0 and quantity_milli),
        constraint ck_supplier_bill_lines_amounts check (least(unit_price_paise, discount_paise, bill_discount_paise, taxable_paise, cgst_paise, igst_paise, settled_paise) >= 0),
        constraint ck_supplier_bill_lines_one_kind_of_tax check (cgst_paise = sgst_paise and (cgst_paise = 0 or igst_paise = 0)),
        constraint ck_supplier_bill_lines_rate_hundredths check (rate_hundredths between 0 and 10000),
        constraint fk_supplier_bill_lines_bill_id foreign key(bill_id) references supplier_bills (id),
        constraint fk_supplier_bill_lines_receipt_line_id foreign key(receipt_line_id) references stock_receipt_lines (id)
    )
    """,
    """
    create table supplier_returns (
        id uuid not null,
        supplier_id uuid not null,
        branch_id uuid not null,
        number text not null,
        business_date date not null,
        reason text not null,
        taxable_paise bigint not null,
        cgst_paise bigint not null,
        sgst_paise bigint not null,
        igst_paise bigint not null,
        round_off_paise bigint not null,
        total_paise bigint not null,
        settled_paise bigint default 0 not null,
        credit_left_paise bigint generated always as (total_paise - settled_paise) stored not null,
        entry_id uuid,
        returned_at timestamptz not null,
        returned_by_id uuid not null,
        constraint pk_supplier_returns primary key (id),
        constraint uq_supplier_returns_number unique (number),
        constraint ck_supplier_returns_reason check (char_length(reason) between 1 and 200),
        constraint ck_supplier_returns_sum check (total_paise = taxable_paise + cgst_paise + sgst_paise + igst_paise + round_off_paise),
        constraint ck_supplier_returns_settled check (total_paise >= 0 and settled_paise between 0 and total_paise),
        constraint ck_supplier_returns_amounts check (least(taxable_paise, cgst_paise, sgst_paise, igst_paise) >= 0),
        constraint fk_supplier_returns_supplier_id foreign key(supplier_id) references suppliers (id),
        constraint fk_supplier_returns_branch_id foreign key(branch_id) references branches (id),
        constraint fk_supplier_returns_entry_id foreign key(entry_id) references entries (id)
    )
    """,
    """
    create table supplier_return_lines (
        id uuid not null,
        return_id uuid not null,
        position integer not null,
        receipt_line_id uuid not null,
        bill_line_id uuid,
        move_id uuid not null,
        quantity_milli bigint not null,
        taxable_paise bigint not null,
        cgst_paise bigint not null,
        sgst_paise bigint not null,
        igst_paise bigint not null,
        round_off_paise bigint not null,
        unbilled_paise bigint not null,
        constraint pk_supplier_return_lines primary key (id),
        constraint uq_supplier_return_lines_return_id_position unique (return_id, position),
        constraint ck_supplier_return_lines_quantity check (quantity_milli > 0),
        constraint ck_supplier_return_lines_amounts check (least(taxable_paise, cgst_paise, sgst_paise, igst_paise, unbilled_paise) >= 0),
        constraint ck_supplier_return_lines_billed_or_not check (case when bill_line_id is null then taxable_paise + cgst_paise + sgst_paise + igst_paise + abs(round_off_paise) = 0 else unbilled_paise = 0 end),
        constraint fk_supplier_return_lines_return_id foreign key(return_id) references supplier_returns (id),
        constraint fk_supplier_return_lines_receipt_line_id foreign key(receipt_line_id) references stock_receipt_lines (id),
        constraint fk_supplier_return_lines_bill_line_id foreign key(bill_line_id) references supplier_bill_lines (id),
        constraint fk_supplier_return_lines_move_id foreign key(move_id) references stock_moves (id)
    )
    """,
    """
    create table supplier_payments (
        id uuid not null,
        supplier_id uuid not null,
        branch_id uuid not null,
        business_date date not null,
        method varchar(32) not null,
        amount_paise bigint not null,
        reference text,
        money_move_id uuid not null,
        entry_id uuid not null,
        paid_at timestamptz not null,
        paid_by_id uuid not null,
        constraint pk_supplier_payments primary key (id),
        constraint ck_supplier_payments_amount check (amount_paise > 0),
        constraint ck_supplier_payments_is_money check (method <> 'ON_ACCOUNT'),
        constraint ck_supplier_payments_reference check (char_length(reference) between 1 and 120),
        constraint fk_supplier_payments_supplier_id foreign key(supplier_id) references suppliers (id),
        constraint fk_supplier_payments_branch_id foreign key(branch_id) references branches (id),
        constraint ck_supplier_payments_payment_method check (method in ('CASH', 'UPI', 'CARD', 'BANK_TRANSFER', 'ON_ACCOUNT', 'OTHER')),
        constraint fk_supplier_payments_money_move_id foreign key(money_move_id) references money_moves (id),
        constraint fk_supplier_payments_entry_id foreign key(entry_id) references entries (id)
    )
    """,
    """
    create table supplier_settlements (
        id uuid not null,
        bill_id uuid not null,
        payment_id uuid,
        return_id uuid,
        amount_paise bigint not null,
        settled_on date not null,
        constraint pk_supplier_settlements primary key (id),
        constraint ck_supplier_settlements_by_one check (num_nonnulls(payment_id, return_id) = 1),
        constraint ck_supplier_settlements_amount check (amount_paise > 0),
        constraint fk_supplier_settlements_bill_id foreign key(bill_id) references supplier_bills (id),
        constraint fk_supplier_settlements_payment_id foreign key(payment_id) references supplier_payments (id),
        constraint fk_supplier_settlements_return_id foreign key(return_id) references supplier_returns (id)
    )
    """,
    """
    create table supplier_ledger (
        id uuid not null,
        supplier_id uuid not null,
        branch_id uuid not null,
        kind varchar(32) not null,
        bill_id uuid,
        return_id uuid,
        payment_id uuid,
        business_date date not null,
        amount_paise bigint not null,
        balance_paise bigint not null,
        entry_id uuid not null,
        written_at timestamptz not null,
        constraint pk_supplier_ledger primary key (id),
        constraint ck_supplier_ledger_one_document check (num_nonnulls(bill_id, return_id, payment_id) = 1),
        constraint ck_supplier_ledger_amount check (amount_paise <> 0),
        constraint fk_supplier_ledger_supplier_id foreign key(supplier_id) references suppliers (id),
        constraint fk_supplier_ledger_branch_id foreign key(branch_id) references branches (id),
        constraint ck_supplier_ledger_supplier_ledger_kind check (kind in ('BILL', 'RETURN', 'PAYMENT')),
        constraint fk_supplier_ledger_bill_id foreign key(bill_id) references supplier_bills (id),
        constraint fk_supplier_ledger_return_id foreign key(return_id) references supplier_returns (id),
        constraint fk_supplier_ledger_payment_id foreign key(payment_id) references supplier_payments (id),
        constraint fk_supplier_ledger_entry_id foreign key(entry_id) references entries (id)
    )
    """,
)
INDEXES = (
    "create index ix_supplier_bills_billed_on_id on supplier_bills (billed_on, id)",
    "create index ix_supplier_bills_branch_id_recorded_at_id on supplier_bills (branch_id, recorded_at, id)",
    "create index ix_supplier_bills_due on supplier_bills (branch_id, supplier_id, billed_on, id) where balance_due_paise > 0",
    "create index ix_supplier_bills_recorded_at_id on supplier_bills (recorded_at, id)",
    "create index ix_supplier_bills_supplier_id_billed_on_id on supplier_bills (supplier_id, billed_on, id)",
    "create index ix_supplier_bill_lines_receipt_line_id on supplier_bill_lines (receipt_line_id)",
    "create index ix_supplier_returns_branch_id_returned_at_id on supplier_returns (branch_id, returned_at, id)",
    "create index ix_supplier_returns_returned_at_id on supplier_returns (returned_at, id)",
    "create index ix_supplier_returns_supplier_id_returned_at_id on supplier_returns (supplier_id, returned_at, id)",
    "create index ix_supplier_return_lines_bill_line_id on supplier_return_lines (bill_line_id)",
    "create index ix_supplier_return_lines_receipt_line_id on supplier_return_lines (receipt_line_id)",
    "create index ix_supplier_payments_branch_id_paid_at_id on supplier_payments (branch_id, paid_at, id)",
    "create index ix_supplier_payments_paid_at_id on supplier_payments (paid_at, id)",
    "create index ix_supplier_payments_supplier_id_paid_at_id on supplier_payments (supplier_id, paid_at, id)",
    "create index ix_supplier_settlements_bill_id on supplier_settlements (bill_id)",
    "create index ix_supplier_settlements_payment_id on supplier_settlements (payment_id)",
    "create index ix_supplier_settlements_return_id on supplier_settlements (return_id)",
    "create index ix_supplier_ledger_supplier_id_written_at_id on supplier_ledger (supplier_id, written_at, id)",
)

WRITE_LEDGER = """
create function write_supplier_ledger() returns trigger language plpgsql security definer set search_path = pg_catalog, public as $$
declare
    document jsonb := to_jsonb(new);
    kind text := tg_argv[0];
    amount bigint := (document ->> tg_argv[1])::bigint * case kind when 'BILL' then 1 else -1 end;
    after bigint;
begin
    if amount = 0 then
        return null;
    end if;
    insert into supplier_accounts as account (supplier_id, branch_id, balance_paise)
    values (new.supplier_id, new.branch_id, amount)
    on conflict (supplier_id, branch_id) do update set balance_paise = account.balance_paise + excluded.balance_paise
    returning balance_paise into after;
    insert into supplier_ledger (id, supplier_id, branch_id, kind, bill_id, return_id, payment_id, business_date,
                                 amount_paise, balance_paise, entry_id, written_at)
    values (new.id, new.supplier_id, new.branch_id, kind, case kind when 'BILL' then new.id end,
            case kind when 'RETURN' then new.id end, case kind when 'PAYMENT' then new.id end,
            (document ->> tg_argv[2])::date, amount, after, new.entry_id, (document ->> tg_argv[3])::timestamptz);
    return null;
end $$
"""

BOOK_SUPPLIERS = """
create function book_suppliers() returns trigger language plpgsql security definer set search_path = pg_catalog, public as $$
begin
    insert into supplier_accounts as account (supplier_id, branch_id, booked_paise)
    select party_id, branch_id, -sum(amount_paise) from new_lines
    where account_id = '01930000-0000-7000-8000-000000002000'  -- Suppliers
    group by party_id, branch_id order by party_id, branch_id
    on conflict (supplier_id, branch_id) do update set booked_paise = account.booked_paise + excluded.booked_paise;
    return null;
end $$
"""

CHECK_ACCOUNT = """
create function check_supplier_account() returns trigger language plpgsql as $$
begin
    perform from supplier_accounts
    where supplier_id = new.supplier_id and branch_id = new.branch_id and balance_paise <> booked_paise;
    if found then
        raise exception 'supplier % is owed something else by the ledger than by the books', new.supplier_id
            using errcode = 'check_violation', constraint = 'supplier_accounts_control';
    end if;
    return null;
end $$
"""

CHECK_PAYMENT = """
create function check_supplier_payment() returns trigger language plpgsql as $$
begin
    if new.amount_paise <> (
        select coalesce(sum(amount_paise), 0) from supplier_settlements where payment_id = new.id
    ) then
        raise exception 'payment % does not settle what it pays', new.id
            using errcode = 'check_violation', constraint = 'supplier_payments_settle';
    end if;
    return null;
end $$
"""

SETTLE_BILL = """
create function settle_supplier_bill() returns trigger language plpgsql security definer set search_path = pg_catalog, public as $$
begin
    perform from supplier_bills as bill
    left join supplier_payments as payment on payment.id = new.payment_id
    left join supplier_returns as back on back.id = new.return_id
    where bill.id = new.bill_id and bill.supplier_id = coalesce(payment.supplier_id, back.supplier_id)
      and bill.branch_id = coalesce(payment.branch_id, back.branch_id);
    if not found then
        raise exception 'a bill is settled by its own supplier''s documents at its own branch'
            using errcode = 'check_violation', constraint = 'supplier_settlements_same_account';
    end if;
    update supplier_bills set settled_paise = settled_paise + new.amount_paise where id = new.bill_id;
    update supplier_returns set settled_paise = settled_paise + new.amount_paise where id = new.return_id;
    return null;
end $$
"""

COUNT_BILLED = """
create function count_billed() returns trigger language plpgsql security definer set search_path = pg_catalog, public as $$
begin
    update stock_receipt_lines
    set billed_milli = billed_milli + new.quantity_milli, settled_paise = settled_paise + new.settled_paise
    where id = new.receipt_line_id;
    return null;
end $$
"""

COUNT_SENT_BACK = """
create function count_sent_back() returns trigger language plpgsql security definer set search_path = pg_catalog, public as $$
begin
    if new.bill_line_id is not null then
        update supplier_bill_lines set returned_milli = returned_milli + new.quantity_milli
        where id = new.bill_line_id and receipt_line_id = new.receipt_line_id;
        if not found then
            raise exception 'what goes back was billed of the same goods'
                using errcode = 'check_violation', constraint = 'supplier_return_lines_goods';
        end if;
        return null;
    end if;
    update stock_receipt_lines
    set sent_back_milli = sent_back_milli + new.quantity_milli, settled_paise = settled_paise + new.unbilled_paise
    where id = new.receipt_line_id;
    return null;
end $$
"""

FUNCTIONS = {
    "write_supplier_ledger": WRITE_LEDGER,
    "book_suppliers": BOOK_SUPPLIERS,
    "check_supplier_account": CHECK_ACCOUNT,
    "check_supplier_payment": CHECK_PAYMENT,
    "settle_supplier_bill": SETTLE_BILL,
    "count_billed": COUNT_BILLED,
    "count_sent_back": COUNT_SENT_BACK,
}
DOCUMENTS = {
    "supplier_bills": "'BILL', 'total_paise', 'booked_on', 'recorded_at'",
    "supplier_returns": "'RETURN', 'total_paise', 'business_date', 'returned_at'",
    "supplier_payments": "'PAYMENT', 'amount_paise', 'business_date', 'paid_at'",
}
APPEND_ONLY = ("supplier_return_lines", "supplier_payments", "supplier_settlements")
KEPT_BY_TRIGGER = ("supplier_accounts", "supplier_ledger", "supplier_bills", "supplier_bill_lines", "supplier_returns")
WRITTEN_BY_TRIGGER = {
    "supplier_bills": ("settled_paise", "balance_due_paise"),
    "supplier_bill_lines": ("returned_milli",),
    "supplier_returns": ("settled_paise", "credit_left_paise"),
}


def upgrade() -> None:
    """Tables, then what keeps them true."""
    op.execute("set local lock_timeout = '3s'")
    for statement in (*TABLES, *INDEXES, *FUNCTIONS.values()):
        op.execute(statement)
    create_triggers()
    op.execute(f"grant select, insert on {', '.join(APPEND_ONLY)} to salonos_app")
    op.execute("grant select on supplier_ledger, supplier_accounts to salonos_app")
    op.execute("grant insert (supplier_id, branch_id) on supplier_accounts to salonos_app")
    # FOR UPDATE needs the right to update some column; the trigger refuses what the application would write there.
    op.execute("grant update (balance_paise) on supplier_accounts to salonos_app")
    for table, kept in WRITTEN_BY_TRIGGER.items():
        columns = op.get_bind().exec_driver_sql(
            f"select string_agg(column_name, ', ') from information_schema.columns where table_name = '{table}' "
            f"and column_name not in ({', '.join(repr(name) for name in kept)})"
        )
        op.execute(f"grant select on {table} to salonos_app")
        op.execute(f"grant insert ({columns.scalar_one()}) on {table} to salonos_app")


def create_triggers() -> None:
    """What keeps the ledger true whoever writes."""
    for table in APPEND_ONLY:
        op.execute(
            f"create trigger {table}_append_only before update or delete on {table} "
            "for each row execute function refuse_change()"
        )
    for table in KEPT_BY_TRIGGER:  # a direct write has no trigger above it
        op.execute(
            f"create trigger {table}_by_trigger_only before update or delete on {table} "
            "for each row when (pg_trigger_depth() = 0) execute function refuse_change()"
        )
    op.execute(
        "create trigger supplier_ledger_written_by_trigger before insert on supplier_ledger "
        "for each row when (pg_trigger_depth() = 0) execute function refuse_change()"
    )
    for table in (*APPEND_ONLY, *KEPT_BY_TRIGGER):
        op.execute(
            f"create trigger {table}_no_truncate before truncate on {table} "
            "for each statement execute function refuse_change()"
        )
    for table, columns in DOCUMENTS.items():
        op.execute(
            f"create trigger {table}_ledger after insert on {table} "
            f"for each row execute function write_supplier_ledger({columns})"
        )
        op.execute(f"create trigger {table}_audit after insert on {table} for each row execute function audit_change()")
    op.execute(
        "create trigger entry_lines_suppliers after insert on entry_lines referencing new table as new_lines "
        "for each statement execute function book_suppliers()"
    )
    op.execute(
        "create constraint trigger supplier_accounts_control after insert or update on supplier_accounts "
        "deferrable initially deferred for each row execute function check_supplier_account()"
    )
    op.execute(
        "create constraint trigger supplier_payments_settle after insert on supplier_payments "
        "deferrable initially deferred for each row execute function check_supplier_payment()"
    )
    for table, function in (
        ("supplier_settlements", "settle_supplier_bill"),
        ("supplier_bill_lines", "count_billed"),
        ("supplier_return_lines", "count_sent_back"),
    ):
        op.execute(f"create trigger {table}_count after insert on {table} for each row execute function {function}()")


def downgrade() -> None:
    """Everything of it."""
    op.execute("set local lock_timeout = '3s'")
    op.execute("drop trigger entry_lines_suppliers on entry_lines")
    for table in (
        "supplier_ledger",
        "supplier_settlements",
        "supplier_payments",
        "supplier_return_lines",
        "supplier_returns",
        "supplier_bill_lines",
        "supplier_bills",
        "supplier_accounts",
    ):
        op.drop_table(table)
    for function in FUNCTIONS:
        op.execute(f"drop function {function}()")
