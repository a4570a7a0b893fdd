"""`python -m worker` is one background worker."""

from salonos.terminal import settings_or_exit
from worker.main import run

run(settings_or_exit())
