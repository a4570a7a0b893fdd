"""Text in runs of one script each, since each script has a font of its own."""

import enum
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fontTools.ttLib import TTFont

FONTS = Path(__file__).parent / "fonts"


class Script(enum.Enum):
    """A script that documents can print, by its font."""

    LATIN = "NotoSans"
    DEVANAGARI = "NotoSansDevanagari"
    KANNADA = "NotoSansKannada"


INDIC = (Script.DEVANAGARI, Script.KANNADA)
UNKNOWN = "?"
"""Stands for what no font of ours holds."""


@dataclass(frozen=True)
class Run:
    """Text of one script."""

    text: str
    script: Script


@cache
def characters_of(script: Script) -> frozenset[int]:
    """The code points that a script's font holds."""
    with TTFont(FONTS / f"{script.value}-Regular.ttf", lazy=True) as font:
        return frozenset(font.getBestCmap())


def runs_of(text: str) -> list[Run]:
    """The text's runs. Joiners, marks and dandas stay with what they follow, so that a cluster is shaped as a whole."""
    found: list[Run] = []
    for character, script in _characters(printable(text)):
        if found and found[-1].script is script:
            found[-1] = Run(found[-1].text + character, script)
        else:
            found.append(Run(character, script))
    return found


def printable(text: str) -> str:
    """The text in one line, without what controls a printer, a page or the direction of writing."""
    kept = (each for each in text if each.isspace() or unicodedata.category(each) not in {"Cc", "Cs", "Co", "Cn"})
    return " ".join("".join(kept).split())


def is_ascii_print(text: str) -> bool:
    """Whether a printer without fonts of ours can print it."""
    return all(" " <= each <= "~" for each in text)


def _characters(text: str) -> Iterator[tuple[str, Script]]:
    before = Script.LATIN
    for character in text:
        point = ord(character)
        script = next((each for each in (before, *Script) if point in characters_of(each)), None)
        if script is None:
            if unicodedata.category(character) in {"Cf", "Mn"}:
                continue  # a joiner or a mark with nothing to join
            character, script = UNKNOWN, Script.LATIN  # noqa: PLW2901  what is printed in its place
        elif script in INDIC and point <= ord("~"):
            script = Script.LATIN  # spaces and digits, which every font holds
        before = script
        yield character, script
