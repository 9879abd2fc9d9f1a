"""Pure rules that hold for every message: its states, what an answer of the phone company means, whom to tell.

Nothing here knows Dagster, SQL, HTTP or the clock: what a rule needs is handed to it. What is particular to a kind of
message stands in `messages`.
"""
