"""What the command line's parts share: a sentence on standard error, an exit code, the settings or neither."""

import os
import sys
from pathlib import Path

from salonos import embedded
from salonos.settings import USAGE_EXIT, Settings, SettingWrong, home_of

__all__ = ["USAGE_EXIT", "database_url", "fail", "named_database_url", "settings_home", "settings_or_exit"]


def fail(message: str, code: int) -> SystemExit:
    """Says why on standard error; raise what it returns."""
    sys.stderr.write(message + "\n")
    return SystemExit(code)


def settings_or_exit() -> Settings:
    """The environment's settings, or the sentence that says which one is wrong."""
    try:
        return Settings.read()
    except SettingWrong as wrong:
        raise fail(str(wrong), wrong.exit_code) from None


def settings_home() -> Path:
    """The folder of keys, for a command that needs no other setting."""
    return home_of(os.environ)


def database_url(settings: Settings) -> str:
    """The database that the environment names, or the bundled one while `salonos up` runs."""
    url = settings.database_url or embedded.running_database_url(settings.home)
    if url is None:
        raise fail("Set DATABASE_URL, or start `salonos up`, which brings a database.", USAGE_EXIT)
    return url


def named_database_url(settings: Settings) -> str:
    """The database that the environment names: a part that runs apart is told where it is."""
    if settings.database_url is None:
        raise fail("Set DATABASE_URL, or use `salonos up`, which brings a database.", USAGE_EXIT)
    return settings.database_url
