"""How the rooms of the ledger run their statements. The work that a room does with rows stands in its own module."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from sqlalchemy import Engine, RowMapping, TextClause

from sequora_orchestration.database import NamedStatements, execute
from sequora_orchestration.ledger.terms import Terms

# Seconds for which a text waits for the application's log where somebody holds a lock on it, or on the task that its
# row refers to. A row that cannot be had by then is written later: nobody else's text waits for it.
LOG_PATIENCE = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """The database that a ledger is in, and the settings that its statements are given."""

    engine: Engine
    terms: Terms
    is_rehearsal: bool = False
    """Whether a statement's changes are undone at once."""


class Room:
    """One thing that is done with the ledger's rows. Its statements stand in the `.sql` file beside its module."""

    statements: ClassVar[NamedStatements]

    def __init__(self, store: Store) -> None:
        """Nothing is read or connected yet."""
        self._store = store

    @property
    def _engine(self) -> Engine:
        return self._store.engine

    @property
    def _terms(self) -> Terms:
        return self._store.terms

    def _execute(
        self, statement: str | TextClause, parameters: Mapping[str, object]
    ) -> tuple[int, Sequence[RowMapping]]:
        """Run a (named) statement; return how many rows it touched, and its rows where it has any."""
        sql = self.statements[statement] if isinstance(statement, str) else statement
        return execute(self._engine, sql, parameters, is_undone=self._store.is_rehearsal)

    def _rows(self, statement: str, **parameters: object) -> Sequence[RowMapping]:
        return self._execute(statement, parameters)[1]

    def _changed(self, statement: str, **parameters: object) -> bool:
        return self._execute(statement, parameters)[0] > 0

    def _logged(self, statement: str, **parameters: object) -> bool:
        """Run a statement that also writes a row of the application's log, which somebody may have locked."""
        return execute(self._engine, self.statements[statement], parameters, lock_timeout=LOG_PATIENCE)[0] > 0


def in_batches(rows: Sequence[RowMapping], size: int) -> list[list[str]]:
    """Return the ids of rows, so many at a time."""
    ids = [row["id"] for row in rows]
    return [ids[start : start + size] for start in range(0, len(ids), size)]


def hexadecimal(content: str | None) -> str | None:
    """Return a text's content in hexadecimal, as statements take it: a server's log of parameters must not show it."""
    return None if content is None else content.encode().hex()
