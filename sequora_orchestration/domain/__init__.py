"""Pure rules that hold for every message: its states, the meaning of the phone company's answers, whom to tell.

Nothing here knows Dagster, SQL, HTTP or the clock: a rule gets its facts as arguments. The rules of a single kind of
message stand in `messages`.
"""
