"""What a case is told of where no sensor has made a message that is owed, on the database's own answers."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from care import NOW, NURSE_PHONE, Care
from phones import Phones
from runs import Runs

from sequora_orchestration.care.care_database import CareDatabase
from sequora_orchestration.cases.judged import Verdict
from sequora_orchestration.cases.timeline import timeline
from sequora_orchestration.cases.verdict import verdicts
from sequora_orchestration.cli.cases import read_case
from sequora_orchestration.domain.case import Case
from sequora_orchestration.ledger.assignments import Assignments
from sequora_orchestration.ledger.ledger import Ledger
from sequora_orchestration.messages.sla_breach import SLA_BREACHES
from sequora_orchestration.messages.task_created import NEW_TASKS
from sequora_orchestration.settings.workflows import WorkflowSettings

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)

pytestmark = pytest.mark.usefixtures("environment", "stopped_clock")


@pytest.fixture
def read(care: Care, ledger: Ledger, care_database: CareDatabase) -> Callable[[str], Case]:
    """Read a case as `sequora timeline` does."""
    return lambda id_: read_case(id_, ledger=ledger, care=care_database, assignments=Assignments(care.engine))


def a_told_nurse(care: Care, runs: Runs, phones: Phones, **columns: object) -> str:
    """Return a task whose nurse was told of it."""
    task = care.a_task(care.a_nurse(), **{"created_at": NOW, "updated_at": NOW, **columns})
    runs.tick(NEW_TASKS)
    phones(NURSE_PHONE).received_text()
    return task


def an_unnoticed_task(care: Care, _runs: Runs, _phones: Phones) -> str:
    return care.a_task(care.a_nurse(), created_at=NOW, updated_at=NOW)


def a_task_near_its_sla(care: Care, runs: Runs, phones: Phones) -> str:
    return a_told_nurse(care, runs, phones, created_at=NOW - 2 * HOUR, updated_at=NOW - 2 * HOUR, sla_due_at=NOW + HOUR)


def a_missed_sla(care: Care, runs: Runs, phones: Phones) -> str:
    return a_told_nurse(care, runs, phones, sla_due_at=NOW)


def an_unanswered_alert(care: Care, runs: Runs, phones: Phones) -> str:
    """The run that alerted the nurse died before it scheduled the escalation, which was due by now."""
    care.it_is(NOW - 30 * MINUTE)
    task = a_told_nurse(care, runs, phones, created_at=NOW - HOUR, updated_at=NOW - HOUR, sla_due_at=NOW - 30 * MINUTE)
    runs.tick(SLA_BREACHES)
    phones(NURSE_PHONE).received_text(containing="SLA missed")
    care.rows("DELETE FROM orchestration.notification WHERE kind = 'sla-escalation'")
    care.it_is(NOW)
    return task


def a_nurse_without_a_phone(care: Care, runs: Runs, _phones: Phones) -> str:
    task = care.a_task(care.a_nurse(None), created_at=NOW, updated_at=NOW)
    runs.tick(NEW_TASKS)
    return task


def an_unnoticed_episode(care: Care, _runs: Runs, _phones: Phones) -> str:
    return care.an_episode(care.a_patient(), created_at=NOW)


Situation = Callable[[Care, Runs, Phones], str]

# From NOW on it is owed: what is said then, for how long that may be so, and what is to be done after that.
OWED: dict[str, tuple[Situation, str, timedelta, str]] = {
    "task-created": (an_unnoticed_task, "was NOT told", MINUTE, "texts do not get through"),
    "sla-warning": (a_task_near_its_sla, "the nurse has not been warned", 15 * MINUTE, "see whether the SLA scan runs"),
    "sla-breach": (a_missed_sla, "and nobody has been alerted yet", MINUTE, "texts do not get through"),
    "sla-escalation": (an_unanswered_alert, "supervisor", MINUTE, "tell a supervisor"),
    "nurse-unreached": (a_nurse_without_a_phone, "supervisor", MINUTE, "tell a supervisor"),
    "check-in": (an_unnoticed_episode, "no check-in is scheduled", MINUTE, "see `sequora status`"),
}


@pytest.mark.parametrize("kind", OWED)
def test_what_is_owed_and_nobody_has_made_needs_somebody_when_its_time_is_over(
    kind: str, read: Callable[[str], Case], care: Care, runs: Runs, phones: Phones
) -> None:
    """Not sooner; and it is told once, also as what comes next."""
    situation, sentence, patience, to_do = OWED[kind]
    id_ = situation(care, runs, phones)
    care.it_is(NOW + patience)
    (before,) = telling(verdicts(read(id_)), sentence)
    assert before.is_healthy, before
    assert kind in [one.kind for one in timeline(read(id_)).next]
    care.it_is(NOW + patience + SECOND)
    (after,) = telling(verdicts(read(id_)), sentence)
    assert to_do in str(after.to_do)
    assert [one for one in verdicts(read(id_)) if not one.is_healthy] == [after]


def telling(found: list[Verdict], sentence: str) -> list[Verdict]:
    return [one for one in found if sentence in one.sentence]


def test_what_a_run_has_made_is_missed_no_more(
    read: Callable[[str], Case], care: Care, runs: Runs, phones: Phones
) -> None:
    """However late it was."""
    task = a_missed_sla(care, runs, phones)
    care.it_is(NOW + 5 * MINUTE)
    runs.tick(SLA_BREACHES)
    phones(NURSE_PHONE).received_text(containing="SLA missed")
    assert all(one.is_healthy for one in verdicts(read(task)))


def test_a_task_of_an_application_whose_clock_is_ahead_is_noticed_soon(read: Callable[[str], Case], care: Care) -> None:
    """It is owed since now, though it seems to be created only in some seconds."""
    task = care.a_task(care.a_nurse(), created_at=NOW + 5 * SECOND, updated_at=NOW + 5 * SECOND)
    (told,) = verdicts(read(task))
    assert told.is_healthy
    assert "the task is 0 ms old, a sensor notices it soon" in told.sentence
    (comes,) = timeline(read(task)).next
    assert (comes.at, comes.what) == (None, "a sensor notices the task, within seconds as a rule")


def test_a_task_that_has_changed_since_is_owed_a_warning_since_then(
    read: Callable[[str], Case], care: Care, runs: Runs, phones: Phones
) -> None:
    """Its SLA may have been moved: a scan has had no time yet."""
    task = a_task_near_its_sla(care, runs, phones)
    care.it_is(NOW + 20 * MINUTE)
    assert not all(one.is_healthy for one in verdicts(read(task)))
    care.rows('UPDATE "EscalationTask" SET updated_at = :at', at=NOW + 10 * MINUTE)
    assert all(one.is_healthy for one in verdicts(read(task)))


@pytest.mark.parametrize("minutes", [10, 3])
def test_how_long_a_task_may_be_nobodys_is_said_as_the_settings_have_it(
    minutes: int, care: Care, care_database: CareDatabase
) -> None:
    """Also where it was found to be nobody's before that time."""
    grace = minutes * MINUTE
    ledger = Ledger(care.engine, workflows=WorkflowSettings(sequora_unassigned_grace=grace))
    task = care.a_task(None, created_at=NOW, updated_at=NOW)
    ledger.claims.claim(NEW_TASKS)
    care.rows("UPDATE orchestration.notification SET state = 'FAILED', reason = 'nobody', cause = 'NOBODY_ASSIGNED'")
    care.it_is(NOW + MINUTE)
    case = read_case(task, ledger=ledger, care=care_database, assignments=Assignments(care.engine))
    assert f"the supervisors are told at {NOW + grace:%Y-%m-%d %H:%M:%S} UTC" in verdicts(case)[0].sentence
    (report,) = [one for one in timeline(case).next if one.kind == "nurse-unreached"]
    assert report.at == NOW + grace
    assert report.what == "the supervisors are told, if the task is nobody's by then"
