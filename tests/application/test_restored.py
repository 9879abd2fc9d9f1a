"""A database that was restored, so that ledger and application are of two moments; and ids that cannot be."""

from collections.abc import Callable
from datetime import timedelta
from itertools import product

import pytest
from care import NOW, NURSE_PHONE, PATIENT_PHONE, Care
from click.testing import CliRunner
from phones import Phones
from runs import Runs, failure

from sequora_orchestration.cli.commands import sequora
from sequora_orchestration.ledger.ledger import Ledger
from sequora_orchestration.local.twilio.scripted_answers import ResetAfterAccepting
from sequora_orchestration.messages.check_in import DUE_CHECK_INS, NEW_EPISODES
from sequora_orchestration.messages.task_created import NEW_TASKS
from sequora_orchestration.migrations.apply import Migrated
from sequora_orchestration.sensors.certainty import doubtful_texts

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)

pytestmark = pytest.mark.usefixtures("environment", "stopped_clock")


@pytest.fixture
def back_up(care: Care) -> Callable[[], Callable[[], None]]:
    """Keep the ledger as it is, and return what brings it back, while the application's rows stay as they are then."""

    def back_up() -> Callable[[], None]:
        care.rows("CREATE TABLE of_before AS TABLE orchestration.notification")
        return restore

    def restore() -> None:
        with care.engine.execution_options(isolation_level="READ COMMITTED").begin() as connection:
            connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
            connection.exec_driver_sql("DELETE FROM orchestration.notification_event")
            connection.exec_driver_sql("DELETE FROM orchestration.notification")
            connection.exec_driver_sql("INSERT INTO orchestration.notification SELECT * FROM of_before")

    return back_up


def a_new_task(care: Care, **columns: object) -> str:
    return care.a_task(care.a_nurse(), created_at=NOW, updated_at=NOW, **columns)


def test_of_what_the_ledger_has_forgotten_only_what_is_open_is_told_again(
    care: Care, runs: Runs, phones: Phones, back_up: Callable[[], Callable[[], None]]
) -> None:
    """Nobody knows that it was: but what was told before, and what is closed by now, is not told a second time."""
    before = a_new_task(care)
    runs.tick(NEW_TASKS)
    restore = back_up()
    after, closed = a_new_task(care), a_new_task(care)
    runs.tick(NEW_TASKS)
    care.change_task(closed, status="RESOLVED")
    for _ in range(3):
        phones(NURSE_PHONE).received_text()
    restore()
    runs.tick(NEW_TASKS)
    phones(NURSE_PHONE).received_text(containing=[after])
    assert (care.states(before), care.states(after), care.states(closed)) == (["SENT"], ["SENT"], [])


def test_a_moment_of_going_live_after_the_back_up_leaves_alone_what_came_before(
    care: Care, runs: Runs, phones: Phones, back_up: Callable[[], Callable[[], None]]
) -> None:
    """Whoever restores a ledger may so choose that nobody is told twice, and not that everybody is told."""
    restore = back_up()
    a_new_task(care)
    runs.tick(NEW_TASKS)
    phones(NURSE_PHONE).received_text()
    restore()
    care.it_is(NOW + HOUR)
    later = care.a_task(care.a_nurse(), created_at=NOW + HOUR)
    ledger = Ledger(care.engine, go_live_at=NOW + MINUTE)
    assert [subject.id for claim in ledger.claims.claim(NEW_TASKS) for subject in claim.subjects] == [later]


def test_a_text_that_was_under_way_in_the_back_up_is_looked_for_and_not_sent_again(
    care: Care, runs: Runs, phones: Phones, back_up: Callable[[], Callable[[], None]]
) -> None:
    """The phone company has it, and it is taken over; the log has no second row."""
    task = a_new_task(care)
    (claim,) = runs.ledger.claims.claim(NEW_TASKS)
    (notification,) = runs.ledger.leases.take_up(claim.id, "a-run")
    phones.company.script(ResetAfterAccepting(), to=NURSE_PHONE)
    runs.run(NEW_TASKS, claim)
    restore = back_up()
    assert care.states(task) == ["IN_DOUBT"]
    care.it_is(NOW + MINUTE)
    runs.sensor(doubtful_texts)
    assert care.states(task) == ["SENT"]
    restore()
    care.it_is(NOW + 2 * MINUTE)
    runs.sensor(doubtful_texts)
    assert care.states(task) == ["SENT"]
    assert phones(NURSE_PHONE).attempts == 1
    phones(NURSE_PHONE).received_text()
    assert notification.id == str(care.ledger(task)[0]["id"])


