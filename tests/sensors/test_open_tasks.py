"""The sensors that ask once a tick: nobody waits behind those who are more severe."""

from datetime import timedelta

import pytest
from care import NOW, Care
from phones import Phones
from runs import Runs

from sequora_orchestration.resources.queues import SLA_BREACHES, UNANSWERED_BREACHES

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
    claims = runs.ledger.claim(SLA_BREACHES)
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
