"""The state of the system in the Dagster UI: figures that are plotted over time, and checks on them.

Nothing here sends or decides anything. Not here: the measurements (`ledger/measurements.py`), and the rules for what is
well (`domain/health.py`).
"""
