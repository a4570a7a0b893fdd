"""The books: double entry, the tax register, and the money that moved.

An *entry* is one balanced posting of one branch: lines over the *accounts* of the chart, in signed paise, debits
positive, summing to zero. It is written in the transaction of what it tells of, and never changes; a mistake is undone
by a *reversal*. A *daily balance* is what an account moved on one date in one branch; the database keeps it from the
lines themselves, so that a trial balance is one read. A *money move* is money that came in or went out. The *tax
register* holds the lines from which GST returns are made. A *closed period* takes no more entries.

This feature stands below those who sell and buy: `commands.post_entry` knows its cause by kind and id only.
"""
