"""`python -m salonos.tablets` shows tablets the way: the address as a picture, and what they need to trust it.

A program of its own, so that a start without tablets does not load what draws the picture.
"""

import sys

import segno

from salonos.settings import Settings
from salonos.terminal import settings_or_exit


def shown(settings: Settings) -> str:
    """What stands on the terminal below the address."""
    sys.stdout.write("\nFor tablets:\n")
    segno.make(f"{settings.shown_address}/playground", micro=False).terminal(compact=True)
    if settings.certificate is None or settings.certificate.authority is None:
        return ""
    return (
        f"Each tablet installs the authority once: {settings.shown_address}/authority.crt (see docs/operations.md).\n"
    )


if __name__ == "__main__":
    sys.stdout.write(shown(settings_or_exit()))
