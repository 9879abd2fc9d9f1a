"""`sequora status`: the ledger, the sensors and the workers at a glance. Ids and states only.

The keys of its JSON are those of `Figures` (counts by kind and state, the last hour, the oldest due message, messages
set aside and how many more, doubts, the phone company by channel, pauses, replays), `provider` (the phone company, of
texts), and `tick_ages`, `ticks`, `sla_scan`, `standstill` (why no sensor ticks; null if any does), `views_dropped` (a
sentence, if `sequora migrate --drop-views` did it), `canary` (the hourly test text; null if none is sent), `reconciled`
(what was found of the last day that was compared with the phone company's list; null if none was; `age` is since it
began), `workers` (null if unknown), `unknown_words` (words of open tasks and active people without a meaning in the
map) and `sizes`; ages and latencies are in seconds.
"""

import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from dagster import DagsterInstance, RunsFilter
from sqlalchemy.exc import OperationalError

from sequora_orchestration.assets.ticks import TICKS, Ticks, good_tick_ages, last_ticks
from sequora_orchestration.care.care_database import UnknownWord, open_care_database
from sequora_orchestration.cli.standstill import standstill_of
from sequora_orchestration.cli.table_sizes import TableSize, size_lines, sizes
from sequora_orchestration.cli.workers import Workers, broker_url, workers
from sequora_orchestration.database import ViewsDroppedError, engine_for
from sequora_orchestration.domain import last_reconciled
from sequora_orchestration.domain.canary import InALine, in_a_line
from sequora_orchestration.domain.commands import Verb
from sequora_orchestration.domain.halts import ALL_KINDS, Provider
from sequora_orchestration.domain.health import Standstill
from sequora_orchestration.domain.last_reconciled import LastReconciled
from sequora_orchestration.domain.ledger_state import State
from sequora_orchestration.domain.notification import SMS, in_words
from sequora_orchestration.domain.spell import counted, spell_seconds
from sequora_orchestration.ledger.figures import MOST_COUNTED, Figures
from sequora_orchestration.ledger.ledger import open_ledger
from sequora_orchestration.ledger.measurements import open_measurements
from sequora_orchestration.ledger.rows import Message
from sequora_orchestration.settings.alarms import CanarySettings
from sequora_orchestration.settings.database import DagsterStorageSettings
from sequora_orchestration.terminal.page import OF_STATE, Block, Cell, Page, Row, Tone, Toned, plain

# The job that scans; `assets/ticks.py` knows the asset that stands for its scans of all tasks.
SCANNING_JOB = "check_sla_warnings"

# A label, and the words about it.
LABELLED = "{:<16}  {}"

# Seconds to wait for the workers. They answer within a tenth of a second.
PATIENCE = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """The last run that looked for tasks near their SLA."""

    age: float
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """Everything that is shown; None stands for what is not known."""

    figures: Figures
    ticks: dict[str, Ticks] | None
    sla_scan: Scan | None
    standstill: Standstill | None
    """Why no sensor ticks; None if any does, or if it is not known."""

    why_not_known: str
    """Why nothing is known of ticks and scan; empty if they are known."""

    canary: InALine | None
    """How it stands with the hourly test text; None if none is sent."""

    reconciled: LastReconciled | None
    """What was found when a day was last compared with the phone company's list; None if none was yet."""

    workers: Workers | None
    unknown_words: list[UnknownWord]
    views_dropped: str | None
    """A sentence that the views of the application's tables were dropped by command, and when."""

    sizes: dict[str, TableSize]


def read_status() -> Status:
    """Read everything. Raises SettingError, SchemaMissingError and database errors."""
    ledger = open_ledger()
    figures = ledger.overview.figures()
    ticks, scan, why_none, why_not = None, None, None, "set DAGSTER_HOME to see it"
    home = os.environ.get("DAGSTER_HOME")
    if home and not Path(home).is_dir():
        why_not = "DAGSTER_HOME is no directory; `sequora doctor`"
    elif home:
        try:
            ticks, scan, why_none = _read_dagster()
        except OperationalError:  # the ledger is worth showing all the same
            why_not = "Dagster's database cannot be reached; `sequora doctor`"
    words, dropped = _unknown_words()
    url = broker_url() if os.environ.get("SEQUORA_BROKER_URL") else None
    return Status(
        figures=figures,
        ticks=ticks,
        sla_scan=scan,
        standstill=why_none,
        why_not_known=why_not,
        canary=in_a_line(open_measurements().canaries()) if CanarySettings.load().is_on else None,
        reconciled=ledger.reconciliations.last(),
        workers=workers(url, seconds=PATIENCE),
        unknown_words=words,
        views_dropped=dropped,
        sizes=sizes(),
    )


