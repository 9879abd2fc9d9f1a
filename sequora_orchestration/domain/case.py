"""A case as the ledger and the application know it at one moment: a task or an episode, its messages, what they met.

What is said of it stands elsewhere: the order of events in `timeline`, whether somebody must act in `verdict`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo

from sequora_orchestration.domain.care import Episode, EscalationTask
from sequora_orchestration.domain.cause import Cause
from sequora_orchestration.domain.halts import Pause, Provider
from sequora_orchestration.domain.health import OLDEST_DUE
from sequora_orchestration.domain.ledger_state import State
from sequora_orchestration.domain.notification import SMS, noun_of

# The urgency of a critical task, as the ledger counts.
MOST_URGENT = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A change of a message's state or claim."""

    at: datetime
    from_state: State | None
    to_state: State
    attempt: int
    claim_id: str | None
    run_id: str | None
    """The run that has had the message last; a receipt's and a look-up's own are not recorded."""

    reason: str | None
    cause: Cause | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What an operator ordered, about a message or about all of a kind."""

    at: datetime
    who: str
    verb: str
    kind: str | None
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundLate:
    """A text that was given up as not accepted, and found after its message had been sent again, or had ended."""

    began_at: datetime
    """When its attempt began."""

    found_at: datetime
    provider_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """A message, and everything that has happened to it."""

    id: str
    kind: str
    audience: str  # one of `Audience`
    task_id: str | None
    episode_id: str | None
    recipient_id: str | None
    urgency: int
    owed_since: datetime
    created_at: datetime
    state: State
    channel: str = SMS
    reason: str | None = None
    """For people."""

    cause: Cause | None = None
    """For programs."""

    due_at: datetime | None = None
    sla_due_at: datetime | None = None
    because_of: str | None = None
    """The message to a nurse that this one tells a supervisor of."""

    again_of: str | None = None
    """The message that did not arrive and of which this one is the second try."""

    resent_of: str | None = None
    """The message that an operator has sent again by this one."""

    named_by: str | None = None
    """The digest that tells of its task in its place: it has that one's text, SID and receipt."""

    digest_kind: str | None = None
    """The kind of that digest; None also if there is no such digest any more."""

    lease_until: datetime | None = None
    run_id: str | None = None
    """The run that has it, or has had it last: what came of earlier ones is in the changes."""

    attempted_at: datetime | None = None
    sent_at: datetime | None = None
    provider_id: str | None = None
    provider_code: int | None = None
    doubtful_since: datetime | None = None
    look_at: datetime | None = None
    doubt_ends_at: datetime | None = None
    """Until when it is looked for, if it is in doubt, before it is sent again or held."""

    receipt_at: datetime | None = None
    logged_at: datetime | None = None
    log_owes: str | None = None
    """What the application's log lacks of it: its `row`, or what its `receipt` says."""

    over_at: datetime | None = None
    """Since when its nurse counts as not told of her task: it was closed, or told to another."""

    ended_by: str | None = None
    """Who made it unnecessary: the operator who cancelled it, or the nurse who took the task herself."""

    changes: Sequence[Change] = ()
    orders: Sequence[Order] = ()
    found_late: Sequence[FoundLate] = ()

    @property
    def claim_id(self) -> str | None:
        """The claim that has it, or has had it last; None if any claim may have it."""
        return self.changes[-1].claim_id if self.changes else None

    @property
    def settled_at(self) -> datetime:
        """When it came into its state."""
        moves = (one.at for one in reversed(self.changes) if one.from_state is not one.to_state)
        return next(moves, self.created_at)

    @property
    def is_text(self) -> bool:
        """Whether it is a text. A call proves nothing: an answering machine may have answered it."""
        return self.channel == SMS

    @property
    def noun(self) -> str:
        """What it is called: a text, or a call."""
        return noun_of(self.channel)

    @property
    def text_kind(self) -> str:
        """The kind of the text that tells of its task, by which it is paused: its own, or that of its digest."""
        return self.digest_kind or self.kind

    @property
    def is_critical(self) -> bool:
        """Whether its task was critical."""
        return self.urgency == MOST_URGENT

    @property
    def wanted_at(self) -> datetime:
        """When it was to go out: at its time, or else as soon as it was owed; never before there was a row."""
        return self.due_at or max(self.owed_since, self.created_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """What is known of a task that came without an assignee and was to be given to a nurse."""

    task_id: str
    person_id: str | None
    """To whom it was given; None if to nobody yet."""

    assigned_at: datetime | None
    reason: str | None
    """Why to her."""

    nobody_since: datetime | None
    """When it was first tried and there was nobody to give it to."""

    nobody_because: str | None
    """Why there was nobody at the last try."""

    next_try_at: datetime
    run_id: str | None
    """The run that has tried last."""

    has_no_taker: bool = False
    """Whether there was nobody to give it to just now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwedMessage:
    """A message that somebody is owed, or will be, and of which there is no row yet."""

    kind: str
    audience: str
    task_id: str | None
    episode_id: str | None
    recipient_id: str | None
    owed_since: datetime
    """Or from when on."""

    sla_due_at: datetime | None = None
    because_of: str | None = None
    """The message to a nurse that it is to tell a supervisor of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskTimes:
    """When what happened to a task in the application."""

    id: str
    created_at: datetime | None = None
    updated_at: datetime | None = None
    picked_up_at: datetime | None = None
    resolved_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delays:
    """How long some things may take that are told of before they happen; the others the database knows."""

    check_in: timedelta
    receipt: timedelta
    doubt: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Halt:
    """Why no message of a kind goes out for now, and what ends that."""

    reason: str
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What holds for every case."""

    now: datetime
    go_live_at: datetime
    workflows_live_at: datetime
    delays: Delays
    providers: Mapping[str, Provider]
    """How it stands with the phone company, by channel."""

    kinds_going_out: frozenset[str] = frozenset()
    """The kinds of messages of which a text was accepted within the last minute."""

    has_rate: bool = False
    """Whether the sender's rate is set: then many texts wait for their turn, as was wanted."""

    pauses: Sequence[Pause] = ()
    orders: Sequence[Order] = ()
    """About all messages of a kind, since the case began."""

    zone: tzinfo | None = UTC
    """In which times are told; None for the machine's own."""

    def told(self, moment: datetime) -> str:
        """Return a moment as it is told, with its zone."""
        return f"{moment.astimezone(self.zone):%Y-%m-%d %H:%M:%S %Z}"

    def waits_its_turn(self, waits: timedelta, *, kind: str | None = None) -> bool:
        """Tell whether texts go out, of a kind or any, so that one which waits for so long may just be behind them.

        At the sender's rate that may take any time; at full speed it is a matter of minutes.
        """
        is_going_out = kind in self.kinds_going_out if kind else bool(self.kinds_going_out)
        return is_going_out and (self.has_rate or waits <= OLDEST_DUE)

    def halt_of(self, kind: str, channel: str) -> Halt | None:
        """Return why no message of that kind, which goes out by that channel, goes out for now; None if they do."""
        for pause in self.pauses:
            if pause.is_about(kind):
                paused = "all messages are" if pause.kind != kind else f"{kind} is"
                argument = "" if pause.kind != kind else f" {kind}"
                reason = f"{paused} paused by {pause.paused_by} ({pause.why})"
                return Halt(reason=reason, remedy=f"`sequora resume{argument}`")
        provider = self.providers.get(channel)
        if provider and provider.is_open:
            reason = f"the phone company takes no {provider.noun} ({provider.why_open})"
            remedy = f"see `sequora doctor` and https://status.twilio.com; {provider.noun} are kept"
            return Halt(reason=reason, remedy=remedy)
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskCase:
    """A task, and all messages about it."""

    id: str
    task: EscalationTask | None
    """None if the application does not have it (any more)."""

    circumstances: Circumstances
    times: TaskTimes | None = None
    messages: Sequence[Story] = ()
    """Oldest first."""

    owed: Sequence[OwedMessage] = ()
    """Soonest first."""

    assignment: Assignment | None = None
    """None if it came with an assignee, or nobody has tried to give it to somebody."""

    phones: Mapping[str, str | None] = field(default_factory=dict)
    """Of recipients, by id, as they may be shown; None of those without a usable one."""

    @property
    def appeared_at(self) -> datetime | None:
        """When the task was created, as far as it says."""
        return (self.times.created_at or self.times.updated_at) if self.times else None

    @property
    def changed_at(self) -> datetime | None:
        """When it came to be as it is: its creation, or its last change, by which its nurse may have got it."""
        known = [at for at in (self.times.created_at, self.times.updated_at) if at] if self.times else []
        return max(known, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodeCase:
    """An episode: its check-ins, and the tasks that came of it."""

    id: str
    episode: Episode | None
    circumstances: Circumstances
    messages: Sequence[Story] = ()
    owed: Sequence[OwedMessage] = ()
    tasks: Sequence[TaskCase] = ()
    phones: Mapping[str, str | None] = field(default_factory=dict)

    @property
    def appeared_at(self) -> datetime | None:
        """When the episode was created, as far as it says."""
        return (self.episode.created_at or self.episode.discharge_at) if self.episode else None


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageCase:
    """A message about no task and no episode, and all by which it was sent again: nothing is owed or has appeared."""

    id: str
    circumstances: Circumstances
    messages: Sequence[Story]
    phones: Mapping[str, str | None]
    owed: Sequence[OwedMessage] = ()
    appeared_at: None = None


Case = TaskCase | EpisodeCase | MessageCase
