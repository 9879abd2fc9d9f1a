"""`sequora status`: the ledger and the sensors at a glance. Ids and states only."""

import json
import os
import time
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime

from dagster import DagsterInstance
from dagster._core.scheduler.instigation import InstigatorType  # no public way leads to a sensor's ticks

from sequora_orchestration.domain.notification import in_words
from sequora_orchestration.resources.database import engine_for
from sequora_orchestration.resources.ledger import ALL_KINDS, Figures, Provider, Waiting, open_ledger
from sequora_orchestration.resources.table_sizes import TableSize, table_sizes
from sequora_orchestration.settings import DagsterStorageSettings, DatabaseSettings

LEDGER_TABLES = ("orchestration.notification", "orchestration.notification_event", "orchestration.operator_action")
DAGSTER_TABLES = ("runs", "run_tags", "event_logs", "job_ticks")


def status(*, as_json: bool) -> str:
    """Return what `sequora status` prints. Raises SettingError, SchemaMissingError and database errors."""
    figures, ticks, tables = open_ledger().figures(), tick_ages(), sizes()
    if as_json:
        everything = {**asdict(figures), "tick_ages": ticks, "sizes": {name: asdict(tables[name]) for name in tables}}
        return json.dumps(everything, indent=2, ensure_ascii=False, default=datetime.isoformat)
    return "\n".join([*_lines(figures, ticks), *_size_lines(tables)])


def tick_ages() -> dict[str, float] | None:
    """Return the seconds since each sensor's last tick began, or None where DAGSTER_HOME is not set."""
    if not os.environ.get("DAGSTER_HOME"):
        return None
    with DagsterInstance.get() as instance:
        began: dict[str, float] = {}
        for state in instance.all_instigator_state(instigator_type=InstigatorType.SENSOR):
            for tick in instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=1):
                began[state.instigator_name] = max(tick.timestamp, began.get(state.instigator_name, 0))
        return {name: time.time() - timestamp for name, timestamp in began.items()}


def sizes() -> dict[str, TableSize]:
    """Return how big the tables are that grow: the ledger's, and Dagster's where DAGSTER_PG_URL is set."""
    tables = table_sizes(engine_for(DatabaseSettings.load().supabase_db_url), LEDGER_TABLES)
    if os.environ.get("DAGSTER_PG_URL"):
        tables |= table_sizes(engine_for(DagsterStorageSettings.load().dagster_pg_url), DAGSTER_TABLES)
    return tables


def _size_lines(tables: dict[str, TableSize]) -> Iterator[str]:
    yield "Sizes, with indexes"
    for name, size in tables.items():
        yield f"  {name.removeprefix('orchestration.'):<28} {size.bytes / 1e6:,.1f} MB, about {size.rows:,} rows"
    if not tables.keys() >= set(DAGSTER_TABLES):
        yield "  Dagster's: not known; set DAGSTER_PG_URL to see them"


def _lines(figures: Figures, ticks: dict[str, float] | None) -> Iterator[str]:
    yield "Messages"
    for kind, counts in figures.counts.items():
        yield f"  {kind:<16} " + "   ".join(f"{state} {count}" for state, count in counts.items())
    if not figures.counts:
        yield "  none yet"
    yield f"Last hour         {figures.sent_last_hour} sent" + (
        f", new task to text p50 {figures.latency_p50:.2f} s, p95 {figures.latency_p95:.2f} s"
        if figures.latency_p50 is not None and figures.latency_p95 is not None
        else ""
    )
    for pause in figures.pauses:
        kind = "all messages" if pause.kind == ALL_KINDS else pause.kind
        yield f"PAUSED            {kind}, by {pause.paused_by} since {_time(pause.paused_at)}: {pause.why}"
    yield f"Phone company     {_provider(figures.provider)}"
    doubts = figures.doubts
    yield f"Were in doubt     {doubts.adopted} found, {doubts.sent_again} sent again, {doubts.held} held"
    yield "Oldest due        " + (_waiting(figures.oldest_due) if figures.oldest_due else "nothing waits")
    if figures.set_aside:
        yield "To be looked at, newest first"
        for one in figures.set_aside:
            yield f"  {_waiting(one)}"
    if ticks is None:
        yield "Sensors           not known: set DAGSTER_HOME to see their last ticks"
        return
    yield "Sensors, seconds since the last tick began"
    for name, age in sorted(ticks.items()):
        yield f"  {name:<28} {age:.0f}"
    if not ticks:
        yield "  no tick yet: is the daemon running?"


def _provider(provider: Provider) -> str:
    if provider.is_open:
        trial = f"the next trial at {_time(provider.resume_at)}" if provider.resume_at else "a trial is due"
        return f"TAKES NO TEXTS since {_time(provider.opened_at)}: {provider.reason}; texts wait, {trial}"
    if provider.resume_at:
        return f"wants no text before {_time(provider.resume_at)}; texts wait"
    if provider.opened_at and provider.closed_at:
        return (
            f"takes texts; it last did not from {_time(provider.opened_at)} to {_time(provider.closed_at)}: "
            f"{provider.reason}"
        )
    return "takes texts"


def _time(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S %Z}" if moment else "?"


def _waiting(one: Waiting) -> str:
    reason = one.reason or ("sent, but not in the application's log" if one.state == "SENT" else "")
    subject = in_words(one.task_id, one.episode_id)
    return f"{one.state} for {one.age:.0f} s   {one.kind}   {subject}   {reason}".rstrip()
