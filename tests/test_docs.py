"""What the documentation says of the code is what the code says."""

import re
from pathlib import Path

from salonos.identity.rules import permissions_markdown
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
