"""`make schema-check`: schema.graphql is what the code prints, and breaks no client without a word in the changelog."""

import subprocess
import sys
from pathlib import Path

from graphql import build_schema
from graphql.utilities import find_breaking_changes

from salonos.edge.app import make_graph

ROOT = Path(__file__).resolve().parents[1]
FILE = ROOT / "schema.graphql"


def main() -> int:
    """Exit code 0 when both hold."""
    printed = make_graph().sdl
    if not FILE.exists() or FILE.read_text() != printed:
        print("schema.graphql is not what the code says. Run `make schema` and look at the difference.")
        return 1
    before = subprocess.run(
        ["git", "show", "HEAD~1:schema.graphql"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if before.returncode:
        return 0
    changelog = (ROOT / "CHANGELOG.md").read_text()
    changes = find_breaking_changes(build_schema(before.stdout), build_schema(printed))
    silent = [each.description for each in changes if each.description not in changelog]
    for description in silent:
        print(f"Breaking, and not in the changelog: {description}")
    return 1 if silent else 0


if __name__ == "__main__":
    sys.exit(main())
