"""The words that come along: to the letter, each within its segments, none unconfirmed."""

import re
from dataclasses import replace

import pytest
from facts import APP_URL, PATIENT, WORDING
from hostile import HOSTILE, LINK

from sequora_orchestration.domain.gsm_7 import GSM_7_EXTENSION, segments, units_of_ucs_2
from sequora_orchestration.messages.check_in import check_in_text
from sequora_orchestration.messages.check_in_words import CHECK_IN_TEXT, CHECK_IN_WITH_LINK, LONGEST_LINK
from sequora_orchestration.messages.kinds import KINDS, PHRASES
from sequora_orchestration.messages.phrase import LONGEST_TEXT, Phrase, Template, TemplateError
from sequora_orchestration.messages.text_checks import faults
from sequora_orchestration.messages.to_patients import LONGEST_NAME
from sequora_orchestration.messages.wording import Wording

# The last lines of each text about a task.
LINES = "\nPriority: {priority}\nEp ID: {episode}\nView: {link}"

BUILT_IN = {
    ("canary", "text", "*"): "Sequora test text of {time}. No need to do anything.",
    ("task-created", "text", "*"): "🚨 New {severity} task: {reasons}" + LINES,
    ("sla-warning", "text", "*"): "SLA in {time_left}, please act. {severity} task: {reasons}" + LINES,
    ("sla-breach", "text", "*"): "SLA missed {overdue} ago, please act now. {severity} task: {reasons}" + LINES,
    ("sla-escalation", "text", "*"): (
        "ESCALATION: SLA missed {overdue} ago, please take over. {severity} task: {reasons}" + LINES
    ),
    ("sla-escalation", "accepted", "*"): (
        "ESCALATION: SLA missed {overdue} ago, accepted by the nurse {accepted} ago, please take over. "
        "{severity} task: {reasons}" + LINES
    ),
    ("nurse-unreached", "text", "*"): (
        "Nurse not reached: {why}. Please take over or reassign. {severity} task: {reasons}" + LINES
    ),
    ("nurse-unreached", "unassigned", "*"): (
        "Nobody is assigned, please assign a nurse. {severity} task: {reasons}" + LINES
    ),
    ("handed-over", "text", "*"): (
        "Handed over by the nurse. Please take over or reassign. {severity} task: {reasons}" + LINES
    ),
    ("nurse-call", "text", "en-US"): (
        "This is Sequora. A task of yours needs you now: please look at your text messages, or open the Sequora app."
    ),
    ("nurse-call", "text", "es-MX"): (
        "Le llama Sequora. Una tarea suya la necesita ahora: mire sus mensajes de texto, o abra la aplicación Sequora."
    ),
    ("task-digest", "text", "*"): "📋 {count} for you: {severities}\nView: {link}",
    ("check-in", "text", "en"): (
        "Hi{name}, this is your care team at Sequora. How are you feeling today? You can answer this text "
        "and we will read it. In an emergency call 911. Reply STOP to end these texts."
    ),
    ("check-in", "text", "es"): (
        "Hola{name}, le escribe su equipo de cuidados de Sequora. ¿Qué tal se siente hoy? Puede responder "
        "a este mensaje y lo leeremos. En una emergencia llame al 911. Responda STOP para dejar de recibir "
        "mensajes."
    ),
    ("check-in", "with-link", "en"): (
        "Hi{name}, this is your care team at Sequora. How are you feeling today? You can answer this text "
        "and we will read it. You can also use this link:\n{link}\nIn an emergency call 911. Reply STOP to "
        "end these texts."
    ),
    ("check-in", "with-link", "es"): (
        "Hola{name}, le escribe su equipo de cuidados de Sequora. ¿Qué tal se siente hoy? Puede responder "
        "a este mensaje y lo leeremos. También puede usar este enlace:\n{link}\nEn una emergencia llame al "
        "911. Responda STOP para dejar de recibir mensajes."
    ),
    ("reply", "help", "*"): (
        "Sequora: to answer a text about a task, send its number and a letter, e.g. 1A. A accept, R "
        "resolved, E hand over to the supervisors."
    ),
    ("reply", "accepted", "*"): "{command}: accepted.",
    ("reply", "resolved", "*"): "{command}: resolved.",
    ("reply", "handed-over", "*"): "{command}: handed over, the supervisors are being told.",
    ("reply", "accept-in-app", "*"): "{command}: please accept it here: {link}",
    ("reply", "resolve-in-app", "*"): "{command}: please resolve it here: {link}",
    ("reply", "reassign-in-app", "*"): "{command}: please reassign it here: {link}",
    ("reply", "accept-not-taken", "*"): "{command}: noted, but the app did not take it. Please accept it there: {link}",
    ("reply", "resolve-not-taken", "*"): (
        "{command}: noted, but the app did not take it. Please resolve it there: {link}"
    ),
    ("reply", "reassign-not-taken", "*"): (
        "{command}: noted, but the app did not take it. Please reassign it there: {link}"
    ),
    ("reply", "closed", "*"): "{command}: that task is closed already.",
    ("reply", "reassigned", "*"): "{command}: that task is not yours any more.",
    ("reply", "no-such-number", "*"): "{command}: you were texted about no such task in the last day.",
    ("reply", "which", "*"): (
        "{command}: several tasks of yours may be meant. Please add the number, e.g. 1{letter}; a task "
        "without a number is in the app: {link}"
    ),
    ("reply", "none-open", "*"): "{command}: no task that you were texted about in the last day is open.",
    ("reply", "more", "*"): "Answers that had no room here: {count}. Please look at your tasks in the app: {link}",
    ("commands", "to-nurse", "*"): "Reply {number}A accept, {number}R resolved, {number}E hand over",
    ("commands", "to-supervisor", "*"): "Reply {number}A accept, {number}R resolved",
}

