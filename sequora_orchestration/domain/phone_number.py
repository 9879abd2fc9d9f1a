"""Phone numbers: from what somebody typed, or a program exported, to E.164."""

import re
import unicodedata

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberFormat, ValidationResult

HOME_REGION = "US"

# Until 2019 mobile numbers of Mexico were dialled with a 1 before their ten digits; many are still on file so.
_MEXICO, _OLD_MEXICAN_MOBILE = 52, re.compile(r"1\d{10}")

# https://www.rfc-editor.org/rfc/rfc3966
_TEL_URI = re.compile(r"tel:(?P<number>[^;]*)(?P<parameters>.*)", re.IGNORECASE | re.DOTALL)
_EXTENSION_OF_URI = re.compile(r";(ext|isub)=", re.IGNORECASE)
_CONTEXT_OF_URI = re.compile(r";phone-context=(?P<beginning>\+[\d.()-]+)", re.IGNORECASE)

# A number that a spreadsheet, or a program that reads one, took for an amount.
_AMOUNT = re.compile(r"(?P<whole>\+?\d{7,})\.0+")
_SCIENTIFIC = re.compile(r"(?P<first>\d)([.,](?P<others>\d*))?E\+?(?P<exponent>\d{1,2})", re.IGNORECASE)


class UnusablePhoneError(ValueError):
    """A number that no text can be sent to; the message says why, without the number."""


def e164(typed: str | None) -> str:
    """Return `typed`, in international or US national format, as E.164 (`+12025550123`).

    Only the phone company knows whether the number exists and takes texts; this function refuses only a string that
    cannot be a number at all, or that could be read as two different numbers.

    Raises UnusablePhoneError.
    """
    # Invisible marks, as of the direction of writing, come along when a number is copied from a page.
    visible = "".join(one for one in typed or "" if unicodedata.category(one) != "Cf").strip()
    # An apostrophe tells a spreadsheet to keep a cell as it was typed; it is not shown, but it is exported.
    written = visible.removeprefix("'").strip()
    if not written:
        raise UnusablePhoneError("no phone number on file")
    number = _parsed(_of_spreadsheet(_of_uri(written)))
    if not _is_possible(number):
        raise UnusablePhoneError("the phone number on file is too short, too long or has no area code")
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def _of_uri(written: str) -> str:
    """Return the number of a `tel:` URI, and any other string as it is. Raises UnusablePhoneError."""
    uri = _TEL_URI.fullmatch(written)
    if not uri:
        return written
    number, parameters = uri["number"].strip(), uri["parameters"]
    if _EXTENSION_OF_URI.search(parameters):
        raise UnusablePhoneError("the phone number on file has an extension, which cannot be texted")
    if number.startswith("+") or "phone-context" not in parameters.lower():
        return number
    context = _CONTEXT_OF_URI.search(parameters)
    if not context:
        raise UnusablePhoneError("the phone number on file is one of a company's own network, which cannot be texted")
    return context["beginning"] + number


def _of_spreadsheet(written: str) -> str:
    """Return the digits of a number that a spreadsheet took for an amount, and any other string as it is.

    Raises UnusablePhoneError if digits are lost, or may be.
    """
    if amount := _AMOUNT.fullmatch(written):
        if _is_possible(_parsed(written)) and _is_possible(_parsed(amount["whole"])):
            raise UnusablePhoneError(
                "the phone number on file ends in a dot and zeros, which may be its own or a spreadsheet's"
            )
        return amount["whole"]
    if scientific := _SCIENTIFIC.fullmatch(written):
        digits = scientific["first"] + (scientific["others"] or "")
        # If there are fewer digits than the number has, it was rounded or ended in zeros: nobody knows which.
        if len(digits) != int(scientific["exponent"]) + 1:
            raise UnusablePhoneError("the phone number on file was rounded by a spreadsheet")
        return digits
    return written


def _parsed(written: str) -> PhoneNumber:
    has_letters = any(character.isalpha() for character in written)
    try:
        number = phonenumbers.parse(written, HOME_REGION)
    except NumberParseException:
        number = None
    if number and number.extension:
        raise UnusablePhoneError("the phone number on file has an extension, which cannot be texted")
    if has_letters:
        raise UnusablePhoneError("the phone number on file has letters in it")
    if not number:
        raise UnusablePhoneError("the phone number on file is not a phone number")
    national = str(number.national_number)
    if number.country_code == _MEXICO and _OLD_MEXICAN_MOBILE.fullmatch(national):
        number.national_number = int(national.removeprefix("1"))
    return number


def _is_possible(number: PhoneNumber) -> bool:
    return phonenumbers.is_possible_number_with_reason(number) == ValidationResult.IS_POSSIBLE


def usable(typed: str | None) -> str | None:
    """Return `typed` as E.164, or None if no text can be sent to it."""
    try:
        return e164(typed)
    except UnusablePhoneError:
        return None


def masked(typed: str | None) -> str | None:
    """Return a number with all but its last four digits hidden; None if no text can be sent to it."""
    number = usable(typed)
    return f"•••• {number[-4:]}" if number else None
