"""Values for the parameters of the statements about what people text to us, and about digests."""

from typing import Any

from sqlalchemy import RowMapping

from sequora_orchestration.domain.cause import Cause


def of_replies(row: RowMapping) -> dict[str, Any]:
    """Return them, for commands about a message (a row of the ledger)."""
    return {
        "newest_at": row["attempted_at"],
        "received_at": row["attempted_at"],
        "accepted_at": row["attempted_at"],
        "sid": "a message",
        "sids": ["a message"],
        "times": [row["attempted_at"]],
        "understood": "NOTHING",
        "person_id": row["recipient_id"],
        "tasks_to_number": [row["task_id"]],
        "places": [0, 1],
        "verbs": ["ACCEPT", "RESOLVE"],
        "numbers": [1, 2],
        "of_tasks": [row["task_id"], None],
        "writers": [row["recipient_id"]] * 2,
        "message_ids": [row["id"], row["id"]],
        "outcomes": ["DONE", "LINK"],
        "are_written": [False, None],
    }


def of_digests(count: int) -> dict[str, Any]:
    """Return them, for so many messages that are gathered, or leave their digest."""
    return {
        "all_alone": False,
        "out_of_digests": True,
        "own_ids": [],
        "states": ["CANCELLED"] * count,
        "causes": [Cause.TASK_CLOSED] * count,
        "ended_by_each": [None] * count,
    }
