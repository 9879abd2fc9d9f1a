"""The storm's table, and everything about its offenders as JSON: ids, states, times and reasons, and nobody's data."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass

from bench.report import Machine, table
from bench.storm.books import Opening, Row, as_dict
from bench.storm.evidence import Evidence, Offence
from bench.storm.phone import CALL, DIGEST, Request, Written
from bench.storm.verdict import Verdict

# The most rows of the ledger, with their whole history, that are written for each kind of offence.
MOST = 50

# How many of the slowest texts are written, with the reasons.
SLOWEST = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """How a storm went."""

    seed: int
    seconds: float
    given: Mapping[str, str]
    """The settings that it was given, by name."""

    faults: Mapping[str, int]
    restarts: int
    began: float
    """When the storm began, in seconds since the epoch."""
    breaker: Sequence[Opening]
    settled_after: float | None
    """Seconds from the last fault's end; None if it did not settle in time."""


def markdown(course: Course, evidence: Evidence, verdict: Verdict, machine: Machine) -> str:
    """Return two tables: the storm's events, and their outcome."""
    faults = sorted(course.faults.items(), key=lambda one: (-one[1], one[0]))
    return "\n\n".join(
        [
            f"**{_title(course)}: {'good' if verdict.is_good else 'NOT GOOD'}**",
            table(["", "count"], [[name, value] for name, value in _lines(course, evidence, verdict)]),
            f"**{sum(course.faults.values())} faults**",
            table(["", "count"], [[kind, str(count)] for kind, count in faults]),
            str(machine),
        ]
    )


def _title(course: Course) -> str:
    given = [f"{name}={value}" for name, value in sorted(course.given.items())]
    return ", ".join([f"Storm of {course.seconds:g} s, seed {course.seed}", *given])


def _lines(course: Course, evidence: Evidence, verdict: Verdict) -> Iterable[tuple[str, str]]:
    numbers = figures(course, evidence, verdict)
    yield from (
        (name.replace("_", " "), f"{value:.1f} s" if isinstance(value, float) else str(value))
        for name, value in numbers.items()
        if value is not None
    )
    yield from ((f"explained: {why}", str(count)) for why, count in sorted(verdict.explained.items()))


def figures(course: Course, evidence: Evidence, verdict: Verdict) -> dict[str, int | float | None]:
    """Return the storm's figures, by name."""
    tasks = evidence.facts.tasks.values()
    moves = Counter((event.from_state, event.to_state) for row in evidence.rows for event in row.history)
    return {
        "lost": len(verdict.lost),
        "doubled": len(verdict.doubled),
        "doubled_by_a_lag_beyond_the_window": verdict.doubled_by_lag,
        "of_them_found_late_by_now": sum(len(row.found_late) for row in evidence.rows),
        "given_up_for_what_was_about_all_texts": len(verdict.burnt),
        "too_late": len(verdict.too_late),
        "astray": len(verdict.stray),
        "unsettled": len(verdict.unsettled),
        "commands_lost_or_wrong": len(verdict.unheeded),
        "acted_on_twice": len(verdict.acted_twice),
        "not_answered_once": len(verdict.unanswered),
        "texted_after_STOP": len(verdict.texted_after_stop),
        "places_with_what_people_wrote": len(verdict.traces),
        "tasks": len(tasks),
        "of_them_resolved": sum(task.resolved is not None for task in tasks),
        "of_these_by_text": sum(task.is_resolved_by_text for task in tasks),
        "of_them_accepted_in_the_application": sum(task.picked_up is not None for task in tasks),
        "of_them_missed_their_SLA": sum(task.misses_its_sla for task in tasks),
        "of_them_reassigned": sum(len(task.nurses) > 1 for task in tasks),
        "episodes": len(evidence.facts.episodes),
        "texts_of_people": len(evidence.written),
        "of_them_STOP": sum(one.meaning == "STOP" for one in evidence.written),
        "of_them_START": sum(one.meaning == "START" for one in evidence.written),
        "commands_of_staff": len(evidence.inbox.answers),
        "of_them_done": sum(one.outcome == "DONE" for one in evidence.inbox.answers),
        "answers_to_staff": sum(len(some) for some in evidence.replies_to.values()),
        "longest_until_read": _longest_until_read(evidence),
        "requests_to_the_phone_company": len(evidence.requests),
        "texts_accepted": len(evidence.texts) - sum(len(some) for some in evidence.calls_to.values()),
        "of_them_digests": sum(len(some) for some in evidence.digests_to.values()),
        "tasks_told_in_digests": len({row.task_id for row in _told_in_digests(evidence)}),
        "calls_accepted": sum(len(some) for some in evidence.calls_to.values()),
        "were_in_doubt": sum(count for (_, to), count in moves.items() if to == "IN_DOUBT"),
        "adopted": sum(row.adopted for row in evidence.rows),
        "sent_again_after_a_doubt": moves["IN_DOUBT", "QUEUED"],
        "held": moves["IN_DOUBT", "HELD"],
        "held_or_failed_although_accepted": len(verdict.unrecorded),
        "second_tries_after_not_delivered": verdict.second_tries,
        "not_in_the_application's_log": sum(row.is_unlogged for row in evidence.rows),
        "breaker_openings": len(course.breaker),
        "restarts": course.restarts,
        "longest_from_owed_to_accepted": longest(evidence),
        "settled_after": course.settled_after,
    }


def _told_in_digests(evidence: Evidence) -> Iterable[Row]:
    for digests in evidence.digests_to.values():
        for digest in digests:
            yield from evidence.named(digest)


def longest(evidence: Evidence) -> float | None:
    """Return the longest time from when a text was owed until the phone company accepted it."""
    return max((late for late, _ in _delays(evidence)), default=None)


