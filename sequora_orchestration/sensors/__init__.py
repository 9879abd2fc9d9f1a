"""Each sensor is named for the thing it notices: it asks a question, claims the answers, and requests runs.

The claim is all that a sensor writes. The work on a claim is the jobs' business.
"""
