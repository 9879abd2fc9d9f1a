"""A worker of this version goes on working beside one of the next, which sends messages of a kind that it lacks."""

from datetime import timedelta

import pytest
from care import NOW, NURSE_PHONE, Care
from click.testing import CliRunner
from doubts import doubtful_task, looked_up
from phones import Phones
from runs import Runs

from sequora_orchestration.cli.commands import sequora
from sequora_orchestration.local.twilio.scripted_answers import ErrorAfterAccepting
from sequora_orchestration.messages.sla_warning import TASKS_NEAR_SLA
from sequora_orchestration.messages.task_created import NEW_TASKS
from sequora_orchestration.sensors.certainty import texts_without_receipt

SECOND = timedelta(seconds=1)

# How Twilio says that a phone is off: worth a second try, when the kind says.
PHONE_IS_OFF = 30003

pytestmark = pytest.mark.usefixtures("stopped_clock")


def of_another_kind(care: Care, task: str) -> None:
    """Let the messages about a task be of a kind that only the next version knows."""
    care.alter(f"UPDATE orchestration.notification SET kind = 'from-the-next' WHERE task_id = '{task}'")


def a_texted_task(care: Care, runs: Runs, phones: Phones) -> str:
    """Return a task whose nurse was texted, in vain."""
    phones.company.seconds_per_status = 0
    phones.company.undeliverable[NURSE_PHONE] = PHONE_IS_OFF
    task = care.a_task(care.a_nurse(), created_at=NOW)
    runs.tick(NEW_TASKS)
    phones(NURSE_PHONE).received_text()
    return task


def test_it_asks_for_no_receipt_that_it_could_not_act_on(care: Care, runs: Runs, phones: Phones) -> None:
    """And those of its own kinds come in all the same."""
    task, other = a_texted_task(care, runs, phones), a_texted_task(care, runs, phones)
    of_another_kind(care, task)
    care.it_is(NOW + 15 * SECOND)
    due = care.one("SELECT receipt_at FROM orchestration.notification WHERE kind = 'from-the-next'")
    (result,) = runs.sensor(texts_without_receipt)
    assert result.success
    assert care.states(task) == ["SENT"]
    assert care.states(other)[0] == "UNDELIVERED"
    assert care.one("SELECT receipt_at FROM orchestration.notification WHERE kind = 'from-the-next'") == due
    ids = [str(care.one("SELECT id FROM orchestration.notification WHERE kind = 'from-the-next'"))]
    assert runs.launch("follow_receipts", notification_ids=ids).success, "whose sensor is of the next version"
    assert care.states(task) == ["SENT"]


def test_it_looks_for_no_text_whose_fate_it_could_not_decide(care: Care, runs: Runs, phones: Phones) -> None:
    """In doubt, or given up; and those of its own kinds are settled all the same."""
    phones.company.visible_after = 1_000_000
    task = doubtful_task(care, runs, phones, ErrorAfterAccepting())
    of_another_kind(care, task)
    id_ = str(care.ledger(task)[0]["id"])
    assert looked_up(runs) == []
    assert runs.launch("settle_doubtful_texts", notification_ids=[id_]).success
    assert care.states(task) == ["IN_DOUBT"]
    care.alter(
        "UPDATE orchestration.notification SET state = 'QUEUED', lease_until = orchestration.clock()",
        f"""INSERT INTO orchestration.lost_attempt (notification_id, began_at, fingerprints, is_providers, look_at)
            VALUES ('{id_}', orchestration.clock(), '{{}}', false, orchestration.clock())""",
    )
    assert looked_up(runs) == []
    assert runs.launch("settle_doubtful_texts", notification_ids=[id_]).success
    phones(NURSE_PHONE).received_text()


def test_what_the_log_lacks_of_it_is_left_to_those_who_know_what_it_says(
    care: Care, runs: Runs, phones: Phones
) -> None:
    """The scan that makes up for rows, and a run about the same task."""
    task = a_texted_task(care, runs, phones)
    of_another_kind(care, task)
    care.alter("UPDATE orchestration.notification SET log_owes = 'row', logged_at = NULL")
    care.it_is(NOW + timedelta(minutes=5))
    assert runs.ledger.application_log.log_owed_lately() == []
    assert runs.launch("check_sla_warnings").success
    assert runs.ledger.application_log.log_owed([task]) == []
    assert runs.ledger.claims.claim(TASKS_NEAR_SLA) == []


@pytest.mark.usefixtures("environment")
def test_its_timeline_tells_of_it(care: Care, runs: Runs, phones: Phones) -> None:
    """By the kind's name."""
    task = a_texted_task(care, runs, phones)
    of_another_kind(care, task)
    assert "from-the-next" in CliRunner().invoke(sequora, ["timeline", task]).stdout
