"""The end of a process that is told to stop: in order, or by an alarm that nothing in the process can hold up.

Who has a parent is killed by it after a while; who has lost it has nobody but this.
"""

import signal

LATEST_S = 30
"""Longer than anything that is under way is waited for."""


def end_within(seconds: int = LATEST_S) -> None:
    """The system ends this process if it still runs after so many seconds."""
    signal.alarm(seconds)
