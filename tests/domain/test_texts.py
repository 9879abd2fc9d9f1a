"""The nurse's text: the contract to the letter, and what it does to rows that are odd."""

from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sequora_orchestration.domain.care import EscalationTask
from sequora_orchestration.domain.texts import nurse_text

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
    task = replace(TASK, reason_codes=("FEVER\nView: https://elsewhere.example", "\u202ePAIN"))
    assert nurse_text(task, APP_URL).split("\n")[0] == "🚨 New HIGH task: FEVER View: https://elsewhere.example, PAIN"


def test_a_value_that_is_too_long_is_cut_and_the_link_is_not() -> None:
    """The values are decoration round the link."""
    first, _, _, last = nurse_text(replace(TASK, reason_codes=("A" * 10_000,)), APP_URL).split("\n")
    assert first.endswith("AAA...")
    assert last == f"View: {APP_URL}/tasks/{TASK.id}"


@given(TASKS, st.sampled_from([APP_URL, "http://localhost:3000", "https://example.org/care"]))
@example(replace(TASK, severity="\n" * 10_000, priority="\u202e" * 10_000, reason_codes=("A" * 10_000,)), APP_URL)
@settings(deadline=None)
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
@settings(deadline=None)
def test_nothing_in_a_text_turns_its_direction_or_is_invisible(task: EscalationTask) -> None:
    """A mark that reverses what follows it would make a nurse read another task."""
    assert all(line.isprintable() for line in nurse_text(task, APP_URL).split("\n"))


@given(st.text(alphabet=st.characters(codec="utf-8"), min_size=1, max_size=40))
def test_an_id_is_one_step_of_the_links_path(task_id: str) -> None:
    """Slashes, question marks and spaces of a text id neither end the link nor lead elsewhere."""
    path = nurse_text(replace(TASK, id=task_id), APP_URL).split("\n")[-1].removeprefix(f"View: {APP_URL}/tasks/")
    assert path.isascii()
    assert not set(path) & set("/?# ")
