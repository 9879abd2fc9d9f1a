"""Prepares messages: asks whether each is wanted, whom it reaches, and what it says. The rules are in `messages/`.

Everything is read anew each time: tasks are closed and people go off duty meanwhile.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from sqlalchemy.exc import DBAPIError

from sequora_orchestration.care.check_in_link import LinkAsker, NoLinkError
from sequora_orchestration.delivery.delivery import Delivery
from sequora_orchestration.delivery.facts import (
    about,
    judged,
    let_critical_go,
    recipient_id,
    with_opt_outs,
    with_recipients,
)
from sequora_orchestration.delivery.on_call import NOBODY, on_call
from sequora_orchestration.domain.cause import Cause
from sequora_orchestration.domain.ledger_state import State
from sequora_orchestration.domain.notification import Notification
from sequora_orchestration.domain.on_call import nobody_pause, whom_to_tell
from sequora_orchestration.domain.phone_number import e164, usable
from sequora_orchestration.domain.spell import counted, spell
from sequora_orchestration.messages.check_in import CheckInTime, check_in_time
from sequora_orchestration.messages.kind import Audience, Facts, MessageKind, Postponement, Suppression, Withheld
from sequora_orchestration.messages.kinds import KINDS
from sequora_orchestration.messages.task_phrases import commands_line
from sequora_orchestration.messages.to_patients import zone_of
from sequora_orchestration.messages.wording import Wording

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Message:
    """A message as a channel gets it, with its recipient."""

    to: str = field(repr=False)
    body: str = field(repr=False)
    content: str = field(repr=False)
    """The message's words for the application's log: the same without its link."""

    worth: timedelta


# --- messages that end before they are sent ---------------------------------------------------------------------------


def drop_unwanted(delivery: Delivery, notifications: Sequence[Notification]) -> list[tuple[Notification, Withheld]]:
    """End messages that nobody wants any more, postpone those nobody wants yet; return both with the reasons."""
    let_critical_go(delivery, notifications)
    return _drop(delivery, about(delivery, notifications), lambda kind: kind.unwanted)


def drop_unreachable(delivery: Delivery, notifications: Sequence[Notification]) -> list[tuple[Notification, Withheld]]:
    """End messages that cannot reach their recipients, postpone those that cannot now; return both with the reasons."""
    facts = with_recipients(delivery, about(delivery, notifications, with_tasks=False))
    return _drop(delivery, with_opt_outs(delivery, facts), lambda kind: kind.unreachable)


def gather(
    delivery: Delivery, notifications: Sequence[Notification], *, alone: bool
) -> list[tuple[Notification, Withheld]]:
    """Let those of a claim's messages wait for a digest that would be too many texts; return them with the reason.

    If they go `alone`, because a person has asked for them, none waits.
    """
    flood, waiting = delivery.ledger.digests.flood, list[tuple[Notification, Withheld]]()
    if flood is None:
        return waiting
    texts, within = counted(flood.texts, "text"), spell(flood.within)
    reason = f"gathered: after {texts} about new tasks within {within}, or a digest, the next ones come as one"
    some_of = defaultdict[str, list[Notification]](list)
    for one in notifications:
        if digest := KINDS[one.kind].gathered_in:
            some_of[digest.name].append(one)
    for name, some in some_of.items():
        until = delivery.ledger.digests.gather(some, KINDS[name], reason=reason, run_id=delivery.run_id, alone=alone)
        waiting += [(one, Postponement(until[one.id], reason, Cause.GATHERED)) for one in some if one.id in until]
    return waiting


def _drop(
    delivery: Delivery,
    facts: Sequence[Facts],
    rule: Callable[[MessageKind], Callable[[Facts], Withheld | None]],
) -> list[tuple[Notification, Withheld]]:
    return [
        (one.message, why)
        for one in facts
        if (why := judged(rule(KINDS[one.message.kind]), one)) and withhold(delivery, one.message, why)
    ]


def withhold(delivery: Delivery, notification: Notification, why: Withheld) -> bool:
    """End or postpone a message; return False if another claim has it by now."""
    if isinstance(why, Postponement):
        return delivery.ledger.withheld.postpone(notification, why, delivery.run_id)
    return delivery.ledger.withheld.suppress(notification, why, delivery.run_id)


def withhold_opted_out(delivery: Delivery, facts: Facts) -> None:
    """End the message of somebody whose number has replied STOP, as its kind says."""
    if why := judged(KINDS[facts.message.kind].unreachable, replace(facts, opted_out=True)):
        withhold(delivery, facts.message, why)


# --- a message's words ------------------------------------------------------------------------------------------------


def prepared(delivery: Delivery, facts: Facts) -> Message | Withheld:
    """Return the message as it is to be sent, or why it is not."""
    return judged(lambda known: _prepared(known, delivery.wording), facts)


def _prepared(facts: Facts, wording: Wording) -> Message | Withheld:
    kind = KINDS[facts.message.kind]
    if withheld := kind.unwanted(facts) or kind.unreachable(facts):
        return withheld
    if facts.recipient is None:
        return Suppression(State.FAILED, "the recipient could not be read", Cause.RECIPIENT_GONE)
    body = kind.text(facts, wording)
    if facts.number:
        is_to_supervisor = kind.audience is Audience.ON_CALL
        body = f"{body}\n{commands_line(facts.number, wording, is_to_supervisor=is_to_supervisor)}"
    content = kind.text_to_keep(facts, wording) if facts.link else body
    return Message(e164(facts.recipient.primary_phone), body, content, kind.worth(facts))


def lacks_number(delivery: Delivery, facts: Facts) -> bool:
    """Whether a text may be answered with commands, and its task has no number on the recipient's phone yet."""
    may_be_answered = delivery.reply_settings.reads_commands and KINDS[facts.message.kind].takes_commands
    return may_be_answered and facts.number is None


