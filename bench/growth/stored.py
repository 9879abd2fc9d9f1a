"""Stores Dagster's runs, events and ticks and the ledger's messages by the thousand."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from sequora_orchestration.database import NamedStatements, execute

SQL = NamedStatements(Path(__file__).with_suffix(".sql"))


class Dagster:
    """Dagster's own database, by SQL instead of Dagster. Times are in UTC."""

    def __init__(self, engine: Engine) -> None:
        """Use `engine`, whose statements commit by themselves."""
        self.engine = engine

    def copy_run(self, job: str, count: int, *, since: datetime, until: datetime) -> None:
        """Store so many copies of the newest run of a job, as if they had run between these times."""
        _, ((row),) = execute(self.engine, SQL["newest_run"], {"job": job})
        times = {"since": _naive(since), "until": _naive(until)}
        execute(self.engine, SQL["copy_run"], {"run_id": row["run_id"], "count": count, **times})

    def copy_ticks(self, count: int, *, status: str, since: datetime, until: datetime) -> None:
        """Store so many copies of each sensor's (and schedule's) newest tick."""
        times = {"since": _naive(since), "until": _naive(until)}
        execute(self.engine, SQL["copy_ticks"], {"count": count, "status": status, **times})

    def store_ticks(self, count: int, *, since: datetime, until: datetime) -> None:
        """Store so many ticks of a sensor that has none yet."""
        times = {"since": _naive(since), "until": _naive(until)}
        execute(self.engine, SQL["ticks_of_a_day"], {"count": count, **times})

    def date_back_runs(self, now: datetime) -> None:
        """Set the creation of runs that were really executed to the simulated time `now`."""
        execute(self.engine, SQL["date_back_runs"], {"now": _naive(now)})

    def stored(self) -> Mapping[str, int]:
        """Return the numbers of `runs`, `events` and `ticks`."""
        return dict(execute(self.engine, SQL["stored"], {})[1][0])

    def work_done(self) -> Mapping[str, float]:
        """Return `milliseconds` of statements, `transactions`, `ticks` and `runs` since the database was made."""
        return dict(execute(self.engine, SQL["work_done"], {})[1][0])


class Hospital:
    """The application and the ledger, on days that pass as fast as they can be written."""

    def __init__(self, engine: Engine) -> None:
        """Use `engine`, whose statements commit by themselves."""
        self.engine = engine

    def it_is(self, moment: datetime) -> None:
        """Set the clock of all our statements."""
        with self.engine.connect() as connection:
            connection.exec_driver_sql(
                "CREATE OR REPLACE FUNCTION orchestration.clock() RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE"
                f" RETURN timestamptz '{moment.isoformat()}'"
            )

    def day(self, *, tasks: int, episodes: int) -> None:
        """Let a day's tasks and episodes come, and all messages about them be sent and delivered."""
        self._do("tasks_are_resolved")
        self._do("a_day_of_tasks", count=tasks)
        self._do("a_day_of_episodes", count=episodes)
        for statement in ("messages_begin", "messages_are_sending", "messages_are_sent", "messages_are_delivered"):
            self._do(statement)

    def messages(self) -> int:
        """Return how many messages the ledger has."""
        return int(execute(self.engine, SQL["messages"], {})[1][0]["count"])

    def _do(self, statement: str, **parameters: Any) -> None:
        execute(self.engine, SQL[statement], parameters)


def _naive(moment: datetime) -> datetime:
    """Return a time as Dagster's columns have it: in UTC, without saying so."""
    return moment.replace(tzinfo=None)
