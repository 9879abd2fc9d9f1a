"""`python -m bench.scale`: fill a Postgres with years of work; what does each statement cost?."""

import argparse
import os
import sys
import time
from collections.abc import Mapping, Sequence
from statistics import mean, median

from sqlalchemy import Connection, Engine, text

from bench.report import machine, table
from bench.scale.database import fill
from bench.scale.noticing import Noticing, notice
from bench.scale.plans import DEAR, Measured, measure
from bench.scale.statements import statements
from bench.system import binaries_in, server_name, workplace
from sequora_orchestration.database import engine_for
from sequora_orchestration.local.applications import DEFAULT, Application
from sequora_orchestration.local.postgres import EmbeddedPostgres, embedded_postgres, make_care_tables
from sequora_orchestration.migrations.app_indexes import make_app_indexes
from sequora_orchestration.migrations.apply import migrate
from sequora_orchestration.settings.addresses import postgres_url

# The sizes of a database that has only just been taken into use, to compare with.
YOUNG = {"tasks": 1_000, "open": 50, "episodes": 500, "messages": 2_000}

# New tasks, one about every second, while it is measured how soon they are noticed.
NEW_TASKS = 20


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; return 1 if a sensor's question takes longer than its limit, or a plan looks dearer than DEAR."""
    sizes = vars(_options(arguments))
    binaries, application = sizes.pop("postgres"), Application(sizes.pop("application"))
    load = os.getloadavg()[0]
    with workplace() as directory, embedded_postgres(directory / "postgres", binaries=binaries) as postgres:
        young, grown = (_database(postgres, name, application) for name in ("young", "grown"))
        _fill(young, YOUNG, application)
        make_app_indexes(young)
        _fill(grown, sizes, application)
        noticed = {}

        def notice_tasks(engine: Engine, name: str) -> None:
            _say(f"how soon a task is noticed: {name}")
            with _transactions(engine) as connection:
                connection.execute(text("CHECKPOINT"))  # so that writing out the filling is not measured
            noticed[name] = notice(engine, directory / "postgres", tasks=NEW_TASKS)

        notice_tasks(young, f"{YOUNG['messages']:,} ledger rows")
        notice_tasks(grown, f"{sizes['messages']:,} ledger rows, without the app's indexes")
        _say("what the sensors ask, without the app's indexes")
        with _transactions(grown) as connection:
            without = [measure(connection, one) for one in statements(connection) if one.limit]
        make_app_indexes(grown)
        notice_tasks(grown, f"{sizes['messages']:,} ledger rows, with them")
        _say("every statement")
        with _transactions(grown) as connection:
            measured = [measure(connection, one) for one in statements(connection)]
        for engine in (young, grown):
            engine.dispose()
        server = server_name(postgres, binaries)
    print(_report(sizes, measured, without, noticed))
    print(f"\n{machine(postgres=server, load=load)}")
    too_slow = [one for one in measured if one.is_too_slow]
    for one in too_slow:
        _say(f"too slow: {one.statement.name}, {median(one.times):.1f} ms; it may take {one.statement.limit} ms")
    dear = [one for one in measured if one.is_dear]
    for one in dear:
        _say(f"looks too dear: {one.statement.name}, {one.estimate:,.0f} units; it may be {DEAR:,}")
    return int(bool(too_slow or dear))


def _database(postgres: EmbeddedPostgres, name: str, application: Application) -> Engine:
    postgres.create_database(name)
    url = postgres_url(postgres.url(name))
    make_care_tables(url, application=application, with_sample_people=False)
    engine = engine_for(url)
    migrate(engine)
    return engine


def _transactions(engine: Engine) -> Connection:
    """Return a connection whose statements can be rolled back, unlike those of the running system."""
    return engine.connect().execution_options(isolation_level="READ COMMITTED")


def _fill(engine: Engine, sizes: Mapping[str, int], application: Application) -> None:
    began = time.monotonic()
    with engine.connect() as connection:
        for name in fill(connection, sizes, application):
            _say(f"{time.monotonic() - began:4.0f} s  filling: {name}")


def _report(
    sizes: Mapping[str, int],
    measured: Sequence[Measured],
    without: Sequence[Measured],
    noticed: Mapping[str, Noticing],
) -> str:
    size = f"{sizes['tasks']:,} tasks ({sizes['open']:,} open), {sizes['episodes']:,} episodes"
    questions = [one for one in measured if one.statement.limit]
    parts = [
        f"**What the sensors ask, with nothing to find: {size}, {sizes['messages']:,} ledger rows**",
        table(
            ["", "median", "max", "limit", "without the app's indexes"],
            [
                [one.statement.name, *_times(one), f"{one.statement.limit} ms", _times(bare)[0]]
                for one, bare in zip(questions, without, strict=True)
            ],
        ),
        "**From a task's commit until a sensor has claimed it**",
        table(
            ["", "mean", "max", "Postgres meanwhile"],
            [
                [name, f"{mean(one.waits):.2f} s", f"{max(one.waits):.2f} s", f"{one.share:.0%} of a core"]
                for name, one in noticed.items()
            ],
        ),
        "**Every statement, with these indexes**",
        table(
            ["", "whose", "median", "max", "of it planning", "buffers", "estimate", "reads whole"],
            [
                [
                    one.statement.name,
                    one.statement.whose,
                    *_times(one),
                    f"{one.planning:.1f} ms",
                    f"{one.buffers:,}",
                    f"{one.estimate:,.0f}",
                    ", ".join(one.read_whole),
                ]
                for one in measured
            ],
        ),
    ]
    return "\n\n".join(parts)


def _times(one: Measured) -> tuple[str, str]:
    return f"{median(one.times):.1f} ms", f"{max(one.times):.1f} ms"


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.scale",
        description="Fills a Postgres of its own with years of work, which takes some minutes, and measures every "
        "named statement: by the clock, the median and the maximum of several, each rolled back; and by its plan. "
        "Then new tasks come in, and the sensor's watch asks for them. Tables go to stdout, progress to stderr. Exit "
        "code 1 if a sensor's question takes longer than it may, or if Postgres might compile a statement.",
    )
    parser.add_argument(
        "--postgres", type=binaries_in, metavar="DIR", help="the server whose programs are there, with its defaults"
    )
    parser.add_argument(
        "--application", choices=list(Application), default=DEFAULT, help="whose tables they are (%(default)s)"
    )
    parser.add_argument("--tasks", type=int, default=1_000_000, help="rows in the application's table (%(default)s)")
    parser.add_argument("--open", type=int, default=5_000, help="of them open (%(default)s)")
    parser.add_argument("--episodes", type=int, default=500_000, help="rows in the application's table (%(default)s)")
    parser.add_argument("--messages", type=int, default=2_000_000, help="rows in the ledger (%(default)s)")
    return parser.parse_args(arguments)


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
