"""The sensor that notices nurses whom no text reaches, and that a setting switches off."""

import pytest
from calls import LANDLINE, call_for
from care import NOW, NURSE_PHONE, Care
from dagster import SensorResult, build_sensor_context
from phones import Phones
from runs import STARTED, Runs

from sequora_orchestration.ledger.ledger import Ledger
from sequora_orchestration.messages.task_created import NEW_TASKS
from sequora_orchestration.sensors.certainty import texts_without_receipt
from sequora_orchestration.sensors.nurses_not_reached_by_text import OFF, nurses_not_reached_by_text
from sequora_orchestration.settings.environment import SettingError


def tick(runs: Runs, ledger: Ledger) -> SensorResult:
    """Let the sensor tick once."""
    with build_sensor_context(instance=runs.instance, last_sensor_start_time=STARTED) as context:
        result = nurses_not_reached_by_text(context, ledger=ledger)
    assert isinstance(result, SensorResult)
    return result


def test_while_the_setting_is_off_it_launches_nothing_and_says_so(runs: Runs) -> None:
    """In place of a sentence about its question."""
    result = tick(runs, runs.ledger)
    assert not result.run_requests
    assert result.skip_reason is not None
    assert result.skip_reason.skip_message == OFF


@pytest.mark.usefixtures("stopped_clock")
def test_it_requests_a_run_for_a_nurse_whom_no_text_reaches(
    care: Care, runs: Runs, phones: Phones, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the task's id alone."""
    monkeypatch.setenv("SEQUORA_CALL_FOR", "CRITICAL")
    call_for(care, "CRITICAL")
    phones.company.seconds_per_status = 0
    phones.company.undeliverable[NURSE_PHONE] = LANDLINE
    task = care.a_task(care.a_nurse(), severity="CRITICAL", created_at=NOW)
    runs.tick(NEW_TASKS)
    phones(NURSE_PHONE).received_text()
    care.rows("UPDATE orchestration.notification SET receipt_at = orchestration.clock() WHERE state = 'SENT'")
    runs.sensor(texts_without_receipt)
    (request,) = tick(runs, runs.ledger).run_requests or []
    assert dict(request.run_config) == {"task_ids": [task]}
    assert request.tags["sequora/severity"] == "CRITICAL"


def test_a_senseless_setting_is_an_error_that_names_it(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    """And says which there are."""
    monkeypatch.setenv("SEQUORA_CALL_FOR", "everybody")
    with pytest.raises(SettingError, match=r"SEQUORA_CALL_FOR .*CRITICAL, HIGH, MODERATE or LOW"):
        tick(runs, runs.ledger)
