"""Collects what is wrong with an input, so that the person at the till reads every fault at once and not one a try."""

import re
from dataclasses import dataclass, field

from salonos.kernel.problems import InputIssue, InvalidInput
from salonos.kernel.text import safe_text

Path = tuple[str | int, ...]


@dataclass
class Checks:
    """The faults of one input, by path."""

    issues: list[InputIssue] = field(default_factory=list)

    def add(self, path: Path, code: str, message: str) -> None:
        """One more fault."""
        self.issues.append(InputIssue(path, code, message))

    def require(self, holds: object, path: Path, code: str, message: str) -> None:
        """A fault unless the condition holds."""
        if not holds:
            self.add(path, code, message)

    def text(self, value: str, path: Path, characters_max: int, *, is_multiline: bool = False) -> str:
        """Text made safe; empty text is a fault."""
        kept = self.optional_text(value, path, characters_max, is_multiline=is_multiline)
        if value is not None and not value.strip():
            self.add(path, "REQUIRED", "This can't be empty.")
        return kept or ""

    def optional_text(
        self, value: str | None, path: Path, characters_max: int, *, is_multiline: bool = False
    ) -> str | None:
        """Text made safe; None where there is none."""
        if value is None:
            return None
        try:
            return safe_text(value, characters_max=characters_max, is_multiline=is_multiline) or None
        except ValueError as error:
            self.add(path, "INVALID_TEXT", str(error))
            return None

    def form(self, value: str, pattern: re.Pattern[str], path: Path, message: str) -> str:
        """Text of one form, without white space around it."""
        kept = value.strip()
        self.require(pattern.fullmatch(kept), path, "INVALID_FORM", message)
        return kept

    def finish(self) -> None:
        """Ends the collecting.

        Raises: InvalidInput with every fault that was found.
        """
        if self.issues:
            raise InvalidInput(issues=tuple(self.issues))
