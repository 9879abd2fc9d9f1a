"""Operators' orders: each is recorded with who, when and why, and obeyed in the send step."""

from datetime import timedelta

import pytest
from care import NOW, NURSE_PHONE, PATIENT_PHONE, SUPERVISOR_PHONE, Care
from phones import Phones
from runs import Runs

from sequora_orchestration.cli import orders
from sequora_orchestration.domain.answers import Refusal, Refused
from sequora_orchestration.domain.notification import SMS
from sequora_orchestration.ledger.rows import Operator
from sequora_orchestration.local.twilio.scripted_answers import ResetBeforeAccepting
from sequora_orchestration.messages.check_in import DUE_CHECK_INS, NEW_EPISODES
from sequora_orchestration.messages.nurse_unreached import UNREACHED_NURSES
from sequora_orchestration.messages.sla_breach import SLA_BREACHES
from sequora_orchestration.messages.sla_escalation import UNANSWERED_BREACHES
from sequora_orchestration.messages.task_created import NEW_TASKS
from sequora_orchestration.sensors.certainty import doubtful_texts

MINUTE = timedelta(minutes=1)
MAYA = Operator(who="maya", why="an exercise")

pytestmark = pytest.mark.usefixtures("stopped_clock")


def recorded(care: Care) -> list[tuple[str, str, str]]:
    """Return what was ordered, by whom and why, in order."""
    rows = care.rows("SELECT verb, who, why FROM orchestration.operator_action WHERE at IS NOT NULL ORDER BY id")
    return [(row["verb"], row["who"], row["why"]) for row in rows]


@pytest.mark.parametrize("kind", ["all", "task-created"])
def test_a_pause_is_obeyed_by_runs_that_were_queued_before_it(
    care: Care, runs: Runs, phones: Phones, kind: str
) -> None:
    """They leave the texts waiting and succeed; after the resume the texts go out at once."""
    task = care.a_task(care.a_nurse(), created_at=NOW)
    (queued,) = runs.ledger.claims.claim(NEW_TASKS)
    assert "paused" in orders.pause(kind, MAYA)
    assert runs.run(NEW_TASKS, queued).success
    assert runs.tick(NEW_TASKS) == []
    assert runs.launch("notify_nurse_task", task_ids=[task]).success
    (row,) = care.ledger(task)
    assert (row["state"], row["attempts"]) == ("QUEUED", 0)
    assert row["reason"] == "waits: paused by an operator"
    phones(NURSE_PHONE).received_no_text()
    assert "go out again" in orders.resume(kind, MAYA)
    runs.tick(NEW_TASKS)
    phones(NURSE_PHONE).received_text()
    assert recorded(care) == [("pause", "maya", "an exercise"), ("resume", "maya", "an exercise")]


def test_a_pause_of_another_kind_stops_nothing(care: Care, runs: Runs, phones: Phones) -> None:
    """Patients are not texted, nurses are; check-ins are scheduled all the same."""
    orders.pause("check-in", MAYA)
    care.a_task(care.a_nurse(), created_at=NOW)
    care.an_episode(care.a_patient(), created_at=NOW)
    runs.tick(NEW_TASKS)
    phones(NURSE_PHONE).received_text()
    runs.tick(NEW_EPISODES)
    assert care.states(kind="check-in") == ["SCHEDULED"]
    care.it_is(NOW + timedelta(days=1))
    assert runs.tick(DUE_CHECK_INS) == []
    orders.resume("all", MAYA)
    runs.tick(DUE_CHECK_INS)
    phones(PATIENT_PHONE).received_text()


def test_what_is_no_longer_wanted_after_a_pause_is_not_sent(care: Care, runs: Runs, phones: Phones) -> None:
    """The state is read at the moment of sending."""
    task = care.a_task(care.a_nurse(), created_at=NOW)
    runs.ledger.claims.claim(NEW_TASKS)
    orders.pause("all", MAYA)
    care.change_task(task, status="RESOLVED")
    orders.resume("all", MAYA)
    care.let_leases_expire()
    runs.tick(NEW_TASKS)
    assert care.states(task) == ["CANCELLED"]
    phones(NURSE_PHONE).received_no_text()


def test_pausing_twice_and_resuming_twice_is_said(care: Care, environment: None) -> None:  # noqa: ARG001
    """And recorded once; the first reason stands."""
    orders.pause("all", MAYA)
    assert "paused already" in orders.pause("all", Operator(who="ben", why="another"))
    orders.pause("check-in", MAYA)
    assert "messages of the kind check-in: go out again" in orders.resume("all", MAYA)
    assert "not paused" in orders.resume("all", MAYA)
    assert [verb for verb, _, _ in recorded(care)] == ["pause", "pause", "resume", "resume"]


