"""What `sequora status` shows of messages that failed, when they have been sent again since."""

import json
from datetime import timedelta

import pytest
from care import NOW, NURSE_PHONE, Care
from click.testing import CliRunner
from phones import Phones
from replays import MAYA, REGION_OFF, asked, ticked
from runs import Runs

from sequora_orchestration.cli import orders
from sequora_orchestration.cli.commands import sequora
from sequora_orchestration.ledger.rows import Operator
from sequora_orchestration.messages.task_created import NEW_TASKS

MINUTE = timedelta(minutes=1)

pytestmark = pytest.mark.usefixtures("stopped_clock")


def shown() -> str:
    """Return the page of status."""
    return CliRunner().invoke(sequora, ["status"]).output


def set_aside(runs: Runs) -> list[tuple[str | None, str]]:
    """Return the tasks that are to be looked at, with their messages' states."""
    return [(one.task_id, one.state) for one in runs.ledger.overview.figures().set_aside]


def failed(care: Care, runs: Runs, phones: Phones, tasks: int = 1) -> list[str]:
    """Return tasks of a nurse's whose texts have failed; a minute later."""
    nurse = care.a_nurse()
    phones.company.always(REGION_OFF)
    made = [care.a_task(nurse, created_at=NOW) for _ in range(tasks)]
    ticked(runs, [NEW_TASKS])
    care.it_is(NOW + MINUTE)
    return made


def test_what_a_replay_has_sent_needs_no_look(care: Care, runs: Runs, phones: Phones) -> None:
    """Nor does what it has put into the queue: the new message decides."""
    tasks = failed(care, runs, phones, tasks=3)
    assert {task for task, _ in set_aside(runs)} == set(tasks)
    asked(done=True)
    assert set_aside(runs) == []
    phones.company.always(None)
    ticked(runs, [NEW_TASKS])
    for _ in tasks:
        phones(NURSE_PHONE).received_text()
    assert set_aside(runs) == []
    assert "To be looked at" not in shown()


def test_what_was_resent_needs_no_look(care: Care, runs: Runs, phones: Phones) -> None:
    """A resend is a later message about the same, as well."""
    (task,) = failed(care, runs, phones)
    phones.company.always(None)
    orders.change("resend", task, None, MAYA)
    ticked(runs, [NEW_TASKS])
    phones(NURSE_PHONE).received_text()
    assert set_aside(runs) == []


def test_a_task_whose_replays_have_failed_is_shown_once(care: Care, runs: Runs, phones: Phones) -> None:
    """And not once per message."""
    (task,) = failed(care, runs, phones)
    for minutes in (2, 3):
        assert asked(done=True)["again"] == 1
        ticked(runs, [NEW_TASKS])
        care.it_is(NOW + minutes * MINUTE)
    assert care.states(task) == ["FAILED"] * 3
    assert set_aside(runs) == [(task, "FAILED")]


def test_how_many_more_there_are_is_said(care: Care, runs: Runs, phones: Phones) -> None:
    """To programs, too; and nothing if all are shown."""
    failed(care, runs, phones, tasks=12)
    page = shown()
    assert page.count("FAILED for 1 min") == 10
    assert "  and 2 more\n" in page
    status = json.loads(CliRunner().invoke(sequora, ["status", "--json"]).output)
    assert (len(status["set_aside"]), status["more_set_aside"]) == (10, 2)
    asked(done=True, kinds=["task-created"])
    assert " more\n" not in shown()


def test_each_replay_is_shown_with_how_many_messages_it_has_sent_again(care: Care, runs: Runs, phones: Phones) -> None:
    """Also if the same person has given the same order twice."""
    failed(care, runs, phones, tasks=3)
    asked(done=True)
    care.it_is(NOW + 2 * MINUTE)
    ticked(runs, [NEW_TASKS])
    care.it_is(NOW + 3 * MINUTE)
    asked(done=True, by=Operator(who="ben", why="the number is mended"))
    ticked(runs, [NEW_TASKS])
    care.a_task(care.a_nurse("+12025550102"), created_at=NOW + 3 * MINUTE)
    ticked(runs, [NEW_TASKS])
    care.it_is(NOW + 4 * MINUTE)
    asked(done=True)
    told = [(one.who, one.messages) for one in runs.ledger.overview.figures().replays]
    assert told == [("maya", 4), ("ben", 3), ("maya", 3)]
    assert ", 4 messages: texting was off at Twilio" in shown()
