"""Was what people wrote obeyed, once, and answered, and did nobody get a text after STOP? Pure.

The truth is what the phones have written and the texts that they had, and the application's rows. Outcomes are judged
by the moment at which the system records to have read a text.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

from bench.storm.books import Answer, Inbound
from bench.storm.evidence import OPTED_OUT, STAFF_ON_CALL, TOLERANCE, Evidence, Offence, begun, offence_of
from bench.storm.hospital import Task
from bench.storm.phone import REPLY, Written
from bench.storm.plan import Person
from bench.storm.talk import ACCEPT, HAND_OVER, RESOLVE

# Seconds by which a decision may be older than the record of it: the tasks are read first.
DECIDED_BEFORE = 3.0

# Outcomes with which a command is an order; and what an order of each verb is called.
ORDERED = frozenset({"DONE", "LINK", "NOT_WRITTEN"})
ORDERS = {ACCEPT: "accept", RESOLVE: "resolve", HAND_OVER: "hand over"}

# Who sends the same once more within so many seconds has handed it over once.
ONE_HAND_OVER = 600.0


def staff(evidence: Evidence) -> Iterator[tuple[Written, Person]]:
    """Find what members of staff have written after they were texted about a task, each with its writer."""
    first_texts: dict[str, float] = {}
    for request in evidence.texts:
        if request.number:
            first_texts[request.to] = min(request.at, first_texts.get(request.to, request.at))
    for one in evidence.written:
        person = evidence.person_of.get(one.phone)
        if person and first_texts.get(one.phone, one.at) < one.at:
            yield one, person


# ── Unheeded ────────────────────────────────────────────────────────────────────────────────────────────────


def unheeded(evidence: Evidence) -> Iterator[Offence]:
    """Find what was not read or not understood, commands that were lost, and outcomes that were wrong at that time."""
    read = {one.sid: one for one in evidence.inbox.inbound}
    of_staff = {one.sid: person for one, person in staff(evidence)}
    answers = _answers_by_text(evidence)
    for one in evidence.written:
        inbound, person = read.get(one.sid), of_staff.get(one.sid)
        if inbound is None:
            yield _about(one, "not read")
        elif inbound.understood != (expected := _expected(one, person)):
            yield _about(one, f"taken for {inbound.understood} instead of {expected}")
        elif one.commands and person:
            given = [(answer.verb, answer.number) for answer in answers[one.sid]]
            missing = Counter(verb for verb, _ in one.commands) - Counter(verb for verb, _ in given)
            if missing:
                yield _about(one, f"lost: {', '.join(missing.elements())}")
            yield from _wrong_outcomes(evidence, one, person, inbound, answers[one.sid])
    yield from _numbers_of_two_tasks(evidence)
    yield from _wrong_opt_outs(evidence, read)
    yield from _not_handed_over(evidence)


def _expected(one: Written, person: Person | None) -> str:
    if one.meaning in {"STOP", "START"}:
        return one.meaning
    return "NOTHING" if person is None or one.meaning == "HEART" else one.meaning


def _wrong_outcomes(
    evidence: Evidence, one: Written, person: Person, inbound: Inbound, answers: Sequence[Answer]
) -> Iterator[Offence]:
    for (verb, number), answer in zip(one.commands, answers, strict=False):
        if verb != answer.verb or (number is not None and number != answer.number):
            yield _about(one, f"{answer.verb} {answer.number} in place of {verb} {number}")
            continue
        if number is None:
            is_right = _is_right_without_a_number(evidence, person, one, inbound.read_at, answer)
        else:
            task_id = next(iter(evidence.tasks_by_number[person.phone][number]), None)
            task = evidence.facts.tasks.get(task_id or "")
            is_right = answer.task_id == task_id and answer.outcome in _right(
                evidence, task, person, verb, inbound.read_at
            )
            is_right |= answer.outcome == "NO_SUCH_NUMBER" and not _had(evidence, person, number, inbound.read_at)
        if not is_right:
            yield _about(one, f"{verb} {number}: {answer.outcome}, which was wrong", answer.task_id)
        elif answer.outcome == "DONE" and not _stands_there(evidence, person, verb, inbound.read_at, answer.task_id):
            yield _about(one, f"{verb} {number}: DONE, and the application does not know", answer.task_id)


def _had(evidence: Evidence, person: Person, number: int, at: float) -> bool:
    """Return whether a phone had been texted a number clearly before a moment: a made-up one may be given later."""
    return any(
        one.to == person.phone and one.number == number and one.at < at - DECIDED_BEFORE for one in evidence.texts
    )


def _right(evidence: Evidence, task: Task | None, person: Person, verb: str, at: float) -> set[str]:
    """Return the outcomes that a command about a task may have had at a moment, give or take the tolerance."""
    if task is None:
        return {"NO_SUCH_NUMBER"}
    possible = task.possible(at - DECIDED_BEFORE, at + TOLERANCE)
    is_written = evidence.switches.writes_back and verb != HAND_OVER
    outcomes = {
        "CLOSED"
        if not one.is_open
        else "REASSIGNED"
        if person.role not in STAFF_ON_CALL and one.nurse != person.id
        else "LINK"
        if (verb == RESOLVE and not (is_written and one.nurse == person.id))
        or (verb == HAND_OVER and one.nurse != person.id)
        else "DONE"
        for one in possible
    }
    # The task was changed between the decision and the record of it.
    if is_written and "DONE" in outcomes and not all(one.is_open and one.nurse == person.id for one in possible):
        outcomes.add("NOT_WRITTEN")
    return outcomes


def _stands_there(evidence: Evidence, person: Person, verb: str, at: float, task_id: str | None) -> bool:
    """Return whether the application's row has what a command about a task of her own has done, if that is written."""
    task = evidence.facts.tasks.get(task_id or "")
    if not evidence.switches.writes_back or task is None or verb == HAND_OVER:
        return True
    if not all(one.nurse == person.id for one in task.possible(at - DECIDED_BEFORE, at + TOLERANCE)):
        return True
    return (task.resolved if verb == RESOLVE else task.picked_up) is not None


