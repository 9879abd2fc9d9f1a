"""The system's own records: its ledger with every row's history, and the times when its breaker was open."""

import threading
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import psycopg2
from psycopg2.extras import RealDictCursor

# Seconds between two looks at the breaker.
PAUSE = 0.3

_ROWS = """
SELECT id::text, business_key, kind, task_id, episode_id, recipient_id, severity, state, reason, cause, adopted,
       reply_to, named_by::text,
       provider_sid AS sid,
       extract(epoch FROM owed_since)::float AS owed_since,
       state IN ('QUEUED', 'SENDING', 'IN_DOUBT') OR (state = 'SCHEDULED' AND due_at <= clock_timestamp())
           AS is_unsettled,
       log_owes IS NOT NULL AS is_unlogged
FROM orchestration.notification
"""
_EVENTS = """
SELECT notification_id::text AS id, extract(epoch FROM at)::float AS at, from_state, to_state, attempt,
       claim_id::text, run_id, reason
FROM orchestration.notification_event
ORDER BY notification_event.id
"""
_FOUND_LATE = """
SELECT notification_id::text AS id, found_sid FROM orchestration.lost_attempt WHERE found_sid IS NOT NULL
"""
_INBOUND = """
SELECT sid, digest, understood, is_helped, extract(epoch FROM received_at)::float AS received_at,
       extract(epoch FROM read_at)::float AS read_at
FROM orchestration.inbound
"""
_ANSWERS = """
SELECT sid, verb, number, task_id, person_id, notification_id::text, outcome FROM orchestration.answer ORDER BY id
"""
_ORDERS = """
SELECT notification_id::text, verb, count(*) AS count FROM orchestration.operator_action GROUP BY 1, 2
"""
_OPTED_OUT = "SELECT digest FROM orchestration.opt_out"
_WAS_READ = "SELECT bool_and(read_at IS NOT NULL) AS was_read FROM orchestration.inbound_reading"
_UNSETTLED = """
SELECT count(*) AS unsettled FROM orchestration.notification
WHERE state IN ('QUEUED', 'SENDING', 'IN_DOUBT') OR (state = 'SCHEDULED' AND due_at <= clock_timestamp())
"""
_BREAKER = """
SELECT extract(epoch FROM opened_at)::float AS opened, extract(epoch FROM closed_at)::float AS closed, reason
FROM orchestration.provider WHERE opened_at IS NOT NULL
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A change of a row's state or claim; `at` is in seconds since the epoch."""

    at: float
    from_state: str | None
    to_state: str
    attempt: int
    claim_id: str | None
    run_id: str | None
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """A time for which the breaker was open, in seconds since the epoch, and why."""

    opened: float
    closed: float | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row of the ledger: a message that was meant to be sent."""

    id: str
    business_key: str
    kind: str
    task_id: str | None
    episode_id: str | None
    recipient_id: str | None
    severity: str | None
    state: str
    reason: str | None
    cause: str | None
    sid: str | None
    reply_to: str | None
    """The id of the text of a person that it answers."""

    named_by: str | None
    """The id of the digest that tells of its task in its place."""

    adopted: bool
    owed_since: float
    is_unsettled: bool
    is_unlogged: bool
    found_late: Sequence[str]
    """The SIDs of texts of its lost attempts that were found to have gone out all the same."""

    history: Sequence[Event]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inbound:
    """A text of a person that was read; times are in seconds since the epoch."""

    sid: str
    digest: str
    understood: str
    is_helped: bool
    received_at: float
    read_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A command, and what became of it."""

    sid: str
    verb: str
    number: int | None
    task_id: str | None
    person_id: str | None
    notification_id: str | None
    outcome: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Inbox:
    """The system's records of what people have written."""

    inbound: Sequence[Inbound] = ()
    answers: Sequence[Answer] = ()
    orders: Mapping[tuple[str | None, str], int] = field(default_factory=dict)
    """How many orders there are of each verb about a message of the ledger."""

    opted_out: frozenset[str] = frozenset()
    """Digests of numbers."""


class Books:
    """Reads the ledger, in a connection of its own each time: any may be cut."""

    def __init__(self, url: str) -> None:
        """Nothing is connected yet."""
        self._url = url
        self._openings: dict[float, Opening] = {}
        self._ended = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="breaker")

    def rows(self) -> list[Row]:
        """Return the whole ledger."""
        rows, events = self._read(_ROWS), self._read(_EVENTS)
        history: dict[str, list[Event]] = defaultdict(list)
        for event in events:
            history[event.pop("id")].append(Event(**event))
        late: dict[str, list[str]] = defaultdict(list)
        for found in self._read(_FOUND_LATE):
            late[found["id"]].append(found["found_sid"])
        return [Row(**row, found_late=late[row["id"]], history=history[row["id"]]) for row in rows]

    def inbox(self) -> Inbox:
        """Return what is recorded of the texts that people have written."""
        return Inbox(
            inbound=[Inbound(**row) for row in self._read(_INBOUND)],
            answers=[Answer(**row) for row in self._read(_ANSWERS)],
            orders={(row["notification_id"], row["verb"]): row["count"] for row in self._read(_ORDERS)},
            opted_out=frozenset(row["digest"] for row in self._read(_OPTED_OUT)),
        )

    def wait_until_read(self) -> None:
        """Wait until what people write has been read once: what they wrote before is left alone."""
        while not self._read(_WAS_READ)[0]["was_read"]:
            time.sleep(PAUSE)

    def unsettled(self) -> int:
        """Return how many messages are on their way, in doubt or overdue."""
        return int(self._read(_UNSETTLED)[0]["unsettled"])

    def watch_breaker(self) -> None:
        """Note from now on when the breaker opens and closes."""
        self._watcher.start()

    def end_watch(self) -> list[Opening]:
        """Stop watching; return the times when the breaker was open."""
        self._ended.set()
        if self._watcher.is_alive():
            self._watcher.join()
        return list(self._openings.values())

    def _watch(self) -> None:
        while not self._ended.wait(PAUSE):
            try:
                rows = self._read(_BREAKER)
            except psycopg2.Error:
                continue
            self._openings |= {row["opened"]: Opening(**row) for row in rows}

    def _read(self, sql: str) -> list[dict[str, Any]]:
        with (
            closing(psycopg2.connect(self._url)) as connection,
            connection.cursor(cursor_factory=RealDictCursor) as cursor,
        ):
            cursor.execute(sql)
            return [dict(row) for row in cursor.fetchall()]


def as_dict(row: Row) -> Mapping[str, object]:
    """Return a row for JSON: ids, states, times and reasons."""
    return {
        **{
            name: getattr(row, name)
            for name in (
                "id",
                "business_key",
                "severity",
                "state",
                "reason",
                "sid",
                "reply_to",
                "named_by",
                "adopted",
                "found_late",
            )
        },
        "owed_since": row.owed_since,
        "history": [{name: getattr(event, name) for name in Event.__slots__} for event in row.history],
    }
