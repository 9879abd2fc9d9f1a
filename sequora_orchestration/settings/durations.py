"""Lengths of time in settings: `90s`, `30m`, `24h`, `2d`, several of them, or ISO-8601.

Not here: the settings that are lengths of time.
"""

import re
from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}

LONGEST_DELAY = timedelta(days=365)
"""The longest time that a workflow can be set to wait."""


def read_duration(value: object) -> object:
    """Turn `90s`, `30m`, `24h`, `2d` (or several: `1h30m`) into a timedelta; pydantic reads ISO-8601 itself."""
    if isinstance(value, timedelta):
        return value
    text = str(value).strip()
    if re.fullmatch(r"(\d+(\.\d+)?[smhd])+", text):
        parts = re.findall(r"(\d+(?:\.\d+)?)([smhd])", text)
        try:
            return sum((timedelta(**{_UNITS[unit]: float(number)}) for number, unit in parts), timedelta(0))
        except OverflowError:
            return timedelta.max  # too long: the check that follows refuses it
    if text.startswith("P"):
        return text
    raise ValueError("is not a length of time")


def between(shortest: timedelta, longest: timedelta) -> AfterValidator:
    """Refuse a shorter or a longer time; both limits are whole days."""

    def check(value: timedelta) -> timedelta:
        if not shortest <= value <= longest:
            raise ValueError(f"must be between {shortest.days} and {longest.days} days")
        return value

    return AfterValidator(check)


Duration = Annotated[timedelta, BeforeValidator(read_duration), between(timedelta(0), LONGEST_DELAY)]

A_LENGTH_OF_TIME = "give a length of time, e.g. 90s, 30m, 24h, 2d or ISO-8601 (PT30M)."
