"""What our texts say: the contract to the letter, and what they do to rows that are odd."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sequora_orchestration.domain.care import EscalationTask, Patient
from sequora_orchestration.domain.gsm_7 import GSM_7, GSM_7_EXTENSION, is_gsm_7, segments, septets
from sequora_orchestration.messages.check_in import LONGEST_LINK, check_in_text
from sequora_orchestration.messages.nurse_unreached import unassigned_text, unreached_text
from sequora_orchestration.messages.sla_breach import breach_text
from sequora_orchestration.messages.sla_escalation import escalation_text
from sequora_orchestration.messages.sla_warning import warning_text
from sequora_orchestration.messages.task_created import nurse_text

APP_URL = "https://app.sequora.com"
LONGEST_TEXT = 1600  # Twilio error 21617

TASK = EscalationTask(
    id="0f8fad5b-d9cb-469f-a165-70867728950e",
    episode_id="12345678-9abc-4def-8123-456789abcdef",
    severity="HIGH",
    priority="URGENT",
    reason_codes=("CHEST_PAIN", "DYSPNEA"),
    status="OPEN",
    sla_due_at=None,
    assigned_to_user_id="7c9e6679-7425-40de-944b-e07fc1f90ae7",
)

# Whatever Postgres can keep in a `text`; what breaks a line or turns its direction comes up often.
ODD_CHARACTERS = "\n\r\t\v\f\x00\x1b\x1c\x85\u200e\u200f\u2028\u2029\u202e\u2066\u2069\ufeff🚨"
ODD_TEXT = st.one_of(
    st.text(),
    st.text(alphabet=ODD_CHARACTERS),
    st.text(alphabet="ab" + ODD_CHARACTERS, min_size=1).map(lambda part: (part * 10_000)[:10_000]),
)
TASKS = st.builds(
    EscalationTask,
    id=st.one_of(st.uuids().map(str), st.text(alphabet=st.characters(codec="utf-8"), min_size=1, max_size=40)),
    episode_id=st.none() | ODD_TEXT,
    severity=st.none() | ODD_TEXT,
    priority=st.none() | ODD_TEXT,
    reason_codes=st.lists(ODD_TEXT, max_size=5).map(tuple),
    status=st.none() | ODD_TEXT,
    assigned_to_user_id=st.none() | ODD_TEXT,
)


def test_the_text_is_the_contracts_four_lines_to_the_letter() -> None:
    """Severity, reason codes, priority, a short episode id and a link."""
    assert nurse_text(TASK, APP_URL) == (
        "🚨 New HIGH task: CHEST_PAIN, DYSPNEA\n"
        "Priority: URGENT\n"
        "Ep ID: 12345678...\n"
        "View: https://app.sequora.com/tasks/0f8fad5b-d9cb-469f-a165-70867728950e"
    )


@pytest.mark.parametrize(
    ("columns", "line"),
    [
        ({"severity": None}, "🚨 New UNSPECIFIED task: CHEST_PAIN, DYSPNEA"),
        ({"severity": ""}, "🚨 New UNSPECIFIED task: CHEST_PAIN, DYSPNEA"),
        ({"reason_codes": ()}, "🚨 New HIGH task: UNSPECIFIED"),
        ({"reason_codes": ("FEVER",)}, "🚨 New HIGH task: FEVER"),
        ({"priority": None}, "Priority: UNSPECIFIED"),
        ({"priority": " \n "}, "Priority: UNSPECIFIED"),
        ({"episode_id": None}, "Ep ID: UNSPECIFIED"),
        ({"episode_id": ""}, "Ep ID: UNSPECIFIED"),
    ],
)
def test_what_a_row_does_not_say_is_said_to_be_missing(columns: dict[str, object], line: str) -> None:
    """The nurse is texted all the same, and sees that it is the row that is silent."""
    assert line in nurse_text(replace(TASK, **columns), APP_URL).split("\n")  # type: ignore[arg-type]


def test_a_line_break_in_a_value_is_a_space() -> None:
    """Nothing that a row holds can add a line, or a link, of its own."""
    task = replace(TASK, severity="HIGH\nView: https://elsewhere.example \u202eX")
    assert nurse_text(task, APP_URL).split("\n")[0] == (
        "🚨 New HIGH View: https: //elsewhere example X task: CHEST_PAIN, DYSPNEA"
    )


def test_a_value_that_is_too_long_is_cut_and_the_link_is_not() -> None:
    """The values are decoration round the link."""
    codes = ("A" * 60,) * 10
    first, _, _, last = nurse_text(replace(TASK, reason_codes=codes), APP_URL).split("\n")
    assert first.endswith("AAA...")
    assert last == f"View: {APP_URL}/tasks/{TASK.id}"
    first, _, _, last = nurse_text(replace(TASK, reason_codes=(*codes, "It hurts.")), APP_URL).split("\n")
    assert first.endswith("AAA..., 1 more")
    assert last == f"View: {APP_URL}/tasks/{TASK.id}"


@given(TASKS, st.sampled_from([APP_URL, "http://localhost:3000", "https://example.org/care"]))
@example(replace(TASK, severity="\n" * 10_000, priority="\u202e" * 10_000, reason_codes=("A" * 10_000,)), APP_URL)
def test_a_text_is_four_lines_whatever_the_row_holds(task: EscalationTask, app_url: str) -> None:
    """Each begins with its word, the link is the last of them, and the phone company takes it as one text."""
    text = nurse_text(task, app_url)
    assert text.splitlines() == text.split("\n")
    first, second, third, last = text.split("\n")
    assert first.startswith("🚨 New ")
    assert second.startswith("Priority: ")
    assert third.startswith("Ep ID: ")
    assert last.startswith(f"View: {app_url}/tasks/")
    assert len(text) <= LONGEST_TEXT


@given(TASKS)
def test_nothing_in_a_text_turns_its_direction_or_is_invisible(task: EscalationTask) -> None:
    """A mark that reverses what follows it would make a nurse read another task."""
    assert all(line.isprintable() for line in nurse_text(task, APP_URL).split("\n"))


@given(st.text(alphabet=st.characters(codec="utf-8"), min_size=1, max_size=40))
def test_an_id_is_one_step_of_the_links_path(task_id: str) -> None:
    """Slashes, question marks and spaces of a text id neither end the link nor lead elsewhere."""
    path = nurse_text(replace(TASK, id=task_id), APP_URL).split("\n")[-1].removeprefix(f"View: {APP_URL}/tasks/")
    assert path.isascii()
    assert not set(path) & set("/?# ")


# --- about an SLA, and to supervisors ---------------------------------------------------------------------------------

LAST_LINES = (
    "\nPriority: URGENT\nEp ID: 12345678...\nView: https://app.sequora.com/tasks/0f8fad5b-d9cb-469f-a165-70867728950e"
)
SPANS = st.timedeltas(timedelta(0), timedelta(days=400))

TaskText = Callable[[EscalationTask, timedelta], str]
OF_A_TASK: dict[str, TaskText] = {
    "SLA in ": lambda task, span: warning_text(task, APP_URL, time_left=span),
    "SLA missed ": lambda task, span: breach_text(task, APP_URL, overdue=span),
    "ESCALATION: SLA missed ": lambda task, span: escalation_text(task, APP_URL, overdue=span),
    "Nobody is assigned, ": lambda task, _: unassigned_text(task, APP_URL),
    "Nurse not reached: ": lambda task, _: unreached_text(task, APP_URL, reason="landline: cannot receive texts"),
}


@pytest.mark.parametrize(
    ("text", "first_line"),
    [
        (
            warning_text(TASK, APP_URL, time_left=timedelta(minutes=42)),
            "SLA in 42 min, please act. HIGH task: CHEST_PAIN, DYSPNEA",
        ),
        (
            breach_text(TASK, APP_URL, overdue=timedelta(seconds=20)),
            "SLA missed less than 1 min ago, please act now. HIGH task: CHEST_PAIN, DYSPNEA",
        ),
        (
            escalation_text(TASK, APP_URL, overdue=timedelta(minutes=31)),
            "ESCALATION: SLA missed 31 min ago, please take over. HIGH task: CHEST_PAIN, DYSPNEA",
        ),
        (
            unreached_text(TASK, APP_URL, reason="landline: the number cannot receive texts"),
            "Nurse not reached: landline. Please take over or reassign. HIGH task: CHEST_PAIN, DYSPNEA",
        ),
        (
            unassigned_text(TASK, APP_URL),
            "Nobody is assigned, please assign a nurse. HIGH task: CHEST_PAIN, DYSPNEA",
        ),
    ],
)
def test_a_text_about_a_task_is_four_lines_to_the_letter(text: str, first_line: str) -> None:
    """What has happened, what to do, and which task; the other three are those of the nurse's first text."""
    assert text == first_line + LAST_LINES


