"""The indexes on the application's tables that answer our questions about open tasks and recent episodes.

Here: their definitions. Not here: building them (`sequora migrate --app-indexes` does).
"""

from sequora_orchestration.application.contract import Form
from sequora_orchestration.application.expressions import Expression
from sequora_orchestration.application.fitting import Fit
from sequora_orchestration.application.map_in_force import Index
from sequora_orchestration.application.view_columns import as_our_type, is_among


def helpful_indexes(fitted: Fit) -> list[Index]:
    """Return the indexes that help: one on open tasks, and one on recent episodes if the map has episodes."""
    of_episodes = [_index_of_episodes(fitted)] if "episode" in fitted.sections else []
    return [_index_of_open_tasks(fitted), *of_episodes]


def _index_of_open_tasks(fitted: Fit) -> Index:
    section = fitted.sections["task"]
    created_at, status = section.columns["created_at"], section.columns["status"]
    name = "sequora_open_task"
    if status.column is None or created_at.column is None:
        return Index(name=name, table=section.table, definition=None, why_not="the status or the creation is no column")
    closed = is_among(status.column, status, fitted.map.statuses["closed"])
    return Index(
        name=name, table=section.table, definition=f"({_indexed_time(created_at)}) WHERE ({closed}) IS NOT TRUE"
    )


def _index_of_episodes(fitted: Fit) -> Index:
    section = fitted.sections["episode"]
    created_at = section.columns["created_at"]
    name = "sequora_recent_episode"
    if created_at.column is None:
        return Index(name=name, table=section.table, definition=None, why_not="the creation is no column")
    return Index(name=name, table=section.table, definition=f"({_indexed_time(created_at)})")


def _indexed_time(expression: Expression) -> str:
    converted = as_our_type(Form.TIME, expression.column or "", expression)
    return converted if converted == expression.column else f"({converted})"
