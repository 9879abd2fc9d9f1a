"""Was a nurse called whom no text reached, once, and nobody else? Pure.

A call names no task, so the truth is its number and its time, the texts that did not reach that number, and the
application's rows. The ledger only says when a call began, and why one was not made.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from itertools import pairwise

from bench.storm.evidence import DOUBT_WINDOW, TOLERANCE, Evidence, Offence, begun, is_excuse, offence_of
from bench.storm.hospital import Task
from bench.storm.phone import CALL, DIGEST, Request
from bench.storm.plan import OFF_FOR_A_WHILE, Person

# Seconds that pass between two calls to a person, and after which a text without a receipt has not reached her.
BETWEEN_CALLS, RECEIPT_WINDOW = 300.0, 300.0

# Seconds after which a call that may be made again must have been made: the system may have been stopped meanwhile.
SOON = 60.0

_UNREACHED = frozenset({"FAILED", "HELD", "UNDELIVERED"})


def lost_calls(evidence: Evidence, explained: Counter[str]) -> Iterator[Offence]:
    """Find open tasks of nurses whose phones take no text, without a call since that was seen.

    One call stands for all tasks whose texts had not reached her by then.
    """
    tried = {person.id: _tried(evidence, person) for person in evidence.people if not _takes_texts(person)}
    for task in evidence.facts.tasks.values():
        nurse = evidence.person.get(task.nurses[-1][1] or "")
        is_hers_throughout = len({one for _, one in task.nurses}) == 1
        if nurse is None or not nurse.may_be_called or _takes_texts(nurse) or not is_hers_throughout:
            continue
        if not _is_called_for(evidence, task) or task.resolved is not None or task.picked_up is not None:
            continue
        is_tried_again = nurse.undeliverable == OFF_FOR_A_WHILE and task.severity != "CRITICAL"
        texts = tried[nurse.id].get(task.id, [])[int(is_tried_again) :]
        calls = evidence.calls_to[nurse.phone]
        if not texts or any(call.at >= texts[0].at or call.at > evidence.at - BETWEEN_CALLS - SOON for call in calls):
            continue
        if any(row.kind == CALL and row.recipient_id == nurse.id and is_excuse(row) for row in evidence.rows):
            explained["nurse-call: FAILED or HELD"] += 1
        else:
            yield Offence(what="not called", kind=CALL, subject=task.id, recipient_id=nurse.id)


def doubled_calls(evidence: Evidence) -> tuple[list[Offence], int]:
    """Return calls too soon after another, or beyond one a message; and how many the list is to blame for."""
    doubled, by_lag = list[Offence](), 0
    for number, calls in evidence.calls_to.items():
        person = evidence.person_of.get(number)
        too_soon = [both for both in pairwise(calls) if both[1].at - both[0].at < BETWEEN_CALLS - TOLERANCE]
        for both in too_soon:
            if both[0].lag > DOUBT_WINDOW:
                by_lag += 1
            else:
                doubled.append(offence_of(f"two calls within {both[1].at - both[0].at:.0f} s", *both))
        messages = [
            row
            for row in evidence.rows
            if row.kind == CALL
            and person
            and row.recipient_id == person.id
            and row.state not in {"FAILED", "CANCELLED"}
        ]
        if len(calls) - len(too_soon) > max(1, len(messages)):
            doubled.append(offence_of(f"{len(calls)} calls for {len(messages)} messages", *calls))
    return doubled, by_lag


def stray_calls(evidence: Evidence) -> Iterator[Offence]:
    """Find calls to people who are not called, or whom all texts about their severe tasks have reached."""
    for person, call in _calls(evidence):
        if person is None or person.role != "NURSE" or not person.may_be_called:
            yield offence_of("to somebody who may not be called", call)
        elif not _unreached(evidence, person, call):
            yield offence_of("to a nurse whom all texts have reached", call)


def late_calls(evidence: Evidence) -> Iterator[Offence]:
    """Find calls that began when no task was left for which the nurse was to be called: closed, another's or taken."""
    for person, call in _calls(evidence):
        tasks = _unreached(evidence, person, call) if person else []
        at = begun(evidence, call)
        if person and tasks and not any(_is_to_be_done(task, person, at) for task in tasks):
            yield offence_of("begun when none of her tasks was open any more", call)


def _calls(evidence: Evidence) -> Iterator[tuple[Person | None, Request]]:
    for number, calls in evidence.calls_to.items():
        for call in calls:
            yield evidence.person_of.get(number), call


def _is_called_for(evidence: Evidence, task: Task) -> bool:
    return task.severity in evidence.switches.calls_for


def _takes_texts(person: Person) -> bool:
    return person.reachable and person.undeliverable is None


def _unreached(evidence: Evidence, person: Person, call: Request) -> list[Task]:
    """Return the person's severe tasks with a text that had not reached her when she was called."""
    tasks = evidence.facts.tasks
    return [
        tasks[task_id]
        for task_id, texts in _tried(evidence, person).items()
        if task_id in tasks
        and _is_called_for(evidence, tasks[task_id])
        and texts[0].at < call.at
        and (
            not _takes_texts(person)
            or texts[0].at < call.at - RECEIPT_WINDOW + TOLERANCE
            or any(
                row.recipient_id == person.id and row.state in _UNREACHED
                for row in evidence.rows_by["task-created", task_id]
            )
        )
    ]


def _tried(evidence: Evidence, person: Person) -> Mapping[str, list[Request]]:
    """Return the requests to text a person about each of her tasks that were accepted or refused, oldest first."""
    found: dict[str, list[Request]] = defaultdict(list)
    for request in evidence.requests:
        if request.to != person.phone or not (request.sid or request.answer == "refused"):
            continue
        if request.kind == DIGEST:
            for row in evidence.named(request):
                found[row.task_id or ""].append(request)
        elif request.task_id:
            found[request.task_id].append(request)
    return found


def _is_to_be_done(task: Task, person: Person, at: float) -> bool:
    """Return whether a task may have been open, the person's own, and not taken by her, at a moment or just before."""
    if task.picked_up is not None and at > task.picked_up + TOLERANCE:
        return False
    return any(one.is_open and one.nurse == person.id for one in task.possible(at - TOLERANCE, at))
