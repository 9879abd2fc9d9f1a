"""`sequora timeline ID`: what happened to one case, as text or as JSON. Ids, states and masked phones only.

As text its times are those of the machine it runs on, with the zone said (`TZ=UTC sequora timeline …` for another); as
JSON they are ISO-8601 in UTC, and lengths of time are in seconds. The keys of the JSON:

- `id`, `subject` ("task", "episode" or "message"), `is_healthy` (false where somebody must act)
- `verdicts`: `sentence`, `to_do` (null where nobody needs to act), `message_ids` (whose fate it tells); first whether
  the nurse or the patient was told
- `facts`: what the application says now; null where it does not know the case (any more)
- `entries`: what happened, oldest first: `at`, `what`, `kind`, `message_id`, `recipient_id`, `run_id`, `run_url`,
  `attempt`, `waited`, `took`, `until`, `sid`
- `next`: what comes next, the same way, soonest first (`at` null: it waits for something else than a time), and
  `nothing_because`: why it is empty, if it is
- `messages`: `id`, `kind`, `recipient_id`, `phone` (masked), `state`, `reason`, `sid`, `provider_code`, `due_at`,
  `sent_at`, `logged_at`
- `tasks`: of an episode, each with `id`, `is_healthy`, `verdicts` and `messages`; else empty
"""

import json
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sequora_orchestration.care.care_database import open_care_database
from sequora_orchestration.cases.judged import Verdict
from sequora_orchestration.cases.timeline import Timeline, timeline
from sequora_orchestration.cases.verdict import is_healthy, verdicts
from sequora_orchestration.cli.cases import read_case
from sequora_orchestration.domain.case import Case, EpisodeCase, MessageCase, Story, TaskCase
from sequora_orchestration.domain.spell import spell
from sequora_orchestration.domain.timeline_entry import Entry, short
from sequora_orchestration.ledger.assignments import open_assignments
from sequora_orchestration.ledger.ledger import open_ledger
from sequora_orchestration.settings.processes import WebSettings
from sequora_orchestration.terminal.page import Block, Page, Row, Tone, Toned
from sequora_orchestration.terminal.screen import shown

# After so many columns plain text is wrapped; a terminal has its own width.
COLUMNS = 100

# When, how long after what was before it, about which message, and what.
ENTRY = "  {:<12}  {:>14}  {:<16}  {}"

LENGTH_OF_A_UUID = 36

# What TZ may hold beside a name, as POSIX has it: `EST5EDT`, `<+03>-3`.
RULE_OF_A_ZONE = re.compile(r"(<[-+A-Za-z0-9]+>|[A-Za-z]{3,})[-+]?\d")

SEVERITIES = frozenset({"LOW", "MODERATE", "HIGH", "CRITICAL"})

# Stands for a word that the map has no meaning for: somebody may have typed it.
UNKNOWN_WORD = "(none that is known)"


def show(id_: str, *, as_json: bool) -> tuple[str, bool]:
    """Return what `sequora timeline` prints, and whether the case is healthy.

    Raises UnknownIdError, SettingError, SchemaMissingError and database errors.
    """
    zone = UTC if as_json else _zone_of_machine()
    case = read_case(id_, ledger=open_ledger(), care=open_care_database(), assignments=open_assignments(), zone=zone)
    found, line, web = verdicts(case), timeline(case), WebSettings.load()
    text = _json(case, found, line, web) if as_json else shown(_page(case, found, line, web))
    return text, is_healthy(found)


def _zone_of_machine() -> tzinfo | None:
    """Return None for the machine's own zone; UTC where TZ names none that there is, as the machine takes it itself."""
    named = os.environ.get("TZ", "").removeprefix(":")
    if not named or Path(named).is_absolute() or RULE_OF_A_ZONE.match(named):
        return None
    try:
        ZoneInfo(named)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC
    return None


# --- as JSON ----------------------------------------------------------------------------------------------------------


