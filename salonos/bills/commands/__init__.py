"""Writes of the till, a module per action.

All of them price a bill anew (`pricing`), post by the posting table (`posting`) and write rows in one statement
(`storing`); each checks its permission first and never commits.
"""

from salonos.bills.commands.adding import TakenPayment, add_payment
from salonos.bills.commands.assigning import assign_customer
from salonos.bills.commands.checking_out import check_out
from salonos.bills.commands.collecting import collect_balance
from salonos.bills.commands.correcting import correct_payment
from salonos.bills.commands.drafting import create_bill, update_bill
from salonos.bills.commands.exporting import ExportedRows, export_bills, start_export
from salonos.bills.commands.limiting import NewDiscountLimit, set_credit_limit, set_discount_limit
from salonos.bills.commands.posting import post_bill
from salonos.bills.commands.pricing import BillContents, NewBill, NewLine, NewSale, NewTip
from salonos.bills.commands.refunding import NewRefund, RefundedLine, refund_bill
from salonos.bills.commands.voiding import void_bill
from salonos.bills.commands.writing_off import write_off_balance

__all__ = [
    "BillContents",
    "ExportedRows",
    "NewBill",
    "NewDiscountLimit",
    "NewLine",
    "NewRefund",
    "NewSale",
    "NewTip",
    "RefundedLine",
    "TakenPayment",
    "add_payment",
    "assign_customer",
    "check_out",
    "collect_balance",
    "correct_payment",
    "create_bill",
    "export_bills",
    "post_bill",
    "refund_bill",
    "set_credit_limit",
    "set_discount_limit",
    "start_export",
    "update_bill",
    "void_bill",
    "write_off_balance",
]
