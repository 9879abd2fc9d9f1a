"""SQL that turns times, as applications keep them, into times with a zone, and back. Pure.

A time without a zone is UTC, for the views that read it and for the functions that write it.
"""

from sequora_orchestration.application.described import NUMBER, TEXT, DescribedColumn

_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000}
_IN_WORDS = {"s": "seconds", "ms": "milliseconds", "us": "microseconds"}


def unit_of(column: DescribedColumn, seen: str | None) -> tuple[str, str]:
    """Return the unit of a number since 1970 (the one `seen` in rows, or else the usual one), and a remark on it."""
    if seen:
        return seen, f"it counts {_IN_WORDS[seen]}, as the rows say"
    usual = "ms" if column.base_name == "bigint" else "s"
    return usual, f"a guess, for there is no row: it counts {_IN_WORDS[usual]}"


def time_of(sql: str, column: DescribedColumn, seen: str | None) -> tuple[str, str]:
    """Return SQL for the time that a column holds, and a remark on it."""
    if column.category == NUMBER:
        unit, remark = unit_of(column, seen)
        divided = sql if unit == "s" else f"{sql} / {_PER_SECOND[unit]}.0"
        return f"to_timestamp({divided})", f"{column.type_name}; {remark}"
    if column.category == TEXT:
        return f"orchestration.time_of({sql})", f"{column.type_name}; a text that is no time counts as none"
    has_no_zone = column.base_name.startswith("timestamp without") or column.base_name == "date"
    return sql, column.type_name + ("; it counts as UTC" if has_no_zone else "")


def time_as(sql: str, column: DescribedColumn, seen: str | None) -> str:
    """Return SQL for a time as a column holds it."""
    if column.category == NUMBER:
        unit, _ = unit_of(column, seen)
        return f"extract(epoch FROM {sql}) * {_PER_SECOND[unit]}"
    if column.category == TEXT:
        return f"""to_char({sql} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')"""
    return sql
