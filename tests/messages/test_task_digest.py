"""What a digest says, and when it says nothing."""

from dataclasses import replace

import pytest
from facts import APP_URL, TASK, facts

from sequora_orchestration.domain.cause import Cause
from sequora_orchestration.messages.task_digest import TASK_DIGEST, digest_text


def of(*severities: str | None) -> str:
    """Return the first line about tasks of these severities."""
    return digest_text([replace(TASK, severity=severity) for severity in severities], APP_URL).splitlines()[0]


@pytest.mark.parametrize(
    ("severities", "line"),
    [
        (["MODERATE", "HIGH", "MODERATE", "HIGH", "MODERATE"], "📋 5 new tasks for you: 2 HIGH, 3 MODERATE"),
        (["LOW", "MODERATE", "HIGH", "CRITICAL"], "📋 4 new tasks for you: 1 CRITICAL, 1 HIGH, 1 MODERATE, 1 LOW"),
        (["LOW"], "📋 1 new task for you: 1 LOW"),
        (["LOW", None, "URGENT", "HIGH"], "📋 4 new tasks for you: 1 HIGH, 1 UNSPECIFIED, 1 URGENT, 1 LOW"),
        (["www.example.com"], "📋 1 new task for you: 1 www example com"),
    ],
)
def test_it_counts_the_tasks_by_severity_the_most_severe_first(severities: list[str | None], line: str) -> None:
    """In the application's words where the map does not know them, and never as a link."""
    assert of(*severities) == line


def test_it_names_no_task_and_no_reason() -> None:
    """The application's list does."""
    text = TASK_DIGEST.text(facts(None, named=[TASK, TASK]), APP_URL)
    assert text == "📋 2 new tasks for you: 2 HIGH\nView: https://app.sequora.com/tasks"


def test_it_is_wanted_while_anything_is_left() -> None:
    """Whether each task is, its own kind says."""
    assert TASK_DIGEST.unwanted(facts(None, named=[TASK])) is None
    withheld = TASK_DIGEST.unwanted(facts(None))
    assert withheld
    assert withheld.cause is Cause.NOTHING_LEFT
