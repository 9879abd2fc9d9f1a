"""Who has a number, for the inbox page: read from an embedded care database, whose people are invented.

For a database of somebody's own there is no phone book, and the page shows numbers alone. Names stay in memory.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from sequora_orchestration.domain.phone_number import usable

# Only reads. Numbers stand there as somebody typed them, so that it goes by their last digits.
PEOPLE = text(r"""
WITH person AS (
    SELECT first_name, last_name, role::text AS role, primary_phone FROM public."User"
    UNION ALL
    SELECT first_name, last_name, 'PATIENT', primary_phone FROM public."Patient"
)
SELECT concat_ws(' ', first_name, last_name) AS name, lower(role) AS role, primary_phone
FROM person
WHERE right(regexp_replace(primary_phone, '\D', '', 'g'), 7) = ANY (:endings)
""")
_DIGITS_COMPARED = 7


@dataclass(frozen=True, slots=True)
class Person:
    """Whose number it is; `role` is `nurse`, `supervisor`, `admin` or `patient`."""

    name: str
    role: str


class PhoneBook:
    """Looks each number up once, and remembers what it found."""

    def __init__(self, engine: Engine | None = None) -> None:
        """Without a database nobody is known."""
        self._engine = engine
        self._known: dict[str, Person | None] = {}

    def look_up(self, numbers: Collection[str]) -> Mapping[str, Person | None]:
        """Return who has each number (E.164), None where nobody is known to. Blocks while it asks."""
        unasked = [number for number in numbers if number not in self._known]
        if self._engine is not None and unasked:
            self._known |= self._ask(self._engine, unasked)
        return {number: self._known.get(number) for number in numbers}

    @staticmethod
    def _ask(engine: Engine, numbers: Collection[str]) -> Mapping[str, Person | None]:
        endings = [number[-_DIGITS_COMPARED:] for number in numbers]
        try:
            with engine.connect() as connection:
                rows = connection.execute(PEOPLE, {"endings": endings}).all()
        except SQLAlchemyError:
            return {}  # asked again with the next look at the page, which does without until then
        found = {usable(row.primary_phone): Person(row.name, row.role) for row in rows}
        return {number: found.get(number) for number in numbers}
