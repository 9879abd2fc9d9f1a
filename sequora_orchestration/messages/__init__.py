"""The kinds of messages: one module for each, with everything that is particular to it, and the table of them all.

Claims, leases, sending, doubt, receipts and the log are the same for every kind, and know none of them by name.
"""
