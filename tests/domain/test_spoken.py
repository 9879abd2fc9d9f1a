"""What a call says, as text."""

from hypothesis import given
from hypothesis import strategies as st

from sequora_orchestration.domain.spoken import SpokenLine, as_text, spoken_lines

WORDS = st.from_regex(r"[^\W\d_][\w ,.¿?!-]*", fullmatch=True)
LANGUAGES = st.sampled_from([None, "en-US", "es-MX", "fil-PH"])


@given(st.lists(st.builds(SpokenLine, LANGUAGES, WORDS)))
def test_lines_are_read_from_their_text_as_they_were(lines: list[SpokenLine]) -> None:
    """Each with its language."""
    assert spoken_lines(as_text(lines)) == lines


def test_a_line_without_a_known_form_of_language_is_said_as_it_stands() -> None:
    """Nothing that is to be said is lost."""
    assert spoken_lines("[Spanish] Hola") == [SpokenLine(None, "[Spanish] Hola")]
