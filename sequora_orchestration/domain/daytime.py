"""When it is day where somebody is: nobody is texted at night who need not be."""

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

# Hours that federal law (8:00 to 21:00, 47 CFR 64.1200) and the stricter states allow.
DAY_BEGINS = time(9)
DAY_ENDS = time(20)

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

# Names that a column holds by default, or that a machine has for its own zone: no place where a patient lives.
NO_PLACES = frozenset(
    {"UTC", "UCT", "GMT", "GMT0", "GMT+0", "GMT-0", "Greenwich", "Universal", "Zulu"}
    | {"Factory", "localtime", "posixrules"}
)


def known_zone(timezone: str | None) -> ZoneInfo | None:
    """Return the zone of that IANA name, or None if there is none."""
    name = (timezone or "").strip()
    if not name or name.removeprefix("Etc/") in NO_PLACES:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # the name may be a path, a directory, or too long
        return None


def next_daytime(moment: datetime, zone: ZoneInfo | None) -> datetime:
    """Return the first time from `moment` on when it is day in the zone, or without one in every US zone; in UTC."""
    zones = [zone] if zone else [ZoneInfo(name) for name in US_ZONES]
    moment = moment.astimezone(UTC)
    while not is_daytime(moment, zones):
        moment = max(_next_daytime_in(moment, each) for each in zones)
    return moment


def is_daytime(moment: datetime, zones: Sequence[ZoneInfo]) -> bool:
    """Return whether it is day in all of the zones."""
    return all(DAY_BEGINS <= moment.astimezone(zone).time() < DAY_ENDS for zone in zones)


def daytime_left(moment: datetime, zone: ZoneInfo | None) -> timedelta:
    """Return how long it is still day in the zone, or without one in every US zone; zero at night."""
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
