"""Who is owed a message and has no row yet: the questions, asked to be told and not to claim."""

from pathlib import Path

from sequora_orchestration.database import NamedStatements
from sequora_orchestration.ledger.room import Room

SQL = NamedStatements(Path(__file__).with_suffix(".sql"))


class Owed(Room):
    """Tells who is owed a message."""

    statements = SQL

    def note_terms(self) -> None:
        """Record by which settings the sensors of this process ask: the view `orchestration.owed` goes by them."""
        self._changed("note_terms", **self._terms.of_questions)
