"""Was a text lost, doubled, sent too late, or left unsettled? Pure: from the storm's records to a verdict.

What people write, and what is answered, is judged in `answers`.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bench.storm.answers import acted_twice, changed_by_nobody, texted_after_stop, unanswered, unheeded
from bench.storm.books import Row
from bench.storm.calls import doubled_calls, late_calls, lost_calls, stray_calls
from bench.storm.evidence import (
    DOUBT_WINDOW,
    OPTED_OUT,
    STAFF_ON_CALL,
    TOLERANCE,
    Evidence,
    Offence,
    begun,
    is_excuse,
    offence_of,
)
from bench.storm.hospital import Task
from bench.storm.phone import ABOUT_ALL_TEXTS, CALL, DIGEST, REPLY, Request
from bench.storm.plan import Person

TO_NURSES = ("task-created", "sla-warning", "sla-breach")
SECOND_TRY = ":again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The verdict on a storm."""

    lost: Sequence[Offence]
    doubled: Sequence[Offence]
    """Texts beyond one a message, without those that the list showed too late."""

    doubled_by_lag: int
    """Texts beyond one a message because the list showed the first only after the window."""

    burnt: Sequence[Offence]
    """Messages that have failed because of an answer that was about all texts."""

    too_late: Sequence[Offence]
    stray: Sequence[Offence]
    """Texts to a person whom they do not concern, or about a task or episode that does not exist."""

    unsettled: Sequence[Row]
    explained: Mapping[str, int]
    """How many messages were wanted and did not go out, by the reason why that is no loss."""

    unrecorded: Sequence[Offence]
    """Texts that the phone company has and whose SID is missing in the ledger."""

    second_tries: int

    unheeded: Sequence[Offence]
    """Texts of people that were not read, commands that were lost, and outcomes that were not right at that time."""

    acted_twice: Sequence[Offence]
    unanswered: Sequence[Offence]
    """Commands that no text has answered, or more than one."""

    texted_after_stop: Sequence[Offence]
    traces: Sequence[str]
    """Where something stands that people have written."""

    @property
    def is_good(self) -> bool:
        """Whether nothing was lost, doubled, given up, too late, astray, left over, misunderstood or kept."""
        sent_wrong = self.lost or self.doubled or self.burnt or self.too_late or self.stray or self.unsettled
        answered_wrong = self.unheeded or self.acted_twice or self.unanswered or self.texted_after_stop or self.traces
        return not (sent_wrong or answered_wrong)


def judge(evidence: Evidence, traces: Sequence[str] = ()) -> Verdict:
    """Return the verdict on a storm that is over; `traces` are the places of what people have written."""
    explained: Counter[str] = Counter()
    lost = list(losses(evidence, explained))
    doubled, doubled_by_lag, second_tries = _doubled(evidence)
    return Verdict(
        lost=lost,
        doubled=doubled,
        doubled_by_lag=doubled_by_lag,
        burnt=list(_burnt(evidence)),
        too_late=[*_too_late(evidence), *late_calls(evidence)],
        stray=[*_stray(evidence), *stray_calls(evidence)],
        unsettled=[row for row in evidence.rows if row.is_unsettled],
        explained=dict(explained),
        unrecorded=[offence_of("accepted, but not in the ledger", one) for one in _unrecorded(evidence)],
        second_tries=second_tries,
        unheeded=list(unheeded(evidence)),
        acted_twice=[*acted_twice(evidence), *changed_by_nobody(evidence)],
        unanswered=list(unanswered(evidence)),
        texted_after_stop=list(texted_after_stop(evidence)),
        traces=traces,
    )


# ── Lost ────────────────────────────────────────────────────────────────────────────────────────────────────


def losses(evidence: Evidence, explained: Counter[str] | None = None) -> Iterator[Offence]:
    """Find texts that were wanted throughout, were not accepted and have no excuse; count excuses in `explained`."""
    reasons = Counter[str]() if explained is None else explained
    for task in evidence.facts.tasks.values():
        if task.resolved is None:
            yield from _losses_about(evidence, task, reasons)
    yield from _lost_check_ins(evidence, reasons)
    yield from lost_calls(evidence, reasons)
    yield from _miscounted(evidence)


