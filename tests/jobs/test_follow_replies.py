"""What people text to us: STOP and START of anybody, and commands of staff."""

from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from care import NURSE_PHONE, PATIENT_PHONE, SUPERVISOR_PHONE, Care
from phones import Phones
from runs import Runs, metadata
from sqlalchemy import text

from sequora_orchestration.channels import sms as channel_sms
from sequora_orchestration.delivery.delivery import open_delivery
from sequora_orchestration.ledger.ledger import Ledger
from sequora_orchestration.local.twilio.message import Message
from sequora_orchestration.local.twilio.refusals import Refusal
from sequora_orchestration.local.twilio.scripted_answers import Refuse, ResetBeforeAccepting
from sequora_orchestration.messages.handed_over import HANDED_OVER_TASKS
from sequora_orchestration.messages.sla_breach import SLA_BREACHES
from sequora_orchestration.messages.sla_escalation import UNANSWERED_BREACHES
from sequora_orchestration.messages.task_created import NEW_TASKS
from sequora_orchestration.sensors import replies

OTHER_PHONE = "+12025550177"


@pytest.fixture
def _commands(monkeypatch: pytest.MonkeyPatch) -> None:
    """Staff may answer by text."""
    monkeypatch.setenv("SEQUORA_REPLIES", "on")


def write(phones: Phones, phone: str, body: str) -> str:
    """Let a phone answer us; return the message's id."""
    written = phones.company.receive(phone=phone, body=body)
    assert isinstance(written, Message), isinstance(written, Refusal) and written.message
    return written.sid


def a_texted_task(care: Care, runs: Runs, phones: Phones, **task: object) -> str:
    """Return a task whose nurse has been texted, with the fifth line."""
    id_ = care.a_task(care.a_nurse(), **task)
    runs.tick(NEW_TASKS)
    phones(NURSE_PHONE).received_text()
    return id_


def orders(care: Care, task: str) -> list[tuple[str, str]]:
    """Return who has done what with a task by text."""
    rows = care.rows(
        """SELECT a.who, a.verb FROM orchestration.operator_action a
           JOIN orchestration.notification n ON n.id = a.notification_id WHERE n.task_id = :task ORDER BY a.id""",
        task=task,
    )
    return [(row["who"], row["verb"]) for row in rows]


# --- STOP and START ---------------------------------------------------------------------------------------------------


def test_stop_and_start_are_obeyed_once_with_commands_off(care: Care, runs: Runs, phones: Phones) -> None:
    """Set and lifted by one look each; nobody is answered, for the phone company does so."""
    nurse = care.a_nurse()
    first = care.a_task(nurse)
    runs.tick(NEW_TASKS)
    phones(NURSE_PHONE).received_text()
    write(phones, NURSE_PHONE, " ¡Basta! ")
    (result,) = runs.read_replies()
    assert result.success
    assert runs.read_replies() == []
    second = care.a_task(nurse)
    runs.tick(NEW_TASKS)
    assert care.states(second) == ["FAILED"]
    assert care.one("SELECT cause FROM orchestration.notification WHERE task_id = :id", id=second) == "OPTED_OUT"
    write(phones, NURSE_PHONE, "yes")
    runs.read_replies()
    third = care.a_task(nurse)
    runs.tick(NEW_TASKS)
    phones(NURSE_PHONE).received_text()
    assert care.states(first) == ["SENT"]
    assert care.states(third) == ["SENT"]


def test_of_stop_and_start_the_later_one_stands_in_whatever_order_they_are_read(
    care: Care, runs: Runs, phones: Phones
) -> None:
    """One may show up late in the list."""
    a_texted_task(care, runs, phones)
    write(phones, NURSE_PHONE, "START")
    runs.read_replies()
    earlier = datetime.now(UTC) - timedelta(minutes=1)
    assert isinstance(phones.company.receive(phone=NURSE_PHONE, body="STOP", created=earlier), Message)
    runs.read_replies()
    assert care.rows("SELECT FROM orchestration.opt_out") == []
    assert care.one("SELECT count(*) FROM orchestration.inbound") == 2