@pytest.mark.parametrize("text", OF_A_TASK.values(), ids=OF_A_TASK)
@given(
    severity=st.sampled_from(["CRITICAL", "HIGH", "MEDIUM", "LOW", None]),
    codes=st.lists(st.from_regex(r"[A-Z][A-Z0-9_]{0,30}", fullmatch=True), max_size=20).map(tuple),
    span=SPANS,
)
def test_of_a_plain_row_a_text_is_of_the_cheap_alphabet(
    text: TaskText, severity: str | None, codes: tuple[str, ...], span: timedelta
) -> None:
    """It has no emoji, which would more than double the segments."""
    assert is_gsm_7(text(replace(TASK, severity=severity, reason_codes=codes), span))


@pytest.mark.parametrize(("beginning", "text"), OF_A_TASK.items(), ids=OF_A_TASK)
@given(task=TASKS, span=SPANS)
def test_every_text_about_a_task_is_four_lines_whatever_the_row_holds(
    beginning: str, text: TaskText, task: EscalationTask, span: timedelta
) -> None:
    """Nothing in them is invisible or turns their direction, and the phone company takes each as one text."""
    body = text(task, span)
    assert body.splitlines() == body.split("\n")
    first, second, third, last = body.split("\n")
    assert first.startswith(beginning)
    assert second.startswith("Priority: ")
    assert third.startswith("Ep ID: ")
    assert last.startswith(f"View: {APP_URL}/tasks/")
    assert all(line.isprintable() for line in (first, second, third, last))
    assert len(body) <= LONGEST_TEXT


