"""The schema `orchestration`, by Alembic: `sequora migrate` applies one file in `versions/` for each change.

Functions and views that may be replaced at any time are not in `versions/`, but in `views.sql`.
"""
