"""The two databases, the care database and Dagster's own; and how long rows are kept in them.

Not here: the form of an address (`addresses`), and the map of the application's tables (`application`).
"""

from datetime import timedelta
from typing import Annotated, Self

from pydantic import AwareDatetime, BeforeValidator, Field, model_validator

from sequora_orchestration.settings.addresses import PostgresUrl
from sequora_orchestration.settings.durations import A_LENGTH_OF_TIME, between, read_duration
from sequora_orchestration.settings.environment import Environment


class DatabaseSettings(Environment):
    """Where the care database is, and since when this system is live on it."""

    supabase_db_url: PostgresUrl = Field(
        title="the care database, `postgresql://…` or `postgres://…`",
        repr=False,
        description="give the care database's URL, postgresql://user:password@host:5432/database, "
        "or run `sequora dev`, which brings a database of its own.",
    )
    sequora_go_live_at: AwareDatetime | None = Field(
        title="tasks created before this time (with its zone) are left alone; by default the time of the first "
        "`sequora migrate`",
        default=None,
        description="give a time with its zone, e.g. 2026-01-31T09:00:00Z; tasks created before it are left alone.",
    )


_TEN_YEARS = timedelta(days=3650)


class RetentionSettings(Environment):
    """How long old messages and runs are kept."""

    sequora_keep_runs: Annotated[timedelta, BeforeValidator(read_duration), between(timedelta(days=1), _TEN_YEARS)] = (
        Field(
            title="how long runs are kept, with their events; a day at least",
            default=timedelta(days=30),
            description=A_LENGTH_OF_TIME,
        )
    )
    # Receipts are followed for a day, and a text in doubt is settled or held within hours: a month is far longer.
    sequora_keep_messages: Annotated[
        timedelta, BeforeValidator(read_duration), between(timedelta(days=30), _TEN_YEARS)
    ] = Field(
        title="how long messages are kept that are over, with their history; 30 days at least, and as long as runs",
        default=timedelta(days=400),
        description=A_LENGTH_OF_TIME,
    )

    @model_validator(mode="after")
    def _runs_go_before_messages(self) -> Self:
        if self.sequora_keep_runs > self.sequora_keep_messages:
            raise ValueError(
                "SEQUORA_KEEP_RUNS is longer than SEQUORA_KEEP_MESSAGES: keep messages at least as long as runs, for a "
                "run that is executed again must find what it has sent."
            )
        return self


class DagsterStorageSettings(Environment):
    """Dagster's own database: runs, events, ticks."""

    dagster_pg_url: PostgresUrl = Field(
        title="Dagster's own storage, a database of its own",
        repr=False,
        description="give the URL of a database for Dagster's own storage, postgresql://…, or run `sequora dev`.",
    )
