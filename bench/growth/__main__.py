"""`python -m bench.growth`: the cost of a tick and a run with much stored, and two simulated years; as tables."""

import argparse
import os
import signal
import sys
import time
from collections.abc import Sequence

from bench.__main__ import end
from bench.growth import cost
from bench.growth.simulated_days import Load, markdown, simulated
from bench.report import machine
from bench.system import StartError, server_name, workplace
from sequora_orchestration.local.postgres import embedded_postgres


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; return 1 if a text was lost or doubled, or a system did not come up."""
    options = _options(arguments)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)
    load, failed, parts = os.getloadavg()[0], False, []
    try:
        with workplace() as directory, embedded_postgres(directory / "postgres") as postgres:
            if options.only != "days":
                measured = cost.costs(directory, postgres, runs=options.runs, ticks=options.ticks, say=_say)
                failed = any(one.calm.missing or one.calm.doubled for one in measured)
                parts += ["**The cost of what is stored**", cost.markdown(measured)]
            if options.only != "cost":
                day = Load(tasks=options.tasks_a_day, episodes=options.tasks_a_day // 5, runs=20, ticks=500)
                began = time.monotonic()
                mornings = []
                for morning in simulated(directory, postgres, day, days=options.days, every=options.every):
                    _say(f"day {morning.day}: {morning.messages:,} messages, {morning.runs:,} runs")
                    mornings.append(morning)
                _say(f"{options.days} days took {time.monotonic() - began:.0f} s")
                parts += [f"**{options.days} simulated days**", markdown(mornings, day)]
            server = server_name(postgres, None)
    except StartError as error:
        _say(str(error))
        return 1
    print("\n\n".join([*parts, str(machine(postgres=server, load=load))]))
    return int(failed)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.growth",
        description="Measures whether anything grows. Everything it needs is brought along and taken down again.",
    )
    parser.add_argument("--only", choices=["cost", "days"], help="leave the other part out")
    parser.add_argument("--runs", type=int, default=60_000, metavar="N", help="runs to store (%(default)s)")
    parser.add_argument("--ticks", type=int, default=350_000, metavar="N", help="ticks to store (%(default)s)")
    parser.add_argument("--tasks-a-day", type=int, default=100, metavar="N", help="simulated (%(default)s)")
    parser.add_argument("--days", type=int, default=730, metavar="N", help="simulated (%(default)s)")
    parser.add_argument("--every", type=int, default=60, metavar="N", help="a row each so many days (%(default)s)")
    return parser.parse_args(arguments)


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