def _json(case: Case, found: Sequence[Verdict], line: Timeline, web: WebSettings) -> str:
    tasks = case.tasks if isinstance(case, EpisodeCase) else []
    return json.dumps(
        {
            "id": case.id,
            "subject": _subject(case),
            "is_healthy": is_healthy(found),
            "verdicts": [_verdict(one) for one in found],
            "facts": _facts(case),
            "entries": [_entry(one, web) for one in line.entries],
            "next": [_entry(one, web) for one in line.next],
            "nothing_because": line.nothing_because,
            "messages": [_message(one, case) for one in case.messages],
            "tasks": [
                {
                    "id": task.id,
                    "is_healthy": is_healthy(of_task := verdicts(task)),
                    "verdicts": [_verdict(one) for one in of_task],
                    "messages": [_message(one, task) for one in task.messages],
                }
                for task in tasks
            ],
        },
        indent=2,
        ensure_ascii=False,
        default=_plain,
    )


def _subject(case: Case) -> str:
    return {TaskCase: "task", EpisodeCase: "episode", MessageCase: "message"}[type(case)]


def _plain(value: object) -> str | float:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    raise TypeError(type(value).__name__)


def _entry(entry: Entry, web: WebSettings) -> dict[str, Any]:
    shown = asdict(entry)
    shown["sid"] = shown.pop("provider_id")
    return {**shown, "run_url": web.run_url(entry.run_id) if entry.run_id else None}


def _verdict(verdict: Verdict) -> dict[str, Any]:
    return {"sentence": verdict.sentence, "to_do": verdict.to_do, "message_ids": verdict.message_ids}


def _message(message: Story, case: Case) -> dict[str, Any]:
    return {
        "id": message.id,
        "kind": message.kind,
        "recipient_id": message.recipient_id,
        "phone": case.phones.get(message.recipient_id or ""),
        "state": message.state,
        "reason": message.reason,
        "sid": message.provider_id,
        "provider_code": message.provider_code,
        "due_at": message.due_at,
        "sent_at": message.sent_at,
        "logged_at": message.logged_at,
    }


def _facts(case: Case) -> dict[str, Any] | None:
    """Return what the application says of the case, without what somebody may have typed."""
    if isinstance(case, TaskCase):
        return (
            {
                "severity": case.task.severity if case.task.severity in {*SEVERITIES, None} else UNKNOWN_WORD,
                "status": case.task.status if case.task.is_status_known else UNKNOWN_WORD,
                "assigned_to_user_id": case.task.assigned_to_user_id,
                "episode_id": case.task.episode_id,
                "created_at": case.appeared_at,
                "sla_due_at": case.task.sla_due_at,
            }
            if case.task
            else None
        )
    if isinstance(case, MessageCase):
        return None
    return {"created_at": case.appeared_at, "patient_id": case.episode.patient_id} if case.episode else None


# --- as text ----------------------------------------------------------------------------------------------------------


def _page(case: Case, found: Sequence[Verdict], line: Timeline, web: WebSettings) -> Page:
    labels = _labels(case.messages)
    return [
        Block(shape="{:<4}  {}", rows=list(_verdicts(found)), wraps=COLUMNS),
        Block(shape="{}", rows=["", (_head(case),)], wraps=COLUMNS),
        Block(shape=ENTRY, rows=list(_entries(case, line.entries, labels)), wraps=COLUMNS),
        Block(
            shape=ENTRY,
            rows=[
                "",
                Toned("What comes next", Tone.HEADING),
                *([f"  nothing: {line.nothing_because}"] if line.nothing_because else []),
                *_entries(case, line.next, labels, comes=True),
            ],
            wraps=COLUMNS,
            section="next",
        ),
        *([_tasks(case.tasks)] if isinstance(case, EpisodeCase) else []),
        Block(shape="  {}  {}", rows=list(_runs([*line.entries, *line.next], web))),
    ]


