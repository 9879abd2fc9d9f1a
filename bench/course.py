"""The course of measurements that each system goes through, part by part. The figures are worked out in `measure`."""

import sys
import time
from collections.abc import Collection, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2

from bench import measure, names
from bench.application import NAME, ids
from bench.distance import check, far_away
from bench.hosts import hosts
from bench.measure import Far, Snapshot
from bench.phone import REAL_LIFE
from bench.processes import snapshot
from bench.report import Figures
from bench.stages import STAGES, ways
from bench.start import start
from bench.statements import count, logged, read
from bench.system import Outside, StartError, naive_dagster, outside, sequora_dev
from sequora_orchestration.local.applications import Application as Tables
from sequora_orchestration.local.postgres import EmbeddedPostgres

PARTS = ("start", "calm", "idle", "statements", "burst", "hosts", "far")

# The databases that are far away, in words, by the setting that leads there.
FAR = {
    "nothing": (),
    "the care database": ("SUPABASE_DB_URL",),
    "Dagster's": ("DAGSTER_PG_URL",),
    "both": ("SUPABASE_DB_URL", "DAGSTER_PG_URL"),
}

DATABASES = {"care": "the care database", "dagster": "Dagster's"}

OURS, NAIVE = "Sequora", "naive Dagster"

# Seconds from task to task. With one a second the naive way would only queue up, and be measured at its worst.
NAIVE_EVERY = 15

# Seconds: every five minutes a scan looks for near SLAs, two minutes later figures are measured, and then no schedule
# runs for three minutes. Statements of these runs would be counted with the texts.
SCHEDULED_EVERY, QUIET_FROM = 300, 130

# Seconds that counting statements takes beside the calm and the idleness.
TO_COUNT = 10

# Seconds until everything that was sent must be known to have arrived.
TO_SETTLE = 180

# Messages that have not come to their end, receipts included.
_UNDER_WAY = """
SELECT count(*) FROM orchestration.notification
WHERE state IN ('QUEUED', 'SENDING', 'IN_DOUBT', 'SENT') OR (state = 'SCHEDULED' AND due_at <= clock_timestamp())
"""
_CLAIMS = "SELECT count(DISTINCT run_id) FROM orchestration.notification WHERE task_id = ANY(%s)"
_RUNS_OF_OTHER_JOBS = "SELECT run_id FROM runs WHERE pipeline_name <> 'notify_nurse_task'"
_RUNNING = "SELECT count(*) FROM runs WHERE status NOT IN ('SUCCESS', 'FAILURE', 'CANCELED')"


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """How much of each part is measured; `seconds` is the length of the calm and of the idleness."""

    parts: Collection[str]
    seconds: int
    burst: int
    large_burst: int
    far_burst: int
    tables: Tables
    """The application whose tables the tasks are inserted into; the part `far` always has the brief's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NaiveCourse:
    """How much of each part of the naive way is measured; a part that is None is left out."""

    seconds: int | None
    burst: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Running:
    """This project, up and warm, with its surroundings."""

    directory: Path
    postgres: EmbeddedPostgres
    around: Outside

    def databases(self) -> tuple[str, str]:
        """Return the URLs of the care database and of Dagster's."""
        return self.postgres.url("care"), self.postgres.url("dagster")

    def look(self) -> Snapshot:
        """Look at its processes and databases."""
        return snapshot(
            self.directory,
            administration_url=self.postgres.url("postgres"),
            databases=DATABASES,
        )


def put_ours_through(course: Course, directory: Path, postgres: EmbeddedPostgres, figures: Figures) -> None:
    """Measure this project. Raises StartError."""
    with outside(directory, postgres, "care", tables=course.tables) as around:
        if "start" in course.parts:
            say(f"{OURS}: starting it twice")
            figures.start = start(directory / "start", _without_databases(around.settings))
        if {"calm", "idle", "statements", "burst"} & set(course.parts):
            postgres.create_database("dagster")
            say(f"{OURS}: starting")
            environment = {**around.settings, "DAGSTER_PG_URL": postgres.url("dagster")}
            with sequora_dev(directory / "sequora", environment):
                say(f"{OURS}: up; warming up")
                _warm_up(around, OURS, tasks=5)
                system = _Running(directory=directory, postgres=postgres, around=around)
                if "calm" in course.parts:
                    _calm(system, course, figures)
                if "idle" in course.parts:
                    _idle(system, course, figures)
                if "statements" in course.parts:
                    _statements(system, course, figures)
                if "burst" in course.parts:
                    _bursts(system, course, figures)
                say(f"{OURS}: stopping")
    if "hosts" in course.parts:
        say(f"{OURS}: on one host, on two, and on two within the sender's rate")
        for name, burst in hosts(directory, postgres):
            say(f"{OURS}: {name}: {burst.texts_per_second or 0:.0f} texts/s")
            figures.hosts.append((name, burst))
    if "far" in course.parts:
        _far(directory, postgres, course, figures)


