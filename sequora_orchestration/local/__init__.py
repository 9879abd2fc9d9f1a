"""What makes a laptop enough.

Stand-ins for the services that production has elsewhere: databases, a broker and a phone company, all on
loopback and gone without a trace when they end. Nothing here runs in production, and only `cli` imports it.
"""
