"""What the ledger says of a day, to be compared with the phone company's list, and what was found.

The comparison stands in `domain/comparison.py`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from sqlalchemy import RowMapping

from sequora_orchestration.database import NamedStatements
from sequora_orchestration.domain.last_reconciled import LastReconciled
from sequora_orchestration.domain.ledger_state import State
from sequora_orchestration.domain.reconciliation import (
    KnownText,
    Likeness,
    Maker,
    Reconciliation,
    count_by_likeness,
    span_of,
)
from sequora_orchestration.ledger.room import Room

SQL = NamedStatements(Path(__file__).with_suffix(".sql"))

# How many rows are read at a time.
A_BATCH = 1000

# An attempt that was given up may have begun so long before its text went out, by another clock.
CLOCKS_DIFFER_BY = timedelta(days=1)

_BEFORE_ALL = "00000000-0000-0000-0000-000000000000"


class Reconciliations(Room):
    """Reads what the ledger says of a day, and keeps what was reported."""

    statements = SQL

    def live_since(self) -> datetime:
        """Return when this system went live: before, the ledger had no rows."""
        (row,) = self._rows("live_since")
        since: datetime = row["go_live_at"]
        return since

    def known_texts(self, provider_ids: Iterable[str]) -> dict[str, KnownText]:
        """Return what the ledger knows of these texts, by the phone company's ids."""
        rows = self._rows("known_texts", provider_ids=list(provider_ids))
        return {row["provider_id"]: _known(row) for row in rows}

    def makers(self, fingerprints: Iterable[str], day: date, *, channel: str) -> Mapping[str, Maker]:
        """Return the messages of which an attempt may have made a text with these fingerprints, by the fingerprint."""
        since, until = span_of(day)
        rows = self._rows(
            "makers",
            fingerprints=list(fingerprints),
            since=since - CLOCKS_DIFFER_BY,
            until=until + CLOCKS_DIFFER_BY,
            channel=channel,
        )
        return {
            row["fingerprint"]: Maker(message_id=row["message_id"], kind=row["kind"], state=State(row["state"]))
            for row in rows
        }

    def sent_on(self, day: date, *, channel: str) -> Iterator[Sequence[KnownText]]:
        """Yield the texts of a day (UTC) that the phone company has accepted, so many at a time, oldest first."""
        since, until = span_of(day)
        after_at, after_id, goes_on = since, _BEFORE_ALL, True
        while goes_on:
            rows = self._rows(
                "sent_between",
                since=since,
                until=until,
                after_at=after_at,
                after_id=after_id,
                channel=channel,
                most=A_BATCH,
            )
            yield [_known(row) for row in rows]
            goes_on = len(rows) == A_BATCH
            if goes_on:
                after_at, after_id = rows[-1]["sent_at"], rows[-1]["message_id"]

    def log_owes(self, day: date, *, channel: str) -> tuple[int, int]:
        """Return of how many texts of a day the application's log lacks the row, and of how many the receipt."""
        since, until = span_of(day)
        (row,) = self._rows("log_owes", since=since, until=until, channel=channel)
        return row["rows"], row["receipts"]

    def reported(self, provider_ids: Sequence[str]) -> dict[str, datetime]:
        """Return those of these texts that were reported before, each with the time (UTC)."""
        rows = [
            row
            for start in range(0, len(provider_ids), A_BATCH)
            for row in self._rows("reported", provider_ids=list(provider_ids[start : start + A_BATCH]))
        ]
        return {row["provider_id"]: row["reported_at"].astimezone(UTC) for row in rows}

    def note(self, found: Reconciliation) -> None:
        """Record what was found of a day, and that its orphans have been reported."""
        new, counts = found.new, count_by_likeness(found.orphans)
        self._changed(
            "note",
            day=found.day,
            provider_ids=[one.provider_id for one in new],
            likenesses=[one.likeness.value for one in new],
            texts=found.texts,
            doubled=counts[Likeness.DOUBLED],
            like_ours=counts[Likeness.OURS],
            of_others=counts[Likeness.OTHER],
            missing=len(found.missing),
            differing=len(found.differing),
            log_owes=found.log_owes_rows + found.log_owes_receipts,
        )

    def last(self) -> LastReconciled | None:
        """Return what was found of the newest day that was reconciled; None if none was yet."""
        rows = self._rows("last_reconciled")
        return LastReconciled(**rows[0]) if rows else None


def _known(row: RowMapping) -> KnownText:
    # The database's own zone may be any, and days are those of UTC.
    sent_at = row["sent_at"] and row["sent_at"].astimezone(UTC)
    fields = {**{name: value for name, value in row.items() if name != "is_given_up"}, "sent_at": sent_at}
    # The text of an attempt that was given up says nothing about its message, whose state is that of a later one.
    return KnownText(**{**fields, "state": None if row["is_given_up"] else State(row["state"])})
