"""Pure decisions of the books: the words of the chart, and which account keeps which kind of money.

The chart itself is data, seeded by the migration and extendable; the codes below are those that commands post to.
"""

import enum
from typing import Final

CASH: Final = "1000"
SAFE: Final = "1001"
BANK: Final = "1010"
UPI: Final = "1020"
CARD_CLEARING: Final = "1030"
OTHER_MONEY: Final = "1040"
CUSTOMERS: Final = "1100"
STOCK_RETAIL: Final = "1200"
STOCK_PROFESSIONAL: Final = "1210"
GOODS_IN_TRANSIT: Final = "1220"
INTER_BRANCH: Final = "1290"
INPUT_CGST: Final = "1300"
INPUT_SGST: Final = "1301"
INPUT_IGST: Final = "1302"
SUPPLIERS: Final = "2000"
RECEIVED_NOT_BILLED: Final = "2010"
OUTPUT_CGST: Final = "2100"
OUTPUT_SGST: Final = "2101"
OUTPUT_IGST: Final = "2102"
ADVANCES: Final = "2200"
GST_ON_ADVANCES: Final = "2205"
TIPS: Final = "2300"
CAPITAL: Final = "3000"
SERVICES: Final = "4000"
PRODUCTS: Final = "4010"
ROUND_OFF: Final = "4900"
COST_OF_GOODS: Final = "5000"
CONSUMPTION: Final = "5010"
STOCK_LOSS: Final = "5020"
PRICE_DIFFERENCE: Final = "5030"
BAD_DEBTS: Final = "6400"

CODES: Final = (
    CASH, SAFE, BANK, UPI, CARD_CLEARING, OTHER_MONEY, CUSTOMERS, INPUT_CGST, INPUT_SGST, INPUT_IGST,
    OUTPUT_CGST, OUTPUT_SGST, OUTPUT_IGST, ADVANCES, GST_ON_ADVANCES, TIPS, SERVICES, PRODUCTS, ROUND_OFF, BAD_DEBTS,
    STOCK_RETAIL, STOCK_PROFESSIONAL, SUPPLIERS, RECEIVED_NOT_BILLED, COST_OF_GOODS, CONSUMPTION, PRICE_DIFFERENCE,
    STOCK_LOSS, GOODS_IN_TRANSIT, INTER_BRANCH, CAPITAL,
)  # fmt: skip
"""Every account that commands name. A test finds each of them in the chart."""

KEPT_BY_STOCK: Final = frozenset({STOCK_RETAIL, STOCK_PROFESSIONAL, GOODS_IN_TRANSIT})
"""Control accounts of the stock's value: nobody posts to them by hand."""


class AccountKind(enum.Enum):
    """What an account tells of."""

    ASSET = "ASSET"
    LIABILITY = "LIABILITY"
    EQUITY = "EQUITY"
    INCOME = "INCOME"
    EXPENSE = "EXPENSE"


class AccountBound(enum.Enum):
    """The side that an account's balance may not leave in any branch: no more goes out of it than came in."""

    DEBIT_ONLY = "DEBIT_ONLY"
    CREDIT_ONLY = "CREDIT_ONLY"


class PaymentMethod(enum.Enum):
    """How money changes hands. ON_ACCOUNT is no money: it names what a known customer owes."""

    CASH = "CASH"
    UPI = "UPI"
    CARD = "CARD"
    BANK_TRANSFER = "BANK_TRANSFER"
    ON_ACCOUNT = "ON_ACCOUNT"
    OTHER = "OTHER"


class MoneyDirection(enum.Enum):
    """Whether the salon received money or paid it."""

    IN = "IN"
    OUT = "OUT"


class SupplyDirection(enum.Enum):
    """Whether the salon supplied (output tax) or was supplied (input tax)."""

    OUTWARD = "OUTWARD"
    INWARD = "INWARD"


class CreditKind(enum.Enum):
    """What becomes of the tax on an inward supply. Outward supplies have none.

    REVERSED is credit that is given back later, of goods that earn none after all.
    """

    INPUTS = "INPUTS"
    CAPITAL_GOODS = "CAPITAL_GOODS"
    INPUT_SERVICES = "INPUT_SERVICES"
    BLOCKED = "BLOCKED"
    REVERSED = "REVERSED"


_ACCOUNTS = {
    PaymentMethod.CASH: CASH,
    PaymentMethod.UPI: UPI,
    PaymentMethod.CARD: CARD_CLEARING,
    PaymentMethod.BANK_TRANSFER: BANK,
    PaymentMethod.ON_ACCOUNT: CUSTOMERS,
    PaymentMethod.OTHER: OTHER_MONEY,
}


def account_of(method: PaymentMethod) -> str:
    """The code of the account that money of a method goes into. Until drawers are built a branch has one cash account."""
    return _ACCOUNTS[method]
