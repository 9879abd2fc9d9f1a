"""Times as a person types them for a command: a time of today, an age, or a whole date and time.

Not here: lengths of time in settings (`settings/durations.py`), whose syntax an age has.
"""

import re
from datetime import UTC, datetime, time, timedelta, tzinfo

from pydantic import TypeAdapter, ValidationError

from sequora_orchestration.settings.durations import LONGEST_DELAY, read_duration

A_TIME = (
    "give a time of today (14:00, 14:00Z), an age (2h, 90m, 1d), or a date and time (2026-11-30T14:00, with a zone: "
    "2026-11-30T14:00Z)"
)

# On the first and the last day of the calendar there are zones in which a time cannot be said.
EARLIEST = datetime.min.replace(tzinfo=UTC) + timedelta(days=1)
LATEST = datetime.max.replace(tzinfo=UTC) - timedelta(days=1)

_TIME_OF_TODAY = re.compile(r"(?P<time>\d{1,2}:\d\d(:\d\d)?)(?P<zone>Z|[+-]\d\d:\d\d)?", re.IGNORECASE)
_AGE = TypeAdapter(timedelta)


class MomentError(Exception):
    """A time that cannot be read, or cannot be meant; the message says why."""


def moment(typed: str, option: str, *, now: datetime, zone: tzinfo | None = None) -> datetime:
    """Return the time that was typed for an option; `zone` is the zone of a time without one, None for this machine's.

    Raises MomentError.
    """
    text = typed.strip()
    if not text:
        raise MomentError(f'{option} "" is no time: {A_TIME}')
    if of_today := _TIME_OF_TODAY.fullmatch(text):
        return _of_today(text, of_today, option, now=now, zone=zone)
    if (age := _age(text)) is not None:
        if age > LONGEST_DELAY:
            most = f"an age is {LONGEST_DELAY.days} days at most"
            raise MomentError(f"{option} {text} is too long ago: {most}; for an earlier time give its date")
        return now - age
    try:
        whole = datetime.fromisoformat(text)
        at = whole if whole.tzinfo else _local(whole, zone)
    except (ValueError, OverflowError):
        at = None
    if at is None or not EARLIEST <= at <= LATEST:
        raise MomentError(f"{option} {typed} is no time: {A_TIME}")
    return at


def _age(text: str) -> timedelta | None:
    """Return the length of time that a text says; None if it says none."""
    try:
        age = _AGE.validate_python(read_duration(text))
    except (ValueError, ValidationError):
        return None
    return age if age >= timedelta(0) else None


def _of_today(text: str, read: re.Match[str], option: str, *, now: datetime, zone: tzinfo | None) -> datetime:
    """Return a time of today, where the zone is that is typed with it, or else in `zone`."""
    hour, minute, second = [*map(int, read["time"].split(":")), 0][:3]
    try:
        if read["zone"]:
            zone = datetime.fromisoformat(f"2000-01-01T00:00{read['zone'].upper()}").tzinfo
        at = _local(datetime.combine(now.astimezone(zone), time(hour, minute, second)), zone)
    except ValueError:
        raise MomentError(f"{option} {text} is no time of a day: {A_TIME}") from None
    if at > now:
        raise MomentError(f"{option} {text} is still to come, at {in_zone(at, zone)}: for an earlier day give its date")
    return at


def _local(at: datetime, zone: tzinfo | None) -> datetime:
    return at.replace(tzinfo=zone) if zone else at.astimezone()


def in_zone(at: datetime, zone: tzinfo | None) -> str:
    """Return a time as a person reads it, in a zone that is said; None for this machine's."""
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M:%S %Z}"
