"""Secrets that a folder makes for itself and keeps: written whole or not at all, for this user alone."""

import contextlib
import os
import secrets
from pathlib import Path


def kept(path: Path) -> str:
    """The secret of the file; where there is none, a new one, on the disk before anybody uses it.

    Of two that make it at once, one's secret is kept, and both get that.

    Raises: OSError where the folder can't be used.
    """
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _make(path)
    return path.read_text().strip()


def _make(path: Path) -> None:
    """A crash leaves no half of it: it gets its name last, and a name that is taken stays as it is."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    fresh.touch(mode=0o600, exist_ok=False)
    with fresh.open("w") as file:
        file.write(secrets.token_urlsafe(48))
        file.flush()
        os.fsync(file.fileno())
    with contextlib.suppress(FileExistsError):
        path.hardlink_to(fresh)
    fresh.unlink()
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
