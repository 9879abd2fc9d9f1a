"""What is past its retention is deleted, and nobody is told anything again for want of it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from attempts import begin
from care import NOW, NURSE_PHONE, PATIENT_PHONE, Care
from dagster import DagsterRunStatus, ExecuteInProcessResult, RunsFilter
from least_rights import as_role, make_role
from phones import Phones
from runs import Runs, metadata
from sqlalchemy import text

from sequora_orchestration.database import engine_for
from sequora_orchestration.domain.cause import Cause
from sequora_orchestration.domain.ledger_state import State
from sequora_orchestration.jobs import delete_what_is_over
from sequora_orchestration.ledger import retention
from sequora_orchestration.ledger.ledger import Ledger
from sequora_orchestration.ledger.rows import Operator
from sequora_orchestration.messages.check_in import DUE_CHECK_INS, NEW_EPISODES
from sequora_orchestration.messages.kind import Suppression
from sequora_orchestration.messages.nurse_unreached import UNREACHED_NURSES
from sequora_orchestration.messages.queue import Queue
from sequora_orchestration.messages.sla_breach import SLA_BREACHES
from sequora_orchestration.messages.sla_escalation import UNANSWERED_BREACHES
from sequora_orchestration.messages.task_created import NEW_TASKS

DAY = timedelta(days=1)
LATER = NOW + 401 * DAY
QUEUES_OF_TASKS = [NEW_TASKS, SLA_BREACHES, UNANSWERED_BREACHES, UNREACHED_NURSES]
MAYA = Operator(who="maya", why="an exercise")

pytestmark = pytest.mark.usefixtures("stopped_clock")


def delete(runs: Runs) -> ExecuteInProcessResult:
    """Launch the job."""
    result = runs.launch("delete_what_is_over")
    assert result.success
    return result


def deleted(runs: Runs) -> object:
    """Launch the job, and return how many messages it has deleted."""
    return metadata(delete(runs), "delete_old_messages")["deleted"]


def a_text(care: Care, ledger: Ledger, **task: Any) -> str:
    """Return a task whose nurse was texted now."""
    id_ = care.a_task(care.a_nurse(), created_at=NOW, **task)
    sent(ledger, NEW_TASKS)
    return id_


def sent(ledger: Ledger, queue: Queue) -> None:
    """Let everything that the queue finds be sent and delivered."""
    for claim in ledger.claims.claim(queue):
        for notification in ledger.leases.take_up(claim.id, "a-run"):
            ledger.attempts.settle_sent(
                notification, begin(ledger, notification) or 0, f"SM{notification.id}", content=None
            )
            ledger.receipts.settle_delivered(ledger.receipts.without_receipt([notification.id]))


def claimed(ledger: Ledger) -> list[str]:
    """Return what the sensors that are about tasks claim now."""
    return [subject.id for queue in QUEUES_OF_TASKS for one in ledger.claims.claim(queue) for subject in one.subjects]


def test_what_is_over_goes_with_its_history_and_its_orders(care: Care, ledger: Ledger, runs: Runs) -> None:
    """Nothing of it is left, but for who has opted out."""
    task = a_text(care, ledger)
    ledger.orders.resend(task, None, MAYA)
    sent(ledger, NEW_TASKS)
    ledger.halts.pause("check-in", MAYA)
    ledger.halts.resume("check-in", MAYA)
    ledger.opt_outs.remember_opt_out(PATIENT_PHONE, None)
    care.change_task(task, status="RESOLVED")
    assert care.states() == ["DELIVERED", "DELIVERED"]
    care.it_is(LATER)
    assert deleted(runs) == 2
    for table in ("notification", "notification_event", "operator_action", "lost_attempt"):
        assert care.rows(f"SELECT * FROM orchestration.{table}") == []
    assert ledger.opt_outs.moment([PATIENT_PHONE]).opted_out == {PATIENT_PHONE}
    assert claimed(ledger) == []


def test_what_is_not_past_its_retention_stays(care: Care, ledger: Ledger, runs: Runs) -> None:
    """The age of a message is that of the last thing that happened to it."""
    task = a_text(care, ledger)
    care.change_task(task, status="RESOLVED")
    care.it_is(NOW + 399 * DAY)
    assert deleted(runs) == 0
    care.rows("UPDATE orchestration.notification SET sent_at = orchestration.clock()")
    care.it_is(LATER)
    assert deleted(runs) == 0
    assert care.states(task) == ["DELIVERED"]


@pytest.mark.parametrize("status", ["OPEN", "IN_PROGRESS", None])
def test_the_messages_of_an_open_task_stay_whatever_their_age(
    care: Care, ledger: Ledger, runs: Runs, status: str | None
) -> None:
    """Else its nurse would be told again, and again be alerted, of what she has known for years."""
    task = a_text(care, ledger, sla_due_at=NOW - DAY)
    sent(ledger, SLA_BREACHES)
    care.rows('ALTER TABLE "EscalationTask" ALTER status DROP NOT NULL')
    care.change_task(task, status=status)
    care.it_is(NOW + 3 * 400 * DAY)
    sent(ledger, UNANSWERED_BREACHES)
    before = care.states(task)
    assert before == ["DELIVERED", "DELIVERED", "DELIVERED"]
    care.it_is(NOW + 6 * 400 * DAY)
    assert deleted(runs) == 0
    assert care.states(task) == before
    assert claimed(ledger) == []


def test_the_messages_of_a_task_that_the_application_has_deleted_go(care: Care, ledger: Ledger, runs: Runs) -> None:
    """No question can be about it any more."""
    task = a_text(care, ledger)
    care.rows('DELETE FROM "EscalationTask" WHERE id = :task', task=task)
    care.it_is(LATER)
    assert deleted(runs) == 1


@pytest.mark.parametrize("state", ["SCHEDULED", "QUEUED", "SENDING", "IN_DOUBT", "HELD"])
def test_what_is_not_settled_stays_and_so_does_all_about_the_same_task(
    care: Care, ledger: Ledger, runs: Runs, state: str
) -> None:
    """A person or a sensor has still to do with it, and looks at what came before."""
    task = a_text(care, ledger)
    ledger.orders.resend(task, None, MAYA)
    moves = {
        "SCHEDULED": ["SCHEDULED"],
        "QUEUED": [],
        "SENDING": ["SENDING"],
        "IN_DOUBT": ["SENDING", "IN_DOUBT"],
        "HELD": ["SENDING", "IN_DOUBT", "HELD"],
    }
    for move in moves[state]:
        care.rows(
            "UPDATE orchestration.notification SET state = :move, due_at = orchestration.clock(), reason = 'a test',"
            " attempted_at = orchestration.clock() WHERE state NOT IN ('DELIVERED', :move)",
            move=move,
        )
    care.change_task(task, status="RESOLVED")
    care.it_is(LATER)
    assert deleted(runs) == 0
    assert set(care.states(task)) == {"DELIVERED", state}
    assert [row["notification_id"] is not None for row in care.rows("SELECT * FROM orchestration.operator_action")] == [
        True
    ]


def test_every_settled_state_goes(care: Care, ledger: Ledger, runs: Runs) -> None:
    """However it ended."""
    tasks = [care.a_task(care.a_nurse()) for _ in range(5)]
    for claim, state in zip(
        ledger.claims.claim(NEW_TASKS), ["FAILED", "CANCELLED", "SENT", "UNDELIVERED", ""], strict=True
    ):
        (notification,) = ledger.leases.take_up(claim.id, "a-run")
        if state in {"FAILED", "CANCELLED"}:
            ledger.withheld.suppress(notification, Suppression(State(state), "a test", Cause.TASK_CLOSED), "a-run")
            continue
        ledger.attempts.settle_sent(
            notification, begin(ledger, notification) or 0, f"SM{notification.id}", content=None
        )
        if not state:
            ledger.receipts.settle_delivered(ledger.receipts.without_receipt([notification.id]))
        elif state == "UNDELIVERED":
            care.rows("UPDATE orchestration.notification SET state = 'UNDELIVERED' WHERE id = :id", id=notification.id)
    for task in tasks:
        care.change_task(task, status="CANCELLED")
    assert sorted(care.states()) == ["CANCELLED", "DELIVERED", "FAILED", "SENT", "UNDELIVERED"]
    care.it_is(LATER)
    assert deleted(runs) == 5


def test_an_old_check_in_goes_and_is_not_made_again(care: Care, ledger: Ledger, runs: Runs, phones: Phones) -> None:
    """The question for new episodes does not reach so far back."""
    care.an_episode(care.a_patient(), created_at=NOW)
    runs.tick(NEW_EPISODES)
    care.it_is(NOW + DAY)
    runs.tick(DUE_CHECK_INS)
    phones(PATIENT_PHONE).received_text()
    care.it_is(LATER + DAY)
    assert deleted(runs) == 1
    assert ledger.claims.claim(NEW_EPISODES) == []


@pytest.mark.parametrize("episode", [{"created_at": LATER}, {"created_at": None, "discharge_at": LATER + 9 * DAY}])
def test_the_check_in_of_an_episode_from_the_future_stays(
    care: Care, ledger: Ledger, runs: Runs, episode: dict[str, Any]
) -> None:
    """Somebody mistyped a year: the question finds that episode for as long, and only the message answers it."""
    care.rows('ALTER TABLE "Episode" ALTER created_at DROP NOT NULL')
    care.an_episode(care.a_patient(), **episode)
    sent(ledger, NEW_EPISODES)
    care.it_is(LATER)
    assert deleted(runs) == 0
    assert ledger.claims.claim(NEW_EPISODES) == []


def test_a_check_in_stays_for_as_long_as_any_delay_could_bring_it_back(
    care: Care, ledger: Ledger, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody may make the delay longer after the message is past its retention."""
    monkeypatch.setenv("SEQUORA_KEEP_MESSAGES", "30d")
    care.an_episode(care.a_patient(), created_at=NOW)
    sent(ledger, NEW_EPISODES)
    care.it_is(NOW + 371 * DAY)
    assert deleted(runs) == 0
    care.it_is(NOW + 373 * DAY)
    assert deleted(runs) == 1


