"""`sequora timeline` on histories that the jobs themselves have made."""

import json
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
from care import ADMIN_PHONE, NOW, NURSE_PHONE, PATIENT_PHONE, SUPERVISOR_PHONE, Care
from click.testing import CliRunner, Result
from phones import Phones
from runs import Runs, metadata

from sequora_orchestration.cli import timeline as page
from sequora_orchestration.cli.commands import sequora
from sequora_orchestration.ledger.rows import MANY, Operator
from sequora_orchestration.local.twilio.scripted_answers import ResetBeforeAccepting
from sequora_orchestration.messages.check_in import DUE_CHECK_INS, NEW_EPISODES
from sequora_orchestration.messages.nurse_unreached import UNREACHED_NURSES
from sequora_orchestration.messages.sla_breach import SLA_BREACHES
from sequora_orchestration.messages.sla_escalation import UNANSWERED_BREACHES
from sequora_orchestration.messages.task_created import NEW_TASKS
from sequora_orchestration.sensors.certainty import doubtful_texts, texts_without_receipt

SECOND, MINUTE, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)

WEB = "https://dagster.example.com/ui"

pytestmark = pytest.mark.usefixtures("environment", "stopped_clock")


@pytest.fixture(autouse=True)
def web_and_zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The web UI has an address, and the machine is in New York."""
    monkeypatch.setenv("SEQUORA_WEB_URL", WEB)
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def run(*arguments: str) -> Result:
    """Run the command in this process, as a person does."""
    return CliRunner().invoke(sequora, ["timeline", *arguments])


def shown(id_: str, *, exit_code: int = 0) -> str:
    """Return what the command shows in one line, and expect that exit code."""
    done = run(id_)
    assert done.exit_code == exit_code, done.output
    assert max(len(line) for line in done.stdout.splitlines() if "/runs/" not in line) <= page.COLUMNS
    return " ".join(done.stdout.split())


def a_new_task(care: Care, nurse: str | None, **columns: object) -> str:
    return care.a_task(nurse, **{"created_at": NOW, "updated_at": NOW, **columns})


def told(care: Care, runs: Runs, phones: Phones, **columns: object) -> str:
    """Return a task whose nurse was told two seconds after it had appeared."""
    task = a_new_task(care, care.a_nurse(), **columns)
    care.it_is(NOW + 2 * SECOND)
    runs.tick(NEW_TASKS)
    phones(NURSE_PHONE).received_text()
    return task


def test_a_text_that_arrived_is_told_from_the_task_to_the_receipt(care: Care, runs: Runs, phones: Phones) -> None:
    """First that the nurse was told and when; with links, local times, and no name and no number."""
    task = told(care, runs, phones)
    phones.company.seconds_per_status = 0
    care.it_is(NOW + 20 * SECOND)
    runs.sensor(texts_without_receipt)
    text = shown(task)
    (row,) = care.ledger(task)
    nurse = row["recipient_id"]
    assert text.startswith(
        f"OK nurse {nurse} (•••• 0101) was told at 2026-03-02 10:00:02 EST, 2.00 s after the task appeared; "
        "the text arrived"
    )
    parts = [
        "the task appears",
        f"noticed and claimed, to {nurse[:8]}… (•••• 0101); waited 2.00 s",
        f"attempt 1: the phone company has it; waited 0 ms; took 0 ms; SID {row['provider_sid']}",
        "receipt: it has arrived; waited 18 s",
        "nothing: nothing is under way",
        f"{WEB}/runs/{row['run_id']}",
    ]
    assert sorted(parts, key=text.index) == parts
    for secret in ("Nora", "Reyes", NURSE_PHONE, NURSE_PHONE[2:], "CHEST_PAIN"):
        assert secret not in text


def test_a_nurse_without_a_phone_is_nobodys_matter_once_a_supervisor_was_told(
    care: Care, runs: Runs, phones: Phones
) -> None:
    """Until then somebody must act, if that takes longer than a minute."""
    care.a_supervisor()
    task = a_new_task(care, care.a_nurse("555-CALL-ME"))
    runs.tick(NEW_TASKS)
    assert "was NOT reached: the phone number on file has letters in it" in shown(task)
    care.it_is(NOW + 2 * MINUTE)
    assert "no supervisor was told" in shown(task, exit_code=1)
    runs.tick(UNREACHED_NURSES)
    phones(SUPERVISOR_PHONE).received_text()
    assert "(•••• 0121) was told of it at 2026-03-02 10:02:00 EST" in shown(task)


def test_with_nobody_to_escalate_to_somebody_must_act(care: Care, runs: Runs, phones: Phones) -> None:
    """And as soon as an admin is told, nobody."""
    task = a_new_task(care, care.a_nurse(None))
    runs.tick(NEW_TASKS)
    runs.tick(UNREACHED_NURSES)
    assert "nobody to escalate to" in shown(task, exit_code=1)
    care.a_nurse(ADMIN_PHONE, role="ADMIN")
    care.it_is(NOW + 5 * MINUTE)
    runs.tick(UNREACHED_NURSES)
    phones(ADMIN_PHONE).received_text()
    assert "was told of it" in shown(task)


def test_a_task_that_is_resolved_meanwhile_says_why_nobody_was_told(care: Care, runs: Runs) -> None:
    """Between the claim and the call."""
    task = a_new_task(care, care.a_nurse())
    (claim,) = runs.ledger.claims.claim(NEW_TASKS)
    care.change_task(task, status="RESOLVED", resolved_at=NOW)
    runs.run(NEW_TASKS, claim)
    text = shown(task)
    assert "was not told (the task is RESOLVED: nobody needs to act)" in text
    assert "not sent: the task is RESOLVED: nobody needs to act" in text
    assert "nothing: the task is RESOLVED" in text


def test_a_missed_sla_is_told_from_the_alert_to_the_escalation(care: Care, runs: Runs, phones: Phones) -> None:
    """What is to come has its time before, and is told as done after."""
    care.a_supervisor()
    task = told(care, runs, phones, sla_due_at=NOW + MINUTE)
    care.it_is(NOW + MINUTE)
    runs.tick(SLA_BREACHES)
    phones(NURSE_PHONE).received_text(containing=["SLA missed"])
    text = shown(task)
    assert "the SLA was missed at 2026-03-02 10:01:00 EST" in text
    assert "the supervisor is to be texted at 2026-03-02 10:31:00 EST" in text
    assert "10:31:00.000 in 30 min sla-escalation it falls due" in text
    care.it_is(NOW + 33 * MINUTE)
    assert "the supervisor was NOT told yet: the text is SCHEDULED, due for 2 min" in shown(task, exit_code=1)
    runs.tick(UNANSWERED_BREACHES)
    phones(SUPERVISOR_PHONE).received_text(containing=["ESCALATION"])
    assert "(•••• 0121) was told of it at 2026-03-02 10:33:00 EST, 2 min after it was due" in shown(task)


def test_a_check_in_in_doubt_is_held_for_a_person_and_released(care: Care, runs: Runs, phones: Phones) -> None:
    """The order of that person is told, with who and why; and the episode's tasks in short."""
    episode = care.an_episode(care.a_patient(), created_at=NOW, discharge_at=NOW)
    task = told(care, runs, phones, episode_id=episode)
    runs.tick(NEW_EPISODES)
    assert "is to be texted at 2026-03-03 10:00:00 EST (24 h after the episode's creation)" in shown(episode)
    care.it_is(NOW + DAY)
    phones.company.script(ResetBeforeAccepting(), to=PATIENT_PHONE)
    runs.tick(DUE_CHECK_INS)
    assert "MAY have been told at 2026-03-03 10:00:00 EST" in shown(episode)
    for seconds in (5, 120):
        care.it_is(NOW + DAY + seconds * SECOND)
        runs.sensor(doubtful_texts)
    text = shown(episode, exit_code=1)
    (row,) = care.ledger(kind="check-in")
    assert f"`sequora release {row['id']}`" in text
    assert f"{task}: task-created SENT" in text
    runs.ledger.orders.release(episode, None, Operator(who="maya", why="not in the console"))
    runs.tick(DUE_CHECK_INS)
    phones(PATIENT_PHONE).received_text()
    text = shown(episode)
    assert "(•••• 0151) was texted at" in text
    assert "maya released it (not in the console)" in text
    assert "held for a person: in doubt: not found at the phone company" in text