@pytest.mark.parametrize("body", ["STOP 12345", "please do not stop", "yes", "hello", "Help"])
def test_nothing_else_is_obeyed_with_commands_off(care: Care, runs: Runs, phones: Phones, body: str) -> None:
    """It is noted, without a run, a body or a number."""
    a_texted_task(care, runs, phones)
    sid = write(phones, NURSE_PHONE, body)
    assert runs.read_replies() == []
    (noted,) = care.rows("SELECT sid, understood FROM orchestration.inbound")
    assert (noted["sid"], noted["understood"]) == (sid, "NOTHING")
    assert care.rows("SELECT FROM orchestration.answer") == []


def test_what_came_before_going_live_is_left_alone(care: Care, runs: Runs, phones: Phones) -> None:
    """Also a STOP: the next text shows whether it still holds."""
    a_texted_task(care, runs, phones)
    write(phones, NURSE_PHONE, "STOP")
    care.rows("UPDATE orchestration.go_live SET replies_live_at = now() + interval '1 hour'")
    runs.read_replies()
    assert care.one("SELECT understood FROM orchestration.inbound") == "TOO_OLD"
    care.rows("UPDATE orchestration.go_live SET replies_live_at = now() - interval '1 hour'")
    assert runs.read_replies() == []
    assert care.rows("SELECT FROM orchestration.opt_out") == []


def test_a_stop_that_is_taken_back_by_yes_in_the_same_reading_is_taken_back(
    care: Care, runs: Runs, phones: Phones
) -> None:
    """After an outage of the list both are read at once."""
    a_texted_task(care, runs, phones)
    write(phones, NURSE_PHONE, "STOP")
    write(phones, NURSE_PHONE, "yes")
    runs.read_replies()
    assert care.rows("SELECT FROM orchestration.opt_out") == []


