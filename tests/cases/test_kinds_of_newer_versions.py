"""What is told of messages of a kind that no code here knows: a newer version's worker has made their rows."""

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from care import NOW, NURSE_PHONE, Care
from cases import AROUND, MINUTE, SECOND, a_case, a_check_in, a_message, an_episode_case, later, owed
from click.testing import CliRunner
from phones import Phones
from runs import Runs

from sequora_orchestration.cases.timeline import timeline
from sequora_orchestration.cases.verdict import verdicts
from sequora_orchestration.cli.commands import sequora
from sequora_orchestration.domain.case import OwedMessage
from sequora_orchestration.domain.halts import Pause
from sequora_orchestration.domain.ledger_state import State
from sequora_orchestration.messages.check_in import NEW_EPISODES
from sequora_orchestration.messages.kinds import KINDS
from sequora_orchestration.messages.task_created import NEW_TASKS

TO_NURSE, TO_SUPERVISORS, TO_PATIENT = "bed-ready", "ward-full", "feedback-request"

# How the ledger gets from QUEUED to a state.
WAYS = {
    State.QUEUED: [],
    State.SENT: ["SENDING", "SENT"],
    State.DELIVERED: ["SENDING", "SENT", "DELIVERED"],
    State.UNDELIVERED: ["SENDING", "SENT", "UNDELIVERED"],
    State.FAILED: ["FAILED"],
    State.CANCELLED: ["CANCELLED"],
    State.IN_DOUBT: ["SENDING", "IN_DOUBT"],
    State.HELD: ["SENDING", "IN_DOUBT", "HELD"],
}


def a_row(care: Care, state: State, kind: str, audience: str, recipient: str, **columns: object) -> str:
    """Insert a message as a newer version does, owed since NOW, and return its id."""
    values = {"kind": kind, "audience": audience, "recipient_id": recipient, "owed_since": NOW}
    values |= {
        "created_at": NOW + SECOND,
        "business_key": f"{kind}:1",
        "occasion": f"{kind}:1",
        "urgency": 1,
        "severity": "HIGH",
        **columns,
    }
    names, given = ", ".join(values), ", ".join(f":{name}" for name in values)
    id_ = str(
        care.one(
            f"INSERT INTO orchestration.notification ({names}, state, lease_until)"
            f" VALUES ({given}, 'QUEUED', orchestration.clock()) RETURNING id",
            **values,
        )
    )
    for step in WAYS[state]:
        care.rows(
            "UPDATE orchestration.notification SET state = :state, reason = 'a reason', attempted_at = :now,"
            " sent_at = CASE WHEN :state = 'SENT' THEN CAST(:now AS timestamptz) ELSE sent_at END,"
            " provider_sid = CASE WHEN :state = 'SENT' THEN 'SM1' ELSE provider_sid END,"
            " doubtful_since = CASE WHEN :state = 'IN_DOUBT' THEN CAST(:now AS timestamptz) ELSE doubtful_since END"
            " WHERE id = CAST(:id AS uuid)",
            state=step,
            now=NOW,
            id=id_,
        )
    return id_


def shown(id_: str) -> str:
    """Return what `sequora timeline` shows, in one line; it ends with an answer and not with a traceback."""
    done = CliRunner().invoke(sequora, ["timeline", id_])
    assert done.exit_code in {0, 1}, done.output
    as_json = CliRunner().invoke(sequora, ["timeline", id_, "--json"])
    assert json.loads(as_json.stdout)["is_healthy"] is (done.exit_code == 0)
    return " ".join(done.stdout.split())


@pytest.fixture(autouse=True)
def nobody_knows_them() -> None:
    assert not {TO_NURSE, TO_SUPERVISORS, TO_PATIENT} & KINDS.keys()


@pytest.mark.usefixtures("environment", "stopped_clock")
@pytest.mark.parametrize(
    ("state", "words"),
    [
        (State.QUEUED, "bed-ready: nurse {nurse} (•••• 0101) was NOT told yet: the text is QUEUED, due for 29 min"),
        (State.FAILED, "bed-ready: nurse {nurse} (•••• 0101) was NOT reached: a reason; and no supervisor was told"),
        (State.UNDELIVERED, "bed-ready: nurse {nurse} (•••• 0101) was NOT reached: a reason; and no supervisor"),
        (State.IN_DOUBT, "bed-ready: nurse {nurse} (•••• 0101) MAY have been told"),
        (State.HELD, "the bed-ready to recipient {nurse} (•••• 0101) is HELD: a reason; and no supervisor was told"),
        (State.SENT, "OK nurse {nurse} (•••• 0101) was told"),
        (State.DELIVERED, "OK nurse {nurse} (•••• 0101) was told"),
        (State.CANCELLED, "OK nurse {nurse} (•••• 0101) was told"),
    ],
)
def test_a_message_to_a_nurse_is_spoken_of_as_that(
    state: State, words: str, care: Care, runs: Runs, phones: Phones
) -> None:
    """Also one that did not reach her: her supervisors are owed to hear of it."""
    nurse = care.a_nurse()
    task = care.a_task(nurse, created_at=NOW, updated_at=NOW)
    runs.tick(NEW_TASKS)
    phones(NURSE_PHONE).received_text()
    a_row(care, state, TO_NURSE, "ASSIGNEE", nurse, task_id=task)
    care.it_is(NOW + 30 * MINUTE)
    text = shown(task)
    assert words.format(nurse=nurse) in text
    assert "bed-ready" in text[text.index("Task ") :]
    assert ("ACT" in text) == (state not in {State.SENT, State.DELIVERED, State.CANCELLED})


