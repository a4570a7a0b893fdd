"""Stock: what lies on which shelf, what it cost, what came and went.

`commands` are all that other features call: goods leave for a bill, are used up for a service, come back after a
refund. Inventory knows nothing of bills; it answers with the lines that belong into the caller's entry.
"""
