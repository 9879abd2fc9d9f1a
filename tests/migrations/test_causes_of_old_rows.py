"""Causes of rows from before there were any, and of rows that a worker of the version before still writes."""

from collections.abc import Sequence

import pytest
from alembic import command
from care import Care
from sqlalchemy import RowMapping

from sequora_orchestration.migrations import apply
from sequora_orchestration.migrations.apply import migrate

SENTENCES = {
    "nobody to escalate to: no active user with the role SUPERVISOR or ADMIN can be texted": "NOBODY_TO_TELL",
    "stale: it could not be sent for more than a day after it was due": "STALE",
    "stale: by the patient's next morning it would be more than a day late": "STALE",
    "set aside: 5 runs in a row died before they were through with it": "SET_ASIDE",
    "claimed again: the run that had it did not finish": "CLAIMED_AGAIN",
    "claimed again by name": "CLAIMED_BY_NAME",
    "in doubt, then found at the phone company": "FOUND",
    "given up, then found at the phone company before it was sent again": "FOUND",
    "no phone number on file; correct the assigned user's phone": None,
    "due": None,
}

NEW = """
    INSERT INTO orchestration.notification
        (business_key, kind, task_id, urgency, owed_since, state, claim_id, lease_until, due_at, reason)
    VALUES (:key, 'task-created', :key, 1, now(), 'QUEUED', gen_random_uuid(), now(), now(), :reason)
"""


@pytest.fixture
def before(care: Care) -> Care:
    """A database of the version before causes."""
    with care.engine.execution_options(isolation_level="READ COMMITTED").begin() as connection:
        command.downgrade(apply.alembic_config(connection), "0014")
    return care


def causes(care: Care) -> dict[str, str | None]:
    """Return the causes of all messages, by their sentences."""
    return {row["reason"]: row["cause"] for row in care.ledger()}


def history(care: Care, key: str) -> Sequence[RowMapping]:
    """Return the changes of a message, without those that say nothing."""
    return care.rows(
        "SELECT e.reason, e.cause FROM orchestration.notification_event e"
        " JOIN orchestration.notification n ON n.id = e.notification_id"
        " WHERE n.business_key = :key AND e.reason IS NOT NULL ORDER BY e.id",
        key=key,
    )


def test_the_causes_that_programs_ask_for_are_read_from_old_sentences(before: Care) -> None:
    """In the messages and in their history; other sentences were for people alone."""
    for sentence in SENTENCES:
        before.rows(NEW, key=sentence, reason=sentence)
    migrate(before.engine)
    assert causes(before) == SENTENCES
    for sentence, cause in SENTENCES.items():
        assert [dict(row) for row in history(before, sentence)] == [{"reason": sentence, "cause": cause}]


@pytest.mark.parametrize(("sentence", "cause"), SENTENCES.items())
def test_a_worker_of_the_version_before_writes_sentences_alone(care: Care, sentence: str, cause: str | None) -> None:
    """Until the last one has stopped: programs read the causes that they ask for all the same."""
    care.rows(NEW, key="inserted", reason=sentence)
    care.rows(NEW, key="changed", reason=None)
    care.rows("UPDATE orchestration.notification SET state = 'SENDING', attempted_at = now() WHERE reason IS NULL")
    care.rows(
        "UPDATE orchestration.notification SET state = 'QUEUED', reason = :reason WHERE state = 'SENDING'",
        reason=sentence,
    )
    assert [row["cause"] for row in care.ledger()] == [cause, cause]
    for key in ("inserted", "changed"):
        assert [dict(row) for row in history(care, key)] == [{"reason": sentence, "cause": cause}]


@pytest.mark.parametrize("reason", ["due", None])
def test_a_cause_does_not_stay_beside_a_new_sentence_of_the_version_before(care: Care, reason: str | None) -> None:
    """It would have nothing to do with it: what had waited for the night would seem to wait on."""
    care.rows(NEW, key="a", reason="it is night where the patient is: moved to the morning")
    care.rows("UPDATE orchestration.notification SET cause = 'NIGHT'")
    care.rows("UPDATE orchestration.notification SET reason = :reason", reason=reason)
    assert causes(care) == {reason: None}


def test_a_wait_that_follows_another_keeps_its_cause(care: Care) -> None:
    """This version gives its rows back, and the next run gives them back again, for another reason to wait."""
    care.rows(NEW, key="a", reason=None)
    for reason in ("waits: paused by an operator", "waits: the phone company takes no texts"):
        care.rows("UPDATE orchestration.notification SET reason = :reason, cause = 'HALTED'", reason=reason)
    assert causes(care) == {"waits: the phone company takes no texts": "HALTED"}
