"""Deletes messages that have long been over. How long they are kept is a setting."""

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

# How many events a batch looks at, to see whether their messages can be deleted: some 50 ms.
EVENTS_A_BATCH = 1000


class Retention(Room):
    """Deletes messages that have long been over."""

    statements = SQL

    def delete_what_is_over(self, kept: timedelta) -> Iterator[int]:
        """Delete, oldest first, messages that have been over for longer than `kept`; yield the number in each batch.

        Messages about an open task or a recent episode stay at any age: without them the nurse or patient would be
        texted again.
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
        deleted, _ = self._execute("delete_old_digests_and_canaries", {"kept": seconds})
        yield deleted
        self._changed("delete_old_pauses", kept=seconds)
        self._changed("delete_old_assignments", kept=seconds)
        while self._execute("delete_old_inbound", {"kept": seconds, "most": EVENTS_A_BATCH})[0] == EVENTS_A_BATCH:
            pass
        self._changed("delete_old_task_numbers", kept=seconds)
        self._changed("delete_old_reconciliations", kept=seconds)
