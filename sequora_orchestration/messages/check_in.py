"""The check-in on a patient after the hospital: asked once, by day where the patient is, and in time to count.

Medicare wants a first contact within two business days of the discharge (transitional care management, CMS booklet
MLN908628): the two business days that follow its day, Monday to Friday without federal holidays.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import holidays

from sequora_orchestration.domain.care import Patient
from sequora_orchestration.domain.daytime import known_zone, next_daytime
from sequora_orchestration.domain.ledger_state import State
from sequora_orchestration.messages.awaited import SEE_STATUS, WhenOwed
from sequora_orchestration.messages.check_in_words import CHECK_IN_TEXT, CHECK_IN_WITH_LINK
from sequora_orchestration.messages.kind import Audience, Facts, MessageKind, Withheld
from sequora_orchestration.messages.queue import Queue
from sequora_orchestration.messages.to_patients import (
    patient_of,
    said_to,
    unreachable_patient,
    unwanted_by_patient,
    worth_by_day,
)
from sequora_orchestration.messages.wording import Wording

BUSINESS_DAYS_OF_THE_WINDOW = 2

# Where nobody knows where the patient is, the window is counted in the zone where most of them are.
ZONE_OF_MOST = "America/New_York"


# --- when it is due ---------------------------------------------------------------------------------------------------


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


# --- what it says -----------------------------------------------------------------------------------------------------


def check_in_text(patient: Patient, wording: Wording, link: str | None = None) -> str:
    """Return the friendly question to a patient, in the patient's language.

    A link must be of GSM-7 and no longer than LONGEST_LINK.
    """
    if link:
        return said_to(patient, CHECK_IN_WITH_LINK, wording, link=link)
    return said_to(patient, CHECK_IN_TEXT, wording)


def _unreachable(facts: Facts) -> Withheld | None:
    is_to_be_scheduled = facts.message.due_at is None  # the patient is looked at when the text is sent
    return None if is_to_be_scheduled else unreachable_patient(facts)


CHECK_IN = MessageKind(
    name="check-in",
    audience=Audience.PATIENT,
    when_owed=WhenOwed(
        remedy=SEE_STATUS,
        waits_while_halted=False,
        comes_now="the check-in may go out, by day where the patient is, once it is scheduled",
        comes_after=lambda delays: delays.check_in,
        no_more="the episode is older than a week",
    ),
    unwanted=unwanted_by_patient,
    unreachable=_unreachable,
    text=lambda facts, wording: check_in_text(patient_of(facts), wording, facts.link),
    phrases=(CHECK_IN_TEXT, CHECK_IN_WITH_LINK),
    worth=worth_by_day,
    if_not_found=State.HELD,
    second_try_after=timedelta(minutes=30),
    carries_link=True,
    lateness_counts=True,
)

NEW_EPISODES = Queue(name="new episodes", kind=CHECK_IN, scheduled=False)
DUE_CHECK_INS = Queue(name="due check-ins", kind=CHECK_IN, scheduled=True)
