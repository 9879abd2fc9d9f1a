"""Phone numbers: what somebody typed, as E.164 or as a sentence that says why not."""

import re
from traceback import format_exception

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequora_orchestration.domain.phone_number import UnusablePhoneError, e164, usable

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
TYPED = st.text(alphabet=st.sampled_from("0123456789+-() ./#*;,x٣\uff19E'\u202a=telxt:"), max_size=30) | st.text(
    max_size=30
)


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
        ("+44 (0)20 7946 0958", "+442079460958"),
        ("+39 (0)6 1234 5678", "+390612345678"),
        ("+52 1 55 1234 5678", "+525512345678"),
        ("011 52 1 55 1234 5678", "+525512345678"),
        ("+52 55 1234 5678", "+525512345678"),
        ("+54 9 11 1234 5678", "+5491112345678"),
        ("+54 11 15 1234 5678", "+5491112345678"),
        ("tel:+1-202-555-0199", "+12025550199"),
        ("TEL:2025550199", "+12025550199"),
        ("tel:555-0199;phone-context=+1-202", "+12025550199"),
        ("'2025550199", "+12025550199"),
        ("\u20192025550199", "+12025550199"),
        ('="2025550199"', "+12025550199"),
        ("\uff0b\uff11\uff12\uff10\uff12\uff15\uff15\uff15\uff10\uff11\uff19\uff19", "+12025550199"),
        ("+1\xa0202\xa0555\u20110199", "+12025550199"),
        ("\u202a+1 202 555 0199\u202c", "+12025550199"),
        ("\u2068(202)\u200b 555-0199\ufeff", "+12025550199"),
        ("2025550199.0", "+12025550199"),
        ("12025550199.0", "+12025550199"),
        ("+12025550199.00", "+12025550199"),
        ("1.2025550199E+10", "+12025550199"),
        ("2.025550199e9", "+12025550199"),
        ("2,025550199E+09", "+12025550199"),
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
        ("\u200f", "no phone number on file"),
        ("'", "no phone number on file"),
        ("tel:", "the phone number on file is not a phone number"),
        ("tel:+1%202025550199", "the phone number on file is not a phone number"),
        ("tel:+1-202-555-0199;ext=12", "the phone number on file has an extension, which cannot be texted"),
        ("+1 202 555 0199 ext. 12", "the phone number on file has an extension, which cannot be texted"),
        ("202-555-0199 x12", "the phone number on file has an extension, which cannot be texted"),
        (
            "tel:7042;phone-context=example.com",
            "the phone number on file is one of a company's own network, which cannot be texted",
        ),
        ("0044 20 7946 0958", "the phone number on file is too short, too long or has no area code"),
        ("+54 9 11 15 1234 5678", "the phone number on file is too short, too long or has no area code"),
        ("202555019.0", "the phone number on file is too short, too long or has no area code"),
        ("1.20256E+10", "the phone number on file was rounded by a spreadsheet"),
        ("1.202555019E+10", "the phone number on file was rounded by a spreadsheet"),
        ("1E+10", "the phone number on file was rounded by a spreadsheet"),
        (
            "+4930901820.0",
            "the phone number on file ends in a dot and zeros, which may be its own or a spreadsheet's",
        ),
        (
            "1202555019.0",
            "the phone number on file ends in a dot and zeros, which may be its own or a spreadsheet's",
        ),
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
def test_what_a_spreadsheet_made_of_a_number_is_that_number_or_none(digits: str) -> None:
    """With a fraction it is the same; in scientific notation too, unless digits are lost: it is never a stranger's."""
    assert usable(f"{digits}.0") == usable(f"1{digits}.0") == f"+1{digits}"
    assert usable(f"{digits[0]}.{digits[1:]}E+9") == usable(f"1.{digits}E+10") == f"+1{digits}"
    for precision in range(1, 12):
        assert usable(f"{int(digits):.{precision - 1}E}") in {None, f"+1{digits}"}
        assert usable(f"{int(f'1{digits}'):.{precision - 1}E}") in {None, f"+1{digits}"}
        assert usable(f"{digits[:-1]}.0") is None


@given(US_NUMBERS)
def test_a_mexican_mobile_is_the_same_with_its_old_prefix_and_without(digits: str) -> None:
    """Those who moved it on file, and those who did not, mean one phone."""
    assert e164(f"+52 1 {digits}") == e164(f"+52 {digits}") == f"+52{digits}"


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
