"""A plain `dagster dev` from the repository's root: Dagster's own defaults, slower, the same behaviour."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from care import NURSE_PHONE, Care
from phones import Phones
from running_system import BIN, ROOT, RunningSystem, eventually

from sequora_orchestration.local.twilio.server import TEST_ACCOUNT_SID, TEST_AUTH_TOKEN, TwilioServer

pytestmark = [pytest.mark.story, pytest.mark.timeout(240)]


@pytest.fixture
def settings(care_url: str, twilio: TwilioServer) -> dict[str, str]:
    """All that has to be set: the care database and the sender."""
    return {
        "SUPABASE_DB_URL": care_url,
        "TWILIO_ACCOUNT_SID": TEST_ACCOUNT_SID,
        "TWILIO_AUTH_TOKEN": TEST_AUTH_TOKEN,
        "TWILIO_FROM_NUMBER": "+15005550006",
        "TWILIO_API_BASE_URL": twilio.url,
    }


@pytest.fixture
def dagster_dev(settings: dict[str, str], tmp_path: Path) -> Iterator[RunningSystem]:
    """A running `dagster dev`."""
    with RunningSystem.dagster_dev(tmp_path, settings).running() as system:
        yield system


@pytest.mark.usefixtures("dagster_dev")
def test_a_plain_dagster_dev_texts_the_nurse(care: Care, phones: Phones) -> None:
    """With no DAGSTER_HOME, no broker and no workers."""
    task = care.a_task(care.a_nurse())
    phones.patience = 90
    phones(NURSE_PHONE).received_text(containing=[task])
    eventually(lambda: care.states(task) in (["SENT"], ["DELIVERED"]), within=10, what="the record of the text")


def test_a_job_executed_from_the_command_line_texts_the_nurse(
    care: Care, phones: Phones, settings: dict[str, str], tmp_path: Path
) -> None:
    """`dagster job execute`."""
    task = care.a_task(care.a_nurse())
    config = tmp_path / "config.yaml"
    config.write_text(f"task_ids: ['{task}']\n", encoding="utf-8")
    subprocess.run(
        [
            *(str(BIN / "dagster"), "job", "execute"),
            *("-m", "sequora_orchestration.definitions", "-j", "notify_nurse_task", "-c", str(config)),
        ],
        env={**os.environ, **settings},
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    phones(NURSE_PHONE).received_text(containing=[task])
