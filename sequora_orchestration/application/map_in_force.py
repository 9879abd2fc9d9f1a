"""The map that the views were made of, as `orchestration.application_map` has it on record.

Here: reading that record, and what belongs to it: rights that are needed, indexes that help. Not here: making the
views, which also writes the record (`seam`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from sequora_orchestration.application.application_map import PACKAGED


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """A helpful index on a table of the application's."""

    name: str
    table: str
    definition: str | None
    """What follows ON and the table; None if there can be none."""

    why_not: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Right:
    """What the role of the running system must be allowed to do with a table of the application's, or with a schema."""

    table: str
    """The name of the table; that of the schema where `command` is USAGE."""

    column: str | None
    """None for the table as a whole."""

    command: str
    """SELECT, INSERT, UPDATE, or USAGE of a schema in which our functions find types and functions."""

    is_to_assign: bool = False
    """Whether it is needed with SEQUORA_ASSIGN alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InForce:
    """The map that the views were made of."""

    name: str
    source: str
    digest: str
    since: datetime
    rights: Sequence[Right]
    indexes: Sequence[Index]
    problems: Sequence[str]
    """Why the application's log would refuse a row; sentences."""


def in_force(connection: Connection) -> InForce | None:
    """Return the map that the views were made of, if they have been made."""
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
        rights=[Right(**one) for one in found["rights"]],
        indexes=[Index(**one) for one in found["indexes"]],
        problems=found["problems"],
    )


def is_own(made: InForce) -> bool:
    """Whether the map in force is none of those that come along."""
    return made.name not in PACKAGED


def not_named(made: InForce) -> str:
    """Return the sentence for a setting that is forgotten while a map of one's own is in force."""
    return f"the map {made.name} is in force, and SEQUORA_APPLICATION_MAP is not set"


NAME_IT = "set it to that file, or to the one that is to follow it"
