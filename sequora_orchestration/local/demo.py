"""`sequora demo`: the main job end to end on the embedded system, for a person to watch."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import requests
from sqlalchemy import NullPool, create_engine, text

from sequora_orchestration.local.environment import read_environment
from sequora_orchestration.local.ports import free_port
from sequora_orchestration.settings import postgres_url

T = TypeVar("T")

# Settings of somebody's own, which the demo leaves aside.
OUTSIDE = (
    "SUPABASE_DB_URL",
    "DAGSTER_PG_URL",
    "SEQUORA_BROKER_URL",
    "SEQUORA_GO_LIVE_AT",
    "TWILIO_ACCOUNT_SID",
    "TWILIO_API_BASE_URL",
    "TWILIO_MESSAGING_SERVICE_SID",
)

NURSE = "a0000000-0000-4000-8000-000000000001"
EPISODE = "c0000000-0000-4000-8000-000000000001"

INSERT_TASK = text("""
INSERT INTO "EscalationTask" (episode_id, severity, priority, reason_codes, assigned_to_user_id, sla_due_at)
VALUES (:episode, 'CRITICAL', 'URGENT', ARRAY['CHEST_PAIN', 'SHORTNESS_OF_BREATH'], :nurse, now() + interval '1 hour')
RETURNING id::text
""")

STEPS = """query Steps($task: String!) {
  runsOrError(filter: {tags: [{key: "sequora/task_id", value: $task}]}) {
    ... on Runs { results { runId status stepStats { stepKey status startTime endTime } } }
  }
}"""

# Seconds for the system to come up, on a slow machine with nothing compiled yet, and for a text to arrive.
PATIENCE_TO_START = 150
PATIENCE_TO_TEXT = 30


class DemoFailedError(Exception):
    """The demo did not come to its end; the message says where, and where the log is."""


def demo(directory: Path) -> None:
    """Run the demo. Raises DemoFailedError."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    directory = directory.expanduser().resolve()
    directory.mkdir(parents=True, exist_ok=True)
    log = directory / "demo.log"
    say = _narrator()
    say("starting the whole system: Postgres, broker, phone company, Dagster's daemon, web UI and warm workers …")
    with _system(directory, log) as web_url:
        environment = read_environment(directory)
        inbox = f"{environment['TWILIO_API_BASE_URL']}/inbox.json"
        say(f"up. The web UI is {web_url}, the phone inbox {environment['TWILIO_API_BASE_URL']}")
        engine = create_engine(postgres_url(environment["SUPABASE_DB_URL"]), poolclass=NullPool)
        with engine.begin() as connection:
            task = connection.scalar(INSERT_TASK, {"episode": EPISODE, "nurse": NURSE})
        inserted = time.monotonic()
        say(f'inserted a row into "EscalationTask": {task}')
        message = _wait(lambda: _text_about(inbox, str(task)), "a text", log)
        say(f"{time.monotonic() - inserted:.1f} s later the phone {message['to']} has the text:")
        print("\n" + "\n".join(f"    {line}" for line in message["body"].splitlines()) + "\n", flush=True)
        run = _wait(lambda: _finished_run(web_url, str(task)), "its run", log)
        say(f"the run {run['runId']} ended as {run['status']}:")
        print()
        for step in run["stepStats"]:
            milliseconds = (step["endTime"] - step["startTime"]) * 1000
            print(f"    {step['stepKey']:<18} {step['status']:<8} {milliseconds:6.0f} ms")
        print()
        if run["status"] != "SUCCESS":
            raise DemoFailedError(f"the run did not succeed:\n{_tail(log)}")
    say(f"to look around: `sequora dev --dir {_short(directory)}`, then")
    print(f"    the run     http://127.0.0.1:3000/runs/{run['runId']}")
    print("    all runs    http://127.0.0.1:3000/runs")
    print(f"    the ledger  `source {_short(directory)}/environment && sequora status`")


@contextmanager
def _system(directory: Path, log: Path) -> Iterator[str]:
    """Run `sequora dev` for the length of the block; yield the web UI's address."""
    port = free_port()
    # The demo inserts a task: never into a database, and never to a phone, of somebody's own.
    environment = {name: value for name, value in os.environ.items() if name not in OUTSIDE}
    command = [sys.executable, "-m", "sequora_orchestration.cli", "dev", "--dir", str(directory), "--port", str(port)]
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=output, start_new_session=True)
    try:
        deadline = time.monotonic() + PATIENCE_TO_START
        while not any(line.startswith("ready") for line in log.read_text(encoding="utf-8").splitlines()):
            if process.poll() is not None:
                raise DemoFailedError(f"the system ended before it was up:\n{_tail(log)}")
            if time.monotonic() > deadline:
                raise DemoFailedError(f"the system is not up after {PATIENCE_TO_START} s:\n{_tail(log)}")
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def _text_about(inbox: str, task: str) -> dict[str, Any] | None:
    for conversation in requests.get(inbox, timeout=5).json()["conversations"]:
        for message in conversation["messages"]:
            if task in message["body"]:
                return {"to": conversation["number"], "body": message["body"]}
    return None


def _finished_run(web_url: str, task: str) -> dict[str, Any] | None:
    answer = requests.post(f"{web_url}/graphql", json={"query": STEPS, "variables": {"task": task}}, timeout=5)
    for run in answer.json()["data"]["runsOrError"]["results"]:
        if run["status"] in {"SUCCESS", "FAILURE"}:
            return dict(run)
    return None


def _wait(ask: Callable[[], T | None], what: str, log: Path) -> T:
    deadline = time.monotonic() + PATIENCE_TO_TEXT
    while (answer := ask()) is None:
        if time.monotonic() > deadline:
            raise DemoFailedError(f"{what} did not come within {PATIENCE_TO_TEXT} s:\n{_tail(log)}")
        time.sleep(0.02)
    return answer


def _narrator() -> Callable[[str], None]:
    started = time.monotonic()
    return lambda sentence: print(f"[{time.monotonic() - started:5.1f} s] {sentence}", flush=True)


def _tail(log: Path) -> str:
    lines = log.read_text(encoding="utf-8").splitlines()
    return "\n".join([*lines[-20:], f"(the whole log is {log})"])


def _short(directory: Path) -> str:
    return str(directory.relative_to(Path.cwd())) if directory.is_relative_to(Path.cwd()) else str(directory)
