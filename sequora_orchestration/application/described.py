"""A database's tables as its catalog describes them, as far as a proposal of a map needs it; no rows."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

TEXT, TIME, NUMBER, FLAG, ENUM, ARRAY, OTHER = "S", "D", "N", "B", "E", "A", "U"
"""Categories of types, as `pg_type.typcategory`; OTHER are uuid and JSON, among others."""

# The words with which a CHECK compares its column: `role = ANY (ARRAY['NURSE'::text, …])`, or a single word.
_COMPARISON = re.compile(r"(?<![<>!])= (?:ANY \()?.*")
_LITERAL = re.compile(r"'((?:[^']|'')*)'::(?:text|character varying|bpchar)")


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribedColumn:
    """A column of the application's."""

    name: str
    sql: str
    """The name, quoted where need be."""

    type_name: str
    base_name: str
    """The type, without its length; of a domain, the type under it."""

    category: str
    must_be_given: bool = False
    """Whether it is NOT NULL and has no default."""

    is_not_null: bool = False
    is_generated: bool = False
    is_counted: bool = False
    """Whether a sequence gives its values."""

    is_primary_key: bool = False
    refers_to: int | None = None
    """The id of the table that a foreign key of this column alone refers to."""

    words: Sequence[str] = ()
    """All the words that can stand in it: an enum's labels, or those that a CHECK allows."""

    @property
    def is_time(self) -> bool:
        """Whether it is a time with a date."""
        return self.category == TIME and not self.base_name.startswith("time ")

    @property
    def is_json(self) -> bool:
        """Whether it is JSON."""
        return self.base_name in {"json", "jsonb"}

    @property
    def can_be_an_id(self) -> bool:
        """Whether rows may be found by it."""
        return self.category in {TEXT, NUMBER} or self.base_name == "uuid"


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribedTable:
    """A table of the application's, or a view."""

    id: int
    sql: str
    """Its name with its schema's, quoted where need be."""

    schema: str
    name: str
    is_view: bool = False
    rows: int = 0
    """The planner's estimate."""

    columns: Sequence[DescribedColumn] = field(default_factory=list)

    @property
    def primary_key(self) -> DescribedColumn | None:
        """The column of the primary key, if the key has one column."""
        return next((column for column in self.columns if column.is_primary_key), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A look at some thousand rows of a column, at most."""

    words: Sequence[str] | None = None
    """The words in it; None if its values are no words, or cannot be read."""

    unit: str | None = None
    """The unit of a number that is a time: `s`, `ms` or `us`; None if there is no row."""


Samples = Mapping[tuple[str, str], Sample]
"""Samples by table and column, both in SQL."""


def words_of_checks(checks: Sequence[str]) -> list[str]:
    """Return the words that a column's CHECKs allow, if one of them lists them."""
    for check in checks:
        compared = _COMPARISON.search(check)
        words = [word.replace("''", "'") for word in _LITERAL.findall(compared[0])] if compared else []
        if words and "<>" not in check:
            return list(dict.fromkeys(words))
    return []
