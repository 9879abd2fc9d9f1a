"""What people look at in the Dagster UI: how well it goes, in figures that are plotted over time, and in checks.

Nothing here sends or decides anything. What is measured stands in `resources/measurements.py`, what is well in
`domain/health.py`.
"""
