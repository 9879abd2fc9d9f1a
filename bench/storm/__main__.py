"""`python -m bench.storm`: bring the system up, let everything fail for a while, and say whether a text was lost."""

import argparse
import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import mkstemp
from typing import Any

from bench import report as machines
from bench.__main__ import end
from bench.storm import report
from bench.storm.answers import unanswered, unheeded
from bench.storm.books import Books
from bench.storm.broker import broker
from bench.storm.evidence import DOUBT_WINDOW, Evidence
from bench.storm.faults import Faults
from bench.storm.hospital import Hospital
from bench.storm.phone import StormPhone, storm_phone
from bench.storm.plan import Person, draw
from bench.storm.supervisor import NotUpError, Supervisor
from bench.storm.switches import BY_DEFAULT, Switches, switches_of
from bench.storm.talk import PLANTED
from bench.storm.traces import files_with, keys_with, tables_with
from bench.storm.verdict import judge, losses
from bench.storm.writers import Writers
from bench.system import binaries_in, given_settings, server_name, settings, workplace
from sequora_orchestration.local.demo_workflows import zone_where_it_is_noon
from sequora_orchestration.local.postgres import EmbeddedPostgres, embedded_postgres, make_care_tables

DELAYS = {
    "SEQUORA_CHECK_IN_DELAY": "5s",
    "SEQUORA_ESCALATION_DELAY": "20s",
    "SEQUORA_UNASSIGNED_GRACE": "10s",
    "SEQUORA_DOUBT_WINDOW": f"{DOUBT_WINDOW:.0f}s",
}

# Seconds after the last fault within which everything must have settled: a claim that is not taken up is made again
# after at most four minutes, and a person whom a text failed to reach is passed over for five.
TO_SETTLE = 360

# The storm has settled when nothing is missing or on its way for so many seconds: longer than until a second try of a
# call, and than the longest pause between a sensor's questions.
SETTLED_FOR = 20

