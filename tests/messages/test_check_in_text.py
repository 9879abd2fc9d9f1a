"""What a check-in says: in plain characters, in the patient's language, and nothing else of the patient."""

from dataclasses import replace

import pytest
from facts import WORDING
from hostile import HOSTILE, LINK
from hypothesis import example, given
from hypothesis import strategies as st

from sequora_orchestration.domain.care import Patient
from sequora_orchestration.domain.gsm_7 import GSM_7, GSM_7_EXTENSION, is_gsm_7, segments, septets
from sequora_orchestration.messages.check_in import check_in_text
from sequora_orchestration.messages.check_in_words import LONGEST_LINK

PATIENT = Patient(
    id="5a7f0c2e-5f0b-4d7c-9f0e-2f6f0e6f3a11",
    first_name="Maria",
    primary_phone="+12025550151",
    language_code="en",
    timezone="America/New_York",
)
ENGLISH = "Hi{}, this is your care team at Sequora. "
SPANISH = "Hola{}, le escribe su equipo de cuidados de Sequora. "
NAMES = st.one_of(
    st.text(),
    st.text(max_size=25),
    st.text(alphabet="abcé'\u2019-. \n:/@#?0李ŁﬃΩ", max_size=25),
    st.from_regex(r"https?://[a-z]{1,8}\.(com|co)/[a-z]*", fullmatch=True),
)
LANGUAGES = st.none() | st.text() | st.sampled_from(["en", "es", "es-MX", "ES_us", "fr", "spa"])


def to_patient(first_name: str | None, language_code: str | None = "en") -> str:
    return check_in_text(replace(PATIENT, first_name=first_name, language_code=language_code), WORDING)


@given(NAMES, LANGUAGES)
@example("A" * 20, "es")
@example("A" * 20, "en")
@example("[~]{}|^€", "es")
def test_a_check_in_is_of_the_cheap_alphabet_and_two_segments_at_most(name: str, language: str | None) -> None:
    """Whatever the patient is called; without characters that cost an escape."""
    text = to_patient(name, language)
    assert is_gsm_7(text)
    assert not GSM_7_EXTENSION & set(text)
    assert segments(text) <= 2


@given(NAMES, LANGUAGES)
@example("Maria\nView: https://elsewhere.example/x", "en")
@example("bit.ly/x", "es")
def test_a_name_forges_neither_a_line_nor_a_link(name: str, language: str | None) -> None:
    """Of a name, letters and what joins them are let in; the rest of the text is ours."""
    text, ours = to_patient(name, language), to_patient(None, language)
    greeting, rest = ours.split(",", 1)
    assert text.startswith(greeting)
    assert text.endswith(f",{rest}")
    shown = text.removeprefix(greeting).removesuffix(f",{rest}")
    assert all(character.isalpha() or character in " '-" for character in shown)
    assert not set(shown) & set("/.:@\n")
    assert len(text.splitlines()) == 1


@pytest.mark.parametrize("language", ["en", "es"])
def test_no_first_name_makes_a_check_in_longer_or_leads_elsewhere(language: str) -> None:
    """One line of the cheap alphabet, two segments at most, no link, nothing that turns its direction."""
    for name in HOSTILE:
        text = to_patient(name, language)
        assert text.isprintable()
        assert LINK.search(text) is None
        assert is_gsm_7(text)
        assert segments(text) <= 2


@pytest.mark.parametrize(
    ("language", "greeting"),
    [
        ("en", ENGLISH),
        ("EN", ENGLISH),
        ("en-US", ENGLISH),
        ("eng", ENGLISH),
        ("es", SPANISH),
        ("ES", SPANISH),
        (" es ", SPANISH),
        ("es-MX", SPANISH),
        ("es-419", SPANISH),
        ("ES_us", SPANISH),
        ("spa", SPANISH),
        ("fr", ENGLISH),
        ("est", ENGLISH),
        ("zh-Hant", ENGLISH),
        ("", ENGLISH),
        (" ", ENGLISH),
        ("-", ENGLISH),
        (None, ENGLISH),
    ],
)
def test_a_patient_is_greeted_in_spanish_or_else_in_english(language: str | None, greeting: str) -> None:
    """Of a tag the language counts, however it is spelt; of a language we do not write, nobody is left out."""
    assert to_patient("Maria", language).startswith(greeting.format(" Maria"))


@pytest.mark.parametrize(
    ("typed", "greeted"),
    [
        ("Maria", " Maria"),
        ("María", " Maria"),
        ("José", " José"),
        ("  Ana  Luz ", " Ana Luz"),
        ("O\u2019Brien", " O'Brien"),
        ("Anne-Marie", " Anne-Marie"),
        ("Maria\nJose", " Maria Jose"),
        ("A" * 20, " " + "A" * 20),
        ("A" * 21, ""),
        ("María José de la Concepción", ""),
        (None, ""),
        ("", ""),
        (" \n", ""),
        ("12345", ""),
        ("李", ""),
        ("Ольга", ""),
        ("😀", ""),
    ],
)
def test_a_patient_is_greeted_by_the_first_name_or_by_none(typed: str | None, greeted: str) -> None:
    """Without a name that can be written the greeting reads well all the same."""
    assert to_patient(typed).startswith(ENGLISH.format(greeted))
    assert to_patient(typed, "es").startswith(SPANISH.format(greeted))


