"""`python -m bench`: bring a system up as its users do, measure it from outside, print a table."""

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from bench import report
from bench.course import PARTS, Course, NaiveCourse, put_naive_through, put_ours_through, say
from bench.report import Figures
from bench.system import StartError, binaries_in, server_name, workplace
from sequora_orchestration.local.applications import DEFAULT
from sequora_orchestration.local.applications import Application as Tables
from sequora_orchestration.local.postgres import embedded_postgres

# Above this load average the machine is busy with something else.
IDLE = 0.5


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; return 1 if this project lost or doubled a text, or a system did not come up."""
    options = _options(arguments)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # `nohup` wants it to be ignored
            signal.signal(number, end)
    load = os.getloadavg()[0]
    if load > IDLE:
        say(f"warning: the machine is not idle (load {load:.2f}): figures will be worse than they could be")
    measured: list[Figures] = []
    course = Course(
        parts=options.only,
        seconds=options.seconds,
        burst=options.burst,
        large_burst=options.large_burst,
        far_burst=options.far_burst,
        tables=Tables(options.application),
    )
    naive_course = NaiveCourse(
        seconds=options.naive_seconds if "calm" in options.only else None,
        burst=options.naive_burst if "burst" in options.only else None,
    )
    try:
        for binaries in options.postgres:
            with workplace() as directory, embedded_postgres(directory / "postgres", binaries=binaries) as postgres:
                figures = Figures(server=server_name(postgres, binaries))
                say(f"on {figures.server}")
                put_ours_through(course, directory, postgres, figures)
                if options.against_naive and not measured:
                    put_naive_through(naive_course, directory, postgres, figures)
                measured.append(figures)
    except StartError as error:
        say(str(error))
        return 1
    machine = report.machine(postgres=", ".join(figures.server for figures in measured), load=load)
    print(report.markdown(measured, machine))
    if options.json:
        options.json.write_text(report.as_json(measured, machine), encoding="utf-8")
    return int(any(part.missing or part.doubled for figures in measured for part in figures.of_ours()))


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Measures the whole system from outside, as `sequora dev` runs it: how long texts take from the "
        "commit of a task's insert, how fast many go out, what idling costs, how soon it is up, and what a second host "
        "adds. Everything it needs is brought along and taken down again; settings in the environment are not used. "
        "Tables go to stdout, progress to stderr. Exit code 1 if a text is missing or came twice.",
        epilog="For figures worth quoting, let nothing else run on the machine.",
    )
    parser.add_argument(
        "--only", choices=PARTS, nargs="+", default=PARTS, metavar="PART", help=f"some of {', '.join(PARTS)}"
    )
    parser.add_argument(
        "--postgres",
        type=binaries_in,
        nargs="+",
        default=[None],
        metavar="DIR",
        help="servers, by the directories of their programs, with their defaults, one after the other; `embedded` is "
        "the one that comes along (the default)",
    )
    parser.add_argument(
        "--seconds",
        type=_positive,
        default=60,
        metavar="N",
        help="calm: an insert, or two or three, a second for so long; idle: look on for so long (%(default)s)",
    )
    parser.add_argument(
        "--burst", type=_positive, default=2000, metavar="N", help="burst: tasks in one insert (%(default)s)"
    )
    parser.add_argument(
        "--large-burst", type=_positive, default=10_000, metavar="N", help="burst: the same, once (%(default)s)"
    )
    parser.add_argument(
        "--far-burst", type=_positive, default=1000, metavar="N", help="far: tasks in one insert (%(default)s)"
    )
    parser.add_argument(
        "--application",
        choices=list(Tables),
        default=DEFAULT,
        help="whose tables the tasks are inserted into, but for the parts far and hosts (%(default)s)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures, unrounded, to this file")
    naive = parser.add_argument_group(
        "the naive way", "the same job with a cursor sensor, a run per row and Dagster's defaults (bench/naive)"
    )
    naive.add_argument(
        "--against-naive", action="store_true", help="measure it too, on the first server; takes minutes"
    )
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
    """End in order; a second signal does not disturb the ending."""
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    say("stopping what was started …")
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