def test_a_text_that_waited_in_the_back_up_is_sent_once_more(
    care: Care, runs: Runs, phones: Phones, back_up: Callable[[], Callable[[], None]]
) -> None:
    """By then nobody had begun it: it cannot be told from one that was never sent. Silence would be worse."""
    task = a_new_task(care)
    (claim,) = runs.ledger.claims.claim(NEW_TASKS)
    restore = back_up()
    runs.run(NEW_TASKS, claim)
    restore()
    care.let_leases_expire()
    runs.tick(NEW_TASKS)
    for _ in range(2):
        phones(NURSE_PHONE).received_text(containing=[task])
    assert care.states(task) == ["SENT"]


def test_a_check_in_that_waited_in_the_back_up_goes_out_again_only_while_it_is_fresh(
    care: Care, runs: Runs, phones: Phones, back_up: Callable[[], Callable[[], None]]
) -> None:
    """A patient is not texted days later for that."""
    care.an_episode(care.a_patient(), created_at=NOW, discharge_at=NOW)
    runs.tick(NEW_EPISODES)
    restore = back_up()
    care.it_is(NOW + DAY)
    runs.tick(DUE_CHECK_INS)
    phones(PATIENT_PHONE).received_text()
    restore()
    care.it_is(NOW + 10 * DAY)
    runs.tick(DUE_CHECK_INS)
    assert care.states(kind="check-in") == ["CANCELLED"]


def test_a_row_that_the_log_has_already_keeps_no_text_from_going_out(
    care: Care,
    runs: Runs,
    phones: Phones,
    put_in_force: Callable[..., Migrated],
    back_up: Callable[[], Callable[[], None]],
) -> None:
    """The log refuses the second one of the same key, and it stays owed."""
    put_in_force({"log.key": "id", "log.row.id": "message.id"})
    task = a_new_task(care)
    (claim,) = runs.ledger.claims.claim(NEW_TASKS)
    restore = back_up()
    runs.run(NEW_TASKS, claim)
    restore()
    care.let_leases_expire()
    runs.tick(NEW_TASKS)
    for _ in range(2):
        phones(NURSE_PHONE).received_text(containing=[task])
    assert [(row["state"], row["log_owes"]) for row in care.ledger(task)] == [("SENT", "row")]
    assert len(care.logged(task)) == 1


def test_a_message_about_a_task_that_is_not_there_any_more_is_sent_to_nobody(
    care: Care, runs: Runs, phones: Phones
) -> None:
    """Where it is the application that was restored to a moment before the ledger's."""
    task = a_new_task(care)
    (claim,) = runs.ledger.claims.claim(NEW_TASKS)
    care.rows('DELETE FROM "EscalationTask"')
    assert runs.run(NEW_TASKS, claim).success
    assert care.states(task) == ["CANCELLED"]
    phones(NURSE_PHONE).received_no_text()


# --- ids that cannot be -----------------------------------------------------------------------------------------------

ODD = ["99999999999999999999", "-1", "1e3", "no id", "a\x00b", "\udcff", "{}", "1; DROP TABLE x", "7" * 5_000]


@pytest.fixture(params=["uuid", "smallint", "text", "numeric(4)"])
def ids(request: pytest.FixtureRequest, care: Care) -> str:
    """The type of the application's ids."""
    type_name = str(request.param)
    if type_name != "uuid":
        care.alter(
            *(
                f'ALTER TABLE "{table}" ALTER id DROP DEFAULT, ALTER id TYPE {type_name} USING NULL'
                for table in ("EscalationTask", "Episode", "User", "Patient")
            ),
            f'ALTER TABLE "EscalationTask" ALTER assigned_to_user_id TYPE {type_name} USING NULL,'
            f" ALTER episode_id TYPE {type_name} USING NULL",
            f'ALTER TABLE "Episode" ALTER patient_id TYPE {type_name} USING NULL',
            f'ALTER TABLE "NotificationLog" ALTER task_id TYPE {type_name} USING NULL,'
            f" ALTER nurse_id TYPE {type_name} USING NULL",
        )
    return type_name


