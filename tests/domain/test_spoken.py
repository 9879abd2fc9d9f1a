"""What a call says, as text and as the phone company's document, and in which languages it can be said."""

from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from sequora_orchestration.domain.language import tag_of
from sequora_orchestration.domain.spoken import SpokenLine, as_text, spoken_lines, twiml
from sequora_orchestration.domain.voices import LANGUAGES_WITH_A_VOICE, voices_near

WORDS = st.from_regex(r"[^\W\d_][\w ,.¿?!-]*", fullmatch=True)
LANGUAGES = st.sampled_from([None, "en-US", "es-MX", "fil-PH"])


@given(st.lists(st.builds(SpokenLine, LANGUAGES, WORDS)))
def test_lines_are_read_from_their_text_as_they_were(lines: list[SpokenLine]) -> None:
    """Each with its language."""
    assert spoken_lines(as_text(lines)) == lines


def test_a_line_without_a_known_form_of_language_is_said_as_it_stands() -> None:
    """Nothing that is to be said is lost."""
    assert spoken_lines("[Spanish] Hola") == [SpokenLine(None, "[Spanish] Hola")]


def test_each_line_is_said_in_its_language_and_no_sign_breaks_the_document() -> None:
    """Without a language in that of the phone company's choice."""
    document = ET.fromstring(twiml("[en-US] Texts & <tasks>\n[es-MX] ¿Mensajes?\nAgain"))  # noqa: S314  # it is our own
    said = [(one.get("language"), one.text) for one in document.iter("Say")]
    assert said == [("en-US", "Texts & <tasks>"), ("es-MX", "¿Mensajes?"), (None, "Again")] * 2


def test_each_language_with_a_voice_can_be_written_in_a_file_and_read_from_the_text_of_a_call() -> None:
    """Each in its canonical form, once."""
    assert [tag_of(one) for one in LANGUAGES_WITH_A_VOICE] == sorted(set(LANGUAGES_WITH_A_VOICE))
    lines = [SpokenLine(one, "Hello") for one in LANGUAGES_WITH_A_VOICE]
    assert spoken_lines(as_text(lines)) == lines


def test_a_language_has_the_voices_of_its_regions() -> None:
    """Haitian Creole has none."""
    assert voices_near("es") == voices_near("es-PR") == ["es-ES", "es-MX", "es-US"]
    assert voices_near("ht-HT") == voices_near("e") == []
