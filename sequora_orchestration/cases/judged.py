"""A verdict, and what every part of a case's verdict is made of: what is said of one message, whatever its kind."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import timedelta

from sequora_orchestration.cases.known_kinds import channel_of, when_owed
from sequora_orchestration.domain.case import Case, EpisodeCase, OwedMessage, Story, TaskCase
from sequora_orchestration.domain.health import longest_doubt
from sequora_orchestration.domain.ledger_state import State
from sequora_orchestration.domain.spell import spell
from sequora_orchestration.messages.awaited import PATIENCE, SEE_STATUS, STANDS_STILL
from sequora_orchestration.messages.kind import Audience

ACCEPTED = frozenset({State.SENT, State.DELIVERED})
UNDER_WAY = frozenset({State.SCHEDULED, State.QUEUED, State.SENDING})
NOT_REACHED = frozenset({State.FAILED, State.HELD, State.UNDELIVERED})

WAITS_ITS_TURN = "waits its turn, texts are going out"
DECIDE = "look for it in the Twilio console, then `sequora release {id}` or `sequora cancel {id}`"

_ROLES = {
    Audience.ASSIGNEE: "nurse",
    Audience.ON_CALL: "supervisor",
    Audience.PATIENT: "patient",
    Audience.OPERATOR: "operator",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What holds for a case, in a sentence; and what somebody must do, if so."""

    sentence: str
    to_do: str | None = None
    message_ids: tuple[str, ...] = ()
    """Of the messages whose fate it tells."""

    owed: tuple[OwedMessage, ...] = ()
    """The messages that are owed and have no row, of which it tells."""

    @property
    def is_healthy(self) -> bool:
        """Whether nobody needs to act."""
        return self.to_do is None


def about(verdict: Verdict, *messages: Story, owed: OwedMessage | None = None) -> Verdict:
    """Return a verdict that also tells of these messages."""
    return replace(
        verdict,
        message_ids=(*verdict.message_ids, *(one.id for one in messages)),
        owed=(*verdict.owed, *([owed] if owed else [])),
    )


# --- of a message that has no row -------------------------------------------------------------------------------------


def owed_now(case: Case) -> list[OwedMessage]:
    """Return the messages that are owed at this moment and have no row."""
    return [one for one in case.owed if one.owed_since <= case.circumstances.now]


def waited(case: Case, owed: OwedMessage) -> timedelta:
    """Return for how long a message has been owed.

    An assignee is owed nothing for longer than her task is as it is: it may have been another's, or had another SLA.
    """
    since = owed.owed_since
    if isinstance(case, TaskCase) and case.changed_at and owed.audience == Audience.ASSIGNEE:
        since = max(since, case.changed_at)
    return max(case.circumstances.now - since, timedelta(0))  # an application's clock may be ahead of ours


def of_missing(case: Case, owed: OwedMessage) -> Verdict:
    """Judge a message that is owed and has no row: by how long it may be so."""
    around, words, waits = case.circumstances, when_owed(owed.kind), waited(case, owed)
    if words.missing:
        sentence = words.missing(owed, around)
    else:
        sentence = f"{owed.kind}: owed to {owed_to(owed)} for {spell(waits)}, and no message has been made"
    return about(judged_by_wait(case, owed, sentence), owed=owed)


def judged_by_wait(case: Case, owed: OwedMessage, sentence: str) -> Verdict:
    """Judge what a sentence says of a message that has no row, by what keeps it and for how long."""
    around, words, waits = case.circumstances, when_owed(owed.kind), waited(case, owed)
    if words.waits_while_halted and (halt := around.halt_of(owed.kind, channel_of(owed.kind))):
        return Verdict(sentence=f"{sentence}: {halt.reason}", to_do=halt.remedy)
    if waits > words.patience and around.waits_its_turn(waits, kind=owed.kind):
        return Verdict(sentence=f"{sentence}: that {WAITS_ITS_TURN}")
    return Verdict(sentence=sentence, to_do=words.remedy if waits > words.patience else None)


def owed_to(owed: OwedMessage) -> str:
    """Return who is owed a message, as people say it."""
    if owed.audience == Audience.ASSIGNEE:
        return f"nurse {owed.recipient_id}" if owed.recipient_id else "whoever is to have the task"
    return f"the {role_of(owed.audience)}"


