"""Deleting what has long been over."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from sequora_orchestration.database import (
    NamedStatements,
    rows_by_id,
)
from sequora_orchestration.ledger.room import Room
from sequora_orchestration.settings.durations import LONGEST_DELAY

SQL = NamedStatements(Path(__file__).with_suffix(".sql"))

# Of so many events at a time it is looked whether their messages can be deleted: a batch takes some 50 ms.
EVENTS_A_BATCH = 1000


class Retention(Room):
    """Deleting what has long been over."""

    statements = SQL

    def delete_what_is_over(self, kept: timedelta) -> Iterator[int]:
        """Delete, oldest first, what has been over for longer than `kept`; yield how many messages of each batch.

        Never those about a task that is open or an episode that is recent, whatever their age: they are why nobody is
        told again.
        """
        seconds, after, goes_on = kept.total_seconds(), 0, True
        while goes_on:
            (old,) = self._rows("old_subjects", kept=seconds, after=after, most=EVENTS_A_BATCH)
            after, goes_on = old["last"], old["goes_on"]
            still_open = rows_by_id(self._engine, SQL["open_tasks"], old["task_ids"])
            recent = rows_by_id(
                self._engine,
                SQL["recent_episodes"],
                old["episode_ids"],
                {"check_in_delay": LONGEST_DELAY.total_seconds()},
            )
            deleted, _ = self._execute(
                "delete_what_is_over",
                {
                    "kept": seconds,
                    "task_ids": list(set(old["task_ids"]) - {row["id"] for row in still_open}),
                    "episode_ids": list(set(old["episode_ids"]) - {row["id"] for row in recent}),
                },
            )
            yield deleted
        self._changed("delete_old_pauses", kept=seconds)
        self._changed("delete_old_assignments", kept=seconds)
