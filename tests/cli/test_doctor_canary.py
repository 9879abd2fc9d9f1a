"""What `sequora doctor` says of the canary."""

from datetime import timedelta

import pytest
from canaries import OWN_PHONE, canaries  # noqa: F401  # a fixture
from care import NOW, Care
from phones import Phones
from runs import Runs

from sequora_orchestration.cli.checks.canary import canary
from sequora_orchestration.cli.checks.finding import Finding, Level
from sequora_orchestration.messages.canary import CANARIES
from sequora_orchestration.sensors.certainty import texts_without_receipt

pytestmark = pytest.mark.usefixtures("environment", "canaries")


@pytest.fixture(autouse=True)
def _somebody_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEQUORA_HEARTBEAT_URL", "https://hc-ping.com/1")


def found(care: Care) -> tuple[Level, str]:
    """Return the level, and what is said; the number is never told."""
    finding: Finding = canary(care.engine)
    said = f"{finding.said}; {finding.to_do or ''}"
    assert OWN_PHONE[-7:] not in said
    return finding.level, said


def test_what_became_of_the_last_is_said(care: Care, runs: Runs, phones: Phones) -> None:
    """It has arrived, or it should have."""
    phones.company.seconds_per_status = 0
    assert found(care) == (Level.OK, "from now on to •••• 0199; none has arrived in the last day; ")
    runs.tick(CANARIES)
    phones(OWN_PHONE).received_text()
    care.it_is(NOW + timedelta(seconds=15))
    runs.sensor(texts_without_receipt)
    assert found(care)[0] is Level.OK


def test_one_that_has_not_arrived_is_a_failure(care: Care, runs: Runs, phones: Phones) -> None:
    """With what to do."""
    runs.tick(CANARIES)
    phones(OWN_PHONE).received_text()
    care.it_is(NOW + timedelta(minutes=11))
    level, said = found(care)
    assert level is Level.FAIL
    assert said.startswith("the canary of 2026-03-02 15:00 UTC has not arrived: it is SENT, without a receipt")
    assert "see whether its phone is on" in said


@pytest.mark.parametrize(
    ("number", "level", "sentence"),
    [
        ("", Level.OK, "off: no test text is sent"),
        ("+15005550006", Level.FAIL, "is the sender's own number"),
        ("+1202555", Level.FAIL, "cannot be texted: the phone number on file is too short"),
        ("nobody's", Level.FAIL, "cannot be texted: the phone number on file has letters in it"),
    ],
)
def test_a_number_that_is_none_is_told(
    care: Care, monkeypatch: pytest.MonkeyPatch, number: str, level: Level, sentence: str
) -> None:
    """Before the first text goes there."""
    monkeypatch.setenv("SEQUORA_CANARY_NUMBER", number)
    assert found(care)[0] is level
    assert sentence in found(care)[1]


def test_a_number_of_the_staff_is_warned_of(care: Care) -> None:
    """However it is typed in."""
    care.a_nurse("(202) 555-0199")
    assert found(care)[0] is Level.WARN
    assert "is the phone of a member of the staff" in found(care)[1]


def test_that_nobody_would_be_told_is_warned_of(care: Care, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither by the heartbeat nor by Prometheus."""
    monkeypatch.delenv("SEQUORA_HEARTBEAT_URL")
    assert "nobody is told if one does not arrive" in found(care)[1]
    monkeypatch.setenv("SEQUORA_METRICS_PORT", "9464")
    assert found(care)[0] is Level.OK
