"""Who worked on a bill, by their line or by their share of one: one index answers whose bills they are.

Either alone had an index; of both together PostgreSQL makes a list of all that somebody ever did before it takes a page
of it. The table is kept by triggers, so that whatever writes lines and shares writes it too, the release before included.
"""

from alembic import op

revision = "0031_bill_staff"
down_revision = "0030_items_removed"
branch_labels = None
depends_on = None

TABLE = """
create table bill_staff (
    bill_id uuid not null constraint fk_bill_staff_bill_id references bills (id),
    staff_id uuid not null constraint fk_bill_staff_staff_id references staff (id),
    constraint pk_bill_staff primary key (bill_id, staff_id)
)
"""
FILL = """
insert into bill_staff (bill_id, staff_id)
select bill_id, staff_id from bill_lines where staff_id is not null
union select bill_id, staff_id from line_shares
"""
ADD = """
create function add_bill_staff() returns trigger language plpgsql security definer set search_path = pg_catalog, public as $$
begin
    insert into bill_staff (bill_id, staff_id)
    select distinct bill_id, staff_id from written where staff_id is not null
    on conflict do nothing;
    return null;
end $$
"""
# A draft's lines are taken away together, and their shares with them; whoever is named by none any more is forgotten.
TAKE = """
create function take_bill_staff() returns trigger language plpgsql security definer set search_path = pg_catalog, public as $$
begin
    delete from bill_staff as kept using (select distinct bill_id from gone) as bill
    where kept.bill_id = bill.bill_id
        and not exists (select from bill_lines as line where line.bill_id = kept.bill_id and line.staff_id = kept.staff_id)
        and not exists (select from line_shares as part where part.bill_id = kept.bill_id and part.staff_id = kept.staff_id);
    return null;
end $$
"""
KEPT_FROM = ("bill_lines", "line_shares")


def upgrade() -> None:
    """Triggers first, so that no line that is written meanwhile is missed."""
    op.execute("set local lock_timeout = '3s'")
    op.execute(TABLE)
    op.execute(ADD)
    op.execute(TAKE)
    for table in KEPT_FROM:
        op.execute(
            f"create trigger {table}_staff_added after insert on {table} referencing new table as written"
            " for each statement execute function add_bill_staff()"
        )
        op.execute(
            f"create trigger {table}_staff_taken after delete on {table} referencing old table as gone"
            " for each statement execute function take_bill_staff()"
        )
    op.execute(FILL)
    op.execute("create index ix_bill_staff_staff_id_bill_id on bill_staff (staff_id, bill_id)")
    op.execute("grant select on bill_staff to salonos_app")


def downgrade() -> None:
    """Nothing is lost: lines and shares say it all."""
    op.execute("set local lock_timeout = '3s'")
    for table in KEPT_FROM:
        op.execute(f"drop trigger {table}_staff_added on {table}")
        op.execute(f"drop trigger {table}_staff_taken on {table}")
    op.execute("drop function add_bill_staff()")
    op.execute("drop function take_bill_staff()")
    op.execute("drop table bill_staff")
