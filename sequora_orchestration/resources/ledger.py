"""The ledger: one row per message we mean to send, and every move it makes.

The statements stand in `ledger.sql`, each with the reason why it is safe to run twice. The database itself
holds the states and their moves (`orchestration.notification_move`) and keeps the history of every change.
"""

import hmac
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, RowMapping, TextClause
from sqlalchemy.exc import DBAPIError, IntegrityError

from sequora_orchestration.domain.answers import Refused, Unclear
from sequora_orchestration.domain.case import Change, Circumstances, Delays, FoundLate, Order, Story
from sequora_orchestration.domain.doubt import (
    WINDOW_AFTER_ERROR_ANSWER,
    Doubtful,
    LostAttempt,
    canonical_fingerprint,
    fingerprint,
)
from sequora_orchestration.domain.halts import Pause, Provider
from sequora_orchestration.domain.ledger_state import State
from sequora_orchestration.domain.message_kind import KINDS, Postponement, Suppression
from sequora_orchestration.domain.notification import Cause, Notification, in_words
from sequora_orchestration.domain.on_call import is_passed_over
from sequora_orchestration.domain.receipts import Receipt
from sequora_orchestration.resources.database import (
    NamedStatements,
    engine_for,
    execute,
    id_array,
    is_locked,
    is_text,
    refuses_a_row,
    rows_by_id,
)
from sequora_orchestration.resources.queues import QUESTIONS, Queue
from sequora_orchestration.settings import LONGEST_DELAY, DatabaseSettings, DeliverySettings, WorkflowSettings

SQL = NamedStatements(Path(__file__).with_suffix(".sql"))

# Seconds for which a claim has its rows. A run that dies frees them so much later; one that is only slow finds
# them taken over and steps aside. In a full pipeline (MOST and ENOUGH below) a row waits some 5 s for its run.
LEASE = 30

# Seconds within which the daemon hands in the runs of what a tick has claimed: ten at most, in some 20 ms each.
HANDED_IN_WITHIN = 5

# Seconds until a call without an answer counts as abandoned: longer than its time-outs (3 s to connect, 30 s to read).
ATTEMPT_LEASE = 60

# Up to so many waiting rows become a run each, so that each task has a run of its own to look at.
FEW = 5

# More become runs of so many: sent in about 0.3 s if a text takes 100 ms, and a killed run delays no more than these.
BATCH = 50

# A tick claims up to MOST rows, and none while ENOUGH wait in the broker for a worker: what waits in the database is
# still sorted by severity, what waits in the broker is not. What workers have taken up does not count: the more there
# are, the more is on its way.
MOST = 500
ENOUGH = 200

# Where the sender's rate is set, so many seconds' worth of it is on its way, and not more: the rest waits in order. A
# text is three segments as a rule.
SECONDS_OF_RATE = 5
SEGMENTS_OF_A_TEXT = 3

# So many runs in a row may end before they are through with a row; then it is set aside.
MOST_RUNS = 5

# So many calls in a row that the phone company did not take, for no fault of the text, open the breaker: one more than
# a text has attempts, for it may be that text's number all the same. A trial is due after so many seconds at first.
TROUBLES = 5
TRIAL_PAUSE = 15

# A claim of more than so many messages is looked at by its numbers: nobody reads a table of hundreds of rows.
MANY = 10

# What a run looks up, or asks receipts of, at a time; and how many runs a tick asks for.
LOOK_UP_BATCH = 50
RECEIPTS_BATCH = 200
BATCHES_A_TICK = 5

# A text of which the phone company has said so often that it does not know it is not asked for any more. The first time
# may be too early.
MOST_UNKNOWN = 3

# Seconds since its creation for which a task counts as recent, where a sensor asks for those alone.
RECENT = 3600

# So many tasks at a time are noted as not open any more.
MOST_NOTED = 1000

# Seconds for which a text waits for the application's log where somebody holds a lock on it, or on the task that its
# row refers to. A row that cannot be had by then is written later: nobody else's text waits for it.
LOG_PATIENCE = 0.2

# So many rows of the application's log does a scan make up for, some milliseconds each, before it warns anybody.
UNLOGGED_A_SCAN = 50

# Of so many events at a time it is looked whether their messages can be deleted: a batch takes some 50 ms.
EVENTS_A_BATCH = 1000

# Seconds for which a run that claims many rows for itself has them: it sends one after the other. Less than the five
# minutes between two scans, so that the next one makes up for a scan that died.
SCAN_LEASE = 240


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a message is about, as a run is tagged with it: a task, or only an episode."""

    task_id: str | None
    episode_id: str | None
    severity: str | None

    @property
    def id(self) -> str:
        """The task's id, or the episode's where there is no task."""
        return self.task_id or self.episode_id or ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Rows that one run shall work on, most severe first."""

    id: str
    subjects: Sequence[Subject]


