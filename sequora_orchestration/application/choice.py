"""A choice among an application's tables and columns: a table for each of our views, a column for each of theirs.

Here: the parts of a choice, and which of our columns hold words or name rows of another view.
Not here: how they are chosen (`placement`), and the map that is written from them (`proposed_map`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sequora_orchestration.application.described import DescribedColumn, DescribedTable

WORDS = (("task", "status"), ("task", "severity"), ("person", "role"))
"""Our columns whose words are given a meaning by a map."""

KEYS = {
    ("task", "episode_id"): "episode",
    ("task", "assigned_to_user_id"): "person",
    ("episode", "patient_id"): "patient",
    ("shift", "person_id"): "person",
}
"""Our columns that name a row of another view."""

KEYS_OF_LOG = {"task_id": "task", "episode_id": "episode", "user_id": "person", "patient_id": "patient"}


class Sense(StrEnum):
    """How the value of one of our columns is read from a column of the application's."""

    ITSELF = "itself"
    OPPOSITE = "opposite"
    """The column is a flag, or a time, that says no where ours says yes."""

    STATE = "state"
    """The column holds words, one of which means yes."""

    LOOKED_UP = "looked up"
    """The column refers to a table that holds the words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A column of the application's, chosen for one of ours."""

    column: DescribedColumn
    sense: Sense = Sense.ITSELF
    others: Sequence[str] = ()
    """Other columns with such a name, in SQL."""

    words_of: tuple[DescribedTable, DescribedColumn, DescribedColumn] | None = None
    """Where words are looked up: the table, its key, and its column with the words."""

    is_by_name: bool = True
    """Whether its name was the reason, and not only a foreign key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenTable:
    """A table of the application's, chosen for one of our views, or for the log."""

    table: DescribedTable
    placed: Mapping[str, Placed]
    unfit: Mapping[str, DescribedColumn]
    """By our column, for those without a place: a column with such a name, but of the wrong type."""

    rivals: Sequence[str] = ()
    """Other tables that might be meant, in SQL."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The tables that were chosen in a database."""

    sections: Mapping[str, ChosenTable]
    log: ChosenTable | None
    consents: Sequence[str] = ()
    """Tables that may say who has consented to texts, in SQL."""
