"""The rule that chooses a nurse for a task without an assignee, and its reasons in words.

A nurse may be given a task if she is active, can be texted, is on shift and has fewer open tasks than she may have. Of
several nurses the rule takes the one with the lightest load; then the one who was given a task longest ago; then the
one whose id comes first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sequora_orchestration.domain.spell import counted

# How heavily an open task lies on a nurse. A word that the map does not know may mean anything: it counts as HIGH.
WEIGHTS: Mapping[str, int] = {"CRITICAL": 4, "HIGH": 3, "MODERATE": 2, "LOW": 1}


def weight(severity: str | None) -> int:
    """Return how heavily an open task of that severity lies on its nurse."""
    return WEIGHTS.get(severity or "", WEIGHTS["HIGH"])


@dataclass(frozen=True, slots=True, kw_only=True)
class UnassignedTask:
    """A task that is to be given to somebody."""

    id: str
    severity: str | None
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Nurse:
    """Somebody with the role of a nurse, as the rule sees her."""

    id: str
    is_active: bool = True
    can_be_texted: bool = True
    is_on_shift: bool | None = None
    """None where nobody keeps shifts: then everybody is on shift."""

    most_tasks: int | None = None
    """How many open tasks she may have during this shift; None for any number."""

    open_tasks: Mapping[str, int] = field(default_factory=dict)
    """How many open tasks she has, by severity."""

    given_at: datetime | None = None
    """When this rule last gave her a task; None for never."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The nurse for a task, and why."""

    task_id: str
    nurse_id: str | None
    """None if there is nobody to give the task to."""

    reason: str


def share_out(tasks: Sequence[UnassignedTask], nurses: Sequence[Nurse]) -> list[Choice]:
    """Choose a nurse for each of these tasks, the most severe first; each choice counts the tasks given before it."""
    tallies = [_Tally(nurse) for nurse in nurses if nurse.is_active]
    choices = []
    for number, task in enumerate(sorted(tasks, key=_most_severe_first), 1):
        free = sorted((tally for tally in tallies if tally.is_free), key=lambda tally: (*tally.turn, tally.nurse.id))
        if free:
            choices.append(Choice(task_id=task.id, nurse_id=free[0].nurse.id, reason=_why_her(free)))
            free[0].take(task, number)
        else:
            choices.append(Choice(task_id=task.id, nurse_id=None, reason=_why_nobody(tallies)))
    return choices


def nobody_because(nurses: Sequence[Nurse]) -> str | None:
    """Return why none of these nurses may be given a task, or None if at least one may."""
    tallies = [_Tally(nurse) for nurse in nurses if nurse.is_active]
    return None if any(tally.is_free for tally in tallies) else _why_nobody(tallies)


def _most_severe_first(task: UnassignedTask) -> tuple[int, bool, float, str]:
    since = task.created_at.timestamp() if task.created_at else 0.0
    return -weight(task.severity), task.created_at is None, since, task.id


@dataclass(slots=True)
class _Tally:
    """A nurse's load, with the tasks that were given to her in this call."""

    nurse: Nurse
    count: int = field(init=False)
    load: int = field(init=False)
    given: tuple[int, float] = field(init=False)
    """When she was last given a task, in an order: never, at a time, in this call."""

    def __post_init__(self) -> None:
        nurse = self.nurse
        self.count = sum(nurse.open_tasks.values())
        self.load = sum(weight(severity) * tasks for severity, tasks in nurse.open_tasks.items())
        self.given = (1, nurse.given_at.timestamp()) if nurse.given_at else (0, 0.0)

    @property
    def is_present(self) -> bool:
        return self.nurse.can_be_texted and self.nurse.is_on_shift is not False

    @property
    def is_free(self) -> bool:
        return self.is_present and (self.nurse.most_tasks is None or self.count < self.nurse.most_tasks)

    @property
    def turn(self) -> tuple[int, tuple[int, float]]:
        """The order of nurses: the first is given the next task."""
        return self.load, self.given

    def take(self, task: UnassignedTask, number: int) -> None:
        self.count += 1
        self.load += weight(task.severity)
        self.given = (2, float(number))


def _why_her(free: Sequence[_Tally]) -> str:
    """Return why the first of these nurses, who are sorted, is given the task."""
    first = free[0]
    has = counted(first.count, "open task")
    facts = ["on shift", has] if first.nurse.is_on_shift else [has]
    equals = [tally for tally in free if tally.load == first.load]
    if len(free) == 1:
        facts.append("the only one who can take it")
    elif len(equals) == 1:
        facts.append(f"the lightest load of {len(free)} nurses who can take it")
    else:
        last = "one who was never given a task" if first.given[0] == 0 else "the one who was given a task longest ago"
        facts.append(f"of {len(equals)} nurses with the lightest load {last}")
    return ", ".join(facts)


def _why_nobody(tallies: Sequence[_Tally]) -> str:
    """Return why none of the active nurses can take a task."""
    if not tallies:
        return "there is no active nurse"
    textable = [tally for tally in tallies if tally.nurse.can_be_texted]
    present = [tally for tally in textable if tally.is_present]
    causes = {
        "cannot be texted": len(tallies) - len(textable),
        "not on shift": len(textable) - len(present),
        "with as many open tasks as allowed": len(present),
    }
    found = [f"{count} {cause}" for cause, count in causes.items() if count]
    return f"of {counted(len(tallies), 'active nurse')}: {', '.join(found)}"
