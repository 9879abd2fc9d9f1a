"""The application's words that the map in force has no meaning for: what is to be asked about them."""

from dataclasses import dataclass

from sqlalchemy import Engine

from sequora_orchestration.application import seam
from sequora_orchestration.application.application_map import plain, read_map
from sequora_orchestration.application.catalog import fit_section
from sequora_orchestration.resources.care_database import CareDatabase, UnknownWord

_PARTS = {"status": "task.statuses", "severity": "task.severities", "role": "person.roles"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A word of the application's, and what is to be said about it in the map."""

    about: UnknownWord

    @property
    def sentence(self) -> str:
        """What is so until the map says what the word means."""
        return self.about.sentence

    @property
    def to_do(self) -> str:
        """What a person does about it."""
        part = _PARTS[self.about.column_name]
        return f"say under [{part}] of a map what it means (`sequora map` writes one to start from)"


def open_questions(engine: Engine) -> list[Question]:
    """Return the words that the map in force does not know: of open tasks, active people and the tasks' enums."""
    found = {(one.column_name, one.word): one for one in CareDatabase(engine).unknown_words()}
    with engine.execution_options(isolation_level="READ COMMITTED").connect() as connection:
        made = seam.in_force(connection)
        if made is None:
            return []
        application_map = read_map(made.name, made.source)
        task = fit_section(connection, [], "task", application_map.sections["task"])
    if task:
        for column, meanings in (("status", application_map.statuses), ("severity", application_map.severities)):
            known = {plain(word) for words in meanings.values() for word in words}
            for word in task.columns[column].type.words:
                if plain(word) not in known:
                    found.setdefault((column, word), UnknownWord(column_name=column, word=word, tasks=0))
    return [Question(about=one) for one in found.values()]
