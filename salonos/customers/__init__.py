"""The people the salon serves: how to reach them, and what to know when they sit down.

Phone number, e-mail, birth date, address and notes are *sealed*: encrypted under a key of the person's own, which is
itself wrapped by a key outside the database. A phone number and an e-mail are found by a keyed hash, never by what they
hold. Whoever lacks CUSTOMER_CONTACT_READ sees the first name and the last digits, and searches and orders by no more
than that; a stylist sees those customers only whom they served within ninety days (`customer_visits`).

Several people may share a telephone (a mother and her child), so a number in use is a question and not a fault.
"""
