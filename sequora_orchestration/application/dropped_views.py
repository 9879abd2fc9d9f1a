"""Dropping the views while they are in the way of a migration of the application's.

Here: dropping them, naming the views and functions that read them, and recording that it was done on purpose.
Not here: making them (`seam`).
"""

from collections.abc import Iterator
from contextlib import contextmanager

from psycopg2.errors import DependentObjectsStillExist
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from sequora_orchestration.application.contract import VIEWS
from sequora_orchestration.application.map_in_force import in_force
from sequora_orchestration.database import views_dropped_at


class ViewsInUseError(Exception):
    """Somebody else's view or function reads our views, so they cannot be dropped."""


def drop_views(connection: Connection) -> None:
    """Drop the views. Raises ViewsInUseError."""
    with in_use_is_told():
        for statement in drops():
            connection.execute(text(statement))


def note_that_views_are_dropped(connection: Connection) -> None:
    """Record, before the views are dropped, that it is done on purpose; a second call records nothing more."""
    if connection.scalar(text("SELECT to_regclass('orchestration.operator_action')")) is not None:
        is_new = views_dropped_at(connection) is None and in_force(connection) is not None
        connection.execute(text(_NOTE_THAT_VIEWS_ARE_DROPPED), {"is_new": is_new})


_NOTE_THAT_VIEWS_ARE_DROPPED = """
    INSERT INTO orchestration.operator_action (who, verb, why)
    SELECT session_user, 'drop-views', 'a migration of the application''s' WHERE :is_new
"""

# Recorded only if they were dropped by command: otherwise nobody has missed them.
NOTE_THAT_VIEWS_ARE_BACK = """
    INSERT INTO orchestration.operator_action (who, verb, why)
    SELECT session_user, 'make-views', 'they were dropped'
    WHERE (
        SELECT verb FROM orchestration.operator_action
        WHERE notification_id IS NULL AND verb IN ('drop-views', 'make-views') ORDER BY id DESC LIMIT 1
    ) = 'drop-views'
"""


def drops() -> list[str]:
    """Return the statements that drop the views, to be run in `in_use_is_told`."""
    return [f"DROP VIEW IF EXISTS orchestration.{view.name}" for view in VIEWS.values()]


@contextmanager
def in_use_is_told() -> Iterator[None]:
    """Raise ViewsInUseError where somebody's view keeps one of ours from being dropped."""
    try:
        yield
    except DBAPIError as error:
        if not isinstance(error.orig, DependentObjectsStillExist):
            raise
        raise ViewsInUseError(
            "the views of the application's tables cannot be made anew while something that is not ours reads them "
            f"({error.orig.diag.message_detail}): drop it, and make it again afterwards"
        ) from None
