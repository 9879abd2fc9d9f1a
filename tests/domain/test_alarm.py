"""Which failed runs wake an engineer, and what she is told."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from sequora_orchestration.domain.alarm import BELONGS_TOGETHER, LONGEST, FailedRun, alarm_text, is_alarming, is_news

UNKNOWN = FailedRun(job="notify_nurse_task", error="KeyError")
KNOWN = FailedRun(job="notify_nurse_task", error="Failure", cause="SettingError", sentence="Set it.")
SINCE = datetime(2026, 3, 2, 3, 12, tzinfo=UTC)
NOW = SINCE + timedelta(minutes=40)


@pytest.mark.parametrize(
    ("failed", "failures", "alarming"),
    [(KNOWN, 1, True), (KNOWN, 2, True), (UNKNOWN, 1, False), (UNKNOWN, 2, False), (UNKNOWN, 3, True)],
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
    assert alarm_text(KNOWN, failures=1, since=SINCE, now=NOW, where="http://ui/runs/a-run") == (
        "Sequora: a run of notify_nurse_task failed (Set it.)\nhttp://ui/runs/a-run"
    )
    assert alarm_text(UNKNOWN, failures=3, since=SINCE, now=NOW, where="http://ui/runs/a-run") == (
        "Sequora: 3 runs failed since 03:12 UTC, now of notify_nurse_task (KeyError)\nhttp://ui/runs/a-run"
    )


def test_a_long_sentence_is_cut_and_the_link_is_not() -> None:
    """A text has its length."""
    text = alarm_text(
        replace(KNOWN, sentence="x" * 1000), failures=1, since=SINCE, now=NOW, where="http://ui/runs/a-run"
    )
    assert len(text) == LONGEST
    assert text.endswith("x)\nhttp://ui/runs/a-run")


def test_what_is_not_of_today_has_its_date_and_all_times_are_utc() -> None:
    """Whoever is woken at midnight, or lives elsewhere, is not misled."""
    yesterday = datetime(2026, 3, 1, 23, 58, tzinfo=UTC).astimezone(timezone(timedelta(hours=5)))
    text = alarm_text(UNKNOWN, failures=3, since=yesterday, now=SINCE, where="run a-run")
    assert "3 runs failed since 2026-03-01 23:58 UTC, now of" in text
    text = alarm_text(UNKNOWN, failures=3, since=yesterday, now=yesterday, where="run a-run")
    assert "3 runs failed since 23:58 UTC, now of" in text


def test_an_old_failure_is_no_news() -> None:
    """Nor does it count among those of now."""
    assert is_news(NOW - BELONGS_TOGETHER + timedelta(seconds=1), now=NOW)
    assert not is_news(NOW - BELONGS_TOGETHER, now=NOW)
