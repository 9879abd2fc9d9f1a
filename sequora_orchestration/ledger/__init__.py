"""The ledger of messages in the schema `orchestration`: a room for each thing that is done with its rows.

Nothing here knows Dagster, or how a message reaches anybody. `room.py` runs statements, `rows.py` has the shapes in
which rows are handed out.
"""
