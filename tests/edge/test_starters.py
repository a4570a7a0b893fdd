"""The playground's starter tabs are valid, and run for the role that they are for."""

import json
import re
from pathlib import Path

import pytest
from graphql import build_schema, parse, validate

from salonos.graph.documents import Documents
from salonos.graph.limits import Guard, Limits
from salonos.kernel.permissions import ROLES

ROOT = Path(__file__).resolve().parents[2]
STARTERS = ROOT / "playground" / "starters"
TABS = sorted(STARTERS.glob("*/*.graphql"))
PLACEHOLDERS = {"$BRANCH", "$SERVICE", "$PRODUCT", "$CUSTOMER", "$TODAY", "$YESTERDAY"}
SCHEMA = build_schema((ROOT / "schema.graphql").read_text())


@pytest.mark.parametrize("path", TABS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_starter_tab_is_valid(path: Path) -> None:
    document = parse(path.read_text())
    variables = path.with_suffix(".json")

    assert validate(SCHEMA, document) == []
    if variables.exists():
        text = variables.read_text()
        json.loads(text)
        assert set(re.findall(r"\$[A-Z]+", text)) <= PLACEHOLDERS


def test_a_starter_tab_is_far_from_the_limits() -> None:
    documents = Documents(SCHEMA, Guard(SCHEMA))

    assert max(documents.read(path.read_text(), None).fields for path in TABS) < Limits().fields_max // 4


def test_every_role_has_tabs_of_its_own() -> None:
    assert {path.parent.name for path in TABS} == {"stranger", *(role.lower() for role in ROLES)}
