"""`python -m worker` is one background worker."""

from salonos.kernel.database import Forgetful
from salonos.settings import DATABASE_EXIT, SettingWrong
from salonos.terminal import fail, settings_or_exit
from worker.main import run

try:
    run(settings_or_exit())
except Forgetful as forgetful:
    raise fail(str(forgetful), DATABASE_EXIT) from None
except SettingWrong as wrong:
    raise fail(str(wrong), wrong.exit_code) from None
