"""A missed SLA: the nurse's alert, the wait, and the supervisor, as Dagster runs them."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from unittest.mock import ANY

import pytest
from care import ADMIN_PHONE, EPISODE, NOW, NURSE_PHONE, SUPERVISOR_PHONE, Care
from phones import Phones
from runs import Runs, failure, metadata

from sequora_orchestration.care.care_database import CareDatabase
from sequora_orchestration.channels.doors import open_channels
from sequora_orchestration.delivery.delivery import Delivery
from sequora_orchestration.delivery.prepare import address
from sequora_orchestration.delivery.send import send
from sequora_orchestration.domain.on_call import NOBODY_PAUSES
from sequora_orchestration.ledger.ledger import Ledger
from sequora_orchestration.local.twilio.scripted_answers import Refuse, ResetAfterAccepting
from sequora_orchestration.messages.sla_breach import SLA_BREACHES
from sequora_orchestration.messages.sla_escalation import UNANSWERED_BREACHES
from sequora_orchestration.messages.wording import Wording

pytestmark = pytest.mark.usefixtures("stopped_clock")

SECOND = timedelta(seconds=1)
DELAY = timedelta(minutes=30)
PAUSE, _ = NOBODY_PAUSES


def a_breach(care: Care, sla_due_at: datetime = NOW, **columns: object) -> str:
    """Insert a task for a nurse whose SLA is missed from now on."""
    return care.a_task(care.a_nurse(), sla_due_at=sla_due_at, created_at=NOW - timedelta(hours=2), **columns)


def alerted(care: Care, runs: Runs, phones: Phones) -> str:
    """Insert a breached task whose nurse is alerted now, and a supervisor."""
    task = a_breach(care)
    (result,) = runs.tick(SLA_BREACHES)
    assert result.success
    phones(NURSE_PHONE).received_text(containing=["SLA missed", task])
    return task


def escalations(care: Care) -> Sequence[str]:
    return care.states(kind="sla-escalation")


def test_the_nurse_is_alerted_when_the_sla_passes_and_not_a_second_before(
    care: Care, runs: Runs, phones: Phones
) -> None:
    """Four lines, once; the wait begins."""
    task = a_breach(care)
    care.it_is(NOW - SECOND)
    assert runs.tick(SLA_BREACHES) == []
    care.it_is(NOW)
    (result,) = runs.tick(SLA_BREACHES)
    assert result.success
    assert runs.tags(result) == {"sequora/task_id": task, "sequora/episode_id": EPISODE, "sequora/severity": "HIGH"}
    assert phones(NURSE_PHONE).received_text().body == (
        "SLA missed less than 1 min ago, please act now. HIGH task: CHEST_PAIN, DYSPNEA\n"
        "Priority: URGENT\n"
        f"Ep ID: {EPISODE[:8]}...\n"
        f"View: https://app.example.com/tasks/{task}"
    )
    assert metadata(result, "wait") == {
        "waiting": 1,
        "task": task,
        "until": (NOW + DELAY).isoformat(),
        "timeline": ANY,
    }
    assert len(care.logged(task)) == 1
    assert runs.tick(SLA_BREACHES) == []
    (row,) = care.ledger(kind="sla-escalation")
    assert (row["state"], row["due_at"]) == ("SCHEDULED", NOW + DELAY)


def test_the_supervisor_is_told_when_the_wait_is_over_and_not_a_second_before(
    care: Care, runs: Runs, phones: Phones
) -> None:
    """The text says what is wanted; it is logged like a nurse's; once."""
    supervisor = care.a_supervisor()
    task = alerted(care, runs, phones)
    care.it_is(NOW + DELAY - SECOND)
    assert runs.tick(UNANSWERED_BREACHES) == []
    care.it_is(NOW + DELAY)
    (result,) = runs.tick(UNANSWERED_BREACHES)
    assert result.success
    assert runs.tags(result)["sequora/task_id"] == task
    assert phones(SUPERVISOR_PHONE).received_text().body.splitlines()[0] == (
        "ESCALATION: SLA missed 30 min ago, please take over. HIGH task: CHEST_PAIN, DYSPNEA"
    )
    (row,) = care.ledger(kind="sla-escalation")
    assert (row["state"], row["recipient_id"]) == ("SENT", supervisor)
    assert [str(log["nurse_id"]) for log in care.logged(task)].count(supervisor) == 1
    care.it_is(NOW + 10 * DELAY)
    assert runs.tick(UNANSWERED_BREACHES) == []


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"status": "RESOLVED"}, "the task is RESOLVED: nobody needs to act"),
        ({"status": "CANCELLED"}, "the task is CANCELLED: nobody needs to act"),
        ({"sla_due_at": NOW + 2 * DELAY}, "the SLA time has been moved into the future meanwhile"),
        ({"sla_due_at": None}, "the task has no SLA time any more"),
    ],
)
def test_what_is_settled_meanwhile_is_not_escalated(
    care: Care, runs: Runs, phones: Phones, columns: dict[str, object], reason: str
) -> None:
    """The wait ends as cancelled, with the reason, and no text."""
    care.a_supervisor()
    task = alerted(care, runs, phones)
    care.change_task(task, **columns)
    care.it_is(NOW + DELAY)
    (result,) = runs.tick(UNANSWERED_BREACHES)
    assert result.success
    assert metadata(result, "check_resolved")["reason"] == reason
    (row,) = care.ledger(kind="sla-escalation")
    assert (row["state"], row["reason"]) == ("CANCELLED", reason)
    phones(SUPERVISOR_PHONE).received_no_text()