@given(TASKS, st.none() | ODD_TEXT)
def test_a_reason_adds_no_line_to_what_a_supervisor_reads(task: EscalationTask, reason: str | None) -> None:
    """Whatever the phone company has said, and however much of it."""
    body = unreached_text(replace(task, id=TASK.id), APP_URL, reason=reason)
    assert len(body.splitlines()) == len(body.split("\n")) == 4
    assert len(body) <= LONGEST_TEXT


# --- of hostile rows --------------------------------------------------------------------------------------------------

EVERY_TEXT: dict[str, TaskText] = {"🚨 New ": lambda task, _: nurse_text(task, APP_URL), **OF_A_TASK}

# What a phone makes a link of: a scheme and an address, or a name or number with dots in it.
LINK = re.compile(r"\w:[^\s\d.]|\w[.\u3002\uff0e\uff61\u2024\ufe52]+[^\W\d_]{2,}(?!\w)|\d\.\d+\.\d")

DIRECTION = "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
UNSEEN = "\u00ad\u034f\u115f\u180e\u200b\u200c\u200d\u2060\u2800\u3164\ufe0f\ufeff\uffa0\U000e0041\U000e0100"
CONTROL = "".join(map(chr, [*range(0x20), *range(0x7F, 0xA0)])) + "\u2028\u2029"

HOSTILE = [
    "http://evil",
    "https://evil.com/x",
    "evil.com/x",
    "evil.co",
    "www.evil.com",
    "EVIL.COM",
    "evil\u3002com",
    "evil\uff0ecom/x",
    "evil.рф",
    "nurse@evil.com",
    "10.0.0.1/x",
    "tel:+19005550100",
    "sequora:x",
    "FEVER\nView: https://evil.com/x",
    "FEVER\r\n\r\nPriority: LOW",
    "evil.\u200bcom",
    "evil.\ufe0fcom",
    "ht\u00adtp://evil.com",
    "evil.com" * 2_000,
    "🚨" * 10_000,
    "A" * 10_000,
    "[" * 10_000,
    "\n" * 10_000,
    *(f"FEVER{mark}moc.live//:ptth{mark}" for mark in DIRECTION + UNSEEN + CONTROL),
]
HOSTILE_TEXT = st.one_of(
    st.sampled_from(HOSTILE),
    st.lists(st.sampled_from([*DIRECTION, *UNSEEN, *CONTROL, *"aZ7.:/@ ", "http://", "evil.com", "View: "])).map(
        "".join
    ),
)