def _calm(system: _Running, course: Course, figures: Figures) -> None:
    application, phone = system.around.application, system.around.phone
    for at_a_time, arrivals in (((1,), "one every 1 s"), ((2, 3), "two or three every 1 s")):
        say(f"{OURS}: calm, {arrivals} for {course.seconds} s")
        inserts = list(application.insert_one_by_one(every=1, seconds=course.seconds, at_a_time=at_a_time))
        texts = phone.texts_about(ids(inserts))
        figures.calm.append(measure.calm(inserts, texts, arrivals=arrivals))
        reached = ways(*system.databases(), ids(inserts), texts)
        figures.ways.append((arrivals, measure.way(inserts, reached, STAGES)))


def _idle(system: _Running, course: Course, figures: Figures) -> None:
    say(f"{OURS}: waiting until nothing is left to do")
    _wait_until_settled(*system.databases())
    say(f"{OURS}: idle for {course.seconds} s")
    before = system.look()
    time.sleep(course.seconds)
    figures.idle = measure.idle(before, system.look())


def _statements(system: _Running, course: Course, figures: Figures) -> None:
    say(f"{OURS}: waiting until nothing is left to do, and no schedule runs")
    care_url, dagster_url = system.databases()
    _wait_until_settled(care_url, dagster_url)
    _wait_until_no_schedule_runs(2 * course.seconds + TO_COUNT)
    application, phone = system.around.application, system.around.phone
    with logged(system.postgres.url("postgres")):
        say(f"{OURS}: statements are counted, idle for {course.seconds} s")
        idle_from = time.time()
        time.sleep(course.seconds)
        say(f"{OURS}: statements are counted, one every 1 s for {course.seconds} s")
        calm_from = time.time()
        inserts = list(application.insert_one_by_one(every=1, seconds=course.seconds))
        phone.texts_about(ids(inserts))
        ended = time.time()
    statements = list(read(system.directory / "postgres" / "log"))
    other_runs = frozenset(_column(dagster_url, _RUNS_OF_OTHER_JOBS))
    for database, name, found in (
        ("care", names.of_ours, _number(care_url, _CLAIMS, ids(inserts))),
        ("dagster", names.of_dagster, None),
    ):
        idle, calm = (
            count(statements, database, between=between, name=name, runs_of_other_jobs=other_runs)
            for between in ((idle_from, calm_from), (calm_from, ended))
        )
        asked = measure.questions(idle, calm, texts=len(inserts), found=found)
        figures.questions.append((DATABASES[database], asked))


def _wait_until_no_schedule_runs(seconds: float) -> None:
    """Wait until no schedule will run for so many seconds."""
    latest = SCHEDULED_EVERY - seconds
    now = time.time() % SCHEDULED_EVERY
    if latest >= QUIET_FROM and not QUIET_FROM <= now <= latest:
        time.sleep((QUIET_FROM - now) % SCHEDULED_EVERY)


def _bursts(system: _Running, course: Course, figures: Figures) -> None:
    application, phone = system.around.application, system.around.phone
    # The largest comes twice: a process keeps memory that it once needed, so only the second shows whether that grows.
    sizes = [(course.burst, 0.0), (course.burst, REAL_LIFE), (course.large_burst, 0.0), (course.large_burst, 0.0)]
    sent = 0
    figures.memory.append((sent, measure.memory(system.look())))
    for tasks, answer_after in sizes:
        answers = f"after {answer_after * 1000:.0f} ms" if answer_after else "at once"
        say(f"{OURS}: burst, {tasks:,} tasks in one insert, the phone company answers {answers}")
        phone.answer_after(answer_after)
        inserts = application.insert(tasks)
        burst = measure.burst(inserts, phone.texts_about(ids(inserts)))
        figures.bursts.append((f"Twilio answers {answers}", burst))
        sent += tasks
        figures.memory.append((sent, measure.memory(system.look())))


