"""Which texts about new tasks come alone and which wait for a digest: the rule, whatever comes in whatever order."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from care import NOW, Care
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule
from machines import try_out
from sqlalchemy import RowMapping, text

from sequora_orchestration.domain.notification import Notification
from sequora_orchestration.ledger.ledger import Ledger
from sequora_orchestration.messages.task_created import NEW_TASKS
from sequora_orchestration.messages.task_digest import DUE_DIGESTS
from sequora_orchestration.settings.workflows import WorkflowSettings

MINUTE = timedelta(minutes=1)
TEXTS, WINDOW = 3, 15 * MINUTE
SEVERITIES = ["CRITICAL", "HIGH", "MODERATE", "LOW"]

pytestmark = pytest.mark.usefixtures("stopped_clock")


def found(ledger: Ledger, ours: Sequence[Notification]) -> Mapping[str, datetime]:
    """Let a run find the nurses of these messages; return until when each waits, of those that do."""
    return ledger.digests.gather(ours, DUE_DIGESTS.kind, reason="too many", run_id="a-run", alone=False)


class Flood(RuleBasedStateMachine):
    """One nurse: tasks come, texts go out as soon as they may, and digests when they are due."""

    def __init__(self, care: Care) -> None:
        """Begin with a nurse who has had nothing."""
        super().__init__()
        self.care = care
        self.ledger = Ledger(care.engine, workflows=WorkflowSettings(sequora_digest_after=f"{TEXTS}/15m"))
        care.rows("DELETE FROM orchestration.notification")
        care.rows('DELETE FROM "EscalationTask"')
        self.now = NOW
        care.it_is(self.now)
        self.nurse = care.a_nurse()
        self.alone: list[datetime] = []
        self.digests: list[datetime] = []

    @rule(severities=st.lists(st.sampled_from(SEVERITIES), min_size=1, max_size=6))
    def tasks_come(self, severities: list[str]) -> None:
        """Some go alone, as many as may, the most urgent; the others wait for one digest, for a window at most."""
        for severity in severities:
            self.care.a_task(self.nurse, severity=severity, created_at=self.now)
        had = [at for at in self.alone if at > self.now - WINDOW]
        is_after_digest = any(at > self.now - WINDOW for at in self.digests)
        is_before_one = bool(self._waiting())
        went, wait = self._found()
        assert len(went) + len(wait) == len(severities)
        assert "CRITICAL" not in wait
        self.alone += [self.now] * len(went)
        if wait:
            assert is_after_digest or is_before_one or len(had) + len(went) >= TEXTS, "nobody waits without need"
        others = [severity for severity in went if severity != "CRITICAL"]
        if others:
            assert not is_after_digest
            assert not is_before_one
            assert len(had) + len(went) <= TEXTS, "no text too many goes alone"
        if others and wait:
            assert max(map(SEVERITIES.index, others)) <= min(map(SEVERITIES.index, wait)), "the least urgent wait"
        for row in self._waiting():
            assert self.now < row <= self.now + WINDOW
        assert len(self._waiting()) <= 1, "there is one digest"

    @rule(minutes=st.integers(1, 20))
    def time_passes(self, minutes: int) -> None:
        """Digests go out when they are due; between two there is a window at least."""
        until = self.now + minutes * MINUTE
        while self.now < until:
            self.now += MINUTE
            self.care.it_is(self.now)
            for claim in self.ledger.claims.claim(DUE_DIGESTS):
                assert not self.digests or self.now - self.digests[-1] >= WINDOW
                self.digests.append(self.now)
                self._are_sent(claim.id)

    def _found(self) -> tuple[list[str], list[str]]:
        """Let runs find the nurses of all that is new; return the severities of what went alone, and of what waits."""
        went, wait = list[str](), list[str]()
        rows = []
        for claim in iter(lambda: self.ledger.claims.claim(NEW_TASKS), []):
            for one in claim:
                ours = self.ledger.leases.take_up(one.id, "a-run")
                waiting = found(self.ledger, ours)
                assert found(self.ledger, ours) == {}
                rows += [(row["severity"], str(row["id"]) in waiting) for row in self._rows(one.id)]
                self._are_sent(one.id)
        for severity, waits in rows:
            (wait if waits else went).append(severity)
        return went, wait

    def _rows(self, claim_id: str) -> Sequence[RowMapping]:
        sql = "SELECT * FROM orchestration.notification WHERE claim_id = CAST(:id AS uuid)"
        return self.care.rows(sql, id=claim_id)

    def _are_sent(self, claim_id: str) -> None:
        self.care.rows(
            "UPDATE orchestration.notification SET state = 'SENT', sent_at = orchestration.clock(), provider_sid = id"
            " WHERE claim_id = CAST(:id AS uuid) AND state = 'QUEUED'",
            id=claim_id,
        )

    def _waiting(self) -> list[datetime]:
        """Return when the digests that wait are due."""
        return [row["due_at"] for row in self.care.ledger(kind="task-digest") if row["state"] == "SCHEDULED"]


def test_no_text_too_many_comes_alone_and_none_waits_without_need(care: Care, pytestconfig: pytest.Config) -> None:
    """Whatever comes when."""
    try_out(lambda: Flood(care), pytestconfig, examples=5)


WAITS = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%orchestration.gather(%'
"""

