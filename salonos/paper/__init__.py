"""Paper: text, rules, tables and QR codes as PDF, as HTML and as a receipt printer's bytes.

Knows scripts, fonts and printers; what is printed is said by the features. Nothing here reads a clock, a database or the
network, so that the same content is the same bytes. All of it costs processor time: call it in a thread.
"""
