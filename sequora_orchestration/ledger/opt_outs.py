"""Who has replied STOP: numbers are recognised by digests, and not kept."""

import hmac
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from sqlalchemy import Engine

from sequora_orchestration.database import (
    NamedStatements,
    execute,
)
from sequora_orchestration.ledger.room import Room
from sequora_orchestration.ledger.rows import Moment

SQL = NamedStatements(Path(__file__).with_suffix(".sql"))


class OptOuts(Room):
    """Who has replied STOP: numbers are recognised by digests, and not kept."""

    statements = SQL

    def moment(self, numbers: Iterable[str] = ()) -> Moment:
        """Return the time, and which of these E.164 numbers have opted out."""
        by_digest = {self.digest(number): number for number in numbers}
        (row,) = self._rows("moment", digests=list(by_digest))
        return Moment(now=row["now"], opted_out=frozenset(by_digest[digest] for digest in row["opted_out"]))

    def remember_opt_out(self, number: str, recipient_id: str | None) -> None:
        """Record that an E.164 number has replied STOP, as a digest."""
        self._changed("remember_opt_out", digest=self.digest(number), recipient_id=recipient_id)

    def digest(self, number: str) -> str:
        """Return the digest by which an E.164 number is recognised."""
        return hmac.digest(self.salt, number.encode(), "sha256").hex()

    @property
    def salt(self) -> bytes:
        """The salt of the digests of numbers and messages: without it, anybody could try all numbers."""
        return _salt(self._engine)


@cache
def _salt(engine: Engine) -> bytes:
    """Return the salt of digests; it is made once, with the schema, and never changes."""
    _, (row,) = execute(engine, SQL["opt_out_salt"], {})
    return str(row["salt"]).encode()
