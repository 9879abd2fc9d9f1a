"""What statements are given that compare a day with the phone company's list."""

from typing import Any

from sqlalchemy import RowMapping


def of_a_day(row: RowMapping) -> dict[str, Any]:
    """Return what statements are given that compare a day."""
    counts = ("texts", "doubled", "like_ours", "of_others", "missing", "differing", "log_owes")
    return {
        "day": row["attempted_at"].date(),
        "after_at": row["attempted_at"],
        "after_id": row["id"],
        "likenesses": ["other"],
        **dict.fromkeys(counts, 0),
    }
