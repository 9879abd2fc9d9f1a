"""Nurses with many new tasks: who has had texts alone, and what waits for a digest."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from care import NOW, NURSE_PHONE, Care
from phones import Phones
from runs import Runs
from sqlalchemy import RowMapping

from sequora_orchestration.messages.task_created import NEW_TASKS
from sequora_orchestration.messages.task_digest import DUE_DIGESTS

MINUTE = timedelta(minutes=1)
WINDOW = 15 * MINUTE

# Five texts within a quarter of an hour are a flood.
DIGEST_AFTER = "5/15m"


def burst(care: Care, runs: Runs, count: int, nurse: str | None = None, **columns: object) -> list[str]:
    """Return that many new tasks of a nurse's, whose texts have gone out or wait for a digest."""
    nurse = nurse or care.a_nurse()
    tasks = [care.a_task(nurse, **{"created_at": NOW, **columns}) for _ in range(count)]
    while ran := runs.tick(NEW_TASKS):
        assert all(run.success for run in ran)
    return tasks


def alone(phones: Phones, count: int = 5, number: str = NURSE_PHONE) -> None:
    """Claim the texts that come alone; there are no more."""
    for _ in range(count):
        phones(number).received_text(containing="🚨 New ")
    assert phones.unexpected() == []


def gathered(care: Care, runs: Runs, phones: Phones, count: int, **columns: object) -> list[str]:
    """Return that many tasks which wait for the digest of a nurse who has had five texts."""
    nurse = care.a_nurse()
    burst(care, runs, 5, nurse)
    alone(phones)
    tasks = burst(care, runs, count, nurse, **columns)
    assert {(row["state"], row["cause"]) for task in tasks for row in care.ledger(task)} == {("SCHEDULED", "GATHERED")}
    return tasks


def sent(care: Care, runs: Runs) -> None:
    """Let the digest's time come, and its run."""
    care.it_is(NOW + WINDOW)
    (run,) = runs.tick(DUE_DIGESTS)
    assert run.success


def digest(care: Care) -> RowMapping:
    """Return the row of the only digest."""
    (row,) = care.ledger(kind="task-digest")
    return row


def fates(care: Care, tasks: Sequence[str]) -> list[tuple[Any, ...]]:
    """Return the state and the cause of each task's newest message."""
    return [tuple(care.ledger(task)[-1][name] for name in ("state", "cause")) for task in tasks]
