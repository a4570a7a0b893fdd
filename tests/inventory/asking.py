"""Asks the engine over the schema up to bills with stock; and what stock is asked most."""

from tests.bills.asking import Asker

LEVELS = """
query ($branch: ID!, $first: Int, $filter: StockFilter) { stockLevels(branchId: $branch, first: $first, filter: $filter) {
  totalCount nodes { product { sku } item { unit units { unit holds } } branch { code } quantity reorderPoint isLow value
  unitCost daysOfCover } } }
"""
MOVES = """
query ($branch: ID!, $first: Int, $filter: StockMoveFilter) { stockMoves(branchId: $branch, first: $first, filter: $filter) {
  totalCount nodes { product { sku } batch { code } kind quantity businessDate unitCost value } } }
"""
BATCHES = """
query ($branch: ID!, $first: Int, $filter: StockBatchFilter) {
  stockBatches(branchId: $branch, first: $first, filter: $filter) { nodes { product { sku } code expiresOn quantity } } }
"""
CARD = """
query ($id: ID!) { product(id: $id) { name stock { use unit supplierName reorderQuantity levels { nodes { quantity value } }
  batches { nodes { code quantity } } moves { nodes { kind quantity value } } } } }
"""
RECEIVE = """
mutation ($input: ReceiveStockInput!) { receiveStock(input: $input) { __typename
  ... on ReceiveStockSuccess { moves { kind quantity unitCost product { sku } } }
  ... on InvalidInput { issues { path code } } } }
"""
CHECK_OUT = """
mutation ($input: CheckOutInput!) { checkOut(input: $input) { __typename
  ... on StockTooLow { message available product { sku } } } }
"""

__all__ = ["BATCHES", "CARD", "CHECK_OUT", "LEVELS", "MOVES", "RECEIVE", "Asker"]
