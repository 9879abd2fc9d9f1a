"""The daemon's last sign of life in Dagster's database, read without Dagster.

The public way, `DagsterInstance.get_daemon_heartbeats`, imports Dagster: one or two seconds of a processor, for a probe
that runs every half minute as long as the system does. The table is private to Dagster: it is named in the statement
beside this module and nowhere else, and a test fails when Dagster keeps heartbeats elsewhere, or in another form.
"""

from pathlib import Path

from sqlalchemy import Engine

from sequora_orchestration.database import NamedStatements

SQL = NamedStatements(Path(__file__).with_suffix(".sql"))


def last_heartbeat(engine: Engine) -> float | None:
    """Return when the daemon last said that it is there, in seconds since 1970; None if it never did.

    Raises the database's errors.
    """
    with engine.connect() as connection:
        said_at: float | None = connection.scalar(SQL["last_heartbeat"])
    return said_at
