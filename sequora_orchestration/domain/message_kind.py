"""What differs between the kinds of messages, said in one place per kind.

Everything else (claim, lease, send, settle, log, retry) is the same code for all of them. Who is owed a
message is the kind's question to the database and stands with the ledger's queues.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from sequora_orchestration.domain.care import Episode, EscalationTask, Patient, User
from sequora_orchestration.domain.check_in import (
    STALE_AFTER,
    STALE_AFTER_MOVED,
    daytime_left,
    known_zone,
    next_daytime,
)
from sequora_orchestration.domain.ledger_state import State
from sequora_orchestration.domain.notification import Notification
from sequora_orchestration.domain.phone_number import UnusablePhoneError, e164
from sequora_orchestration.domain.texts import (
    breach_text,
    check_in_text,
    escalation_text,
    nurse_text,
    unassigned_text,
    unreached_text,
    warning_text,
)


class Audience(StrEnum):
    """To whom a kind of message goes."""

    ASSIGNEE = "ASSIGNEE"
    """The nurse who has the task."""

    ON_CALL = "ON_CALL"
    """Supervisors, else admins: who can be reached."""

    PATIENT = "PATIENT"
    """The episode's patient."""


@dataclass(frozen=True, slots=True)
class Suppression:
    """A reason not to send, and the state in which the message ends for it."""

    state: State
    reason: str
    ended_by: str | None = None
    """Who made it unnecessary, where it is not to be made again."""


@dataclass(frozen=True, slots=True)
class Postponement:
    """A reason not to send now, and when to look again."""

    until: datetime
    reason: str

    @property
    def state(self) -> State:
        """The state in which the message waits."""
        return State.SCHEDULED


# A text about a task that arrives later than this is of no use; its supervisor is told instead. Long enough for a burst
# of 1,000 texts of three segments to leave through a slow sender's queue.
WORTH_TO_STAFF = timedelta(hours=1)

# An application assigns tasks seconds after it has inserted them; nobody is alarmed by then.
GRACE_OF_CRITICAL = timedelta(seconds=10)

# A nurse who takes a task becomes its assignee by the same change that says when she took it.
ONE_UPDATE = timedelta(seconds=1)
JUST_NOW = timedelta(minutes=1)

Withheld = Suppression | Postponement


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known, at one moment, of a message and of what it is about."""

    now: datetime
    message: Notification
    task: EscalationTask | None = None
    episode: Episode | None = None
    recipient: User | Patient | None = None
    opted_out: bool = False
    """Whether the recipient's number has replied STOP."""

    unassigned_grace: timedelta = timedelta(0)
    """How long a task may be without an assignee before its supervisors are told."""

    link: str | None = field(default=None, repr=False)
    """Made by the application for this text. Whoever has it may pass for the patient, so it is kept nowhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageKind:
    """One kind of message."""

    name: str
    audience: Audience
    unwanted: Callable[[Facts], Withheld | None]
    """Why it is not (or not yet) wanted, if so; the recipient need not be known for it."""

    unreachable: Callable[[Facts], Withheld | None]
    """Why the recipient cannot be texted, or not now, if so."""

    text: Callable[[Facts, str], str]
    """What it says, given the application's URL; asked only of what is wanted and can be sent."""

    worth: Callable[[Facts], timedelta]
    """How long it is worth arriving: the phone company drops what it could not send by then."""

    if_not_found: State = State.QUEUED
    """What becomes of one in doubt that the phone company does not have: of nurses silence is worse than a second
    text, so it is sent again; a patient's is HELD for a person to decide."""

    second_try_after: timedelta = timedelta(minutes=5)
    """When it is tried once more, if the recipient's phone was off or the reason is not known."""

    carries_link: bool = False
    """Whether its text may have a link that the application makes for it."""

    def text_to_keep(self, facts: Facts, app_url: str) -> str:
        """Return the text as a log may keep it: without its link."""
        return self.text(replace(facts, link=None), app_url)


def _cancelled(reason: str) -> Suppression:
    return Suppression(State.CANCELLED, reason)


def _failed(reason: str) -> Suppression:
    return Suppression(State.FAILED, reason)


# --- about a task, to its nurse ---------------------------------------------------------------------------------------


def _closed(task: EscalationTask | None) -> Suppression | None:
    if task is None:
        return _cancelled("the task does not exist (any more)")
    if task.is_closed:
        return _cancelled(f"the task is {task.status}: nobody needs to act")
    return None


NOBODY_ASSIGNED = _failed("nobody is assigned to the task; assign a nurse")


def _unwanted_by_assignee(facts: Facts) -> Withheld | None:
    task, recipient_id = facts.task, facts.message.recipient_id
    if task is None or task.is_closed:
        return _closed(task)
    if task.assigned_to_user_id == recipient_id:
        return None if recipient_id else NOBODY_ASSIGNED
    if recipient_id is None:
        return _cancelled("the task has been assigned meanwhile; the nurse is told by a message of her own")
    return _cancelled("the task has been reassigned meanwhile")


