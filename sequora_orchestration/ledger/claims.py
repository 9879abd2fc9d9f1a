"""Chooses the messages that a run sends: enqueue, then lease.

Owed messages are put into the queue first, as rows that are nobody's; then rows that are ready are leased, in claims.
Each claim becomes a run. All other rows that are QUEUED and nobody's (given back, released, sent again, put back after
doubt) are leased from the same queue. Between the statements stand the pure functions of `domain/turn.py`. Work within
a claim is in `leases.py`. These promises are kept, and by these means:

- the most urgent go first, even before messages that wait in the broker: the queue is read in that order,
  `whose_turn` lets no message go that is less urgent than those on their way, and each turn enqueues the most urgent
  alone, if they are more than few;
- each message is in one claim; a message that runs have died of is alone in its claim: `pack`;
- while its kind is paused nothing goes out, and while the breaker is open one trial at a time: `allowance`, and once
  more the statement that begins an attempt;
- two processes at once: one unique key for each message, and a lease that only one of them gets (`SKIP LOCKED`);
- killed between two statements: the row is in the queue and nobody's, and the next turn leases it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

from sqlalchemy import RowMapping

from sequora_orchestration.database import NamedStatements, is_text
from sequora_orchestration.domain.turn import Admission, Allowance, Candidate, Limits, allowance, pack, whose_turn
from sequora_orchestration.ledger.leases import LEASE, MOST_RUNS, SCAN_LEASE
from sequora_orchestration.ledger.room import Room
from sequora_orchestration.ledger.rows import Claim, Claims, Message, Subject, message, message_id, subject
from sequora_orchestration.messages.queue import Queue

SQL = NamedStatements(Path(__file__).with_suffix(".sql"))

# Up to FEW waiting rows become a run each, so that each task has a run of its own to look at.
FEW = 5

# More rows become runs of BATCH: sent in about 0.3 s if a text takes 100 ms, and a killed run delays no more than that.
BATCH = 50

# A tick claims up to MOST rows, and none while ENOUGH wait in the broker for a worker: rows in the database are still
# sorted by severity, runs in the broker are not. Rows that workers have taken up do not count: the more workers there
# are, the more is on its way.
MOST = 500

ENOUGH = 200

# How long a task counts as recent, for a sensor that asks for recent tasks alone.
RECENT = timedelta(hours=1)

# A scan claims every row there is, no matter how many wait in the broker.
ALL = 1_000_000_000


class Claiming(Room):
    """Enqueues owed messages, and leases waiting ones."""

    statements = SQL

    def claim(self, queue: Queue) -> Claims:
        """Claim the messages that the queue's question finds, that have fallen due, or that a dead run left behind."""
        allowed = allowance(self._admission(queue), self._limits_of(queue), is_sent=queue.is_sent)
        if not allowed.rows:
            return Claims(more_waits=True, is_halted=allowed.is_halted)
        return self._leased(queue, self._enqueue(queue, allowed), allowed)

    def claim_recent(self, queue: Queue) -> Claims:
        """Claim such messages, but only if the question about recent tasks finds one, or others wait in the queue.

        So as a rule this is one statement, and costs next to nothing however many tasks are open.
        """
        limits = self._limits_of(queue)
        waiting = self._enqueue(queue, Allowance(rows=limits.most), created_within=RECENT)
        if not waiting.rows:
            return Claims(seconds=waiting.seconds)
        return self._leased(queue, waiting, allowance(waiting.admission, limits, is_sent=queue.is_sent))

    def claim_all(self, queue: Queue, claim_id: str) -> list[Subject]:
        """Claim all such messages for a single run, urgent or not; return the newly claimed ones."""
        no_limits = Limits(few=FEW, batch=BATCH, most=MOST, enough=ALL)
        allowed = allowance(self._admission(queue), no_limits)
        if not allowed.rows:
            return []
        waiting = self._enqueue(queue, allowed, most=ALL)
        chosen = [_candidate(row) for row in waiting.rows]
        if allowed.is_trial:
            chosen = whose_turn(chosen, allowed, waiting.admission, no_limits, in_turn=False)
        leased = self._lease({one.id: claim_id for one in chosen}, seconds=SCAN_LEASE)
        return [subject(row) for row in waiting.rows if row["id"] in leased]

    def claim_named(
        self, queue: Queue, ids: Sequence[str], claim_id: str, *, out_of_digests: bool = True
    ) -> list[Subject]:
        """Claim the messages that are owed about these ids, except those that were sent or are in another claim.

        With `out_of_digests` also those that wait for a digest which certainly is not out yet. Return what is newly
        claimed; called again, the claim has it already and nothing is new.
        """
        named = self._rows(
            "enqueue_named",
            question=queue.named,
            channel=queue.kind.channel,
            ids=[one for one in ids if is_text(one)],
            claim_id=claim_id,
            **self._terms.of_questions,
        )
        rows = self._rows(
            "lease_named",
            business_keys=[row["business_key"] for row in named],
            claim_id=claim_id,
            scheduled=queue.scheduled,
            out_of_digests=out_of_digests,
            lease=LEASE,
        )
        return [subject(row) for row in rows]

    def _limits_of(self, queue: Queue) -> Limits:
        at_once = self._terms.messages_at_once(queue.kind.channel)
        return Limits(
            few=FEW,
            batch=min(BATCH, at_once or BATCH),
            most=min(MOST, at_once or MOST),
            enough=ENOUGH,
            most_at_once=at_once,
        )

    def _admission(self, queue: Queue) -> Admission:
        rows = self._rows("admission", kind=queue.kind.name, channel=queue.kind.channel)
        # A channel that has just been switched on has no row yet: nothing goes out by it until it has.
        return Admission(**rows[0]) if rows else Admission(must_wait=True)

    def _enqueue(
        self, queue: Queue, allowed: Allowance, *, most: int | None = None, created_within: timedelta | None = None
    ) -> "_Waiting":
        """Put the answers to the queue's question into the queue, as far as there is room; return what is ready."""
        # A trial sends the message that was refused the fewest times, of so many of the most urgent.
        rows = self._rows(
            "enqueue",
            question=queue.question,
            kind=queue.kind.name,
            channel=queue.kind.channel,
            room=allowed.rows,
            few=FEW if queue.in_turn else None,
            not_to=allowed.not_to,
            scheduled=queue.scheduled,
            most=most or (MOST if allowed.is_trial else allowed.rows),
            most_runs=MOST_RUNS,
            created_within=created_within,
            **self._terms.of_questions,
        )
        first = rows[0]
        return _Waiting(
            rows=[row for row in rows if row["id"]],
            admission=Admission(**{one.name: first[one.name] for one in fields(Admission)} if first["id"] else {}),
            seconds=first["seconds"],
            is_all=first["owed"] == first["enqueued"] < allowed.rows,
        )

    def _leased(self, queue: Queue, waiting: "_Waiting", allowed: Allowance) -> Claims:
        """Lease those of the waiting messages whose turn it is, in claims."""
        limits = self._limits_of(queue)
        candidates = [_candidate(row) for row in waiting.rows]
        chosen = whose_turn(candidates, allowed, waiting.admission, limits, in_turn=queue.in_turn)
        packs = {str(uuid4()): pack_ for pack_ in pack(chosen, limits)}
        claim_of = {one.id: claim_id for claim_id, pack_ in packs.items() for one in pack_}
        leased = self._lease(claim_of, seconds=LEASE)
        subjects = {row["id"]: subject(row) for row in waiting.rows}
        claims = [
            Claim(id=claim_id, subjects=[subjects[one.id] for one in pack_ if one.id in leased])
            for claim_id, pack_ in packs.items()
        ]
        return Claims(
            (claim for claim in claims if claim.subjects),
            seconds=waiting.seconds,
            more_waits=not waiting.is_all
            or (not allowed.is_trial and (len(chosen) < len(candidates) or len(candidates) >= allowed.rows)),
            is_halted=allowed.is_halted,
        )

    def _lease(self, claim_of: dict[str, str], *, seconds: int) -> set[str]:
        """Lease messages to their claims; return the ids of those that were still nobody's."""
        if not claim_of or self._store.is_rehearsal:  # rows that were enqueued in a rehearsal are gone again
            return set(claim_of)
        rows = self._rows("lease", ids=list(claim_of), claim_ids=list(claim_of.values()), lease=seconds)
        return {row["id"] for row in rows}

    def in_hand_elsewhere(self, queue: Queue, ids: Sequence[str], claim_id: str) -> dict[str, Message]:
        """Return, by id, the newest message about it that another claim has or has settled.

        Ids are those that the queue's runs are given: of tasks, episodes, or the messages themselves.
        """
        are_own = queue.ids == "notification_ids"
        rows = self._rows(
            "in_hand_elsewhere",
            kind=queue.kind.name,
            ids=[] if are_own else [one for one in ids if is_text(one)],
            own_ids=_message_ids(ids) if are_own else [],
            claim_id=claim_id,
        )
        return {one.subject_id: one for one in map(message, rows)}

    def known_messages(self, queue: Queue, ids: Sequence[str]) -> list[str]:
        """Return those of these ids that messages of the queue's kind have, as the database writes them."""
        rows = self._rows("known_messages", ids=_message_ids(ids), kind=queue.kind.name)
        return [row["id"] for row in rows]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Waiting:
    """The queue, after the answers to a question were put into it."""

    rows: Sequence[RowMapping]
    """Most urgent first."""

    admission: Admission
    """Known if there are rows."""

    seconds: float
    """How long the question kept the database busy."""

    is_all: bool
    """Whether there was room for all its answers, and nobody else was faster."""


def _message_ids(ids: Sequence[str]) -> list[str]:
    return [one for one in map(message_id, ids) if one]


def _candidate(row: RowMapping) -> Candidate:
    return Candidate(**{one.name: row[one.name] for one in fields(Candidate)})
