"""A believable salon to try everything on: *Nandana Salon & Spa*, two branches in Karnataka, sixty days of business.

Nothing is written past the commands: the demo sells as a receptionist sells, on a clock that is set back. The same
seed makes the same salon. A row counts how far each stage has come, in the transaction of each step, so that a demo
that was interrupted goes on where it stopped.
"""
