"""How tasks without an assignee are given to nurses, in one run. Dagster is not known here.

A choice is made from rows that were read just before, and holds only if no other run has given a task since: two runs
at a time take turns, and none passes a nurse's limit. If the process is killed in between, nothing is lost: the
statement that gives a task also records it, and the other tasks are found again when the run's lease is over.
"""

import logging
import random
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from psycopg2.errors import QueryCanceled
from sqlalchemy.exc import DBAPIError, ProgrammingError

from sequora_orchestration.care.care_database import CareDatabase
from sequora_orchestration.database import is_locked, refuses_a_row
from sequora_orchestration.domain.assignment import Choice, Nurse, UnassignedTask, share_out
from sequora_orchestration.domain.care import EscalationTask
from sequora_orchestration.domain.case import Assignment
from sequora_orchestration.domain.phone_number import usable
from sequora_orchestration.ledger.assignments import Assignments
from sequora_orchestration.ledger.ledger import Ledger

LOG = logging.getLogger(__name__)

# How often a run chooses at most. It chooses anew when another run has given a task meanwhile, or is about to; that
# takes seconds at most. Tasks that are left after the last round are found by a later tick.
ROUNDS = 100

# Seconds to wait before a further round, drawn anew each time so that two runs do not go on in step.
PAUSE_BETWEEN_ROUNDS = (0.02, 0.1)

# How often giving a task may have no effect, although it is open and nobody's. Once may be chance: its nurse was not
# active any more.
MOST_MISSES = 1

# After so many locked tasks a run gives no more: each costs time, and most probably the whole table is locked.
MOST_LOCKED = 3

NOT_LET = "the application does not let it be assigned; `sequora doctor` may know why"


@dataclass(frozen=True, slots=True, kw_only=True)
class Assigned:
    """The outcome of a run, task by task."""

    choices: Sequence[Choice]
    """The choices for tasks that were given to a nurse, and for tasks that there was nobody for."""

    others: Mapping[str, str | None]
    """Why the others were left alone, by the id that the run was given; None where no task has that id."""