def assert_is_ours(body: str, beginning: str) -> None:
    """Four lines that begin as they must, one link and that the application's, nothing that cannot be seen."""
    assert body.splitlines() == body.split("\n")
    first, second, third, last = body.split("\n")
    assert first.startswith(beginning)
    assert second.startswith("Priority: ")
    assert third.startswith("Ep ID: ")
    assert last == f"View: {APP_URL}/tasks/{TASK.id}"
    assert LINK.search(f"{first}\n{second}\n{third}") is None
    assert not set(body) & {*DIRECTION, *UNSEEN, *CONTROL} - {"\n"}
    # As the phone company counts: what lies outside the basic plane is two.
    assert len(body.encode("utf-16-le")) / 2 <= LONGEST_TEXT


# Hundreds of values with each text: in one test, for a test of its own takes ten times as long.
@pytest.mark.parametrize(("beginning", "text"), EVERY_TEXT.items(), ids=EVERY_TEXT)
@pytest.mark.parametrize("column", ["severity", "priority", "episode_id", "reason_codes"])
def test_no_column_of_a_row_forges_a_line_or_a_link(beginning: str, text: TaskText, column: str) -> None:
    """Whoever can write into a task can make staff read nonsense, not follow it."""
    for value in HOSTILE:
        columns = {column: (value, value) if column == "reason_codes" else value}
        assert_is_ours(text(replace(TASK, **columns), timedelta(minutes=42)), beginning)  # type: ignore[arg-type]


@pytest.mark.parametrize(("beginning", "text"), EVERY_TEXT.items(), ids=EVERY_TEXT)
@given(HOSTILE_TEXT, HOSTILE_TEXT, HOSTILE_TEXT, st.lists(HOSTILE_TEXT, max_size=4).map(tuple))
def test_no_row_forges_a_line_or_a_link(
    beginning: str, text: TaskText, severity: str, priority: str, episode_id: str, codes: tuple[str, ...]
) -> None:
    """Nor do columns together, each of which is harmless."""
    task = replace(TASK, severity=severity, priority=priority, episode_id=episode_id, reason_codes=codes)
    assert_is_ours(text(task, timedelta(minutes=42)), beginning)


def test_no_reason_forges_a_line_or_a_link() -> None:
    """Of why a nurse was not reached, some words are the phone company's."""
    for reason in HOSTILE:
        assert_is_ours(unreached_text(TASK, APP_URL, reason=reason), "Nurse not reached: ")


@pytest.mark.parametrize(
    "code",
    [
        "CHEST_PAIN",
        "TEMP_38.5",
        "BP/180-110",
        "fièvre",
        "A-1",
        "1.",
        "A" * 60,
    ],
)
def test_a_code_that_is_no_link_stays_as_it_is(code: str) -> None:
    """Numbers and full stops among it."""
    assert nurse_text(replace(TASK, reason_codes=(code,)), APP_URL).split("\n")[0] == f"🚨 New HIGH task: {code}"


@pytest.mark.parametrize("words", ["Weight +2.5 kg", "SpO2 < 90 %", "since 12:30", "e. g. pain."])
def test_what_is_no_link_stays_as_it_is(words: str) -> None:
    """Numbers, times and full stops among it."""
    assert nurse_text(replace(TASK, severity=words), APP_URL).split("\n")[0] == (
        f"🚨 New {words} task: CHEST_PAIN, DYSPNEA"
    )