def _is_right_without_a_number(evidence: Evidence, person: Person, written: Written, at: float, answer: Answer) -> bool:
    """Return whether an outcome may be right where only a verb was sent: it depends on how many tasks are open.

    Whether a text counts that the phone has not had yet, by our clock or by the phone company's time for what was
    written, is not known. Tasks of a digest have no number: any of them makes a question of the answer.
    """
    known_at = min(at, written.created) - TOLERANCE
    certain, possible = set[str](), set[str]()
    had = {one.task_id for one in evidence.texts if one.to == person.phone and one.number and one.at < known_at}
    by_digest = _told_by_digest_alone(evidence, person)
    for task_id in {task for tasks in evidence.tasks_by_number[person.phone].values() for task in tasks} | {
        row.task_id for row in evidence.rows if row.recipient_id == person.id and row.task_id and row.kind != REPLY
    }:
        outcomes = _right(evidence, evidence.facts.tasks.get(task_id), person, answer.verb, at)
        if outcomes & ORDERED:
            possible.add(task_id)
            if outcomes <= ORDERED and (task_id in had or by_digest.get(task_id, at) < known_at):
                certain.add(task_id)
    if answer.outcome == "WHICH":
        return len(possible) > 1 or bool(possible & by_digest.keys())
    if answer.outcome == "NONE_OPEN":
        return not certain
    right = _right(evidence, evidence.facts.tasks.get(answer.task_id or ""), person, answer.verb, at)
    return certain <= {answer.task_id} - by_digest.keys() and answer.outcome in right & ORDERED


def _told_by_digest_alone(evidence: Evidence, person: Person) -> Mapping[str, float]:
    """Return the tasks of which digests have told a person, with the last time, and no text of their own since."""
    told: dict[str, float] = {}
    for text in evidence.digests_to[person.phone]:
        told |= {row.task_id: text.at for row in evidence.named(text) if row.task_id}
    for text in evidence.texts:
        if text.to == person.phone and text.task_id in told and text.at > told[text.task_id]:
            del told[text.task_id]
    return told


