"""What the documentation says of the code is what the code says."""

import re
from pathlib import Path

import pytest

from salonos.identity.rules import permissions_markdown
from salonos.inventory.commands import columns
from salonos.kernel.permissions import ROLES

ROOT = Path(__file__).resolve().parents[1]
LINK = re.compile(r"\]\((?!https?:)([^)#]+)")


def test_the_page_of_permissions_is_the_code_s_table() -> None:
    page = (ROOT / "docs" / "permissions.md").read_text()

    assert page.endswith(permissions_markdown(ROLES).rstrip() + "\n")


def test_every_link_leads_somewhere() -> None:
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
    broken = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in pages
        for target in LINK.findall(page.read_text())
        if not (page.parent / target).exists()
    ]

    assert broken == []


def test_every_make_target_that_the_pages_name_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
    named = {name for page in pages for name in re.findall(r"`make ([a-z-]+)`", page.read_text())}

    assert named <= targets


TEST = re.compile(r"`((?:tests/)?[a-z0-9_/*]+\.py)[`:]")


def test_every_guarantee_names_proofs_that_exist() -> None:
    page = (ROOT / "docs" / "guarantees.md").read_text()
    rows = [line for line in page.splitlines() if line.startswith("| ") and not line.startswith("| promise")]
    unproved: list[str] = []
    for row in rows:
        folder, named = "", TEST.findall(row)
        for name in named:
            folder = name.rpartition("/")[0] or folder  # a bare name stands in the folder of the one before it
            if not list(ROOT.glob(name if "/" in name else f"{folder}/{name}")):
                unproved.append(f"{row.split('|')[1].strip()}: {name}")
        if not named:
            unproved.append(row)

    assert unproved == []
    numbers = {found[1] for row in rows if (found := re.match(r"\| (G[0-9]+) ", row))}
    assert numbers >= {f"G{n}" for n in (1, 2, 3, 4, 5, 11, 12, 13, 15, 16, 18, 19, 20, 21, 22, 23, 24, 27, 28)}


@pytest.mark.parametrize(("page", "folder", "least"), [("stock", "inventory", 24), ("bills", "bills", 21)])
def test_every_promise_names_tests_that_exist(page: str, folder: str, least: int) -> None:
    rows = re.findall(r"^\| .*`test.*$", (ROOT / "docs" / f"{page}.md").read_text(), re.MULTILINE)
    named = {each for row in rows for each in re.findall(r"`([a-z0-9_/]+\.py)::(test_\w+)`", row)}
    missing = [
        (path, name)
        for path, name in sorted(named)
        if f"def {name}(" not in (ROOT / (path if "/" in path else f"tests/{folder}/{path}")).read_text()
    ]

    assert missing == []
    assert len(rows) >= least


def test_the_page_of_files_has_the_columns_and_the_codes_of_the_code() -> None:
    page = (ROOT / "docs" / "import.md").read_text()
    code = "".join((ROOT / "salonos" / name).read_text() for name in FILES)
    told = set(re.findall(r"`([A-Z][A-Z_0-9]+)`", page))

    assert columns.markdown() in page
    assert columns.markdown(columns.COUNTS) in page
    assert set(re.findall(r'"([A-Z][A-Z_0-9]{3,})"', code)) - told == set()


FILES = (
    "kernel/sheets.py",
    "inventory/commands/columns.py",
    "inventory/commands/importing.py",
    "inventory/commands/count_files.py",
)