def with_numbers(delivery: Delivery, all_facts: Sequence[Facts]) -> list[Facts]:
    """Give each task that lacks one its small number on the phone that is about to be texted.

    Without a number a text goes out all the same.
    """
    texts = {
        one.message.id: (delivery.ledger.opt_outs.digest(to), one.message.task_id, one.message.recipient_id)
        for one in all_facts
        if lacks_number(delivery, one)
        and one.message.task_id
        and one.message.recipient_id
        and one.recipient is not None
        and (to := usable(one.recipient.primary_phone))
    }
    if not texts:
        return list(all_facts)
    try:
        numbers = delivery.ledger.replies.numbers_of_tasks(list(texts.values()))
    except DBAPIError as error:
        LOG.warning("%d texts get no numbers for now: %s", len(texts), type(error).__name__)
        return list(all_facts)
    of_messages = dict(zip(texts, numbers, strict=True))
    return [replace(one, number=of_messages.get(one.message.id, one.number)) for one in all_facts]


def with_link(delivery: Delivery, facts: Facts, asker: LinkAsker) -> Facts:
    """Ask for the link in a text that may go out; without a link the text goes out all the same.

    This also asks once more whether the patient has opted out, for a run may consist of the sending step alone.
    """
    (facts,) = with_opt_outs(delivery, [facts])
    patient_id, episode_id = recipient_id(facts), facts.message.episode_id
    if facts.opted_out or not patient_id or not episode_id:
        return facts
    try:
        return replace(facts, link=asker.link_for(patient_id=patient_id, episode_id=episode_id, now=facts.now))
    except NoLinkError as error:
        subject, why = facts.message.subject, str(error)
        LOG.warning("%s: texted without a link: %s", subject, why, extra={"notification": facts.message.id})
        return facts


# --- times and recipients ---------------------------------------------------------------------------------------------


def schedule_check_ins(
    delivery: Delivery, notifications: Sequence[Notification]
) -> list[tuple[Notification, CheckInTime]]:
    """Schedule each check-in for the time when it is due; return that time, with the reason."""
    scheduled = []
    for facts in with_recipients(delivery, about(delivery, notifications)):
        when = judged(lambda known: _check_in_time(known, delivery.ledger.check_in_delay), facts)
        if isinstance(when, Suppression):
            withhold(delivery, facts.message, when)
        elif withhold(delivery, facts.message, Postponement(when.due_at, when.reason, Cause.NOT_DUE)):
            scheduled.append((facts.message, when))
    return scheduled


def _check_in_time(facts: Facts, delay: timedelta) -> CheckInTime | Suppression:
    if facts.episode is None:
        return Suppression(State.CANCELLED, "the episode does not exist any more", Cause.EPISODE_GONE)
    return check_in_time(
        created_at=facts.episode.created_at or facts.message.owed_since,
        discharged_at=facts.episode.discharge_at,
        timezone=zone.key if (zone := zone_of(facts)) else None,
        delay=delay,
    )


def address(delivery: Delivery, notifications: Sequence[Notification]) -> None:
    """Give each message without a recipient one or more: supervisors who can be reached, else admins.

    If there is nobody, the message waits, with the reason NOBODY, and is tried again. A message nobody wants ends.
    """
    unaddressed = [one for one in notifications if one.recipient_id is None]
    if not unaddressed:
        return
    all_facts = about(delivery, unaddressed)
    ended = {one.id for one, _ in _drop(delivery, all_facts, lambda kind: kind.unwanted)}
    passed_over = delivery.ledger.withheld.passed_over([one.id for one in unaddressed])
    numbers = on_call(delivery.care, delivery.ledger)
    for facts in all_facts:
        one, task = facts.message, facts.task
        if one.id in ended:
            continue
        chosen = whom_to_tell(
            {
                user: number
                for user, number in numbers.items()
                if (one.id, user.id) not in passed_over
                and not (task and user.id == task.assigned_to_user_id)  # the assignee is told by messages of her own
            }
        )
        if not chosen:
            withhold(
                delivery,
                one,
                Postponement(facts.now + nobody_pause(facts.now - one.owed_since), NOBODY, Cause.NOBODY_TO_TELL),
            )
        elif not delivery.ledger.withheld.address(one, chosen):
            withhold(
                delivery,
                one,
                Suppression(State.CANCELLED, "the supervisors are told by another run", Cause.TOLD_BY_ANOTHER_RUN),
            )
