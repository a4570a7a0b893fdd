"""Every fault of an input is told at once, at its path."""

import re

import pytest

from salonos.kernel.checks import Checks
from salonos.kernel.problems import InvalidInput


def test_all_faults_are_told_at_once() -> None:
    checks = Checks()
    checks.text("  ", ("name",), 10)
    checks.text("x" * 11, ("title",), 10)
    checks.optional_text("a\x00", ("lines", 0, "note"), 10)
    checks.form("abc", re.compile("[0-9]+"), ("code",), "Digits only.")
    checks.require(False, ("price",), "OUT_OF_RANGE", "Too much.")

    with pytest.raises(InvalidInput) as refused:
        checks.finish()

    assert [(issue.path, issue.code) for issue in refused.value.issues] == [
        (("name",), "REQUIRED"),
        (("title",), "INVALID_TEXT"),
        (("lines", 0, "note"), "INVALID_TEXT"),
        (("code",), "INVALID_FORM"),
        (("price",), "OUT_OF_RANGE"),
    ]


def test_what_is_right_comes_back_in_its_form() -> None:
    checks = Checks()

    assert checks.text(" Nayana ", ("name",), 10) == "Nayana"
    assert checks.optional_text(None, ("note",), 10) is None
    assert checks.optional_text(" ", ("note",), 10) is None
    assert checks.optional_text("a\nb", ("note",), 10, is_multiline=True) == "a\nb"
    assert checks.form(" 12 ", re.compile("[0-9]+"), ("code",), "Digits only.") == "12"
    checks.finish()
