"""What the kinds of messages to patients share: when they are not wanted, who cannot be texted, by day; the greeting.

A text that could not be sent by day goes out the next morning, or, if that is too late, not at all.
"""

import re
import unicodedata
from collections.abc import Mapping
from datetime import timedelta
from zoneinfo import ZoneInfo

from sequora_orchestration.domain.care import Patient
from sequora_orchestration.domain.cause import Cause
from sequora_orchestration.domain.daytime import daytime_left, known_zone, next_daytime
from sequora_orchestration.domain.gsm_7 import to_gsm_7, units_of_ucs_2
from sequora_orchestration.domain.phone_number import UnusablePhoneError, e164
from sequora_orchestration.messages.kind import Facts, Postponement, Suppression, Withheld, cancelled, failed
from sequora_orchestration.messages.phrase import (
    MOST_TO_PATIENTS,
    TEXT,
    Ban,
    Languages,
    Need,
    Phrase,
    Placeholder,
    by_language,
)
from sequora_orchestration.messages.values import seen
from sequora_orchestration.messages.wording import Wording

# A text that could not be sent for longer than this is no longer worth sending; one that was moved to the morning has
# an hour of that morning all the same.
STALE_AFTER = timedelta(days=1)
STALE_AFTER_MOVED = timedelta(hours=1)

# A name that is longer is left out: it is no first name. In characters, and in units of UCS-2.
LONGEST_NAME = 20


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


# What, joined to a word of capitals or digits, makes another word of it: digits, the alphabets of Europe with their
# accents, and a placeholder's end. Chinese writes no blank beside such a word, and Arabic joins its own words to it.
_WORD = r"0-9A-Za-z_\u00c0-\u052f\u1e00-\u1fff}"

# To a patient every text says where to turn in an emergency, and ends with the way to stop such texts, by the word that
# phone companies act on (https://www.twilio.com/docs/messaging/features/advanced-opt-out). Both in these very signs.
_NEEDS = (
    Need(
        words={"911": re.compile(rf"(?<![{_WORD}$#/])(?<!\d[-.,])911(?![{_WORD}])(?![-.,]\d)")},
        to_do="write where to turn in an emergency, with the number 911 in these digits",
    ),
    Need(
        words={"STOP": re.compile(rf"(?<![{_WORD}])STOP(?![{_WORD}])")},
        to_do="write how to end these texts, with the word STOP in these capital letters",
    ),
)

# A name that cannot be written leaves nothing, and "Hi ," is no greeting.
_BANS = (
    Ban(
        pattern=re.compile(r"(?:^|\s)\{name\}"),
        has="has {name} at the beginning or behind a blank",
        to_do="write it right behind a greeting, as Hi{name}: it brings a blank of its own, and is nothing where the "
        "name cannot be written",
    ),
)

FIRST_NAME = Placeholder(
    meaning="a space and the patient's first name; nothing where it cannot be written",
    example=" Maria",
    longest=" ".ljust(1 + LONGEST_NAME, "a"),
)


def to_patients(
    *, said: str, built_in: Mapping[str, str], to_be_confirmed: Mapping[str, str] | None = None, name: str = TEXT
) -> Phrase:
    """Return a phrase to patients, with its words by language."""
    return Phrase(
        name=name,
        said=said,
        built_in=by_language(built_in),
        to_be_confirmed=by_language(to_be_confirmed or {}),
        languages=Languages.THE_PATIENTS,
        placeholders={"name": FIRST_NAME},
        needs=_NEEDS,
        bans=_BANS,
        most_segments=MOST_TO_PATIENTS,
    )


def said_to(patient: Patient, phrase: Phrase, wording: Wording, **values: str) -> str:
    """Return a phrase in the patient's language; `values` are for its placeholders beside the name."""
    _, template = wording.chosen(phrase, patient.language_code)
    return template.filled({"name": greeted(patient, any_letters=not template.is_gsm_7), **values})


def greeted(patient: Patient, *, any_letters: bool = False) -> str:
    """Return a blank and the first name, as they may stand behind a greeting; empty if the name may not.

    Only letters and what joins them: so it is never a link. They are of GSM-7, unless the text is not of it anyway:
    no text has more segments for a name than for the longest one.
    """
    straight = (patient.first_name or "").replace("\u2019", "'")
    shown = seen(straight) if any_letters else straight  # GSM-7 has no letters that nobody sees
    words = " ".join("".join(c if _is_of_a_name(c) else " " for c in shown).split())
    name = unicodedata.normalize("NFC", words) if any_letters else to_gsm_7(words) or ""
    is_name = units_of_ucs_2(name) <= LONGEST_NAME and any(character.isalpha() for character in name)
    return f" {name}" if is_name else ""


def _is_of_a_name(character: str) -> bool:
    return character.isalpha() or unicodedata.combining(character) > 0 or character in "'-"
