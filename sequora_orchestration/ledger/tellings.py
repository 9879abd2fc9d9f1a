"""Notes that a task is closed, after which its nurse no longer counts as told of it.

The question that asks who is not told yet stands in `migrations/views.sql`.
"""

from pathlib import Path

from sequora_orchestration.database import (
    NamedStatements,
)
from sequora_orchestration.ledger.room import Room

SQL = NamedStatements(Path(__file__).with_suffix(".sql"))

# At most so many tasks at a time are noted as closed.
MOST_NOTED = 1000


class Tellings(Room):
    """Notes that tasks are closed, after which their nurses no longer count as told of them."""

    statements = SQL

    def note_what_is_over(self) -> float:
        """Note the tasks that nurses were told of and that are closed; return the seconds that the database took."""
        (row,) = self._rows("note_what_is_over", most=MOST_NOTED)
        return float(row["seconds"])
