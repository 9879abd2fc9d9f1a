"""A choice among an application's tables and columns: the table for each of our views, the column for each of ours.

Here: what a choice consists of, and which of our columns hold words or name rows of another view.
Not here: how they are chosen (`placement`), and the map that is written of them (`proposed_map`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sequora_orchestration.application.described import DescribedColumn, DescribedTable

WORDS = (("task", "status"), ("task", "severity"), ("person", "role"))
"""The columns of ours whose words a map gives a meaning to."""

KEYS = {
    ("task", "episode_id"): "episode",
    ("task", "assigned_to_user_id"): "person",
    ("episode", "patient_id"): "patient",
    ("shift", "person_id"): "person",
}
"""The columns of ours that name a row of another view."""

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
    """A column of the application's that is one of ours."""

    column: DescribedColumn
    sense: Sense = Sense.ITSELF
    others: Sequence[str] = ()
    """The SQL of other columns with such a name."""

    words_of: tuple[DescribedTable, DescribedColumn, DescribedColumn] | None = None
    """The table of words, its key and its words, where they are looked up."""

    is_by_name: bool = True
    """Whether it has a name that says so, and not only a foreign key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenTable:
    """A table of the application's that is one of ours."""

    table: DescribedTable
    placed: Mapping[str, Placed]
    unfit: Mapping[str, DescribedColumn]
    """By our columns without a place: a column with the name, but not the type."""

    rivals: Sequence[str] = ()
    """The SQL of other tables that might be meant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The tables that were found in a database."""

    sections: Mapping[str, ChosenTable]
    log: ChosenTable | None
    consents: Sequence[str] = ()
    """The SQL of tables that may say who has consented to texts."""
