"""Who has replied STOP, and what numbers and texts are recognised by without being kept."""

import hmac
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from sqlalchemy import Engine

from sequora_orchestration.database import (
    NamedStatements,
    execute,
)
from sequora_orchestration.domain.doubt import canonical_fingerprint, fingerprint
from sequora_orchestration.ledger.room import Room
from sequora_orchestration.ledger.rows import Moment

SQL = NamedStatements(Path(__file__).with_suffix(".sql"))


class OptOuts(Room):
    """Who has replied STOP, and what numbers and texts are recognised by without being kept."""

    statements = SQL

    def moment(self, numbers: Iterable[str] = ()) -> Moment:
        """Return the time, and which of these E.164 numbers have opted out."""
        by_digest = {self.digest(number): number for number in numbers}
        (row,) = self._rows("moment", digests=list(by_digest))
        return Moment(now=row["now"], opted_out=frozenset(by_digest[digest] for digest in row["opted_out"]))

    def remember_opt_out(self, number: str, recipient_id: str | None) -> None:
        """Record that an E.164 number has replied STOP, as a digest."""
        self._changed("remember_opt_out", digest=self.digest(number), recipient_id=recipient_id)

    def fingerprint(self, number: str, body: str) -> str:
        """Return what a text is recognised by in the phone company's list."""
        return fingerprint(self._salt, number, body)

    def canonical_fingerprint(self, number: str, body: str) -> str:
        """Return what a text is recognised by where the list shows it changed."""
        return canonical_fingerprint(self._salt, number, body)

    def digest(self, number: str) -> str:
        """Return what an E.164 number is recognised by."""
        return hmac.digest(self._salt, number.encode(), "sha256").hex()

    @property
    def _salt(self) -> bytes:
        return _salt(self._engine)


@cache
def _salt(engine: Engine) -> bytes:
    """Return what digests are made with; it is made once, with the schema, and never changes."""
    _, (row,) = execute(engine, SQL["opt_out_salt"], {})
    return str(row["salt"]).encode()
