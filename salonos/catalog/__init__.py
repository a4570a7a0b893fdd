"""What the salon sells: services by SAC, products by HSN, their prices, and tax classes whose rates have dates.

A sale uses the rate of its business date. A service is priced without tax by default, a retail product with tax (MRP);
each item says which.
"""
