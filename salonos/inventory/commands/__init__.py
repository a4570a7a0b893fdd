"""Writes of stock, a module per action.

All that changes a quantity goes over `shelves`: levels are locked in the order of their items, moves are decided by the
rules and written in one statement, and whoever called gets the lines that belong into the entry. Stock is locked before
anything of the books.
"""

from salonos.inventory.commands.adjusting import (
    NewAdjustment,
    approve_stock_adjustment,
    reject_stock_adjustment,
    request_stock_adjustment,
)
from salonos.inventory.commands.billing import BillLine, NewSupplierBill, record_supplier_bill
from salonos.inventory.commands.consuming import ServiceDone
from salonos.inventory.commands.count_files import CountImported, export_stock_count, import_stock_count
from salonos.inventory.commands.counting import (
    CountedLine,
    NewCount,
    cancel_stock_count,
    count_stock,
    enter_stock_count,
    open_stock_count,
    post_stock_count,
    submit_stock_count,
)
from salonos.inventory.commands.exporting import FileFormat, export_stock
from salonos.inventory.commands.importing import Change, Imported, import_stock_items
from salonos.inventory.commands.issuing import Cost, Issue, bring_back, hold, issue
from salonos.inventory.commands.items import (
    NewItem,
    remove_stock_item,
    set_stock_policy,
    stock_product,
    update_stock_item,
)
from salonos.inventory.commands.ordering import (
    Arrival,
    ArrivedLine,
    NewPurchase,
    OrderedLine,
    PurchaseChanges,
    cancel_purchase,
    create_purchase,
    place_purchase,
    receive_purchase,
    update_purchase,
)
from salonos.inventory.commands.paying import NewSupplierPayment, PaidBill, pay_supplier
from salonos.inventory.commands.receiving import NewReceipt, Received, ReceivedLine, receive_stock
from salonos.inventory.commands.recipes import RecipePart, set_recipe
from salonos.inventory.commands.recording import record_consumption
from salonos.inventory.commands.refunding import NewSupplierRefund, record_supplier_refund
from salonos.inventory.commands.returning import NewSupplierReturn, ReturnedLine, return_to_supplier
from salonos.inventory.commands.suppliers import NewSupplier, create_supplier, update_supplier
from salonos.inventory.commands.transferring import (
    NewTransfer,
    SentLine,
    cancel_transfer,
    receive_transfer,
    transfer_stock,
)

__all__ = [
    "Arrival",
    "ArrivedLine",
    "BillLine",
    "Change",
    "Cost",
    "CountImported",
    "CountedLine",
    "FileFormat",
    "Imported",
    "Issue",
    "NewAdjustment",
    "NewCount",
    "NewItem",
    "NewPurchase",
    "NewReceipt",
    "NewSupplier",
    "NewSupplierBill",
    "NewSupplierPayment",
    "NewSupplierRefund",
    "NewSupplierReturn",
    "NewTransfer",
    "OrderedLine",
    "PaidBill",
    "PurchaseChanges",
    "Received",
    "ReceivedLine",
    "RecipePart",
    "ReturnedLine",
    "SentLine",
    "ServiceDone",
    "approve_stock_adjustment",
    "bring_back",
    "cancel_purchase",
    "cancel_stock_count",
    "cancel_transfer",
    "count_stock",
    "create_purchase",
    "create_supplier",
    "enter_stock_count",
    "export_stock",
    "export_stock_count",
    "hold",
    "import_stock_count",
    "import_stock_items",
    "issue",
    "open_stock_count",
    "pay_supplier",
    "place_purchase",
    "post_stock_count",
    "receive_purchase",
    "receive_stock",
    "receive_transfer",
    "record_consumption",
    "record_supplier_bill",
    "record_supplier_refund",
    "reject_stock_adjustment",
    "remove_stock_item",
    "request_stock_adjustment",
    "return_to_supplier",
    "set_recipe",
    "set_stock_policy",
    "stock_product",
    "submit_stock_count",
    "transfer_stock",
    "update_purchase",
    "update_stock_item",
    "update_supplier",
]
