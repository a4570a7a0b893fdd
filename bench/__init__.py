"""Measurements, side by side with what others build. Run by `make bench`; no part of the tests, nor of what is installed."""
