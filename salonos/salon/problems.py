"""Expected failures of the salon's commands."""

from dataclasses import dataclass

from salonos.kernel.problems import Problem


@dataclass(eq=False)
class BranchCodeTaken(Problem):
    """Another branch has this code."""

    code: str
    message: str = "Another branch has this code already."


@dataclass(eq=False)
class SalonAlreadySetUp(Problem):
    """A deployment is one salon."""

    message: str = "The salon is set up already. Change its profile instead."


@dataclass(eq=False)
class NumberSeriesExhausted(Problem):
    """The series has used up its range in this financial year."""

    document: str
    message: str = "This number series has used up its numbers. Give it more digits in the settings."


@dataclass(eq=False)
class ClockBehind(Problem):
    """The computer's date lies before the date of the last document."""

    message: str = "The date lies before the last document's. Set the computer's clock right, then try again."
