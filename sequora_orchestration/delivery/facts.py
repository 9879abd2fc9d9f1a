"""Reads what is known of messages at one moment: their tasks, episodes, recipients, answers.

Everything is read anew each time: tasks are closed and people go off duty meanwhile. Not here: what follows from it
(`prepare`).
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar

from sequora_orchestration.delivery.delivery import Delivery
from sequora_orchestration.domain.answering import Answered
from sequora_orchestration.domain.care import EscalationTask, Operator, Patient, User
from sequora_orchestration.domain.cause import Cause
from sequora_orchestration.domain.ledger_state import State
from sequora_orchestration.domain.notification import Notification
from sequora_orchestration.domain.phone_number import usable
from sequora_orchestration.ledger.digests import Named
from sequora_orchestration.messages.kind import Audience, Facts, Suppression, Withheld, cancelled
from sequora_orchestration.messages.kinds import KINDS, is_to_a_patient, is_to_the_operator

T = TypeVar("T")


def judged(rule: Callable[[Facts], T], facts: Facts) -> T | Suppression:
    """Return a rule's answer; a mistake in the rule ends this message alone."""
    try:
        return rule(facts)
    except Exception as error:  # noqa: BLE001  # the neighbours go on, after any error
        return Suppression(
            State.FAILED, f"could not be prepared ({type(error).__name__}): a mistake of ours", Cause.OUR_MISTAKE
        )


def about(delivery: Delivery, notifications: Sequence[Notification], *, with_tasks: bool = True) -> list[Facts]:
    """Read the tasks of these messages (if `with_tasks`), and the episodes of those to patients, as they are now.

    Of a digest that is to be sent the messages that nobody needs any more are ended: what is sent counts the others,
    and tells of these alone.
    """
    digests = [one.id for one in notifications if KINDS[one.kind].names_tasks]
    named = delivery.ledger.digests.named(digests) if digests and with_tasks else []
    facts, dropped = _about(delivery, notifications, named, with_tasks=with_tasks)
    if dropped:
        delivery.ledger.digests.drop(dropped, delivery.run_id)
    return facts


def about_if_sent_again(delivery: Delivery, notifications: Sequence[Notification]) -> list[Facts]:
    """Read the same of messages that are over, as if they were sent again, with the recipients. It changes nothing."""
    digests = [one.id for one in notifications if KINDS[one.kind].names_tasks]
    named = delivery.ledger.replays.named_as_new(digests) if digests else []
    facts, _ = _about(delivery, notifications, named, with_tasks=True)
    return with_opt_outs(delivery, with_recipients(delivery, facts), of_all=True)


def _about(
    delivery: Delivery, notifications: Sequence[Notification], named: Sequence[Named], *, with_tasks: bool
) -> tuple[list[Facts], list[tuple[Notification, Withheld]]]:
    """Return the facts, and which of the messages that digests name nobody needs any more."""
    of_tasks = [one.task_id for one in [*notifications, *(one.message for one in named)] if one.task_id]
    of_tasks = of_tasks if with_tasks else []
    of_patients = [one.episode_id for one in notifications if is_to_a_patient(one.kind) and one.episode_id]
    tasks = delivery.care.tasks(of_tasks) if of_tasks else {}
    told, dropped = _still_told(named, tasks)
    episodes = delivery.care.episodes(of_patients) if of_patients else {}
    answers = _answers(delivery, notifications)
    acceptances = _acceptances(delivery, notifications)
    facts = [
        Facts(
            now=one.read_at,
            message=one,
            task=tasks.get(one.task_id or ""),
            answered=answers.get(one.id, ()),
            accepted_at=_accepted_at(tasks.get(one.task_id or ""), acceptances),
            named=told.get(one.id, ()),
            unassigned_grace=timedelta(0) if one.has_no_taker else delivery.ledger.unassigned_grace,
            is_anybody_called=delivery.ledger.is_anybody_called,
            episode=episodes.get(one.episode_id or "") if is_to_a_patient(one.kind) else None,
        )
        for one in notifications
    ]
    return facts, dropped


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


def let_critical_go(delivery: Delivery, notifications: Sequence[Notification]) -> None:
    """If there are digests among these messages, queue what has become critical while it waited for one."""
    for kind in {one.kind for one in notifications if KINDS[one.kind].names_tasks}:
        delivery.ledger.digests.let_critical_go(KINDS[kind])


def _still_told(
    named: Sequence[Named], tasks: Mapping[str, EscalationTask]
) -> tuple[Mapping[str, Sequence[EscalationTask]], list[tuple[Notification, Withheld]]]:
    """Return the tasks that each digest tells of, by the digest's id, and the messages about all others."""
    told, dropped = defaultdict[str, list[EscalationTask]](list), list[tuple[Notification, Withheld]]()
    for one in named:
        task = tasks.get(one.message.task_id or "")
        if why := _unwanted(one, task) if one.is_to_be_told else None:
            dropped.append((one.message, why))
        elif task:
            told[one.digest_id].append(task)
    return told, dropped


def _unwanted(named: Named, task: EscalationTask | None) -> Withheld | None:
    if named.is_cancelled:
        return cancelled(Cause.CANCELLED_BY_OPERATOR, "cancelled by an operator")
    facts = Facts(now=named.message.read_at, message=named.message, task=task, waits_since=named.waits_since)
    return judged(KINDS[named.message.kind].unwanted, facts)


def with_recipients(delivery: Delivery, facts: Sequence[Facts]) -> list[Facts]:
    """Read the recipients: members of staff, or patients. The operator is in no table."""
    patients, staff = list[str](), list[str]()
    for one in facts:
        if id_ := recipient_id(one):
            (patients if is_to_a_patient(one.message.kind) else staff).append(id_)
    people: dict[str, User | Patient] = {}
    people |= delivery.care.users(staff) if staff else {}
    people |= delivery.care.patients(patients) if patients else {}

    def recipient(one: Facts) -> User | Patient | Operator | None:
        return delivery.operator if is_to_the_operator(one.message.kind) else people.get(recipient_id(one) or "")

    return [replace(one, recipient=recipient(one)) for one in facts]


def recipient_id(facts: Facts) -> str | None:
    """Return the recipient's id: of a message to a patient the episode's, for it may have been corrected since."""
    if is_to_a_patient(facts.message.kind):
        return facts.episode.patient_id if facts.episode else None
    return facts.message.recipient_id


def with_opt_outs(delivery: Delivery, facts: Sequence[Facts], *, of_all: bool = False) -> list[Facts]:
    """Read which recipients have opted out, of messages that would else wait before they end.

    These are texts to patients, which wait for the morning, and texts that may wait for a digest. Of all others the
    statement that begins an attempt asks that, unless it is asked `of_all` here.
    """
    gathers = delivery.ledger.digests.flood is not None
    numbers = {
        one.message.id: number
        for one in facts
        if one.recipient
        and (of_all or isinstance(one.recipient, Patient) or (gathers and KINDS[one.message.kind].gathered_in))
        and (number := usable(one.recipient.primary_phone))
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
