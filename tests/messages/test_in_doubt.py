"""What becomes of a text in doubt that the phone company's list does not show, by its kind."""

from datetime import UTC, datetime, timedelta

import pytest

from sequora_orchestration.domain.doubt import (
    Doubtful,
    Listed,
    found,
    may_be_hidden,
)
from sequora_orchestration.domain.ledger_state import State
from sequora_orchestration.domain.notification import SMS
from sequora_orchestration.messages.check_in import CHECK_IN
from sequora_orchestration.messages.in_doubt import unreadable_verdict, verdict
from sequora_orchestration.messages.kind import Audience
from sequora_orchestration.messages.kinds import KINDS
from sequora_orchestration.messages.task_created import TASK_CREATED

NOW = datetime(2026, 3, 2, 15, tzinfo=UTC)
STAFF = [kind for kind in KINDS.values() if kind.audience is not Audience.PATIENT]


def doubtful(id_: str = "a", *fingerprints: str, **columns: object) -> Doubtful:
    return Doubtful(
        **{
            "id": id_,
            "kind": TASK_CREATED.name,
            "channel": SMS,
            "task_id": "task",
            "episode_id": None,
            "recipient_id": "nurse",
            "attempts": 1,
            "fingerprints": frozenset(fingerprints or ["x"]),
            "attempted_at": NOW,
            "since": NOW,
            "looks": 1,
            "is_window_over": True,
            **columns,
        }  # type: ignore[arg-type]
    )


def listed(sid: str, mark: str | None, created_at: datetime | None = NOW) -> Listed:
    return Listed(provider_id=sid, fingerprint=mark, created_at=created_at)


@pytest.mark.parametrize("columns", [{"looks": 0}, {"is_window_over": False}])
@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_nothing_is_decided_before_the_window_is_over_and_the_second_look(
    kind: object, columns: dict[str, object]
) -> None:
    """Not found is not proof."""
    assert verdict(kind, doubtful(**columns), most_attempts=4) is None  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", STAFF, ids=lambda kind: kind.name)
def test_a_text_to_staff_is_sent_again_until_its_attempts_are_used_up(kind: object) -> None:
    """Silence is worse than a second text."""
    states = [
        verdict(kind, doubtful(given_up=before), most_attempts=4).state  # type: ignore[arg-type, union-attr]
        for before in range(5)
    ]
    assert states == [State.QUEUED] * 3 + [State.FAILED] * 2


@pytest.mark.parametrize("given_up", [0, 4])
def test_a_text_to_a_patient_is_held(given_up: int) -> None:
    """However often it was tried."""
    held = verdict(CHECK_IN, doubtful(kind=CHECK_IN.name, given_up=given_up), most_attempts=4)
    assert held is not None
    assert held.state is State.HELD


def test_what_has_no_fingerprint_is_held_at_once() -> None:
    """Nobody can recognise it."""
    held = verdict(TASK_CREATED, doubtful(fingerprints=frozenset(), looks=0, is_window_over=False), most_attempts=4)
    assert held is not None
    assert held.state is State.HELD


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_what_may_be_among_texts_that_are_not_shown_is_held(kind: object) -> None:
    """The account has numbers or texts redacted: not found says nothing."""
    one = doubtful()
    assert may_be_hidden(one, [listed("SM1", "z"), listed("SM2", None)])
    assert not may_be_hidden(one, [listed("SM1", "z"), listed("SM2", None, NOW - timedelta(days=2))])
    assert found([one], [listed("SM2", None)]) == {}
    held = verdict(kind, one, most_attempts=4, is_hidden=True)  # type: ignore[arg-type]
    assert held is not None
    assert held.state is State.HELD


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_what_an_operator_has_cancelled_is_not_sent_again(kind: object) -> None:
    """Once it is known that it was not sent."""
    ended = verdict(kind, doubtful(is_cancelled=True), most_attempts=4)  # type: ignore[arg-type]
    assert ended is not None
    assert ended.state is State.CANCELLED


def test_attempts_while_the_phone_company_took_no_texts_do_not_count() -> None:
    """However many there were."""
    again = verdict(TASK_CREATED, doubtful(given_up=9, is_providers=True), most_attempts=4)
    assert again is not None
    assert again.state is State.QUEUED


def test_while_the_list_cannot_be_read_a_text_stays_in_doubt_for_an_hour() -> None:
    """Then a person looks."""
    assert unreadable_verdict(doubtful()) is None
    held = unreadable_verdict(doubtful(is_hopeless=True))
    assert held is not None
    assert held.state is State.HELD