def test_a_moved_sla_is_breached_anew(care: Care, runs: Runs, phones: Phones) -> None:
    """The nurse is alerted again, and its own wait begins."""
    care.a_supervisor()
    task = alerted(care, runs, phones)
    care.change_task(task, sla_due_at=NOW + 2 * DELAY)
    care.it_is(NOW + 2 * DELAY)
    runs.tick(UNANSWERED_BREACHES)
    runs.tick(SLA_BREACHES)
    phones(NURSE_PHONE).received_text(containing=["SLA missed", task])
    care.it_is(NOW + 3 * DELAY)
    runs.tick(UNANSWERED_BREACHES)
    phones(SUPERVISOR_PHONE).received_text(containing=["ESCALATION", task])
    assert sorted(escalations(care)) == ["CANCELLED", "SENT"]


def test_every_supervisor_is_told_and_no_admin(care: Care, runs: Runs, phones: Phones) -> None:
    """Those who are active and can be texted."""
    care.a_supervisor()
    care.a_supervisor("+12025550122")
    care.a_supervisor("+12025550123", active=False)
    care.a_supervisor("555-CALL-ME")
    care.a_nurse(ADMIN_PHONE, role="ADMIN")
    task = alerted(care, runs, phones)
    care.it_is(NOW + DELAY)
    (result,) = runs.tick(UNANSWERED_BREACHES)
    assert result.success
    for phone in (SUPERVISOR_PHONE, "+12025550122"):
        phones(phone).received_text(containing=["ESCALATION", task])
        assert phones(phone).attempts == 1
    assert escalations(care) == ["SENT", "SENT"]


def test_without_a_supervisor_the_admins_are_told(care: Care, runs: Runs, phones: Phones) -> None:
    """Somebody must know."""
    care.a_supervisor(None)
    care.a_nurse(ADMIN_PHONE, role="ADMIN")
    task = alerted(care, runs, phones)
    care.it_is(NOW + DELAY)
    runs.tick(UNANSWERED_BREACHES)
    phones(ADMIN_PHONE).received_text(containing=["ESCALATION", task])


def test_a_supervisor_who_is_refused_is_passed_over_for_the_admins(care: Care, runs: Runs, phones: Phones) -> None:
    """A landline: the next run, at once, tells the admins."""
    care.a_supervisor()
    care.a_nurse(ADMIN_PHONE, role="ADMIN")
    alerted(care, runs, phones)
    phones.company.always(Refuse(400, 21614), to=SUPERVISOR_PHONE)
    care.it_is(NOW + DELAY)
    runs.tick(UNANSWERED_BREACHES)
    assert escalations(care) == ["FAILED"]
    runs.tick(UNANSWERED_BREACHES)
    phones(ADMIN_PHONE).received_text(containing=["ESCALATION"])
    assert runs.tick(UNANSWERED_BREACHES) == []