PAUSE = 4.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 1 if something was lost, doubled, too late or left over, or the system did not come up."""
    options = _options(arguments)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, end)
    log = options.log or Path(mkstemp(prefix="sequora-storm-", suffix=".log")[1])
    is_good = False
    try:
        with (
            workplace() as directory,
            embedded_postgres(directory / "postgres", binaries=options.postgres) as postgres,
        ):
            is_good = _storm(options, directory, postgres, log.absolute())
    except NotUpError as error:
        _say(str(error))
    finally:
        if is_good and not options.log:
            log.unlink()
        else:
            _say(f"what the system has said: {log}")
    return int(not is_good)


def _storm(options: argparse.Namespace, directory: Path, postgres: EmbeddedPostgres, log: Path) -> bool:
    """Carry out a storm; print the verdict and return whether it is good. Raises NotUpError."""
    load = os.getloadavg()[0]
    server = server_name(postgres, options.postgres)
    for name in ("care", "dagster"):
        postgres.create_database(name)
    care_url = postgres.url("care")
    make_care_tables(care_url, with_sample_people=False)
    environment = BY_DEFAULT | settings(directory, care_url) | DELAYS | {"DAGSTER_PG_URL": postgres.url("dagster")}
    switches = switches_of(environment, given_settings())
    plan = draw(options.seed, options.seconds, replies=switches.replies, calls=bool(switches.calls_for))
    with broker(directory / "broker") as its_broker, storm_phone(environment) as phone:
        phone.draw_from(options.seed)
        phone.end_undelivered({one.phone: one.undeliverable for one in plan.people if one.undeliverable})
        environment |= {"TWILIO_API_BASE_URL": phone.url, "SEQUORA_BROKER_URL": its_broker.url}
        writers = Writers(phone)
        hospital = Hospital(care_url, plan.people, zone_where_it_is_noon(datetime.now(UTC)))
        supervisor = Supervisor(directory / "sequora", environment, log)
        books = Books(care_url)
        recorded = partial(_evidence, books, hospital, phone, plan.people, switches)
        faults = Faults(
            supervisor=supervisor,
            postgres=postgres,
            postgres_directory=directory / "postgres",
            broker=its_broker,
            phone=phone,
        )
        try:
            _say("starting the system")
            supervisor.start()
            books.wait_until_read()
            _say(f"up; {options.seconds:g} s of storm begin, seed {options.seed}")
            books.watch_breaker()
            began, began_at = time.monotonic(), time.time()
            with (
                _acting(hospital.act, plan.deeds, began, hospital.end),
                _acting(writers.act, plan.writings, began, writers.end),
            ):
                faults.carry_out(plan.faults, began, until=options.seconds)
            _say("the storm is over; waiting until everything has settled")
            settled_after = _wait_until_settled(books, recorded)
        finally:
            supervisor.stop()
            breaker = books.end_watch()
        evidence = recorded()
        traces = _traces(
            [care_url, environment["DAGSTER_PG_URL"]],
            [supervisor.directory, log],
            its_broker.url,
            is_there=plan.people[0].id,
        )
    verdict = judge(evidence, traces)
    course = report.Course(
        seed=options.seed,
        seconds=options.seconds,
        given=switches.given,
        faults=faults.carried_out,
        restarts=supervisor.restarts,
        began=began_at,
        breaker=breaker,
        settled_after=settled_after,
    )
    machine = machines.machine(postgres=server, load=load)
    print(report.markdown(course, evidence, verdict, machine), flush=True)
    if options.json:
        options.json.write_text(report.as_json(course, evidence, verdict, machine), encoding="utf-8")
    return verdict.is_good


def _wait_until_settled(books: Books, recorded: Callable[[], Evidence]) -> float | None:
    """Wait until nothing is missing or on its way; return the seconds until then, or None if TO_SETTLE is over."""
    began = time.monotonic()
    calm_since: float | None = None
    while time.monotonic() < began + TO_SETTLE:
        unsettled = books.unsettled()
        evidence = recorded()
        missing = Counter(one.kind for one in (*losses(evidence), *unheeded(evidence), *unanswered(evidence)))
        _say(f"{time.monotonic() - began:6.1f} s  on their way: {unsettled}, missing: {dict(missing) or 'nothing'}")
        if unsettled or missing:
            calm_since = None
        elif calm_since is None:
            calm_since = time.monotonic()
        elif time.monotonic() > calm_since + SETTLED_FOR:
            return calm_since - began
        time.sleep(PAUSE)
    return None


@contextmanager
def _acting(
    act: Callable[[Sequence[Any], float], None], plan: Sequence[object], began: float, end: Callable[[], None]
) -> Iterator[None]:
    """Carry out a plan in a thread beside the block, to its end if the block does not raise."""
    thread = threading.Thread(target=act, args=(plan, began), name=act.__qualname__)
    thread.start()
    try:
        yield
        thread.join()
    finally:
        end()


def _traces(databases: Sequence[str], places: Sequence[Path], broker_url: str, *, is_there: str) -> list[str]:
    """Return where something stands that people have written. Raises RuntimeError if the search is broken."""
    if not list(tables_with(is_there, databases)):
        raise RuntimeError("the search for what people have written does not find what is there")
    return [*tables_with(PLANTED, databases), *files_with(PLANTED, places), *keys_with(PLANTED, broker_url)]


def _evidence(
    books: Books, hospital: Hospital, phone: StormPhone, people: Sequence[Person], switches: Switches
) -> Evidence:
    at, facts, requests, written = time.time(), hospital.facts(), phone.requests(), phone.written()
    return Evidence(facts, people, requests, books.rows(), written, inbox=books.inbox(), switches=switches, at=at)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.storm",
        description="Brings the whole system up as `sequora dev` runs it, lets tasks, episodes and missed SLAs arrive "
        "at random while processes are killed and the database, the broker and the phone company fail, and then says "
        "whether a text was lost, doubled, sent after its task was resolved, or left unsettled, and whether what "
        "people answered was obeyed; and likewise of calls and digests. The system's settings are given as BENCH_ and "
        "their names: BENCH_SEQUORA_REPLIES=off leaves the answers out. Everything it needs is brought along and taken "
        "down again. Tables go to stdout, progress to stderr. Exit code 1 if not all is good.",
    )
    parser.add_argument(
        "--postgres", type=binaries_in, metavar="DIR", help="the server whose programs are there, with its defaults"
    )
    parser.add_argument("--seconds", type=float, default=600, metavar="N", help="how long it storms (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="draws arrivals and faults (%(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all figures, and each offender's history")
    parser.add_argument(
        "--log", type=Path, metavar="FILE", help="what the system says; else a file that is kept if not all is good"
    )
    options = parser.parse_args(arguments)
    for name, file in (("--json", options.json), ("--log", options.log)):
        if file and not file.absolute().parent.is_dir():
            parser.error(f"{name} {file}: there is no such directory")
    return options


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
