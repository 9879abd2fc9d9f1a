"""A process that is killed between any two statements of its way, or around its call, loses no text and doubles none.

Each time there is one thing more to do, and a child process takes the whole way, from the claim to the log, and kills
itself with SIGKILL after one more statement than the time before. Then the leases run out, and the sensors tick.
"""

import os
import signal
import warnings
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from calls import calling  # noqa: F401  # a fixture
from canaries import OWN_PHONE, canaries  # noqa: F401  # a fixture
from care import NOW, NURSE_PHONE, PATIENT_PHONE, SUPERVISOR_PHONE, UNDER_WAY, Care
from dagster import ExecuteInProcessResult, SensorDefinition
from phones import Phones
from runs import Runs

from sequora_orchestration import database
from sequora_orchestration.care import care_database
from sequora_orchestration.channels.sms import Sms
from sequora_orchestration.channels.voice import Voice
from sequora_orchestration.ledger import assignments, room
from sequora_orchestration.ledger.leases import HANDED_IN_WITHIN
from sequora_orchestration.ledger.ledger import Ledger
from sequora_orchestration.local.twilio.message import Message
from sequora_orchestration.local.twilio.scripted_answers import Refuse
from sequora_orchestration.messages.canary import CANARIES
from sequora_orchestration.messages.check_in import DUE_CHECK_INS, NEW_EPISODES
from sequora_orchestration.messages.handed_over import HANDED_OVER_TASKS
from sequora_orchestration.messages.nurse_call import NURSES_TO_CALL
from sequora_orchestration.messages.nurse_unreached import UNREACHED_NURSES
from sequora_orchestration.messages.queue import Queue
from sequora_orchestration.messages.sla_breach import SLA_BREACHES
from sequora_orchestration.messages.sla_escalation import UNANSWERED_BREACHES
from sequora_orchestration.messages.task_created import NEW_TASKS
from sequora_orchestration.messages.task_digest import DUE_DIGESTS
from sequora_orchestration.sensors.certainty import doubtful_texts
from sequora_orchestration.sensors.replies import replies
from sequora_orchestration.sensors.unassigned_tasks import unassigned_tasks

DAY = timedelta(days=1)

PHONE_OF = """SELECT u.primary_phone FROM "EscalationTask" t JOIN "User" u ON u.id = t.assigned_to_user_id
              WHERE t.id = CAST(:task AS uuid)"""

Way = list[Queue | SensorDefinition]
"""What goes on in turn: queues that are claimed from, and sensors that have none."""

pytestmark = [pytest.mark.usefixtures("stopped_clock"), pytest.mark.timeout(400)]