def _longest_until_read(evidence: Evidence) -> float | None:
    """Return the longest time from when somebody wrote until that was read, in seconds."""
    at = {one.sid: one.at for one in evidence.written}
    return max((one.read_at - at[one.sid] for one in evidence.inbox.inbound if one.sid in at), default=None)


def _delays(evidence: Evidence) -> list[tuple[float, Row]]:
    rows = ((text, evidence.row_of.get(text.sid or "")) for text in evidence.texts)
    return [(text.at - row.owed_since, row) for text, row in rows if row]


def as_json(course: Course, evidence: Evidence, verdict: Verdict, machine: Machine) -> str:
    """Return everything, with each offender's history in the ledger and its requests at the phone company."""
    return json.dumps(
        {
            "seed": course.seed,
            "seconds": course.seconds,
            "settings": dict(course.given),
            "good": verdict.is_good,
            "figures": figures(course, evidence, verdict),
            "faults": dict(course.faults),
            "began": course.began,
            "breaker": [asdict(opening) for opening in course.breaker],
            "explained": dict(verdict.explained),
            "lost": _records(evidence, verdict.lost),
            "doubled": _records(evidence, verdict.doubled),
            "burnt": _records(evidence, verdict.burnt),
            "too_late": _records(evidence, verdict.too_late),
            "astray": _records(evidence, verdict.stray),
            "unrecorded": _records(evidence, verdict.unrecorded),
            "unheeded": _records_of_people(evidence, verdict.unheeded),
            "acted_twice": _records_of_people(evidence, verdict.acted_twice),
            "unanswered": _records_of_people(evidence, verdict.unanswered),
            "texted_after_stop": _records(evidence, verdict.texted_after_stop),
            "traces": verdict.traces,
            "unsettled": [as_dict(row) for row in verdict.unsettled[:MOST]],
            "slowest": [
                {"delay": delay, **as_dict(row)}
                for delay, row in sorted(_delays(evidence), key=lambda one: -one[0])[:SLOWEST]
            ],
            "machine": asdict(machine),
        },
        indent=2,
        ensure_ascii=False,
    )


def _records(evidence: Evidence, offences: Sequence[Offence]) -> list[Mapping[str, object]]:
    return [
        {
            **asdict(one),
            "application": _application(evidence, one),
            "phone": [_request(request) for request in _requests(evidence, one)],
            "ledger": [as_dict(row) for row in _rows(evidence, one)],
        }
        for one in offences[:MOST]
    ]


def _records_of_people(evidence: Evidence, offences: Sequence[Offence]) -> list[Mapping[str, object]]:
    """Return what people wrote, what was made of it, and the ledger's rows: ids alone."""
    inbox = evidence.inbox
    return [
        {
            **asdict(one),
            "application": _application(evidence, one),
            "written": [_written(each) for each in evidence.written if each.sid in one.sids],
            "read": [asdict(each) for each in inbox.inbound if each.sid in one.sids],
            "answers": [asdict(each) for each in inbox.answers if each.sid in one.sids],
            "ledger": [
                as_dict(row)
                for row in evidence.rows
                if row.reply_to in one.sids or (one.subject and row.task_id == one.subject)
            ],
        }
        for one in offences[:MOST]
    ]


def _written(written: Written) -> Mapping[str, object]:
    """Return a person's text without the number."""
    return {name: getattr(written, name) for name in ("sid", "at", "created", "meaning", "commands")}


def _application(evidence: Evidence, offence: Offence) -> Mapping[str, object] | None:
    task = evidence.facts.tasks.get(offence.subject)
    return asdict(task) if task else None


def _rows(evidence: Evidence, offence: Offence) -> list[Row]:
    if offence.subject:
        return [row for row in evidence.rows if offence.subject in {row.task_id, row.episode_id}]
    if offence.kind in {CALL, DIGEST}:
        people = {
            evidence.person_of[one.to].id for one in _of_phones(evidence, offence) if one.to in evidence.person_of
        }
        return [row for row in evidence.rows if row.kind == offence.kind and row.recipient_id in people]
    episodes = _episodes(evidence, offence)
    return [row for row in evidence.rows if row.episode_id in episodes]


def _requests(evidence: Evidence, offence: Offence) -> list[Request]:
    if offence.kind in {CALL, DIGEST}:
        return _of_phones(evidence, offence)
    if offence.subject and offence.kind != "check-in":
        return [request for request in evidence.requests if request.task_id == offence.subject]
    patients = evidence.facts.episodes
    numbers = {patients[episode].phone for episode in _episodes(evidence, offence) if episode in patients}
    return [request for request in evidence.requests if request.to in numbers]


def _of_phones(evidence: Evidence, offence: Offence) -> list[Request]:
    """Return all requests of an offence's kind to the phones that it is about."""
    numbers = {text.to for text in evidence.texts if text.sid in offence.sids}
    if offence.recipient_id in evidence.person:
        numbers.add(evidence.person[offence.recipient_id].phone)
    return [one for one in evidence.requests if one.kind == offence.kind and one.to in numbers]


def _episodes(evidence: Evidence, offence: Offence) -> set[str]:
    """Return the episodes whose patients have the number that an offence is about."""
    if offence.subject:
        return {offence.subject}
    numbers = {text.to for text in evidence.texts if text.sid in offence.sids}
    return {episode for episode, patient in evidence.facts.episodes.items() if patient.phone in numbers}


def _request(request: Request) -> Mapping[str, object]:
    """Return a request without the number."""
    return {name: getattr(request, name) for name in ("kind", "at", "answer", "sid", "counted")}