def test_a_cancelled_text_is_not_sent_and_not_made_again(care: Care, runs: Runs, phones: Phones) -> None:
    """By no sensor; a person may resend it."""
    task = care.a_task(care.a_nurse(), created_at=NOW)
    runs.ledger.claims.claim(NEW_TASKS)
    assert "cancelled" in orders.change("cancel", task, None, MAYA)
    care.let_leases_expire()
    assert runs.tick(NEW_TASKS) == []
    assert care.states(task) == ["CANCELLED"]
    assert care.ledger(task)[0]["reason"] == "cancelled by an operator"
    assert care.ledger(task)[0]["cause"] == "CANCELLED_BY_OPERATOR"
    with pytest.raises(orders.OrderRefusedError, match=r"nothing to cancel.*\n.*is CANCELLED"):
        orders.change("cancel", task, None, MAYA)
    orders.change("resend", task, None, MAYA)
    runs.tick(NEW_TASKS)
    phones(NURSE_PHONE).received_text()
    assert [verb for verb, _, _ in recorded(care)] == ["cancel", "resend"]


def test_a_cancelled_escalation_is_not_made_again(care: Care, runs: Runs, phones: Phones) -> None:
    """The wait is over, and nobody is told."""
    care.a_supervisor()
    task = care.a_task(care.a_nurse(), sla_due_at=NOW, created_at=NOW)
    runs.tick(SLA_BREACHES)
    phones(NURSE_PHONE).received_text()
    orders.change("cancel", task, "sla-escalation", MAYA)
    care.it_is(NOW + 31 * MINUTE)
    assert runs.tick(UNANSWERED_BREACHES) == []
    assert runs.tick(SLA_BREACHES) == []
    phones(SUPERVISOR_PHONE).received_no_text()


def test_a_cancelled_report_is_not_made_again(care: Care, runs: Runs, phones: Phones) -> None:
    """Somebody knows already."""
    care.a_supervisor()
    task = care.a_task(care.a_nurse(None), created_at=NOW)
    runs.tick(NEW_TASKS)
    runs.ledger.claims.claim(UNREACHED_NURSES)
    orders.change("cancel", task, None, MAYA)
    care.let_leases_expire()
    assert runs.tick(UNREACHED_NURSES) == []
    phones(SUPERVISOR_PHONE).received_no_text()


def test_a_sent_text_is_sent_once_more_on_order(care: Care, runs: Runs, phones: Phones) -> None:
    """As a message of its own, and not while one is on its way."""
    task = care.a_task(care.a_nurse(), created_at=NOW)
    runs.tick(NEW_TASKS)
    first = phones(NURSE_PHONE).received_text()
    orders.change("resend", task, None, MAYA)
    with pytest.raises(orders.OrderRefusedError, match="only what is over"):
        orders.change("resend", task, None, MAYA)
    runs.tick(NEW_TASKS)
    assert phones(NURSE_PHONE).received_text().sid != first.sid
    orders.change("resend", task, None, MAYA)
    runs.tick(NEW_TASKS)
    phones(NURSE_PHONE).received_text()
    keys = [row["business_key"].partition(":resent:")[2] for row in care.ledger(task)]
    assert sorted(keys) == ["", "0", "1"]


def test_a_failed_text_is_sent_again_on_order_to_the_corrected_phone(care: Care, runs: Runs, phones: Phones) -> None:
    """What was wrong is mended."""
    nurse = care.a_nurse("555-CALL-ME")
    task = care.a_task(nurse, created_at=NOW)
    runs.tick(NEW_TASKS)
    care.rows('UPDATE "User" SET primary_phone = :phone WHERE id = :id', phone=NURSE_PHONE, id=nurse)
    orders.change("resend", task, None, MAYA)
    runs.tick(NEW_TASKS)
    phones(NURSE_PHONE).received_text()
    assert sorted(care.states(task)) == ["FAILED", "SENT"]


def a_held_check_in(care: Care, runs: Runs, phones: Phones) -> str:
    """Return the episode of a check-in that is held."""
    episode = care.an_episode(care.a_patient(), created_at=NOW)
    runs.tick(NEW_EPISODES)
    due = NOW + timedelta(days=1)
    care.it_is(due)
    phones.company.script(ResetBeforeAccepting(), to=PATIENT_PHONE)
    runs.tick(DUE_CHECK_INS)
    for seconds in (5, 120):
        care.it_is(due + timedelta(seconds=seconds))
        runs.sensor(doubtful_texts)
    assert care.states() == ["HELD"]
    return episode