@pytest.mark.usefixtures("environment", "stopped_clock")
def test_a_nurse_who_was_told_by_it_alone_was_told(care: Care) -> None:
    """And what else she is owed is missing all the same."""
    nurse = care.a_nurse()
    task = care.a_task(nurse, created_at=NOW, updated_at=NOW)
    a_row(care, State.DELIVERED, TO_NURSE, "ASSIGNEE", nurse, task_id=task)
    care.it_is(NOW + 2 * MINUTE)
    text = shown(task)
    assert text.startswith(f"OK nurse {nurse} (•••• 0101) was told at")
    assert f"ACT task-created: owed to nurse {nurse} for 2 min, and no message has been made" in text


@pytest.mark.usefixtures("environment", "stopped_clock")
@pytest.mark.parametrize(
    ("state", "words"),
    [
        (
            State.QUEUED,
            "ACT feedback-request: {patient} was NOT told yet: the text is QUEUED, due for 29 min",
        ),
        (State.FAILED, "ACT feedback-request: {patient} was NOT reached: a reason"),
        (State.UNDELIVERED, "ACT feedback-request: {patient} was NOT reached: a reason"),
        (State.IN_DOUBT, "ACT feedback-request: {patient} MAY have been told"),
        (
            State.HELD,
            "ACT feedback-request: {patient} MAY have been texted: a reason -> look for it",
        ),
        (State.SENT, "OK feedback-request: {patient} was texted at"),
        (State.DELIVERED, "OK feedback-request: {patient} was texted at"),
        (State.CANCELLED, "OK feedback-request: {patient} was NOT texted: a reason"),
    ],
)
def test_a_message_to_a_patient_is_spoken_of_as_that(state: State, words: str, care: Care, runs: Runs) -> None:
    """Beside the check-in, of which there is a verdict of its own."""
    patient = care.a_patient()
    episode = care.an_episode(patient, created_at=NOW, discharge_at=NOW)
    runs.tick(NEW_EPISODES)
    a_row(care, state, TO_PATIENT, "PATIENT", patient, episode_id=episode)
    care.it_is(NOW + 30 * MINUTE)
    text = shown(episode)
    assert words.format(patient=f"patient {patient} (•••• 0151)") in text
    assert f"OK patient {patient} (•••• 0151) is to be texted at" in text
    assert "nurse" not in text
    assert "feedback-request" in text[text.index("Episode ") :]


@pytest.mark.parametrize(
    ("kind", "fields", "sentence", "comes"),
    [
        (
            TO_NURSE,
            {},
            "bed-ready: owed to nurse nurse-1 for 2 min, and no message has been made",
            "the nurse is texted, if the task is still open",
        ),
        (
            TO_SUPERVISORS,
            {"audience": "ON_CALL", "recipient_id": None},
            "ward-full: owed to the supervisor for 2 min, and no message has been made",
            "the supervisors are told, if the task is still open",
        ),
    ],
)
def test_one_about_a_task_that_is_owed_and_missing_is_told_of(
    kind: str, fields: dict[str, Any], sentence: str, comes: str
) -> None:
    """By to whom it is owed; before it is owed, what comes."""
    owes = (owed(kind, **fields),)
    case = a_case(a_message(State.DELIVERED), owed=owes, around=later(2 * MINUTE))
    assert sentence in [one.sentence for one in verdicts(case)]
    soon = a_case(owed=(owed(kind, NOW + timedelta(hours=1), **fields),))
    assert [(one.at, one.what) for one in timeline(soon).next] == [(NOW + timedelta(hours=1), comes)]
    paused = replace(AROUND, pauses=[Pause(kind="all", paused_at=NOW, paused_by="maya", why="an exercise")])
    assert timeline(a_case(owed=owes, around=paused)).next[0].what.startswith("waits: all messages are paused")


def test_one_to_a_patient_that_is_owed_and_missing_is_told_of() -> None:
    """The same."""

    def owes(since: datetime = NOW) -> tuple[OwedMessage, ...]:
        return (owed(TO_PATIENT, since, audience="PATIENT", task_id=None, recipient_id="patient-1"),)

    (young,) = verdicts(an_episode_case(owed=owes()))
    (old,) = verdicts(an_episode_case(owed=owes(), around=later(2 * MINUTE)))
    assert (young.is_healthy, old.is_healthy) == (True, False)
    assert "no feedback-request is scheduled, and nothing says why" in old.sentence
    (later_on,) = verdicts(an_episode_case(owed=owes(NOW + MINUTE)))
    assert later_on.is_healthy
    assert "no feedback-request is owed before 2026-03-02 15:01:00 UTC" in later_on.sentence
    (beside_it,) = verdicts(an_episode_case(a_check_in(State.SENT), owed=owes(NOW + MINUTE)))
    assert "was texted" in beside_it.sentence
    (comes,) = timeline(an_episode_case(owed=owes(NOW + MINUTE))).next
    assert (comes.at, comes.what) == (NOW + MINUTE, "the patient is texted, if it is still wanted")
