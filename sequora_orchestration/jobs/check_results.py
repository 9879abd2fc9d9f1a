"""The results of asset checks, which Dagster keeps for ever: it has no way to delete those of old runs."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from sqlalchemy import Engine

from sequora_orchestration.database import NamedStatements, execute

SQL = NamedStatements(Path(__file__).with_suffix(".sql"))

RESULTS_A_BATCH = 500


def check_results_deleted(engine: Engine, before: datetime) -> Iterator[int]:
    """Delete results from before a time, oldest first, from Dagster's database; yield the number in each batch."""
    deleted = RESULTS_A_BATCH
    while deleted == RESULTS_A_BATCH:
        deleted, _ = execute(engine, SQL["delete_old_check_results"], {"most": RESULTS_A_BATCH, "before": before})
        yield deleted