# --- of one that has --------------------------------------------------------------------------------------------------


def of_waiting(case: Case, message: Story, who: str) -> Verdict:
    """Judge a message that is still to go out."""
    now = case.circumstances.now
    if message.wanted_at > now:
        reason = f" ({message.reason})" if message.reason else ""
        at = case.circumstances.told(message.wanted_at)
        texted = "texted" if message.is_text else "called"
        return about(Verdict(sentence=f"{who} is to be {texted} at {at}{reason}"), message)
    told = "told" if message.is_text else "called"
    if halt := case.circumstances.halt_of(message.text_kind, message.channel):
        return about(Verdict(sentence=f"{who} was NOT {told} yet: {halt.reason}", to_do=halt.remedy), message)
    waits = now - message.wanted_at
    reason = f"; {message.reason}" if message.reason else ""
    sentence = f"{who} was NOT {told} yet: the {message.noun} is {message.state}, due for {spell(waits)}{reason}"
    if waits > PATIENCE and _waits_its_turn(case, message):
        return about(Verdict(sentence=f"{sentence}; it {WAITS_ITS_TURN}"), message)
    return about(Verdict(sentence=sentence, to_do=None if waits <= PATIENCE else STANDS_STILL), message)


def _waits_its_turn(case: Case, message: Story) -> bool:
    """Tell whether texts go out, if only as slowly as the sender may: any, or of its own kind where it is unclaimed."""
    waits = case.circumstances.now - message.wanted_at
    if message.state is State.QUEUED:
        return case.circumstances.waits_its_turn(waits)
    return message.state is State.SCHEDULED and case.circumstances.waits_its_turn(waits, kind=message.text_kind)


def of_doubtful(case: Case, message: Story, who: str) -> Verdict:
    """Judge a message of which nobody knows whether it went out."""
    since = message.doubtful_since or message.attempted_at or message.settled_at
    waits = case.circumstances.now - since
    told = "told" if message.is_text else "called"
    sentence = f"{who} MAY have been {told} at {case.circumstances.told(since)}: {why(message)}; it is looked up"
    if waits <= longest_doubt(case.circumstances.delays.doubt):
        return about(Verdict(sentence=sentence), message)
    found = Verdict(
        sentence=f"{sentence}, for {spell(waits)} now", to_do=f"look for it in the Twilio console; {SEE_STATUS}"
    )
    return about(found, message)


# --- in words ---------------------------------------------------------------------------------------------------------


def not_called_off(messages: Iterable[Story]) -> list[Story]:
    """Return the messages that count: what was called off leaves a question open, unless a person called it off."""
    return [one for one in messages if one.state is not State.CANCELLED or one.ended_by]


def role_of(audience: str) -> str:
    """Return what somebody of an audience is called."""
    return next((role for known, role in _ROLES.items() if known == audience), "recipient")


def who(case: Case, message: Story, role: str | None = None) -> str:
    """Return a message's recipient, by role, id and masked number."""
    role = role or role_of(message.audience)
    if message.recipient_id is None:
        return f"the {role}"
    phone = case.phones.get(message.recipient_id)
    return f"{role} {message.recipient_id}" + (f" ({phone})" if phone else "")


def when(case: Case, message: Story) -> str:
    """Return when a text was accepted, and how long after it was owed."""
    if message.sent_at is None:
        return "at a time that is not known"
    sent = f"at {case.circumstances.told(message.sent_at)}"
    after = message.sent_at - (message.due_at or message.owed_since)
    if after < timedelta(0):
        return sent
    appeared = f"the {'episode' if isinstance(case, EpisodeCase) else 'task'} appeared"
    is_since_it_appeared = message.owed_since == case.appeared_at
    since = "it was due" if message.due_at else appeared if is_since_it_appeared else "it was owed"
    return f"{sent}, {spell(after)} after {since}"


def called_off(message: Story) -> str:
    """Return why a message was called off, and by whom if by a person."""
    order = next((one for one in reversed(message.orders) if one.verb == "cancel"), None)
    if message.ended_by and order:
        return f"{message.ended_by} cancelled it ({order.why})"
    return why(message)


def why(message: Story) -> str:
    """Return why a message is as it is."""
    return message.reason or "no reason is recorded"