def test_a_task_that_nothing_has_been_recorded_of_needs_somebody_after_a_minute(care: Care) -> None:
    """Of an episode it is found as well, though there is no message."""
    episode = care.an_episode(None, created_at=NOW - 30 * DAY)
    task = a_new_task(care, care.a_nurse(), episode_id=episode)
    assert "a sensor notices it soon" in shown(task)
    care.it_is(NOW + 2 * MINUTE)
    assert "and nothing says why: it is open for 2 min" in shown(task, exit_code=1)
    assert f"task {task}: nurse" in shown(episode, exit_code=1)


def entries(task: str) -> list[dict[str, object]]:
    """Return what happened; but not until when it was to wait, for a wait has its true end once it is over."""
    return [{**one, "until": None} for one in json.loads(run(task, "--json").stdout)["entries"]]


def test_nothing_that_happened_is_gone_when_its_message_is_claimed_again(
    care: Care, runs: Runs, phones: Phones
) -> None:
    """What a run has done stays, with its link: also of one that died."""
    task = a_new_task(care, None)
    (put_off,) = runs.tick(NEW_TASKS)
    before = entries(task)
    assert put_off.run_id in [one["run_id"] for one in before]
    care.change_task(task, assigned_to_user_id=care.a_nurse())
    care.it_is(NOW + 11 * MINUTE)
    for claim in runs.ledger.claims.claim(NEW_TASKS):
        runs.ledger.leases.take_up(claim.id, "a-run-that-dies")
    care.it_is(NOW + 12 * MINUTE)
    runs.tick(NEW_TASKS)
    phones(NURSE_PHONE).received_text()
    after = entries(task)
    assert after[: len(before)] == before
    assert len([one for one in after if one["run_id"] == "a-run-that-dies"]) == 2
    assert f"{WEB}/runs/a-run-that-dies" in shown(task)


