"""The check-in on a patient after the hospital: asked once, by day where the patient is, and in time to count.

Medicare wants a first contact within two business days of the discharge (transitional care management, CMS booklet
MLN908628): the two business days that follow its day, Monday to Friday without federal holidays.
"""

import unicodedata
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import holidays

from sequora_orchestration.domain.care import Patient
from sequora_orchestration.domain.cause import Cause
from sequora_orchestration.domain.daytime import daytime_left, known_zone, next_daytime
from sequora_orchestration.domain.gsm_7 import to_gsm_7
from sequora_orchestration.domain.ledger_state import State
from sequora_orchestration.domain.phone_number import UnusablePhoneError, e164
from sequora_orchestration.messages.awaited import SEE_STATUS, WhenOwed
from sequora_orchestration.messages.kind import (
    Audience,
    Facts,
    MessageKind,
    Postponement,
    Suppression,
    Withheld,
    cancelled,
    failed,
)

# A check-in that could not be sent for longer than this is no longer worth sending; one that was moved to the morning
# has an hour of that morning all the same.
STALE_AFTER = timedelta(days=1)
STALE_AFTER_MOVED = timedelta(hours=1)

BUSINESS_DAYS_OF_THE_WINDOW = 2

# Where nobody knows where the patient is, the window is counted in the zone where most of them are.
ZONE_OF_MOST = "America/New_York"

# A name that is longer is left out: it is no first name.
LONGEST_NAME = 20

# The longest link of a check-in, in septets: with it the text has three segments, whatever the patient is called.
LONGEST_LINK = 200

# Written without the accents that GSM-7 does not have (á, í, ó, ú): one of them would more than double the segments.
QUESTION = {
    "en": (
        "Hi{name}, this is your care team at Sequora. How are you feeling today? You can answer this text and we will "
        "read it.{link}In an emergency call 911. Reply STOP to end these texts."
    ),
    "es": (
        "Hola{name}, le escribe su equipo de cuidados de Sequora. ¿Qué tal se siente hoy? Puede responder a este "
        "mensaje y lo leeremos.{link}En una emergencia llame al 911. Responda STOP para dejar de recibir mensajes."
    ),
}
# The link is a line of its own: a full stop behind it would become part of it on some phones.
LINE_WITH_LINK = {
    "en": " You can also use this link:\n{link}\n",
    "es": " También puede usar este enlace:\n{link}\n",
}
_LANGUAGES = {"en": "en", "eng": "en", "es": "es", "spa": "es"}


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


def zone_of(facts: Facts) -> ZoneInfo | None:
    """Return the zone that is known of the episode, or else of the patient."""
    of_episode = known_zone(facts.episode.timezone) if facts.episode else None
    return of_episode or (known_zone(facts.recipient.timezone) if isinstance(facts.recipient, Patient) else None)


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


# --- whether it is wanted, and can be sent ----------------------------------------------------------------------------


def _unwanted(facts: Facts) -> Suppression | None:
    if facts.episode is None:
        return cancelled(Cause.EPISODE_GONE, "the episode does not exist (any more)")
    due_at = facts.message.due_at
    is_late = facts.now - facts.message.owed_since > STALE_AFTER
    if is_late and due_at and facts.now - due_at > STALE_AFTER_MOVED:
        return cancelled(Cause.STALE, "stale: it could not be sent for more than a day after it was due")
    return None


def _unreachable(facts: Facts) -> Withheld | None:
    patient = facts.recipient
    if facts.message.due_at is None:  # still to be scheduled: the patient is looked at when the text is sent
        return None
    if not isinstance(patient, Patient):
        return cancelled(Cause.RECIPIENT_GONE, "the episode's patient does not exist (any more)")
    try:
        e164(patient.primary_phone)
    except UnusablePhoneError as error:
        return failed(Cause.UNUSABLE_PHONE, f"{error}; correct the patient's phone")
    if facts.opted_out:
        return cancelled(Cause.OPTED_OUT, "opted out: the patient's number has replied STOP")
    if not patient.may_be_texted:
        return cancelled(Cause.NO_CONSENT, "no consent: the application does not say that the patient may be texted")
    return _at_night(facts)


def _at_night(facts: Facts) -> Withheld | None:
    day = next_daytime(facts.now, zone_of(facts))
    if day <= facts.now:
        return None
    if day - facts.message.owed_since > STALE_AFTER:
        return cancelled(Cause.STALE, "stale: by the patient's next morning it would be more than a day late")
    return Postponement(day, "it is night where the patient is: moved to the morning", Cause.NIGHT)


# --- what it says -----------------------------------------------------------------------------------------------------


def check_in_text(patient: Patient, link: str | None = None) -> str:
    """Return the friendly question to a patient, in Spanish or English; of GSM-7 and two segments at most.

    A link must be of GSM-7 and no longer than LONGEST_LINK: with it the text has three segments at most.
    """
    name = _first_name(patient.first_name)
    code = (patient.language_code or "").strip().lower().replace("_", "-").split("-")[0]
    language = _LANGUAGES.get(code, "en")
    return QUESTION[language].format(
        name=f" {name}" if name else "", link=LINE_WITH_LINK[language].format(link=link) if link else " "
    )


def _first_name(typed: str | None) -> str:
    """Return a name as it may stand in a text: letters and what joins them, so that it is never a link."""
    straight = (typed or "").replace("\u2019", "'")
    words = "".join(c if _is_of_a_name(c) else " " for c in straight).split()
    name = to_gsm_7(" ".join(words)) or ""
    return name if len(name) <= LONGEST_NAME and any(character.isalpha() for character in name) else ""


def _is_of_a_name(character: str) -> bool:
    return character.isalpha() or unicodedata.combining(character) > 0 or character in "'-"


def _text(facts: Facts, _app_url: str) -> str:
    if not isinstance(facts.recipient, Patient):
        raise TypeError("a check-in needs the patient")
    return check_in_text(facts.recipient, facts.link)


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
    unwanted=_unwanted,
    unreachable=_unreachable,
    text=_text,
    worth=lambda facts: daytime_left(facts.now, zone_of(facts)),
    if_not_found=State.HELD,
    second_try_after=timedelta(minutes=30),
    carries_link=True,
)
