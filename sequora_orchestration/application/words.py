"""The application's words that the map in force has no meaning for: what is to be asked about them."""

from dataclasses import dataclass

from sqlalchemy import Engine

from sequora_orchestration.application import seam
from sequora_orchestration.application.application_map import ApplicationMap, plain, read_map
from sequora_orchestration.application.catalog import fit
from sequora_orchestration.resources.care_database import CareDatabase


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A word of the application's, and what is to be said about it in the map."""

    column: str
    word: str
    tasks: int
    """How many open tasks have it."""

    @property
    def sentence(self) -> str:
        """What is so until the map says what the word means."""
        counts_as = "open" if self.column == "status" else "HIGH"
        have = f"{self.tasks} open task{'s have' if self.tasks != 1 else ' has'} it"
        return f"the {self.column} {self.word!r} is not in the map ({have}) and counts as {counts_as}"

    @property
    def to_do(self) -> str:
        """What a person does about it."""
        part = "task.statuses" if self.column == "status" else "task.severities"
        return f"say under [{part}] of a map what it means (`sequora map` writes one to start from)"


def open_questions(engine: Engine) -> list[Question]:
    """Return the words that the map in force does not know: those that open tasks have, and those of the enums."""
    found = {(one.column_name, one.word): one.tasks for one in CareDatabase(engine).unknown_words()}
    with engine.execution_options(isolation_level="READ COMMITTED").connect() as connection:
        made = seam.in_force(connection)
        if made is None:
            return []
        application_map = read_map(made.name, made.source)
        task = fit(connection, application_map).sections.get("task")
    if task:
        for column, known in (("status", _words(application_map)), ("severity", _severities(application_map))):
            for word in task.columns[column].type.words:
                if plain(word) not in known:
                    found.setdefault((column, word), 0)
    return [Question(column=column, word=word, tasks=tasks) for (column, word), tasks in found.items()]


def _words(application_map: ApplicationMap) -> set[str]:
    return {plain(word) for words in application_map.statuses.values() for word in words}


def _severities(application_map: ApplicationMap) -> set[str]:
    return {plain(word) for words in application_map.severities.values() for word in words}