def test_a_command_that_comes_while_they_are_being_switched_on_is_obeyed_by_whoever_knows(
    care: Care, runs: Runs, phones: Phones, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that still has them off leaves it alone."""
    task = a_texted_task(care, runs, phones)
    with monkeypatch.context() as on:
        on.setenv("SEQUORA_REPLIES", "on")
        care.a_task(care.a_nurse(OTHER_PHONE))
        runs.tick(NEW_TASKS)
        phones(OTHER_PHONE).received_text()
    write(phones, OTHER_PHONE, "1a")
    assert runs.read_replies() == []
    assert care.rows("SELECT FROM orchestration.inbound") == []
    monkeypatch.setenv("SEQUORA_REPLIES", "on")
    runs.read_replies()
    phones(OTHER_PHONE).received_text(containing="1A: accepted")
    assert orders(care, task) == []


# --- commands ---------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("_commands")
def test_a_text_about_a_task_says_how_it_is_answered(care: Care, runs: Runs, phones: Phones) -> None:
    """Each task has a small number of its own on a phone, the smallest that is free."""
    nurse = care.a_nurse()
    for number in (1, 2):
        care.a_task(nurse)
        runs.tick(NEW_TASKS)
        text = phones(NURSE_PHONE).received_text()
        assert text.body.splitlines()[4:] == [f"Reply {number}A accept, {number}R resolved, {number}E hand over"]
    care.a_task(care.a_nurse(OTHER_PHONE))
    runs.tick(NEW_TASKS)
    assert phones(OTHER_PHONE).received_text().body.endswith("Reply 1A accept, 1R resolved, 1E hand over")


@pytest.mark.usefixtures("_commands")
def test_accepting_is_recorded_answered_and_stands_for_a_receipt(care: Care, runs: Runs, phones: Phones) -> None:
    """Once, however often it is read."""
    task = a_texted_task(care, runs, phones)
    nurse = care.one('SELECT assigned_to_user_id::text FROM "EscalationTask"')
    sid = write(phones, NURSE_PHONE, "A 1.")
    (result,) = runs.read_replies()
    assert result.success
    assert metadata(result, "read_replies")["outcome"] == "DONE"
    assert phones(NURSE_PHONE).received_text().body == "1A: accepted."
    assert orders(care, task) == [(nurse, "accept")]
    assert care.states(task) == ["DELIVERED", "SENT"]
    assert care.one("SELECT cause FROM orchestration.notification WHERE state = 'DELIVERED'") == "ANSWERED"
    assert runs.read_replies() == []
    assert runs.launch("follow_replies").success
    assert care.one("SELECT count(*) FROM orchestration.answer WHERE sid = :sid", sid=sid) == 1
    assert care.one('SELECT count(*) FROM "NotificationLog"') == 2


@pytest.mark.usefixtures("_commands")
def test_handing_over_tells_the_supervisors(care: Care, runs: Runs, phones: Phones) -> None:
    """At once, with the reason; and once, also if she sends it twice."""
    care.a_supervisor()
    task = a_texted_task(care, runs, phones)
    write(phones, NURSE_PHONE, "e")
    runs.read_replies()
    assert phones(NURSE_PHONE).received_text().body == "1E: handed over, the supervisors are being told."
    assert care.one("SELECT kind FROM orchestration.owed WHERE task_id = :id", id=task) == "handed-over"
    (result,) = runs.tick(HANDED_OVER_TASKS)
    assert result.success
    text = phones(SUPERVISOR_PHONE).received_text(containing="Handed over by the nurse")
    assert text.body.endswith("Reply 1A accept, 1R resolved")  # nobody is above her
    write(phones, NURSE_PHONE, "1e")
    runs.read_replies()
    phones(NURSE_PHONE).received_text()
    assert runs.tick(HANDED_OVER_TASKS) == []


@pytest.mark.usefixtures("_commands")
def test_a_hand_over_that_is_no_longer_hers_is_told_to_nobody_and_not_asked_for_again(
    care: Care, runs: Runs, phones: Phones
) -> None:
    """Reassigned before the supervisors are told: the next nurse may hand it over anew, and is heard."""
    care.a_supervisor()
    task = a_texted_task(care, runs, phones)
    write(phones, NURSE_PHONE, "1e")
    write(phones, NURSE_PHONE, "1e")
    runs.read_replies()
    for _ in range(2):
        phones(NURSE_PHONE).received_text(containing="handed over")
    assert care.one("SELECT count(*) FROM orchestration.owed WHERE kind = 'handed-over'") == 1
    care.rows('UPDATE "EscalationTask" SET assigned_to_user_id = :id', id=care.a_nurse(OTHER_PHONE))
    assert runs.tick(HANDED_OVER_TASKS) == []
    runs.tick(NEW_TASKS)
    phones(OTHER_PHONE).received_text(containing=task)
    write(phones, OTHER_PHONE, "e")
    runs.read_replies()
    phones(OTHER_PHONE).received_text(containing="handed over")
    runs.tick(HANDED_OVER_TASKS)
    phones(SUPERVISOR_PHONE).received_text(containing="Handed over by the nurse")
    write(phones, SUPERVISOR_PHONE, "1e")
    runs.read_replies()
    assert "please reassign it here" in phones(SUPERVISOR_PHONE).received_text().body
    assert runs.tick(HANDED_OVER_TASKS) == []


@pytest.mark.usefixtures("_commands")
def test_a_phone_that_is_no_longer_hers_has_no_say(care: Care, runs: Runs, phones: Phones) -> None:
    """Nor has somebody who is not active any more."""
    task = a_texted_task(care, runs, phones)
    care.rows('UPDATE "User" SET primary_phone = :phone', phone=OTHER_PHONE)
    write(phones, NURSE_PHONE, "1a")
    assert runs.read_replies() == []
    care.rows('UPDATE "User" SET primary_phone = :phone, active = false', phone=NURSE_PHONE)
    write(phones, NURSE_PHONE, "1a")
    assert runs.read_replies() == []
    assert orders(care, task) == []


@pytest.mark.usefixtures("_commands")
@pytest.mark.parametrize("body", ["1r", "r"])
def test_a_command_that_was_written_before_a_task_was_texted_about_is_not_meant_for_it(
    care: Care, runs: Runs, phones: Phones, body: str
) -> None:
    """The list was not read for a while; meanwhile her first task was closed, and another has its number."""
    nurse = care.a_nurse()
    runs.read_replies()
    care.a_task(nurse)
    runs.tick(NEW_TASKS)
    phones(NURSE_PHONE).received_text()
    care.rows(
        """UPDATE "EscalationTask" SET status = 'RESOLVED', resolved_at = now() - interval '16 minutes',
           updated_at = now() - interval '16 minutes'"""
    )
    care.rows("UPDATE orchestration.task_number SET texted_at = now() - interval '20 minutes', given_at = texted_at")
    other = care.a_task(nurse)
    runs.tick(NEW_TASKS)
    assert "Reply 1A" in phones(NURSE_PHONE).received_text().body
    earlier = datetime.now(UTC) - timedelta(minutes=5)
    assert isinstance(phones.company.receive(phone=NURSE_PHONE, body=body, created=earlier), Message)
    runs.read_replies()
    assert "no " in phones(NURSE_PHONE).received_text().body
    assert orders(care, other) == []
    write(phones, NURSE_PHONE, body)
    runs.read_replies()
    phones(NURSE_PHONE).received_text(containing="please resolve it here")
    assert len(orders(care, other)) == 1


@pytest.mark.usefixtures("_commands")
def test_who_answers_counts_as_reached_whatever_the_receipt_says(care: Care, runs: Runs, phones: Phones) -> None:
    """A supervisor need not be told of a nurse who has just accepted."""
    care.a_supervisor()
    a_texted_task(care, runs, phones)
    care.rows("UPDATE orchestration.notification SET state = 'UNDELIVERED'")
    assert care.one("SELECT count(*) FROM orchestration.owed WHERE kind = 'nurse-unreached'") == 1
    write(phones, NURSE_PHONE, "1a")
    runs.read_replies()
    phones(NURSE_PHONE).received_text(containing="accepted")
    assert care.one("SELECT count(*) FROM orchestration.owed WHERE kind = 'nurse-unreached'") == 0


@pytest.mark.usefixtures("_commands")
def test_one_message_that_cannot_be_acted_on_keeps_no_other_waiting(care: Care, runs: Runs, phones: Phones) -> None:
    """Its neighbours are obeyed and answered, and it is when the trouble is over."""
    a_texted_task(care, runs, phones)
    trouble = write(phones, NURSE_PHONE, "1r")
    write(phones, NURSE_PHONE, "1a")
    care.rows("CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$")
    care.rows(
        f"""CREATE TRIGGER refuses BEFORE INSERT ON orchestration.inbound
            FOR EACH ROW WHEN (NEW.sid = '{trouble}') EXECUTE FUNCTION refuse()"""
    )
    (result,) = runs.read_replies()
    assert result.success
    phones(NURSE_PHONE).received_text(containing="accepted")
    care.rows("DROP TRIGGER refuses ON orchestration.inbound")
    runs.read_replies()
    phones(NURSE_PHONE).received_text(containing="please resolve it here")


@pytest.mark.usefixtures("_commands")
def test_resolving_is_answered_with_the_link_where_nothing_is_written_back(
    care: Care, runs: Runs, phones: Phones
) -> None:
    """And stands in the ledger all the same."""
    task = a_texted_task(care, runs, phones)
    write(phones, NURSE_PHONE, "1 resuelto")
    runs.read_replies()
    assert phones(NURSE_PHONE).received_text().body.endswith(f"/tasks/{task}")
    assert [verb for _, verb in orders(care, task)] == ["ask to resolve"]
    assert care.one('SELECT status FROM "EscalationTask"') == "OPEN"


@pytest.mark.usefixtures("_commands")
@pytest.mark.parametrize("body", ["7a", "what?", "HELP"])
def test_what_cannot_be_done_is_answered(care: Care, runs: Runs, phones: Phones, body: str) -> None:
    """With a sentence that says what is so, or with help; and help once an hour."""
    task = a_texted_task(care, runs, phones)
    write(phones, NURSE_PHONE, body)
    runs.read_replies()
    said = phones(NURSE_PHONE).received_text().body
    assert ("no such task" in said) if body == "7a" else ("to answer a text about a task" in said)
    assert orders(care, task) == []
    write(phones, NURSE_PHONE, "and now?")
    runs.read_replies()
    if body == "7a":
        phones(NURSE_PHONE).received_text(containing="to answer a text about a task")


@pytest.mark.usefixtures("_commands")
def test_a_task_that_is_closed_or_reassigned_meanwhile_is_said_to_be_so(care: Care, runs: Runs, phones: Phones) -> None:
    """Nothing is recorded as her order."""
    task = a_texted_task(care, runs, phones)
    care.rows('UPDATE "EscalationTask" SET assigned_to_user_id = :id', id=care.a_nurse(OTHER_PHONE))
    write(phones, NURSE_PHONE, "1a")
    runs.read_replies()
    assert phones(NURSE_PHONE).received_text().body == "1A: that task is not yours any more."
    care.rows("""UPDATE "EscalationTask" SET status = 'RESOLVED'""")
    write(phones, NURSE_PHONE, "1a")
    runs.read_replies()
    assert phones(NURSE_PHONE).received_text().body == "1A: that task is closed already."
    assert orders(care, task) == []


@pytest.mark.usefixtures("_commands")
def test_strangers_patients_and_hearts_are_not_answered(care: Care, runs: Runs, phones: Phones) -> None:
    """Only staff who were texted about a task have a say; and a phone's own texts are nobody's."""
    task = a_texted_task(care, runs, phones)
    for phone in (OTHER_PHONE, PATIENT_PHONE):
        phones.company.create(to=phone, body="something else", from_="+15005550006")
        phones(phone).received_text()
        write(phones, phone, "1a")
    write(phones, NURSE_PHONE, "Liked “🚨 New HIGH task”")
    assert runs.read_replies() == []
    assert orders(care, task) == []
    assert care.one("SELECT count(*) FROM orchestration.inbound") == 3


@pytest.mark.usefixtures("_commands")
def test_an_answer_whose_run_died_is_sent_by_another(care: Care, runs: Runs, phones: Phones) -> None:
    """The command is not acted on again."""
    a_texted_task(care, runs, phones)
    write(phones, NURSE_PHONE, "1a")
    care.rows("CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'the end'; END $$")
    care.rows("""CREATE TRIGGER dies BEFORE UPDATE OF state ON orchestration.notification
                 FOR EACH ROW WHEN (NEW.state = 'SENDING') EXECUTE FUNCTION die()""")
    (result,) = runs.read_replies()
    assert not result.success
    care.rows("DROP TRIGGER dies ON orchestration.notification")
    care.rows("UPDATE orchestration.notification SET lease_until = now() WHERE state = 'QUEUED'")
    (result,) = runs.read_replies()
    assert result.success
    assert phones(NURSE_PHONE).received_text().body == "1A: accepted."
    assert care.one("SELECT count(*) FROM orchestration.answer") == 1


@pytest.mark.usefixtures("_commands")
def test_two_commands_in_one_text_are_answered_by_one(care: Care, runs: Runs, phones: Phones) -> None:
    """A line for each."""
    nurse = care.a_nurse()
    for _ in range(2):
        care.a_task(nurse)
        runs.tick(NEW_TASKS)
        phones(NURSE_PHONE).received_text()
    write(phones, NURSE_PHONE, "1a 2e, 1a")
    runs.read_replies()
    assert phones(NURSE_PHONE).received_text().body.splitlines() == [
        "1A: accepted.",
        "2E: handed over, the supervisors are being told.",
    ]
    write(phones, NURSE_PHONE, "a")
    runs.read_replies()
    assert "several tasks of yours may be meant" in phones(NURSE_PHONE).received_text().body


@pytest.mark.usefixtures("_commands")
def test_a_number_is_free_again_when_its_task_has_been_closed_for_a_while(
    care: Care, runs: Runs, phones: Phones
) -> None:
    """Not at once: an answer to the earlier text may be on its way."""
    nurse = care.a_nurse()
    care.rows("UPDATE orchestration.task_number SET texted_at = now()")
    for number, closed_for in ((1, None), (2, "1 minute"), (1, "16 minutes")):
        if closed_for:
            care.rows(
                f"""UPDATE "EscalationTask" SET status = 'RESOLVED', resolved_at = now() - interval '{closed_for}',
                    updated_at = now() - interval '{closed_for}'"""
            )
            care.rows("UPDATE orchestration.task_number SET texted_at = now() - interval '20 minutes'")
        care.a_task(nurse)
        runs.tick(NEW_TASKS)
        assert f"Reply {number}A" in phones(NURSE_PHONE).received_text().body


@pytest.mark.usefixtures("_commands")
@pytest.mark.parametrize(("taken", "given"), [("NOT IN (7, 12)", 7), ("<> 999", 999), ("> 0", None)])
def test_a_task_gets_the_smallest_number_that_is_free(
    care: Care, ledger: Ledger, taken: str, given: int | None
) -> None:
    """Numbers have three figures at most: where all are taken, a text has none."""
    care.rows(
        f"""INSERT INTO orchestration.task_number (digest, task_id, person_id, number)
            SELECT 'a phone', 'task ' || number, 'a nurse', number FROM generate_series(1, 999) AS number
            WHERE number {taken}"""
    )
    for _ in range(2):
        assert ledger.replies.numbers_of_tasks([("a phone", "a task", "a nurse")]) == [given]


@pytest.mark.usefixtures("_commands")
def test_supervisors_read_that_the_nurse_has_accepted(care: Care, runs: Runs, phones: Phones) -> None:
    """Accepting cancels no escalation, for only a closed task is safe."""
    care.a_supervisor()
    task = a_texted_task(care, runs, phones, sla_due_at=datetime.now(UTC) + timedelta(hours=2))
    write(phones, NURSE_PHONE, "1a")
    runs.read_replies()
    phones(NURSE_PHONE).received_text(containing="accepted")
    care.rows("""UPDATE "EscalationTask" SET sla_due_at = now() - interval '1 minute'""")
    runs.tick(SLA_BREACHES)
    phones(NURSE_PHONE).received_text(containing="SLA missed")
    care.rows("UPDATE orchestration.notification SET due_at = now() WHERE kind = 'sla-escalation'")
    care.rows("UPDATE orchestration.notification SET sent_at = now() - interval '1 hour' WHERE kind = 'sla-breach'")
    runs.tick(UNANSWERED_BREACHES)
    assert "accepted by the nurse less than 1 min ago" in phones(SUPERVISOR_PHONE).received_text(containing=task).body


# --- writing back -----------------------------------------------------------------------------------------------------


@pytest.fixture
def _written_back(_commands: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """What staff answer is written into the application's tasks."""
    monkeypatch.setenv("SEQUORA_WRITE_BACK", "on")


@pytest.mark.usefixtures("_written_back")
def test_what_is_accepted_and_resolved_stands_in_the_application(care: Care, runs: Runs, phones: Phones) -> None:
    """As if she had done it there."""
    a_texted_task(care, runs, phones)
    write(phones, NURSE_PHONE, "1a")
    runs.read_replies()
    assert phones(NURSE_PHONE).received_text().body == "1A: accepted."
    (row,) = care.rows('SELECT status, picked_up_at IS NOT NULL AS taken FROM "EscalationTask"')
    assert (row["status"], row["taken"]) == ("IN_PROGRESS", True)
    write(phones, NURSE_PHONE, "r")
    runs.read_replies()
    assert phones(NURSE_PHONE).received_text().body == "1R: resolved."
    (row,) = care.rows('SELECT status, resolved_at IS NOT NULL AS resolved FROM "EscalationTask"')
    assert (row["status"], row["resolved"]) == ("RESOLVED", True)


@pytest.mark.usefixtures("_written_back")
@pytest.mark.parametrize("why", ["a trigger", "a lock"])
def test_what_the_application_does_not_take_is_recorded_and_told(
    care: Care, runs: Runs, phones: Phones, why: str
) -> None:
    """The order stands in the ledger, and the nurse is sent to the application."""
    task = a_texted_task(care, runs, phones)
    write(phones, NURSE_PHONE, "1a")
    with ExitStack() as locked:
        if why == "a lock":
            connection = locked.enter_context(care.engine.connect())
            connection.execution_options(isolation_level="READ COMMITTED")
            connection.execute(text('SELECT FROM "EscalationTask" FOR UPDATE'))
        else:
            care.rows("CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$")
            care.rows('CREATE TRIGGER refuses BEFORE UPDATE ON "EscalationTask" FOR EACH ROW EXECUTE FUNCTION refuse()')
        (result,) = runs.read_replies()
    assert result.success
    said = phones(NURSE_PHONE).received_text().body
    assert said.startswith("1A: noted, but the app did not take it. Please accept it there: https://")
    assert [verb for _, verb in orders(care, task)] == ["accept"]
    assert care.one('SELECT status FROM "EscalationTask"') == "OPEN"


# --- the phone company's list -----------------------------------------------------------------------------------------


@pytest.mark.usefixtures("_commands")
def test_an_outage_of_the_list_loses_nothing(care: Care, runs: Runs, phones: Phones) -> None:
    """What was written meanwhile is obeyed afterwards, whatever the answer was."""
    task = a_texted_task(care, runs, phones)
    runs.read_replies()
    write(phones, NURSE_PHONE, "1a")
    for refusal in (Refuse(500, 20500), Refuse(429, 20429), ResetBeforeAccepting()):
        phones.company.list_answers.always(refusal)
        assert runs.read_replies() == []
    assert orders(care, task) == []
    phones.company.list_answers.always(None)
    runs.read_replies()
    phones(NURSE_PHONE).received_text(containing="accepted")
    assert [verb for _, verb in orders(care, task)] == ["accept"]


@pytest.mark.usefixtures("_commands")
def test_pages_that_shift_and_texts_that_show_up_late_are_each_obeyed_once(
    care: Care, runs: Runs, phones: Phones, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A text that comes in while the list is read moves others onto the next page."""
    monkeypatch.setattr(channel_sms, "RECEIVED_PAGE_SIZE", 2)
    phones.company.pages_shift = True
    task = a_texted_task(care, runs, phones)
    for body in ("1a", "hello", "1e", "you", "1a"):
        write(phones, NURSE_PHONE, body)
    (result,) = runs.read_replies()
    assert result.success
    assert sorted(verb for _, verb in orders(care, task)) == ["accept", "accept", "hand over"]
    for part in ("1A: ", "1E: ", "1A: ", "to answer"):
        phones(NURSE_PHONE).received_text(containing=part)
    late = phones.company.receive(phone=NURSE_PHONE, body="1r", created=datetime.now(UTC) - timedelta(minutes=20))
    assert isinstance(late, Message)
    runs.read_replies()
    phones(NURSE_PHONE).received_text(containing="please resolve it here")
    assert len(orders(care, task)) == 4


@pytest.mark.usefixtures("_commands")
@pytest.mark.parametrize("ahead", [timedelta(hours=-3), timedelta(hours=3)])
def test_a_clock_that_is_hours_off_loses_nothing(care: Care, runs: Runs, phones: Phones, ahead: timedelta) -> None:
    """The list goes by its own clock alone."""
    task = a_texted_task(care, runs, phones)
    runs.read_replies()
    for body in ("1a", "1e"):
        written = phones.company.receive(phone=NURSE_PHONE, body=body, created=datetime.now(UTC) + ahead)
        assert isinstance(written, Message)
        runs.read_replies()
        phones(NURSE_PHONE).received_text(containing=body.upper())
    assert [verb for _, verb in orders(care, task)] == ["accept", "hand over"]


@pytest.mark.usefixtures("_commands")
def test_of_a_messaging_service_all_numbers_are_read(
    care: Care, runs: Runs, phones: Phones, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever of them she was texted from."""
    service, numbers = "MG" + "0" * 32, ["+15005550006", "+12025550188", "+12025550199"]
    monkeypatch.delenv("TWILIO_FROM_NUMBER")
    monkeypatch.setenv("TWILIO_MESSAGING_SERVICE_SID", service)
    phones.company.services.numbers[service] = numbers
    task = a_texted_task(care, runs, phones)
    for number in numbers:
        written = phones.company.receive(phone=NURSE_PHONE, body="1a", to=number)
        assert isinstance(written, Message)
        runs.read_replies()
        phones(NURSE_PHONE).received_text(containing="accepted")
    assert len(orders(care, task)) == 3


@pytest.mark.usefixtures("_commands")
def test_nothing_that_was_written_stands_anywhere(
    care: Care, runs: Runs, phones: Phones, caplog: pytest.LogCaptureFixture
) -> None:
    """No body and no number: not in a table, not in a log, not in the run."""
    a_texted_task(care, runs, phones)
    write(phones, NURSE_PHONE, "the patient said zanzibar")
    write(phones, NURSE_PHONE, "1a")
    (result,) = runs.read_replies()
    for part in ("accepted", "to answer"):
        phones(NURSE_PHONE).received_text(containing=part)
    told = caplog.text + "".join(str(event) for event in result.all_events)
    for table in ("inbound", "answer", "task_number", "operator_action", "notification", "notification_event"):
        told += str([dict(row) for row in care.rows(f"SELECT * FROM orchestration.{table}")])
    for secret in ("zanzibar", NURSE_PHONE, NURSE_PHONE.removeprefix("+1")):
        assert secret not in told


# --- how often it is looked at ----------------------------------------------------------------------------------------


def test_the_list_is_looked_at_every_five_seconds_while_staff_may_answer_and_else_every_minute(
    care: Care, runs: Runs, phones: Phones, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pause ends with the first text to a nurse: her answer need not wait for a minute."""
    now, looks = 1_000.0, replies.Looks()
    monkeypatch.setattr(replies, "time", SimpleNamespace(monotonic=lambda: now))
    pages = list[float]()
    listed = phones.company.listed

    def counted(*args: Any, **kwargs: Any) -> list[Message]:
        pages.append(now)
        return listed(*args, **kwargs)

    monkeypatch.setattr(phones.company, "listed", counted)
    delivery = open_delivery("a-run")

    def look_for(seconds: int) -> list[float]:
        nonlocal now
        pages.clear()
        for _ in range(0, seconds, 5):
            looks.look(delivery)
            now += 5
        return list(pages)

    assert look_for(120) == [1_000.0, 1_060.0]
    a_texted_task(care, runs, phones)
    assert len(look_for(60)) == 12


def test_no_second_run_is_requested_at_once_for_messages_that_nobody_has_acted_on(
    care: Care, runs: Runs, phones: Phones, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their run waits for a worker: after 5, 10, 20 … s another may be lost."""
    now, looks = 1_000.0, replies.Looks()
    monkeypatch.setattr(replies, "time", SimpleNamespace(monotonic=lambda: now))
    a_texted_task(care, runs, phones)
    write(phones, NURSE_PHONE, "STOP")
    delivery, moments = open_delivery("a-run"), list[float]()
    for _ in range(60):
        if looks.look(delivery):
            moments.append(now - 1_000)
        now += 5
    assert moments == [0, 10, 30, 70, 130, 190, 250]
