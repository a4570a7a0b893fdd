"""The books: chart of accounts, entries, balances, tax register, money moves, closed periods.

What must hold whoever writes is held here. Lines are written before their entry and move the balances by trigger; the
entry takes its number by trigger, is refused in a closed period, and is checked against its lines at commit. The
application may insert entries, lines, tax lines and money moves; balances and numbers it can only read.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006_accounting"
down_revision = "0005_catalog"
branch_labels = None
depends_on = None

# code, name, kind, control account of a sub-ledger, bound
CHART = (
    ("1000", "Cash", "ASSET", False, None),
    ("1001", "Safe", "ASSET", False, None),
    ("1010", "Bank", "ASSET", False, None),
    ("1020", "UPI", "ASSET", False, None),
    ("1030", "Card clearing", "ASSET", False, None),
    ("1040", "Other money", "ASSET", False, None),
    ("1100", "Customers", "ASSET", True, None),
    ("1200", "Stock for retail", "ASSET", False, None),
    ("1210", "Stock for professional use", "ASSET", False, None),
    ("1220", "Goods in transit", "ASSET", False, None),
    ("1290", "Inter-branch", "ASSET", False, None),
    ("1300", "Input CGST", "ASSET", False, None),
    ("1301", "Input SGST", "ASSET", False, None),
    ("1302", "Input IGST", "ASSET", False, None),
    ("2000", "Suppliers", "LIABILITY", True, None),
    ("2010", "Received, not billed", "LIABILITY", False, None),
    ("2100", "Output CGST", "LIABILITY", False, None),
    ("2101", "Output SGST", "LIABILITY", False, None),
    ("2102", "Output IGST", "LIABILITY", False, None),
    ("2200", "Advances", "LIABILITY", False, "CREDIT_ONLY"),
    ("2205", "GST on advances", "LIABILITY", False, None),
    ("2210", "Packages unearned", "LIABILITY", False, "CREDIT_ONLY"),
    ("2220", "Gift cards", "LIABILITY", False, "CREDIT_ONLY"),
    ("2300", "Tips", "LIABILITY", False, None),
    ("2310", "Commission owed", "LIABILITY", False, None),
    ("2400", "Expenses owed", "LIABILITY", False, None),
    ("3000", "Capital", "EQUITY", False, None),
    ("3900", "Retained earnings", "EQUITY", False, None),
    ("4000", "Services", "INCOME", False, None),
    ("4010", "Products", "INCOME", False, None),
    ("4900", "Round off", "INCOME", False, None),
    ("4910", "Breakage", "INCOME", False, None),
    ("4920", "Fees kept", "INCOME", False, None),
    ("5000", "Cost of goods", "EXPENSE", False, None),
    ("5010", "Consumption", "EXPENSE", False, None),
    ("5020", "Stock loss", "EXPENSE", False, None),
    ("5030", "Price difference", "EXPENSE", False, None),
    ("6100", "Commission", "EXPENSE", False, None),
    ("6200", "Charges", "EXPENSE", False, None),
    ("6300", "Drawer variance", "EXPENSE", False, None),
    ("6400", "Bad debts", "EXPENSE", False, None),
    ("6500", "Rent", "EXPENSE", False, None),
    ("6510", "Salaries", "EXPENSE", False, None),
    ("6520", "Electricity and water", "EXPENSE", False, None),
    ("6530", "Repairs and upkeep", "EXPENSE", False, None),
    ("6540", "Telephone and internet", "EXPENSE", False, None),
    ("6550", "Marketing", "EXPENSE", False, None),
    ("6560", "Laundry and cleaning", "EXPENSE", False, None),
    ("6900", "Other expenses", "EXPENSE", False, None),
)
"""Bounds: no more is used of advances, packages and gift cards than was paid in. Cash has none, since money is paid out
of a drawer before its opening float is in the books; nor has stock, which a branch may allow to go below zero."""

# The advisory lock: whoever closes a period waits for the entries under way, and those that come later see it closed.
NUMBER_ENTRY = """
create function number_entry() returns trigger language plpgsql security definer set search_path = pg_catalog, public as $$
declare
    first_open date;
