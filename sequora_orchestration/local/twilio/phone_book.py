"""Who has a number, for the inbox page: read from an embedded care database, whose people are invented.

For a database of somebody's own there is no phone book, and the page shows numbers alone. Names stay in memory.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from sequora_orchestration.database import NamedStatements
from sequora_orchestration.domain.phone_number import usable
from sequora_orchestration.local.applications import DEFAULT, Application

# As many as the statements compare.
_DIGITS_COMPARED = 7


@dataclass(frozen=True, slots=True)
class Person:
    """Whose number it is; `role` is `nurse`, `supervisor`, `admin` or `patient`."""

    name: str
    role: str


class PhoneBook:
    """Looks each number up once, and remembers what it found."""

    def __init__(self, engine: Engine | None = None, application: Application = DEFAULT) -> None:
        """Read the application's tables; without a database nobody is known."""
        self._engine = engine
        self._statements = NamedStatements(application.sql("phone_book"))
        self._known: dict[str, Person | None] = {}

    def look_up(self, numbers: Collection[str]) -> Mapping[str, Person | None]:
        """Return who has each number (E.164), None where nobody is known to. Blocks while it asks."""
        unasked = [number for number in numbers if number not in self._known]
        if self._engine is not None and unasked:
            self._known |= self._ask(self._engine, unasked)
        return {number: self._known.get(number) for number in numbers}

    def _ask(self, engine: Engine, numbers: Collection[str]) -> Mapping[str, Person | None]:
        endings = [number[-_DIGITS_COMPARED:] for number in numbers]
        try:
            with engine.connect() as connection:
                rows = connection.execute(self._statements["people"], {"endings": endings}).all()
        except SQLAlchemyError:
            return {}  # asked again with the next look at the page, which does without until then
        found = {usable(row.phone): Person(row.name, row.role) for row in rows}
        return {number: found.get(number) for number in numbers}
