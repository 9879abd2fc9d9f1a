"""Digests, when the migrations that brought them are taken back."""

import pytest
from alembic import command
from care import Care
from floods import DIGEST_AFTER, gathered, sent
from phones import Phones
from runs import Runs

from sequora_orchestration.migrations import apply

pytestmark = pytest.mark.usefixtures("stopped_clock")


def test_what_a_digest_has_told_of_can_still_be_changed(
    care: Care, runs: Runs, phones: Phones, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has no SID of its own, which an older version's constraint wants of every text that was sent."""
    monkeypatch.setenv("SEQUORA_DIGEST_AFTER", DIGEST_AFTER)
    tasks = gathered(care, runs, phones, 2)
    sent(care, runs)
    phones("+12025550101").received_text(containing="📋 2 new tasks")
    with care.engine.execution_options(isolation_level="READ COMMITTED").begin() as connection:
        command.downgrade(apply.alembic_config(connection), "0019")
    care.rows("UPDATE orchestration.notification SET looks = 1")
    assert {row["provider_sid"] for task in tasks for row in care.ledger(task)} == {
        f"digest:{row['id']}" for task in tasks for row in care.ledger(task)
    }
    assert apply.migrate(care.engine).revisions[:2] == ["0020", "0021"]
