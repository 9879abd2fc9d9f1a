"""What our processes log: a line an event, with the ids, for people or for programs."""

import json
import logging
import re
from collections.abc import Iterator

import pytest
from care import EPISODE, Care
from dagster._utils.log import get_structlog_json_formatter
from phones import Phones
from runs import Runs

from sequora_orchestration.instance.logs import write_lines
from sequora_orchestration.messages.task_created import NEW_TASKS
from sequora_orchestration.migrations.apply import drop_views


@pytest.fixture
def _logging_of_its_own() -> Iterator[None]:
    """What a process sets up is taken back after the test."""
    root, kind = logging.getLogger(), logging.getLoggerClass()
    handlers, level = root.handlers[:], root.level
    root.handlers = []
    yield
    root.handlers = handlers
    root.setLevel(level)
    logging.setLoggerClass(kind)


pytestmark = pytest.mark.usefixtures("_logging_of_its_own")


def test_a_line_about_a_message_has_all_its_ids_in_json(
    care: Care, runs: Runs, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a run prints is an object a line."""
    monkeypatch.setenv("SEQUORA_LOG_FORMAT", "json")
    write_lines()
    task = care.a_task(care.a_nurse(None))
    (claim,) = runs.ledger.claims.claim(NEW_TASKS)
    result = runs.run(NEW_TASKS, claim)
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    (line,) = [line for line in lines if line["event"].startswith(f"task {task}: FAILED")]
    del line["timestamp"]
    (row,) = care.ledger(task)
    assert line == {
        "event": f"task {task}: FAILED: {row['reason']}",
        "level": "warning",
        "logger": "dagster",
        "run": result.run_id,
        "job": "notify_nurse_task",
        "step": "fetch_nurse",
        "claim": claim.id,
        "task": task,
        "episode": EPISODE,
        "notification": str(row["id"]),
    }


def test_a_line_for_people_has_the_same(care: Care, runs: Runs, capfd: pytest.CaptureFixture[str]) -> None:
    """Time, level, job and step, what happened, and the ids."""
    write_lines()
    task = care.a_task(care.a_nurse(None))
    (claim,) = runs.ledger.claims.claim(NEW_TASKS)
    result = runs.run(NEW_TASKS, claim)
    (line,) = [line for line in capfd.readouterr().err.splitlines() if f"task {task}: FAILED" in line]
    (row,) = care.ledger(task)
    assert " WARNING notify_nurse_task.fetch_nurse: task " in line
    assert line.endswith(
        f"  [run={result.run_id} claim={claim.id} task={task} episode={EPISODE} notification={row['id']}]"
    )


def test_a_text_that_is_sent_prints_nothing(
    care: Care, runs: Runs, phones: Phones, capfd: pytest.CaptureFixture[str]
) -> None:
    """All is well; the ledger has it."""
    write_lines()
    nurse_phone = "+12025550199"
    care.a_task(care.a_nurse(nurse_phone))
    assert runs.launch("check_sla_warnings").success
    (result,) = runs.tick(NEW_TASKS)
    assert result.success
    phones(nurse_phone).received_text()
    printed = [line for line in capfd.readouterr().err.splitlines() if " DEBUG " not in line]
    assert printed == []


def test_a_traceback_stays_within_its_line_in_json(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program reads lines."""
    monkeypatch.setenv("SEQUORA_LOG_FORMAT", "json")
    write_lines()
    nothing: dict[str, str] = {}
    try:
        nothing["what"]
    except KeyError:
        logging.getLogger("sequora_orchestration.test").exception("it failed")
    (line,) = capfd.readouterr().err.splitlines()
    said = json.loads(line)
    assert said["event"] == "it failed"
    assert said["level"] == "error"
    assert said["exception"].endswith("KeyError: 'what'")


def test_a_line_of_ours_has_the_keys_of_dagsters_own_json(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And times of the same shape: the logs of all processes can be read, and put in order, as one."""
    monkeypatch.setenv("SEQUORA_LOG_FORMAT", "json")
    write_lines()
    log = logging.getLogger("sequora_orchestration.test")
    log.warning("%d waits for \u2022\u2022\u2022\u2022", 1)
    (ours,) = capfd.readouterr().err.splitlines()
    for handler in logging.getLogger().handlers:
        handler.setFormatter(get_structlog_json_formatter())
    log.warning("%d waits for \u2022\u2022\u2022\u2022", 1)
    (dagsters,) = capfd.readouterr().err.splitlines()
    shape = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
    both = [json.loads(line) for line in (ours, dagsters)]
    assert all(shape.fullmatch(line.pop("timestamp")) for line in both)
    assert both[0] == both[1]
    assert "\u2022" in ours, "what people read is not written in numbers"


def test_no_variable_of_a_frame_is_in_a_traceback(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may hold a row."""
    for form in ("text", "json"):
        monkeypatch.setenv("SEQUORA_LOG_FORMAT", form)
        write_lines()
        row = {"phone": f"555-{101:04}"}
        try:
            row["name"]
        except KeyError:
            logging.getLogger("sequora_orchestration.test").exception("it failed")
        said = capfd.readouterr().err
        assert "KeyError: 'name'" in said
        assert "555-0101" not in said


def test_a_run_that_fails_is_told_in_two_lines(
    care: Care, runs: Runs, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its step with the traceback, once, and itself; not each step that did not follow."""
    monkeypatch.setenv("SEQUORA_LOG_FORMAT", "json")
    write_lines()
    task = care.a_task(care.a_nurse())
    care.rows("ALTER VIEW orchestration.care_person RENAME primary_phone TO phone")
    (result,) = runs.tick(NEW_TASKS)
    assert not result.success
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    step, run = [line for line in lines if line["level"] == "error"]
    assert step["event"] == 'Execution of step "fetch_nurse" failed.'
    assert "UndefinedColumn" in step["exception"]
    assert run["event"].startswith('Execution of run for "notify_nurse_task" failed.')
    assert "exception" not in run
    assert {line["run"] for line in (step, run)} == {result.run_id}
    assert {line["task"] for line in (step, run)} == {task}


def test_a_run_that_fails_with_a_sentence_is_told_without_a_traceback(
    care: Care, runs: Runs, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it is raised tells nobody more."""
    monkeypatch.setenv("SEQUORA_LOG_FORMAT", "json")
    write_lines()
    task = care.a_task(care.a_nurse())
    drop_views(care.engine)
    assert not runs.launch("notify_nurse_task", task_ids=[task]).success
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    step, run = [line for line in lines if line["level"] == "error"]
    assert "were dropped by `sequora migrate --drop-views` at " in step["event"]
    assert [line for line in (step, run) if "exception" in line] == []


def test_what_is_well_is_not_printed_by_default(capfd: pytest.CaptureFixture[str]) -> None:
    """Warnings and worse are."""
    write_lines()
    log = logging.getLogger("sequora_orchestration.test")
    log.info("all is well")
    log.warning("look")
    (line,) = capfd.readouterr().err.splitlines()
    assert line.endswith("WARNING sequora_orchestration.test: look")


def test_a_format_that_is_none_is_said_once_and_keeps_no_run_from_its_work(
    care: Care, runs: Runs, phones: Phones, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It logs for people then; the sentence names the setting and what may stand there."""
    monkeypatch.setenv("SEQUORA_LOG_FORMAT", "xml")
    write_lines()
    nurse_phone = "+12025550199"
    care.a_task(care.a_nurse(None))
    care.a_task(care.a_nurse(nurse_phone))
    for result in runs.tick(NEW_TASKS):
        assert result.success
    phones(nurse_phone).received_text()
    about_setting, *others = [line for line in capfd.readouterr().err.splitlines() if " DEBUG " not in line]
    assert " ERROR sequora_orchestration.instance.logs: the log is text: SEQUORA_LOG_FORMAT " in about_setting
    assert about_setting.endswith(": give text, for people, or json, for programs.")
    (line,) = others
    assert " WARNING notify_nurse_task.fetch_nurse: task " in line