def test_a_task_and_an_episode_of_the_same_id_are_not_mistaken_for_each_other(
    care: Care, ledger: Ledger, runs: Runs
) -> None:
    """The open task's message stays, the old episode's goes."""
    episode = care.an_episode(care.a_patient(), created_at=NOW)
    sent(ledger, NEW_EPISODES)
    task = a_text(care, ledger, id=episode)
    care.it_is(LATER)
    assert deleted(runs) == 1
    assert care.states(task) == ["DELIVERED"]


def test_what_is_kept_does_not_hide_what_comes_after_it(
    care: Care, ledger: Ledger, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Open tasks are the oldest of all, and fill more than a batch."""
    monkeypatch.setattr(retention, "EVENTS_A_BATCH", 3)
    still_open = [a_text(care, ledger) for _ in range(4)]
    over = [a_text(care, ledger) for _ in range(4)]
    for task in over:
        care.change_task(task, status="RESOLVED")
    care.it_is(LATER)
    assert deleted(runs) == 4
    assert {row["task_id"] for row in care.ledger()} == set(still_open)
    assert deleted(runs) == 0


def test_a_message_that_somebody_has_locked_holds_nobody_up(care: Care, ledger: Ledger, runs: Runs) -> None:
    """It is left to the next run; so two runs at once do not wait for each other."""
    locked, free = (a_text(care, ledger) for _ in range(2))
    for task in (locked, free):
        care.change_task(task, status="RESOLVED")
    care.it_is(LATER)
    with care.engine.execution_options(isolation_level="READ COMMITTED").begin() as elsewhere:
        elsewhere.execute(
            text("SELECT FROM orchestration.notification WHERE task_id = :task FOR UPDATE"), {"task": locked}
        )
        assert deleted(runs) == 1
    assert [row["task_id"] for row in care.ledger()] == [locked]
    assert deleted(runs) == 1


def test_who_was_given_a_task_goes_when_its_last_message_does(
    care: Care, runs: Runs, phones: Phones, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not while the task is open: it would be given to somebody again."""
    monkeypatch.setenv("SEQUORA_ASSIGN", "on")
    care.a_nurse()
    still_open, closed = (care.a_task(None, created_at=NOW) for _ in range(2))
    runs.assign()
    runs.tick(NEW_TASKS)
    for _ in range(2):
        phones(NURSE_PHONE).received_text()
    care.rows("UPDATE orchestration.notification SET state = 'DELIVERED'")
    care.change_task(closed, status="RESOLVED")
    care.it_is(LATER)
    delete(runs)
    assert [row["task_id"] for row in care.rows("SELECT * FROM orchestration.assignment")] == [still_open]


def test_texts_that_wait_go_first(
    care: Care, ledger: Ledger, runs: Runs, phones: Phones, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that deletes could send: the run ends after its batch, and the next one goes on."""
    monkeypatch.setattr(retention, "EVENTS_A_BATCH", 1)
    for _ in range(3):
        care.change_task(a_text(care, ledger), status="RESOLVED")
    care.it_is(LATER)
    care.a_task(care.a_nurse(), created_at=LATER)
    (claim,) = ledger.claims.claim(NEW_TASKS)
    care.it_is(LATER + timedelta(seconds=1))
    step = metadata(delete(runs), "delete_old_messages")
    assert step["deleted"] == 1
    assert step["ended by"] == "texts wait for a worker; the next run goes on"
    runs.run(NEW_TASKS, claim)
    phones(NURSE_PHONE).received_text()
    step = metadata(delete(runs), "delete_old_messages")
    assert (step["deleted"], step["ended by"]) == (2, "nothing is left")


def test_texts_that_may_not_go_out_do_not_count_as_waiting(care: Care, ledger: Ledger, runs: Runs) -> None:
    """A pause of weeks would let everything else grow."""
    care.a_task(care.a_nurse())
    (claim,) = ledger.claims.claim(NEW_TASKS)
    ledger.halts.pause("all", MAYA)
    ledger.leases.give_back(ledger.leases.take_up(claim.id, "a-run"), "paused")
    care.it_is(NOW + DAY)
    assert not ledger.leases.texts_wait()
    assert metadata(delete(runs), "delete_old_messages")["ended by"] == "nothing is left"


def test_a_run_ends_when_its_time_is_over(
    care: Care, ledger: Ledger, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And says that the next one goes on."""
    monkeypatch.setattr(retention, "EVENTS_A_BATCH", 1)
    monkeypatch.setattr(delete_what_is_over, "MOST_SECONDS", 0)
    for _ in range(2):
        care.change_task(a_text(care, ledger), status="RESOLVED")
    care.it_is(LATER)
    step = metadata(delete(runs), "delete_old_messages")
    assert (step["deleted"], step["ended by"]) == (1, "its time is over; the next run goes on")


@pytest.fixture
def real_time(care: Care) -> datetime:
    """The clock stands at the time that Dagster's own database has."""
    now = datetime.now(UTC)
    care.it_is(now)
    return now


def test_old_runs_go_with_their_events_and_those_that_are_not_finished_stay(
    care: Care, runs: Runs, real_time: datetime
) -> None:
    """Whatever they ended with."""
    succeeded = delete(runs).run_id
    failed = runs.launch("notify_nurse_task", task_ids=["no such task"]).run_id
    under_way = runs.instance.create_run_for_job(
        delete_what_is_over.delete_what_is_over, status=DagsterRunStatus.STARTED
    ).run_id
    assert metadata(delete(runs), "delete_old_runs")["deleted"] == 0
    care.it_is(real_time + 31 * DAY)
    result = delete(runs)
    assert metadata(result, "delete_old_runs")["deleted"] == 3
    assert {run.run_id for run in runs.instance.get_runs()} == {under_way, result.run_id}
    for run_id in (succeeded, failed):
        assert runs.instance.all_logs(run_id) == []


def test_a_runs_age_is_the_same_wherever_the_database_thinks_it_is(care: Care, runs: Runs, real_time: datetime) -> None:
    """East of UTC runs would be deleted before their time."""
    name = care.one("SELECT current_database()")
    care.rows(f"""ALTER DATABASE "{name}" SET timezone = 'Pacific/Auckland'""")
    care.engine.dispose()
    early = delete(runs).run_id
    care.it_is(real_time + 30 * DAY - timedelta(hours=1))
    assert metadata(delete(runs), "delete_old_runs")["deleted"] == 0
    assert runs.instance.get_run_by_id(early)


def test_many_runs_go_in_batches(care: Care, runs: Runs, real_time: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest first; what time is left for stays for the next run."""
    monkeypatch.setattr(delete_what_is_over, "RUNS_A_BATCH", 2)
    monkeypatch.setattr(delete_what_is_over, "MOST_SECONDS", 0)
    first, second, third = (delete(runs).run_id for _ in range(3))
    care.it_is(real_time + 31 * DAY)
    step = metadata(delete(runs), "delete_old_runs")
    assert (step["deleted"], step["ended by"]) == (2, "its time is over; the next run goes on")
    left = {run.run_id for run in runs.instance.get_runs(RunsFilter(run_ids=[first, second, third]))}
    assert left == {third}


def test_the_role_with_the_least_rights_can_delete(
    care: Care, care_url: str, ledger: Ledger, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The running system does it, not the owner of the tables."""
    task = a_text(care, ledger)
    care.change_task(task, status="RESOLVED")
    care.it_is(LATER)
    make_role(care.engine)
    monkeypatch.setenv("SUPABASE_DB_URL", as_role(care_url))
    assert deleted(runs) == 1
    engine_for(as_role(care_url)).dispose()


def test_a_retention_that_cannot_be_is_a_sentence_and_deletes_nothing(
    care: Care, ledger: Ledger, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slip of the pen must not cost the ledger."""
    care.change_task(a_text(care, ledger), status="RESOLVED")
    care.it_is(LATER)
    monkeypatch.setenv("SEQUORA_KEEP_MESSAGES", "1d")
    result = runs.launch("delete_what_is_over")
    assert not result.success
    assert care.states() == ["DELIVERED"]
    assert result.all_events
    failures = [one for one in result.all_events if one.event_type_value == "STEP_FAILURE"]
    assert "SEQUORA_KEEP_MESSAGES must be between 30 and 3650 days" in str(failures[0].step_failure_data)
