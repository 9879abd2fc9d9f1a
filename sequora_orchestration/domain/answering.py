"""What becomes of a command that a member of staff has sent by text, given the tasks that her phone was told of."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sequora_orchestration.domain.commands import Command, Verb


class Outcome(StrEnum):
    """What has become of a command."""

    DONE = "DONE"
    LINK = "LINK"
    """Noted, but it cannot be done by text: the answer says where."""

    NOT_WRITTEN = "NOT_WRITTEN"
    """Noted, but the application did not take it."""

    CLOSED = "CLOSED"
    REASSIGNED = "REASSIGNED"
    NO_SUCH_NUMBER = "NO_SUCH_NUMBER"
    WHICH = "WHICH"
    """No number was given, and more than one task may be meant, or one that has no number."""

    NONE_OPEN = "NONE_OPEN"


@dataclass(frozen=True, slots=True, kw_only=True)
class TextedTask:
    """A task that a phone was texted about lately."""

    number: int
    """The task's small number on this phone."""

    task_id: str
    person_id: str
    """Who was texted; the last of several who share the phone."""

    message_id: str | None
    """The last text about the task to that person."""

    is_open: bool
    assignee_id: str | None
    is_told_as_assignee: bool
    """Whether the text was to the task's nurse, and not to a supervisor."""

    may_be_anothers: bool = False
    """Whether a command without a number may be meant for another task: it was written before the first text."""

    number_may_be_anothers: bool = False
    """Likewise of a command with the number: another task had it before."""

    @property
    def is_theirs(self) -> bool:
        """Whether the task still is the person's own."""
        return self.assignee_id == self.person_id

    @property
    def may_be_answered(self) -> bool:
        """Whether a command about the task makes sense: it is open, and hers, or she was told as a supervisor."""
        return self.is_open and (self.is_theirs or not self.is_told_as_assignee)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """A command, and what became of it, as its sender is told."""

    verb: Verb
    number: int | None
    task_id: str | None
    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What becomes of one command."""

    command: Command
    outcome: Outcome
    task: TextedTask | None = None
    is_written_back: bool = False
    """Whether it is also to be written into the application's tables."""


def decide(
    commands: Sequence[Command],
    tasks: Sequence[TextedTask],
    *,
    writes_back: Collection[Verb] = (),
    is_told_of_others: bool = False,
) -> list[Decision]:
    """Return what becomes of the commands of one text, in their order; `writes_back` has those the application takes.

    `tasks` are those that the phone was texted about within a day, each by a text of its own; `is_told_of_others` says
    that a digest has told the phone of further tasks, which have no numbers and may be meant as well.
    """
    return [_decide(command, tasks, writes_back, is_told_of_others=is_told_of_others) for command in commands]


def _decide(
    command: Command, tasks: Sequence[TextedTask], writes_back: Collection[Verb], *, is_told_of_others: bool
) -> Decision:
    task, outcome = _meant(command, tasks, is_told_of_others=is_told_of_others)
    if task is None:
        return Decision(command=command, outcome=outcome)
    if not task.is_open:
        return Decision(command=command, task=task, outcome=Outcome.CLOSED)
    if not task.may_be_answered:
        return Decision(command=command, task=task, outcome=Outcome.REASSIGNED)
    is_written_back = command.verb in writes_back and task.is_theirs
    is_done_there = command.verb is Verb.RESOLVE and not is_written_back
    if is_done_there or (command.verb is Verb.HAND_OVER and not task.is_theirs):
        outcome = Outcome.LINK
    return Decision(command=command, task=task, outcome=outcome, is_written_back=is_written_back)


def _meant(
    command: Command, tasks: Sequence[TextedTask], *, is_told_of_others: bool
) -> tuple[TextedTask | None, Outcome]:
    """Return the task that a command is about, if there is just one; else why there is none."""
    if command.number is not None:
        task = next((one for one in tasks if one.number == command.number and not one.number_may_be_anothers), None)
        return task, Outcome.DONE if task else Outcome.NO_SUCH_NUMBER
    possible = [one for one in tasks if one.may_be_answered and not one.may_be_anothers]
    if is_told_of_others:
        return None, Outcome.WHICH
    if len(possible) == 1:
        return possible[0], Outcome.DONE
    return None, Outcome.WHICH if possible else Outcome.NONE_OPEN