def _numbers_of_two_tasks(evidence: Evidence) -> Iterator[Offence]:
    """Find numbers that stand for two tasks on the same phone: none is free again within a storm."""
    for phone, tasks_by_number in evidence.tasks_by_number.items():
        for number, tasks in tasks_by_number.items():
            if len(tasks) > 1:
                texts = [one for one in evidence.texts if one.to == phone and one.number == number]
                yield offence_of(f"the number {number} stands for {len(tasks)} tasks", *texts)


def _wrong_opt_outs(evidence: Evidence, read: Mapping[str, Inbound]) -> Iterator[Offence]:
    """Find phones whose last word, by the phone company's clock, is not what holds."""
    words: dict[str, list[Written]] = defaultdict(list)
    for one in evidence.written:
        if one.meaning in {"STOP", "START"} and one.sid in read:
            words[one.phone].append(one)
    for some in words.values():
        last = max(some, key=lambda one: one.created)
        has_opted_out = read[last.sid].digest in evidence.inbox.opted_out
        if last.meaning == "STOP" and not has_opted_out:
            yield _about(last, "STOP does not hold")
        # The phone company obeys English words, too, in the order in which they come, and its refusals are remembered.
        if last.meaning == "START" and has_opted_out and not any(one.is_english for one in some):
            yield _about(last, "START does not hold")


def _not_handed_over(evidence: Evidence) -> Iterator[Offence]:
    """Find tasks that were handed over, still are open and hers, and of which no supervisor was told."""
    for answer in evidence.inbox.answers:
        task = evidence.facts.tasks.get(answer.task_id or "")
        if answer.verb != HAND_OVER or answer.outcome != "DONE" or task is None or task.resolved is not None:
            continue
        person = evidence.person[answer.person_id or ""]
        is_hers = {nurse for _, nurse in task.nurses} == {person.id}
        if is_hers and not evidence.supervisor_told(task.id, "handed-over"):
            yield Offence(
                what="handed over, and no supervisor was told",
                kind="handed-over",
                subject=task.id,
                recipient_id=answer.person_id,
                sids=[answer.sid],
            )


# ── Twice ───────────────────────────────────────────────────────────────────────────────────────────────────


def acted_twice(evidence: Evidence) -> Iterator[Offence]:
    """Find commands that stand twice, commands of nobody's, and orders that no command has given."""
    written = {one.sid: one for one in evidence.written}
    answers = _answers_by_text(evidence)
    for sid, some in answers.items():
        one = written.get(sid)
        if one is None:
            yield Offence(what="a command that nobody sent", kind="command", subject="", recipient_id=None, sids=[sid])
        elif len(some) > len(one.commands):
            yield _about(one, f"{len(some)} answers for {len(one.commands)} commands")
    given = Counter[tuple[str | None, str]](
        (one.notification_id, f"{'ask to ' if one.outcome == 'LINK' else ''}{ORDERS[one.verb]}")
        for one in evidence.inbox.answers
        if one.outcome in ORDERED and one.notification_id
    )
    for (message, verb), count in evidence.inbox.orders.items():
        if verb.removeprefix("ask to ") in ORDERS.values() and count != given[message, verb]:
            what = f"{count} orders to {verb} for {given[message, verb]} commands"
            yield Offence(what=what, kind="order", subject="", recipient_id=None)
    for order, count in given.items():
        if order not in evidence.inbox.orders:
            yield Offence(what=f"no order for {count} commands", kind="order", subject="", recipient_id=None)


def changed_by_nobody(evidence: Evidence) -> Iterator[Offence]:
    """Find tasks that were resolved or accepted by text although no nurse of theirs has sent such a command."""
    for task in evidence.facts.tasks.values():
        if task.is_resolved_by_text and not _was_ordered(evidence, task, RESOLVE, task.resolved):
            yield Offence(what="resolved by nobody", kind="order", subject=task.id, recipient_id=None)
        if task.picked_up is not None and not _was_ordered(evidence, task, ACCEPT, task.picked_up):
            yield Offence(what="accepted by nobody", kind="order", subject=task.id, recipient_id=None)


