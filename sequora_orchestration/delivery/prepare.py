"""Prepares messages: asks whether each is wanted, whom it reaches, and what it says. The rules are in `messages/`.

Everything is read anew each time: tasks are closed and people go off duty meanwhile.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TypeVar

from sqlalchemy.exc import DBAPIError

from sequora_orchestration.care.check_in_link import LinkAsker, NoLinkError
from sequora_orchestration.delivery.delivery import Delivery
from sequora_orchestration.delivery.on_call import NOBODY, on_call
from sequora_orchestration.domain.answering import Answered
from sequora_orchestration.domain.care import EscalationTask, Patient, User
from sequora_orchestration.domain.cause import Cause
from sequora_orchestration.domain.ledger_state import State
from sequora_orchestration.domain.notification import Notification
from sequora_orchestration.domain.on_call import nobody_pause, whom_to_tell
from sequora_orchestration.domain.phone_number import e164, usable
from sequora_orchestration.domain.spell import counted, spell
from sequora_orchestration.ledger.digests import Named
from sequora_orchestration.messages.check_in import CheckInTime, check_in_time
from sequora_orchestration.messages.kind import Audience, Facts, MessageKind, Postponement, Suppression, Withheld
from sequora_orchestration.messages.kinds import KINDS, is_to_a_patient
from sequora_orchestration.messages.to_patients import zone_of
from sequora_orchestration.messages.wording import commands_line

T = TypeVar("T")

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
    return _drop(delivery, about(delivery, notifications), lambda kind: kind.unwanted)


def drop_unreachable(delivery: Delivery, notifications: Sequence[Notification]) -> list[tuple[Notification, Withheld]]:
    """End messages that cannot reach their recipients, postpone those that cannot now; return both with the reasons."""
    facts = with_recipients(delivery, about(delivery, notifications, with_tasks=False))
    return _drop(delivery, _with_opt_outs(delivery, facts), lambda kind: kind.unreachable)


def gather(
    delivery: Delivery, notifications: Sequence[Notification], *, alone: bool
) -> list[tuple[Notification, Withheld]]:
    """Let those of a claim's messages wait for a digest that would be too many texts; return them with the reason.

    If they go `alone`, because a person has asked for them, none waits.
    """
    flood, waiting = delivery.ledger.digests.flood, list[tuple[Notification, Withheld]]()
    if flood is None:
        return waiting
    reason = f"gathered: she has had {counted(flood.texts, 'text')} about new tasks within {spell(flood.within)}"
    some_of = defaultdict[str, list[Notification]](list)
    for one in notifications:
        if digest := KINDS[one.kind].gathered_in:
            some_of[digest.name].append(one)
    for name, some in some_of.items():
        why = Postponement(some[0].read_at, reason, Cause.GATHERED)
        until = delivery.ledger.digests.gather(some, KINDS[name], why, run_id=delivery.run_id, alone=alone)
        waiting += [(one, replace(why, until=until[one.id])) for one in some if one.id in until]
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


def judged(rule: Callable[[Facts], T], facts: Facts) -> T | Suppression:
    """Return a rule's answer; a mistake in the rule ends this message alone."""
    try:
        return rule(facts)
    except Exception as error:  # noqa: BLE001  # the neighbours go on, after any error
        return Suppression(
            State.FAILED, f"could not be prepared ({type(error).__name__}): a mistake of ours", Cause.OUR_MISTAKE
        )


# --- facts about messages ---------------------------------------------------------------------------------------------


def about(delivery: Delivery, notifications: Sequence[Notification], *, with_tasks: bool = True) -> list[Facts]:
    """Read the tasks of these messages (if `with_tasks`), and the episodes of those to patients, as they are now.

    A digest's messages that nobody needs any more are ended, and those that have become critical leave it.
    """
    named = _named(delivery, notifications) if with_tasks else []
    of_tasks = [one.task_id for one in [*notifications, *(one.message for one in named)] if one.task_id]
    of_tasks = of_tasks if with_tasks else []
    of_patients = [one.episode_id for one in notifications if is_to_a_patient(one.kind) and one.episode_id]
    tasks = delivery.care.tasks(of_tasks) if of_tasks else {}
    told = _still_told(delivery, named, tasks)
    episodes = delivery.care.episodes(of_patients) if of_patients else {}
    answers = _answers(delivery, notifications)
    acceptances = _acceptances(delivery, notifications)
    return [
        Facts(
            now=one.read_at,
            message=one,
            task=tasks.get(one.task_id or ""),
            answered=answers.get(one.id, ()),
            accepted_at=_accepted_at(tasks.get(one.task_id or ""), acceptances),
            named=told.get(one.id, ()),
            unassigned_grace=timedelta(0) if one.has_no_taker else delivery.ledger.unassigned_grace,
            episode=episodes.get(one.episode_id or "") if is_to_a_patient(one.kind) else None,
        )
        for one in notifications
    ]


def _answers(delivery: Delivery, notifications: Sequence[Notification]) -> Mapping[str, Sequence[Answered]]:
    ids = [one.id for one in notifications if KINDS[one.kind].audience is Audience.WRITER]
    return delivery.ledger.replies.answers(ids) if ids else {}


def _acceptances(delivery: Delivery, notifications: Sequence[Notification]) -> Mapping[str, tuple[str, datetime]]:
    """Read who has accepted the tasks that supervisors are told of, where staff may do so by text."""
    if not delivery.reply_settings.reads_commands:
        return {}
    ids = [one.task_id for one in notifications if one.task_id and KINDS[one.kind].audience is Audience.ON_CALL]
    return delivery.ledger.replies.acceptances(ids) if ids else {}


