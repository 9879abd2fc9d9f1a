"""Phone numbers: from what somebody typed to E.164."""

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat, ValidationResult

HOME_REGION = "US"


class UnusablePhoneError(ValueError):
    """A number that no text can be sent to; the message says why, without the number."""


def e164(typed: str | None) -> str:
    """Return `typed`, in international or US national format, as E.164 (`+12025550123`).

    Whether the number exists and takes texts is the phone company's to say; this only refuses what
    cannot be a number at all.

    Raises UnusablePhoneError.
    """
    if typed is None or not typed.strip():
        raise UnusablePhoneError("no phone number on file")
    if any(character.isalpha() for character in typed):
        raise UnusablePhoneError("the phone number on file has letters in it")
    try:
        number = phonenumbers.parse(typed, HOME_REGION)
    except NumberParseException:
        raise UnusablePhoneError("the phone number on file is not a phone number") from None
    if number.extension:
        raise UnusablePhoneError("the phone number on file has an extension, which cannot be texted")
    if phonenumbers.is_possible_number_with_reason(number) != ValidationResult.IS_POSSIBLE:
        raise UnusablePhoneError("the phone number on file is too short, too long or has no area code")
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def usable(typed: str | None) -> str | None:
    """Return `typed` as E.164, or None if no text can be sent to it."""
    try:
        return e164(typed)
    except UnusablePhoneError:
        return None


def masked(typed: str | None) -> str | None:
    """Return what may be shown of a number, its last four digits; None if no text can be sent to it."""
    number = usable(typed)
    return f"•••• {number[-4:]}" if number else None