def _losses_about(evidence: Evidence, task: Task, explained: Counter[str]) -> Iterator[Offence]:
    nurse = task.nurses[-1][1]
    if not nurse or not evidence.person[nurse].reachable:
        if not evidence.supervisor_told(task.id, "nurse-unreached"):
            yield Offence(what="no supervisor was told", kind="nurse-unreached", subject=task.id, recipient_id=None)
    elif nurse not in evidence.told("task-created", task.id) and not _is_explained(evidence, task, nurse, explained):
        yield Offence(what="not accepted", kind="task-created", subject=task.id, recipient_id=nurse)
    if not task.misses_its_sla:
        return
    if nurse and evidence.person[nurse].reachable and not evidence.told("sla-breach", task.id):
        if any(is_excuse(row) for row in evidence.rows_by["sla-breach", task.id]) and evidence.supervisor_told(
            task.id, "nurse-unreached", "sla-escalation"
        ):
            explained["sla-breach: FAILED or HELD, and a supervisor was told"] += 1
        else:
            yield Offence(what="not accepted", kind="sla-breach", subject=task.id, recipient_id=nurse)
    if not evidence.supervisor_told(task.id, "sla-escalation"):
        yield Offence(what="not accepted", kind="sla-escalation", subject=task.id, recipient_id=None)


def _is_explained(evidence: Evidence, task: Task, nurse: str, explained: Counter[str]) -> bool:
    """Return whether a nurse has taken a task, or the ledger says that she was not told, and a supervisor was."""
    if task.was_picked_up_by(nurse):
        explained["task-created: the nurse has taken it before, after another text"] += 1
        return True
    rows = [row for row in evidence.rows_by["task-created", task.id] if row.recipient_id == nurse]
    if not any(is_excuse(row) for row in rows):
        return False
    if evidence.supervisor_told(task.id, "nurse-unreached"):
        explained["task-created: FAILED or HELD, and a supervisor was told"] += 1
        return True
    if nurse in evidence.told("sla-breach", task.id) | evidence.told("sla-warning", task.id):
        explained["task-created: FAILED or HELD, and another text about it has reached the nurse"] += 1
        return True
    return False


def _lost_check_ins(evidence: Evidence, explained: Counter[str]) -> Iterator[Offence]:
    episodes_of: dict[str, list[str]] = defaultdict(list)
    for episode, patient in evidence.facts.episodes.items():
        episodes_of[patient.phone].append(episode)
    for phone, episodes in episodes_of.items():
        missing = len(episodes) - len(evidence.texts_to[phone])
        for episode in episodes:
            row = next(iter(evidence.rows_by["check-in", episode]), None)
            if row and row.state in {"FAILED", "HELD", "CANCELLED"} and row.reason:
                explained[f"check-in: {row.state}, {row.reason.split(';')[0].split(':')[0]}"] += 1
                missing -= 1
        if missing > 0:
            unsent = [one for one in episodes if not any(row.sid for row in evidence.rows_by["check-in", one])]
            yield Offence(
                what=f"{missing} not accepted", kind="check-in", subject=(unsent or episodes)[0], recipient_id=None
            )


def _miscounted(evidence: Evidence) -> Iterator[Offence]:
    """Find digests that count other tasks than the ledger says they have told of: a person was not told of some."""
    for digests in evidence.digests_to.values():
        for text in digests:
            row = evidence.digest(text)
            if row is None or row.sid != text.sid:  # not recorded (yet), or sent again
                continue
            counted = Counter(
                evidence.facts.tasks[one.task_id].severity
                for one in evidence.named(text)
                if one.task_id in evidence.facts.tasks
            )
            if counted != Counter(text.counted):
                yield offence_of(f"counts {dict(text.counted or {})}, and stands for {dict(counted)}", text)


# ── Doubled ─────────────────────────────────────────────────────────────────────────────────────────────────


def _doubled(evidence: Evidence) -> tuple[list[Offence], int, int]:
    """Return the texts beyond one a message, with two numbers of texts that are not among them.

    The first number is of doubled texts for which the list is to blame, the second of second tries, which are messages
    of their own.
    """
    doubled, by_lag, second_tries = list[Offence](), 0, 0

    def judge_excess(texts: Sequence[Request], wanted: int, what: str) -> None:
        nonlocal by_lag
        excess = len(texts) - max(1, wanted)
        if 0 < excess <= sum(text.lag > DOUBT_WINDOW for text in texts):
            by_lag += excess
        elif excess > 0:
            doubled.append(offence_of(f"{len(texts)} texts for {wanted} {what}", *texts))

    for (kind, task), texts in evidence.texts_by.items():
        for number, some in _by_number(texts).items():
            person = evidence.person_of.get(number)
            keys = {
                row.business_key
                for row in evidence.rows_by[kind, task]
                if person and row.recipient_id == person.id and row.state not in {"FAILED", "CANCELLED"}
            }
            second_tries += sum(key.endswith(SECOND_TRY) for key in keys) if len(some) > 1 else 0
            judge_excess(some, len(keys), "messages")
    for number, some in evidence.replies_to.items():
        person = evidence.person_of.get(number)
        answers = [
            row
            for row in evidence.rows
            if row.kind == REPLY
            and person
            and row.recipient_id == person.id
            and row.state not in {"FAILED", "CANCELLED"}
        ]
        judge_excess(some, len(answers), "answers")
    for some in evidence.digests_to.values():
        for mark in {one.mark for one in some}:
            judge_excess([one for one in some if one.mark == mark], 1, "digests")
    episodes_of = Counter(patient.phone for patient in evidence.facts.episodes.values())
    for number, some in evidence.texts_to.items():
        judge_excess(some, episodes_of[number], "check-ins")
    calls, calls_by_lag = doubled_calls(evidence)
    return doubled + calls, by_lag + calls_by_lag, second_tries