def test_with_nobody_to_tell_the_run_fails_and_another_tries_while_the_task_is_open(
    care: Care, runs: Runs, phones: Phones
) -> None:
    """A sentence for the engineer; as soon as there is somebody she is told."""
    task = alerted(care, runs, phones)
    care.it_is(NOW + DELAY)
    (result,) = runs.tick(UNANSWERED_BREACHES)
    assert not result.success
    assert "nobody to escalate to" in failure(result)
    assert task in failure(result)
    assert runs.tick(UNANSWERED_BREACHES) == []
    care.it_is(NOW + DELAY + PAUSE)
    (result,) = runs.tick(UNANSWERED_BREACHES)
    assert not result.success
    care.a_supervisor()
    care.it_is(NOW + DELAY + 2 * PAUSE)
    (result,) = runs.tick(UNANSWERED_BREACHES)
    assert result.success
    phones(SUPERVISOR_PHONE).received_text()
    assert escalations(care) == ["SENT"]


def test_with_nobody_to_tell_of_a_task_that_is_resolved_meanwhile_it_ends(
    care: Care, runs: Runs, phones: Phones
) -> None:
    """It is tried again only while the task is open."""
    task = alerted(care, runs, phones)
    care.it_is(NOW + DELAY)
    runs.tick(UNANSWERED_BREACHES)
    care.change_task(task, status="RESOLVED")
    care.it_is(NOW + DELAY + PAUSE)
    (result,) = runs.tick(UNANSWERED_BREACHES)
    assert result.success
    assert escalations(care) == ["CANCELLED"]


def test_an_alert_whose_run_died_before_the_wait_is_escalated_all_the_same(
    care: Care, runs: Runs, phones: Phones, ledger: Ledger
) -> None:
    """Not before the wait would have been over."""
    care.a_supervisor()
    alerted(care, runs, phones)
    care.rows("DELETE FROM orchestration.notification WHERE kind = 'sla-escalation'")
    care.it_is(NOW + DELAY - SECOND)
    assert ledger.claims.claim(UNANSWERED_BREACHES) == []
    care.it_is(NOW + DELAY)
    (result,) = runs.tick(UNANSWERED_BREACHES)
    assert result.success
    phones(SUPERVISOR_PHONE).received_text()


def test_the_wait_counts_from_the_alert_and_not_from_the_breach(care: Care, runs: Runs, phones: Phones) -> None:
    """A nurse who is alerted late, after an outage, has the same time to act."""
    care.a_supervisor()
    a_breach(care, NOW - timedelta(hours=1))
    runs.tick(SLA_BREACHES)
    assert "SLA missed 60 min ago" in phones(NURSE_PHONE).received_text().body
    (row,) = care.ledger(kind="sla-escalation")
    assert row["due_at"] == NOW + DELAY


def test_a_nurse_who_is_not_reached_does_not_keep_the_breach_from_being_escalated(
    care: Care, runs: Runs, phones: Phones
) -> None:
    """The wait begins all the same."""
    care.a_supervisor()
    care.a_task(None, sla_due_at=NOW, created_at=NOW)
    (result,) = runs.tick(SLA_BREACHES)
    assert result.success
    assert care.states(kind="sla-breach") == ["FAILED"]
    care.it_is(NOW + DELAY)
    runs.tick(UNANSWERED_BREACHES)
    phones(SUPERVISOR_PHONE).received_text(containing=["ESCALATION"])


def test_a_breach_is_not_alerted_twice_by_asking(care: Care, runs: Runs, phones: Phones) -> None:
    """By hand, with its id, in any order with the sensor."""
    task = alerted(care, runs, phones)
    result = runs.launch("handle_sla_breach", task_ids=[task])
    assert result.success
    assert phones(NURSE_PHONE).attempts == 1
    assert escalations(care) == ["SCHEDULED"]