def _verdicts(found: Sequence[Verdict]) -> Iterator[Row]:
    for verdict in found:
        yield Toned("OK", Tone.WELL) if verdict.is_healthy else Toned("ACT", Tone.BAD), verdict.sentence
        if verdict.to_do:
            yield "", f"-> {verdict.to_do}"


def _head(case: Case) -> str:
    facts = _facts(case) or {}
    told = case.circumstances.told
    words = {
        "severity": "severity {}",
        "status": "{}",
        "assigned_to_user_id": "assigned to {}",
        "episode_id": "of episode {}",
        "patient_id": "of patient {}",
        "created_at": "created {}",
        "sla_due_at": "SLA {}",
    }
    said = [
        words[name].format(told(value) if isinstance(value, datetime) else value)
        for name, value in facts.items()
        if value is not None
    ]
    if isinstance(case, MessageCase):
        kinds = ", ".join(dict.fromkeys(one.kind for one in case.messages))
        return f"Message {case.id}: {kinds}, about no task and no episode"
    return f"{_subject(case).capitalize()} {case.id}: {', '.join(said) or 'not in the application (any more)'}"


def _brief(id_: str) -> str:
    """Return an id as it is shown among the entries: the first part of a uuid; the answer above has it whole."""
    return f"{id_[:8]}…" if len(id_) == LENGTH_OF_A_UUID else id_


def _labels(messages: Sequence[Story]) -> dict[str, str]:
    """Return what each message is called, by id: its kind, numbered where there are several."""
    of_kind, count = Counter(one.kind for one in messages), Counter[str]()
    labels = {}
    for one in messages:
        count[one.kind] += 1
        labels[one.id] = one.kind if of_kind[one.kind] == 1 else f"{one.kind} {count[one.kind]}"
    return labels


def _entries(
    case: Case, entries: Sequence[Entry], labels: dict[str, str], *, comes: bool = False
) -> Iterator[str | Toned | Row]:
    day, before, named = "", None, set[str]()
    for entry in entries:
        local = entry.at.astimezone(case.circumstances.zone) if entry.at else None
        if local and day != (today := f"{local:%A %Y-%m-%d, times in %Z (UTC%z)}"):
            yield from ([""] if day or not comes else [])
            yield Toned(today, Tone.HEADING)
            day = today
        after = spell(entry.at - before) if entry.at and before and not comes else ""
        if comes and entry.at:
            away = entry.at - case.circumstances.now
            after = f"in {spell(away)}" if away >= timedelta(0) else "now"
        label = labels.get(entry.message_id or "", entry.kind or "")
        is_first = entry.message_id is not None and entry.message_id not in named and not comes
        named.add(entry.message_id or "")
        phone = case.phones.get(entry.recipient_id or "")
        to = f", to {_brief(entry.recipient_id)}" if is_first and entry.recipient_id else ""
        named_phone = f" ({phone})" if to and phone else ""
        told = replace(entry, what=f"{entry.what}{to}{named_phone}").in_words(case.circumstances.told)
        yield f"{local:%H:%M:%S.%f}"[:-3] if local else "", Toned(after, Tone.QUIET), label, told
        before = entry.at


def _tasks(tasks: Sequence[TaskCase]) -> Block:
    heading = "Its tasks" if tasks else "It has no tasks that are open or that anybody was texted about"
    states = {task.id: ", ".join(f"{one.kind} {one.state}" for one in task.messages) for task in tasks}
    rows = [(f"{id_}: {of_task or 'no message'}",) for id_, of_task in states.items()]
    return Block(shape="  {}", rows=["", Toned(heading, Tone.HEADING), *rows], wraps=COLUMNS)


def _runs(entries: Sequence[Entry], web: WebSettings) -> Iterator[str | Toned | Row]:
    runs = dict.fromkeys(entry.run_id for entry in entries if entry.run_id)
    if runs:
        yield ""
        yield Toned("Runs", Tone.HEADING)
    for run_id in runs:
        yield short(run_id), web.run_url(run_id)
