"""Lengths of time, as people say them."""

from datetime import timedelta

# Seconds.
MINUTE = 60
TENTH, A_FEW = 0.1, 10

_UNITS = ((86_400, "d"), (3_600, "h"), (MINUTE, "min"), (1, "s"))


def spell_seconds(seconds: float) -> str:
    """Return a number of seconds in words."""
    return spell(timedelta(seconds=seconds))


def spell(length: timedelta) -> str:
    """Return a length of time in words: `35 ms`, `0.31 s`, `12 s`, `5 min 3 s`, `2 h 5 min`, `3 d 4 h`."""
    seconds = length.total_seconds()
    if seconds < 0:
        return f"-{spell(-length)}"
    if seconds < TENTH:
        return f"{seconds * 1000:.0f} ms"
    if seconds < A_FEW:
        return f"{seconds:.2f} s"
    whole = round(seconds)
    place = next(place for place, (size, _) in enumerate(_UNITS) if whole >= size)
    (size, unit), (smaller, smaller_unit) = _UNITS[place], _UNITS[min(place + 1, len(_UNITS) - 1)]
    rest = whole % size // smaller
    return f"{whole // size} {unit}" + (f" {rest} {smaller_unit}" if rest else "")


def counted(count: int, noun: str) -> str:
    """Return a count with its noun: `1 task`, `2 tasks`."""
    return f"{count} {noun}{'' if count == 1 else 's'}"
