"""The ledger: one row per message we mean to send, and every move it makes.

The statements stand in `ledger.sql`, each with the reason why it is safe to run twice. The database itself
holds the states and their moves (`orchestration.notification_move`) and keeps the history of every change.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from psycopg2.errors import LockNotAvailable, QueryCanceled
from sqlalchemy import Engine, RowMapping
from sqlalchemy.exc import DBAPIError, OperationalError, ProgrammingError

from sequora_orchestration.domain.ledger_state import State
from sequora_orchestration.domain.message_kind import Suppression
from sequora_orchestration.resources.database import NamedStatements, engine_for, id_array
from sequora_orchestration.settings import DatabaseSettings

SQL = NamedStatements(Path(__file__).with_suffix(".sql"))

# Seconds for which a claim has its rows. A run that dies frees them so much later; one that is only slow finds
# them taken over and steps aside. In a full pipeline (MOST and ENOUGH below) a row waits some 5 s for its run.
LEASE = 30

# Seconds until a call without an answer counts as abandoned: longer than its time-outs (3 s to connect, 30 s to read).
ATTEMPT_LEASE = 60

# Up to so many waiting rows become a run each, so that each task has a run of its own to look at.
FEW = 5

# More become runs of so many: eight threads send them in about 0.3 s, and a killed run delays no more than these.
BATCH = 50

# A tick claims up to MOST rows, and none while ENOUGH are on their way: what waits in the database is still sorted
# by severity, what waits in the broker is not.
MOST = 500
ENOUGH = 300


class SchemaMissingError(Exception):
    """The schema `orchestration` is not there, or older than this code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedTask:
    """What a run about one task is tagged with."""

    task_id: str
    episode_id: str | None
    severity: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Rows that one run shall send, most severe first."""

    id: str
    tasks: Sequence[ClaimedTask]


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """A message that is to be sent under a claim."""

    id: str
    claim_id: str
    task_id: str
    recipient_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a message of a claim."""

    id: str
    task_id: str
    recipient_id: str | None
    state: State
    reason: str | None
    attempts: int
    provider_sid: str | None
    logged: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A message that is due or set aside; `age` is in seconds."""

    task_id: str | None
    kind: str
    state: State
    age: float
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The ledger at a glance. Latencies are in seconds, from when a message was owed until it was accepted."""

    counts: dict[str, dict[State, int]]
    """How many messages are in each state, by kind."""

    sent_last_hour: int
    latency_p50: float | None
    latency_p95: float | None
    oldest_due: Waiting | None
    set_aside: list[Waiting]
    """In doubt, held, failed, or sent but not in the application's log; the newest of them."""