EVERY = [
    pytest.param(phrase, template, id=f"{kind} {phrase.name} {language}")
    for kind, some in PHRASES.items()
    for phrase in some
    for language, template in phrase.known.items()
]
LANGUAGES = ["zh", "zh-Hant", "vi", "ht", "pt", "ar"]
SWITCHED_ON = Wording(app_url=APP_URL, given={one: one.to_be_confirmed for one in (CHECK_IN_TEXT, CHECK_IN_WITH_LINK)})
LINK_OF_ALL = "https://a/".ljust(LONGEST_LINK, "a")


def test_what_is_said_without_a_file_is_this_to_the_letter() -> None:
    """All of it: a text that changes by an accident would be seen here."""
    assert {
        (kind, phrase.name, language): template.text
        for kind, some in PHRASES.items()
        for phrase in some
        for language, template in phrase.built_in.items()
    } == BUILT_IN


def test_every_kind_has_its_words_here_and_each_situation_a_name() -> None:
    """By which a file calls them; beside the kinds there is the line of commands."""
    assert PHRASES.keys() == {*KINDS, "commands"}
    for kind, some in PHRASES.items():
        names = [one.name for one in some]
        assert len(names) == len(set(names)), kind
        assert len({one.languages for one in some}) == 1, kind


@pytest.mark.parametrize(("phrase", "template"), EVERY)
def test_whatever_comes_along_keeps_the_rules_for_a_file(phrase: Phrase, template: Template) -> None:
    """Placeholders, the emergency line, STOP, lines, segments."""
    assert faults(phrase, template.text, APP_URL) == []
    assert template.text == template.text.strip()


def test_what_nobody_has_confirmed_is_off() -> None:
    """A patient whose language it is gets English."""
    for phrase in (CHECK_IN_TEXT, CHECK_IN_WITH_LINK):
        assert list(phrase.built_in) == ["en", "es"]
        assert list(phrase.to_be_confirmed) == LANGUAGES
    for language in LANGUAGES:
        assert check_in_text(replace(PATIENT, language_code=language), WORDING).startswith("Hi Maria, ")


