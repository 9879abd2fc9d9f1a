"""`sequora status`: the ledger and the sensors at a glance. Ids and states only."""

import json
import os
import time
from collections.abc import Iterator
from dataclasses import asdict

from dagster import DagsterInstance
from dagster._core.scheduler.instigation import InstigatorType  # no public way leads to a sensor's ticks

from sequora_orchestration.resources.ledger import Figures, Waiting, open_ledger


def status(*, as_json: bool) -> str:
    """Return what `sequora status` prints. Raises SettingError, SchemaMissingError and database errors."""
    figures, ticks = open_ledger().figures(), tick_ages()
    if as_json:
        return json.dumps({**asdict(figures), "tick_ages": ticks}, indent=2, ensure_ascii=False)
    return "\n".join(_lines(figures, ticks))


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


def _waiting(one: Waiting) -> str:
    reason = one.reason or ("sent, but not in the application's log" if one.state == "SENT" else "")
    subject = f"task {one.task_id}" if one.task_id else f"episode {one.episode_id}"
    return f"{one.state} for {one.age:.0f} s   {one.kind}   {subject}   {reason}".rstrip()
