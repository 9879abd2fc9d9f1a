"""What comes next in a case, and its whole timeline: what has happened and what comes, in order.

Here: sentences about the future, with the times at which something will happen by itself. Not here: what has happened
(`domain.history`), whether that is as it should be (`verdict`), and how it looks in a terminal or in the UI.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from sequora_orchestration.cases.assigned import is_before_go_live, is_open, nurse_of
from sequora_orchestration.cases.known_kinds import channel_of, when_owed
from sequora_orchestration.domain.case import Case, EpisodeCase, MessageCase, OwedMessage, Story, TaskCase
from sequora_orchestration.domain.history import about_all, history, in_order, of_episode, of_task
from sequora_orchestration.domain.ledger_state import State
from sequora_orchestration.domain.timeline_entry import Entry, entry_about
from sequora_orchestration.messages.kind import Audience

WANTED = "goes out if it is still wanted"

# What comes once a message is owed, of a kind that says nothing better.
LATER = "its recipient is texted, if it is still wanted"
COMES_LATER: Mapping[str, str] = {
    Audience.ASSIGNEE: "the nurse is texted, if the task is still open",
    Audience.ON_CALL: "the supervisors are told, if the task is still open",
    Audience.PATIENT: "the patient is texted, if it is still wanted",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """What happened, oldest first, and what comes next, soonest first."""

    entries: Sequence[Entry]
    next: Sequence[Entry]
    """Empty only with `nothing_because`."""

    nothing_because: str | None


def timeline(case: Case) -> Timeline:
    """Return the timeline of a case."""
    happened = [
        *_of_subject(case),
        *history(case.messages),
    ]
    happened += about_all(case.circumstances, [entry.at for entry in happened if entry.at], case.messages)
    comes = sorted(_next(case), key=lambda entry: (entry.at is None, entry.at or case.circumstances.now))
    return Timeline(entries=in_order(happened), next=comes, nothing_because=None if comes else _why_nothing_comes(case))


def _of_subject(case: Case) -> Iterator[Entry]:
    match case:
        case TaskCase():
            return of_task(case)
        case EpisodeCase():
            return of_episode(case)
        case MessageCase():
            return iter(())


def _next(case: Case) -> Iterator[Entry]:
    for one in case.messages:
        yield from _next_of_message(one, case)
    for owed in case.owed:
        yield _next_of_owed(owed, case)
    if isinstance(case, TaskCase) and is_open(case) and nurse_of(case) is None:
        yield from _next_of_nobodys(case)


def _next_of_owed(owed: OwedMessage, case: Case) -> Entry:
    """Return what comes of a message that has no row, once it is owed, or as soon as somebody looks."""
    around, words = case.circumstances, when_owed(owed.kind)
    halt = around.halt_of(owed.kind, channel_of(owed.kind)) if words.waits_while_halted else None
    if (after := words.comes_after(around.delays)) is not None:
        return Entry(at=owed.owed_since + after, kind=owed.kind, what=words.comes_now)
    if owed.owed_since > around.now:
        return Entry(
            at=owed.owed_since, kind=owed.kind, what=words.comes_later or COMES_LATER.get(owed.audience, LATER)
        )
    if halt:
        return Entry(at=None, kind=owed.kind, what=f"waits: {halt.reason}")
    return Entry(at=None, kind=owed.kind, what=words.comes_now)


def _next_of_nobodys(case: TaskCase) -> Iterator[Entry]:
    """Yield what comes of a task that nobody has: it is given to somebody, or the supervisors are told."""
    now = case.circumstances.now
    if case.assignment and case.assignment.next_try_at > now:
        yield Entry(at=case.assignment.next_try_at, what="it is tried again to give the task to a nurse")
    for one in case.messages:
        is_for_nobody = one.audience == Audience.ASSIGNEE and one.recipient_id is None
        if is_for_nobody and one.state is State.SCHEDULED and one.due_at and one.due_at > now:
            yield Entry(at=one.due_at, what="the supervisors are told, if the task is nobody's by then")


def _next_of_message(message: Story, case: Case) -> Iterator[Entry]:
    if message.state not in {State.SCHEDULED, State.QUEUED, State.SENDING, State.IN_DOUBT, State.SENT}:
        return
    around = case.circumstances
    halt = around.halt_of(message.text_kind, message.channel)
    match message.state:
        case State.SCHEDULED | State.QUEUED if halt:
            what = f"waits: {halt.reason}"
            yield replace(entry_about(message, around.now, what), at=None)
        case State.SCHEDULED:
            what = f"{'its digest' if message.named_by else 'it'} falls due, and {_when_due(message, case)}"
            if message.due_at and message.due_at <= around.now:
                what = "it is due: the next tick of its sensor claims it"
            yield replace(entry_about(message, message.due_at or around.now, what), at=message.due_at)
        case State.QUEUED if message.lease_until and message.claim_id is None:
            yield entry_about(message, message.lease_until, "any claim may have it")
        case State.QUEUED if message.lease_until:
            in_hand = "its run has it in hand; " if message.run_id else ""
            what = f"{in_hand}if its run has not said anything by then, it is claimed again"
            yield replace(entry_about(message, message.lease_until, what), run_id=message.run_id)
        case State.SENDING if message.lease_until:
            what = "if no answer is recorded by then, it counts as in doubt and is looked up"
            yield entry_about(message, message.lease_until, what)
        case State.IN_DOUBT if message.look_at:
            entry = entry_about(message, message.look_at, "it is looked up at the phone company")
            ends_at = message.doubt_ends_at
            yield replace(entry, until=ends_at if ends_at and ends_at > around.now else None)
        case State.SENT if message.receipt_at:
            became = "it has arrived" if message.is_text else "it was answered"
            yield entry_about(message, message.receipt_at, f"the phone company is asked whether {became}")


def _when_due(message: Story, case: Case) -> str:
    """Return what becomes of a message that waits, by what is so now."""
    if not isinstance(case, TaskCase):
        return WANTED
    if not is_open(case):
        return f"is called off: {_why_nothing_comes(case)}"
    nurse = nurse_of(case)
    if message.audience != Audience.ASSIGNEE:
        return WANTED
    if message.recipient_id == nurse:
        return WANTED if nurse else "no nurse can be told, if the task is nobody's by then"
    if nurse is None:
        return "is called off: the task has been taken from its nurse"
    return f"is called off: the task is nurse {nurse}'s, who has a message of her own"


def _why_nothing_comes(case: Case) -> str:
    if isinstance(case, MessageCase):
        return "nothing is under way"
    if isinstance(case, EpisodeCase):
        return "nothing is under way" if case.messages else "no text to the patient is owed, and none will be"
    if case.task is None:
        return "the application does not have the task (any more)"
    if case.task.is_closed:
        return f"the task is {case.task.status}: nobody is texted about it any more"
    if is_before_go_live(case):
        return "the task is older than this system, which leaves it alone"
    return "nothing is under way, and the task has no SLA that is still to come"
