"""The rows of stock, a module per matter."""

from salonos.inventory.tables.consumption import Consumption, Recipe, RecipeLine
from salonos.inventory.tables.control import StockAdjustment, StockCount, StockCountLine
from salonos.inventory.tables.payables import (
    SupplierAccount,
    SupplierBill,
    SupplierBillLine,
    SupplierLedgerLine,
    SupplierPayment,
    SupplierRefund,
    SupplierReturn,
    SupplierReturnLine,
    SupplierSettlement,
)
from salonos.inventory.tables.purchases import Purchase, PurchaseLine, StockReceipt, StockReceiptLine
from salonos.inventory.tables.shelves import StockBatch, StockItem, StockLevel, StockMove, StockPolicy, StockUnitHeld
from salonos.inventory.tables.suppliers import Supplier
from salonos.inventory.tables.transfers import StockTransfer, StockTransferLine

__all__ = [
    "Consumption",
    "Purchase",
    "PurchaseLine",
    "Recipe",
    "RecipeLine",
    "StockAdjustment",
    "StockBatch",
    "StockCount",
    "StockCountLine",
    "StockItem",
    "StockLevel",
    "StockMove",
    "StockPolicy",
    "StockReceipt",
    "StockReceiptLine",
    "StockTransfer",
    "StockTransferLine",
    "StockUnitHeld",
    "Supplier",
    "SupplierAccount",
    "SupplierBill",
    "SupplierBillLine",
    "SupplierLedgerLine",
    "SupplierPayment",
    "SupplierRefund",
    "SupplierReturn",
    "SupplierReturnLine",
    "SupplierSettlement",
]
