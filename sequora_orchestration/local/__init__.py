"""The whole system on a laptop.

Stand-ins for the services that production has elsewhere: databases, a broker and a phone company, all on
loopback; no process is left when they end. Nothing here runs in production, and only `cli` imports it.
"""
