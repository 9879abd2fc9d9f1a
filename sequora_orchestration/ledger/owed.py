"""Who is owed a message and has no row yet: asks the questions for a reader. The sensors' asking is in `claims.py`."""

from collections.abc import Sequence
from pathlib import Path

from sequora_orchestration.database import NamedStatements
from sequora_orchestration.domain.case import OwedMessage
from sequora_orchestration.ledger.room import Room

SQL = NamedStatements(Path(__file__).with_suffix(".sql"))


class Owed(Room):
    """Asks who is owed a message, and claims none."""

    statements = SQL

    def note_terms(self) -> None:
        """Record the settings by which this process's sensors ask: the view `orchestration.owed` goes by them."""
        self._changed(
            "note_terms",
            **self._terms.of_questions,
            call_for=self._terms.call_for,
            has_canary=self._terms.has_canary,
        )

    def to_come(self, *, task_ids: Sequence[str] = (), episode_ids: Sequence[str] = ()) -> list[OwedMessage]:
        """Return messages about these that have no row and are owed, or will be if nothing happens; soonest first."""
        rows = self._rows("to_come", task_ids=list(task_ids), episode_ids=list(episode_ids), **self._terms.of_questions)
        return [OwedMessage(**row) for row in rows]