begin
    perform pg_advisory_xact_lock_shared(hashtextextended(new.branch_id::text, 6));
    select closed_until into first_open from closed_periods where branch_id = new.branch_id;
    if new.business_date < first_open then
        raise exception 'the period is closed until %', first_open
            using errcode = 'check_violation', constraint = 'entries_period_open', detail = first_open::text;
    end if;
    new.financial_year := extract(year from new.business_date)::int - (extract(month from new.business_date) < 4)::int;
    insert into entry_series as series (branch_id, financial_year, last_number)
    values (new.branch_id, new.financial_year, 1)
    on conflict (branch_id, financial_year) do update set last_number = series.last_number + 1
    returning last_number into new.number;
    return new;
end $$
"""

AWAIT_ENTRIES = """
create function await_entries() returns trigger language plpgsql as $$
begin
    perform pg_advisory_xact_lock(hashtextextended(new.branch_id::text, 6));
    return new;
end $$
"""

MOVE_BALANCES = """
create function move_balances() returns trigger language plpgsql security definer set search_path = pg_catalog, public as $$
begin
    if exists (select from new_lines join accounts on accounts.id = account_id where needs_party and party_id is null) then
        raise exception 'a line on a control account names its party'
            using errcode = 'check_violation', constraint = 'entry_lines_party';
    end if;
    insert into daily_balances as balance (branch_id, business_date, account_id, amount_paise)
    select branch_id, business_date, account_id, sum(amount_paise) from new_lines
    group by branch_id, business_date, account_id
    order by branch_id, business_date, account_id  -- the order of locks, the same for everybody
    on conflict (branch_id, business_date, account_id) do update
        set amount_paise = balance.amount_paise + excluded.amount_paise;
    if not exists (select from new_lines join accounts on accounts.id = account_id where bound is not null) then
        return null;
    end if;
    insert into bounded_balances (branch_id, account_id, held_paise)
    select distinct branch_id, account_id, 0 from new_lines join accounts on accounts.id = account_id
    where bound is not null order by branch_id, account_id
    on conflict do nothing;
    perform from bounded_balances
    where (branch_id, account_id) in (select branch_id, account_id from new_lines)
    order by branch_id, account_id for update;  -- the order of locks, which an UPDATE alone does not promise
    update bounded_balances as balance set held_paise = held_paise + moved.paise
    from (
        select branch_id, account_id,
               sum(case bound when 'CREDIT_ONLY' then -amount_paise else amount_paise end) as paise
        from new_lines join accounts on accounts.id = account_id
        where bound is not null group by branch_id, account_id
    ) as moved
    where balance.branch_id = moved.branch_id and balance.account_id = moved.account_id;
    return null;
end $$
"""

CHECK_ENTRY = """
create function check_entry() returns trigger language plpgsql as $$
declare
    found record;
begin
    select count(*) as lines, coalesce(sum(amount_paise), 0) as rest,
           coalesce(sum(amount_paise) filter (where amount_paise > 0), 0) as total
    into found from entry_lines where entry_id = new.id;
    if found.lines < 2 or found.lines <> new.line_count or found.rest <> 0 or found.total <> new.total_paise then
        raise exception 'entry % does not balance: % lines, total %, rest %', new.id, found.lines, found.total, found.rest
            using errcode = 'check_violation', constraint = 'entries_balance';
    end if;
    return null;