def _unassigned(facts: Facts, task: EscalationTask) -> Withheld:
    """Let a task wait for its nurse as long as it may; then it is told to the supervisors."""
    grace = facts.unassigned_grace
    if task.severity == "CRITICAL":
        grace = min(grace, GRACE_OF_CRITICAL)
    until = min(facts.message.owed_since, facts.now) + grace
    if facts.message.due_at is None and facts.now < until:
        return Postponement(until, "nobody is assigned to the task yet")
    return NOBODY_ASSIGNED


def _unwanted_news(facts: Facts) -> Withheld | None:
    if withheld := _unwanted_by_assignee(facts):
        return _unassigned(facts, facts.task) if facts.task and withheld is NOBODY_ASSIGNED else withheld
    if facts.task and _has_just_taken_it(facts.task, facts.now):
        return Suppression(State.CANCELLED, "she has just taken the task herself", ended_by="the nurse")
    return None


def _has_just_taken_it(task: EscalationTask, now: datetime) -> bool:
    """Tell whether a task's last change was that somebody took it, just now: then it was she who took it.

    Whoever gets it from somebody who had taken it changes it later than that; and where the application does not say
    when it was changed, the time for this is short: a text too many is better than none.
    """
    taken_at, updated_at = task.picked_up_at, task.updated_at
    if taken_at is None or updated_at is None or not task.is_taken:
        return False
    return abs(updated_at - taken_at) <= ONE_UPDATE and abs(now - taken_at) <= JUST_NOW


def _sla_moved(facts: Facts) -> Suppression | None:
    if facts.task is None or facts.task.sla_due_at is None:
        return _cancelled("the task has no SLA time")
    if facts.task.sla_due_at != facts.message.sla_due_at:
        return _cancelled("the SLA time has been moved meanwhile")
    return None


def _unwanted_warning(facts: Facts) -> Withheld | None:
    if ended := _closed(facts.task) or _sla_moved(facts):
        return ended
    if facts.message.sla_due_at and facts.message.sla_due_at <= facts.now:
        return _cancelled("the SLA time has passed; the breach is alerted by a message of its own")
    return _unwanted_by_assignee(facts)


def _unwanted_breach_alert(facts: Facts) -> Withheld | None:
    if ended := _closed(facts.task) or _sla_moved(facts):
        return ended
    if facts.message.sla_due_at and facts.message.sla_due_at > facts.now:
        return _cancelled("the SLA time has not passed")
    return _unwanted_by_assignee(facts)


def _unreachable_nurse(facts: Facts) -> Suppression | None:
    return _unreachable_user(facts, "the assigned user", "assign the task to somebody else")


def _unreachable_user(facts: Facts, who: str, instead: str) -> Suppression | None:
    user = facts.recipient
    if not isinstance(user, User):
        return _failed(f"{who} does not exist; {instead}")
    if user.active is False:
        return _failed(f"{who} is not active; {instead}")
    if user.role == "PATIENT":
        return _failed(f"{who} is a patient; assign the task to a nurse")
    try:
        e164(user.primary_phone)
    except UnusablePhoneError as error:
        return _failed(f"{error}; correct {who}'s phone")
    return _failed(f"opted out; {who}'s number has replied STOP") if facts.opted_out else None


def _task(facts: Facts) -> EscalationTask:
    if facts.task is None:
        raise ValueError("a text about a task needs the task")
    return facts.task


def _worth_of_warning(facts: Facts) -> timedelta:
    return min(WORTH_TO_STAFF, -_overdue(facts))


def _overdue(facts: Facts) -> timedelta:
    sla_due_at = _task(facts).sla_due_at
    return facts.now - sla_due_at if sla_due_at else timedelta(0)


TASK_CREATED = MessageKind(
    name="task-created",
    audience=Audience.ASSIGNEE,
    unwanted=_unwanted_news,
    unreachable=_unreachable_nurse,
    text=lambda facts, app_url: nurse_text(_task(facts), app_url),
    worth=lambda _: WORTH_TO_STAFF,
)

SLA_WARNING = MessageKind(
    name="sla-warning",
    audience=Audience.ASSIGNEE,
    unwanted=_unwanted_warning,
    unreachable=_unreachable_nurse,
    text=lambda facts, app_url: warning_text(_task(facts), app_url, time_left=-_overdue(facts)),
    worth=_worth_of_warning,
)

SLA_BREACH = MessageKind(
    name="sla-breach",
    audience=Audience.ASSIGNEE,
    unwanted=_unwanted_breach_alert,
    unreachable=_unreachable_nurse,
    text=lambda facts, app_url: breach_text(_task(facts), app_url, overdue=_overdue(facts)),
    worth=lambda _: WORTH_TO_STAFF,
)


# --- about a task, to supervisors -------------------------------------------------------------------------------------


