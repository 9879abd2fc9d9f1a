"""Orders about digests and about what waits for them; and the story, the figures and the end of both."""

from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from care import NOW, NURSE_PHONE, Care
from click.testing import CliRunner
from dagster import DagsterInstance, JobDefinition, ReexecutionOptions, execute_job, reconstructable
from floods import DIGEST_AFTER, MINUTE, WINDOW, alone, digest, fates, gathered, sent
from phones import Phones
from runs import Runs, failure, metadata

from sequora_orchestration.cli import orders
from sequora_orchestration.cli.commands import sequora
from sequora_orchestration.definitions import defs
from sequora_orchestration.domain.cause import Cause
from sequora_orchestration.domain.ledger_state import State
from sequora_orchestration.ledger.attempts import Attempt, Attempts
from sequora_orchestration.ledger.measurements import Measurements
from sequora_orchestration.ledger.rows import Operator
from sequora_orchestration.local.twilio.scripted_answers import Answer, ResetAfterAccepting, ResetBeforeAccepting
from sequora_orchestration.messages.kind import Suppression
from sequora_orchestration.messages.task_created import NEW_TASKS
from sequora_orchestration.messages.task_digest import DUE_DIGESTS
from sequora_orchestration.sensors.certainty import doubtful_texts, texts_without_receipt

MAYA = Operator(who="maya", why="an exercise")

pytestmark = pytest.mark.usefixtures("stopped_clock", "flood")


