"""What the kinds of messages to patients share: when they are not wanted, who cannot be texted, by day; the greeting.

A text that could not be sent by day goes out the next morning, or, if that is too late, not at all.
"""

import unicodedata
from datetime import timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from sequora_orchestration.domain.care import Patient
from sequora_orchestration.domain.cause import Cause
from sequora_orchestration.domain.daytime import daytime_left, known_zone, next_daytime
from sequora_orchestration.domain.gsm_7 import to_gsm_7
from sequora_orchestration.domain.phone_number import UnusablePhoneError, e164
from sequora_orchestration.messages.kind import Facts, Postponement, Suppression, Withheld, cancelled, failed

# A text that could not be sent for longer than this is no longer worth sending; one that was moved to the morning has
# an hour of that morning all the same.
STALE_AFTER = timedelta(days=1)
STALE_AFTER_MOVED = timedelta(hours=1)

# A name that is longer is left out: it is no first name.
LONGEST_NAME = 20

Language = Literal["en", "es"]

_LANGUAGES: dict[str, Language] = {"en": "en", "eng": "en", "es": "es", "spa": "es"}


# --- whether it is wanted, and can be sent ----------------------------------------------------------------------------


def unwanted_by_patient(facts: Facts) -> Suppression | None:
    """Return why a message to a patient is not wanted: there is no such episode, or it is too late by now."""
    if facts.episode is None:
        return cancelled(Cause.EPISODE_GONE, "the episode does not exist (any more)")
    due_at = facts.message.due_at
    is_late = facts.now - facts.message.owed_since > STALE_AFTER
    if is_late and due_at and facts.now - due_at > STALE_AFTER_MOVED:
        return cancelled(Cause.STALE, "stale: it could not be sent for more than a day after it was due")
    return None


def unreachable_patient(facts: Facts) -> Withheld | None:
    """Return why the patient cannot be texted, or not now: at night the message waits for the morning."""
    patient = facts.recipient
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


def zone_of(facts: Facts) -> ZoneInfo | None:
    """Return the zone that is known of the episode, or else of the patient."""
    of_episode = known_zone(facts.episode.timezone) if facts.episode else None
    return of_episode or (known_zone(facts.recipient.timezone) if isinstance(facts.recipient, Patient) else None)


def worth_by_day(facts: Facts) -> timedelta:
    """Return how long a message to a patient is worth arriving: while it is day there."""
    return daytime_left(facts.now, zone_of(facts))


# --- what it says -----------------------------------------------------------------------------------------------------


def patient_of(facts: Facts) -> Patient:
    """Return the patient whom a text is for. Raises TypeError without one: its message should have been withheld."""
    if not isinstance(facts.recipient, Patient):
        raise TypeError("a text to a patient needs the patient")
    return facts.recipient


def language_of(patient: Patient) -> Language:
    """Return the language in which a patient is texted: Spanish, or else English."""
    code = (patient.language_code or "").strip().lower().replace("_", "-").split("-")[0]
    return _LANGUAGES.get(code, "en")


def greeted(patient: Patient) -> str:
    """Return a blank and the first name, as they may stand behind a greeting; empty if the name may not.

    Only letters and what joins them, in GSM-7: so it is never a link, and no text has more segments for it.
    """
    straight = (patient.first_name or "").replace("\u2019", "'")
    words = "".join(c if _is_of_a_name(c) else " " for c in straight).split()
    name = to_gsm_7(" ".join(words)) or ""
    return f" {name}" if len(name) <= LONGEST_NAME and any(character.isalpha() for character in name) else ""


def _is_of_a_name(character: str) -> bool:
    return character.isalpha() or unicodedata.combining(character) > 0 or character in "'-"
