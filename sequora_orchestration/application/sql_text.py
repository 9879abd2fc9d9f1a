"""Writing names, words and assignments in SQL that is made from a map. No database is known here."""

from collections.abc import Mapping


def quoted(name: str) -> str:
    """Return a name, with any characters in it, as SQL has it."""
    doubled = name.replace('"', '""')
    return f'"{doubled}"'


def literal(word: str) -> str:
    """Return a word as SQL has it."""
    doubled = word.replace("'", "''")
    return f"'{doubled}'"


def without_parameters(sql: str) -> str:
    """Return SQL in which SQLAlchemy takes no colon for the beginning of a parameter."""
    return sql.replace(":", r"\:")


def values_written(columns: Mapping[str, str], types: Mapping[str, str]) -> dict[str, str]:
    """Return expressions by column, each cast to its column's type."""
    return {column: f"CAST(({sql}) AS {types[column]})" for column, sql in columns.items()}


def assignments(values: Mapping[str, str]) -> str:
    """Return the assignments of an UPDATE, as they stand after SET."""
    return ", ".join(f"{quoted(column)} = {sql}" for column, sql in values.items())


def nothing(name: str, types: Mapping[str, str]) -> str:
    """Return a row of NULLs, as it stands after FROM."""
    columns = ", ".join(f"CAST(NULL AS {type_name}) AS {column}" for column, type_name in types.items())
    return f"(SELECT {columns}) AS {name}"
