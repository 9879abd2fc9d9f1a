"""What the phone company's answers mean: the table code by code, and its default by the class of the status."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequora_orchestration.domain.answers import KNOWN_CODES, Refusal, Refused, Unclear, judge

PERMANENT = [21211, 21265, 21408, 21602, 21604, 21609, 21610, 21612, 21614, 21617, 21619, 21635]
CONFIGURATION = [20003, 20005, 20006, 21606, 21659, 21660, 21661, 21701, 21704, 30002, 70051]
TRANSIENT = [20429, 21611]

UNKNOWN_CODES = st.none() | st.integers(min_value=0, max_value=99_999).filter(lambda code: code not in KNOWN_CODES)


@pytest.mark.parametrize(
    ("code", "refusal"),
    [
        *((code, Refusal.PERMANENT) for code in PERMANENT),
        *((code, Refusal.CONFIGURATION) for code in CONFIGURATION),
        *((code, Refusal.TRANSIENT) for code in TRANSIENT),
    ],
)
@pytest.mark.parametrize("http_status", [400, 401, 403, 429])
def test_a_known_code_decides_whatever_the_status(code: int, refusal: Refusal, http_status: int) -> None:
    """The code is the more exact of the two, and is kept with the verdict."""
    verdict = judge(http_status, code)
    assert isinstance(verdict, Refused)
    assert (verdict.refusal, verdict.code) == (refusal, code)


@pytest.mark.parametrize("code", KNOWN_CODES)
def test_a_known_code_comes_with_a_sentence(code: int) -> None:
    """It is what a person reads in the ledger; the code itself stands beside it."""
    verdict = judge(400, code)
    assert verdict.reason
    assert not any(character.isdigit() for character in verdict.reason)


@pytest.mark.parametrize(
    ("http_status", "refusal"),
    [
        (302, Refusal.CONFIGURATION),
        (400, Refusal.UNKNOWN),
        (401, Refusal.CONFIGURATION),
        (402, Refusal.CONFIGURATION),
        (403, Refusal.CONFIGURATION),
        (404, Refusal.CONFIGURATION),
        (407, Refusal.CONFIGURATION),
        (422, Refusal.UNKNOWN),
        (429, Refusal.TRANSIENT),
    ],
)
def test_an_answer_without_a_code_goes_by_the_class_of_its_status(http_status: int, refusal: Refusal) -> None:
    """What is refused for all texts must not be held against one of them."""
    assert judge(http_status, None) == Refused(refusal, f"the phone company answered HTTP {http_status}", None)


@pytest.mark.parametrize("http_status", [400, 403, 404, 422])
def test_an_unknown_code_may_be_about_this_one_text(http_status: int) -> None:
    """Or about us: what happens to others meanwhile will tell."""
    assert judge(http_status, 99_999) == Refused(
        Refusal.UNKNOWN, f"the phone company answered HTTP {http_status}", 99_999
    )


@pytest.mark.parametrize("http_status", [408, 500, 502, 503, 504])
@pytest.mark.parametrize("code", [None, 20_500])
def test_an_error_of_the_phone_company_itself_is_unclear(http_status: int, code: int | None) -> None:
    """It may have taken the text before it stumbled; one with a code of its own says that it most probably has not."""
    assert judge(http_status, code) == Unclear(
        f"the phone company answered HTTP {http_status}", code, is_error_answer=code is not None
    )


@given(st.integers(min_value=300, max_value=999), UNKNOWN_CODES)
def test_every_error_answer_has_a_verdict(http_status: int, code: int | None) -> None:
    """With a reason that names the status, and with the code as it came."""
    verdict = judge(http_status, code)
    assert isinstance(verdict, Refused | Unclear)
    assert str(http_status) in verdict.reason
    assert verdict.code == code


@given(st.integers(min_value=500, max_value=599), UNKNOWN_CODES)
def test_a_5xx_is_never_taken_for_a_refusal(http_status: int, code: int | None) -> None:
    """Sending again what may have gone out would text twice."""
    assert isinstance(judge(http_status, code), Unclear)


@given(UNKNOWN_CODES)
def test_too_many_requests_is_always_safe_to_try_again(code: int | None) -> None:
    """The request was not processed, whatever code came with it."""
    verdict = judge(429, code)
    assert isinstance(verdict, Refused)
    assert verdict.refusal is Refusal.TRANSIENT