def _unwanted_escalation(facts: Facts) -> Withheld | None:
    if closed := _closed(facts.task):
        return closed
    if not facts.task or not facts.task.sla_due_at:
        return _cancelled("the task has no SLA time any more")
    if facts.task.sla_due_at > facts.now:
        return _cancelled("the SLA time has been moved into the future meanwhile")
    if facts.task.sla_due_at != facts.message.sla_due_at:
        return _cancelled("the SLA time has been moved meanwhile, and that one's breach is alerted on its own")
    if facts.message.due_at and facts.now < facts.message.due_at:
        return Postponement(facts.message.due_at, "the nurse still has time to act on the breach")
    return None


def _unwanted_report_of_unreached_nurse(facts: Facts) -> Suppression | None:
    if closed := _closed(facts.task):
        return closed
    cause = facts.message.cause
    if facts.task and cause and facts.task.assigned_to_user_id != cause.recipient_id:
        return _cancelled("the task has been assigned or reassigned meanwhile")
    if cause and cause.is_settled:
        return _cancelled("the nurse has been reached meanwhile")
    if cause and cause.is_uncertain and facts.task and facts.task.is_taken:
        return _cancelled("the task has been picked up meanwhile")
    return None


def _unreachable_supervisor(facts: Facts) -> Suppression | None:
    return _unreachable_user(facts, "the supervisor", "somebody else is told")


def _unreached_text(facts: Facts, app_url: str) -> str:
    cause = facts.message.cause
    if cause and cause.recipient_id is None:
        return unassigned_text(_task(facts), app_url)
    return unreached_text(_task(facts), app_url, reason=cause.reason if cause else None)


SLA_ESCALATION = MessageKind(
    name="sla-escalation",
    audience=Audience.ON_CALL,
    unwanted=_unwanted_escalation,
    unreachable=_unreachable_supervisor,
    text=lambda facts, app_url: escalation_text(_task(facts), app_url, overdue=_overdue(facts)),
    worth=lambda _: WORTH_TO_STAFF,
)

NURSE_UNREACHED = MessageKind(
    name="nurse-unreached",
    audience=Audience.ON_CALL,
    unwanted=_unwanted_report_of_unreached_nurse,
    unreachable=_unreachable_supervisor,
    text=_unreached_text,
    worth=lambda _: WORTH_TO_STAFF,
)


# --- to a patient -----------------------------------------------------------------------------------------------------


def _unwanted_check_in(facts: Facts) -> Withheld | None:
    if facts.episode is None:
        return _cancelled("the episode does not exist (any more)")
    due_at = facts.message.due_at
    is_late = facts.now - facts.message.owed_since > STALE_AFTER
    if is_late and due_at and facts.now - due_at > STALE_AFTER_MOVED:
        return _cancelled("stale: it could not be sent for more than a day after it was due")
    return None


def _unreachable_patient(facts: Facts) -> Withheld | None:
    patient = facts.recipient
    if facts.message.due_at is None:  # to be scheduled: who and where the patient is, is asked again when it is sent
        return None
    if not isinstance(patient, Patient):
        return _cancelled("the episode's patient does not exist (any more)")
    try:
        e164(patient.primary_phone)
    except UnusablePhoneError as error:
        return _failed(f"{error}; correct the patient's phone")
    if facts.opted_out:
        return _cancelled("opted out: the patient's number has replied STOP")
    if not patient.may_be_texted:
        return _cancelled("no consent: the application does not say that the patient may be texted")
    return _at_night(facts)


def zone_of(facts: Facts) -> ZoneInfo | None:
    """Return the zone that is known of the episode, or else of the patient."""
    of_episode = known_zone(facts.episode.timezone) if facts.episode else None
    return of_episode or (known_zone(facts.recipient.timezone) if isinstance(facts.recipient, Patient) else None)


def _at_night(facts: Facts) -> Withheld | None:
    day = next_daytime(facts.now, zone_of(facts))
    if day <= facts.now:
        return None
    if day - facts.message.owed_since > STALE_AFTER:
        return _cancelled("stale: by the patient's next morning it would be more than a day late")
    return Postponement(day, "it is night where the patient is: moved to the morning")


def _check_in_text(facts: Facts, _app_url: str) -> str:
    if not isinstance(facts.recipient, Patient):
        raise TypeError("a check-in needs the patient")
    return check_in_text(facts.recipient, facts.link)


def _worth_of_check_in(facts: Facts) -> timedelta:
    return daytime_left(facts.now, zone_of(facts))


CHECK_IN = MessageKind(
    name="check-in",
    audience=Audience.PATIENT,
    unwanted=_unwanted_check_in,
    unreachable=_unreachable_patient,
    text=_check_in_text,
    worth=_worth_of_check_in,
    if_not_found=State.HELD,
    second_try_after=timedelta(minutes=30),
    carries_link=True,
)


def is_to_a_patient(kind: str) -> bool:
    """Tell whether messages of that kind go to patients, and not to members of staff."""
    return KINDS[kind].audience is Audience.PATIENT


KINDS = {kind.name: kind for kind in (TASK_CREATED, SLA_WARNING, SLA_BREACH, SLA_ESCALATION, NURSE_UNREACHED, CHECK_IN)}
