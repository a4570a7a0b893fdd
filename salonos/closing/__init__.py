"""What looks at everything below: the summary of a day, made when the day ends, and the live figures of today.

A *day summary* is stored once per branch and business date at 21:45 of the branch's zone; refreshes repaint it without
telling anybody again. The *dashboard* stores nothing: it is read from bills and money moves whenever somebody looks.
"""
