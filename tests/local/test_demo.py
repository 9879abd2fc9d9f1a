"""What the demo says, without the system that it shows."""

import re
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from sequora_orchestration.local import demo_stage
from sequora_orchestration.local.demo import activation
from sequora_orchestration.local.demo_report import as_page
from sequora_orchestration.local.demo_stage import DemoFailedError, Entry, Narrator, Stage
from sequora_orchestration.local.demo_workflows import zone_where_it_is_noon
from sequora_orchestration.terminal.page import plain

NOON = datetime(2025, 3, 9, 12, tzinfo=UTC)
SENDING_RUN, CANCELLING_RUN = "d215face-2a0b-4c1d-8e3f-000000000001", "3cfc10cd-2a0b-4c1d-8e3f-000000000002"
JOBS = {SENDING_RUN: "send_check_in", CANCELLING_RUN: "escalate_sla_breach"}
LONGEST = ("nurse-unreached", "supervisor", "UNDELIVERED", "report_unreached_nurse")


def an_entry(  # what a test does not say is a check-in that was sent
    *,
    kind: str = "check-in",
    role: str = "patient",
    state: str = "SENT",
    reason: str | None = None,
    run_id: str | None = SENDING_RUN,
    after: float = 12.34,
) -> Entry:
    return Entry(
        kind=kind,
        subject="3f41655d-0000-4000-8000-000000000003",
        role=role,
        state=state,
        reason=reason,
        run_id=run_id,
        scheduled_by=None,
        sid="SM1",
        due_at=None,
        at=NOON + timedelta(seconds=after),
    )


def lines_of(*entries: Entry, jobs: dict[str, str] = JOBS) -> list[str]:
    """Return the table's lines."""
    return plain(as_page(entries, began=NOON.timestamp(), jobs=jobs)).splitlines()


def test_the_table_says_what_was_sent_when_to_which_role_and_by_which_run() -> None:
    """A line for each message, of ids' first eight characters."""
    headings, _, sent = lines_of(an_entry())
    assert re.split(r"\s{2,}", headings.strip()) == ["when", "message", "to", "about", "became", "by the run of", "run"]
    assert re.split(r"\s{2,}", sent.strip()) == [
        "12.3 s",
        "check-in",
        "patient",
        "3f41655d",
        "SENT",
        "send_check_in",
        "d215face",
    ]


def test_the_table_says_why_a_message_was_not_sent() -> None:
    """The reason stands below, and only where there is one."""
    reason = "the task is RESOLVED: nobody needs to act"
    cancelled = an_entry(
        kind="sla-escalation", role="supervisor", state="CANCELLED", reason=reason, run_id=CANCELLING_RUN
    )
    *_, row, below = lines_of(an_entry(), cancelled)
    assert row.split()[2:] == [
        "sla-escalation",
        "supervisor",
        "3f41655d",
        "CANCELLED",
        "escalate_sla_breach",
        "3cfc10cd",
    ]
    assert below.split("└ ")[1] == reason


def test_the_columns_of_the_table_are_aligned_whatever_stands_in_them() -> None:
    """Each column begins where its heading does; a message that no run has had yet keeps the others in place."""
    kind, role, state, job = LONGEST
    headings, _, *rows = lines_of(
        an_entry(after=3.2),
        an_entry(kind=kind, role=role, state=state, run_id=CANCELLING_RUN, after=123.4),
        an_entry(kind="sla-escalation", role="supervisor", state="SCHEDULED", run_id=None),
        jobs={**JOBS, CANCELLING_RUN: job},
    )
    starts = [headings.index(heading) for heading in ("message", "to ", "about", "became", "by the run of")]
    for row in (row.ljust(len(headings)) for row in rows):
        assert all(row[start - 2 : start] == "  " for start in starts)
    assert [row[starts[0] :].split()[0] for row in rows] == ["check-in", kind, "sla-escalation"]


def test_the_table_fits_a_terminal_of_100_columns() -> None:
    """With the longest of everything, in a demo of less than a thousand seconds, and a reason of any length."""
    kind, role, state, job = LONGEST
    widest = an_entry(kind=kind, role=role, state=state, reason="no signal " * 40, run_id=CANCELLING_RUN, after=999.9)
    lines = lines_of(widest, jobs={CANCELLING_RUN: job})
    assert max(map(len, lines)) <= 100
    assert len(lines) > 4


@pytest.mark.parametrize("hour", range(24))
def test_there_is_a_zone_where_it_is_noon_at_any_hour(hour: int) -> None:
    """It is known, and its clock says twelve."""
    now = NOON.replace(hour=hour, minute=59)
    assert now.astimezone(ZoneInfo(zone_where_it_is_noon(now))).hour == (13 if hour == 12 else 12)


def test_what_does_not_come_ends_the_demo_with_what_there_is_to_look_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ledger as far as it is known, the log's end and where the log is."""
    monkeypatch.setattr(demo_stage, "PATIENCE", -1)
    log = tmp_path / "demo.log"
    log.write_text("".join(f"line {number}.\n" for number in range(100)))
    environment = {"SUPABASE_DB_URL": "postgresql://127.0.0.1:1/care", "TWILIO_API_BASE_URL": "http://127.0.0.1:1"}
    stage = Stage("http://127.0.0.1:1", environment, log, Narrator())
    stage.entries = [an_entry(state="FAILED", reason="no phone number on file")]
    with pytest.raises(DemoFailedError) as failure:
        list(stage.until("the text", lambda: None))
    said = str(failure.value)
    assert said.startswith("the text did not come")
    assert "check-in 3f41655d-0000-4000-8000-000000000003 FAILED: no phone number on file" in said
    assert "line 79." not in said
    assert "line 80." in said
    assert str(log) in said


def test_a_long_sentence_is_wrapped_and_a_link_in_a_text_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    """Lines fit a terminal of 100 columns; what is quoted stands between empty lines."""
    link = f"https://app.sequora.com/tasks/{'x' * 100}"
    Narrator().say("word " * 40, quotation=f"View: {link}\nPriority: URGENT")
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("[  0.0 s] word")
    assert said[1].startswith(" " * 10 + "word")
    assert max(len(line) for line in said if "http" not in line) <= 100
    assert f"    {link}" in said
    assert said[-3:] == [f"    {link}", "    Priority: URGENT", ""]


def test_where_the_command_would_not_be_found_it_is_said_what_helps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`make demo` runs it by its path."""
    (programs := tmp_path / ".venv" / "bin").mkdir(parents=True)
    for name in ("activate", "sequora"):
        (programs / name).touch(mode=0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "executable", str(programs / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert activation() == "source .venv/bin/activate"
    monkeypatch.setenv("PATH", str(programs))
    assert activation() is None