def as_json(status: Status, *, indent: int | None = 2) -> str:
    """Return the status as JSON; without an indent on one line."""
    everything = {
        **asdict(status.figures),
        "provider": asdict(status.figures.providers[SMS]),
        "tick_ages": None if status.ticks is None else {name: one.age for name, one in status.ticks.items()},
        **{name: part for name, part in asdict(status).items() if name not in {"figures", "why_not_known"}},
    }
    return json.dumps(everything, indent=indent, ensure_ascii=False, default=lambda moment: moment.isoformat())


def as_text(status: Status) -> str:
    """Return the status as plain text."""
    return plain(as_page(status))


def as_page(status: Status) -> Page:
    """Return the status as a page."""
    dropped = [(Toned("NOBODY IS TEXTED", Tone.BAD), status.views_dropped)] if status.views_dropped else []
    standstill = [(Toned("NOBODY IS TEXTED", Tone.BAD), status.standstill.sentence)] if status.standstill else []
    return [
        Block(shape=LABELLED, rows=[*dropped, *standstill]),
        *_messages(status.figures),
        Block(
            shape=LABELLED,
            rows=[
                *_words(status.unknown_words),
                *([("Canary", _canary(status.canary))] if status.canary else []),
                ("Reconciled", _reconciled(status.reconciled)),
                ("Workers", _workers(status.workers)),
                ("SLA scan", _scan(status)),
            ],
        ),
        _sensors(status),
        size_lines(status.sizes),
    ]


def _unknown_words() -> tuple[list[UnknownWord], str | None]:
    """Return the words that the map does not know; and a sentence if its views were dropped by command."""
    try:
        return open_care_database().unknown_words(), None
    except ViewsDroppedError as error:
        return [], str(error)


def _read_dagster() -> tuple[dict[str, Ticks], Scan | None, Standstill | None]:
    """Read from Dagster's instance each sensor's last ticks, the last SLA scan, and why no sensor ticks.

    Raises OperationalError.
    """
    from sequora_orchestration.definitions import SENSORS

    if os.environ.get("DAGSTER_PG_URL"):
        # First with our own time-outs: Dagster would try to connect for many seconds.
        engine_for(DagsterStorageSettings.load().dagster_pg_url).connect().close()
    names = [sensor.name for sensor in SENSORS]  # the database also knows sensors of older versions
    with DagsterInstance.get() as instance:
        ticks = {name: one for name, one in last_ticks(instance).items() if name in names}
        why_none = standstill_of(instance, good_tick_ages(instance, names))
        records = instance.get_run_records(RunsFilter(job_name=SCANNING_JOB), limit=1)
    scan = next(
        (
            Scan(age=time.time() - record.create_timestamp.timestamp(), status=record.dagster_run.status.value)
            for record in records
        ),
        None,
    )
    return ticks, scan, why_none


def _messages(figures: Figures) -> Iterator[Block]:
    yield Block(
        shape="  {:<16} {}",
        rows=[
            Toned("Messages", Tone.HEADING),
            *((kind, _counts(counts)) for kind, counts in figures.counts.items()),
            *([] if figures.counts else ["  none yet"]),
        ],
    )
    yield Block(shape=LABELLED, rows=list(_figures(figures)))
    if figures.set_aside:
        heading = "To be looked at, newest first (`sequora timeline ID` tells the whole story)"
        rows = [_row_of_waiting(one) for one in figures.set_aside]
        more = [f"  and {_more(figures)}"] if figures.more_set_aside else []
        yield Block(shape="  {}   {}   {}   {}", rows=[Toned(heading, Tone.HEADING), *rows, *more])


def _more(figures: Figures) -> str:
    """Return how many messages that should be looked at are not shown; so many are counted, and not all."""
    is_all = len(figures.set_aside) + figures.more_set_aside < MOST_COUNTED
    return f"{figures.more_set_aside:,} more" if is_all else f"{figures.more_set_aside:,} or more besides"


def _counts(counts: Mapping[State, int]) -> Cell:
    """Return how many messages are in each state."""
    parts = [(Toned(f"{state} {count}", OF_STATE.get(state)), "   ") for state, count in counts.items()]
    return tuple(part for pair in parts for part in pair)[:-1]