@dataclass(slots=True)
class _Round:
    """The outcome of giving tasks to the nurses who were chosen."""

    given: list[Choice] = field(default_factory=list)
    refused: list[Choice] = field(default_factory=list)
    """Given to nobody: there is no nurse, or the application refuses the assignment."""

    missed: list[Choice] = field(default_factory=list)
    """Given without effect: the task was closed or assigned meanwhile, or the nurse is not active any more."""

    outdated: list[Choice] = field(default_factory=list)
    """Not given: another run has given a task since these choices were made, or is about to."""

    locked: int = 0
    """How many tasks somebody has locked; they are left to a later run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assigner:
    """Gives tasks to nurses."""

    assignments: Assignments
    care: CareDatabase
    ledger: Ledger
    run_id: str

    def nurses(self) -> tuple[int, list[Nurse]]:
        """Return the turn, and everybody with the role of a nurse, as the rule sees them."""
        turn, rows = self.assignments.nurses()
        numbers = {row.id: number for row in rows if (number := usable(row.primary_phone))}
        opted_out = self.ledger.opt_outs.moment(numbers.values()).opted_out
        return turn, [
            Nurse(
                id=row.id,
                is_active=row.active is not False,
                can_be_texted=row.id in numbers and numbers[row.id] not in opted_out,
                is_on_shift=row.is_on_shift,
                most_tasks=row.most_tasks,
                open_tasks=row.open_tasks,
                given_at=row.given_at,
            )
            for row in rows
        ]

    def assign(self, ids: Sequence[str]) -> Assigned:
        """Give these tasks to nurses, the most severe first, or record that there is nobody.

        If the application refuses one assignment, the others are made all the same. Raises the database's errors.
        """
        done, missed = list[Choice](), Counter[str]()
        left = list(self.care.tasks(ids))
        for number in range(ROUNDS):
            if number and left:
                time.sleep(random.uniform(*PAUSE_BETWEEN_ROUNDS))  # noqa: S311
            waiting = self.assignments.take_up(left, self.run_id) if left else []
            if not waiting:
                break
            came = self._round(waiting, missed)
            done += [*came.given, *came.refused]
            missed.update(one.task_id for one in came.missed)
            left = [one.task_id for one in (*came.missed, *came.outdated)]
        return Assigned(choices=done, others=self._others(ids, {one.task_id for one in done}))

    def _round(self, waiting: Sequence[UnassignedTask], missed: Mapping[str, int]) -> _Round:
        """Choose somebody for each of these tasks, and give them; those that were missed too often count as refused."""
        turn, nurses = self.nurses()
        not_let = [
            Choice(task_id=one.id, nurse_id=None, reason=NOT_LET)
            for one in waiting
            if missed.get(one.id, 0) > MOST_MISSES
        ]
        choices = share_out([one for one in waiting if missed.get(one.id, 0) <= MOST_MISSES], nurses)
        came, nobody = _Round(refused=not_let), [one for one in choices if one.nurse_id is None]
        if chosen := [one for one in choices if one.nurse_id]:
            self._give(chosen, turn, came)
        # "There is nobody" is a choice as well: it is outdated when the others are.
        (came.outdated if came.outdated or came.missed else came.refused).extend(nobody)
        self.assignments.note_nobody(came.refused, self.run_id)
        return came

    def _give(self, choices: Sequence[Choice], turn: int, came: _Round) -> int | None:
        """Give tasks to those who were chosen, all at once, or singly if that fails for one of them.

        Return the turn from then on, or None if the choices are outdated.
        """
        try:
            outcome = self.assignments.give(choices, turn=turn, run_id=self.run_id)
        except DBAPIError as error:
            if not refuses_a_row(error) or (isinstance(error, ProgrammingError) and len(choices) == 1):
                raise
            return self._singly(choices, turn, came) if len(choices) > 1 else _noted(choices[0], error, turn, came)
        if outcome.turn is None:
            came.outdated += choices
        else:
            came.given += [one for one in choices if one.task_id in outcome.task_ids]
            came.missed += [one for one in choices if one.task_id not in outcome.task_ids]
        return outcome.turn

    def _singly(self, choices: Sequence[Choice], turn: int, came: _Round) -> int | None:
        """Give tasks one by one. If the database refuses the statement for every task, raises its error."""
        next_turn: int | None = turn
        refused = list[tuple[Choice, ProgrammingError]]()
        for place, choice in enumerate(choices):
            if next_turn is None:
                came.outdated += choices[place:]
                return None
            if came.locked == MOST_LOCKED:
                break
            try:
                next_turn = self._give([choice], next_turn, came)
            except ProgrammingError as error:  # perhaps of a policy or a trigger, and about this task alone
                refused.append((choice, error))
        if len(refused) == len(choices):
            raise refused[0][1]
        for choice, refusal in refused:
            _noted(choice, refusal, turn, came)
        return next_turn

    def _others(self, ids: Sequence[str], done: set[str]) -> dict[str, str | None]:
        """Return, by id, why each of these tasks that is not done was left alone."""
        rest = [one for one in ids if one not in done]
        tasks: dict[str, EscalationTask | None] = {**self.care.tasks(rest)} if rest else {}
        for id_ in rest:
            if id_ not in tasks:  # an id in another spelling than the database's still finds its row
                tasks[id_] = next(iter(self.care.tasks([id_]).values()), None)
        known = self.assignments.of_tasks(one.id for one in tasks.values() if one) if tasks else {}
        return {
            id_: _why_not(task, known.get(task.id)) if task else None
            for id_, task in tasks.items()
            if task is None or task.id not in done
        }


def _noted(choice: Choice, error: DBAPIError, turn: int, came: _Round) -> int:
    """Note why a single task could not be given, and return the turn, which is the same."""
    if is_locked(error) or isinstance(error.orig, QueryCanceled):
        LOG.info("task %s: somebody has it locked; it is given to a nurse later", choice.task_id)
        came.locked += 1
    else:
        # The words of a policy or a trigger are left out: they may quote the row.
        reason = f"the application refuses to have it assigned (SQLSTATE {getattr(error.orig, 'pgcode', None)})"
        came.refused.append(replace(choice, nurse_id=None, reason=reason))
    return turn


def _why_not(task: EscalationTask, assignment: Assignment | None) -> str:
    """Return why a task was not given to anybody."""
    if task.is_closed:
        return f"it is {task.status}: nobody needs to act"
    if task.assigned_to_user_id:
        return f"it is assigned to {task.assigned_to_user_id}"
    if assignment and assignment.person_id:
        return f"it was given to {assignment.person_id} and is nobody's again: no task is given twice"
    if assignment:
        return "it is given to a nurse later: somebody has it locked, or other runs were faster"
    return "it was created before this system went live, which leaves it alone"
