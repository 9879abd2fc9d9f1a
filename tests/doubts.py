"""Texts in doubt, and looking for them as the sensor does."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from care import NOW, NURSE_PHONE, PATIENT_PHONE, Care
from dagster import ExecuteInProcessResult
from phones import Phones
from runs import Runs

from sequora_orchestration.local.twilio.scripted_answers import Answer
from sequora_orchestration.messages.check_in import DUE_CHECK_INS, NEW_EPISODES
from sequora_orchestration.messages.task_created import NEW_TASKS
from sequora_orchestration.sensors.certainty import doubtful_texts

SECOND = timedelta(seconds=1)


def looked_up(runs: Runs) -> list[ExecuteInProcessResult]:
    """Look up what the sensor finds due."""
    return runs.sensor(doubtful_texts)


def doubtful_task(care: Care, runs: Runs, phones: Phones, answer: Answer, **task: Any) -> str:
    """Return a task whose nurse's text is in doubt after that answer."""
    phones.company.script(answer, to=NURSE_PHONE)
    id_ = care.a_task(care.a_nurse(), **task)
    runs.tick(NEW_TASKS)
    assert care.states(id_) == ["IN_DOUBT"]
    return id_


def doubtful_check_ins(care: Care, runs: Runs, phones: Phones, answers: Sequence[Answer]) -> list[str]:
    """Return as many episodes of patients with one name and one phone, whose check-ins are in doubt."""
    episodes = [care.an_episode(care.a_patient(), created_at=NOW) for _ in answers]
    runs.tick(NEW_EPISODES)
    care.it_is(NOW + timedelta(days=1))
    for answer in answers:
        phones.company.script(answer, to=PATIENT_PHONE)
    runs.tick(DUE_CHECK_INS)
    assert set(care.states()) == {"IN_DOUBT"}
    return episodes


def looked_for(care: Care, runs: Runs, *, within: int = 70, since: datetime = NOW) -> list[float]:
    """Look up what is due, each half second; return after how many seconds that was, until nothing is in doubt."""
    looks = []
    for half_seconds in range(2 * within):
        care.it_is(since + half_seconds * SECOND / 2)
        if ids := [one for batch in runs.ledger.doubts.due_look_ups() for one in batch]:
            looks.append(half_seconds / 2)
            assert runs.launch("settle_doubtful_texts", notification_ids=ids).success
        if "IN_DOUBT" not in care.states():
            break
    return looks
