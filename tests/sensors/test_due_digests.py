"""The sensor for digests: what it asks, and how seldom where there are none."""

import pytest
from care import NOW, Care
from floods import DIGEST_AFTER, WINDOW, digest, gathered
from phones import Phones
from runs import Runs

from sequora_orchestration.ledger.claims import Claiming
from sequora_orchestration.ledger.digests import Digests, Waiting
from sequora_orchestration.ledger.ledger import Ledger
from sequora_orchestration.messages.kind import MessageKind
from sequora_orchestration.messages.task_digest import DUE_DIGESTS
from sequora_orchestration.sensors.due_digests import WatchOfDigests
from sequora_orchestration.settings.workflows import WorkflowSettings

pytestmark = pytest.mark.usefixtures("stopped_clock")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether a digest waited, for each time that it was asked."""
    answers = list[bool]()
    ask = Digests.let_critical_go

    def counted(self: Digests, kind: MessageKind) -> Waiting:
        answer = ask(self, kind)
        answers.append(answer.is_any)
        return answer

    monkeypatch.setattr(Digests, "let_critical_go", counted)
    return answers


def test_where_the_setting_is_off_it_asks_once_and_then_no_more_for_a_minute(ledger: Ledger, asked: list[bool]) -> None:
    """One statement."""
    watch = WatchOfDigests(DUE_DIGESTS)
    assert watch.watch(ledger, seconds=0) == []
    assert watch.watch(ledger, seconds=0) is None
    assert asked == [False]


def test_it_claims_nothing_while_no_digest_waits(
    care: Care, asked: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the setting as well: a single statement each time."""
    monkeypatch.setattr(Claiming, "claim", None)
    ledger = Ledger(care.engine, workflows=WorkflowSettings(sequora_digest_after=DIGEST_AFTER))
    assert WatchOfDigests(DUE_DIGESTS).watch(ledger, seconds=0) == []
    assert asked == [False]


def test_a_digest_of_a_worker_with_another_setting_is_found(
    care: Care, runs: Runs, phones: Phones, asked: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a sensor whose own setting is off; which then asks as often as with it."""
    monkeypatch.setenv("SEQUORA_DIGEST_AFTER", DIGEST_AFTER)
    gathered(care, runs, phones, 1)
    care.it_is(NOW + WINDOW)
    (claim,) = WatchOfDigests(DUE_DIGESTS).watch(runs.ledger, seconds=0) or []
    assert [subject.id for subject in claim.subjects] == [str(digest(care)["id"])]
    assert asked == [True]
