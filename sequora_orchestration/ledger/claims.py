"""Which messages a run is given to send: claimed by a sensor, by a scan for itself, or by name."""

from collections import defaultdict
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from sqlalchemy import RowMapping, TextClause

from sequora_orchestration.database import (
    NamedStatements,
    id_array,
    is_text,
)
from sequora_orchestration.domain.ledger_state import State
from sequora_orchestration.domain.notification import SMS
from sequora_orchestration.ledger.leases import LEASE, MOST_RUNS, SCAN_LEASE
from sequora_orchestration.ledger.queues import QUESTIONS, Queue
from sequora_orchestration.ledger.room import Room
from sequora_orchestration.ledger.rows import Claim, Claims, InHand, Subject, subject

SQL = NamedStatements(Path(__file__).with_suffix(".sql"))

# Up to so many waiting rows become a run each, so that each task has a run of its own to look at.
FEW = 5

# More become runs of so many: sent in about 0.3 s if a text takes 100 ms, and a killed run delays no more than these.
BATCH = 50

# A tick claims up to MOST rows, and none while ENOUGH wait in the broker for a worker: what waits in the database is
# still sorted by severity, what waits in the broker is not. What workers have taken up does not count: the more there
# are, the more is on its way.
MOST = 500

ENOUGH = 200

# Seconds since its creation for which a task counts as recent, where a sensor asks for those alone.
RECENT = 3600


class Claiming(Room):
    """Which messages a run is given to send: claimed by a sensor, by a scan for itself, or by name."""

    statements = SQL

    def claim(self, queue: Queue, *, recent: bool = False) -> Claims:
        """Claim what the queue's question finds, what has fallen due, and what a run that died left behind.

        The question about new tasks may be about recent ones alone.
        """
        created_within = RECENT if recent else None
        rows = self._claimed("claim", queue, queue.question, claim_id=None, lease=LEASE, created_within=created_within)
        subjects: dict[str, list[Subject]] = defaultdict(list)
        for row in rows:
            if row["claim_id"]:
                subjects[row["claim_id"]].append(subject(row))
        return Claims(
            (Claim(id=claim_id, subjects=ones) for claim_id, ones in subjects.items()),
            seconds=rows[0]["seconds"],
            more_waits=rows[0]["more_waits"],
            is_halted=rows[0]["is_halted"],
        )

    def claim_all(self, queue: Queue, claim_id: str) -> list[Subject]:
        """Claim the same for one run alone, whatever its severity; what is newly claimed is returned."""
        rows = self._claimed("claim", queue, queue.question, claim_id=claim_id, lease=SCAN_LEASE, most=MOST)
        return [subject(row) for row in rows if row["claim_id"]]

    def claim_named(self, queue: Queue, ids: Sequence[str], claim_id: str) -> list[Subject]:
        """Claim what is owed about these ids, unless it has been sent or another claim has it.

        Return what is newly claimed; called again, the claim has it already and nothing is new.
        """
        rows = self._claimed("claim_named", queue, queue.named, ids=id_array(ids), claim_id=claim_id, lease=LEASE)
        return [subject(row) for row in rows]

    def _claimed(self, statement: str, queue: Queue, question: str, **parameters: object) -> Sequence[RowMapping]:
        sql, names = _with_question(statement, question)
        at_once = self._terms.texts_at_once
        values = {
            **self._terms.of_questions,
            "few": FEW,
            "batch": min(BATCH, at_once or BATCH),
            "most": min(MOST, at_once or MOST),
            "enough": ENOUGH,
            "most_at_once": at_once,
            "most_runs": MOST_RUNS,
            "kind": queue.kind,
            "channel": SMS,
            "scheduled": queue.scheduled,
            "in_turn": queue.in_turn,
            **parameters,
        }
        return self._execute(sql, {name: values[name] for name in names})[1]

    def in_hand_elsewhere(self, queue: Queue, ids: Sequence[str], claim_id: str) -> dict[str, InHand]:
        """Return what other claims have or have settled about these ids, the newest of each."""
        texts = [one for one in ids if is_text(one)]
        rows = self._rows("in_hand_elsewhere", kind=queue.kind, ids=texts, claim_id=claim_id)
        return {row["subject_id"]: InHand(state=State(row["state"]), due_at=row["due_at"]) for row in rows}


@cache
def _with_question(statement: str, question: str) -> tuple[TextClause, frozenset[str]]:
    """Return a claim with its queue's question in it, and the names of its parameters."""
    sql = SQL.with_question(statement, QUESTIONS[question])
    return sql, frozenset(sql.compile().params)