def test_a_task_that_was_given_to_a_nurse_says_to_whom_and_why(
    care: Care, runs: Runs, phones: Phones, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before her text; with the run that gave it."""
    monkeypatch.setenv("SEQUORA_ASSIGN", "on")
    nurse, task = care.a_nurse(), a_new_task(care, None)
    care.it_is(NOW + SECOND)
    (result,) = runs.assign()
    care.it_is(NOW + 2 * SECOND)
    runs.tick(NEW_TASKS)
    phones(NURSE_PHONE).received_text()
    text = shown(task)
    given = f"assigned to nurse {nurse}: 0 open tasks, the only one who can take it; run {result.run_id[:8]}"
    assert text.index("the task appears") < text.index(given) < text.index("noticed and claimed")
    assert f"{WEB}/runs/{result.run_id}" in text


def test_a_task_that_nobody_could_be_given_says_why_and_when_it_is_tried_again(
    care: Care, runs: Runs, phones: Phones, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The supervisors are told without the grace."""
    monkeypatch.setenv("SEQUORA_ASSIGN", "on")
    care.a_supervisor()
    task = a_new_task(care, None)
    runs.tick(NEW_TASKS)
    assert "the supervisors are told at" in shown(task)
    runs.assign()
    care.it_is(NOW + SECOND)
    runs.tick(NEW_TASKS)
    text = shown(task)
    assert "(it could not be given to one; there is no active nurse); a supervisor is told next" in text
    assert "it is tried again to give the task to a nurse" in text
    runs.tick(UNREACHED_NURSES)
    phones(SUPERVISOR_PHONE).received_text()
    assert "(•••• 0121) was told of it at 2026-03-02 10:00:01 EST" in shown(task)


def test_while_all_is_paused_somebody_must_act(care: Care, runs: Runs) -> None:
    """And what to do is said."""
    task = a_new_task(care, care.a_nurse())
    runs.ledger.claims.claim(NEW_TASKS)
    runs.ledger.halts.pause("all", Operator(who="maya", why="an exercise"))
    text = shown(task, exit_code=1)
    assert "NOT told yet: all messages are paused by maya (an exercise) -> `sequora resume`" in text


@pytest.mark.parametrize("id_", ["11111111-2222-3333-4444-555555555555", "no-uuid'; DROP TABLE x --", "9" * 30])
def test_an_id_that_nobody_knows_is_a_sentence_and_exit_code_2(id_: str) -> None:
    """Neither the application nor the ledger."""
    done = run(id_)
    assert (done.exit_code, done.stdout) == (2, "")
    assert f"neither the application nor the ledger knows {id_}" in done.stderr


@pytest.mark.parametrize("id_", ["", "  ", "\n"])
def test_no_id_at_all_is_a_sentence_and_exit_code_2(id_: str) -> None:
    """A shell's variable was empty."""
    done = run(id_)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == "no id is given: give that of a task, an episode or a message\n"


def test_what_is_far_too_long_for_an_id_is_not_told_again_whole() -> None:
    """Something else was pasted."""
    done = run("x" * 5000)
    assert done.exit_code == 2
    assert f"knows {'x' * 80}… (5000 characters): give" in done.stderr


def test_an_id_is_found_with_blanks_around_it(care: Care, runs: Runs, phones: Phones) -> None:
    """As it is pasted."""
    task = told(care, runs, phones)
    assert shown(f"  {task}\n") == shown(task)


@pytest.mark.parametrize(
    ("named", "told_in"),
    [
        ("Mars/X", "UTC"),
        ("Asia/Kolkata", "IST"),
        (":Asia/Kolkata", "IST"),
        ("EST5EDT", "EST"),
        ("<+03>-3", "+03"),
        ("", "UTC"),
    ],
)
def test_a_time_zone_that_there_is_not_is_told_as_what_it_is(
    care: Care, monkeypatch: pytest.MonkeyPatch, named: str, told_in: str
) -> None:
    """The machine takes it for UTC, and would call that by the name."""
    task = a_new_task(care, care.a_nurse())
    monkeypatch.setenv("TZ", named)
    time.tzset()
    assert f"times in {told_in} (UTC" in shown(task)


def test_what_comes_stands_in_line_whatever_its_time(care: Care, runs: Runs, phones: Phones) -> None:
    """Also in 59 minutes and some seconds."""
    task = told(care, runs, phones, sla_due_at=NOW + 30 * MINUTE)
    care.it_is(NOW - 29 * MINUTE - 17 * SECOND)
    lines = run(task).stdout.splitlines()
    (warned,) = [line for line in lines if "in 59 min 17 s" in line]
    (appears,) = [line for line in lines if "the task appears" in line]
    assert warned.index("sla-breach") + 18 == appears.index("the task appears")


def test_a_database_that_is_away_is_exit_code_2(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is no answer about the case."""
    monkeypatch.setenv("SUPABASE_DB_URL", "postgresql://me:secret@127.0.0.1:1/db")
    done = run("any")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "the database cannot be reached" in done.stderr
    assert "secret" not in done.stderr


@pytest.mark.parametrize(
    "breaks", ["ALTER VIEW orchestration.care_task RENAME severity TO urgency", "DELETE FROM orchestration.go_live"]
)
def test_a_mistake_of_ours_is_exit_code_2_with_its_traceback(care: Care, breaks: str) -> None:
    """Exit code 1 would say that somebody must act for the case."""
    task = a_new_task(care, care.a_nurse())
    care.rows(breaks)
    done = run(task)
    assert (done.exit_code, done.stdout) == (2, "")
    assert "Traceback" in done.stderr


def test_what_is_not_noticed_yet_waits_its_turn_while_texts_of_its_kind_go_out(
    care: Care, runs: Runs, phones: Phones, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the sender's rate; a minute after the last one somebody must act."""
    told(care, runs, phones)
    monkeypatch.setenv("SEQUORA_SENDER_RATE", "1")
    waiting = a_new_task(care, care.a_nurse("+12025550102"), created_at=NOW - DAY / 24, updated_at=NOW - DAY / 24)
    assert "the task is 1 h old and waits its turn, texts are going out" in shown(waiting)
    care.it_is(NOW + 2 * MINUTE)
    assert "texts do not get through" in shown(waiting, exit_code=1)


def test_the_doubt_window_that_is_set_is_waited_for(
    care: Care, runs: Runs, phones: Phones, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nine minutes more, for the look-ups."""
    task = a_new_task(care, care.a_nurse())
    phones.company.script(ResetBeforeAccepting(), to=NURSE_PHONE)
    runs.tick(NEW_TASKS)
    care.it_is(NOW + 15 * MINUTE)
    assert "for 15 min now" in shown(task, exit_code=1)
    monkeypatch.setenv("SEQUORA_DOUBT_WINDOW", "10m")
    assert "it is looked up" in shown(task)


def test_a_task_is_found_by_its_id_in_capitals_and_by_its_messages_and_when_it_is_gone(
    care: Care, runs: Runs, phones: Phones
) -> None:
    """Whoever reads a log has one of these."""
    task = told(care, runs, phones)
    (row,) = care.ledger(task)
    assert shown(task.upper()) == shown(str(row["id"])) == shown(task)
    care.rows('DELETE FROM "EscalationTask"')
    assert "does not have the task (any more)" in shown(task.upper())


def test_ids_that_are_texts_are_as_good(care: Care, runs: Runs, phones: Phones) -> None:
    """An application may have made its own."""
    care.alter(
        'ALTER TABLE "EscalationTask" ALTER id TYPE text, ALTER episode_id TYPE text',
        'ALTER TABLE "NotificationLog" ALTER task_id TYPE text',
        'ALTER TABLE "Episode" ALTER id TYPE text',
    )
    task = told(care, runs, phones, id="task/7 ä", episode_id="episode 7")
    assert "was told at" in shown(task)
    care.an_episode(None, id="episode 7", created_at=NOW - 30 * DAY)
    assert "task task/7 ä: nurse" in shown("episode 7")


def test_a_row_of_which_nearly_everything_is_missing_has_a_sentence(care: Care, runs: Runs) -> None:
    """And what somebody may have typed is not shown."""
    task = care.a_task(None, severity="Nora", status="Reyes", episode_id=None, created_at=None, updated_at=None)
    assert "nobody is assigned to the task" in shown(task, exit_code=1)
    runs.tick(NEW_TASKS)
    text = shown(task)
    assert "the supervisors are told at" in text
    assert "Nora" not in text
    assert "Reyes" not in text


def test_the_json_has_the_keys_that_are_documented(care: Care, runs: Runs, phones: Phones) -> None:
    """Of a task and of an episode; times in UTC, lengths in seconds, runs whole."""
    episode = care.an_episode(care.a_patient(), created_at=NOW, discharge_at=NOW)
    task = told(care, runs, phones, episode_id=episode)
    of_task, of_episode = (json.loads(run(id_, "--json").stdout) for id_ in (task, episode))
    documented = set((page.__doc__ or "").replace("`", " ").replace(",", " ").replace(":", " ").split())
    for one in (of_task, of_episode):
        assert set(one) == {
            *("id", "subject", "is_healthy", "verdicts", "facts"),
            *("entries", "next", "nothing_because", "messages", "tasks"),
        }
        for keys in (one, *one["entries"], *one["messages"], *one["verdicts"], *one["tasks"]):
            assert set(keys) <= documented
    (attempt,) = [one for one in of_task["entries"] if one["attempt"] == 1]
    assert attempt["at"] == "2026-03-02T15:00:02+00:00"
    assert (attempt["waited"], attempt["took"]) == (0.0, 0.0)
    assert attempt["run_url"] == f"{WEB}/runs/{attempt['run_id']}"
    assert of_task["messages"][0]["phone"] == "•••• 0101"
    assert [one["id"] for one in of_episode["tasks"]] == [task]


def test_the_last_step_of_a_run_shows_the_same_story(care: Care, runs: Runs, phones: Phones) -> None:
    """As a table, in UTC."""
    task = a_new_task(care, care.a_nurse())
    (result,) = runs.tick(NEW_TASKS)
    sid = phones(NURSE_PHONE).received_text().sid
    table = str(metadata(result, "log_notification")["timeline"])
    assert table.splitlines()[2].startswith("| 2026-03-02 15:00:00.000 |  | task-created | noticed and claimed; waited")
    assert f"SID {sid}" in table
    assert task not in table  # it is about that one alone


def test_what_an_operator_typed_is_not_left_with_a_run(care: Care, runs: Runs, phones: Phones) -> None:
    """It may be a name: the ledger alone has it, Dagster has ids; that it was ordered is told."""
    task = told(care, runs, phones)
    runs.ledger.orders.resend(task, None, Operator(who="maya.lopez", why="for Nora Reyes, +12025550101"))
    (result,) = runs.tick(NEW_TASKS)
    phones(NURSE_PHONE).received_text()
    table = str(metadata(result, "log_notification")["timeline"])
    assert "by an operator's order" in table
    for typed in ("maya", "Nora", "+1202"):
        assert typed not in table
    assert "maya.lopez resent it (for Nora Reyes, +12025550101)" in shown(task)


def test_a_large_run_shows_no_story(care: Care, runs: Runs, phones: Phones) -> None:
    """A burst must not wait for it."""
    nurse = care.a_nurse()
    tasks = [a_new_task(care, nurse) for _ in range(MANY + 1)]
    (result,) = runs.tick(NEW_TASKS)
    for _ in tasks:
        phones(NURSE_PHONE).received_text()
    assert "timeline" not in metadata(result, "log_notification")


def test_a_story_that_cannot_be_told_fails_no_run(care: Care, runs: Runs, phones: Phones) -> None:
    """The texts have gone out."""
    care.rows("ALTER TABLE orchestration.operator_action RENAME TO another")
    a_new_task(care, care.a_nurse())
    (result,) = runs.tick(NEW_TASKS)
    phones(NURSE_PHONE).received_text()
    assert result.success
    assert "timeline" not in metadata(result, "log_notification")
