"""When a patient is texted: never at night where the patient is, and in time for a first contact to count.

Hours of 9:00 to 20:00 local time are inside what federal law (8:00 to 21:00, 47 CFR 64.1200) and the stricter states
allow. Medicare wants a first contact within two business days of the discharge (transitional care management, CMS
booklet MLN908628): the two business days that follow its day, Monday to Friday without federal holidays.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import holidays

DAY_BEGINS = time(9)
DAY_ENDS = time(20)

# A check-in that could not be sent for longer than this is no longer worth sending; one that was moved to the morning
# has an hour of that morning all the same.
STALE_AFTER = timedelta(days=1)
STALE_AFTER_MOVED = timedelta(hours=1)

BUSINESS_DAYS_OF_THE_WINDOW = 2

# The zones of the states and the inhabited territories: 23:00 to 24:00 UTC is day in all of them, summer and winter.
US_ZONES = (
    "America/Puerto_Rico",
    "America/New_York",
    "America/Chicago",
    "America/Denver",
    "America/Phoenix",
    "America/Los_Angeles",
    "America/Anchorage",
    "America/Adak",
    "Pacific/Honolulu",
    "Pacific/Pago_Pago",
    "Pacific/Guam",
)

# What a column holds by default, or a machine calls its own: no place where a patient lives.
NO_PLACES = frozenset(
    {"UTC", "UCT", "GMT", "GMT0", "GMT+0", "GMT-0", "Greenwich", "Universal", "Zulu"}
    | {"Factory", "localtime", "posixrules"}
)

# Where nobody knows where the patient is, the window is counted in the zone where most of them are.
ZONE_OF_MOST = "America/New_York"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckInTime:
    """When a check-in is due, and why then."""

    due_at: datetime
    reason: str
    zone: str | None
    """None if the patient's own is not known."""

    window_ends: datetime
    """The end of Medicare's window for a first contact."""

    @property
    def is_in_window(self) -> bool:
        """Whether the check-in still counts as a first contact in time."""
        return self.due_at < self.window_ends


def check_in_time(
    *, created_at: datetime, discharged_at: datetime | None, timezone: str | None, delay: timedelta
) -> CheckInTime:
    """Return when to check in on a patient: `delay` after the episode's creation, or when the next day begins.

    Never earlier than the delay and never at night. The window may have ended by then, where an episode is created
    long after the discharge: a late check-in is better than none, and the reason says so.
    """
    zone = known_zone(timezone)
    earliest = created_at.astimezone(UTC) + delay
    due_at = next_daytime(earliest, zone)
    window_ends = end_of_window(discharged_at or created_at, zone or ZoneInfo(ZONE_OF_MOST))
    reason = f"{_in_words(delay)} after the episode's creation"
    if due_at != earliest and zone:
        reason += ", moved out of the night to 9:00 where the patient is"
    elif due_at != earliest:
        reason += ", moved to an hour that is day in every US zone: the patient's is not known"
    if due_at >= window_ends:
        reason += "; that is after Medicare's two business days"
    return CheckInTime(due_at=due_at, reason=reason, zone=zone.key if zone else None, window_ends=window_ends)


def known_zone(timezone: str | None) -> ZoneInfo | None:
    """Return the zone of that IANA name, or None if there is none."""
    name = (timezone or "").strip()
    if not name or name.removeprefix("Etc/") in NO_PLACES:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # what else a name can be: a path, a directory, too long
        return None


def next_daytime(moment: datetime, zone: ZoneInfo | None) -> datetime:
    """Return the first time from `moment` on that is day in the zone; without one, in every US zone. In UTC."""
    zones = [zone] if zone else [ZoneInfo(name) for name in US_ZONES]
    moment = moment.astimezone(UTC)
    while not is_daytime(moment, zones):
        moment = max(_next_daytime_in(moment, each) for each in zones)
    return moment


def is_daytime(moment: datetime, zones: Sequence[ZoneInfo]) -> bool:
    """Tell whether it is day in all of the zones."""
    return all(DAY_BEGINS <= moment.astimezone(zone).time() < DAY_ENDS for zone in zones)


def daytime_left(moment: datetime, zone: ZoneInfo | None) -> timedelta:
    """Return how long it is still day in the zone; without one, in every US zone. At night, none."""
    zones = [zone] if zone else [ZoneInfo(name) for name in US_ZONES]
    if not is_daytime(moment, zones):
        return timedelta(0)
    ends = [datetime.combine(moment.astimezone(each).date(), DAY_ENDS, tzinfo=each).astimezone(UTC) for each in zones]
    return min(ends) - moment.astimezone(UTC)


def _next_daytime_in(moment: datetime, zone: ZoneInfo) -> datetime:
    local = moment.astimezone(zone)
    if DAY_BEGINS <= local.time() < DAY_ENDS:
        return moment
    day = local.date()
    while (begins := datetime.combine(day, DAY_BEGINS, tzinfo=zone).astimezone(UTC)) < moment:
        day += timedelta(days=1)
    return begins


def end_of_window(discharged_at: datetime, zone: ZoneInfo) -> datetime:
    """Return the end of the second business day after the day of the discharge, by the zone's calendar. In UTC."""
    day = discharged_at.astimezone(zone).date()
    for _ in range(BUSINESS_DAYS_OF_THE_WINDOW):
        day += timedelta(days=1)
        while not _is_business_day(day):
            day += timedelta(days=1)
    return datetime.combine(day + timedelta(days=1), time(0), tzinfo=zone).astimezone(UTC)


def _is_business_day(day: date) -> bool:
    return day.weekday() < 5 and day not in _federal_holidays(day.year)  # noqa: PLR2004  # Monday to Friday


@cache
def _federal_holidays(year: int) -> holidays.HolidayBase:
    return holidays.country_holidays("US", years=year)


def _in_words(delay: timedelta) -> str:
    hours = delay / timedelta(hours=1)
    return f"{hours:g} h" if hours >= 1 else f"{delay.total_seconds():g} s"
