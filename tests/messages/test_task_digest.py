"""What a digest says, and when it says nothing."""

from dataclasses import replace
from uuid import uuid4

import pytest
from facts import TASK, WORDING, facts

from sequora_orchestration.domain.canonical_text import TRIAL_PREFIX, canonical
from sequora_orchestration.domain.cause import Cause
from sequora_orchestration.domain.gsm_7 import segments
from sequora_orchestration.messages.task_digest import TASK_DIGEST, digest_text

ID, ANOTHER_ID = "0f8fad5b-d9cb-469f-a165-70867728950e", "7c9e6679-7425-40de-944b-e07fc1f90ae7"


def of(*severities: str | None) -> str:
    """Return the first line about tasks of these severities."""
    tasks = [replace(TASK, severity=severity) for severity in severities]
    return digest_text(tasks, WORDING, str(uuid4())).splitlines()[0]


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
    """The application's list does; the link is this digest's own."""
    of_two = facts(None, named=[TASK, TASK])
    text = TASK_DIGEST.text(replace(of_two, message=replace(of_two.message, id=ID)), WORDING)
    assert text == "📋 2 new tasks for you: 2 HIGH\nView: https://app.sequora.com/tasks?digest=0f8fad5b"


def test_however_many_it_counts_it_takes_two_segments() -> None:
    """A thousand of every severity."""
    tasks = [replace(TASK, severity=severity) for severity in ("CRITICAL", "HIGH", "MODERATE", "LOW")] * 999
    assert segments(digest_text(tasks, WORDING, ID)) == 2


def test_no_two_digests_read_alike_also_where_a_link_does_not_count() -> None:
    """A text that Twilio has changed is recognised by its form; and still is, if that is all that was changed."""
    one, another = (digest_text([TASK, TASK], WORDING, id_) for id_ in (ID, ANOTHER_ID))
    assert canonical(one) != canonical(another)
    assert canonical(TRIAL_PREFIX + one.replace("\n", "\r\n")) == canonical(one)


def test_it_is_wanted_while_anything_is_left() -> None:
    """Whether each task is, its own kind says."""
    assert TASK_DIGEST.unwanted(facts(None, named=[TASK])) is None
    withheld = TASK_DIGEST.unwanted(facts(None))
    assert withheld
    assert withheld.cause is Cause.NOTHING_LEFT
