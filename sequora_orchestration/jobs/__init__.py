"""The jobs, and the ops that they are made of: thin glue that reads, calls the logic and reports.

`delivery.py` is the logic of sending that all kinds of messages share, `steps.py` what every op shares.
"""
