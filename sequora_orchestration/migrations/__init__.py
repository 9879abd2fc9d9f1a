"""The schema `orchestration`, by Alembic: one file in `versions/` a change, applied by `sequora migrate`."""
