"""What becomes of a command, given the tasks that a phone was texted about."""

from dataclasses import replace

import pytest

from sequora_orchestration.domain.answering import Outcome, TextedTask, decide
from sequora_orchestration.domain.commands import Command, Verb

ONE = TextedTask(
    number=1,
    task_id="one",
    person_id="nurse",
    message_id="text",
    is_open=True,
    assignee_id="nurse",
    is_told_as_assignee=True,
)
TWO = replace(ONE, number=2, task_id="two")
CLOSED, REASSIGNED = replace(ONE, is_open=False), replace(ONE, assignee_id="another")
SUPERVISORS = replace(ONE, person_id="supervisor", is_told_as_assignee=False)
ACCEPT, RESOLVE, HAND_OVER = Verb.ACCEPT, Verb.RESOLVE, Verb.HAND_OVER
BOTH = {ACCEPT, RESOLVE}


@pytest.mark.parametrize(
    ("command", "tasks", "writes_back", "outcome", "is_written_back"),
    [
        (Command(ACCEPT, 1), [ONE, TWO], (), Outcome.DONE, False),
        (Command(ACCEPT, 1), [ONE, TWO], BOTH, Outcome.DONE, True),
        (Command(RESOLVE, 1), [ONE], BOTH, Outcome.DONE, True),
        (Command(RESOLVE, 1), [ONE], (), Outcome.LINK, False),
        (Command(HAND_OVER, 1), [ONE], BOTH, Outcome.DONE, False),
        (Command(ACCEPT, 3), [ONE, TWO], BOTH, Outcome.NO_SUCH_NUMBER, False),
        (Command(ACCEPT, 1), [], BOTH, Outcome.NO_SUCH_NUMBER, False),
        (Command(ACCEPT, 1), [CLOSED], BOTH, Outcome.CLOSED, False),
        (Command(ACCEPT, 1), [REASSIGNED], BOTH, Outcome.REASSIGNED, False),
        # A supervisor was texted about it, so she may answer; but it is not hers.
        (Command(ACCEPT, 1), [SUPERVISORS], BOTH, Outcome.DONE, False),
        (Command(RESOLVE, 1), [SUPERVISORS], BOTH, Outcome.LINK, False),
        # Without a number, if there is just one that it may be about.
        (Command(ACCEPT), [ONE], (), Outcome.DONE, False),
        (Command(ACCEPT), [ONE, replace(CLOSED, number=2)], (), Outcome.DONE, False),
        (Command(ACCEPT), [ONE, TWO], (), Outcome.WHICH, False),
        (Command(ACCEPT), [CLOSED], (), Outcome.NONE_OPEN, False),
    ],
)
def test_each_command_has_an_outcome(
    command: Command, tasks: list[TextedTask], writes_back: set[Verb], outcome: Outcome, *, is_written_back: bool
) -> None:
    """Written back is only what the application takes, about a task that is open and hers."""
    (decision,) = decide([command], tasks, writes_back=writes_back)
    assert (decision.outcome, decision.is_written_back) == (outcome, is_written_back)


@pytest.mark.parametrize(
    ("command", "tasks", "outcome"),
    [
        (Command(ACCEPT), [ONE], Outcome.WHICH),
        (Command(RESOLVE), [], Outcome.WHICH),
        (Command(ACCEPT), [CLOSED], Outcome.WHICH),
        (Command(ACCEPT, 1), [ONE], Outcome.DONE),
        (Command(ACCEPT, 1), [CLOSED], Outcome.CLOSED),
    ],
)
def test_a_bare_letter_may_be_meant_for_a_task_without_a_number(
    command: Command, tasks: list[TextedTask], outcome: Outcome
) -> None:
    """Of which a digest has told the phone."""
    (decision,) = decide([command], tasks, is_told_of_others=True)
    assert decision.outcome is outcome
