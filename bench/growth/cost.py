"""The cost of a tick and a run, and how soon a text goes out: with little stored, with much, and during the deletion.

One system is measured throughout, as `sequora dev` runs it; in between, its database is filled with copies of its rows.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench import measure
from bench.application import ids
from bench.growth.stored import Dagster
from bench.report import table
from bench.system import Outside, outside, sequora_dev
from sequora_orchestration.database import engine_for
from sequora_orchestration.definitions import defs
from sequora_orchestration.local.environment import read_environment
from sequora_orchestration.local.postgres import EmbeddedPostgres
from sequora_orchestration.settings.addresses import postgres_url

IDLE_SECONDS = 30
CALM_SECONDS = 20

# Seconds after which a backend has reported its work to the statistics.
REPORTED = 11

DAY = timedelta(days=1)
SENSORS, SCHEDULES = list(defs.sensors or []), list(defs.schedules or [])
FULL_OF = ("runs", "run_tags", "event_logs", "job_ticks")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """The rows that were stored, the work of Dagster's database with them, and how long texts took."""

    name: str
    runs: int
    events: int
    ticks: int
    per_tick: float
    """Milliseconds of statements in Dagster's database for each tick while idle, all other statements included."""
    transactions_per_tick: float
    per_text: float
    """Milliseconds of statements for each text at one a second, ticks included."""
    calm: measure.Calm


def costs(
    directory: Path, postgres: EmbeddedPostgres, *, runs: int, ticks: int, say: Callable[[str], None]
) -> list[Cost]:
    """Measure before and after filling, and once more while old runs are deleted. Raises StartError."""
    say("starting a system")
    postgres.create_database("dagster")
    home = directory / "sequora"
    with ExitStack() as stack:
        system = stack.enter_context(outside(directory, postgres, "care"))
        environment = {**system.settings, "DAGSTER_PG_URL": postgres.url("dagster")}
        stack.enter_context(sequora_dev(home, environment))
        dagster = Dagster(engine_for(postgres_url(postgres.url("dagster"))))
        system.phone.texts_about(ids(list(system.application.insert_one_by_one(every=1, seconds=5))))
        measured = [_cost("as it began", system, dagster, say)]
        say(f"filling Dagster's database with {runs:,} runs and {ticks:,} ticks")
        now = datetime.now(UTC)
        # Half of the runs are past their retention.
        dagster.copy_run("notify_nurse_task", runs, since=now - 60 * DAY, until=now - DAY / 24)
        share = ticks // (len(SENSORS) + len(SCHEDULES))
        for status, part in (("SKIPPED", 0.9), ("SUCCESS", 0.08), ("FAILURE", 0.02)):
            dagster.copy_ticks(round(part * share), status=status, since=now - 1.9 * DAY, until=now - DAY / 24)
        with dagster.engine.connect() as connection:
            for name in FULL_OF:
                connection.exec_driver_sql(f"VACUUM ANALYZE {name}")
        measured.append(_cost("with much stored", system, dagster, say))
        say("launching the deletion")
        _launch("delete_what_is_over", home, environment)
        measured.append(_cost("while it is deleted", system, dagster, say, idle=False))
        say("stopping")
    return measured


def _cost(name: str, system: Outside, dagster: Dagster, say: Callable[[str], None], *, idle: bool = True) -> Cost:
    stored = dagster.stored()
    say(f"{name}: {stored['runs']:,} runs, {stored['events']:,} events, {stored['ticks']:,} ticks")
    per_tick, transactions = float("nan"), float("nan")
    if idle:
        before = _settled(dagster)
        time.sleep(IDLE_SECONDS)
        after = _settled(dagster)
        ticks = after["ticks"] - before["ticks"]
        per_tick = (after["milliseconds"] - before["milliseconds"]) / ticks
        transactions = (after["transactions"] - before["transactions"]) / ticks
    before = _settled(dagster) if idle else dict(dagster.work_done())
    inserts = list(system.application.insert_one_by_one(every=1, seconds=CALM_SECONDS))
    calm = measure.calm(inserts, system.phone.texts_about(ids(inserts)), arrivals="one every 1 s")
    after = _settled(dagster)
    return Cost(
        name=name,
        **stored,
        per_tick=per_tick,
        transactions_per_tick=transactions,
        per_text=(after["milliseconds"] - before["milliseconds"]) / len(inserts),
        calm=calm,
    )


def _settled(dagster: Dagster) -> dict[str, float]:
    """Return the work done so far, after every backend has reported its own."""
    time.sleep(REPORTED)
    return dict(dagster.work_done())


def _launch(job: str, home: Path, environment: Mapping[str, str]) -> None:
    """Launch a job on the workers, as a person does."""
    dagster, workspace = Path(sys.executable).with_name("dagster"), home / "dagster_home" / "workspace.yaml"
    subprocess.run(
        [dagster, "job", "launch", "-w", workspace, "-j", job],
        env={**environment, **read_environment(home), "PYTHONWARNINGS": "ignore"},
        cwd=home,
        check=True,
        stdout=subprocess.DEVNULL,
    )


def markdown(measured: list[Cost]) -> str:
    """Return a table with a row for each state of the database, and the ratio of the second to the first."""
    head = [
        "",
        "runs",
        "events",
        "ticks",
        "ms/tick",
        "transactions/tick",
        "ms/text",
        "p50",
        "p95",
        "missing",
        "doubled",
    ]
    rows = [
        [
            one.name,
            *(f"{number:,}" for number in (one.runs, one.events, one.ticks)),
            _number(one.per_tick),
            _number(one.transactions_per_tick),
            _number(one.per_text),
            *(f"{value:.2f} s" if value else "" for value in (one.calm.p50, one.calm.p95)),
            *(str(number) for number in (one.calm.missing, one.calm.doubled)),
        ]
        for one in measured
    ]
    first, second = measured[0], measured[1]
    ratios = [
        (second.per_tick, first.per_tick),
        (second.transactions_per_tick, first.transactions_per_tick),
        (second.per_text, first.per_text),
        (second.calm.p50 or 0, first.calm.p50 or 1),
        (second.calm.p95 or 0, first.calm.p95 or 1),
    ]
    rows.append(["times as much", "", "", "", *(f"{more / less:.2f}" for more, less in ratios), "", ""])
    return table(head, rows)


def _number(value: float) -> str:
    return "" if value != value else f"{value:.1f}"  # noqa: PLR0124  # not a number is not measured
