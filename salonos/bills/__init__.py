"""The point of sale: drafts, lines, discounts, tax, payments, and the posting of bills.

A *bill* is a sale: a *draft* until it is *posted*, then final, numbered and in the books. Its *lines* sell one service
or product each, as it was priced that day. *Discounts* are the line's own and the bill's, spread over the lines before
tax. *Round-off* brings the total to whole rupees. A *payment* is the share of a money move that settles a bill; what was
handed over is *tendered*, what goes back is *change*. *Tips* belong to a member of staff and are no part of the total.
What a known customer owes on a posted bill is its *balance due*.

Goods on a bill leave their shelves in the transaction that posts it (`salonos.inventory`). What takes a bill back (void, credit note) is a later action of this feature.
"""
