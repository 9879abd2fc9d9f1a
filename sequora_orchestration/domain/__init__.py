"""Pure rules: what a message says, to whom it may go, what an answer of the phone company means.

Nothing here knows Dagster, SQL, HTTP or the clock: what a rule needs is handed to it.
"""