def _by_number(texts: Sequence[Request]) -> Mapping[str, list[Request]]:
    by_number: dict[str, list[Request]] = defaultdict(list)
    for text in texts:
        by_number[text.to].append(text)
    return by_number


# ── Given up for an answer about all texts ──────────────────────────────────────────────────────────────────


def _burnt(evidence: Evidence) -> Iterator[Offence]:
    """Find messages that have failed although the last answer said nothing about them."""
    requests: dict[tuple[str, str | None, str], Request] = {}
    for request in evidence.requests:
        requests[request.kind, request.task_id, request.to] = request
    for row in evidence.rows:
        # Whether each answer to a person went out is judged by itself.
        if row.state != "FAILED" or row.cause == OPTED_OUT or row.kind == REPLY:
            continue
        if row.kind == "check-in":
            patient = evidence.facts.episodes.get(row.episode_id or "")
            last = requests.get((row.kind, None, patient.phone)) if patient else None
        else:
            person = evidence.person.get(row.recipient_id or "")
            task_id = None if row.kind in {DIGEST, CALL} or row.named_by else row.task_id
            last = requests.get((DIGEST if row.named_by else row.kind, task_id, person.phone)) if person else None
        if last and last.answer in ABOUT_ALL_TEXTS:
            yield Offence(
                what=f"failed for {last.answer}: {row.reason}",
                kind=row.kind,
                subject=row.task_id or row.episode_id or "",
                recipient_id=row.recipient_id,
            )


# ── Too late, astray, unrecorded ────────────────────────────────────────────────────────────────────────────


def _too_late(evidence: Evidence) -> Iterator[Offence]:
    """Find texts whose call began after their task was resolved, or given to another nurse."""
    for text in evidence.texts:
        named = [row.task_id for row in evidence.named(text)] if text.kind == DIGEST else [text.task_id]
        for task_id in named:
            if task := evidence.facts.tasks.get(task_id or ""):
                yield from _too_late_about(evidence, text, task)


def _too_late_about(evidence: Evidence, text: Request, task: Task) -> Iterator[Offence]:
    at = begun(evidence, text) - TOLERANCE
    if task.resolved is not None and at > task.resolved:
        yield offence_of(f"begun {at + TOLERANCE - task.resolved:.2f} s after it was resolved", text)
    person = evidence.person_of.get(text.to)
    if text.kind in {*TO_NURSES, DIGEST} and person:
        spans = zip(task.nurses, [*(since for since, _ in task.nurses[1:]), None], strict=True)
        ends = [end for (_, nurse), end in spans if nurse == person.id]
        if ends and None not in ends and all(end is not None and at > end for end in ends):
            yield offence_of("begun after it was given to another nurse", text)


def _stray(evidence: Evidence) -> Iterator[Offence]:
    phones = {patient.phone for patient in evidence.facts.episodes.values()}
    for text in evidence.texts:
        person = evidence.person_of.get(text.to)
        if text.kind == CALL:
            continue
        if text.kind == "check-in":
            concerned = text.to in phones
        elif text.kind == REPLY:
            concerned = any(one.phone == text.to and one.at <= text.at for one in evidence.written) and bool(person)
        elif text.kind == DIGEST:
            concerned = person is not None and _are_all_hers(evidence, text, person)
        elif text.kind in TO_NURSES:
            task = evidence.facts.tasks.get(text.task_id or "")
            concerned = bool(task and person and person.id in {nurse for _, nurse in task.nurses})
        else:
            concerned = text.task_id in evidence.facts.tasks and bool(person and person.role in STAFF_ON_CALL)
        if not concerned:
            yield offence_of("to somebody whom it does not concern", text)


def _are_all_hers(evidence: Evidence, text: Request, person: Person) -> bool:
    """Return whether a digest counts tasks, and all that it stands for were once this nurse's."""
    tasks = [evidence.facts.tasks.get(row.task_id or "") for row in evidence.named(text)]
    return bool(text.counted) and all(task and person.id in {nurse for _, nurse in task.nurses} for task in tasks)


def _unrecorded(evidence: Evidence) -> list[Request]:
    return [text for text in evidence.texts if text.sid not in evidence.row_of]
