"""The page on wording: its lists are the code's, and whoever copies from it has a file without a mistake."""

import re
from dataclasses import replace

import pytest
from facts import APP_URL, PATIENT, TASK

from docs.texts_page import PAGE, page
from sequora_orchestration.domain.gsm_7 import segments
from sequora_orchestration.domain.language import languages_for
from sequora_orchestration.messages.check_in import check_in_text
from sequora_orchestration.messages.kinds import PHRASES
from sequora_orchestration.messages.task_created import nurse_text
from sequora_orchestration.messages.texts_file import TextsFileError, given_by
from sequora_orchestration.messages.wording import Given, Wording

TEXT = PAGE.read_text(encoding="utf-8")
EXAMPLE, *LISTED = re.findall(r"^```toml\n(.*?)^```$", TEXT, flags=re.MULTILINE | re.DOTALL)


def given(source: str) -> Given:
    """Return the words of a file, as they are read before anything starts."""
    return given_by(source.encode(), PHRASES, APP_URL)


def test_its_lists_are_what_the_code_says() -> None:
    """`make texts-page` makes them anew."""
    assert page(TEXT) == TEXT


def test_its_example_is_taken_and_says_what_it_says_it_does() -> None:
    """One segment for a nurse; Vietnamese is on; Mexico has words of its own, and other Spanish those it had."""
    wording = Wording(app_url=APP_URL, given=given(EXAMPLE))
    assert segments(nurse_text(TASK, wording)) == 1
    said = {
        code: check_in_text(replace(PATIENT, language_code=code), wording) for code in ("en", "vi", "es-MX", "es", "ar")
    }
    assert said["vi"].startswith("Chào Maria, ")
    assert "somos su equipo" in said["es-MX"]
    assert "le escribe su equipo" in said["es"]
    assert "Anna's team" in said["ar"]


def test_every_text_on_it_can_be_copied_into_a_file() -> None:
    """All together they are a file that says what is said without one, and all that is off."""
    words = given("\n".join(LISTED))
    assert words == {phrase: phrase.known for some in PHRASES.values() for phrase in some}


def test_the_mistakes_that_it_shows_are_told_so() -> None:
    """To the letter."""
    shown = re.findall(r"^SEQUORA_TEXTS, texts\.toml, (.*)$", TEXT, flags=re.MULTILINE)
    with pytest.raises(TextsFileError) as error:
        given('[task-created]\ntext = "{severity}"\n\n\n[check-in.vn]\nuse = "built-in"\n')
    assert [one.sentence for one in error.value.mistakes] == shown


def test_the_orders_of_languages_that_it_tells_are_those() -> None:
    """Which language a patient gets."""
    assert languages_for("ES_mx") == languages_for("spa-MX") == languages_for("es-MX")
    assert languages_for("zh-Hant-TW") == ("zh-Hant-TW", "zh-Hant", "zh", "en")
    assert "zh-Hant" in languages_for("zh-TW")
    assert "zh-Hant" in languages_for("yue")
