"""The business itself: its profile, branches with their GST registration, opening hours, and number series of documents.

A *branch* is a place of work with a code, a state and a time zone. A *number series* gives one kind of document of one
branch consecutive numbers within a financial year, at most sixteen characters long (Rule 46(b) CGST Rules).
"""