CLAIM = """
    UPDATE orchestration.notification SET state = 'QUEUED', lease_until = orchestration.clock() WHERE id = :id
"""


def test_nothing_joins_a_digest_that_is_just_being_claimed(care: Care) -> None:
    """Its text may be made at any moment: the gathering waits until it is decided, and makes another digest."""
    ledger = Ledger(care.engine, workflows=WorkflowSettings(sequora_digest_after="1/15m"))
    nurse = care.a_nurse()

    def gathered() -> list[str]:
        """Let a task come, and return the ids of the messages that wait for a digest."""
        care.a_task(nurse, created_at=NOW)
        (claim,) = ledger.claims.claim(NEW_TASKS)
        ours = ledger.leases.take_up(claim.id, "a-run")
        return list(found(ledger, ours))

    assert [len(gathered()) for _ in range(2)] == [0, 1]
    (first,) = care.ledger(kind="task-digest")
    with care.engine.execution_options(isolation_level="READ COMMITTED").connect() as claiming:
        claiming.execute(text(CLAIM), {"id": first["id"]})
        with ThreadPoolExecutor(1) as pool:
            joining = pool.submit(gathered)
            while not care.one(WAITS):
                assert not joining.done()
            claiming.commit()
            (joined,) = joining.result(timeout=10)
    named_by = care.one("SELECT named_by FROM orchestration.notification WHERE id = CAST(:id AS uuid)", id=joined)
    assert named_by != first["id"]
    assert len(care.ledger(kind="task-digest")) == 2


FREE = """
    SELECT count(*) FROM (
        SELECT FROM orchestration.notification WHERE named_by = CAST(:digest AS uuid) FOR NO KEY UPDATE SKIP LOCKED
    ) AS free
"""

ENDS = "UPDATE orchestration.notification SET state = 'CANCELLED' WHERE kind = 'task-digest'"

ENDING = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE :query
"""


def test_what_a_digest_tells_of_is_locked_in_the_order_of_ids(care: Care) -> None:
    """As by whoever writes the application's log: so no two wait for each other."""
    ledger = Ledger(care.engine, workflows=WorkflowSettings(sequora_digest_after="1/15m"))
    nurse = care.a_nurse()
    for _ in range(4):
        care.a_task(nurse, created_at=NOW)
    for claim in ledger.claims.claim(NEW_TASKS):
        found(ledger, ledger.leases.take_up(claim.id, "a-run"))
    (digest,) = care.ledger(kind="task-digest")
    first, *_ = sorted((row for row in care.ledger() if row["named_by"]), key=lambda row: row["id"])
    care.rows("UPDATE orchestration.notification SET task_id = 'z' WHERE id = :id", id=first["id"])
    care.rows("UPDATE orchestration.notification SET task_id = 'a' WHERE named_by IS NOT NULL AND task_id <> 'z'")
    with (
        care.engine.execution_options(isolation_level="READ COMMITTED").connect() as holding,
        ThreadPoolExecutor(1) as pool,
    ):
        holding.execute(
            text("SELECT FROM orchestration.notification WHERE id = :id FOR NO KEY UPDATE"), {"id": first["id"]}
        )
        ending = pool.submit(care.rows, ENDS)
        while not care.one(ENDING, query=ENDS):
            assert not ending.done()
        assert care.one(FREE, digest=digest["id"]) == 2
        holding.rollback()
        ending.result(timeout=10)
    assert set(care.states("a")) == {"CANCELLED"}