@pytest.mark.parametrize("language", ["en", "es", *LANGUAGES])
def test_a_check_in_is_of_three_segments_at_most_whatever_the_patient_is_called(language: str) -> None:
    """And never a link, another line, or a turned direction; the longest link comes on top."""
    names = [*HOSTILE, "A" * LONGEST_NAME, "ặ" * LONGEST_NAME, "李" * LONGEST_NAME, "𝔸" * LONGEST_NAME, "فاطمة"]
    for name in names:
        patient = replace(PATIENT, first_name=name, language_code=language)
        text, with_link = (check_in_text(patient, SWITCHED_ON, link) for link in (None, LINK_OF_ALL))
        ours = check_in_text(replace(patient, first_name=None), SWITCHED_ON)
        greeting, comma, _ = re.split(r"([,،，])", ours, maxsplit=1)
        shown = text.removeprefix(greeting).removesuffix(ours.removeprefix(greeting))
        assert text == f"{greeting}{shown}{ours.removeprefix(greeting)}"
        assert LINK.search(f"{greeting}{shown}{comma}") is None
        assert text.isprintable()
        assert segments(text) <= 3
        assert segments(with_link) <= 7
        assert LINK_OF_ALL in with_link.split("\n")
        assert not GSM_7_EXTENSION & set(text)


@pytest.mark.parametrize(
    ("language", "name", "greeted"),
    [
        ("vi", "Thị Hương", "Chào Thị Hương, "),
        ("vi", "Thi\u0323 Hu\u031bo\u031bng", "Chào Thị Hương, "),
        ("zh", "李", "您好 李，"),
        ("zh-TW", "李", "您好 李，"),
        ("ar", "فاطمة", "مرحبًا فاطمة، "),
        ("ar", "Fatima", "مرحبًا Fatima، "),
        ("ht", "Éloïse", "Bonjou Éloise, "),
        ("ht", "李", "Bonjou, "),
        ("pt", "João", "Oi Joao, "),
        ("vi", "\u3164", "Chào, "),
        ("en", "Ma\u3164ria", "Hi, "),
        ("vi", "𝔸" * 10, f"Chào {'𝔸' * 10}, "),
        ("vi", "𝔸" * 11, "Chào, "),
        ("vi", "A" * 21, "Chào, "),
        ("zh", "bit.ly/x", "您好 bit ly x，"),
    ],
)
def test_a_name_has_its_own_letters_where_that_costs_nothing(language: str, name: str, greeted: str) -> None:
    """In a text of GSM-7 one other letter would more than double the segments."""
    text = check_in_text(replace(PATIENT, first_name=name, language_code=language), SWITCHED_ON)
    assert text.startswith(greeted)


def test_the_longest_text_is_one_that_the_phone_company_takes() -> None:
    """With values of letters that take twice the room."""
    for kind, some in PHRASES.items():
        for phrase in some:
            for template in phrase.known.values():
                assert units_of_ucs_2(phrase.longest(template, APP_URL)) <= LONGEST_TEXT, kind


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{a.b}", "has {a.b}, which is no placeholder"),
        ("{a[0]}", "has {a[0]}, which is no placeholder"),
        ("{a!r}", "has {a} with a format behind its name"),
        ("{a:>9}", "has {a} with a format behind its name"),
        ("{{{a:}", "has a colon behind the name in {a:}"),
        ("{}", "has {}, which is no placeholder"),
        ("{0}", "has {0}, which is no placeholder"),
        ("{A}", "has {A}, which is no placeholder"),
        ("{a", "has a brace"),
        ("a}", "has a brace"),
        ("{a{b}}", "has a brace"),
    ],
)
def test_a_placeholder_is_a_plain_name(text: str, said: str) -> None:
    """Nothing of an object can be reached by one."""
    with pytest.raises(TemplateError) as error:
        Template(text)
    assert str(error.value).startswith(said)


def test_a_brace_is_written_twice_and_one_in_a_value_is_only_a_brace() -> None:
    """No value is filled again."""
    template = Template("{{x}} {a}")
    assert template.placeholders == {"a"}
    assert template.filled({"a": "{b} {0} {{"}) == "{x} {b} {0} {{"