def test_asking_before_the_sla_has_passed_says_so(care: Care, runs: Runs, phones: Phones) -> None:
    """The step shows the reason, and nobody is texted."""
    task = a_breach(care, NOW + SECOND)
    result = runs.launch("handle_sla_breach", task_ids=[task])
    assert result.success
    assert metadata(result, "alert_nurse")["reason"] == "the SLA time has not passed"
    phones(NURSE_PHONE).received_no_text()
    assert metadata(result, "wait") == {"waiting": 0, "timeline": ANY}
    care.it_is(NOW + SECOND)
    runs.tick(SLA_BREACHES)
    phones(NURSE_PHONE).received_text()


def test_an_escalation_is_not_made_before_its_time_by_asking(care: Care, runs: Runs, phones: Phones) -> None:
    """It goes on waiting until the same moment; afterwards asking does it."""
    care.a_supervisor()
    task = alerted(care, runs, phones)
    care.it_is(NOW + DELAY - SECOND)
    result = runs.launch("escalate_sla_breach", task_ids=[task])
    assert result.success
    assert metadata(result, "check_resolved")["state"] == "SCHEDULED"
    (row,) = care.ledger(kind="sla-escalation")
    assert (row["state"], row["due_at"]) == ("SCHEDULED", NOW + DELAY)
    phones(SUPERVISOR_PHONE).received_no_text()
    care.it_is(NOW + DELAY)
    assert runs.launch("escalate_sla_breach", task_ids=[task]).success
    phones(SUPERVISOR_PHONE).received_text()
    assert runs.launch("escalate_sla_breach", task_ids=[task]).success
    assert phones(SUPERVISOR_PHONE).attempts == 1


def test_asking_to_escalate_what_was_never_alerted_does_nothing(care: Care, runs: Runs, phones: Phones) -> None:
    """The log says what comes first."""
    care.a_supervisor()
    task = a_breach(care)
    result = runs.launch("escalate_sla_breach", task_ids=[task])
    assert result.success
    messages = [entry.user_message for entry in runs.instance.all_logs(result.run_id)]
    assert any("handle_sla_breach" in message and task in message for message in messages)
    phones(SUPERVISOR_PHONE).received_no_text()
    assert escalations(care) == []


def test_an_answer_that_never_came_is_in_doubt_and_not_sent_again(care: Care, runs: Runs, phones: Phones) -> None:
    """Neither the nurse's alert nor the supervisor's is doubled; the wait begins after the attempt."""
    care.a_supervisor()
    a_breach(care)
    phones.company.always(ResetAfterAccepting())
    runs.tick(SLA_BREACHES)
    care.it_is(NOW + DELAY)
    runs.tick(UNANSWERED_BREACHES)
    phones.company.always(None)
    care.it_is(NOW + 2 * DELAY)
    assert runs.tick(SLA_BREACHES) == runs.tick(UNANSWERED_BREACHES) == []
    for phone in (NURSE_PHONE, SUPERVISOR_PHONE):
        phones(phone).received_text()
        assert phones(phone).attempts == 1
    assert [row["state"] for row in care.ledger()] == ["IN_DOUBT", "IN_DOUBT"]


def test_many_breaches_are_alerted_and_escalated_in_runs_of_many(care: Care, runs: Runs, phones: Phones) -> None:
    """Each task has its own alert and its own escalation."""
    care.a_supervisor()
    tasks = [a_breach(care) for _ in range(30)]
    (result,) = runs.tick(SLA_BREACHES)
    assert result.success
    assert runs.tags(result) == {"sequora/batch": "30"}
    care.it_is(NOW + DELAY)
    (result,) = runs.tick(UNANSWERED_BREACHES)
    assert result.success
    for task in tasks:
        phones(NURSE_PHONE).received_text(containing=["SLA missed", task])
        phones(SUPERVISOR_PHONE).received_text(containing=["ESCALATION", task])


