"""How a name is put into the alphabet in which a text is cheapest."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequora_orchestration.domain.gsm_7 import GSM_7, GSM_7_EXTENSION, in_gsm_7, is_gsm_7, segments, septets, to_gsm_7


@given(st.text())
def test_what_is_put_into_the_alphabet_is_of_it(word: str) -> None:
    """Without the characters that cost an escape, whatever the word is."""
    written = to_gsm_7(word) or ""
    assert GSM_7.issuperset(written)
    assert not GSM_7_EXTENSION & set(written)
    assert is_gsm_7(written)


@given(st.text())
def test_what_is_of_the_alphabet_already_is_left_as_it_is(word: str) -> None:
    """Twice is as once."""
    written = to_gsm_7(word) or ""
    assert to_gsm_7(written) == written


@given(st.text(alphabet=string.ascii_letters + " '-."))
def test_a_plain_name_is_left_as_it_is(name: str) -> None:
    """Letter by letter."""
    assert to_gsm_7(name) == name


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("María", "Maria"),
        ("José", "José"),
        ("Jose\u0301", "José"),
        ("Mari\u0301a", "Maria"),
        ("Núñez", "Nuñez"),
        ("Zoë", "Zoe"),
        ("João", "Joao"),
        ("Jürgen", "Jürgen"),
        ("Søren", "Søren"),
        ("Nguyễn", "Nguyen"),
        ("\uff2d\uff41\uff52ia", "Maria"),
        ("O'Brien-Smith", "O'Brien-Smith"),
        ("Fe\u0323\u0301mi", "Femi"),
        ("", ""),
    ],
)
def test_only_the_accents_that_the_alphabet_lacks_are_taken_off(name: str, written: str) -> None:
    """It has é and ñ, but neither í nor ú; how the accent was typed does not matter."""
    assert to_gsm_7(name) == written


@pytest.mark.parametrize(
    "name",
    ["李", "Ольга", "محمد", "😀", "\ud800", "\0", "Łukasz", "Đức", "I\u015f\u0131l", "Þór", "Ωμέγα", "李明", "ﷺ"],
)
def test_a_name_that_would_lose_a_letter_is_not_written(name: str) -> None:
    """What is left of it would be somebody else's name."""
    assert to_gsm_7(name) is None
    assert to_gsm_7(f"Ana {name}") is None


@pytest.mark.parametrize(
    ("body", "written"),
    [
        ("run `sequora doctor` \N{EN DASH} “now”…", "run 'sequora doctor' - \"now\"..."),
        ("María's {task}", "Maria's {task}"),
        ("李 😀", "? ?"),
        ("x" * 400, "x" * 306),
        ("é" + "[" * 400, "é" + "[" * 152),
    ],
)
def test_a_body_for_an_operator_loses_signs_rather_than_its_end(body: str, written: str) -> None:
    """Two segments are 306 characters, of which those that are escaped count twice."""
    assert in_gsm_7(body, most_segments=2) == written


@given(st.text(max_size=500))
def test_a_body_for_an_operator_keeps_to_its_segments(body: str) -> None:
    """Whatever is in it."""
    written = in_gsm_7(body, most_segments=2)
    assert is_gsm_7(written)
    assert segments(written) <= 2


@given(st.text(alphabet=sorted(GSM_7 | GSM_7_EXTENSION), max_size=170))
def test_what_has_room_in_one_segment_is_one(body: str) -> None:
    """160 characters, of which those that are escaped count twice."""
    assert (segments(body) == 1) is (septets(body) <= 160)
