"""The sensor for test texts: switched off by default, which costs a look a minute."""

import pytest
from canaries import OWN_PHONE, canaries  # noqa: F401  # a fixture
from care import Care
from dagster import SensorResult, SkipReason, build_sensor_context
from runs import STARTED, Runs

from sequora_orchestration.ledger.ledger import Ledger
from sequora_orchestration.messages.canary import CANARIES
from sequora_orchestration.sensors.canaries import OFF
from sequora_orchestration.sensors.canaries import canaries as sensor


def skipped(runs: Runs, ledger: Ledger, *, is_preview: bool = False) -> str:
    """Let the sensor tick, and return why it asks for no run."""
    started = None if is_preview else STARTED
    with build_sensor_context(instance=runs.instance, last_sensor_start_time=started) as context:
        asked = sensor(context, ledger=ledger)
    assert isinstance(asked, SensorResult)
    assert not asked.run_requests
    assert isinstance(asked.skip_reason, SkipReason)
    return str(asked.skip_reason.skip_message)


@pytest.mark.usefixtures("stopped_clock")
def test_without_a_number_it_says_so_and_makes_none(care: Care, runs: Runs, ledger: Ledger) -> None:
    """Also where it looks for one that waits from before."""
    assert skipped(runs, ledger) == OFF
    assert skipped(runs, ledger, is_preview=True) == OFF
    assert not ledger.claims.claim(CANARIES)
    assert care.ledger() == []


@pytest.mark.usefixtures("canaries")
def test_with_a_number_it_asks_for_a_run_of_the_canary(care: Care, runs: Runs) -> None:
    """By the message's own id: there is no task. The number is in neither key, tag nor configuration."""
    with build_sensor_context(instance=runs.instance, last_sensor_start_time=STARTED) as context:
        asked = sensor(context, ledger=Ledger(care.engine, has_canary=True))
    assert isinstance(asked, SensorResult)
    (request,) = asked.run_requests or []
    (row,) = care.ledger()
    assert dict(request.run_config) == {"notification_ids": [str(row["id"])]}
    assert OWN_PHONE[-7:] not in repr(request)
