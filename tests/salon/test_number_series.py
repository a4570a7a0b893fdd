"""No two documents of the business can ever have one number: shown where series are configured, and where branches begin."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID

import pytest

from salonos.kernel.actor import Actor
from salonos.kernel.database import Database
from salonos.kernel.problems import InvalidInput
from salonos.salon import commands, rules
from salonos.salon.rules import DocumentKind
from tests.salon.makers import make_branch
from tests.salon.test_draw_number import INVOICE, draw

SYSTEM = Actor.system()
NOW = datetime(2026, 11, 23, 6, tzinfo=UTC)
NOTE, ORDER = DocumentKind.CREDIT_NOTE, DocumentKind.PURCHASE_ORDER


async def configure(database: Database, branch_id: UUID, document: DocumentKind, pattern: str, digits: int = 5) -> None:
    """Numbers a branch's documents otherwise from now on."""
    await database.run(
        SYSTEM,
        lambda work: commands.configure_number_series(work, branch_id, document, pattern=pattern, digits=digits),
        now=NOW,
    )


async def test_a_branch_is_refused_whose_numbers_another_could_give(database: Database) -> None:
    branch_id = await make_branch(database, "BLR")

    with pytest.raises(InvalidInput) as refused:
        await make_branch(database, "BLRP")
    await configure(database, branch_id, ORDER, "PO{branch}/{year}/")
    await make_branch(database, "BLRP")

    (issue,) = refused.value.issues
    assert (issue.path, issue.code) == (("code",), "TAKEN")
    assert (
        issue.message
        == "A document numbered by {branch}P/{year}/ of branch BLR could have the number BLRP/2627/00001 too."
    )
    assert await database.pool.fetchval("select count(*) from branches") == 2


async def test_a_series_is_refused_whose_numbers_another_could_give(database: Database) -> None:
    branch_id = await make_branch(database, "BLR")
    await make_branch(database, "BLR1")

    for pattern, digits in (("{branch}1/{year}/", 5), ("{branch}/{year}/", 5), ("{branch}/{year}/1", 4)):
        with pytest.raises(InvalidInput) as refused:
            await configure(database, branch_id, NOTE, pattern, digits)
        assert [(issue.path, issue.code) for issue in refused.value.issues] == [(("pattern",), "TAKEN")]
    await configure(database, branch_id, NOTE, "{branch}/{year}/", 4)
    await configure(database, branch_id, NOTE, "{branch}C/{year}/", 5)


async def test_a_number_that_was_given_is_given_to_nobody_else(database: Database) -> None:
    """By its own series neither: it counts on, and would come to the number again under another pattern."""
    branch_id = await make_branch(database, "BLR")
    await database.run(SYSTEM, lambda work: draw(work, branch_id), now=NOW)
    await configure(database, branch_id, INVOICE, "{branch}-{year}-1", 4)
    second = await database.run(SYSTEM, lambda work: draw(work, branch_id), now=NOW)

    for document, pattern in ((NOTE, "{branch}/{year}/"), (INVOICE, "{branch}-{year}-")):
        with pytest.raises(InvalidInput) as refused:
            await configure(database, branch_id, document, pattern)
        assert refused.value.issues[0].code == "TAKEN"
    await configure(database, branch_id, INVOICE, "{branch}/{year}/")
    third = await database.run(SYSTEM, lambda work: draw(work, branch_id), now=NOW)

    assert (second, third) == ("BLR-2627-10002", "BLR/2627/00003")


async def test_two_changes_at_once_do_not_agree_on_one_number(database: Database) -> None:
    first, second = await make_branch(database, "BL"), await make_branch(database, "BM")

    async def change(branch_id: UUID, document: DocumentKind, pattern: str) -> bool:
        try:
            await configure(database, branch_id, document, pattern)
        except InvalidInput:
            return False
        return True

    for number in range(5):
        done = await asyncio.gather(
            change(first, NOTE, f"N{number}{{branch}}BM/{{year}}"),
            change(second, NOTE, f"N{number}BL{{branch}}/{{year}}"),
        )
        assert sorted(done) == [False, True]


async def test_the_proof_sees_series_that_are_not_compared(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    branch_id = await make_branch(database, "BLR")
    monkeypatch.setattr(rules, "common_number", lambda *_: None)
    other = await make_branch(database, "BLRP")

    await database.run(SYSTEM, lambda work: draw(work, branch_id, document=ORDER), now=NOW)

    with pytest.raises(Exception, match="uq_drawn_numbers_text"):
        await database.run(SYSTEM, lambda work: draw(work, other), now=NOW)