def _was_ordered(evidence: Evidence, task: Task, verb: str, at: float | None) -> bool:
    """Return whether a nurse who had a task had sent a command until a moment that may have been about it."""
    if not evidence.switches.writes_back:
        return False
    phones = {evidence.person[nurse].phone for _, nurse in task.nurses if nurse in evidence.person}
    return any(
        one.phone in phones
        and (at is None or one.at <= at)
        and any(
            each == verb and (number is None or task.id in evidence.tasks_by_number[one.phone][number])
            for each, number in one.commands
        )
        for one in evidence.written
    )


# ── Answers to people ───────────────────────────────────────────────────────────────────────────────────────


def unanswered(evidence: Evidence) -> Iterator[Offence]:
    """Find commands and calls for help without exactly one answer; those who have said STOP need not have any."""
    accepted = {text.sid for text in evidence.texts if text.kind == REPLY}
    rows = defaultdict(list)
    for row in evidence.rows:
        if row.reply_to:
            rows[row.reply_to].append(row)
    phone_of = {one.sid: one.phone for one in evidence.written}
    stopped = {one.phone for one in evidence.written if one.meaning == "STOP"}
    helped = Counter(one.digest for one in evidence.inbox.inbound if one.is_helped)
    of_staff = {one.sid for one, _ in staff(evidence)}
    for one in evidence.inbox.inbound:
        is_wanted = one.understood == "COMMANDS" or one.is_helped
        if len(rows[one.sid]) != int(is_wanted):
            yield _answer_offence(one, f"{len(rows[one.sid])} answers")
        for row in rows[one.sid]:
            is_excused = row.cause == OPTED_OUT and phone_of.get(one.sid) in stopped
            if not is_excused and not {row.sid, *row.found_late} & accepted:
                yield _answer_offence(one, f"the answer did not go out: {row.state}, {row.cause}")
        if one.is_helped and helped[one.digest] > 1:
            yield _answer_offence(one, "helped more than once within an hour")
    for written in evidence.written:
        is_to_be_helped = written.meaning in {"HELP", "NOTHING"} and written.sid in of_staff
        inbound = next((one for one in evidence.inbox.inbound if one.sid == written.sid), None)
        if is_to_be_helped and inbound and not helped[inbound.digest]:
            yield _about(written, "never helped")


def _answer_offence(one: Inbound, what: str) -> Offence:
    return Offence(what=what, kind=REPLY, subject="", recipient_id=None, sids=[one.sid])


# ── STOP ────────────────────────────────────────────────────────────────────────────────────────────────────


def texted_after_stop(evidence: Evidence) -> Iterator[Offence]:
    """Find texts whose call began after a STOP of that phone was read, by our own record, and no later START was."""
    read = {one.sid: one for one in evidence.inbox.inbound}
    words: dict[str, list[tuple[Inbound, str]]] = defaultdict(list)
    for one in evidence.written:
        if one.meaning in {"STOP", "START"} and one.sid in read:
            words[one.phone].append((read[one.sid], one.meaning))
    for text in evidence.texts:
        at = begun(evidence, text)
        said = [
            (inbound.received_at, word)
            for inbound, word in words.get(text.to, [])
            # One that is being read at that moment may hold already, or not yet: in favour of the text.
            if inbound.read_at < at + (TOLERANCE if word == "START" else -TOLERANCE)
        ]
        if said and max(said)[1] == "STOP":
            yield offence_of("begun after STOP was read", text)


# ── Words for offences ──────────────────────────────────────────────────────────────────────────────────────


def _answers_by_text(evidence: Evidence) -> Mapping[str, list[Answer]]:
    answers: dict[str, list[Answer]] = defaultdict(list)
    for one in evidence.inbox.answers:
        answers[one.sid].append(one)
    return answers


def _about(one: Written, what: str, task_id: str | None = None) -> Offence:
    return Offence(what=what, kind=f"inbound {one.meaning}", subject=task_id or "", recipient_id=None, sids=[one.sid])
