"""`python -m salonos` is the command line."""

from salonos.cli import main

main()
