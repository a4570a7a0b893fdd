"""The rows of stock, a module per matter."""

from salonos.inventory.tables.shelves import StockBatch, StockItem, StockLevel, StockMove, StockPolicy, StockUnitHeld

__all__ = ["StockBatch", "StockItem", "StockLevel", "StockMove", "StockPolicy", "StockUnitHeld"]