def _accepted_at(task: EscalationTask | None, acceptances: Mapping[str, tuple[str, datetime]]) -> datetime | None:
    person_id, at = acceptances.get(task.id if task else "", (None, None))
    return at if task and person_id and person_id == task.assigned_to_user_id else None


def _named(delivery: Delivery, notifications: Sequence[Notification]) -> list[Named]:
    """Return what those of these messages that are digests tell of."""
    digests = [one for one in notifications if KINDS[one.kind].names_tasks]
    for kind in {one.kind for one in digests}:
        delivery.ledger.digests.let_critical_go(KINDS[kind])
    return delivery.ledger.digests.named([one.id for one in digests]) if digests else []


def _still_told(
    delivery: Delivery, named: Sequence[Named], tasks: Mapping[str, EscalationTask]
) -> Mapping[str, Sequence[EscalationTask]]:
    """Return the tasks that each digest tells of, by the digest's id; end the messages about all others."""
    told, dropped = defaultdict[str, list[EscalationTask]](list), list[tuple[Notification, Withheld]]()
    for one in named:
        task = tasks.get(one.message.task_id or "")
        facts = Facts(now=one.message.read_at, message=one.message, task=task)
        why = judged(KINDS[one.message.kind].unwanted, facts) if one.is_to_be_told else None
        if why:
            dropped.append((one.message, why))
        elif task:
            told[one.digest_id].append(task)
    if dropped:
        delivery.ledger.digests.drop(dropped, delivery.run_id)
    return told


def with_recipients(delivery: Delivery, facts: Sequence[Facts]) -> list[Facts]:
    """Read the recipients: members of staff, or patients."""
    patients, staff = list[str](), list[str]()
    for one in facts:
        if id_ := recipient_id(one):
            (patients if is_to_a_patient(one.message.kind) else staff).append(id_)
    people: dict[str, User | Patient] = {}
    people |= delivery.care.users(staff) if staff else {}
    people |= delivery.care.patients(patients) if patients else {}
    return [replace(one, recipient=people.get(recipient_id(one) or "")) for one in facts]


def recipient_id(facts: Facts) -> str | None:
    """Return the recipient's id: of a message to a patient the episode's, for it may have been corrected since."""
    if is_to_a_patient(facts.message.kind):
        return facts.episode.patient_id if facts.episode else None
    return facts.message.recipient_id


def _with_opt_outs(delivery: Delivery, facts: Sequence[Facts]) -> list[Facts]:
    """Read which patients have opted out, so that their texts end at night, too, and do not wait for the morning.

    For members of staff the statement that begins an attempt asks that.
    """
    numbers = {
        one.message.id: number
        for one in facts
        if isinstance(one.recipient, Patient) and (number := usable(one.recipient.primary_phone))
    }
    if not numbers:
        return list(facts)
    moment = delivery.ledger.opt_outs.moment(numbers.values())
    return [replace(one, opted_out=numbers.get(one.message.id) in moment.opted_out) for one in facts]


def read_again(delivery: Delivery, facts: Facts) -> Facts:
    """Return the facts about a message as they are by now."""
    now = delivery.ledger.opt_outs.moment().now
    (by_now,) = with_recipients(delivery, about(delivery, [replace(facts.message, read_at=now)]))
    # A link is for one patient: if the episode is another patient's by now, the text goes out without it. A number is
    # one phone's.
    is_for_the_same = recipient_id(by_now) == recipient_id(facts)
    return replace(
        by_now,
        link=facts.link if is_for_the_same else None,
        number=facts.number if is_for_the_same and by_now.recipient == facts.recipient else None,
    )


# --- a message's words ------------------------------------------------------------------------------------------------


def prepared(delivery: Delivery, facts: Facts) -> Message | Withheld:
    """Return the message as it is to be sent, or why it is not."""
    return judged(lambda known: _prepared(known, delivery.app_url), facts)


def _prepared(facts: Facts, app_url: str) -> Message | Withheld:
    kind = KINDS[facts.message.kind]
    if withheld := kind.unwanted(facts) or kind.unreachable(facts):
        return withheld
    if facts.recipient is None:
        return Suppression(State.FAILED, "the recipient could not be read", Cause.RECIPIENT_GONE)
    body = kind.text(facts, app_url)
    if facts.number:
        body = f"{body}\n{commands_line(facts.number)}"
    content = kind.text_to_keep(facts, app_url) if facts.link else body
    return Message(e164(facts.recipient.primary_phone), body, content, kind.worth(facts))


def with_number(delivery: Delivery, facts: Facts, to: str) -> Facts:
    """Give a task its small number on the phone `to` (E.164) that is about to be texted, so that it can be answered."""
    task_id, person_id = facts.message.task_id, facts.message.recipient_id
    if not task_id or not person_id:
        return facts
    digest = delivery.ledger.opt_outs.digest(to)
    try:
        return replace(facts, number=delivery.ledger.replies.number_of_task(digest, task_id, person_id))
    except DBAPIError as error:
        subject, why = facts.message.subject, type(error).__name__
        LOG.warning("%s: texted without a number: %s", subject, why, extra={"notification": facts.message.id})
        return facts


def with_link(delivery: Delivery, facts: Facts, asker: LinkAsker) -> Facts:
    """Ask for the link in a text that may go out; without a link the text goes out all the same.

    This also asks once more whether the patient has opted out, for a run may consist of the sending step alone.
    """
    (facts,) = _with_opt_outs(delivery, [facts])
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