def test_a_held_text_is_released(care: Care, runs: Runs, phones: Phones) -> None:
    """It goes out once, days later too, and by day."""
    episode = a_held_check_in(care, runs, phones)
    care.it_is(NOW + timedelta(days=5, hours=-8))  # 2 o'clock at night where the patient is
    assert "released" in orders.change("release", episode, None, MAYA)
    runs.tick(DUE_CHECK_INS)
    assert care.states() == ["SCHEDULED"]
    care.it_is(NOW + timedelta(days=5))
    runs.tick(DUE_CHECK_INS)
    phones(PATIENT_PHONE).received_text()
    with pytest.raises(orders.OrderRefusedError, match="only what is HELD"):
        orders.change("release", episode, None, MAYA)


def test_a_held_text_is_cancelled(care: Care, runs: Runs, phones: Phones) -> None:
    """By its own id as well."""
    a_held_check_in(care, runs, phones)
    (row,) = care.ledger()
    orders.change("cancel", str(row["id"]), None, MAYA)
    assert care.states() == ["CANCELLED"]
    assert runs.tick(NEW_EPISODES) == []
    phones(PATIENT_PHONE).received_no_text()


@pytest.mark.parametrize("id_", ["no-such-thing", "9" * 30, "a\0b", "\udcff"])
def test_an_order_about_nothing_says_so(environment: None, id_: str) -> None:  # noqa: ARG001
    """An unknown id, one that is no text, an unknown kind."""
    with pytest.raises(orders.OrderRefusedError, match="no message in the ledger is about"):
        orders.change("resend", id_, None, orders.operator("maya\udcff", "why\0"))
    with pytest.raises(orders.OrderRefusedError, match="no messages of the kind sms; there are task-created"):
        orders.pause("sms", MAYA)


def test_a_pause_of_all_is_said_where_a_kind_is_resumed(care: Care, environment: None) -> None:  # noqa: ARG001
    """Nothing of that kind goes out all the same."""
    orders.pause("all", MAYA)
    said = orders.resume("check-in", MAYA)
    assert said == "messages of the kind check-in: not paused by a pause of their own\nall messages: still paused"
    assert len(care.rows("SELECT * FROM orchestration.pause")) == 1


def test_a_resume_tries_the_phone_company_at_once(care: Care, runs: Runs, phones: Phones) -> None:
    """The engineer has mended what was wrong, and need not wait for the next trial."""
    care.a_task(care.a_nurse(), created_at=NOW)
    runs.ledger.halts.note_trouble(SMS, Refused(Refusal.CONFIGURATION, "the token is wrong", 20003), at_once=True)
    assert runs.tick(NEW_TASKS) == []
    orders.resume("all", MAYA)
    runs.tick(NEW_TASKS)
    phones(NURSE_PHONE).received_text()


def test_what_an_order_leaves_alone_is_said(care: Care, runs: Runs, phones: Phones) -> None:
    """Whoever cancels a task's texts learns that one was sent."""
    task = care.a_task(care.a_nurse(), created_at=NOW, sla_due_at=NOW)
    runs.tick(NEW_TASKS)
    phones(NURSE_PHONE).received_text()
    runs.ledger.claims.claim(SLA_BREACHES)
    said = orders.change("cancel", task, None, MAYA)
    assert "sla-breach" in said.split("left as it is:")[0]
    assert "is SENT" in said.split("left as it is:")[1]


def test_what_is_sent_again_is_named_before_the_new_message(care: Care, runs: Runs, phones: Phones) -> None:
    """Whoever gave an id finds it in the answer, and not as something that was left alone."""
    task = care.a_task(care.a_nurse(), created_at=NOW)
    runs.tick(NEW_TASKS)
    phones(NURSE_PHONE).received_text()
    (sent,) = care.ledger(task)
    said = orders.change("resend", f" {sent['id']}\n", None, MAYA)
    assert said.startswith(f"task-created {sent['id']}, which is SENT: it is sent again")
    (new,) = [row for row in care.ledger(task) if row["id"] != sent["id"]]
    assert said.endswith(f"by a new message, {new['id']}")
    runs.tick(NEW_TASKS)
    phones(NURSE_PHONE).received_text()
    said = orders.change("resend", task, None, MAYA)
    assert "a new message, by which it is sent again" in said.split("what was there before stays")[0]
    assert said.count("is SENT") == 2


@pytest.mark.parametrize("empty", [None, "", " "])
def test_a_reason_that_is_empty_is_not_said(empty: str | None) -> None:
    """And whoever gives an empty name is the user who is logged in."""
    by = orders.operator(empty, empty)
    assert by.why == "not said"
    assert by.who.strip()


def test_an_order_about_no_id_is_refused(care: Care, environment: None) -> None:  # noqa: ARG001
    """As one about an id that nobody knows, which is not told again whole if it is none."""
    with pytest.raises(orders.OrderRefusedError, match="no id is given"):
        orders.change("cancel", " ", None, MAYA)
    with pytest.raises(orders.OrderRefusedError, match=r"about x{80}… \(5000 characters\): give"):
        orders.change("cancel", "x" * 5000, None, MAYA)
