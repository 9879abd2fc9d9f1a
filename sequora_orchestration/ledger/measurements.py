"""How well texting goes: the figures that the Dagster UI plots and the heartbeat looks at. Reading changes nothing.

Their limits, and the advice for a figure past its limit, stand in `domain/health.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path

from sqlalchemy import Engine, RowMapping

from sequora_orchestration.database import NamedStatements, engine_for, execute
from sequora_orchestration.domain.canary import ARRIVES_WITHIN, Canaries, Canary
from sequora_orchestration.domain.health import INSIDE, UNANSWERED_AFTER, Pace
from sequora_orchestration.domain.ledger_state import State
from sequora_orchestration.domain.notification import SMS
from sequora_orchestration.messages.kinds import KINDS
from sequora_orchestration.settings.database import DatabaseSettings
from sequora_orchestration.settings.delivery import DeliverySettings

SQL = NamedStatements(Path(__file__).with_suffix(".sql"))

# Unclaimed tasks are counted up to this number.
MOST_UNCLAIMED = 10_000

OF_A_CANARY = [one.name for one in fields(Canary)]


@dataclass(frozen=True, slots=True, kw_only=True)
class TextLatency:
    """How long the last hour's texts about new tasks took, in seconds from when they were owed; None without texts."""

    texts: int
    p50: float | None
    p95: float | None
    delivered_p50: float | None
    """Until we knew that the text had arrived: receipts are asked for, after 15 s at first."""

    delivered_p95: float | None
    share_inside: float | None
    """The share, 0 to 1, that was sent inside `INSIDE`, of the texts that were sent or should have been by then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deliveries:
    """How the last hour's texts ended, and how many are in doubt or held now."""

    sent: int
    delivered: int
    failed: int
    in_doubt: int
    longest_doubt: float | None
    """Seconds since the first attempt of the text that has been in doubt for longest."""

    held: int
    doubled: int
    """Texts that were given up, sent again and then found: two went out."""

    undelivered: Mapping[int, int]
    """How many texts did not arrive, by the phone company's code; 0 where it gave none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """How many messages are due and not sent."""

    due: int
    paused: int
    """How many more are due, but kept back by an operator."""

    oldest_due: float | None
    """Seconds for which the oldest message that is not kept back has been due."""

    pace: Pace


class Measurements:
    """Reads the figures from the ledger. Database errors are raised."""

    def __init__(self, engine: Engine, *, go_live_at: datetime | None = None, has_rate: bool = False) -> None:
        """Use `engine`; `go_live_at` overrides the moment that the migration recorded."""
        self._engine = engine
        self._go_live_at = go_live_at
        self._has_rate = has_rate

    def _rows(self, statement: str, **parameters: object) -> Sequence[RowMapping]:
        return execute(self._engine, SQL[statement], parameters)[1]

    def text_latency(self) -> TextLatency:
        """Return how long nurses have waited for the texts about new tasks."""
        (row,) = self._rows("text_latency", inside=INSIDE.total_seconds())
        return TextLatency(**row)

    def deliveries(self) -> Deliveries:
        """Return how the last hour's texts ended."""
        (row,) = self._rows("deliveries", kinds=list(KINDS), channel=SMS)
        undelivered = self._rows("undelivered", channel=SMS)
        return Deliveries(**row, undelivered={code["code"]: code["count"] for code in undelivered})

    def backlog(self) -> Backlog:
        """Return how many messages wait, and for how long."""
        (row,) = self._rows("backlog", kinds=list(KINDS))
        (pace,) = self._rows("pace", channel=SMS)
        return Backlog(**row, pace=Pace(has_rate=self._has_rate, **pace))

    def unanswered_tasks(self) -> list[str]:
        """Return the ids of the open tasks for which nothing has happened for too long, the most severe first."""
        rows = self._rows(
            "unanswered_tasks",
            grace=UNANSWERED_AFTER.total_seconds(),
            go_live_at=self._go_live_at,
            most=MOST_UNCLAIMED,
        )
        return [row["task_id"] for row in rows]

    def canaries(self) -> Canaries:
        """Return the test texts of the last day, newest first."""
        rows = self._rows("canaries", late=ARRIVES_WITHIN.total_seconds())
        of_hours = [{name: row[name] for name in OF_A_CANARY} for row in rows if row["id"]]
        return Canaries(
            now=rows[0]["now"],
            owed_since=rows[0]["owed_since"],
            is_paused=rows[0]["is_paused"],
            newest_first=[Canary(**{**one, "state": State(one["state"])}) for one in of_hours],
        )


def open_measurements() -> Measurements:
    """Return the measurements of the ledger on SUPABASE_DB_URL. Raises SettingError."""
    settings = DatabaseSettings.load()
    return Measurements(
        engine_for(settings.supabase_db_url),
        go_live_at=settings.sequora_go_live_at,
        has_rate=DeliverySettings.load().sequora_sender_rate is not None,
    )