def _far(directory: Path, postgres: EmbeddedPostgres, course: Course, figures: Figures) -> None:
    with outside(directory, postgres, "far_care") as around:
        postgres.create_database("far_dagster")
        near = {"SUPABASE_DB_URL": postgres.url("far_care"), "DAGSTER_PG_URL": postgres.url("far_dagster")}
        around.phone.answer_after(REAL_LIFE)
        figures.distance = check(near["SUPABASE_DB_URL"], around.settings)
        for what, far in FAR.items():
            say(f"{OURS}: far away: {what}; starting")
            with ExitStack() as stack:
                settings = {**around.settings, **near}
                settings |= {name: stack.enter_context(far_away(near[name], around.settings)) for name in far}
                stack.enter_context(sequora_dev(directory / "far", settings))
                _warm_up(around, OURS, tasks=5)
                say(
                    f"{OURS}: far away: {what}; one every 1 s for {course.seconds} s, then {course.far_burst:,} at once"
                )
                inserts = list(around.application.insert_one_by_one(every=1, seconds=course.seconds))
                calm = measure.calm(inserts, around.phone.texts_about(ids(inserts)), arrivals="one every 1 s")
                inserts = around.application.insert(course.far_burst)
                burst = measure.burst(inserts, around.phone.texts_about(ids(inserts)))
                figures.far.append(Far(what=what, calm=calm, burst=burst))


def put_naive_through(course: NaiveCourse, directory: Path, postgres: EmbeddedPostgres, figures: Figures) -> None:
    """Measure the naive way. Raises StartError."""
    say(f"{NAIVE}: starting")
    with (
        outside(directory, postgres, "naive_care") as around,
        naive_dagster(directory / "naive", around.settings),
    ):
        say(f"{NAIVE}: up; warming up")
        _warm_up(around, NAIVE, tasks=1)
        if course.seconds is not None:
            say(f"{NAIVE}: calm, a task every {NAIVE_EVERY} s for {course.seconds} s")
            inserts = list(around.application.insert_one_by_one(every=NAIVE_EVERY, seconds=course.seconds))
            texts = around.phone.texts_about(ids(inserts))
            figures.naive_calm = measure.calm(inserts, texts, arrivals=f"one every {NAIVE_EVERY} s")
        if course.burst is not None:
            say(f"{NAIVE}: burst, {course.burst:,} tasks in one insert")
            inserts = around.application.insert(course.burst)
            texts = around.phone.texts_about(ids(inserts))
            figures.naive_burst = measure.burst(inserts, texts)
        say(f"{NAIVE}: stopping")


def _warm_up(around: Outside, name: str, *, tasks: int) -> None:
    """Let the system text about some tasks that do not count. Raises StartError if it does not."""
    inserts = list(around.application.insert_one_by_one(every=1, seconds=tasks))
    if measure.calm(inserts, around.phone.texts_about(ids(inserts)), arrivals="").missing:
        raise StartError(f"{name} does not text about the tasks it is warmed up with")


def _without_databases(settings: Mapping[str, str]) -> dict[str, str]:
    """Return settings with which `sequora dev` brings everything along."""
    return {name: value for name, value in settings.items() if not name.startswith(("SUPABASE_", "TWILIO_"))}


def _wait_until_settled(care_url: str, dagster_url: str) -> None:
    deadline = time.monotonic() + TO_SETTLE
    while any(_number(url, question) for url, question in ((care_url, _UNDER_WAY), (dagster_url, _RUNNING))):
        if time.monotonic() > deadline:
            say("warning: it is not idle: something is still under way")
            return
        time.sleep(1)


def _number(url: str, question: str, *parameters: object) -> int:
    (number,) = _column(url, question, *parameters)
    return int(number)


def _column(url: str, question: str, *parameters: object) -> list[Any]:
    with closing(psycopg2.connect(url, application_name=NAME)) as connection, connection.cursor() as cursor:
        cursor.execute(question, parameters)
        return [value for (value,) in cursor.fetchall()]


def say(sentence: str) -> None:
    """Print how far the benchmark is."""
    print(sentence, file=sys.stderr, flush=True)
