"""The doors by which messages leave, and by which it is learned what became of them.

Add a module here for another way to reach people: `channel.py` says what it must be able to do, `doors.py` names it.
What a message says is none of a door's business: that stands with its kind.
"""