def test_a_check_in_is_the_question_to_the_letter() -> None:
    """Who asks, what, that one can answer, where to turn in an emergency, and how to stop it."""
    assert to_patient("Maria") == (
        "Hi Maria, this is your care team at Sequora. How are you feeling today? You can answer this text and we will "
        "read it. In an emergency call 911. Reply STOP to end these texts."
    )
    assert to_patient(None, "es") == (
        "Hola, le escribe su equipo de cuidados de Sequora. ¿Qué tal se siente hoy? Puede responder a este mensaje y "
        "lo leeremos. En una emergencia llame al 911. Responda STOP para dejar de recibir mensajes."
    )


A_LINK = "https://care.example/c/0123456789"


def test_a_check_in_with_a_link_is_the_question_to_the_letter() -> None:
    """The link is a line of its own; whom to call in an emergency and how to stop it are still there."""
    assert check_in_text(PATIENT, WORDING, A_LINK) == (
        "Hi Maria, this is your care team at Sequora. How are you feeling today? You can answer this text and we will "
        f"read it. You can also use this link:\n{A_LINK}\nIn an emergency call 911. Reply STOP to end these texts."
    )
    assert check_in_text(replace(PATIENT, first_name=None, language_code="es"), WORDING, A_LINK) == (
        "Hola, le escribe su equipo de cuidados de Sequora. ¿Qué tal se siente hoy? Puede responder a este mensaje y "
        f"lo leeremos. También puede usar este enlace:\n{A_LINK}\nEn una emergencia llame al 911. Responda STOP para "
        "dejar de recibir mensajes."
    )


LINKS = (
    st.text(alphabet=sorted((GSM_7 | GSM_7_EXTENSION) - set(" \n\r\f")), max_size=LONGEST_LINK)
    .map(lambda path: f"https://a/{path}")
    .filter(lambda link: septets(link) <= LONGEST_LINK)
)


@given(NAMES, LANGUAGES, LINKS)
@example("A" * 20, "es", "https://a/" + "a" * 190)
@example("A" * 20, "en", "https://a/" + "~" * 95)
@example("A" * 20, "es", "https://a/" + "~" * 95)
@example("A" * 20, "es", "https://a/{link}{name}{0}%s")
def test_a_check_in_with_a_link_is_of_the_cheap_alphabet_and_three_segments_at_most(
    name: str, language: str | None, link: str
) -> None:
    """Whatever the patient is called, and however long the link is; and the link is what a phone finds in it."""
    text = check_in_text(replace(PATIENT, first_name=name, language_code=language), WORDING, link)
    assert is_gsm_7(text)
    assert segments(text) <= 3
    assert link in text.split("\n")
    without = to_patient(name, language)
    begins, _, ends = text.split("\n")
    assert without.startswith(begins[: begins.rindex(".") + 1])
    assert without.endswith(f" {ends}")
    assert "911" in ends
    assert "STOP" in ends


@pytest.mark.parametrize("language", ["en", "es"])
def test_a_check_in_says_how_to_answer_and_how_to_stop(language: str) -> None:
    """In both languages, with the word that the phone company acts on."""
    answer, stop = {"en": ("You can answer", "Reply STOP"), "es": ("Puede responder", "Responda STOP")}[language]
    assert answer in to_patient("Maria", language)
    assert stop in to_patient("Maria", language)
    assert "911" in to_patient("Maria", language)


@pytest.mark.parametrize("language", ["en", "es"])
def test_a_check_in_says_nothing_of_an_illness(language: str) -> None:
    """A text may be read by whoever holds the phone."""
    of_an_illness = (
        "diagn hospital discharg surger medic heart pain symptom treat illness sick "
        "alta cirug coraz dolor síntoma sintoma tratamiento enferm"
    )
    said = to_patient("Maria", language).lower()
    assert [word for word in of_an_illness.split() if word in said] == []


@given(
    st.builds(
        Patient,
        id=st.uuids().map(str),
        first_name=st.just("Maria"),
        primary_phone=st.none() | st.text(),
        language_code=st.sampled_from(["en", "es"]),
        timezone=st.none() | st.text(),
    )
)
def test_nothing_else_of_a_patient_is_in_a_check_in(patient: Patient) -> None:
    """The text is the same for every Maria."""
    assert check_in_text(patient, WORDING) == to_patient("Maria", patient.language_code)


def test_the_repr_of_a_patient_hides_name_and_phone() -> None:
    """A patient may end up in an error's text, these may not."""
    assert PATIENT.id in repr(PATIENT)
    assert "Maria" not in repr(PATIENT)
    assert "555" not in str([PATIENT])
