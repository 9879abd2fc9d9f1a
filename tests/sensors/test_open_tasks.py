"""The sensors that ask once a tick: nobody waits behind those who are more severe."""

from datetime import timedelta

import pytest
from care import NOW, Care
from dagster import DagsterInstance, SensorResult, build_sensor_context
from phones import Phones
from runs import STARTED, Runs

from sequora_orchestration.jobs.sla_breach import handle_sla_breach
from sequora_orchestration.ledger.claims import Claiming
from sequora_orchestration.ledger.ledger import Ledger
from sequora_orchestration.ledger.rows import Claims
from sequora_orchestration.messages.queue import Queue
from sequora_orchestration.messages.sla_breach import SLA_BREACHES
from sequora_orchestration.messages.sla_escalation import UNANSWERED_BREACHES
from sequora_orchestration.sensors import claiming
from sequora_orchestration.sensors.claiming import claiming_sensor

pytestmark = pytest.mark.usefixtures("stopped_clock")


def test_less_severe_breaches_do_not_wait_for_more_severe_ones_of_each_tick(
    care: Care, runs: Runs, phones: Phones
) -> None:
    """All are claimed by one tick; more severe ones first."""
    care.a_supervisor()
    nurse = care.a_nurse()
    tasks = {
        severity: care.a_task(nurse, severity=severity, created_at=NOW, sla_due_at=NOW)
        for severity in ("LOW", "MODERATE", "HIGH", "CRITICAL")
    }
    claims = runs.ledger.claims.claim(SLA_BREACHES)
    assert [subject.severity for claim in claims for subject in claim.subjects] == [
        "CRITICAL",
        "HIGH",
        "MODERATE",
        "LOW",
    ]
    for claim in claims:
        runs.run(SLA_BREACHES, claim)
    care.it_is(NOW + timedelta(minutes=30))
    assert len(runs.tick(UNANSWERED_BREACHES)) == len(tasks)
    for text in phones.company.accepted():
        phones.expect(text)


def test_a_tick_that_may_not_ask_yet_says_so(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """A question that costs a minute each time is not asked by every tick; nobody takes that for an answer."""
    monkeypatch.setattr(
        claiming, "LONG_PAUSE", 0.0
    )  # so that the first tick asks twice: only then it is known to be dear

    def costs_a_minute(_: Claiming, __: Queue) -> Claims:
        return Claims(seconds=60)

    monkeypatch.setattr(Claiming, "claim", costs_a_minute)
    sensor = claiming_sensor("breaches", queue=SLA_BREACHES, job=handle_sla_breach, description="as it runs")
    said = []
    for _ in range(2):
        with (
            DagsterInstance.ephemeral() as instance,
            build_sensor_context(instance, last_sensor_start_time=STARTED) as context,
        ):
            result = sensor(context, ledger=ledger)
        assert isinstance(result, SensorResult)
        assert result.skip_reason
        said.append(result.skip_reason.skip_message)
    assert said == ["No SLA breaches.", "Not asked for SLA breaches: it is not time for that yet."]
