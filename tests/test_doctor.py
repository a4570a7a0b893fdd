"""`salonos doctor`: books, bills and stock agree, and every look finds what it looks for."""

import asyncio
import os
import subprocess
import sys

import asyncpg

from salonos import doctor
from salonos.bills import commands
from salonos.bills.rules import Tender
from salonos.embedded import SERVER_EXIT
from salonos.inventory.commands import record_consumption
from salonos.kernel.database import Database, plain_url
from tests.bills.makers import CASH, NOW, ON_ACCOUNT, SYSTEM, UPI
from tests.inventory.consuming import make_parlour
from tests.inventory.control import adjust
from tests.inventory.makers import line
from tests.inventory.purchasing import buy
from tests.salon.makers import make_branch

FORGERIES = {
    "Entries balance": "update entry_lines set amount_paise = amount_paise + 1 where position = 1",
    "Daily balances are the sums of the entries": "update daily_balances set amount_paise = amount_paise + 1",
    "Bills are the sums of their lines and payments": "delete from payments",
    "Who worked on a bill is who has its lines and shares": "delete from bill_staff",
    "What customers owe is the account Customers": "update bills set status = 'VOID' where balance_due_paise > 0",
    "Money on drafts is the account Advances": "update bills set paid_paise = 100 where status = 'DRAFT'",
    "GST of bills in the register is the output tax": "delete from tax_register where supply = 'OUTWARD'",
    "Input credit in the register is the input tax": "delete from tax_register where supply = 'INWARD'",
    "Document numbers run from 1 without a gap": "delete from drawn_numbers where number = 1",
    "No two number series could give one number": (
        "update number_series set pattern = '{branch}/{year}/' where document in ('CREDIT_NOTE', 'TAX_INVOICE')"
    ),
    "What branches owe one another is nothing over all of them": (
        "update entry_lines set account_id = (select id from accounts where code = '1290')"
        " where account_id = (select id from accounts where code = '1000')"
    ),
    "Stock levels are the sums of their moves": "update stock_levels set quantity_milli = quantity_milli + 1",
    "Batches are the sums of their moves": "update stock_batches set quantity_milli = quantity_milli + 1",
    "What retail stock is worth is its account": "update stock_levels set value_paise = value_paise + 1",
    "What professional stock is worth is its account": "update stock_levels set value_paise = value_paise + 1",
    "What services used up left the shelves": "delete from stock_moves where kind = 'CONSUMPTION'",
    "What services used up is the account Consumption": "update consumptions set cost_paise = cost_paise + 1",
    "Goods in transit are their account": (
        "update entry_lines set account_id = (select id from accounts where code = '1220')"
        " where account_id = (select id from accounts where code = '1200')"
    ),
    "What suppliers are owed is the account Suppliers": "update supplier_accounts set balance_paise = balance_paise + 1",
}
"""What nobody can write, for each look: rules and triggers are taken away first."""


async def worked(database: Database) -> None:
    """A shop that bought, sold, used up, lent, took back, and was paid at another branch."""
    parlour = await make_parlour(database)
    store = parlour.store
    await store.receive(line(store.serum_id, 5000, 100_00))
    await buy(database, store.branch_id, store.serum_id, now=NOW)
    await store.shop.check_out((CASH, 178_700))
    used_id = await database.pool.fetchval("select id from consumptions")
    await database.run(
        SYSTEM, lambda work: record_consumption(work, used_id, quantity_milli=20_000, expected_version=1), now=NOW
    )
    await adjust(store, store.serum_id, -500)
    await store.shop.check_out((UPI, 100_000), (ON_ACCOUNT, 78_700), customer_id=store.shop.customer_id)
    await store.shop.create_bill()
    elsewhere = await make_branch(database, "MYS1")
    given = {"branch_id": elsewhere, "customer_id": store.shop.customer_id, "tender": Tender(UPI, 700)}
    await database.run(SYSTEM, lambda work: commands.collect_balance(work, **given), now=NOW)


async def test_what_the_commands_wrote_agrees(database: Database) -> None:
    await worked(database)

    done = await asyncio.to_thread(asked, database.url)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("agrees ") == len(doctor.LOOKS)


async def test_every_look_finds_what_it_looks_for(database: Database) -> None:
    assert set(FORGERIES) == {look.at for look in doctor.LOOKS}
    await worked(database)
    connection = await asyncpg.connect(plain_url(database.url))
    await connection.execute("set session_replication_role = replica")
    for rule in await connection.fetch(
        "select conrelid::regclass::text as of, conname as name from pg_constraint "
        "where contype = 'c' and connamespace = 'public'::regnamespace and coninhcount = 0"
    ):
        await connection.execute(f'alter table {rule["of"]} drop constraint if exists "{rule["name"]}"')

    for at, forgery in FORGERIES.items():
        (look,) = [each for each in doctor.LOOKS if each.at == at]
        whole = connection.transaction()
        await whole.start()
        assert await look.differing(connection) == 0, at
        assert await connection.execute(forgery) != "UPDATE 0", at
        assert await look.differing(connection) > 0, at
        await whole.rollback()
    await connection.close()


def test_a_database_that_does_not_answer_is_said() -> None:
    done = asked("postgresql+asyncpg://nobody@127.0.0.1:1/salonos")

    assert (done.returncode, done.stdout) == (SERVER_EXIT, "")
    assert "does not answer" in done.stderr


def asked(url: str) -> subprocess.CompletedProcess[str]:
    """`salonos doctor` at a database."""
    environment = os.environ | {"DATABASE_URL": url, "SECRET_KEY": "a secret for tests of forty bytes length"}
    command = [sys.executable, "-m", "salonos", "doctor"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
