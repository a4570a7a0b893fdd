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

SET_RECIPE = """
mutation ($input: SetRecipeInput!) { setRecipe(input: $input) { __typename
  ... on SetRecipeSuccess { recipe { version service { name recipe { id } } lines { quantity product { sku } item { unit } } } }
  ... on StaleVersion { currentVersion }
  ... on InvalidInput { issues { path code } } } }
"""
RECORD = """
mutation ($input: RecordConsumptionInput!) { recordConsumption(input: $input) { __typename
  ... on RecordConsumptionSuccess { consumption { expected actual difference cost differenceCost isRecorded version } } } }
"""
CONSUMPTIONS = """
query ($branch: ID!, $filter: ConsumptionFilter) { consumptions(branchId: $branch, filter: $filter) { nodes {
  id service { name } product { sku } item { unit } staff { displayName } position expected actual isRecorded businessDate
  cost } } }
"""
VARIANCE = """
query ($branch: ID!, $since: Date!, $until: Date!) {
  consumptionVariance(branchId: $branch, since: $since, until: $until) { branch { code } since until cost expectedCost
    rows { staff { displayName } service { name } product { sku } item { unit } times recorded expected actual difference
      cost differenceCost } } }
"""
OF_BILL = "query ($id: ID!) { bill(id: $id) { consumption { position expected product { sku } } } }"

__all__ = [
    "BATCHES",
    "CARD",
    "CHECK_OUT",
    "CONSUMPTIONS",
    "LEVELS",
    "MOVES",
    "OF_BILL",
    "RECEIVE",
    "RECORD",
    "SET_RECIPE",
    "VARIANCE",
    "Asker",
]
