"""What is said of a case: was its recipient told, must somebody act, and what comes next.

Whether a message is missing is what the database's questions say (`case.owed`); to whom one went is its audience. No
kind of message is named here: what is particular to one stands in its module in `messages`, and one that no code knows
yet is spoken of by its audience.
"""
