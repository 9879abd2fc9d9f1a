"""What a kind of message says of itself, what its rules are told, and how they withhold a message."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from sequora_orchestration.domain.answering import Answered
from sequora_orchestration.domain.care import Episode, EscalationTask, Operator, Patient, User
from sequora_orchestration.domain.case import Circumstances, Story
from sequora_orchestration.domain.cause import Cause
from sequora_orchestration.domain.ledger_state import State
from sequora_orchestration.domain.notification import SMS, Notification
from sequora_orchestration.messages.awaited import IN_GENERAL, WhenOwed
from sequora_orchestration.messages.phrase import Phrase
from sequora_orchestration.messages.wording import Wording


class Audience(StrEnum):
    """To whom a kind of message goes."""

    ASSIGNEE = "ASSIGNEE"
    """The nurse who has the task."""

    ON_CALL = "ON_CALL"
    """Supervisors, or else admins: those of them who can be reached."""

    PATIENT = "PATIENT"
    """The episode's patient."""

    WRITER = "WRITER"
    """The member of staff who has texted us."""

    OPERATOR = "OPERATOR"
    """Whoever runs this system, at a number that a setting gives. It is no row of the application."""


@dataclass(frozen=True, slots=True)
class Suppression:
    """A reason not to send, and the state in which the message ends for it."""

    state: State
    reason: str
    """For people."""

    cause: Cause
    """For programs."""

    ended_by: str | None = None
    """Who made the message unnecessary, if it is not to be made again."""


@dataclass(frozen=True, slots=True)
class Postponement:
    """A reason not to send now, and when to look again."""

    until: datetime
    reason: str
    """For people."""

    cause: Cause
    """For programs."""

    @property
    def state(self) -> State:
        """The state in which the message waits."""
        return State.SCHEDULED


Withheld = Suppression | Postponement


def cancelled(cause: Cause, reason: str) -> Suppression:
    """Return that a message is not wanted (any more)."""
    return Suppression(State.CANCELLED, reason, cause)


def failed(cause: Cause, reason: str) -> Suppression:
    """Return that a message is wanted and cannot be sent."""
    return Suppression(State.FAILED, reason, cause)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known, at one moment, of a message and of what it is about."""

    now: datetime
    message: Notification
    task: EscalationTask | None = None
    episode: Episode | None = None
    recipient: User | Patient | Operator | None = None
    named: Sequence[EscalationTask] = ()
    """The tasks that a digest tells of: those that are open and the recipient's."""

    waits_since: datetime | None = None
    """Since when there has been a message about the task that waits for a digest; None of one that does not."""

    opted_out: bool = False
    """Whether the recipient's number has replied STOP."""

    unassigned_grace: timedelta = timedelta(0)
    """How long a task may be without an assignee before its supervisors are told."""

    is_anybody_called: bool = True
    """Whether nurses whom no text reaches are called at all."""

    number: int | None = None
    """The task's small number on the recipient's phone, by which a text about it is answered; None if it is not."""

    answered: Sequence[Answered] = ()
    """The commands that the message answers, and what became of each."""

    accepted_at: datetime | None = None
    """When the nurse who has the task accepted it by text."""

    link: str | None = field(default=None, repr=False)
    """Made by the application for this text. Whoever has it may pass for the patient, so it is kept nowhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageKind:
    """One kind of message. Who is owed one is asked of the database, by the functions that its queues name."""

    name: str
    audience: Audience
    channel: str = SMS
    """The name of the channel by which it goes out."""

    unwanted: Callable[[Facts], Withheld | None]
    """Why the message is not (or not yet) wanted, if so; its recipient need not be known for this."""

    unreachable: Callable[[Facts], Withheld | None]
    """Why the recipient cannot be texted, or not now, if so."""

    text: Callable[[Facts, Wording], str]
    """What the message says, in the wording in force; asked only of a message that is wanted and can be sent."""

    phrases: Sequence[Phrase] = ()
    """The words that it may say, each in one situation; a clinic's file may say others in their place."""

    worth: Callable[[Facts], timedelta]
    """How long the message is worth arriving: the phone company drops a text that it could not send by then."""

    if_not_found: State = State.QUEUED
    """What becomes of a message in doubt that the phone company does not have: a nurse's is sent again, for silence is
    worse than a second text; a patient's is HELD for a person to decide."""

    second_try_after: timedelta = timedelta(minutes=5)
    """When an undelivered message is tried once more, if the phone was off or the reason is not known."""

    carries_link: bool = False
    """Whether the text may have a link that the application makes for it."""

    takes_commands: bool = False
    """Whether its recipients may answer it with commands: it is about a task, and to staff."""

    lateness_counts: bool = False
    """Whether its own rules ask how long it has been owed: when it is sent again with others it stays owed since then,
    so that nothing goes out that would have been too late."""

    gives_task: bool = False
    """Whether a task counts as a nurse's from this message on: what was told before does not count any more."""

    names_tasks: bool = False
    """Whether it is about no task of its own, but tells of the tasks whose messages wait for it."""

    gathered_in: "MessageKind | None" = None
    """The kind of text in which many such messages to one person come as one, if they may."""

    alerts_to: Callable[[Story, Circumstances], str] | None = None
    """What has happened that the message alerts to, where supervisors are told if nobody acts on it."""

    when_owed: WhenOwed = IN_GENERAL
    """How it is spoken of while there is none."""

    @property
    def is_logged(self) -> bool:
        """Whether the application's log may have rows of it; of a digest it has one for each task it tells of."""
        return not self.names_tasks and self.audience is not Audience.OPERATOR

    def text_to_keep(self, facts: Facts, wording: Wording) -> str:
        """Return the text as a log may keep it: without its link."""
        return self.text(replace(facts, link=None), wording)