class FailPoint:
    """Kills this process after so many statements and calls."""

    def __init__(self, after: int) -> None:
        """Count from here on."""
        self.left = after

    def passed(self) -> None:
        """Go on, or be killed."""
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self.left -= 1

    def around(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function with this point before it; a call has one after it as well."""

        def passing(*args: Any, **kwargs: Any) -> Any:
            self.passed()
            return function(*args, **kwargs)

        return passing


def ticked(runs: Runs, one: Queue | SensorDefinition) -> list[ExecuteInProcessResult]:
    """Let a sensor tick, and run what it asks for."""
    if isinstance(one, Queue):
        return runs.tick(one)
    return runs.read_replies() if one is replies else runs.assign()


def survives(runs: Runs, way: Way, *, after: int) -> bool:
    """Let a process take the whole way, killed after so many statements; tell whether it came through."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python warns of forks beside threads; the child uses none of ours
        child = os.fork()
    if child == 0:
        try:
            point = FailPoint(after)
            for module in (room, care_database, assignments, database):
                module.execute = point.around(module.execute)  # type: ignore[attr-defined]
            Sms.submit = point.around(Sms.submit)  # type: ignore[method-assign]
            Voice.submit = point.around(Voice.submit)  # type: ignore[method-assign]
            for one in way:
                ticked(runs, one)  # on a copy of the instance: it is in memory
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return not os.WIFSIGNALED(status)


def recover(care: Care, runs: Runs, way: Way, *, since: Any) -> None:
    """Let time pass, and the sensors tick; whatever becomes of each message, at the end nothing more comes of any.

    But that assignment is tried as long as nobody is there.
    """
    for passed in (
        timedelta(seconds=HANDED_IN_WITHIN),
        *(timedelta(minutes=1.1 * minutes) for minutes in range(1, 12)),
    ):
        care.it_is(since + passed)
        runs.sensor(doubtful_texts)
        ran = [run for one in way for run in ticked(runs, one)]
    assert not [run for run in ran if run.job_def.name != "assign_tasks"]
    assert not care.one(UNDER_WAY)


def killed_everywhere(care: Care, runs: Runs, way: Way, prepare: Callable[[], str], *, at: Any) -> list[str]:
    """Kill the way of one thing after another at one statement after another; return the things' ids.

    What a process has claimed is out of the next one's reach, for the clock stands still until all have died.
    """
    ids = []
    for after in range(100):
        ids.append(prepare())
        care.it_is(at)
        if survives(runs, way, after=after):
            recover(care, runs, way, since=at)
            return ids
    raise AssertionError("the way has no end")


def test_a_new_task_is_texted_once(care: Care, runs: Runs, phones: Phones) -> None:
    """And logged once."""
    nurse = care.a_nurse()
    tasks = killed_everywhere(care, runs, [NEW_TASKS], lambda: care.a_task(nurse, created_at=NOW), at=NOW)
    assert len(tasks) > 12
    for task in tasks:
        phones(NURSE_PHONE).received_text(containing=[task])
        assert care.states(task) == ["SENT"]
        assert len(care.logged(task)) == 1


def test_a_task_without_an_assignee_is_given_once_and_texted_once(
    care: Care, runs: Runs, phones: Phones, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where it dies between the two."""
    monkeypatch.setenv("SEQUORA_ASSIGN", "on")
    nurse = care.a_nurse()
    way: Way = [unassigned_tasks, NEW_TASKS]
    tasks = killed_everywhere(care, runs, way, lambda: care.a_task(None, created_at=NOW), at=NOW)
    assert len(tasks) > 17
    for task in tasks:
        phones(NURSE_PHONE).received_text(containing=[task])
        assert [state for state in care.states(task) if state != "CANCELLED"] == ["SENT"]
    given = care.rows("SELECT task_id, person_id FROM orchestration.assignment")
    assert {row["task_id"]: row["person_id"] for row in given} == dict.fromkeys(tasks, nurse)


@pytest.mark.nightly
def test_that_nobody_can_be_given_a_task_is_told_to_the_supervisor_once(
    care: Care, runs: Runs, phones: Phones, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whenever it dies, long before the grace is over in which a task may be nobody's."""
    monkeypatch.setenv("SEQUORA_ASSIGN", "on")
    monkeypatch.setenv("SEQUORA_UNASSIGNED_GRACE", "1d")
    care.a_supervisor()
    way: Way = [NEW_TASKS, unassigned_tasks, NEW_TASKS, UNREACHED_NURSES]
    tasks = killed_everywhere(care, runs, way, lambda: care.a_task(None, created_at=NOW), at=NOW)
    for task in tasks:
        phones(SUPERVISOR_PHONE).received_text(containing=[task])
        assert sorted(care.states(task)) == ["FAILED", "SENT"]


# One that is to come alone, long after the test: it counts as one that she has had.
HAD_A_TEXT = """
    INSERT INTO orchestration.notification
        (kind, audience, business_key, occasion, task_id, recipient_id, severity, urgency, owed_since, state, due_at,
         alone_at)
    VALUES ('task-created', 'ASSIGNEE', :nurse, :nurse, :nurse, :nurse, 'HIGH', 1, orchestration.clock(), 'SCHEDULED',
            orchestration.clock() + interval '1 year', orchestration.clock())
"""


def test_tasks_that_are_gathered_are_told_once_by_one_digest(
    care: Care, runs: Runs, phones: Phones, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether the process dies while it gathers or while it sends the digest; the log gets a row for each task."""
    monkeypatch.setenv("SEQUORA_DIGEST_AFTER", "1/5m")
    before = list[str]()

    def waiting(nurse: str) -> str:
        task = care.a_task(nurse, created_at=NOW)
        runs.tick(NEW_TASKS)
        assert care.states(task) == ["SCHEDULED"]
        return task

    def one_more() -> str:
        nurse = care.a_nurse()  # each of her own, on the same phone
        care.it_is(NOW)
        care.rows(HAD_A_TEXT, nurse=nurse)
        before.append(waiting(nurse))
        return care.a_task(nurse, created_at=NOW)

    gathered = killed_everywhere(care, runs, [NEW_TASKS], one_more, at=NOW)
    assert len(gathered) > 8

    def two() -> str:
        nurse = care.a_nurse()
        care.it_is(NOW)
        care.rows(HAD_A_TEXT, nurse=nurse)
        before.append(waiting(nurse))
        return waiting(nurse)

    later = NOW + timedelta(minutes=5)
    gathered += killed_everywhere(care, runs, [DUE_DIGESTS], two, at=later)
    assert len(gathered) > 20
    told = [*before, *gathered]
    assert {state for task in told for state in care.states(task)} == {"SENT"}
    assert runs.launch("check_sla_warnings").success  # it makes up for the log's rows of a run that died before it
    assert {len(care.logged(task)) for task in told} == {1}
    for _ in gathered:
        phones(NURSE_PHONE).received_text(containing="📋 2 new tasks for you: 2 HIGH\n")


def test_a_missed_sla_is_alerted_once_and_escalated_once(care: Care, runs: Runs, phones: Phones) -> None:
    """The wait in between is there whenever the process dies."""
    care.a_supervisor()
    nurse = care.a_nurse()

    def missed() -> str:
        return care.a_task(nurse, created_at=NOW, sla_due_at=NOW)

    tasks = killed_everywhere(care, runs, [SLA_BREACHES], missed, at=NOW)
    care.it_is(NOW + timedelta(minutes=40))
    runs.tick(UNANSWERED_BREACHES)
    for task in tasks:
        phones(NURSE_PHONE).received_text(containing=["SLA missed", task])
        phones(SUPERVISOR_PHONE).received_text(containing=["ESCALATION", task])
        assert sorted(care.states(task)) == ["SENT", "SENT"]
        assert len(care.logged(task)) == 2


def test_an_unreached_nurse_is_told_to_each_supervisor_once(care: Care, runs: Runs, phones: Phones) -> None:
    """Also where it dies between one supervisor and the next."""
    care.a_supervisor()
    care.a_supervisor("+12025550122")
    nurse = care.a_nurse(None)

    def unreached() -> str:
        task = care.a_task(nurse, created_at=NOW)
        runs.tick(NEW_TASKS)
        return task

    tasks = killed_everywhere(care, runs, [UNREACHED_NURSES], unreached, at=NOW)
    for task in tasks:
        phones(SUPERVISOR_PHONE).received_text(containing=[task])
        phones("+12025550122").received_text(containing=[task])
        assert sorted(care.states(task)) == ["FAILED", "SENT", "SENT"]


@pytest.mark.usefixtures("calling")
def test_a_nurse_whom_no_text_reaches_is_called_once(care: Care, runs: Runs, phones: Phones) -> None:
    """And logged once; each by a number of her own, for the list does not say what was said in a call."""
    now = datetime.now(NOW.tzinfo)
    numbers = (f"+1202556{number}" for number in range(1000, 1100))

    def unreached() -> str:
        number = next(numbers)
        phones.company.always(Refuse(400, 21614), to=number)
        care.it_is(now)
        task = care.a_task(care.a_nurse(number), created_at=now)
        runs.tick(NEW_TASKS)
        return task

    tasks = killed_everywhere(care, runs, [NURSES_TO_CALL], unreached, at=now)
    assert len(tasks) > 12
    for task in tasks:
        phones(care.one(PHONE_OF, task=task)).rang()
        assert sorted(care.states(task)) == ["FAILED", "SENT"]
        assert len(care.logged(task)) == 1


def test_a_check_in_is_scheduled_and_sent_at_most_once(care: Care, runs: Runs, phones: Phones) -> None:
    """Where its call may have been made and was not, a person is asked."""
    patient = care.a_patient()

    def discharged() -> str:
        return care.an_episode(patient, created_at=NOW)

    episodes = killed_everywhere(care, runs, [NEW_EPISODES], discharged, at=NOW)
    assert care.states() == ["SCHEDULED"] * len(episodes)

    def due() -> str:
        episode = care.an_episode(patient, created_at=NOW)
        care.it_is(NOW)
        runs.tick(NEW_EPISODES)
        return episode

    care.rows("""DELETE FROM orchestration.notification; DELETE FROM "Episode" """)
    episodes = killed_everywhere(care, runs, [DUE_CHECK_INS], due, at=NOW + DAY)
    states = care.states()
    assert states.count("SENT") == len(phones.company.accepted())
    assert states.count("SENT") + states.count("HELD") == len(episodes)
    assert states.count("HELD") == 1  # killed right before the call
    for _ in range(states.count("SENT")):
        phones(PATIENT_PHONE).received_text()


@pytest.mark.usefixtures("canaries")
def test_a_canary_is_sent_once(care: Care, runs: Runs, phones: Phones) -> None:
    """Each in an hour of its own, for an hour has one: a process dies, and those after it make up for it."""
    runs = Runs(runs.instance, Ledger(care.engine, has_canary=True))  # the sensors say so, again and again
    for hours in range(100):
        at = NOW + hours * timedelta(hours=1)
        care.it_is(at)
        if survives(runs, [CANARIES], after=hours):
            break
        recover(care, runs, [CANARIES], since=at)
        phones(OWN_PHONE).received_text(containing=[f"{at:%Y-%m-%d %H:%M} UTC"])
        assert care.states() == ["SENT"] * (hours + 1)
    assert hours > 10
    phones(OWN_PHONE).received_text()


@pytest.mark.parametrize(("letter", "verb"), [("a", "ACCEPT"), ("e", "HAND_OVER")])
def test_a_command_by_text_is_obeyed_once_and_answered_once(
    care: Care, runs: Runs, phones: Phones, monkeypatch: pytest.MonkeyPatch, letter: str, verb: str
) -> None:
    """Also where it dies between the command and its answer, or before the supervisors are told."""
    monkeypatch.setenv("SEQUORA_REPLIES", "on")
    nurse, commands = care.a_nurse(), dict[str, str]()
    care.a_supervisor()

    def a_command() -> str:
        care.it_is(NOW)
        task = care.a_task(nurse, created_at=NOW)
        runs.tick(NEW_TASKS)
        number = phones(NURSE_PHONE).received_text(containing=[task]).body.splitlines()[-1].split()[1][:-1]
        commands[task] = f"{number}{letter}"
        assert isinstance(phones.company.receive(phone=NURSE_PHONE, body=commands[task]), Message)
        return task

    tasks = killed_everywhere(care, runs, [replies, HANDED_OVER_TASKS], a_command, at=NOW)
    assert len(tasks) > 12
    for task in reversed(tasks):  # 16A before 6A, which is a part of it
        phones(NURSE_PHONE).received_text(containing=[f"{commands[task].upper()}: "])
        assert [
            row["verb"] for row in care.rows("SELECT verb FROM orchestration.answer WHERE task_id = :id", id=task)
        ] == [verb]
        if verb == "HAND_OVER":
            phones(SUPERVISOR_PHONE).received_text(containing=[task, "Handed over"])
