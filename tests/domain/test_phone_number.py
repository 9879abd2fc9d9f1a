"""Phone numbers: what somebody typed, as E.164 or as a sentence that says why not."""

import re
from traceback import format_exception

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequora_orchestration.domain.phone_number import UnusablePhoneError, e164

E164 = re.compile(r"\+[1-9][0-9]{1,14}")

# Area codes and exchanges begin with 2 to 9 (North American Numbering Plan).
US_NUMBERS = st.from_regex(r"[2-9][0-8][0-9][2-9][0-9]{6}", fullmatch=True)
FORMATS = st.sampled_from(
    [
        "+1{area}{exchange}{line}",
        "+1 {area} {exchange} {line}",
        "+1 ({area}) {exchange}-{line}",
        "1{area}{exchange}{line}",
        "1-{area}-{exchange}-{line}",
        "{area}{exchange}{line}",
        "({area}) {exchange}-{line}",
        "{area}-{exchange}-{line}",
        "{area}.{exchange}.{line}",
        "  {area} {exchange} {line}\n",
    ]
)
TYPED = st.text(alphabet=st.sampled_from("0123456789+-() ./#*;,x٣\uff19"), max_size=30) | st.text(max_size=30)


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("+12025550123", "+12025550123"),
        ("(202) 555-0123", "+12025550123"),
        ("202.555.0123", "+12025550123"),
        ("1 202 555 0123", "+12025550123"),
        ("\t202-555-0123 ", "+12025550123"),
        ("٢٠٢٥٥٥٠١٢٣", "+12025550123"),
        ("+44 20 7946 0958", "+442079460958"),
        ("011 44 20 7946 0958", "+442079460958"),
        ("+49 30 901820", "+4930901820"),
    ],
)
def test_what_people_type_becomes_e164(typed: str, number: str) -> None:
    """National numbers are those of the United States; international ones say where they belong."""
    assert e164(typed) == number


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        (None, "no phone number on file"),
        ("", "no phone number on file"),
        (" \t\n", "no phone number on file"),
        ("555-CALL-ME", "the phone number on file has letters in it"),
        ("1-800-FLOWERS", "the phone number on file has letters in it"),
        ("n/a", "the phone number on file has letters in it"),
        ("12", "the phone number on file is too short, too long or has no area code"),
        ("555-0123", "the phone number on file is too short, too long or has no area code"),
        ("+1 202 555 01234", "the phone number on file is too short, too long or has no area code"),
        ("1234567890123456789", "the phone number on file is not a phone number"),
        ("202-555-0123 / 202-555-0124", "the phone number on file is not a phone number"),
        ("-", "the phone number on file is not a phone number"),
        ("+999 123 4567", "the phone number on file is not a phone number"),
    ],
)
def test_what_cannot_be_a_number_is_refused_with_a_sentence(typed: str | None, sentence: str) -> None:
    """A person reads it and knows what to look for."""
    with pytest.raises(UnusablePhoneError) as error:
        e164(typed)
    assert str(error.value) == sentence


@given(US_NUMBERS, FORMATS)
def test_a_number_is_the_same_however_it_is_written(digits: str, form: str) -> None:
    """Ten digits are one phone: with a country code or without, with any of the usual signs between them."""
    assert e164(form.format(area=digits[:3], exchange=digits[3:6], line=digits[6:])) == f"+1{digits}"


@given(US_NUMBERS)
def test_e164_is_its_own_e164(digits: str) -> None:
    """What has been normalised may be normalised again."""
    assert e164(e164(digits)) == e164(digits)


@given(TYPED)
def test_anything_typed_is_either_e164_or_a_sentence_without_its_digits(typed: str) -> None:
    """The sentence goes into the ledger and into logs, where no number may be."""
    try:
        number, refusal = e164(typed), None
    except UnusablePhoneError as error:
        number, refusal = None, error
    if number is None:
        assert str(refusal)
        assert not any(character.isdigit() for character in f"{refusal}{refusal!r}")
    else:
        assert E164.fullmatch(number)


def test_the_error_does_not_show_what_it_came_from() -> None:
    """A traceback ends in our sentence; the library's own errors are not ours to vouch for."""
    with pytest.raises(UnusablePhoneError) as error:
        e164("+999 123 4567")
    assert "NumberParseException" not in "".join(format_exception(error.value))
