"""What happened to a case, in order, and what comes next: sentences with times, ids and states.

Whether that is as it should be is the business of `verdict`; how it looks in a terminal or in the UI, of who shows it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sequora_orchestration.domain.case import Case, Change, Circumstances, EpisodeCase, Order, Story, TaskCase
from sequora_orchestration.domain.ledger_state import State
from sequora_orchestration.domain.message_kind import SLA_BREACH, SLA_ESCALATION, SLA_WARNING, TASK_CREATED
from sequora_orchestration.domain.spell import spell

# With these nothing more happens by itself.
SETTLED = frozenset({State.DELIVERED, State.UNDELIVERED, State.FAILED, State.CANCELLED, State.HELD})


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Something that happened, or will."""

    at: datetime | None
    """None of what waits for something else than a time."""

    what: str
    kind: str | None = None
    """Of the message that it happened to; None if it happened to the task or the episode."""

    message_id: str | None = None
    recipient_id: str | None = None
    run_id: str | None = None
    attempt: int | None = None
    waited: timedelta | None = None
    """How long the message had waited for it."""

    took: timedelta | None = None
    """How long it took itself."""

    until: datetime | None = None
    provider_id: str | None = None
    """Under which the phone company has the text: its SID."""

    def in_words(self, told: Callable[[datetime], str]) -> str:
        """Return what happened with all that is known of it; `told` says how a moment is told."""
        details = (
            f"waited {spell(self.waited)}" if self.waited is not None else None,
            f"took {spell(self.took)}" if self.took is not None else None,
            f"until {told(self.until)}" if self.until else None,
            f"SID {self.provider_id}" if self.provider_id else None,
            f"run {short(self.run_id)}" if self.run_id else None,
        )
        return "; ".join([self.what, *(one for one in details if one)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """What happened, oldest first, and what comes next, soonest first."""

    entries: Sequence[Entry]
    next: Sequence[Entry]
    """Empty only with `nothing_because`."""

    nothing_because: str | None


def short(run_id: str) -> str:
    """Return a run's id as it is shown where the whole one would be in the way; the web UI finds it by that, too."""
    return run_id[:8]


def timeline(case: Case) -> Timeline:
    """Return the timeline of a case."""
    happened = [
        *(_of_task(case) if isinstance(case, TaskCase) else _of_episode(case)),
        *history(case.messages),
    ]
    happened += _about_all(case.circumstances, [entry.at for entry in happened if entry.at], case.messages)
    comes = sorted(_next(case), key=lambda entry: (entry.at is None, entry.at or case.circumstances.now))
    return Timeline(
        entries=_in_order(happened), next=comes, nothing_because=None if comes else _why_nothing_comes(case)
    )


def history(messages: Sequence[Story]) -> list[Entry]:
    """Return what happened to messages, in order."""
    return _in_order([entry for one in messages for entry in _of_message(one)])


def _in_order(entries: Sequence[Entry]) -> list[Entry]:
    """Sort by time; what happened at once stays in the order in which it was told."""
    return [entry for _, entry in sorted(((one.at, one) for one in entries if one.at), key=lambda pair: pair[0])]


# --- what happened to the task or the episode -------------------------------------------------------------------------


def _of_task(case: TaskCase) -> Iterator[Entry]:
    times, task, now = case.times, case.task, case.circumstances.now
    if times:
        yield Entry(at=times.created_at, what="the task appears")
        yield Entry(at=times.picked_up_at, what="somebody picks the task up")
        yield Entry(at=times.resolved_at, what="the task is closed")
    yield from _of_assignment(case)
    if task and task.sla_due_at and task.sla_due_at <= now and not task.is_closed:
        yield Entry(at=task.sla_due_at, what="the SLA is missed")


def _of_assignment(case: TaskCase) -> Iterator[Entry]:
    known = case.assignment
    if known and known.nobody_since:
        what = f"the task could not be given to a nurse; at the last try: {known.nobody_because}"
        yield Entry(at=known.nobody_since, what=what, run_id=None if known.person_id else known.run_id)
    if known and known.person_id:
        what = f"assigned to nurse {known.person_id}: {known.reason}"
        yield Entry(at=known.assigned_at, what=what, recipient_id=known.person_id, run_id=known.run_id)


def _of_episode(case: EpisodeCase) -> Iterator[Entry]:
    if case.episode:
        yield Entry(at=case.episode.discharge_at, what="the patient leaves hospital")
        yield Entry(at=case.episode.created_at, what="the episode appears")


def _about_all(around: Circumstances, times: Sequence[datetime], messages: Sequence[Story]) -> Iterator[Entry]:
    """Yield what concerned all messages while these were under way."""
    if not messages:
        return
    is_under_way = any(_is_under_way(one) for one in messages)
    first, last = min(times), around.now if is_under_way else max(times)
    kinds = {"all", "phone company", *(one.kind for one in messages)}
    for order in around.orders:
        if first <= order.at <= last and order.kind in kinds:
            what = {"all": "all messages", "phone company": "the phone company: it is tried at once"}
            yield Entry(at=order.at, what=f"{_ordered(order)} {what.get(order.kind or '', order.kind)} ({order.why})")
    opened, closed = around.provider.opened_at, around.provider.closed_at
    if opened and first <= opened <= last:
        yield Entry(at=opened, what=f"the phone company takes no texts from now on: {around.provider.why_open}")
    if opened and closed and first <= closed <= last:
        yield Entry(at=closed, what="the phone company takes texts again", took=closed - opened)


def _is_under_way(message: Story) -> bool:
    is_given_up = message.state is State.SENT and message.receipt_at is None
    return message.state not in SETTLED and not is_given_up


# --- what happened to a message ---------------------------------------------------------------------------------------


def _of_message(message: Story) -> Iterator[Entry]:
    for order in message.orders:
        yield _entry(message, order.at, f"{_ordered(order)} it ({order.why})")
    yield from _found_late(message)
    before: Change | None = None
    for place, change in enumerate(message.changes):
        after = message.changes[place + 1] if place + 1 < len(message.changes) else None
        if before is None:
            yield from _beginning(message, change)
        elif change.to_state is State.SENDING:
            yield _attempt(message, before, change, after)
        elif change.from_state is not State.SENDING:  # what came of an attempt is told with it
            yield _told(message, before, change, after)
        before = change


def _found_late(message: Story) -> Iterator[Entry]:
    """Yield the texts that were given up and went out all the same."""
    for place, late in enumerate(message.found_late):
        after = spell(late.found_at - late.began_at)
        if message.provider_id is None:
            what = f"a text went out after all: it was found after {after}"
        elif place == 0:
            what = f"two texts went out: the first was found after {after}"
        else:
            what = f"{place + 2} texts went out: another was found after {after}"
        yield replace(_entry(message, late.found_at, what), provider_id=late.provider_id)


def _entry(message: Story, at: datetime, what: str) -> Entry:
    return Entry(at=at, what=what, kind=message.kind, message_id=message.id, recipient_id=message.recipient_id)


def _beginning(message: Story, change: Change) -> Iterator[Entry]:
    if change.claim_id is None:
        yield _entry(message, change.at, f"to be sent: {change.reason or 'no reason given'}")
    else:
        waited = change.at - message.owed_since if message.owed_since <= change.at else None
        yield replace(_entry(message, change.at, "noticed and claimed"), waited=waited)


def _attempt(message: Story, before: Change, began: Change, ended: Change | None) -> Entry:
    entry = replace(
        _entry(message, began.at, f"attempt {began.attempt}: no answer is recorded yet"),
        run_id=began.run_id,
        attempt=began.attempt,
        waited=began.at - before.at,
    )
    if ended is None:
        return entry
    is_accepted = ended.to_state is State.SENT
    return replace(
        entry,
        what=f"attempt {began.attempt}: {_answer(ended)}",
        took=ended.at - began.at,
        provider_id=message.provider_id if is_accepted else None,
    )


def _answer(ended: Change) -> str:
    match ended.to_state:
        case State.SENT:
            return "the phone company has it"
        case State.QUEUED:
            return f"not taken, to be tried again: {ended.reason}"
        case State.IN_DOUBT:
            return f"nobody knows whether it went out: {ended.reason}"
        case _:
            return f"refused: {ended.reason}"


def _told(message: Story, before: Change, change: Change, after: Change | None) -> Entry:
    entry = replace(_entry(message, change.at, _sentence(before, change)), waited=change.at - before.at)
    if change.from_state is State.QUEUED:
        entry = replace(entry, run_id=change.run_id)
    if change.to_state is State.SCHEDULED:
        until = after.at if after else message.due_at
        return replace(entry, until=until, waited=None)
    if change.to_state is State.SENT:
        return replace(entry, provider_id=message.provider_id)
    return entry


_IN_WORDS = {
    (State.SENT, State.DELIVERED): "receipt: it has arrived",
    (State.SENT, State.UNDELIVERED): "receipt: {reason}",
    (State.SENT, State.SENT): "receipt: {reason}",
    (State.SCHEDULED, State.QUEUED): "its time has come: claimed",
    (State.QUEUED, State.SCHEDULED): "waits: {reason}",
    (State.SCHEDULED, State.CANCELLED): "not sent: {reason}",
    (State.QUEUED, State.CANCELLED): "not sent: {reason}",
    (State.QUEUED, State.FAILED): "cannot be sent: {reason}",
    (State.QUEUED, State.SENT): "looked up: {reason}",
    (State.IN_DOUBT, State.SENT): "looked up: {reason}",
    (State.IN_DOUBT, State.QUEUED): "looked up: {reason}",
    (State.IN_DOUBT, State.FAILED): "looked up, given up: {reason}",
    (State.IN_DOUBT, State.CANCELLED): "looked up, not sent: {reason}",
    (State.IN_DOUBT, State.HELD): "held for a person: {reason}",
    (State.HELD, State.QUEUED): "to be sent: {reason}",
    (State.HELD, State.CANCELLED): "not sent: {reason}",
}


def _sentence(before: Change, change: Change) -> str:
    """Return what a change means that no attempt ended with."""
    if change.from_state is State.IN_DOUBT and change.to_state is State.SENT and change.reason is None:
        return "the answer comes after all: the phone company has it"
    if change.from_state is change.to_state is State.QUEUED:
        if change.claim_id is None:
            return f"given back: {change.reason}"
        return _claimed_again(change) if change.claim_id != before.claim_id else change.reason or "no reason given"
    words = _IN_WORDS.get((change.from_state or change.to_state, change.to_state), "{reason}")
    return words.format(reason=change.reason or "no reason given")


def _claimed_again(change: Change) -> str:
    reason = change.reason or ""
    return reason if reason.startswith("claimed") else "claimed"


_PAST = {"pause": "paused", "resume": "resumed", "cancel": "cancelled", "resend": "resent", "release": "released"}


def _ordered(order: Order) -> str:
    return f"{order.who} {_PAST.get(order.verb, order.verb)}"


# --- what comes next --------------------------------------------------------------------------------------------------


def _next(case: Case) -> Iterator[Entry]:
    for one in case.messages:
        yield from _next_of_message(one, case)
    if isinstance(case, TaskCase):
        yield from _next_of_task(case)
    elif not case.messages and case.appeared_at and _is_live(case):
        due = case.appeared_at + case.circumstances.delays.check_in
        yield Entry(at=due, what="the check-in may go out, by day where the patient is, once it is scheduled")


def _is_live(case: EpisodeCase) -> bool:
    return case.appeared_at is not None and case.appeared_at >= case.circumstances.workflows_live_at


def _next_of_message(message: Story, case: Case) -> Iterator[Entry]:
    if message.state not in {State.SCHEDULED, State.QUEUED, State.SENDING, State.IN_DOUBT, State.SENT}:
        return
    around = case.circumstances
    halt = around.halt_of(message.kind)
    match message.state:
        case State.SCHEDULED | State.QUEUED if halt:
            what = f"waits: {halt.reason}"
            yield replace(_entry(message, around.now, what), at=None)
        case State.SCHEDULED:
            what = f"it falls due, and {_when_due(message, case)}"
            if message.due_at and message.due_at <= around.now:
                what = "it is due: the next tick of its sensor claims it"
            yield replace(_entry(message, message.due_at or around.now, what), at=message.due_at)
        case State.QUEUED if message.lease_until and message.claim_id is None:
            yield _entry(message, message.lease_until, "any claim may have it")
        case State.QUEUED if message.lease_until:
            in_hand = "its run has it in hand; " if message.run_id else ""
            what = f"{in_hand}if its run has not said anything by then, it is claimed again"
            yield replace(_entry(message, message.lease_until, what), run_id=message.run_id)
        case State.SENDING if message.lease_until:
            what = "if no answer is recorded by then, it counts as in doubt and is looked up"
            yield _entry(message, message.lease_until, what)
        case State.IN_DOUBT if message.look_at:
            entry = _entry(message, message.look_at, "it is looked up at the phone company")
            ends_at = message.doubt_ends_at
            yield replace(entry, until=ends_at if ends_at and ends_at > around.now else None)
        case State.SENT if message.receipt_at:
            yield _entry(message, message.receipt_at, "the phone company is asked whether it has arrived")


def _when_due(message: Story, case: Case) -> str:
    """Return what becomes of a message that waits, by what is so now."""
    if isinstance(case, EpisodeCase):
        return "goes out if it is still wanted"
    if case.task is None or case.task.is_closed:
        return f"is called off: {_why_nothing_comes(case)}"
    if message.kind != TASK_CREATED.name or message.recipient_id == (nurse := case.task.assigned_to_user_id):
        is_nobodys = message.kind == TASK_CREATED.name and message.recipient_id is None
        return (
            "no nurse can be told, if the task is nobody's by then" if is_nobodys else "goes out if it is still wanted"
        )
    if nurse is None:
        return "is called off: the task has been taken from its nurse"
    return f"is called off: the task is nurse {nurse}'s, who has a message of her own"


def _next_of_task(case: TaskCase) -> Iterator[Entry]:
    task, now, delays = case.task, case.circumstances.now, case.circumstances.delays
    if task is None or task.is_closed or is_before_go_live(case):
        return
    if not case.messages:
        halt = case.circumstances.halt_of(TASK_CREATED.name)
        what = f"waits: {halt.reason}" if halt else "a sensor notices the task, within seconds as a rule"
        yield Entry(at=None, kind=TASK_CREATED.name, what=what)
    if task.sla_due_at and task.sla_due_at > now:
        if not has(case, SLA_WARNING.name):
            at = max(case.warned_from(task.sla_due_at), now)
            yield Entry(at=at, kind=SLA_WARNING.name, what="the nurse is warned by the next scan, if the task is open")
        yield Entry(at=task.sla_due_at, kind=SLA_BREACH.name, what="the SLA is missed, if the task is still open")
    elif task.sla_due_at and not has(case, SLA_ESCALATION.name):
        yield from _escalation(case, delays.escalation)
    if task.assigned_to_user_id is None and case.assignment and case.assignment.next_try_at > now:
        yield Entry(at=case.assignment.next_try_at, what="it is tried again to give the task to a nurse")
    if task.assigned_to_user_id is None and (told_at := unassigned_until(case)) and told_at > now:
        yield Entry(
            at=told_at, kind="nurse-unreached", what="the supervisors are told, if the task is nobody's by then"
        )


def _escalation(case: TaskCase, delay: timedelta) -> Iterator[Entry]:
    alerts = [one for one in case.messages if one.kind == SLA_BREACH.name and is_of_this_sla(case, one)]
    if alerts and alerts[-1].state is not State.CANCELLED:
        at = (alerts[-1].sent_at or alerts[-1].attempted_at or alerts[-1].created_at) + delay
        yield Entry(at=at, kind=SLA_ESCALATION.name, what="the supervisors are told, if the task is still open")


def has(case: TaskCase, kind: str) -> bool:
    """Tell whether there is a message of a kind about the task's SLA as it is now."""
    return any(one.kind == kind and is_of_this_sla(case, one) for one in case.messages)


def is_of_this_sla(case: TaskCase, message: Story) -> bool:
    """Tell whether a message is about the SLA that the task has now."""
    return case.task is not None and message.sla_due_at == case.task.sla_due_at


def is_before_go_live(case: TaskCase) -> bool:
    """Tell whether the task is left alone, for it is older than this system."""
    return case.appeared_at is not None and case.appeared_at < case.circumstances.go_live_at


def unassigned_until(case: TaskCase) -> datetime | None:
    """Return how long the task may be nobody's before the supervisors are told; None while it is not known."""
    said = [one for one in case.messages if one.kind == "task-created" and one.recipient_id is None]
    if not said:
        return None
    if said[-1].due_at:
        return said[-1].due_at
    since = min(said[-1].owed_since, said[-1].created_at)
    if case.assignment and case.assignment.nobody_since and case.assignment.has_no_taker:
        return max(since, case.assignment.nobody_since)
    is_critical = case.task is not None and case.task.severity == "CRITICAL"
    return since if is_critical else since + case.circumstances.delays.unassigned


def _why_nothing_comes(case: Case) -> str:
    if isinstance(case, EpisodeCase):
        return "nothing is under way" if case.messages else "there is no check-in, and none will be scheduled"
    if case.task is None:
        return "the application does not have the task (any more)"
    if case.task.is_closed:
        return f"the task is {case.task.status}: nobody is texted about it any more"
    if is_before_go_live(case):
        return "the task is older than this system, which leaves it alone"
    return "nothing is under way, and the task has no SLA that is still to come"