class Ledger:
    """Moves messages through their states. Every move is one statement, safe to repeat."""

    def __init__(self, engine: Engine, *, go_live_at: datetime | None = None) -> None:
        """Use `engine`; `go_live_at` overrides the moment that the migration recorded."""
        self._engine = engine
        self._go_live_at = go_live_at

    def _execute(self, statement: str, parameters: Mapping[str, object]) -> tuple[int, Sequence[RowMapping]]:
        """Run a named statement; return how many rows it touched, and its rows where it has any."""
        try:
            with self._engine.connect() as connection:
                result = connection.execute(SQL[statement], parameters)
                return result.rowcount, result.mappings().all() if result.returns_rows else []
        except ProgrammingError as error:
            primary = getattr(error.orig, "diag").message_primary or ""  # noqa: B009  # the DBAPI has no type for it
            if "orchestration." in primary and "does not exist" in primary:
                raise SchemaMissingError(
                    "the schema orchestration on SUPABASE_DB_URL is missing or too old: run `sequora migrate`"
                ) from None
            raise

    def _rows(self, statement: str, **parameters: object) -> Sequence[RowMapping]:
        return self._execute(statement, parameters)[1]

    def _changed(self, statement: str, **parameters: object) -> bool:
        return self._execute(statement, parameters)[0] > 0

    def claim_new_tasks(self) -> list[Claim]:
        """Claim what is owed a first text, or was left behind by a run that died; most severe first."""
        rows = self._rows(
            "claim_new_tasks",
            go_live_at=self._go_live_at,
            lease=LEASE,
            few=FEW,
            batch=BATCH,
            most=MOST,
            enough=ENOUGH,
        )
        claims: dict[str, list[ClaimedTask]] = defaultdict(list)
        for row in rows:
            claims[row["claim_id"]].append(_claimed_task(row))
        return [Claim(id=claim_id, tasks=tasks) for claim_id, tasks in claims.items()]

    def claim_named_tasks(self, task_ids: Sequence[str], claim_id: str) -> list[ClaimedTask]:
        """Claim what is owed about these tasks, unless their nurses have been told or another claim has them.

        Return what is newly claimed; called again, the claim has it already and nothing is new.
        """
        rows = self._rows("claim_named_tasks", task_ids=id_array(task_ids), claim_id=claim_id, lease=LEASE)
        return [_claimed_task(row) for row in rows]

    def in_hand_elsewhere(self, task_ids: Sequence[str], claim_id: str) -> dict[str, State]:
        """Return the tasks whose message another claim has or has settled, with the state of the newest."""
        rows = self._rows("in_hand_elsewhere", task_ids=list(task_ids), claim_id=claim_id)
        return {row["task_id"]: State(row["state"]) for row in rows}

    def take_up(self, claim_id: str, run_id: str) -> list[Notification]:
        """Return what the claim still has to send, most urgent first, under a lease that begins anew."""
        rows = self._rows("take_up", claim_id=claim_id, run_id=run_id, lease=LEASE)
        ordered = sorted(rows, key=lambda row: (row["urgency"], row["owed_since"]))
        return [
            Notification(
                id=row["id"],
                claim_id=claim_id,
                task_id=row["task_id"],
                recipient_id=row["recipient_id"],
            )
            for row in ordered
        ]

    def outcomes(self, claim_id: str) -> list[Outcome]:
        """Return every message that the claim has or has settled."""
        return [_outcome(row) for row in self._rows("of_claim", claim_id=claim_id)]

    def begin_attempt(self, notification: Notification, run_id: str) -> int | None:
        """Commit that the call begins; return the attempt's number, or None if the row is no longer ours."""
        rows = self._rows(
            "begin_attempt",
            id=notification.id,
            claim_id=notification.claim_id,
            run_id=run_id,
            lease=ATTEMPT_LEASE,
        )
        return rows[0]["attempts"] if rows else None

    def settle_sent(self, notification: Notification, attempt: int, sid: str) -> None:
        """Record that the phone company has the text, here and in the application's log.

        The application's log may refuse its row, or be locked (its table is not ours): then the ledger alone knows,
        and `log_sent` makes up for it.
        """
        settled = {**_attempt(notification, attempt), "sid": sid}
        try:
            self._changed(
                "settle_sent", **settled, task_id=notification.task_id, recipient_id=notification.recipient_id
            )
        except DBAPIError as error:
            if isinstance(error, OperationalError) and not isinstance(error.orig, (QueryCanceled, LockNotAvailable)):
                raise
            self._changed("settle_sent_unlogged", **settled)

    def unlogged(self, task_ids: Sequence[str]) -> list[Outcome]:
        """Return what was sent about these tasks and is not in the application's log, whichever claim sent it."""
        return [_outcome(row) for row in self._rows("unlogged", task_ids=list(task_ids))]

    def log_sent(self, outcome: Outcome) -> None:
        """Write the application's log row of a text that was sent, if it has none yet."""
        self._changed("log_sent", id=outcome.id, task_id=outcome.task_id, recipient_id=outcome.recipient_id)

    def settle_refused(self, notification: Notification, attempt: int, reason: str, code: int | None) -> None:
        """Record that the text was refused for good."""
        self._changed("settle_refused", **_attempt(notification, attempt), reason=reason, code=code)

    def settle_unclear(self, notification: Notification, attempt: int, reason: str, code: int | None) -> None:
        """Set the message aside: nobody knows whether it was sent."""
        self._changed("settle_unclear", **_attempt(notification, attempt), reason=reason, code=code)

    def try_again(self, notification: Notification, attempt: int, reason: str, code: int | None) -> None:
        """Record that the text certainly did not go out, and that this claim tries again."""
        self._changed("try_again", **_attempt(notification, attempt), reason=reason, code=code, lease=LEASE)

    def put_back(
        self, notification: Notification, attempt: int, reason: str, code: int | None, *, pause: float
    ) -> None:
        """Record that the text did not go out through no fault of its own; any claim may try after `pause` seconds."""
        self._changed("put_back", **_attempt(notification, attempt), reason=reason, code=code, pause=pause)

    def give_back(self, claim_id: str, reason: str, *, pause: float) -> None:
        """Give back what the claim has not begun; any claim may have it after `pause` seconds."""
        self._changed("give_back", claim_id=claim_id, reason=reason, pause=pause)

    def suppress(self, notification: Notification, suppression: Suppression, run_id: str) -> bool:
        """End a message without sending it; return False if the row is no longer ours."""
        return self._changed(
            "suppress",
            id=notification.id,
            claim_id=notification.claim_id,
            run_id=run_id,
            state=suppression.state,
            reason=suppression.reason,
        )

    def doubt_abandoned_attempts(self) -> None:
        """Set aside what a dead process was sending: nobody knows whether it went out."""
        self._changed("doubt_abandoned_attempts")

    def figures(self, *, most: int = 10) -> Figures:
        """Return the ledger at a glance, with up to `most` messages that a person should look at."""
        counts: dict[str, dict[State, int]] = defaultdict(dict)
        for row in self._rows("counts"):
            counts[row["kind"]][State(row["state"])] = row["count"]
        (last_hour,) = self._rows("last_hour")
        return Figures(
            counts=dict(counts),
            sent_last_hour=last_hour["sent"],
            latency_p50=last_hour["p50"],
            latency_p95=last_hour["p95"],
            oldest_due=next((_waiting(row) for row in self._rows("oldest_due")), None),
            set_aside=[_waiting(row) for row in self._rows("set_aside", most=most)],
        )


def _attempt(notification: Notification, attempt: int) -> dict[str, object]:
    """Return what names an attempt: its number alone may come again, under another claim."""
    return {"id": notification.id, "claim_id": notification.claim_id, "attempt": attempt}


def _outcome(row: RowMapping) -> Outcome:
    return Outcome(**{**row, "state": State(row["state"])})


def _waiting(row: RowMapping) -> Waiting:
    return Waiting(**{**row, "state": State(row["state"])})


def _claimed_task(row: RowMapping) -> ClaimedTask:
    return ClaimedTask(task_id=row["task_id"], episode_id=row["episode_id"], severity=row["severity"])


def open_ledger() -> Ledger:
    """Return the ledger on SUPABASE_DB_URL. Raises SettingError."""
    settings = DatabaseSettings.load()
    return Ledger(engine_for(settings.supabase_db_url), go_live_at=settings.sequora_go_live_at)
