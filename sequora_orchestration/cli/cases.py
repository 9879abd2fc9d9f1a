"""Reading a case: a task or an episode, by any id that names it, with its messages. It changes nothing."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, tzinfo
from uuid import UUID

from sequora_orchestration.care.care_database import CareDatabase
from sequora_orchestration.database import as_text
from sequora_orchestration.domain.case import Case, Circumstances, EpisodeCase, MessageCase, Story, TaskCase
from sequora_orchestration.domain.phone_number import masked
from sequora_orchestration.ledger.assignments import Assignments
from sequora_orchestration.ledger.ledger import Ledger
from sequora_orchestration.messages.kind import Audience
from sequora_orchestration.messages.kinds import KINDS

# Characters of an id that are told again: more are no id, but something else that was pasted.
LONGEST_SHOWN = 80


class UnknownIdError(Exception):
    """Neither the application nor the ledger knows an id."""


def read_case(
    id_: str, *, ledger: Ledger, care: CareDatabase, assignments: Assignments, zone: tzinfo | None = UTC
) -> Case:
    """Return the case that the id of a task, an episode or a message is about; `zone` is what its times are told in.

    Raises UnknownIdError, SchemaMissingError and the database's errors.
    """
    given = pasted(id_)
    if not given:
        raise UnknownIdError("no id is given: give that of a task, an episode or a message")
    return _Reader(ledger, care, assignments, zone).read(given)


def pasted(id_: str) -> str:
    """Return an id as somebody has pasted it, without what is around it."""
    return as_text(id_).strip()


def shown(id_: str) -> str:
    """Return an id as it is told to whoever has typed it."""
    return id_ if len(id_) <= LONGEST_SHOWN else f"{id_[:LONGEST_SHOWN]}… ({len(id_)} characters)"


class _Reader:
    def __init__(self, ledger: Ledger, care: CareDatabase, assignments: Assignments, zone: tzinfo | None) -> None:
        self.ledger, self.care, self.assignments, self.zone = ledger, care, assignments, zone

    def read(self, id_: str) -> Case:
        for one in dict.fromkeys((id_, _usual_form(id_))):
            if case := self._of_application(one) or self._of_ledger(one):
                return case
        raise UnknownIdError(
            f"neither the application nor the ledger knows {shown(id_)}: give the id of a task, an episode or a message"
        )

    def _of_application(self, id_: str) -> Case | None:
        """Return the case if the application has it, under the id as the database writes it."""
        if tasks := self.care.tasks([id_]):
            return self._tasks(list(tasks))[0]
        return next((self._episode(episode) for episode in self.care.episodes([id_])), None)

    def _of_ledger(self, id_: str) -> Case | None:
        """Return the case if only the ledger has it (any more), or if the id is a message's."""
        messages = self.ledger.stories.stories(task_ids=[id_], episode_ids=[id_])
        if messages:
            return self._tasks([id_])[0] if messages[0].task_id else self._episode(id_)
        subject = self.ledger.stories.subject_of(id_)
        if subject is None:
            return None
        if subject.kind in KINDS and KINDS[subject.kind].names_tasks:
            tasks = ", ".join(self.ledger.stories.tasks_of_digest(id_)) or "none any more"
            raise UnknownIdError(f"{shown(id_)} is a digest, one text about several tasks; give one of theirs: {tasks}")
        if subject.task_id is None and subject.episode_id is None:
            return self._message(id_)
        return self._tasks([subject.task_id])[0] if subject.task_id else self._episode(subject.episode_id or "")

    def _tasks(self, ids: Sequence[str]) -> list[TaskCase]:
        # First what has no row: what gets one meanwhile is then seen with it.
        owed = self.ledger.owed.to_come(task_ids=ids)
        tasks, times, messages = (
            self.care.tasks(ids),
            self.care.task_times(ids),
            self.ledger.stories.stories(task_ids=ids),
        )
        phones, assignments = self._phones(messages), self.assignments.of_tasks(ids)
        cases = []
        for id_ in ids:
            about = [one for one in messages if one.task_id == id_]
            when = times.get(id_)
            around = self._circumstances([one.created_at for one in about] + [when.created_at if when else None])
            cases.append(
                TaskCase(
                    id=id_,
                    task=tasks.get(id_),
                    times=when,
                    messages=about,
                    owed=[one for one in owed if one.task_id == id_],
                    assignment=assignments.get(id_),
                    phones=phones,
                    circumstances=around,
                )
            )
        return cases

    def _episode(self, id_: str) -> EpisodeCase:
        owed = self.ledger.owed.to_come(episode_ids=[id_])
        messages = self.ledger.stories.stories(episode_ids=[id_])
        task_ids = dict.fromkeys([*self.ledger.stories.tasks_of_episode(id_), *self.care.open_tasks_of_episode(id_)])
        episode = self.care.episodes([id_]).get(id_)
        times = [one.created_at for one in messages] + [episode.created_at if episode else None]
        return EpisodeCase(
            id=id_,
            episode=episode,
            messages=messages,
            owed=owed,
            tasks=self._tasks(list(task_ids)) if task_ids else [],
            phones=self._phones(messages),
            circumstances=self._circumstances(times),
        )

    def _message(self, id_: str) -> MessageCase:
        messages = self.ledger.stories.tries_of(id_)
        return MessageCase(
            id=id_,
            messages=messages,
            phones=self._phones(messages),
            circumstances=self._circumstances([one.created_at for one in messages]),
        )

    def _circumstances(self, times: Iterable[datetime | None]) -> Circumstances:
        since = min((at for at in times if at), default=None)
        return replace(self.ledger.stories.circumstances(since), zone=self.zone)

    def _phones(self, messages: Sequence[Story]) -> dict[str, str | None]:
        patients, users = set[str](), set[str]()
        for one in messages:
            (patients if one.audience == Audience.PATIENT else users).add(one.recipient_id or "")
        return {
            **{id_: masked(user.primary_phone) for id_, user in self.care.users(users - {""}).items()},
            **{id_: masked(patient.primary_phone) for id_, patient in self.care.patients(patients - {""}).items()},
        }


def _usual_form(id_: str) -> str:
    """Return an id as the ledger writes a uuid; any other as it is."""
    try:
        return str(UUID(id_))
    except ValueError:
        return id_
