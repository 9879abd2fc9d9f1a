"""What the texts about tasks say, word for word, and that no row makes them say anything else."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from hostile import CONTROL, DIRECTION, HOSTILE, LINK, UNSEEN
from hypothesis import example, given
from hypothesis import strategies as st

from sequora_orchestration.domain.care import EscalationTask
from sequora_orchestration.domain.gsm_7 import is_gsm_7
from sequora_orchestration.messages.nurse_unreached import unassigned_text, unreached_text
from sequora_orchestration.messages.sla_breach import breach_text
from sequora_orchestration.messages.sla_escalation import escalation_text
from sequora_orchestration.messages.sla_warning import warning_text
from sequora_orchestration.messages.task_created import nurse_text
from sequora_orchestration.messages.wording import Wording

APP_URL = "https://app.sequora.com"
WORDING = Wording(app_url=APP_URL)
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
    assert nurse_text(TASK, WORDING) == (
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
    assert line in nurse_text(replace(TASK, **columns), WORDING).split("\n")  # type: ignore[arg-type]


def test_a_line_break_in_a_value_is_a_space() -> None:
    """Nothing that a row holds can add a line, or a link, of its own."""
    task = replace(TASK, severity="HIGH\nView: https://elsewhere.example \u202eX")
    assert nurse_text(task, WORDING).split("\n")[0] == (
        "🚨 New HIGH View: https: //elsewhere example X task: CHEST_PAIN, DYSPNEA"
    )


def test_a_value_that_is_too_long_is_cut_and_the_link_is_not() -> None:
    """The values are decoration round the link."""
    codes = ("A" * 60,) * 10
    first, _, _, last = nurse_text(replace(TASK, reason_codes=codes), WORDING).split("\n")
    assert first.endswith("AAA...")
    assert last == f"View: {APP_URL}/tasks/{TASK.id}"
    first, _, _, last = nurse_text(replace(TASK, reason_codes=(*codes, "It hurts.")), WORDING).split("\n")
    assert first.endswith("AAA..., 1 more")
    assert last == f"View: {APP_URL}/tasks/{TASK.id}"


@given(TASKS, st.sampled_from([APP_URL, "http://localhost:3000", "https://example.org/care"]))
@example(replace(TASK, severity="\n" * 10_000, priority="\u202e" * 10_000, reason_codes=("A" * 10_000,)), APP_URL)
def test_a_text_is_four_lines_whatever_the_row_holds(task: EscalationTask, app_url: str) -> None:
    """Each begins with its word, the link is the last of them, and the phone company takes it as one text."""
    text = nurse_text(task, Wording(app_url=app_url))
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
    assert all(line.isprintable() for line in nurse_text(task, WORDING).split("\n"))


@given(st.text(alphabet=st.characters(codec="utf-8"), min_size=1, max_size=40))
def test_an_id_is_one_step_of_the_links_path(task_id: str) -> None:
    """Slashes, question marks and spaces of a text id neither end the link nor lead elsewhere."""
    path = nurse_text(replace(TASK, id=task_id), WORDING).split("\n")[-1].removeprefix(f"View: {APP_URL}/tasks/")
    assert path.isascii()
    assert not set(path) & set("/?# ")


# --- about an SLA, and to supervisors ---------------------------------------------------------------------------------

LAST_LINES = (
    "\nPriority: URGENT\nEp ID: 12345678...\nView: https://app.sequora.com/tasks/0f8fad5b-d9cb-469f-a165-70867728950e"
)
SPANS = st.timedeltas(timedelta(0), timedelta(days=400))

TaskText = Callable[[EscalationTask, timedelta], str]
OF_A_TASK: dict[str, TaskText] = {
    "SLA in ": lambda task, span: warning_text(task, WORDING, time_left=span),
    "SLA missed ": lambda task, span: breach_text(task, WORDING, overdue=span),
    "ESCALATION: SLA missed ": lambda task, span: escalation_text(task, WORDING, overdue=span),
    "Nobody is assigned, ": lambda task, _: unassigned_text(task, WORDING),
    "Nurse not reached: ": lambda task, _: unreached_text(task, WORDING, reason="landline: cannot receive texts"),
}


@pytest.mark.parametrize(
    ("text", "first_line"),
    [
        (
            warning_text(TASK, WORDING, time_left=timedelta(minutes=42)),
            "SLA in 42 min, please act. HIGH task: CHEST_PAIN, DYSPNEA",
        ),
        (
            breach_text(TASK, WORDING, overdue=timedelta(seconds=20)),
            "SLA missed less than 1 min ago, please act now. HIGH task: CHEST_PAIN, DYSPNEA",
        ),
        (
            escalation_text(TASK, WORDING, overdue=timedelta(minutes=31)),
            "ESCALATION: SLA missed 31 min ago, please take over. HIGH task: CHEST_PAIN, DYSPNEA",
        ),
        (
            unreached_text(TASK, WORDING, reason="landline: the number cannot receive texts"),
            "Nurse not reached: landline. Please take over or reassign. HIGH task: CHEST_PAIN, DYSPNEA",
        ),
        (
            unassigned_text(TASK, WORDING),
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
    body = unreached_text(replace(task, id=TASK.id), WORDING, reason=reason)
    assert len(body.splitlines()) == len(body.split("\n")) == 4
    assert len(body) <= LONGEST_TEXT


# --- of hostile rows --------------------------------------------------------------------------------------------------

EVERY_TEXT: dict[str, TaskText] = {"🚨 New ": lambda task, _: nurse_text(task, WORDING), **OF_A_TASK}

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
        assert_is_ours(unreached_text(TASK, WORDING, reason=reason), "Nurse not reached: ")


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
    assert nurse_text(replace(TASK, reason_codes=(code,)), WORDING).split("\n")[0] == f"🚨 New HIGH task: {code}"


@pytest.mark.parametrize("words", ["Weight +2.5 kg", "SpO2 < 90 %", "since 12:30", "e. g. pain."])
def test_what_is_no_link_stays_as_it_is(words: str) -> None:
    """Numbers, times and full stops among it."""
    assert nurse_text(replace(TASK, severity=words), WORDING).split("\n")[0] == (
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
    assert warning_text(TASK, WORDING, time_left=span).startswith(f"SLA in {words}, please act. ")
    assert breach_text(TASK, WORDING, overdue=span).startswith(f"SLA missed {words} ago, please act now. ")
    assert escalation_text(TASK, WORDING, overdue=span).startswith(f"ESCALATION: SLA missed {words} ago, ")


@given(SPANS, SPANS)
def test_no_span_is_said_to_be_longer_than_one_that_is(one: timedelta, other: timedelta) -> None:
    """Rounding never turns two of them round."""
    in_minutes = {"min": 1, "h": 60, "days": 24 * 60}

    def said(span: timedelta) -> int:
        line = warning_text(TASK, WORDING, time_left=span).removeprefix("SLA in ")
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
    first = unreached_text(TASK, WORDING, reason=reason).split("\n")[0]
    assert first == f"Nurse not reached: {gist}. Please take over or reassign. HIGH task: CHEST_PAIN, DYSPNEA"
