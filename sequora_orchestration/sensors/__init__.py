"""What it notices: each sensor asks the ledger's question, claims what it finds, and requests runs.

The claim is all that a sensor writes. What to do about a claim is the jobs' business.
"""
