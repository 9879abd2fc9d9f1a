"""The map from which the views were made, as `orchestration.application_map` has it on record.

Here: reading that record, with the rights that are needed and the indexes that help. Not here: making the views, and
writing the record (`seam`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from sequora_orchestration.application.application_map import PACKAGED


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """A helpful index on a table of the application's."""

    name: str
    table: str
    definition: str | None
    """The SQL after ON and the table's name; None if no such index is possible."""

    why_not: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Right:
    """A right that the running system's role must have on a table of the application's, or on a schema."""

    table: str
    """The table's name; the schema's if `command` is USAGE."""

    column: str | None
    """None for the table as a whole."""

    command: str
    """SELECT, INSERT, UPDATE, or USAGE of a schema in which our functions find types and functions."""

    is_to_assign: bool = False
    """Whether it is needed only with SEQUORA_ASSIGN."""

    is_to_write_back: bool = False
    """Whether it is needed only with SEQUORA_WRITE_BACK."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InForce:
    """The map from which the views were made."""

    name: str
    source: str
    digest: str
    since: datetime
    rights: Sequence[Right]
    indexes: Sequence[Index]
    problems: Sequence[str]
    """Why the application's log would refuse a row; sentences."""


def in_force(connection: Connection) -> InForce | None:
    """Return the map from which the views were made, if they have been made."""
    if connection.scalar(text("SELECT to_regclass('orchestration.application_map')")) is None:
        return None
    found = connection.execute(text("SELECT * FROM orchestration.application_map")).mappings().first()
    if found is None:
        return None
    return InForce(
        name=found["name"],
        source=found["source"],
        digest=found["digest"],
        since=found["since"],
        rights=[_right(one) for one in found["rights"]],
        indexes=[Index(**one) for one in found["indexes"]],
        problems=found["problems"],
    )


def _right(recorded: Mapping[str, Any]) -> Right:
    """Return a recorded right; what a newer version has recorded beside it is left out."""
    known = {one.name for one in fields(Right)}
    return Right(**{name: value for name, value in recorded.items() if name in known})


def is_own(made: InForce) -> bool:
    """Whether the map in force is the operator's own, and not a packaged one."""
    return made.name not in PACKAGED


def not_named(made: InForce) -> str:
    """Return the sentence for an operator whose own map is in force, and SEQUORA_APPLICATION_MAP is not set."""
    return f"the map {made.name} is in force, and SEQUORA_APPLICATION_MAP is not set"


NAME_IT = "set it to that file, or to the one that is to follow it"
