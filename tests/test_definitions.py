"""The definitions load anywhere, read nothing, and say what they are."""

import subprocess
import sys
from pathlib import Path

from dagster import OpDefinition

from sequora_orchestration.definitions import defs

LOAD = """
import socket, sys
def refuse(*_): raise AssertionError("a connection was opened at import")
socket.socket.connect = refuse
from sequora_orchestration.definitions import defs
defs.get_repository_def().get_all_jobs()
"""


def test_the_definitions_load_in_a_fresh_interpreter_with_an_empty_environment(tmp_path: Path) -> None:
    """Nothing is read, opened or connected at import."""
    loaded = subprocess.run(
        [sys.executable, "-I", "-c", LOAD], env={}, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert loaded.returncode == 0, loaded.stderr


def test_every_definition_explains_itself() -> None:
    """A person who opens the UI for the first time reads what each is for."""
    repository = defs.get_repository_def()
    job = repository.get_job("notify_nurse_task")
    assert job.description
    assert [node.name for node in job.nodes_in_topological_order] == [
        "fetch_task",
        "fetch_nurse",
        "send_sms",
        "log_notification",
    ]
    for node in job.nodes:
        assert isinstance(node.definition, OpDefinition)
        assert node.definition.description
        assert node.definition.retry_policy
    for sensor in repository.sensor_defs:
        assert sensor.description
    for schedule in repository.schedule_defs:
        assert schedule.description


def test_sensors_and_schedules_start_running_without_a_click() -> None:
    """A deployment that nobody touches texts nurses, and does not grow."""
    repository = defs.get_repository_def()
    assert {sensor.default_status.value for sensor in repository.sensor_defs} == {"RUNNING"}
    assert {schedule.default_status.value for schedule in repository.schedule_defs} == {"RUNNING"}


def test_every_job_is_started_by_something() -> None:
    """One that only a person launches would be forgotten."""
    repository = defs.get_repository_def()
    by_sensors = {target.job_name for sensor in repository.sensor_defs for target in sensor.targets}
    by_schedules = {schedule.job_name for schedule in repository.schedule_defs}
    named = {job.name for job in repository.get_all_jobs() if not job.name.startswith("__")}
    assert named == by_sensors | by_schedules