end $$
"""

APPEND_ONLY = ("entries", "entry_lines", "tax_register", "money_moves")
KEPT_BY_TRIGGER = ("entry_series", "daily_balances", "bounded_balances")
FUNCTIONS = ("number_entry", "await_entries", "move_balances", "check_entry")


def upgrade() -> None:
    """Tables, then what keeps them true, then the chart."""
    op.execute("set local lock_timeout = '3s'")
    create_accounts()
    create_entries()
    create_balances()
    create_tax_register()
    create_money_moves()
    create_closed_periods()
    for function in (NUMBER_ENTRY, AWAIT_ENTRIES, MOVE_BALANCES, CHECK_ENTRY):
        op.execute(function)
    create_triggers()
    op.execute(f"grant select, insert on {', '.join(APPEND_ONLY)} to salonos_app")
    op.execute(f"grant select on {', '.join(KEPT_BY_TRIGGER)} to salonos_app")
    op.execute("grant select, insert, update on accounts to salonos_app")
    op.execute("grant select, insert, update on closed_periods to salonos_app")
    seed_chart()


def create_accounts() -> None:
    """The chart."""
    op.create_table(
        "accounts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("needs_party", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("bound", sa.String(32), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_accounts"),
        sa.UniqueConstraint("code", name="uq_accounts_code"),
        sa.CheckConstraint("code ~ '^[1-9][0-9]{3}$'", name=op.f("ck_accounts_code")),
        sa.CheckConstraint("char_length(name) between 1 and 120", name=op.f("ck_accounts_name")),
        sa.CheckConstraint(
            "kind in ('ASSET', 'LIABILITY', 'EQUITY', 'INCOME', 'EXPENSE')", name=op.f("ck_accounts_account_kind")
        ),
        sa.CheckConstraint("bound in ('DEBIT_ONLY', 'CREDIT_ONLY')", name=op.f("ck_accounts_account_bound")),
    )


def create_entries() -> None:
    """Entries, their numbers, their lines."""
    op.create_table(
        "entry_series",
        sa.Column("branch_id", sa.Uuid(), nullable=False),
        sa.Column("financial_year", sa.Integer(), nullable=False),
        sa.Column("last_number", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("branch_id", "financial_year", name="pk_entry_series"),
        sa.ForeignKeyConstraint(["branch_id"], ["branches.id"], name="fk_entry_series_branch_id"),
        sa.CheckConstraint("last_number > 0", name=op.f("ck_entry_series_last_number")),
    )
    op.create_table(
        "entries",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("financial_year", sa.Integer(), nullable=False),
        sa.Column("branch_id", sa.Uuid(), nullable=False),
        sa.Column("business_date", sa.Date(), nullable=False),
        sa.Column("narration", sa.Text(), nullable=False),
        sa.Column("cause_kind", sa.Text(), nullable=False),
        sa.Column("cause_id", sa.Uuid(), nullable=False),
        sa.Column("reverses_id", sa.Uuid(), nullable=True),
        sa.Column("line_count", sa.Integer(), nullable=False),
        sa.Column("total_paise", sa.BigInteger(), nullable=False),
        sa.Column("posted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("posted_by_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_entries"),
        sa.ForeignKeyConstraint(["branch_id"], ["branches.id"], name="fk_entries_branch_id"),
        sa.ForeignKeyConstraint(["reverses_id"], ["entries.id"], name="fk_entries_reverses_id"),
        sa.UniqueConstraint("branch_id", "financial_year", "number", name="uq_entries_branch_id_financial_year_number"),
        sa.UniqueConstraint("reverses_id", name="uq_entries_reverses_id"),
        sa.UniqueConstraint(
            "id", "branch_id", "business_date", "line_count", name="uq_entries_id_branch_id_business_date_line_count"
        ),
        sa.CheckConstraint("number > 0", name=op.f("ck_entries_number")),
        sa.CheckConstraint(
            "business_date between '2000-01-01' and '2099-12-31'", name=op.f("ck_entries_business_date")
        ),
        sa.CheckConstraint("line_count between 2 and 1000", name=op.f("ck_entries_line_count")),
        sa.CheckConstraint("total_paise >= 0", name=op.f("ck_entries_total_paise")),
        sa.CheckConstraint("char_length(narration) between 1 and 500", name=op.f("ck_entries_narration")),
        sa.CheckConstraint("cause_kind ~ '^[a-z]{1,16}$'", name=op.f("ck_entries_cause_kind")),
        sa.CheckConstraint("reverses_id <> id", name=op.f("ck_entries_reverses_another")),
    )
    op.create_index("ix_entries_cause_id", "entries", ["cause_id"])
    op.create_index("ix_entries_posted_at_id", "entries", ["posted_at", "id"])
    op.create_index("ix_entries_branch_id_posted_at_id", "entries", ["branch_id", "posted_at", "id"])
    op.create_index("ix_entries_branch_id_business_date_id", "entries", ["branch_id", "business_date", "id"])
    op.create_index("ix_entries_business_date_id", "entries", ["business_date", "id"])
    op.create_table(
        "entry_lines",
        sa.Column("entry_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("branch_id", sa.Uuid(), nullable=False),
        sa.Column("business_date", sa.Date(), nullable=False),
        sa.Column("line_count", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("amount_paise", sa.BigInteger(), nullable=False),
        sa.Column("party_id", sa.Uuid(), nullable=True),
        sa.PrimaryKeyConstraint("entry_id", "position", name="pk_entry_lines"),
        sa.ForeignKeyConstraint(
            ["entry_id", "branch_id", "business_date", "line_count"],
            ["entries.id", "entries.branch_id", "entries.business_date", "entries.line_count"],
            name="fk_entry_lines_entry_id",
            deferrable=True,
            initially="DEFERRED",
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_entry_lines_account_id"),
        sa.CheckConstraint("position between 1 and line_count", name=op.f("ck_entry_lines_position")),
        sa.CheckConstraint("abs(amount_paise) < 100000000000000", name=op.f("ck_entry_lines_amount_paise")),
    )
    op.create_index(
        "ix_entry_lines_account_id_branch_id_business_date", "entry_lines", ["account_id", "branch_id", "business_date"]
    )
    op.create_index(
        "ix_entry_lines_party_id_account_id",
        "entry_lines",
        ["party_id", "account_id"],
        postgresql_where=sa.text("party_id is not null"),
    )


def create_balances() -> None:
    """What the lines sum to."""
    op.create_table(
        "daily_balances",
        sa.Column("branch_id", sa.Uuid(), nullable=False),
        sa.Column("business_date", sa.Date(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("amount_paise", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("branch_id", "business_date", "account_id", name="pk_daily_balances"),
        sa.ForeignKeyConstraint(["branch_id"], ["branches.id"], name="fk_daily_balances_branch_id"),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_daily_balances_account_id"),
    )
    op.create_index(
        "ix_daily_balances_account_id_branch_id_business_date",
        "daily_balances",
        ["account_id", "branch_id", "business_date"],
    )
    op.create_table(
        "bounded_balances",
        sa.Column("branch_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("held_paise", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("branch_id", "account_id", name="pk_bounded_balances"),
        sa.ForeignKeyConstraint(["branch_id"], ["branches.id"], name="fk_bounded_balances_branch_id"),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_bounded_balances_account_id"),
        sa.CheckConstraint("held_paise >= 0", name=op.f("ck_bounded_balances_held_paise")),
    )


def create_tax_register() -> None:
    """The lines of the GST returns."""
    op.create_table(
        "tax_register",
        sa.Column("entry_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("branch_id", sa.Uuid(), nullable=False),
        sa.Column("supply", sa.String(32), nullable=False),
        sa.Column("document_kind", sa.String(32), nullable=False),
        sa.Column("document_id", sa.Uuid(), nullable=False),
        sa.Column("document_number", sa.Text(), nullable=False),
        sa.Column("document_date", sa.Date(), nullable=False),
        sa.Column("gstin", sa.Text(), nullable=True),
        sa.Column("party_gstin", sa.Text(), nullable=True),
        sa.Column("place_of_supply", sa.Text(), nullable=True),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("quantity_milli", sa.BigInteger(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("rate_hundredths", sa.Integer(), nullable=False),
        sa.Column("taxable_paise", sa.BigInteger(), nullable=False),
        sa.Column("cgst_paise", sa.BigInteger(), nullable=False),
        sa.Column("sgst_paise", sa.BigInteger(), nullable=False),
        sa.Column("igst_paise", sa.BigInteger(), nullable=False),
        sa.Column("credit_kind", sa.String(32), nullable=True),
        sa.PrimaryKeyConstraint("entry_id", "position", name="pk_tax_register"),
        sa.ForeignKeyConstraint(["entry_id"], ["entries.id"], name="fk_tax_register_entry_id"),
        sa.ForeignKeyConstraint(["branch_id"], ["branches.id"], name="fk_tax_register_branch_id"),
        sa.CheckConstraint("supply in ('OUTWARD', 'INWARD')", name=op.f("ck_tax_register_supply_direction")),
        sa.CheckConstraint(
            "document_kind in ('TAX_INVOICE', 'BILL_OF_SUPPLY', 'CREDIT_NOTE', 'RECEIPT_VOUCHER', 'REFUND_VOUCHER')",
            name=op.f("ck_tax_register_document_kind"),
        ),
        sa.CheckConstraint(
            "credit_kind in ('INPUTS', 'CAPITAL_GOODS', 'INPUT_SERVICES', 'BLOCKED')",
            name=op.f("ck_tax_register_credit_kind"),
        ),
        sa.CheckConstraint("supply = 'INWARD' or cgst_paise = sgst_paise", name=op.f("ck_tax_register_cgst_is_sgst")),
        sa.CheckConstraint(
            "igst_paise = 0 or cgst_paise = 0 and sgst_paise = 0", name=op.f("ck_tax_register_one_kind_of_tax")
        ),
        sa.CheckConstraint(
            "(credit_kind is null) = (supply = 'OUTWARD')", name=op.f("ck_tax_register_credit_of_inward")
        ),
        sa.CheckConstraint("rate_hundredths between 0 and 10000", name=op.f("ck_tax_register_rate_hundredths")),
        sa.CheckConstraint(
            "document_date between '2000-01-01' and '2099-12-31'", name=op.f("ck_tax_register_document_date")
        ),
    )
    op.create_index("ix_tax_register_gstin_document_date", "tax_register", ["gstin", "document_date"])
    op.create_index("ix_tax_register_document_id", "tax_register", ["document_id"])


def create_money_moves() -> None:
    """Money in and out."""
    op.create_table(
        "money_moves",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("branch_id", sa.Uuid(), nullable=False),
        sa.Column("business_date", sa.Date(), nullable=False),
        sa.Column("direction", sa.String(32), nullable=False),
        sa.Column("method", sa.String(32), nullable=False),
        sa.Column("amount_paise", sa.BigInteger(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.Column("entry_id", sa.Uuid(), nullable=False),
        sa.Column("drawer_id", sa.Uuid(), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_money_moves"),
        sa.ForeignKeyConstraint(["branch_id"], ["branches.id"], name="fk_money_moves_branch_id"),
        sa.ForeignKeyConstraint(["entry_id"], ["entries.id"], name="fk_money_moves_entry_id"),
        sa.CheckConstraint("direction in ('IN', 'OUT')", name=op.f("ck_money_moves_money_direction")),
        sa.CheckConstraint(
            "method in ('CASH', 'UPI', 'CARD', 'BANK_TRANSFER', 'ON_ACCOUNT', 'OTHER')",
            name=op.f("ck_money_moves_payment_method"),
        ),
        sa.CheckConstraint("amount_paise > 0", name=op.f("ck_money_moves_amount_paise")),
        sa.CheckConstraint("method <> 'ON_ACCOUNT'", name=op.f("ck_money_moves_is_money")),
        sa.CheckConstraint("char_length(reference) between 1 and 120", name=op.f("ck_money_moves_reference")),
    )
    op.create_index("ix_money_moves_entry_id", "money_moves", ["entry_id"])
    op.create_index("ix_money_moves_branch_id_business_date", "money_moves", ["branch_id", "business_date"])


def create_closed_periods() -> None:
    """Up to where books are closed, a row per branch."""
    op.create_table(
        "closed_periods",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("branch_id", sa.Uuid(), nullable=False),
        sa.Column("closed_until", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_closed_periods"),
        sa.ForeignKeyConstraint(["branch_id"], ["branches.id"], name="fk_closed_periods_branch_id"),
        sa.UniqueConstraint("branch_id", name="uq_closed_periods_branch_id"),
        sa.CheckConstraint(
            "closed_until between '2000-01-01' and '2100-01-01'", name=op.f("ck_closed_periods_closed_until")
        ),
    )


def create_triggers() -> None:
    """What keeps the books true whoever writes."""
    for table in APPEND_ONLY:
        op.execute(
            f"create trigger {table}_append_only before update or delete on {table} "
            "for each row execute function refuse_change()"
        )
    for table in KEPT_BY_TRIGGER:  # a direct write has no trigger above it
        op.execute(
            f"create trigger {table}_by_trigger_only before insert or update or delete on {table} "
            "for each row when (pg_trigger_depth() = 0) execute function refuse_change()"
        )
    for table in (*APPEND_ONLY, *KEPT_BY_TRIGGER):
        op.execute(
            f"create trigger {table}_no_truncate before truncate on {table} "
            "for each statement execute function refuse_change()"
        )
    op.execute("create trigger entries_number before insert on entries for each row execute function number_entry()")
    op.execute(
        "create constraint trigger entries_balance after insert on entries deferrable initially deferred "
        "for each row execute function check_entry()"
    )
    op.execute(
        "create trigger entry_lines_balances after insert on entry_lines referencing new table as new_lines "
        "for each statement execute function move_balances()"
    )
    op.execute(
        "create trigger closed_periods_await_entries before insert or update on closed_periods "
        "for each row execute function await_entries()"
    )
    for table in ("accounts", "closed_periods"):
        op.execute(
            f"create trigger {table}_audit after insert or update or delete on {table} "
            "for each row execute function audit_change()"
        )
    op.execute(  # what people write by hand; other entries have a cause that is audited
        "create trigger entries_audit after insert on entries for each row when (new.cause_kind = 'entry') "
        "execute function audit_change('narration')"
    )


def seed_chart() -> None:
    """The accounts, with ids that are the same in every salon."""
    accounts = sa.table(
        "accounts",
        sa.column("id", sa.Uuid()),
        sa.column("code", sa.Text()),
        sa.column("name", sa.Text()),
        sa.column("kind", sa.Text()),
        sa.column("needs_party", sa.Boolean()),
        sa.column("bound", sa.Text()),
    )
    op.execute("alter table accounts disable trigger accounts_audit")
    for code, name, kind, needs_party, bound in CHART:
        row = {
            "id": f"01930000-0000-7000-8000-00000000{code}",
            "code": code,
            "name": name,
            "kind": kind,
            "needs_party": needs_party,
            "bound": bound,
        }
        op.execute(sa.insert(accounts).values(row))
    op.execute("alter table accounts enable trigger accounts_audit")


def downgrade() -> None:
    """Everything of the books."""
    op.execute("set local lock_timeout = '3s'")
    for table in (
        "closed_periods",
        "money_moves",
        "tax_register",
        "bounded_balances",
        "daily_balances",
        "entry_lines",
        "entries",
        "entry_series",
        "accounts",
    ):
        op.drop_table(table)
    for function in FUNCTIONS:
        op.execute(f"drop function {function}()")