@pytest.mark.parametrize(
    ("reasons", "told"),
    [
        (("CHEST_PAIN", "My chest hurts and I am alone"), "CHEST_PAIN, 1 more"),
        (("I fell.", "CHEST_PAIN", "I can't breathe, please call"), "CHEST_PAIN, 2 more"),
        (("My name is Ellen",), "UNSPECIFIED, 1 more"),
        (("CHEST_PAIN, DYSPNEA",), "CHEST_PAIN, DYSPNEA"),
        (("A" * 61,), "UNSPECIFIED, 1 more"),
        (('{"code": "X"}',), "UNSPECIFIED, 1 more"),
    ],
)
def test_of_reasons_only_codes_are_sent(reasons: tuple[str, ...], told: str) -> None:
    """What else a task has is counted: it may be what the patient has said."""
    for text in EVERY_TEXT.values():
        assert text(replace(TASK, reason_codes=reasons), timedelta(minutes=42)).split("\n")[0].endswith(f": {told}")


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (timedelta(0), "less than 1 min"),
        (timedelta(seconds=1), "less than 1 min"),
        (timedelta(seconds=29), "less than 1 min"),
        (timedelta(seconds=31), "1 min"),
        (timedelta(minutes=1), "1 min"),
        (timedelta(minutes=1, seconds=29), "1 min"),
        (timedelta(minutes=1, seconds=31), "2 min"),
        (timedelta(minutes=42), "42 min"),
        (timedelta(minutes=60), "60 min"),
        (timedelta(minutes=119), "119 min"),
        (timedelta(minutes=119, seconds=29), "119 min"),
        (timedelta(minutes=119, seconds=31), "2 h"),
        (timedelta(minutes=120), "2 h"),
        (timedelta(minutes=149), "2 h"),
        (timedelta(minutes=151), "3 h"),
        (timedelta(hours=3), "3 h"),
        (timedelta(hours=24), "24 h"),
        (timedelta(hours=47), "47 h"),
        (timedelta(hours=47, minutes=29), "47 h"),
        (timedelta(hours=47, minutes=31), "2 days"),
        (timedelta(hours=48), "2 days"),
        (timedelta(hours=59), "2 days"),
        (timedelta(hours=61), "3 days"),
        (timedelta(days=30), "30 days"),
    ],
)
def test_a_span_is_said_as_a_person_says_it(span: timedelta, words: str) -> None:
    """In minutes up to two hours, in hours up to two days, rounded; the same in every text."""
    assert warning_text(TASK, APP_URL, time_left=span).startswith(f"SLA in {words}, please act. ")
    assert breach_text(TASK, APP_URL, overdue=span).startswith(f"SLA missed {words} ago, please act now. ")
    assert escalation_text(TASK, APP_URL, overdue=span).startswith(f"ESCALATION: SLA missed {words} ago, ")


@given(SPANS, SPANS)
def test_no_span_is_said_to_be_longer_than_one_that_is(one: timedelta, other: timedelta) -> None:
    """Rounding never turns two of them round."""
    in_minutes = {"min": 1, "h": 60, "days": 24 * 60}

    def said(span: timedelta) -> int:
        line = warning_text(TASK, APP_URL, time_left=span).removeprefix("SLA in ")
        words = line.split(",")[0].removeprefix("less than ").split(" ")
        return int(words[0]) * in_minutes[words[1]]

    shorter, longer = sorted([one, other])
    assert said(shorter) <= said(longer)


@pytest.mark.parametrize(
    ("reason", "gist"),
    [
        ("landline: the number cannot receive texts", "landline"),
        ("no phone number on file; correct the assigned user's phone", "no phone number on file"),
        ("opted out; the assigned user's number has replied STOP", "opted out"),
        ("carrier: refused; others went out meanwhile", "carrier"),
        ("unreachable", "unreachable"),
        (None, "UNSPECIFIED"),
        ("", "UNSPECIFIED"),
        (" ; ", "UNSPECIFIED"),
        (": what", "UNSPECIFIED"),
    ],
)
def test_of_a_reason_its_gist_is_said(reason: str | None, gist: str) -> None:
    """What goes before the explanation and the advice, which are for a person who looks into the ledger."""
    first = unreached_text(TASK, APP_URL, reason=reason).split("\n")[0]
    assert first == f"Nurse not reached: {gist}. Please take over or reassign. HIGH task: CHEST_PAIN, DYSPNEA"


# --- to a patient -----------------------------------------------------------------------------------------------------

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
    return check_in_text(replace(PATIENT, first_name=first_name, language_code=language_code))


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
    assert check_in_text(PATIENT, A_LINK) == (
        "Hi Maria, this is your care team at Sequora. How are you feeling today? You can answer this text and we will "
        f"read it. You can also use this link:\n{A_LINK}\nIn an emergency call 911. Reply STOP to end these texts."
    )
    assert check_in_text(replace(PATIENT, first_name=None, language_code="es"), A_LINK) == (
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
    text = check_in_text(replace(PATIENT, first_name=name, language_code=language), link)
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
    assert check_in_text(patient) == to_patient("Maria", patient.language_code)


def test_the_repr_of_a_patient_hides_name_and_phone() -> None:
    """A patient may end up in an error's text, these may not."""
    assert PATIENT.id in repr(PATIENT)
    assert "Maria" not in repr(PATIENT)
    assert "555" not in str([PATIENT])