class Claims(list[Claim]):
    """What was claimed, most severe first."""

    def __init__(
        self, claims: Iterable[Claim] = (), *, seconds: float = 0.0, more_waits: bool = False, is_halted: bool = False
    ) -> None:
        """`seconds` is for how long that has kept the database busy; the way there and back does not count.

        `more_waits` if more is owed than was claimed, or may be: it waits its turn, or nobody asked, since nothing of
        the kind may go out (`is_halted`).
        """
        super().__init__(claims)
        self.seconds = seconds
        self.more_waits = more_waits
        self.is_halted = is_halted


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """The time that the rules go by, and who had opted out by then."""

    now: datetime
    opted_out: frozenset[str]
    """Of the numbers that were asked about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """Whether the phone company may be called."""

    number: int | None
    """None if it may not."""

    opted_out: bool = False
    """Whether that is because the number has replied STOP."""

    is_content_logged: bool = False
    """Whether the application's log wants to know what the text says."""

    halted: str | None = None
    """Why no text of this kind, or none at all, may go out now, if that is so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """What a call that the phone company did not take means for the breaker."""

    is_open: bool
    has_just_opened: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PutBack:
    """What became of a text that was not taken, and what that says of the others."""

    has_failed: bool
    """Whether it is about this text alone."""

    others_went_out: bool
    """Whether others have gone out since it was last not taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SentText:
    """A text that the phone company has, and of which it is not known what became."""

    id: str
    kind: str
    task_id: str | None
    sid: str
    sent_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubts:
    """What became of texts in doubt within the last seven days."""

    adopted: int
    """Found at the phone company."""

    sent_again: int
    held: int
    doubled: int
    """Found after their message had been sent again: two texts went out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderedMessage:
    """A message that an operator's order is about, and its state by now."""

    id: str
    kind: str
    state: State


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """Who gives an order, and why; both are kept."""

    who: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InHand:
    """What another claim has or has settled."""

    state: State
    due_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a message of a claim."""

    id: str
    task_id: str | None
    episode_id: str | None
    recipient_id: str | None
    state: State
    reason: str | None
    attempts: int
    provider_sid: str | None
    due_at: datetime | None
    logged: bool
    log_owes: str | None
    """What the application's log lacks of it: its `row`, or what its `receipt` says."""

    is_one_of_many: bool = False
    """Whether it was asked about with its claim, and that has more than MANY."""

    @property
    def subject(self) -> str:
        """What the message is about, for a person who reads a log."""
        return in_words(self.task_id, self.episode_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A message that is due or set aside; `age` is in seconds."""

    id: str | None = None
    task_id: str | None
    episode_id: str | None
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
    """In doubt, held, failed, not delivered, or sent but not in the application's log; the newest of them."""

    doubts: Doubts
    provider: Provider
    pauses: list[Pause]


class Ledger:
    """Moves messages through their states. Every move is one statement, safe to repeat."""

    def __init__(
        self,
        engine: Engine,
        *,
        go_live_at: datetime | None = None,
        workflows: WorkflowSettings | None = None,
        delivery: DeliverySettings | None = None,
    ) -> None:
        """Use `engine`; `go_live_at` overrides the moment that the migration recorded."""
        self._engine = engine
        self._is_rehearsal = False
        self._workflows = workflows or WorkflowSettings()
        delivery = delivery or DeliverySettings()
        self._doubt_windows = {
            "window": delivery.sequora_doubt_window.total_seconds(),
            "window_critical": delivery.sequora_doubt_window_critical.total_seconds(),
            "held_kinds": [kind.name for kind in KINDS.values() if kind.if_not_found is State.HELD],
        }
        self._doubt_window = delivery.sequora_doubt_window
        self._receipt_window = delivery.sequora_receipt_window
        self._rate = delivery.sequora_sender_rate
        at_that_rate = int(self._rate * SECONDS_OF_RATE / SEGMENTS_OF_A_TEXT) or 1 if self._rate else None
        self._go_live_at = go_live_at
        self._asked_with = {
            "go_live_at": go_live_at,
            "check_in_delay": self._workflows.sequora_check_in_delay.total_seconds(),
            "sla_warning_window": self._workflows.sequora_sla_warning_window.total_seconds(),
            "escalation_delay": self._workflows.sequora_escalation_delay.total_seconds(),
            "unassigned_grace": self._workflows.sequora_unassigned_grace.total_seconds(),
            "receipt_window": delivery.sequora_receipt_window.total_seconds(),
            "few": FEW,
            "batch": min(BATCH, at_that_rate or BATCH),
            "most": min(MOST, at_that_rate or MOST),
            "enough": ENOUGH,
            "most_at_once": at_that_rate,
            "most_runs": MOST_RUNS,
        }

    def rehearsal(self) -> "Ledger":
        """Return the same ledger, in which what a statement changes is undone at once: for claims and what is due."""
        rehearsing = copy(self)
        rehearsing._is_rehearsal = True  # noqa: SLF001  # it is one of ours
        return rehearsing

    @property
    def unassigned_grace(self) -> timedelta:
        """How long a task may be without an assignee before the supervisors are told."""
        return self._workflows.sequora_unassigned_grace

    @property
    def check_in_delay(self) -> timedelta:
        """How long after an episode's creation its patient is texted."""
        return self._workflows.sequora_check_in_delay

    def _execute(
        self, statement: str | TextClause, parameters: Mapping[str, object]
    ) -> tuple[int, Sequence[RowMapping]]:
        """Run a (named) statement; return how many rows it touched, and its rows where it has any."""
        sql = SQL[statement] if isinstance(statement, str) else statement
        return execute(self._engine, sql, parameters, is_undone=self._is_rehearsal)

    def _logged(self, statement: str, **parameters: object) -> bool:
        """Run a statement that also writes a row of the application's log, which somebody may have locked."""
        return execute(self._engine, SQL[statement], parameters, lock_timeout=LOG_PATIENCE)[0] > 0

    def _rows(self, statement: str, **parameters: object) -> Sequence[RowMapping]:
        return self._execute(statement, parameters)[1]

    def _changed(self, statement: str, **parameters: object) -> bool:
        return self._execute(statement, parameters)[0] > 0

    def claim(self, queue: Queue, *, recent: bool = False) -> Claims:
        """Claim what the queue's question finds, what has fallen due, and what a run that died left behind.

        The question about new tasks may be about recent ones alone.
        """
        created_within = RECENT if recent else None
        rows = self._claimed("claim", queue, queue.question, claim_id=None, lease=LEASE, created_within=created_within)
        subjects: dict[str, list[Subject]] = defaultdict(list)
        for row in rows:
            if row["claim_id"]:
                subjects[row["claim_id"]].append(_subject(row))
        return Claims(
            (Claim(id=claim_id, subjects=ones) for claim_id, ones in subjects.items()),
            seconds=rows[0]["seconds"],
            more_waits=rows[0]["more_waits"],
            is_halted=rows[0]["is_halted"],
        )

    def note_what_is_over(self) -> float:
        """Note which tasks that nurses were told of are not open any more; return the seconds that it took."""
        (row,) = self._rows("note_what_is_over", most=MOST_NOTED)
        return float(row["seconds"])

    def claim_all(self, queue: Queue, claim_id: str) -> list[Subject]:
        """Claim the same for one run alone, whatever its severity; what is newly claimed is returned."""
        rows = self._claimed("claim", queue, queue.question, claim_id=claim_id, lease=SCAN_LEASE, most=MOST)
        return [_subject(row) for row in rows if row["claim_id"]]

    def claim_named(self, queue: Queue, ids: Sequence[str], claim_id: str) -> list[Subject]:
        """Claim what is owed about these ids, unless it has been sent or another claim has it.

        Return what is newly claimed; called again, the claim has it already and nothing is new.
        """
        rows = self._claimed("claim_named", queue, queue.named, ids=id_array(ids), claim_id=claim_id, lease=LEASE)
        return [_subject(row) for row in rows]

    def _claimed(self, statement: str, queue: Queue, question: str, **parameters: object) -> Sequence[RowMapping]:
        sql, names = _with_question(statement, question)
        values = {
            **self._asked_with,
            "kind": queue.kind,
            "scheduled": queue.scheduled,
            "in_turn": queue.in_turn,
            **parameters,
        }
        return self._execute(sql, {name: values[name] for name in names})[1]

    def in_hand_elsewhere(self, queue: Queue, ids: Sequence[str], claim_id: str) -> dict[str, InHand]:
        """Return what other claims have or have settled about these ids, the newest of each."""
        texts = [one for one in ids if is_text(one)]
        rows = self._rows("in_hand_elsewhere", kind=queue.kind, ids=texts, claim_id=claim_id)
        return {row["subject_id"]: InHand(state=State(row["state"]), due_at=row["due_at"]) for row in rows}

    def take_up(self, claim_id: str, run_id: str) -> list[Notification]:
        """Return what the claim still has to send, most urgent first, under a lease that is renewed where need be."""
        return self._taken_up(claim_id, run_id, lease=LEASE, counts=True)

    def take_up_scan(self, claim_id: str, run_id: str) -> list[Notification]:
        """Return the same for a run that has a step for each message, and takes up each again when its turn comes."""
        return self._taken_up(claim_id, run_id, lease=SCAN_LEASE, counts=False)

    def _taken_up(self, claim_id: str, run_id: str, *, lease: int, counts: bool) -> list[Notification]:
        delay = self._asked_with["escalation_delay"]
        rows = self._rows(
            "take_up", claim_id=claim_id, run_id=run_id, lease=lease, counts=counts, escalation_delay=delay
        )
        return [_notification(row) for row in rows]

    def take_up_one(self, claim_id: str, id_: str) -> Notification | None:
        """Return the message of the claim that its own id or its task's names, while it is to be sent."""
        rows = self._rows("take_up_one", claim_id=claim_id, id=id_)
        return _notification(rows[0]) if rows else None

    def end_of_step(self, claim_id: str, *, of: str | None = None) -> None:
        """Record that a step failed whose process lives: what the claim has is not what processes die of.

        With `of`, the id of a message or its task, it was a step for that message alone.
        """
        self._changed("end_of_step", claim_id=claim_id, of=of)

    def moment(self, numbers: Iterable[str] = ()) -> Moment:
        """Return the time, and which of these E.164 numbers have opted out."""
        by_digest = {self._digest(number): number for number in numbers}
        (row,) = self._rows("moment", digests=list(by_digest))
        return Moment(now=row["now"], opted_out=frozenset(by_digest[digest] for digest in row["opted_out"]))

    def remember_opt_out(self, number: str, recipient_id: str | None) -> None:
        """Record that an E.164 number has replied STOP, as a digest."""
        self._changed("remember_opt_out", digest=self._digest(number), recipient_id=recipient_id)

    def _digest(self, number: str) -> str:
        return hmac.digest(self._salt, number.encode(), "sha256").hex()

    @property
    def _salt(self) -> bytes:
        return _salt(self._engine)

    def outcomes(self, claim_id: str, *, of: str | None = None) -> list[Outcome]:
        """Return every message that the claim has or has settled, or only those that an id names (or its task's)."""
        return [_outcome(row) for row in self._rows("of_claim", claim_id=claim_id, of=of, many=MANY)]

    def fingerprint(self, number: str, body: str) -> str:
        """Return what a text is recognised by in the phone company's list."""
        return fingerprint(self._salt, number, body)

    def canonical_fingerprint(self, number: str, body: str) -> str:
        """Return what a text is recognised by where the list shows it changed."""
        return canonical_fingerprint(self._salt, number, body)

    def wait_of(self, segments: int) -> float:
        """Take this process's turn at the sender's rate; return how many seconds it has to wait for it."""
        if self._rate is None:
            return 0.0
        (row,) = self._rows("next_slot", seconds=segments / self._rate)
        return max(0.0, float(row["wait"]))

    def begin_attempt(
        self, notification: Notification, run_id: str, *, recipient_id: str | None, number: str, body: str
    ) -> Attempt:
        """Commit that the call begins, to whom, and how its text is recognised, if it may begin."""
        (row,) = self._rows(
            "begin_attempt",
            id=notification.id,
            kind=notification.kind,
            claim_id=notification.claim_id,
            run_id=run_id,
            recipient_id=recipient_id,
            lease=ATTEMPT_LEASE,
            digest=self._digest(number),
            fingerprints=[self.fingerprint(number, body), self.canonical_fingerprint(number, body)],
        )
        if row["attempt"] is not None:
            return Attempt(number=row["attempt"], is_content_logged=row["is_content_logged"])
        return Attempt(number=None, opted_out=row["opted_out"], halted=row["halted"])

    def settle_sent(self, notification: Notification, attempt: int, sid: str, *, content: str | None) -> None:
        """Record that the phone company has the text, here and in the application's log.

        That log is told the `content` where it wants it. It may refuse its row, or be locked (its table is not ours):
        then the ledger alone knows, and `bring_log_up_to_date` makes up for it.
        """
        parameters = {**_attempt(notification, attempt), "sid": sid}
        try:
            self._logged("settle_sent", **parameters, content=_hexadecimal(content))
        except DBAPIError as error:
            if not refuses_a_row(error):
                raise
            self._changed("settle_sent_unlogged", **parameters)

    def adopt(self, doubtful: Doubtful, sid: str, recognised_by: Sequence[str]) -> bool:
        """Record that a text in doubt was found by one of these fingerprints.

        Return False if it is settled, or the text is another message's, or may be.
        """
        try:
            return self._changed("adopt", **_doubtful_attempt(doubtful), sid=sid, fingerprints=list(recognised_by))
        except IntegrityError:
            return False

    def adopt_given_up(self, lost: LostAttempt, sid: str, recognised_by: Sequence[str]) -> bool:
        """Record that a text which was given up was found, and its message is not sent again; return False if it was.

        Also if the text is another message's, or may be.
        """
        try:
            return self._changed("adopt_given_up", id=lost.id, sid=sid, fingerprints=list(recognised_by))
        except IntegrityError:
            return False

    def note_found_late(
        self, lost: LostAttempt, sid: str, recognised_by: Sequence[str], *, texted_at: datetime | None
    ) -> bool:
        """Record that a text which was given up was found after its message had been sent again, or ended.

        `texted_at` is when the phone company says that it took the text. Return False if it was noted before, or it may
        be another attempt's.
        """
        try:
            return self._changed(
                "note_found_late", id=lost.id, sid=sid, fingerprints=list(recognised_by), texted_at=texted_at
            )
        except IntegrityError:
            return False

    def log_owed(self, ids: Sequence[str]) -> list[Outcome]:
        """Return of which texts about these tasks or episodes the application's log lacks something."""
        return [_outcome(row) for row in self._rows("log_owed", ids=list(ids))]

    def log_owed_of_claim(self, claim_id: str) -> list[Outcome]:
        """Return the same of what the claim has sent."""
        return [_outcome(row) for row in self._rows("log_owed_of_claim", claim_id=claim_id)]

    def log_owed_of(self, ids: Sequence[str]) -> list[Outcome]:
        """Return the same of these messages."""
        return [_outcome(row) for row in self._rows("log_owed_of", ids=list(ids))]

    def log_owed_lately(self) -> list[Outcome]:
        """Return the same of what was sent within a day; some of it if it is much."""
        return [_outcome(row) for row in self._rows("log_owed_lately", most=UNLOGGED_A_SCAN)]

    def as_sent(self, id_: str) -> Notification | None:
        """Return a message as it was when it was sent, or None if the application's log does not want its content."""
        rows = self._rows("as_sent", id=id_)
        return _notification(rows[0]) if rows else None

    def bring_log_up_to_date(self, ids: Sequence[str], *, content: str | None = None) -> bool:
        """Write what the application's log lacks of these texts; return False if somebody has locked it.

        The `content` is of the one whose row is missing. Raises the database's errors: all of them, or none.
        """
        try:
            self._logged("bring_log_up_to_date", ids=list(ids), content=_hexadecimal(content))
        except DBAPIError as error:
            if not is_locked(error):
                raise
            return False
        return True

    def settle_refused(self, notification: Notification, attempt: int, reason: str, code: int | None) -> None:
        """Record that the text was refused for good."""
        self._changed("settle_refused", **_attempt(notification, attempt), reason=reason, code=code)

    def note_answer(self) -> None:
        """Record that the phone company answers: the breaker closes, unless it refuses all texts."""
        self._changed("note_answer")

    def note_trouble(self, answer: Refused | Unclear, *, at_once: bool, recipient_id: str | None = None) -> Trouble:
        """Record that the phone company did not take a text; return what that means for the breaker.

        One trouble is enough `at_once`; otherwise TROUBLES in a row. Where it may be about the recipient that is
        named, and only texts to that one are refused, others' may be tried meanwhile.
        """
        refused = answer if isinstance(answer, Refused) else None
        (row,) = self._rows(
            "note_trouble",
            reason=answer.reason,
            code=answer.code,
            at_once=at_once,
            retry_after=(refused and refused.retry_after) or 0.0,
            is_refused=bool(refused and refused.refusal.speaks_against_the_text),
            recipient_id=recipient_id,
            limit=TROUBLES,
            pause=TRIAL_PAUSE,
        )
        return Trouble(**row)

    def settle_unclear(
        self,
        notification: Notification,
        attempt: int,
        reason: str,
        code: int | None,
        *,
        is_error_answer: bool = False,
    ) -> None:
        """Set the message aside: nobody knows whether it was sent.

        After an `is_error_answer` of the phone company's own that is not looked into for long.
        """
        self._changed(
            "settle_unclear",
            **_attempt(notification, attempt),
            **self._doubt_windows,
            window_after_error_answer=WINDOW_AFTER_ERROR_ANSWER if is_error_answer else None,
            reason=reason,
            code=code,
        )

    def try_again(self, notification: Notification, attempt: int, refused: Refused) -> None:
        """Record that the text certainly did not go out, and that this claim tries again."""
        self._changed("try_again", **_refused_attempt(notification, attempt, refused), lease=LEASE)

    def put_back(self, notification: Notification, attempt: int, refused: Refused, *, pause: float) -> PutBack | None:
        """Record that the text did not go out; any claim may try again after `pause` seconds.

        If it is refused again and again while others go out, it has failed. Returns None if the attempt is settled.
        """
        rows = self._rows("put_back", **_refused_attempt(notification, attempt, refused), pause=pause)
        return PutBack(**rows[0]) if rows else None

    def give_back(self, notifications: Sequence[Notification], reason: str) -> None:
        """Give back those of these messages, all of one claim, that were not begun; any claim may have them."""
        if notifications:
            claim_id, ids = notifications[0].claim_id, [one.id for one in notifications]
            self._changed("give_back", claim_id=claim_id, ids=ids, reason=reason)

    def suppress(self, notification: Notification, suppression: Suppression, run_id: str) -> bool:
        """End a message without sending it; return False if the row is no longer ours."""
        return self._changed(
            "suppress",
            **_as_known(notification),
            run_id=run_id,
            state=suppression.state,
            reason=suppression.reason,
            ended_by=suppression.ended_by,
        )

    def postpone(self, notification: Notification, postponement: Postponement, run_id: str) -> bool:
        """Let a message wait until its time has come; return False if the row is no longer ours."""
        return self._changed(
            "postpone",
            **_as_known(notification),
            run_id=run_id,
            due_at=postponement.until,
            reason=postponement.reason,
        )

    def schedule_escalations(self, task_ids: Sequence[str]) -> list[Outcome]:
        """Let the wait after these tasks' breach alerts begin, where it has not; return those that wait."""
        delay = self._asked_with["escalation_delay"]
        self._changed("schedule_escalations", task_ids=list(task_ids), delay=delay)
        return [_outcome(row) for row in self._rows("escalations", task_ids=list(task_ids))]

    def address(self, notification: Notification, recipient_ids: Sequence[str]) -> bool:
        """Give a message its recipients, each further one by a message of its own.

        Return False if it has one by now, or if all of them have theirs already.
        """
        return bool(
            self._rows("address", id=notification.id, claim_id=notification.claim_id, recipient_ids=list(recipient_ids))
        )

    def passed_over(self, ids: Sequence[str]) -> set[tuple[str, str]]:
        """Return whom a text about the same task has just failed to reach, as (message id, recipient id)."""
        return {
            (row["notification_id"], row["recipient_id"])
            for row in self._rows("refusals", ids=list(ids))
            if is_passed_over(row["provider_code"], timedelta(seconds=row["seconds_ago"]))
        }

    def set_aside_what_died(self) -> None:
        """Put in doubt what a dead process was sending, and set aside what run after run has died of."""
        self._changed("doubt_abandoned_attempts", **self._doubt_windows, window_after_error_answer=None)
        self._changed("set_poison_aside", limit=MOST_RUNS)

    def claims_not_taken_up(self) -> list[str]:
        """Return claims that no run has taken up in HANDED_IN_WITHIN, or longer; their runs may wait for a worker."""
        return [row["claim_id"] for row in self._rows("claims_not_taken_up", seconds=HANDED_IN_WITHIN)]

    def give_back_claims(self, claim_ids: Sequence[str]) -> None:
        """Give back what these claims have, for no run will take it up."""
        self._changed("give_back_claims", claim_ids=list(claim_ids))

    def due_look_ups(self) -> list[list[str]]:
        """Take what is in doubt, or was given up, and is to be looked for now; return the messages' ids, in batches."""
        return _batches(self._rows("due_look_ups", most=LOOK_UP_BATCH * BATCHES_A_TICK), LOOK_UP_BATCH)

    def in_doubt(self, ids: Sequence[str] = ()) -> list[Doubtful]:
        """Return those of these messages that are in doubt; without ids, of all of them."""
        rows = self._rows(
            "in_doubt",
            ids=list(ids),
            **self._doubt_windows,
            window_after_error_answer=None,
            most=LOOK_UP_BATCH * BATCHES_A_TICK,
        )
        return [Doubtful(**{**row, "fingerprints": frozenset(row["fingerprints"])}) for row in rows]

    def lost_attempts(self, ids: Sequence[str] = ()) -> list[LostAttempt]:
        """Return the attempts of these messages that were given up and are looked for once more; without ids, all."""
        rows = self._rows("lost_attempts", ids=list(ids), most=LOOK_UP_BATCH * BATCHES_A_TICK)
        return [LostAttempt(**{**row, "fingerprints": frozenset(row["fingerprints"])}) for row in rows]

    def known_sids(self, sids: Iterable[str]) -> dict[str, datetime | None]:
        """Return those of these SIDs that belong to messages, with when it had been accepted, where that is known."""
        return {row["sid"]: row["sent_at"] for row in self._rows("known_sids", sids=list(sids))}

    def rivals(self, ids: Iterable[str]) -> list[Sequence[str]]:
        """Return what all other messages than these may be recognised by in the phone company's list."""
        rows = self._rows("rivals", kinds=list(KINDS), ids=sorted(set(ids)))
        return [row["fingerprints"] for row in rows if row["fingerprints"]]

    def settle_doubt(self, doubtful: Doubtful, verdict: Suppression) -> bool:
        """Settle a message that the phone company does not have; return False if it was settled meanwhile."""
        return self._changed(
            "settle_doubt",
            **_doubtful_attempt(doubtful),
            is_providers=doubtful.is_providers,
            state=verdict.state,
            reason=verdict.reason,
        )

    def look_later(self, doubtful: Sequence[Doubtful]) -> None:
        """Record that the list which these would be in could not be read."""
        self._changed("look_later", ids=[one.id for one in doubtful])

    def note_looks(self, doubtful: Sequence[Doubtful]) -> None:
        """Record that these were looked for, in a list that was read whole, and not found."""
        self._changed("note_looks", ids=[one.id for one in doubtful])

    def note_unreadable(self, reason: str, *, http_status: int | None, code: int | None) -> None:
        """Record that the phone company's list, or a receipt, could not be read."""
        self._rows("note_unreadable", reason=reason, http_status=http_status, code=code)

    def note_readable(self) -> None:
        """Record that it could be."""
        self._rows("note_readable")

    def note_lost_looks(self, lost: Sequence[LostAttempt]) -> None:
        """Record the same of attempts that were given up."""
        self._changed("note_lost_looks", ids=[one.id for one in lost])

    def due_receipts(self) -> list[list[str]]:
        """Take what was sent and is to be asked after now; return the messages' ids, in batches."""
        return _batches(self._rows("due_receipts", most=RECEIPTS_BATCH * BATCHES_A_TICK), RECEIPTS_BATCH)

    def without_receipt(self, ids: Sequence[str]) -> list[SentText]:
        """Return those of these messages of which it is not known what became, oldest first."""
        return [SentText(**row) for row in self._rows("without_receipt", ids=list(ids))]

    def settle_delivered(self, texts: Sequence[SentText]) -> None:
        """Record that these texts have arrived."""
        self._changed("settle_delivered", ids=[text.id for text in texts])

    def settle_undelivered(self, text: SentText, receipt: Receipt, *, again_after: timedelta | None) -> bool:
        """Record that a text did not arrive; return whether it is tried once more, after that time."""
        rows = self._rows(
            "settle_undelivered",
            id=text.id,
            reason=receipt.reason,
            code=receipt.code,
            again_after=again_after.total_seconds() if again_after else 0.0,
        )
        return bool(rows and rows[0]["is_tried_again"])

    def note_unknown(self, texts: Sequence[SentText]) -> set[str]:
        """Record that the phone company does not know these texts; return the ids of those that are given up."""
        rows = self._rows("note_unknown", ids=[text.id for text in texts], most=MOST_UNKNOWN) if texts else []
        return {row["id"] for row in rows if row["is_given_up"]}

    def pause(self, kind: str, operator: Operator) -> bool:
        """Let no message of a kind, or none at all (ALL_KINDS), go out; return False if that is so already."""
        return bool(self._rows("pause", kind=kind, who=operator.who, why=operator.why))

    def resume(self, kind: str, operator: Operator) -> list[str]:
        """Let messages of a kind go out again, or of all; return which pauses that has ended.

        Of all, the phone company is also tried at once, if it was to be left alone.
        """
        return [row["kind"] for row in self._rows("resume", kind=kind, who=operator.who, why=operator.why)]

    def of_subject(self, id_: str, kind: str | None = None) -> list[OrderedMessage]:
        """Return the messages that an id names (its own, its task's or its episode's), oldest first."""
        rows = self._rows("of_subject", id=id_, own_id=_uuid(id_), kind=kind)
        return [_ordered(row) for row in rows]

    def cancel(self, id_: str, kind: str | None, operator: Operator) -> list[OrderedMessage]:
        """End what an id names and was not sent; return it. It is not made again."""
        return self._ordered("cancel", id_, kind, operator)

    def resend(self, id_: str, kind: str | None, operator: Operator) -> list[OrderedMessage]:
        """Send anew what an id names and is over; return the new messages."""
        return self._ordered("resend", id_, kind, operator)

    def release(self, id_: str, kind: str | None, operator: Operator) -> list[OrderedMessage]:
        """Send what an id names and was held; return it."""
        return self._ordered("release", id_, kind, operator)

    def _ordered(self, verb: str, id_: str, kind: str | None, operator: Operator) -> list[OrderedMessage]:
        rows = self._rows(verb, id=id_, own_id=_uuid(id_), kind=kind, verb=verb, who=operator.who, why=operator.why)
        return [_ordered(row) for row in rows]

    def delete_what_is_over(self, kept: timedelta) -> Iterator[int]:
        """Delete, oldest first, what has been over for longer than `kept`; yield how many messages of each batch.

        Never those about a task that is open or an episode that is recent, whatever their age: they are why nobody is
        told again.
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
        self._changed("delete_old_pauses", kept=seconds)
        self._changed("delete_old_assignments", kept=seconds)

    def texts_wait(self) -> bool:
        """Return whether there are messages that could be sent, and no worker has time for them."""
        (row,) = self._rows("texts_wait")
        return bool(row["wait"])

    def figures(self, *, most: int = 10) -> Figures:
        """Return the ledger at a glance, with up to `most` messages that a person should look at."""
        counts: dict[str, dict[State, int]] = defaultdict(dict)
        for row in self._rows("counts"):
            counts[row["kind"]][State(row["state"])] = row["count"]
        (last_hour,) = self._rows("last_hour")
        (doubts,) = self._rows("doubts")
        return Figures(
            counts=dict(counts),
            sent_last_hour=last_hour["sent"],
            latency_p50=last_hour["p50"],
            latency_p95=last_hour["p95"],
            oldest_due=next((_waiting(row) for row in self._rows("oldest_due")), None),
            set_aside=[_waiting(row) for row in self._rows("set_aside", most=most)],
            doubts=Doubts(**doubts),
            provider=self.provider(),
            pauses=self.pauses(),
        )

    def stories(self, *, task_ids: Sequence[str] = (), episode_ids: Sequence[str] = ()) -> list[Story]:
        """Return the messages about these tasks, and the check-ins of these episodes, with their history."""
        rows = self._rows("stories", task_ids=list(task_ids), episode_ids=list(episode_ids))
        return [_story(row) for row in rows]

    def stories_of_claim(self, claim_id: str, *, of: str | None = None) -> list[Story]:
        """Return the same of the messages that a claim has or has settled, or of the one that an id names."""
        return [_story(row) for row in self._rows("stories_of_claim", claim_id=claim_id, of=of)]

    def tasks_of_episode(self, episode_id: str) -> list[str]:
        """Return the ids of the tasks of an episode that there are messages about."""
        return [row["task_id"] for row in self._rows("tasks_of_episode", id=episode_id)]

    def subject_of(self, id_: str) -> Subject | None:
        """Return what the message of that id is about, or None if there is no such message."""
        rows = self._rows("subject_of", own_id=_uuid(id_))
        return _subject(rows[0]) if rows else None

    def circumstances(self, since: datetime | None) -> Circumstances:
        """Return what holds for every case, with the orders about whole kinds since then."""
        (row,) = self._rows("lives_since")
        orders = self._rows("orders_about_kinds", since=since or row["now"])
        return Circumstances(
            now=row["now"],
            go_live_at=self._go_live_at or row["go_live_at"],
            workflows_live_at=self._go_live_at or row["workflows_live_at"],
            delays=Delays(
                check_in=self.check_in_delay,
                sla_warning=self._workflows.sequora_sla_warning_window,
                escalation=self._workflows.sequora_escalation_delay,
                unassigned=self._workflows.sequora_unassigned_grace,
                receipt=self._receipt_window,
                doubt=self._doubt_window,
            ),
            provider=self.provider(),
            kinds_going_out=frozenset(row["kinds_going_out"]),
            has_rate=self._rate is not None,
            pauses=self.pauses(),
            orders=[Order(**order) for order in orders],
        )

    def pauses(self) -> list[Pause]:
        """Return which kinds of messages do not go out for now."""
        return [Pause(**row) for row in self._rows("pauses")]

    def provider(self) -> Provider:
        """Return how it stands with the phone company."""
        (row,) = self._rows("provider")
        return Provider(**row)


@cache
def _salt(engine: Engine) -> bytes:
    """Return what digests are made with; it is made once, with the schema, and never changes."""
    _, (row,) = execute(engine, SQL["opt_out_salt"], {})
    return str(row["salt"]).encode()


@cache
def _with_question(statement: str, question: str) -> tuple[TextClause, frozenset[str]]:
    """Return a claim with its queue's question in it, and the names of its parameters."""
    sql = SQL.with_question(statement, QUESTIONS[question])
    return sql, frozenset(sql.compile().params)


def _batches(rows: Sequence[RowMapping], size: int) -> list[list[str]]:
    ids = [row["id"] for row in rows]
    return [ids[start : start + size] for start in range(0, len(ids), size)]


def _uuid(id_: str) -> str | None:
    """Return an id as a message may have it, or None if it is none: applications may have ids of another form."""
    try:
        return str(UUID(id_))
    except ValueError:
        return None


def _as_known(notification: Notification) -> dict[str, object]:
    """Return what names a row while it is as the run knows it: under its claim, and to nobody else by now."""
    return {"id": notification.id, "claim_id": notification.claim_id, "recipient_id": notification.recipient_id}


def _hexadecimal(content: str | None) -> str | None:
    return None if content is None else content.encode().hex()


def _attempt(notification: Notification, attempt: int) -> dict[str, object]:
    """Return what names an attempt: its number alone may come again, under another claim."""
    return {"id": notification.id, "claim_id": notification.claim_id, "attempt": attempt}


def _refused_attempt(notification: Notification, attempt: int, refused: Refused) -> dict[str, object]:
    return {
        **_attempt(notification, attempt),
        "reason": refused.reason,
        "code": refused.code,
        "is_refused": refused.refusal.speaks_against_the_text,
    }


def _ordered(row: RowMapping) -> OrderedMessage:
    return OrderedMessage(id=row["id"], kind=row["kind"], state=State(row["state"]))


def _doubtful_attempt(doubtful: Doubtful) -> dict[str, object]:
    return {"id": doubtful.id, "attempt": doubtful.attempts, "attempted_at": doubtful.attempted_at}


def _outcome(row: RowMapping) -> Outcome:
    return Outcome(**{**row, "state": State(row["state"])})


def _waiting(row: RowMapping) -> Waiting:
    return Waiting(**{**row, "state": State(row["state"])})


def _subject(row: RowMapping) -> Subject:
    return Subject(task_id=row["task_id"], episode_id=row["episode_id"], severity=row["severity"])


def _story(row: RowMapping) -> Story:
    return Story(
        **{
            **row,
            "state": State(row["state"]),
            "changes": [_change(change) for change in row["changes"] or ()],
            "orders": [_order(order) for order in row["orders"] or ()],
            "found_late": [_found_late(one) for one in row["found_late"] or ()],
        }
    )


def _change(recorded: Mapping[str, Any]) -> Change:
    """Return a change from its JSON, in which times and states are texts."""
    from_state = recorded["from_state"]
    return Change(
        **{
            **recorded,
            "at": datetime.fromisoformat(recorded["at"]),
            "from_state": State(from_state) if from_state else None,
            "to_state": State(recorded["to_state"]),
        }
    )


def _order(recorded: Mapping[str, Any]) -> Order:
    return Order(**{**recorded, "at": datetime.fromisoformat(recorded["at"]), "kind": None})


def _found_late(recorded: Mapping[str, Any]) -> FoundLate:
    began_at, found_at = (datetime.fromisoformat(recorded[name]) for name in ("began_at", "found_at"))
    return FoundLate(began_at=began_at, found_at=found_at, sid=recorded["sid"])


def _notification(row: RowMapping) -> Notification:
    fields = {name: value for name, value in row.items() if "cause" not in name}
    cause = None
    if row["has_cause"]:
        cause = Cause(
            recipient_id=row["cause_recipient_id"],
            reason=row["cause_reason"],
            is_settled=row["cause_is_settled"],
            is_uncertain=row["cause_is_uncertain"],
        )
    return Notification(**fields, cause=cause)


def open_ledger() -> Ledger:
    """Return the ledger on SUPABASE_DB_URL. Raises SettingError."""
    settings = DatabaseSettings.load()
    return Ledger(
        engine_for(settings.supabase_db_url),
        go_live_at=settings.sequora_go_live_at,
        workflows=WorkflowSettings.load(),
        delivery=DeliverySettings.load(),
    )
