"""Questions about words that only one side knows: the application, or the map in force."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from sqlalchemy import Engine

from sequora_orchestration.application import map_in_force
from sequora_orchestration.application.application_map import ApplicationMap, packaged_maps, plain, read_map
from sequora_orchestration.application.expressions import Expression
from sequora_orchestration.application.fitting import fit_section
from sequora_orchestration.care.care_database import CareDatabase, UnknownWord

# The part of the map with the meanings of a column of ours.
_PARTS = {"status": "task.statuses", "severity": "task.severities", "role": "person.roles"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question about a word of the application's or of the map's, for the person who writes the map."""

    sentence: str
    """The present state, until the map says otherwise."""

    to_do: str
    """The next step for a person."""


def open_questions(engine: Engine) -> list[Question]:
    """Return questions about words of open tasks, active people and enums that the map in force does not have.

    Also about words of the operator's own map that an enum does not have. A packaged map has words for many databases.
    """
    found = {(one.column_name, one.word): one for one in CareDatabase(engine).unknown_words()}
    with engine.execution_options(isolation_level="READ COMMITTED").connect() as connection:
        made = map_in_force.in_force(connection)
        if made is None:
            return []
        application_map = read_map(made.name, made.source)
        sections = {
            name: fit_section(connection, [], name, application_map.sections[name]) for name in ("task", "person")
        }
    columns = {
        column: section.columns[column]
        for name, column in (("task", "status"), ("task", "severity"), ("person", "role"))
        if (section := sections[name])
    }
    meanings = _meanings(application_map)
    for column, expression in columns.items():
        known = {plain(word) for words in meanings[column].values() for word in words}
        for word in expression.type.words:
            if plain(word) not in known:
                found.setdefault((column, word), UnknownWord(column_name=column, word=word, tasks=0))
    questions = [_question_about(one, meanings[one.column_name]) for one in found.values()]
    if made.source in {one.source for one in packaged_maps()}:
        return questions
    return [*questions, *_questions_about_the_map(columns, meanings)]


def _meanings(application_map: ApplicationMap) -> dict[str, Mapping[str, Sequence[str]]]:
    return {
        "status": application_map.statuses,
        "severity": application_map.severities,
        "role": application_map.roles,
    }


def _question_about(unknown: UnknownWord, meanings: Mapping[str, Sequence[str]]) -> Question:
    part = _PARTS[unknown.column_name]
    in_map = {plain(word): (word, ours) for ours, words in meanings.items() for word in words}
    close = get_close_matches(plain(unknown.word or ""), in_map, n=1, cutoff=_ALIKE)
    if close:
        word, ours = in_map[close[0]]
        return Question(
            sentence=unknown.sentence,
            to_do=f"say under [{part}] of a map what it means; is it {word!r}, which stands there under {ours}?",
        )
    return Question(
        sentence=unknown.sentence,
        to_do=f"say under [{part}] of a map what it means (`sequora map` writes one to start from)",
    )


def _questions_about_the_map(
    columns: Mapping[str, Expression], meanings: Mapping[str, Mapping[str, Sequence[str]]]
) -> Iterator[Question]:
    """Yield a question for each word of the map that the column's enum does not have: no row can hold it."""
    for column, expression in columns.items():
        labels = {plain(label): label for label in expression.type.words}
        for ours, words in meanings[column].items():
            for word in words:
                if labels and plain(word) not in labels:
                    close = get_close_matches(plain(word), labels, n=1, cutoff=_ALIKE)
                    yield Question(
                        sentence=f"the {column} {word!r}, which stands under {ours} in [{_PARTS[column]}] of the map, "
                        f"is none of the enum {expression.type.name}",
                        to_do=f"is it {labels[close[0]]!r}? Correct it in the map, or leave it out"
                        if close
                        else "correct it in the map, or leave it out",
                    )


# The likeness of two words, from 0 to 1. Words that differ by a letter too many, missing or wrong are above this.
_ALIKE = 0.8
