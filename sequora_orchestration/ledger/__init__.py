"""The ledger of messages in the schema `orchestration`: a module, called a room, for each thing that is done with rows.

Nothing here knows Dagster, or how a message reaches anybody. `room.py` runs statements, `rows.py` has the shapes of the
rows that callers get.
"""
