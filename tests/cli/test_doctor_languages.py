"""What `sequora doctor` says of the languages of patients."""

from datetime import timedelta
from pathlib import Path

import pytest
from care import NOW, Care

from sequora_orchestration.cli.checks.finding import Level
from sequora_orchestration.cli.checks.languages import languages

pytestmark = pytest.mark.usefixtures("environment")


def a_patient(care: Care, code: str | None, *, days_ago: int = 1) -> None:
    """Insert a patient with an episode."""
    patient = care.a_patient(language_code=code)
    care.an_episode(patient, created_at=NOW - timedelta(days=days_ago))


@pytest.fixture(autouse=True)
def _now(care: Care) -> None:
    care.it_is(NOW)


def test_whose_language_is_on_or_not_known_is_texted_as_they_should_be(care: Care) -> None:
    """In any spelling, and with what cannot be read at its end; older episodes are of no interest."""
    for code in ("EN", "en_GB", "es-MX", "es-!!", "", None):
        a_patient(care, code)
    a_patient(care, "Maria", days_ago=31)
    finding = languages(care.engine)
    assert finding.level is Level.OK
    assert finding.said == "6 patients of the last 30 days: each has a language that is on, or none"


def test_whoever_is_texted_in_english_instead_is_counted(care: Care) -> None:
    """By language; a code that names none may be a name, and is not shown."""
    for code in ("Vietnamese", "garbage!!", "Maria Lopez", "OTHER", "zh-TW", "zh_tw", "ko-x-maria", "es"):
        a_patient(care, code)
    finding = languages(care.engine)
    assert finding.level is Level.WARN
    assert finding.said == (
        "8 patients of the last 30 days, of whom some are texted in English instead of their language: 4 with a code "
        "that names no language, and 3 whose language is off or has no texts (zh-TW 2, ko 1)"
    )


def test_a_language_that_the_file_switches_on_is_fine(
    care: Care, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With a file that has mistakes it is not looked at."""
    a_patient(care, "vi-VN")
    assert "(vi-VN 1)" in languages(care.engine).said
    file = tmp_path / "texts.toml"
    file.write_text('[check-in.vi]\nuse = "built-in"\n', encoding="utf-8")
    monkeypatch.setenv("SEQUORA_TEXTS", str(file))
    assert languages(care.engine).level is Level.OK
    wrong = tmp_path / "wrong.toml"
    wrong.write_text("[zzz]", encoding="utf-8")
    monkeypatch.setenv("SEQUORA_TEXTS", str(wrong))
    assert languages(care.engine).level is Level.SKIPPED
