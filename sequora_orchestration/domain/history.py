"""The history of a case: of its task or episode, of each of its messages, and of all messages meanwhile.

Here: sentences about the past, made of the records of the ledger and the application. Not here: what comes next
(`timeline`), and whether all is as it should be (`verdict`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sequora_orchestration.domain.case import Change, Circumstances, EpisodeCase, Order, Story, TaskCase
from sequora_orchestration.domain.cause import Cause
from sequora_orchestration.domain.halts import Provider
from sequora_orchestration.domain.ledger_state import State
from sequora_orchestration.domain.spell import spell
from sequora_orchestration.domain.timeline_entry import Entry, entry_about

# A message that is claimed so soon after it was put into the queue has not waited there.
AT_ONCE = timedelta(seconds=1)

# In these states nothing more happens by itself.
SETTLED = frozenset({State.DELIVERED, State.UNDELIVERED, State.FAILED, State.CANCELLED, State.HELD})


def history(messages: Sequence[Story]) -> list[Entry]:
    """Return the events of messages, in order."""
    return in_order([entry for one in messages for entry in _of_message(one)])


def in_order(entries: Sequence[Entry]) -> list[Entry]:
    """Sort by time; entries of the same moment keep their order."""
    return [entry for _, entry in sorted(((one.at, one) for one in entries if one.at), key=lambda pair: pair[0])]


def of_task(case: TaskCase) -> Iterator[Entry]:
    """Yield the events of the task itself: it appears, is assigned, is picked up, is closed, misses its SLA."""
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


def of_episode(case: EpisodeCase) -> Iterator[Entry]:
    """Yield the events of the episode itself: it appears, and its patient leaves hospital."""
    if case.episode:
        yield Entry(at=case.episode.discharge_at, what="the patient leaves hospital")
        yield Entry(at=case.episode.created_at, what="the episode appears")


def about_all(around: Circumstances, times: Sequence[datetime], messages: Sequence[Story]) -> Iterator[Entry]:
    """Yield orders about all messages, and the phone company's outages, while these messages were under way."""
    if not messages:
        return
    is_under_way = any(_is_under_way(one) for one in messages)
    first, last = min(times), around.now if is_under_way else max(times)
    kinds = {"all", "phone company", *(kind for one in messages for kind in (one.kind, one.text_kind))}
    for order in around.orders:
        if first <= order.at <= last and order.kind in kinds:
            what = {"all": "all messages", "phone company": "the phone company: it is tried at once"}
            yield Entry(at=order.at, what=_ordered(order, what.get(order.kind or "", str(order.kind))))
    for channel in dict.fromkeys(one.channel for one in messages):
        if provider := around.providers.get(channel):
            yield from _outage(provider, first, last)


def _outage(provider: Provider, first: datetime, last: datetime) -> Iterator[Entry]:
    opened, closed, noun = provider.opened_at, provider.closed_at, provider.noun
    if opened and first <= opened <= last:
        yield Entry(at=opened, what=f"the phone company takes no {noun} from now on: {provider.why_open}")
    if opened and closed and first <= closed <= last:
        yield Entry(at=closed, what=f"the phone company takes {noun} again", took=closed - opened)


def _is_under_way(message: Story) -> bool:
    is_given_up = message.state is State.SENT and message.receipt_at is None
    return message.state not in SETTLED and not is_given_up


def _of_message(message: Story) -> Iterator[Entry]:
    for order in message.orders:
        yield entry_about(message, order.at, _ordered(order, "it"))
    yield from _found_late(message)
    before: Change | None = None
    changes = _without_short_wait(message.changes)
    for place, change in enumerate(changes):
        after = changes[place + 1] if place + 1 < len(changes) else None
        if before is None:
            yield from _beginning(message, change)
        elif change.to_state is State.SENDING:
            yield _attempt(message, before, change, after)
        elif change.from_state is not State.SENDING:  # an attempt's entry already says how it ended
            yield _other_change(message, before, change, after)
        before = change


def _found_late(message: Story) -> Iterator[Entry]:
    """Yield the texts of lost attempts that were found to have gone out all the same."""
    for place, late in enumerate(message.found_late):
        after = spell(late.found_at - late.began_at)
        if message.provider_id is None:
            what = f"a {message.noun} went out after all: it was found after {after}"
        elif place == 0:
            what = f"two {message.noun}s went out: the first was found after {after}"
        else:
            what = f"{place + 2} {message.noun}s went out: another was found after {after}"
        yield replace(entry_about(message, late.found_at, what), provider_id=late.provider_id)


