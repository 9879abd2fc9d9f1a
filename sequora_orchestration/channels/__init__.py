"""The channels: doors by which messages leave, and by which their fate is learned.

Add a module here for another way to reach people: `channel.py` has the protocol, and `doors.py` lists the channels.
Not here: the wording of a message, which stands with its kind.
"""