def _figures(figures: Figures) -> Iterator[Row]:
    latency = (
        f", new task to text p50 {figures.latency_p50:.2f} s, p95 {figures.latency_p95:.2f} s"
        if figures.latency_p50 is not None and figures.latency_p95 is not None
        else ""
    )
    yield "Last hour", f"{figures.sent_last_hour} sent{latency}"
    for pause in figures.pauses:
        kind = "all messages" if pause.kind == ALL_KINDS else pause.kind
        said = f"{kind}, by {pause.paused_by} since {_time(pause.paused_at)}: {pause.why}"
        yield Toned("PAUSED", Tone.CARE), said
    for replay in figures.replays:
        yield "Replay", f"{replay.who} at {_time(replay.at)}, {counted(replay.messages, 'message')}: {replay.why}"
    for provider in figures.providers.values():
        if provider.channel == SMS or not provider.is_untouched:
            yield "Phone company", _provider(provider)
        if provider.unreadable_since:
            since = f"since {_time(provider.unreadable_since)}, nor look-ups of {provider.noun} in doubt"
            why = f"its list cannot be read, {provider.why_unreadable}; `sequora doctor`"
            yield Toned("NO RECEIPTS", Tone.BAD), f"{since}: {why}"
    doubts = figures.doubts
    doubled = f" ({doubts.doubled} WENT OUT TWICE)" if doubts.doubled else ""
    sent_again = f"{doubts.sent_again} sent again{doubled}"
    said = f"{doubts.adopted} found, {sent_again}, {doubts.held} held (7 days)"
    yield "Were in doubt", Toned(said, Tone.CARE) if doubts.doubled else said
    if figures.answers:
        said = ", ".join(f"{count} {_ANSWERED[verb]}" for verb, count in figures.answers.items())
        yield "Answers by text", f"{said} (1 day)"
    oldest = [cell for cell in _row_of_waiting(figures.oldest_due) if cell] if figures.oldest_due else ["nothing waits"]
    yield "Oldest due", "   ".join(oldest)


_ANSWERED = {
    Verb.ACCEPT: "accepted",
    Verb.RESOLVE: "resolved",
    Verb.HAND_OVER: "handed over",
    "LINK": "answered with a link",
    "NONE": "not possible",
}


def _words(unknown: Sequence[UnknownWord]) -> Iterator[Row]:
    for one in unknown:
        yield Toned("Not in the map", Tone.CARE), one.sentence


def _canary(canary: InALine) -> Cell:
    return Toned(canary.sentence, Tone.BAD) if canary.is_overdue else canary.sentence


def _reconciled(last: LastReconciled | None) -> Cell:
    said = last_reconciled.in_a_line(last)
    if last and (last.is_serious or last.is_old):
        return Toned(said, Tone.BAD if last.is_serious else Tone.CARE)
    return said


def _workers(found: Workers | None) -> Cell:
    if found is None:
        return "not known: set SEQUORA_BROKER_URL to ask them"
    if not found.alive:
        sentence = "NONE answers: no text goes out; are they running, is the broker up? `sequora doctor`"
        return Toned(sentence, Tone.BAD)
    warm = "all" if found.warm == found.alive else found.warm
    return f"{found.alive} alive, {warm} warm"


def _scan(status: Status) -> str:
    if status.ticks is None:
        return f"not known: {status.why_not_known}"
    scan = status.sla_scan
    return f"{scan.status}, begun {spell_seconds(scan.age)} ago" if scan else "none yet"


def _sensors(status: Status) -> Block:
    ticks = status.ticks
    if ticks is None:
        return Block(shape=LABELLED, rows=[("Sensors", f"not known: {status.why_not_known}")])
    heading = f"Sensors, seconds since the last tick began, and how many of the last {TICKS} failed"
    rows = [(name, f"{one.age:.0f}", _failed(one)) for name, one in sorted(ticks.items())]
    return Block(
        shape="  {:<28} {:>6}   {}", rows=[Toned(heading, Tone.HEADING), *rows, *([] if ticks else ["  no tick yet"])]
    )


def _failed(ticks: Ticks) -> Cell:
    if not ticks.failed:
        return "none"
    return Toned(f"{ticks.failed} of {ticks.of} FAILED, last with {ticks.last_error}", Tone.BAD)


def _provider(provider: Provider) -> Cell:
    noun = provider.noun
    if provider.is_open and not provider.keeps_messages_back:
        since = f"took no {noun} when one was last due, since {_time(provider.opened_at)}: {provider.why_open}"
        return f"{since}; none has been due since"
    if provider.is_open:
        trial = f"the next trial at {_time(provider.resume_at)}" if provider.resume_at else "a trial is due"
        since = f"TAKES NO {noun.upper()} since {_time(provider.opened_at)}: {provider.why_open}"
        return Toned(f"{since}; {noun} wait, {trial}", Tone.BAD)
    if provider.resume_at:
        return Toned(f"wants no {noun} before {_time(provider.resume_at)}; {noun} wait", Tone.CARE)
    if provider.opened_at and provider.closed_at:
        return (
            f"takes {noun}; it last did not from {_time(provider.opened_at)} to {_time(provider.closed_at)}: "
            f"{provider.why_open}"
        )
    return f"takes {noun}"


def _time(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S %Z}" if moment else "?"


def _row_of_waiting(one: Message) -> tuple[str, str, str, str]:
    """Return a message's state and for how long, its kind, its task or episode, and the reason, if it is known."""
    reason = one.reason or ("sent, but not in the application's log" if one.state in {"SENT", "DELIVERED"} else "")
    subject = in_words(one.task_id, one.episode_id, one.id)
    return f"{one.state} for {spell_seconds(one.age)}", one.kind, subject, reason.rstrip()
