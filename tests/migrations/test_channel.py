"""The migration to channels: a worker of before, which knows one provider and no channel, goes on working."""

import pytest
from alembic import command
from care import Care

from sequora_orchestration.domain.notification import SMS, VOICE
from sequora_orchestration.ledger.ledger import Ledger
from sequora_orchestration.migrations.apply import alembic_config
from sequora_orchestration.settings.delivery import DeliverySettings

# What that worker says of the provider: without a channel, and by the table's first key.
TRIAL = """
    WITH trial AS (
        UPDATE orchestration.provider SET trial_until = orchestration.clock() + interval '1 minute'
        WHERE opened_at IS NOT NULL AND closed_at IS NULL AND coalesce(trial_until <= orchestration.clock(), true)
        RETURNING only_row
    )
    SELECT count(*) FROM trial
"""
TROUBLE = """
    WITH trouble AS MATERIALIZED (
        SELECT opened_at IS NOT NULL AND closed_at IS NULL AS was_open FROM orchestration.provider LIMIT 1 FOR UPDATE
    )
    UPDATE orchestration.provider
    SET troubles = troubles + 1, reason = 'no answer', opened_at = orchestration.clock(), closed_at = NULL
    FROM trouble
    RETURNING NOT was_open
"""
ANSWER = """
    UPDATE orchestration.provider
    SET troubles = 0, closed_at = CASE WHEN opened_at IS NOT NULL AND closed_at IS NULL THEN orchestration.clock() END
    WHERE troubles > 0 OR opened_at IS NOT NULL AND closed_at IS NULL
"""
CLAIM = """
    INSERT INTO orchestration.notification
        (business_key, task_id, recipient_id, urgency, owed_since, kind, state, claim_id, claimed_at, claims,
         lease_until)
    VALUES ('task-created:1:2', '1', '2', 1, orchestration.clock(), 'task-created', 'QUEUED', gen_random_uuid(),
            orchestration.clock(), 1, orchestration.clock())
"""


@pytest.mark.usefixtures("stopped_clock")
def test_what_a_worker_of_before_says_of_the_provider_is_understood(care: Care, ledger: Ledger) -> None:
    """Its breaker is ours: what one opens and closes, the other sees."""
    assert care.one(TROUBLE) is True
    assert ledger.halts.provider(SMS).is_open
    assert care.one(TRIAL) == 1
    assert care.one(TRIAL) == 0
    care.rows(ANSWER)
    assert not ledger.halts.provider(SMS).is_open


def test_what_a_worker_of_before_claims_is_a_text(care: Care) -> None:
    """It says nothing of a channel."""
    care.rows(CLAIM)
    assert [row["channel"] for row in care.ledger()] == [SMS]


def test_the_provider_is_as_it_was_when_the_migration_is_taken_back(care: Care, ledger: Ledger) -> None:
    """And when it is made again: an open breaker stays open."""
    assert care.one(TROUBLE) is True
    with care.engine.begin() as connection:
        command.downgrade(alembic_config(connection), "0015")
    with care.engine.begin() as connection:
        command.upgrade(alembic_config(connection), "head")
    assert ledger.halts.provider(SMS).is_open


def test_the_phone_company_has_a_row_for_calls_once_nurses_are_called(care: Care, ledger: Ledger) -> None:
    """Once the setting says so, and not before: a worker of an older version knows one row alone."""
    ledger.owed.note_terms()
    assert ledger.halts.providers().keys() == {SMS}
    assert care.one("SELECT call_for FROM orchestration.terms_in_force") is None
    calling = Ledger(care.engine, delivery=DeliverySettings(sequora_call_for="CRITICAL"))
    for _ in range(2):
        calling.owed.note_terms()
        assert ledger.halts.providers().keys() == {SMS, VOICE}