@pytest.fixture
def flood(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five texts in a quarter of an hour are a flood."""
    monkeypatch.setenv("SEQUORA_DIGEST_AFTER", DIGEST_AFTER)


def an_answer(care: Care) -> str:
    """Return the id of an answer to somebody who has texted us, which is about no task, either."""
    id_ = care.one(
        "INSERT INTO orchestration.notification"
        " (kind, audience, business_key, occasion, urgency, owed_since, state, lease_until) VALUES"
        " ('reply', 'WRITER', 'reply:SM1', 'reply:SM1', 1, orchestration.clock(), 'QUEUED', orchestration.clock())"
        " RETURNING id"
    )
    return str(id_)


def test_a_person_who_asks_for_a_task_has_its_nurse_told_alone(care: Care, runs: Runs, phones: Phones) -> None:
    """At once; it waits for no digest any more."""
    asked_for, other = gathered(care, runs, phones, 2)
    assert runs.launch("notify_nurse_task", task_ids=[asked_for]).success
    phones(NURSE_PHONE).received_text(containing=asked_for)
    sent(care, runs)
    phones(NURSE_PHONE).received_text(containing="📋 1 new task")
    assert fates(care, [asked_for, other]) == [("SENT", None), ("SENT", "TOLD_IN_DIGEST")]


def test_a_person_may_send_a_digest_before_its_time(care: Care, runs: Runs, phones: Phones) -> None:
    """By its id; an id that is none finds nothing."""
    tasks = gathered(care, runs, phones, 2)
    assert not runs.launch("send_digest", notification_ids=["no-id"]).success
    assert runs.launch("send_digest", notification_ids=[str(digest(care)["id"])]).success
    phones(NURSE_PHONE).received_text(containing="📋 2 new tasks")
    assert [len(care.logged(task)) for task in tasks] == [1, 1]


def test_a_digest_that_is_cancelled_tells_of_nothing_and_comes_not_again(
    care: Care, runs: Runs, phones: Phones
) -> None:
    """An order about a task is about that one alone."""
    one, *others = gathered(care, runs, phones, 3)
    orders.change("cancel", one, None, MAYA)
    assert [state for state, _ in fates(care, [one, *others])] == ["CANCELLED", "SCHEDULED", "SCHEDULED"]
    orders.change("cancel", str(digest(care)["id"]), None, MAYA)
    assert fates(care, [one, *others]) == [("CANCELLED", "CANCELLED_BY_OPERATOR")] * 3
    care.it_is(NOW + WINDOW)
    assert runs.tick(DUE_DIGESTS) == runs.tick(NEW_TASKS) == []


def test_a_digest_that_is_sent_again_counts_what_is_still_open(care: Care, runs: Runs, phones: Phones) -> None:
    """A task that is sent again has a text of its own."""
    closed, one, two = gathered(care, runs, phones, 3)
    sent(care, runs)
    phones(NURSE_PHONE).received_text(containing="📋 3 new tasks")
    care.change_task(closed, status="RESOLVED")
    orders.change("resend", str(digest(care)["id"]), None, MAYA)
    runs.tick(DUE_DIGESTS)
    phones(NURSE_PHONE).received_text(containing="📋 2 new tasks")
    assert fates(care, [one, two]) == [("SENT", "TOLD_IN_DIGEST")] * 2
    assert [len(care.logged(task)) for task in (closed, one, two)] == [1, 2, 2]
    orders.change("resend", one, None, MAYA)
    runs.tick(NEW_TASKS)
    phones(NURSE_PHONE).received_text(containing=["🚨 New ", one])


def held(care: Care, runs: Runs, phones: Phones) -> list[str]:
    """Return tasks whose digest is held, for nobody could read the phone company's list."""
    tasks = gathered(care, runs, phones, 2)
    phones.company.script(ResetBeforeAccepting(), to=NURSE_PHONE)
    sent(care, runs)
    (doubtful,) = runs.ledger.doubts.in_doubt()
    assert runs.ledger.doubts.settle_doubt(doubtful, Suppression(State.HELD, "not readable", Cause.LIST_UNREADABLE))
    assert fates(care, tasks) == [("HELD", "LIST_UNREADABLE")] * 2
    return tasks


def test_a_digest_that_was_held_is_released_with_its_tasks(care: Care, runs: Runs, phones: Phones) -> None:
    """They wait for it again; a person who looks at one of them is told which id to release."""
    tasks = held(care, runs, phones)
    shown = CliRunner().invoke(sequora, ["timeline", tasks[0]])
    assert f"sequora release {digest(care)['id']}" in " ".join(shown.output.split())
    orders.change("release", str(digest(care)["id"]), None, MAYA)
    assert fates(care, tasks) == [("SCHEDULED", "RELEASED_BY_OPERATOR")] * 2
    runs.tick(DUE_DIGESTS)
    phones(NURSE_PHONE).received_text(containing="📋 2 new tasks")
    assert fates(care, tasks) == [("SENT", "TOLD_IN_DIGEST")] * 2


def test_one_task_of_a_held_digest_is_released_alone(care: Care, runs: Runs, phones: Phones) -> None:
    """It is told by a text of its own, and is not gathered again."""
    one, other = held(care, runs, phones)
    orders.change("release", one, None, MAYA)
    runs.tick(NEW_TASKS)
    phones(NURSE_PHONE).received_text(containing=["🚨 New ", one])
    assert fates(care, [other]) == [("HELD", "LIST_UNREADABLE")]


def test_the_timeline_of_a_task_tells_of_its_digest(care: Care, runs: Runs, phones: Phones) -> None:
    """While it waits, and when it was told; with the SID, for the digest's text is the task's."""
    task, *_ = gathered(care, runs, phones, 7)
    waits = " ".join(CliRunner().invoke(sequora, ["timeline", task]).output.split())
    assert waits.startswith("OK nurse ")
    assert "is to be texted at" in waits
    assert "its digest falls due, and goes out if it is still wanted" in waits
    sent(care, runs)
    text = phones(NURSE_PHONE).received_text(containing="📋 7 new tasks")
    care.it_is(NOW + WINDOW + MINUTE)
    told = " ".join(CliRunner().invoke(sequora, ["timeline", task]).output.split())
    assert told.startswith("OK nurse ")
    assert "told in a digest of 7 tasks" in told
    assert f"SID {text.sid}" in told
    assert "the phone company has the text, and no receipt yet" in told
    of_digest = CliRunner().invoke(sequora, ["timeline", str(digest(care)["id"])])
    assert of_digest.exit_code != 0
    assert task in of_digest.output


def test_a_digest_counts_as_one_text_and_its_tasks_not_as_late(care: Care, runs: Runs, phones: Phones) -> None:
    """They waited on purpose."""
    gathered(care, runs, phones, 7)
    sent(care, runs)
    phones(NURSE_PHONE).received_text(containing="📋 7 new tasks")
    measured = Measurements(care.engine)
    assert measured.deliveries().sent == 6
    assert measured.text_latency().texts == 5
    assert CliRunner().invoke(sequora, ["status"]).exit_code == 0


def test_a_digest_is_deleted_after_the_last_of_its_tasks(care: Care, runs: Runs, phones: Phones) -> None:
    """And not before, for their rows refer to it."""
    first, last = gathered(care, runs, phones, 2)
    sent(care, runs)
    phones(NURSE_PHONE).received_text(containing="📋 2 new tasks")
    care.change_task(first, status="RESOLVED")
    care.it_is(NOW + timedelta(days=402))
    assert metadata(runs.launch("delete_what_is_over"), "delete_old_messages")["deleted"] == 1
    assert len(care.ledger(kind="task-digest")) == 1
    care.change_task(last, status="RESOLVED")
    assert metadata(runs.launch("delete_what_is_over"), "delete_old_messages")["deleted"] == 2
    assert care.ledger(kind="task-digest") == []


def test_an_old_answer_is_not_deleted_as_if_it_were_a_digest(care: Care, runs: Runs) -> None:
    """It goes with what it answers, which the phone company's list may still show."""
    an_answer(care)
    care.rows("UPDATE orchestration.notification SET state = 'CANCELLED', (reason, cause) = ('late', 'STALE')")
    care.it_is(NOW + timedelta(days=402))
    assert runs.launch("delete_what_is_over").success
    assert care.states(kind="reply") == ["CANCELLED"]


def test_a_pause_of_digests_holds_them_back(care: Care, runs: Runs, phones: Phones) -> None:
    """Also one that is due."""
    gathered(care, runs, phones, 2)
    orders.pause("task-digest", MAYA)
    care.it_is(NOW + WINDOW)
    assert runs.tick(DUE_DIGESTS) == []
    orders.resume("task-digest", MAYA)
    runs.tick(DUE_DIGESTS)
    phones(NURSE_PHONE).received_text(containing="📋 2 new tasks")
    alone(phones, 0)


# --- while a digest may be out ----------------------------------------------------------------------------------------


def in_doubt(care: Care, runs: Runs, phones: Phones, count: int, answer: Answer) -> list[str]:
    """Return tasks whose digest is in doubt after that answer."""
    tasks = gathered(care, runs, phones, count)
    phones.company.script(answer, to=NURSE_PHONE)
    sent(care, runs)
    assert digest(care)["state"] == "IN_DOUBT"
    return tasks


def looked_up(care: Care, runs: Runs) -> None:
    """Let the doubt end, one way or the other."""
    for seconds in (10, 70):
        care.it_is(NOW + WINDOW + timedelta(seconds=seconds))
        runs.sensor(doubtful_texts)
    assert digest(care)["state"] != "IN_DOUBT"


@pytest.mark.parametrize("state", ["SENDING", "IN_DOUBT", "QUEUED again"])
def test_nothing_is_taken_by_name_out_of_a_digest_that_may_be_out(
    care: Care, runs: Runs, phones: Phones, state: str
) -> None:
    """It would be told twice."""
    answer = ResetBeforeAccepting() if state == "QUEUED again" else ResetAfterAccepting()
    task, _ = in_doubt(care, runs, phones, 2, answer)
    if state == "SENDING":
        care.alter("ALTER TABLE orchestration.notification DISABLE TRIGGER USER")
        care.rows("UPDATE orchestration.notification SET state = 'SENDING' WHERE kind = 'task-digest'")
        care.alter("ALTER TABLE orchestration.notification ENABLE TRIGGER USER")
    elif state == "QUEUED again":
        looked_up(care, runs)
        assert (digest(care)["state"], digest(care)["attempts"]) == ("QUEUED", 1)
    assert runs.launch("notify_nurse_task", task_ids=[task]).success
    assert fates(care, [task]) == [("SCHEDULED", "GATHERED")]
    if state != "QUEUED again":
        phones(NURSE_PHONE).received_text(containing="📋 2 new tasks")


def test_a_task_that_is_cancelled_while_its_digest_is_in_doubt_stays_told_if_it_was(
    care: Care, runs: Runs, phones: Phones
) -> None:
    """Whoever gives the order is told so; and it comes not again."""
    task, other = in_doubt(care, runs, phones, 2, ResetAfterAccepting())
    said = orders.change("cancel", task, None, MAYA)
    assert f"its digest, {digest(care)['id']}, may have told of it already" in said
    assert fates(care, [task]) == [("SCHEDULED", "GATHERED")]
    looked_up(care, runs)
    phones(NURSE_PHONE).received_text(containing="📋 2 new tasks")
    assert fates(care, [task, other]) == [("SENT", "TOLD_IN_DIGEST")] * 2


def test_a_task_that_is_cancelled_while_its_digest_is_in_doubt_is_not_told_of_if_it_was_not(
    care: Care, runs: Runs, phones: Phones
) -> None:
    """The digest is sent again without it, also if the task has become critical."""
    task, other = in_doubt(care, runs, phones, 2, ResetBeforeAccepting())
    orders.change("cancel", task, None, MAYA)
    care.change_task(task, severity="CRITICAL")
    looked_up(care, runs)
    runs.tick(DUE_DIGESTS)
    phones(NURSE_PHONE).received_text(containing="📋 1 new task for you: 1 HIGH\n")
    assert fates(care, [task, other]) == [("CANCELLED", "CANCELLED_BY_OPERATOR"), ("SENT", "TOLD_IN_DIGEST")]
    assert care.ledger(task)[0]["ended_by"] == "maya"
    assert runs.tick(NEW_TASKS) == []


def test_a_task_that_is_cancelled_while_its_digest_is_being_sent_is_not_told_of_a_second_time(
    care: Care, runs: Runs, phones: Phones
) -> None:
    """By the second try, once the first has not arrived."""
    phones.company.seconds_per_status = 0
    phones.company.undeliverable[NURSE_PHONE] = 30003
    task, other = gathered(care, runs, phones, 2)
    begin = Attempts.begin_attempt

    def cancelled_meanwhile(self: Attempts, *args: Any, **kwargs: Any) -> Attempt:
        began = begin(self, *args, **kwargs)
        assert digest(care)["state"] == "SENDING"
        orders.change("cancel", task, None, MAYA)
        return began

    with pytest.MonkeyPatch.context() as meanwhile:
        meanwhile.setattr(Attempts, "begin_attempt", cancelled_meanwhile)
        sent(care, runs)
    phones(NURSE_PHONE).received_text(containing="📋 2 new tasks")
    care.it_is(NOW + WINDOW + MINUTE)
    runs.sensor(texts_without_receipt)
    assert care.states(task) == ["UNDELIVERED"]
    assert care.states(other) == ["UNDELIVERED", "SCHEDULED"]
    care.it_is(NOW + WINDOW + 6 * MINUTE)
    runs.tick(DUE_DIGESTS)
    phones(NURSE_PHONE).received_text(containing="📋 1 new task")


def test_a_task_that_was_cancelled_in_doubt_is_not_held_with_its_digest(care: Care, runs: Runs, phones: Phones) -> None:
    """So that a release of the digest does not tell of it, either."""
    task, other = in_doubt(care, runs, phones, 2, ResetBeforeAccepting())
    orders.change("cancel", task, None, MAYA)
    (doubtful,) = runs.ledger.doubts.in_doubt()
    assert runs.ledger.doubts.settle_doubt(doubtful, Suppression(State.HELD, "not readable", Cause.LIST_UNREADABLE))
    assert fates(care, [task, other]) == [("CANCELLED", "CANCELLED_BY_OPERATOR"), ("HELD", "LIST_UNREADABLE")]


def test_what_was_cancelled_alone_is_not_sent_again_with_its_digest(care: Care, runs: Runs, phones: Phones) -> None:
    """But with a digest that was itself cancelled it is."""
    task, _ = gathered(care, runs, phones, 2)
    orders.change("cancel", task, None, MAYA)
    sent(care, runs)
    phones(NURSE_PHONE).received_text(containing="📋 1 new task")
    orders.change("resend", str(digest(care)["id"]), None, MAYA)
    runs.tick(DUE_DIGESTS)
    phones(NURSE_PHONE).received_text(containing="📋 1 new task")


def test_a_digest_that_was_cancelled_and_is_sent_again_tells_of_all(care: Care, runs: Runs, phones: Phones) -> None:
    """Which were cancelled with it."""
    gathered(care, runs, phones, 2)
    orders.change("cancel", str(digest(care)["id"]), None, MAYA)
    orders.change("resend", str(digest(care)["id"]), None, MAYA)
    runs.tick(DUE_DIGESTS)
    phones(NURSE_PHONE).received_text(containing="📋 2 new tasks")


# --- by hand ----------------------------------------------------------------------------------------------------------


def test_a_run_that_is_executed_again_takes_nothing_out_of_a_digest(
    care: Care, runs: Runs, phones: Phones, tmp_path: Path
) -> None:
    """Only a person who launches one for a task does."""
    nurse = care.a_nurse()
    tasks = [care.a_task(nurse, created_at=NOW) for _ in range(8)]
    (claim,) = runs.ledger.claims.claim(NEW_TASKS)
    job, config = reconstructable(notify_nurse_task_of_the_definitions), {"task_ids": tasks}
    with DagsterInstance.local_temp(str(tmp_path)) as instance:
        first = execute_job(job, instance=instance, run_config=config, tags={"dagster/run_key": claim.id})
        alone(phones)
        again = ReexecutionOptions(first.run_id)
        assert execute_job(job, instance=instance, run_config=config, reexecution_options=again).success
    assert phones.unexpected() == []
    sent(care, runs)
    phones(NURSE_PHONE).received_text(containing="📋 3 new tasks")


def notify_nurse_task_of_the_definitions() -> JobDefinition:
    """Return the job with its resources, as a worker loads it."""
    return defs.get_job_def("notify_nurse_task")


def test_whoever_asks_for_a_digest_that_is_over_or_for_none_is_told_so(
    care: Care, runs: Runs, phones: Phones, capfd: pytest.CaptureFixture[str]
) -> None:
    """By the state that it is in; another message's id is no digest's."""
    (task,) = gathered(care, runs, phones, 1)
    sent(care, runs)
    phones(NURSE_PHONE).received_text(containing="📋 1 new task")
    id_ = str(digest(care)["id"])
    assert runs.launch("send_digest", notification_ids=[id_.upper(), "no-id"]).success
    said = capfd.readouterr().err
    assert f"{id_}: its message is SENT under another claim; this run leaves it alone" in said
    assert "no message has the id no-id" in said
    for other in (str(uuid4()), str(care.ledger(task)[0]["id"])):
        assert f"no message has the id {other}" in failure(runs.launch("send_digest", notification_ids=[other]))


def test_the_id_of_an_answer_is_no_digests(care: Care, environment: None) -> None:  # noqa: ARG001
    """Though it is about no task, either: its own timeline is shown."""
    id_ = an_answer(care)
    told = CliRunner().invoke(sequora, ["timeline", id_])
    assert f"Message {id_}: reply, about no task and no episode" in " ".join(told.output.split())


def test_the_timeline_of_a_task_that_waits_names_the_pause_of_its_digest(
    care: Care, runs: Runs, phones: Phones
) -> None:
    """For a pause of its own kind does not hold the digest up."""
    (task,) = gathered(care, runs, phones, 1)
    care.it_is(NOW + WINDOW)

    def shown() -> str:
        return " ".join(CliRunner().invoke(sequora, ["timeline", task]).output.split())

    orders.pause("task-created", MAYA)
    assert "waits: task-created" not in shown()
    assert "resume task-created" not in shown()
    orders.pause("task-digest", MAYA)
    assert "waits: task-digest is paused by maya" in shown()
    assert "`sequora resume task-digest`" in shown()
