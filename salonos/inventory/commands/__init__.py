"""Writes of stock, a module per action.

All that changes a quantity goes over `shelves`: levels are locked in the order of their items, moves are decided by the
rules and written in one statement, and whoever called gets the lines that belong into the entry. Stock is locked before
anything of the books.
"""

from salonos.inventory.commands.issuing import Issue, bring_back, issue
from salonos.inventory.commands.items import NewItem, set_stock_policy, stock_product, update_stock_item
from salonos.inventory.commands.receiving import NewReceipt, ReceivedLine, receive_stock

__all__ = [
    "Issue",
    "NewItem",
    "NewReceipt",
    "ReceivedLine",
    "bring_back",
    "issue",
    "receive_stock",
    "set_stock_policy",
    "stock_product",
    "update_stock_item",
]
