"""`python -m bench`: bring a system up as its users do, measure it from outside, print a table."""

import argparse
import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from bench import measure, report
from bench.application import ids
from bench.system import StartError, System, naive_dagster, sequora, workplace
from sequora_orchestration.local.postgres import EmbeddedPostgres, embedded_postgres

# Above this load average the machine is busy with something else.
IDLE = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a system is put through; a part that is None is left out."""

    name: str
    start: Callable[[Path, EmbeddedPostgres], AbstractContextManager[System]]
    warm_up: int
    every: float
    seconds: float | None
    burst: int | None


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; return 1 if this project lost or doubled a text, or a system did not come up."""
    options = _options(arguments)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as `nohup` wants it
            signal.signal(number, end)
    load = os.getloadavg()[0]
    if load > IDLE:
        _say(f"warning: the machine is not idle (load {load:.2f}): figures will be worse than they could be")
    try:
        with workplace() as directory, embedded_postgres(directory / "postgres") as postgres:
            figures, postgres_version = [], ""
            for plan in _plans(options):
                one, postgres_version = _measure(plan, directory, postgres)
                figures.append(one)
    except StartError as error:
        _say(str(error))
        return 1
    machine = report.machine(postgres=postgres_version, load=load)
    print(report.markdown(figures, machine))
    if options.json:
        options.json.write_text(report.as_json(figures, machine), encoding="utf-8")
    ours = [part for part in (figures[0].calm, figures[0].burst) if part]
    return int(any(part.missing or part.doubled for part in ours))


def _measure(plan: Plan, directory: Path, postgres: EmbeddedPostgres) -> tuple[report.Figures, str]:
    """Bring a system up, put it through the plan; return the figures and Postgres' version. Raises StartError."""
    _say(f"{plan.name}: starting")
    with plan.start(directory, postgres) as system:
        _say(f"{plan.name}: up; warming up")
        _warm_up(plan, system)
        calm = burst = None
        if plan.seconds is not None:
            _say(f"{plan.name}: calm, a task every {plan.every:g} s for {plan.seconds:g} s")
            inserts = list(system.application.insert_one_by_one(every=plan.every, seconds=plan.seconds))
            calm = measure.calm(inserts, system.phone.texts_about(ids(inserts)), every=plan.every)
        if plan.burst is not None:
            _say(f"{plan.name}: burst, {plan.burst:,} tasks in one insert")
            inserts = system.application.insert(plan.burst)
            burst = measure.burst(inserts, system.phone.texts_about(ids(inserts)))
        version = system.application.postgres_version()
        _say(f"{plan.name}: stopping")
    return report.Figures(name=plan.name, calm=calm, burst=burst), version


def _warm_up(plan: Plan, system: System) -> None:
    """Let the system text about some tasks that do not count. Raises StartError if it does not."""
    inserts = list(system.application.insert_one_by_one(every=1, seconds=plan.warm_up))
    if measure.calm(inserts, system.phone.texts_about(ids(inserts)), every=1).missing:
        raise StartError(f"{plan.name} does not text about the tasks it is warmed up with")


def _plans(options: argparse.Namespace) -> list[Plan]:
    calm, burst = options.only != "burst", options.only != "calm"
    ours = Plan(
        name="Sequora",
        start=sequora,
        warm_up=5,
        every=1,
        seconds=options.seconds if calm else None,
        burst=options.burst if burst else None,
    )
    naive = Plan(
        name="naive Dagster",
        start=naive_dagster,
        warm_up=1,
        # At a task a second it would only queue up, and be measured at its worst.
        every=15,
        seconds=options.naive_seconds if calm else None,
        burst=options.naive_burst if burst else None,
    )
    return [ours, naive] if options.against_naive else [ours]


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Measures the whole system from outside, as `sequora dev` runs it: from the commit of a task's "
        "insert to the moment the phone company accepts its text. Everything it needs is brought along and taken down "
        "again; settings in the environment are not used. Tables go to stdout, progress to stderr. Exit code 1 if a "
        "text is missing or came twice.",
        epilog="For figures worth quoting, let nothing else run on the machine.",
    )
    parser.add_argument("--only", choices=["calm", "burst"], help="leave the other part out")
    parser.add_argument(
        "--seconds", type=_positive, default=60, metavar="N", help="calm: an insert a second for so long (%(default)s)"
    )
    parser.add_argument(
        "--burst", type=_positive, default=2000, metavar="N", help="burst: tasks in one insert (%(default)s)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures, unrounded, to this file")
    naive = parser.add_argument_group(
        "the naive way", "the same job with a cursor sensor, a run per row and Dagster's defaults (bench/naive)"
    )
    naive.add_argument("--against-naive", action="store_true", help="measure it too, afterwards; takes minutes")
    naive.add_argument(
        "--naive-seconds",
        type=_positive,
        default=120,
        metavar="N",
        help="calm: an insert every 15 seconds for so long (%(default)s)",
    )
    naive.add_argument(
        "--naive-burst", type=_positive, default=20, metavar="N", help="burst: tasks in one insert (%(default)s)"
    )
    options = parser.parse_args(arguments)
    if options.json and not options.json.absolute().parent.is_dir():
        parser.error(f"--json {options.json}: there is no such directory")
    return options


def _positive(value: str) -> int:
    number = int(value)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def end(number: int, _frame: object) -> None:
    """End in order; a second signal must not disturb that."""
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    _say("stopping what was started …")
    sys.exit(128 + number)


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
