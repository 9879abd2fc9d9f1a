"""Which failed runs wake an engineer, and what she is told."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from sequora_orchestration.domain.alarm import LONGEST, FailedRun, alarm_text, is_alarming

UNKNOWN = FailedRun(run_id="a-run", job="notify_nurse_task", error="KeyError")
KNOWN = FailedRun(run_id="a-run", job="notify_nurse_task", error="Failure", cause="SettingError", sentence="Set it.")
SINCE = datetime(2026, 3, 2, 3, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("failed", "failures", "alarming"),
    [(KNOWN, 0, False), (KNOWN, 1, True), (UNKNOWN, 1, False), (UNKNOWN, 2, False), (UNKNOWN, 3, True)],
)
def test_what_another_run_may_do_better_is_waited_for(failed: FailedRun, failures: int, *, alarming: bool) -> None:
    """What it will not is told at once; and never twice."""
    assert is_alarming(failed, failures=failures, told=False) is alarming
    assert not is_alarming(failed, failures=failures, told=True)


def test_a_cause_belongs_together_whichever_jobs_it_fails() -> None:
    """An error of which nothing is known only within its job."""
    assert replace(KNOWN, job="send_check_in").belongs_to == KNOWN.belongs_to
    assert replace(UNKNOWN, job="send_check_in").belongs_to != UNKNOWN.belongs_to


def test_it_says_what_failed_how_often_and_where_to_look() -> None:
    """What to do if that is known, else the error's class alone."""
    assert alarm_text(KNOWN, failures=1, since=SINCE, link="http://ui/runs/a-run") == (
        "Sequora: a run of notify_nurse_task failed (Set it.)\nhttp://ui/runs/a-run"
    )
    assert alarm_text(UNKNOWN, failures=3, since=SINCE, link="http://ui/runs/a-run") == (
        "Sequora: 3 runs failed since 03:12 UTC, now of notify_nurse_task (KeyError)\nhttp://ui/runs/a-run"
    )


def test_a_long_sentence_is_cut_and_the_link_is_not() -> None:
    """A text has its length."""
    text = alarm_text(replace(KNOWN, sentence="x" * 1000), failures=1, since=SINCE, link="http://ui/runs/a-run")
    assert len(text) == LONGEST
    assert text.endswith("x)\nhttp://ui/runs/a-run")