@pytest.mark.usefixtures("ids")
def test_an_id_that_cannot_be_is_told_in_a_sentence() -> None:
    """`sequora timeline` knows it as little as any other that names nothing."""
    for odd in set(ODD) - {"a\x00b"}:  # which no command line can hold
        done = CliRunner().invoke(sequora, ["timeline", "--", odd])
        assert done.exit_code == 2
        assert "neither the application nor the ledger knows" in done.output, done.output
        assert "give the id of a task, an episode or a message" in done.output
        assert "SQL" not in done.output


@pytest.mark.usefixtures("ids")
def test_an_order_about_an_id_that_cannot_be_is_a_sentence() -> None:
    """Nothing is changed by it."""
    for verb, odd in product(("cancel", "resend", "release"), ODD):
        done = CliRunner().invoke(sequora, [verb, "--", odd])
        assert done.exit_code == 1
        assert "SQL" not in f"{done.output} {done.exception}"
        assert type(done.exception).__name__ in {"OrderRefusedError", "UnknownIdError"}, done.exception


@pytest.mark.usefixtures("ids")
@pytest.mark.parametrize("job", ["notify_nurse_task", "schedule_check_in"])
def test_a_run_about_an_id_that_cannot_be_says_that_there_is_no_such_row(runs: Runs, job: str) -> None:
    """It does not come again, and there is no SQL in what it says."""
    ids = "episode_ids" if job == "schedule_check_in" else "task_ids"
    typed = [odd for odd in ODD if "\udcff" not in odd]  # which no run config can hold
    result = runs.launch(job, **{ids: typed})
    assert not result.success
    assert "has the id" in failure(result)
    assert "SELECT" not in failure(result)


def test_among_ids_that_cannot_be_those_that_are_there_are_texted_about(
    ids: str, care: Care, runs: Runs, phones: Phones
) -> None:
    """Nothing is lost for a slip of the pen."""
    one, other = ("1", "2") if ids != "uuid" else (None, None)
    nurse = care.a_nurse(**({"id": one} if one else {}))
    task = care.a_task(nurse, **({"id": other, "episode_id": other} if other else {}), created_at=NOW)
    assert runs.launch("notify_nurse_task", task_ids=[*ODD[:4], task]).success
    phones(NURSE_PHONE).received_text()
    assert care.states(task) == ["SENT"]


def test_messages_about_ids_of_another_type_stop_no_deletion(care: Care, runs: Runs) -> None:
    """An application may have changed its ids since: the ledger keeps them as they were."""
    for key in ("task-created:17:4", f"task-created:{'9' * 30}:4"):
        care.rows(
            """INSERT INTO orchestration.notification
                   (business_key, kind, task_id, recipient_id, urgency, owed_since, state, lease_until, created_at)
               VALUES (:key, 'task-created', split_part(:key, ':', 2), '4', 1, :at, 'QUEUED', :at, :at)""",
            key=key,
            at=NOW - 1000 * DAY,
        )
    care.rows("UPDATE orchestration.notification SET state = 'CANCELLED', reason = 'a test'")
    care.rows("UPDATE orchestration.notification_event SET at = :at", at=NOW - 999 * DAY)
    assert runs.launch("delete_what_is_over").success
    assert care.ledger() == []


def test_a_message_that_was_begun_under_an_id_of_another_type_is_sent_to_nobody(
    care: Care, runs: Runs, phones: Phones
) -> None:
    """Its task is not found under that id any more."""
    care.rows(
        """INSERT INTO orchestration.notification
               (business_key, kind, task_id, episode_id, recipient_id, urgency, owed_since, state, lease_until)
           VALUES ('task-created:17:4', 'task-created', '17', '3', '4', 1, :at, 'QUEUED', :at)""",
        at=NOW,
    )
    task = a_new_task(care)
    care.it_is(NOW + MINUTE)
    runs.tick(NEW_TASKS)
    assert care.states("17") == ["CANCELLED"]
    phones(NURSE_PHONE).received_text(containing=[task])
