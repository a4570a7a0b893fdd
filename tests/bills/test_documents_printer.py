"""A strip as a receipt printer's bytes: text is printable ASCII, and no person's text is ever a command."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from salonos.paper import printer
from salonos.paper.scripts import printable, runs_of
from salonos.paper.strip import Code, Pair, Rule, Strip, Text
from tests.bills.papers import printed


def test_text_that_would_command_the_printer_is_only_text() -> None:
    evil = "Evil\x1bp\x00\x19\xfa\x1dVB\x00\x10\x14\x08\x01\x00 \x1b@name\x85\x9b\x7f"

    job = printed(printer.bytes_of(Strip("t", [Text(evil), Pair(evil, "1.00")]), opens_drawer=False))

    assert (job.kicks, job.cuts) == (0, 1)
    said = " ".join(job.lines)
    assert "\x1b" not in said
    assert job.pictures, "the accented letter is a picture"


@given(st.lists(st.text(max_size=60), min_size=1, max_size=3), st.text(max_size=20))
def test_whatever_is_written_the_job_holds_text_and_known_commands_only(texts: list[str], right: str) -> None:
    plain = [each.encode("ascii", "ignore").decode() for each in texts]
    rows = [*(Text(each, size="large", bold=True) for each in plain), *(Pair(each, "1.00") for each in plain), Rule()]

    job = printed(printer.bytes_of(Strip("t", rows), opens_drawer=True))

    assert (job.kicks, job.cuts) == (1, 1)
    assert all(len(line) <= printer.COLUMNS for line in job.lines)
    assert printable(right) == printable(printable(right))


def test_the_rupee_sign_and_typographic_signs_survive() -> None:
    job = printed(printer.bytes_of(Strip("t", [Text("₹ 1,180.00 \u2013 \u201cfull\u201d")]), opens_drawer=False))

    assert job.lines == ['Rs. 1,180.00 - "full"']
    assert job.pictures == []


def test_names_and_amounts_stand_at_the_edges() -> None:
    rows = [Pair("Haircut", "750.00"), Pair("A service with quite a long name that needs two lines", "12,345.00")]

    job = printed(printer.bytes_of(Strip("t", rows), opens_drawer=False))

    assert job.lines == [
        "Haircut" + "750.00".rjust(41),
        "A service with quite a long name that",
        "needs two lines" + "12,345.00".rjust(33),
    ]


def test_a_code_is_drawn_by_the_printer() -> None:
    job = printed(printer.bytes_of(Strip("t", [Code("upi://pay?pa=a@b&am=1.00")]), opens_drawer=False))

    assert job.codes == ["upi://pay?pa=a@b&am=1.00"]


def test_a_picture_is_the_width_of_the_paper_and_holds_dots() -> None:
    job = printed(printer.bytes_of(Strip("t", [Text("ಕನ್ನಡ", align="C")]), opens_drawer=False))

    (picture,) = job.pictures
    box = picture.getbbox()
    assert picture.width == printer.DOTS
    assert box is not None
    assert abs((box[0] + box[2]) - printer.DOTS) < 12, "in the middle"


@given(st.text(max_size=80))
def test_runs_hold_all_that_can_be_printed(text: str) -> None:
    runs = runs_of(text)

    assert len("".join(run.text for run in runs)) <= len(printable(text))
    assert all(one.script is not other.script for one, other in pairwise(runs))


def test_a_joiner_stays_with_its_letters() -> None:
    assert [run.text for run in runs_of("Dr. ರ‍್ಯಾಂಕ್ 2 क्‍ष।")] == ["Dr. ", "ರ‍್ಯಾಂಕ್", " 2 ", "क्‍ष।"]