def _without_short_wait(changes: Sequence[Change]) -> Sequence[Change]:
    """Return the changes; if the message was claimed as soon as it was in the queue, only those from its claim on."""
    if (
        len(changes) > 1
        and _is_enqueued(changes[0])
        and changes[1].claim_id
        and changes[1].at - changes[0].at < AT_ONCE
    ):
        return changes[1:]
    return changes


def _is_enqueued(change: Change) -> bool:
    """Return whether a question has found the message and put it into the queue."""
    return (change.from_state, change.to_state, change.claim_id, change.reason) == (None, State.QUEUED, None, None)


def _beginning(message: Story, change: Change) -> Iterator[Entry]:
    if _is_enqueued(change):
        waited = change.at - message.owed_since if message.owed_since <= change.at else None
        yield replace(entry_about(message, change.at, "noticed"), waited=waited)
    elif change.claim_id is None:
        yield entry_about(message, change.at, f"to be sent: {change.reason or 'no reason given'}")
    else:
        waited = change.at - message.owed_since if message.owed_since <= change.at else None
        yield replace(entry_about(message, change.at, "noticed and claimed"), waited=waited)


def _attempt(message: Story, before: Change, began: Change, ended: Change | None) -> Entry:
    entry = replace(
        entry_about(message, began.at, f"attempt {began.attempt}: no answer is recorded yet"),
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


def _other_change(message: Story, before: Change, change: Change, after: Change | None) -> Entry:
    entry = entry_about(message, change.at, _sentence(message, before, change))
    entry = replace(entry, waited=change.at - before.at)
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
    (State.SCHEDULED, State.FAILED): "its digest was not sent: {reason}",
    (State.SCHEDULED, State.HELD): "its digest is held for a person: {reason}",
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
    (State.HELD, State.SCHEDULED): "waits for its digest: {reason}",
}


# Of a call. Who answered is not known: it may have been an answering machine.
_OF_CALLS = {
    **_IN_WORDS,
    (State.SENT, State.DELIVERED): "answered, by a person or a machine",
    (State.SENT, State.UNDELIVERED): "{reason}",
    (State.QUEUED, State.CANCELLED): "not called: {reason}",
    (State.QUEUED, State.FAILED): "cannot be called: {reason}",
}


def _sentence(message: Story, before: Change, change: Change) -> str:
    """Return a sentence for a change that is not the end of an attempt."""
    if change.from_state is State.IN_DOUBT and change.to_state is State.SENT and change.reason is None:
        return "the answer comes after all: the phone company has it"
    if change.from_state is change.to_state is State.QUEUED:
        if change.claim_id is None:
            return f"given back: {change.reason}"
        return _claimed_again(change) if change.claim_id != before.claim_id else change.reason or "no reason given"
    if change.cause is Cause.ANSWERED:
        return "answered by its recipient: it has arrived"
    in_words = _IN_WORDS if message.is_text else _OF_CALLS
    words = in_words.get((change.from_state or change.to_state, change.to_state), "{reason}")
    return words.format(reason=change.reason or "no reason given")


def _claimed_again(change: Change) -> str:
    is_said = change.cause in {Cause.CLAIMED_AGAIN, Cause.CLAIMED_BY_NAME}
    return change.reason if is_said and change.reason else "claimed"


_PAST = {
    "pause": "paused {}",
    "resume": "resumed {}",
    "cancel": "cancelled {}",
    "resend": "resent {}",
    "replay": "replayed {}",
    "release": "released {}",
    "accept": "accepted {}",
    "resolve": "resolved {}",
    "hand over": "handed {} over",
    "ask to resolve": "wants to resolve {}, and was sent the link for that",
    "ask to hand over": "wants to hand {} over, and was sent the link for that",
}


def _ordered(order: Order, what: str) -> str:
    """Return a sentence that somebody has done what was ordered with `what`, and why."""
    return f"{order.who} {_PAST.get(order.verb, f'{order.verb} {{}}').format(what)} ({order.why})"
