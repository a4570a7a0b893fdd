"""Imported first by a process: the garbage collector rests while modules load, which takes a tenth off a start.

What was loaded lives as long as the process, so that `is_over` also takes it out of the collector's rounds.
"""

import gc

gc.disable()


def is_over() -> None:
    """The process begins its work."""
    gc.freeze()
    gc.enable()
