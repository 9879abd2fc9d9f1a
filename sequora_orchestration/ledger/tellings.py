"""Which nurses count as told of their tasks."""

from pathlib import Path

from sequora_orchestration.database import (
    NamedStatements,
)
from sequora_orchestration.ledger.room import Room

SQL = NamedStatements(Path(__file__).with_suffix(".sql"))

# So many tasks at a time are noted as not open any more.
MOST_NOTED = 1000


class Tellings(Room):
    """Which nurses count as told of their tasks."""

    statements = SQL

    def note_what_is_over(self) -> float:
        """Note which tasks that nurses were told of are not open any more; return the seconds that it took."""
        (row,) = self._rows("note_what_is_over", most=MOST_NOTED)
        return float(row["seconds"])
