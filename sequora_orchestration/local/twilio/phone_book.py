"""The names of numbers, for the inbox page: read from an embedded care database, whose people are invented.

For the operator's own database there is no phone book, and the page shows only numbers. Names stay in memory.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from sequora_orchestration.database import NamedStatements
from sequora_orchestration.domain.phone_number import usable
from sequora_orchestration.local.applications import DEFAULT, Application

# The number of last digits that the statements compare.
_DIGITS_COMPARED = 7


@dataclass(frozen=True, slots=True)
class Person:
    """The owner of a number; `role` is `nurse`, `supervisor`, `admin` or `patient`."""

    name: str
    role: str


class PhoneBook:
    """Looks each number up once, and remembers the answer."""

    def __init__(self, engine: Engine | None = None, application: Application = DEFAULT) -> None:
        """Read the application's tables; without a database nobody is known."""
        self._engine = engine
        self._statements = NamedStatements(application.sql("phone_book"))
        self._known: dict[str, Person | None] = {}

    def look_up(self, numbers: Collection[str]) -> Mapping[str, Person | None]:
        """Return the owner of each number (E.164), None if none is known. Blocks while it reads."""
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
            return {}  # the page shows numbers for now, and asks again at the next look
        found = {usable(row.phone): Person(row.name, row.role) for row in rows}
        return {number: found.get(number) for number in numbers}