def test_a_nurse_who_is_alerted_later_has_her_own_time_to_act(care: Care, runs: Runs, phones: Phones) -> None:
    """The first one could not be texted; the task went to another shortly before the first one's wait was over."""
    care.a_supervisor()
    task = care.a_task(care.a_nurse(None), sla_due_at=NOW, created_at=NOW)
    runs.tick(SLA_BREACHES)
    care.it_is(NOW + DELAY - SECOND)
    care.change_task(task, assigned_to_user_id=care.a_nurse())
    runs.tick(SLA_BREACHES)
    phones(NURSE_PHONE).received_text(containing=["SLA missed"])
    care.it_is(NOW + DELAY)
    runs.tick(UNANSWERED_BREACHES)
    care.it_is(NOW + 2 * DELAY - 2 * SECOND)
    assert runs.tick(UNANSWERED_BREACHES) == []
    phones(SUPERVISOR_PHONE).received_no_text()
    care.it_is(NOW + 2 * DELAY - SECOND)
    runs.tick(UNANSWERED_BREACHES)
    phones(SUPERVISOR_PHONE).received_text()


def test_a_second_run_of_a_claim_does_not_undo_what_the_first_has_addressed(
    care: Care, runs: Runs, phones: Phones, care_database: CareDatabase
) -> None:
    """Two workers were given the same run."""
    care.a_supervisor()
    care.a_supervisor("+12025550122")
    alerted(care, runs, phones)
    care.it_is(NOW + DELAY)
    (claim,) = runs.ledger.claims.claim(UNANSWERED_BREACHES)
    first, second = (
        Delivery(
            ledger=runs.ledger,
            care=care_database,
            channels=open_channels(),
            wording=Wording(app_url="https://a"),
            run_id=run,
        )
        for run in ("one", "other")
    )
    seen = runs.ledger.leases.take_up(claim.id, "one")
    address(first, seen)
    address(second, seen)
    send(second, runs.ledger.leases.take_up(claim.id, "other"))
    send(first, runs.ledger.leases.take_up(claim.id, "one"))
    for phone in (SUPERVISOR_PHONE, "+12025550122"):
        phones(phone).received_text()
    assert escalations(care) == ["SENT", "SENT"]


def test_a_text_that_the_applications_log_refused_is_logged_by_the_same_run(
    care: Care, runs: Runs, phones: Phones
) -> None:
    """Or the run fails where a person sees it."""
    task = a_breach(care)
    care.rows('ALTER TABLE "NotificationLog" ADD CONSTRAINT closed CHECK (false) NOT VALID')
    (result,) = runs.tick(SLA_BREACHES)
    assert not result.success
    phones(NURSE_PHONE).received_text()
    care.rows('ALTER TABLE "NotificationLog" DROP CONSTRAINT closed')
    assert runs.launch("handle_sla_breach", task_ids=[task]).success
    assert len(care.logged(task)) == 1
    assert phones(NURSE_PHONE).attempts == 1
    assert escalations(care) == ["SCHEDULED"]


def test_the_nurse_herself_is_not_whom_it_is_escalated_to(care: Care, runs: Runs, phones: Phones) -> None:
    """A supervisor who has the task is alerted; the admins are told."""
    care.a_nurse(ADMIN_PHONE, role="ADMIN")
    care.a_task(care.a_supervisor(), sla_due_at=NOW, created_at=NOW)
    runs.tick(SLA_BREACHES)
    phones(SUPERVISOR_PHONE).received_text(containing=["SLA missed"])
    care.it_is(NOW + DELAY)
    runs.tick(UNANSWERED_BREACHES)
    phones(ADMIN_PHONE).received_text(containing=["ESCALATION"])
    assert phones(SUPERVISOR_PHONE).attempts == 1


def test_breaches_from_before_this_was_live_are_left_alone(care: Care, runs: Runs) -> None:
    """Open tasks of weeks are not alerted because of an upgrade; what is missed from then on is."""
    care.rows("UPDATE orchestration.go_live SET workflows_live_at = :now", now=NOW)
    a_breach(care, NOW - SECOND)
    assert runs.tick(SLA_BREACHES) == []


@pytest.mark.parametrize("spelt", [str.upper, lambda one: one.replace("-", "")])
def test_ids_may_be_spelt_in_any_way_that_names_the_row(
    care: Care, runs: Runs, phones: Phones, spelt: Callable[[str], str]
) -> None:
    """In capitals, without hyphens."""
    task = a_breach(care)
    result = runs.launch("handle_sla_breach", task_ids=[spelt(task)])
    assert result.success
    phones(NURSE_PHONE).received_text(containing=[task])
    assert escalations(care) == ["SCHEDULED"]
