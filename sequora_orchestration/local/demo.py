"""`sequora demo`: each workflow once on the embedded system, for a person to watch."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests
from sqlalchemy.exc import SQLAlchemyError

from sequora_orchestration.instance.home import naming_the_directory
from sequora_orchestration.local.applications import DEFAULT, Application
from sequora_orchestration.local.demo_report import report
from sequora_orchestration.local.demo_stage import DemoFailedError, Narrator, Stage, tail
from sequora_orchestration.local.demo_workflows import (
    CHECK_IN_DELAY,
    ESCALATION_DELAY,
    main_job,
    other_workflows,
    own_tasks,
)
from sequora_orchestration.local.environment import read_environment
from sequora_orchestration.local.ports import free_port
from sequora_orchestration.local.processes import signals_to_end

# The operator's own settings, which the demo leaves aside.
OUTSIDE = (
    "SUPABASE_DB_URL",
    "DAGSTER_PG_URL",
    "SEQUORA_BROKER_URL",
    "SEQUORA_APPLICATION_MAP",
    "SEQUORA_TEXTS",
    "SEQUORA_GO_LIVE_AT",
    "SEQUORA_ASSIGN",
    "SEQUORA_CALL_FOR",
    "SEQUORA_DIGEST_AFTER",
    "SEQUORA_REPLIES",
    "SEQUORA_WRITE_BACK",
    "SEQUORA_CHECK_IN_DELAY",
    "SEQUORA_CHECK_IN_LINK_URL",
    "SEQUORA_CHECK_IN_LINK_TOKEN",
    "SEQUORA_ESCALATION_DELAY",
    "SEQUORA_SLA_WARNING_WINDOW",
    "SEQUORA_UNASSIGNED_GRACE",
    "TWILIO_ACCOUNT_SID",
    "TWILIO_API_BASE_URL",
    "TWILIO_API_KEY",
    "TWILIO_API_SECRET",
    "TWILIO_MESSAGING_SERVICE_SID",
)

SETTINGS = {
    "SEQUORA_CHECK_IN_DELAY": f"{CHECK_IN_DELAY}s",
    "SEQUORA_ESCALATION_DELAY": f"{ESCALATION_DELAY}s",
    "SEQUORA_REPLIES": "on",
    "SEQUORA_WRITE_BACK": "on",
    "SEQUORA_CALL_FOR": "HIGH",
}

# Seconds for the system to come up, on a slow machine with nothing compiled yet.
PATIENCE_TO_START = 150


def demo(directory: Path, application: Application = DEFAULT) -> None:
    """Run the demo on an application's tables. Raises DemoFailedError and UnusableDirectoryError."""
    directory = directory.expanduser().resolve()
    with naming_the_directory(directory, by="--dir"):
        directory.mkdir(parents=True, exist_ok=True)
    for one in signals_to_end():
        if one is not signal.SIGINT:  # that one is an exception already
            signal.signal(one, lambda number, _: sys.exit(128 + number))
    log = directory / "demo.log"
    narrator = Narrator()
    narrator.say("starting the whole system: Postgres, broker, phone company, daemon, web UI, workers …")
    with _running_system(directory, log, application) as web_url:
        environment = read_environment(directory)
        narrator.say(f"up. The web UI is {web_url}, the phone inbox {environment['TWILIO_API_BASE_URL']}")
        stage = Stage(web_url, environment, log, narrator, application)
        try:
            with stage.connected(), own_tasks(stage):
                run_id = main_job(stage)
                other_workflows(stage)
                report(stage, began=narrator.began)
        except (SQLAlchemyError, requests.RequestException) as error:
            raise stage.failed(f"the system does not answer any more ({type(error).__name__})") from error
    if first := activation():
        narrator.say(f"first, so that the commands are found: `{first}`")
    narrator.say(f"to look around: `sequora dev --dir {_short(directory)}{_option(application)}`, then")
    print(f"    the run     http://127.0.0.1:3000/runs/{run_id}")
    print("    all runs    http://127.0.0.1:3000/runs")
    print(f"    the ledger  `source {_short(directory)}/environment && sequora status`")


def activation() -> str | None:
    """Return the command that puts `sequora` on the PATH; None if it is there already, or no such command exists."""
    script = Path(sys.executable).parent / "activate"
    return f"source {_short(script)}" if shutil.which("sequora") is None and script.is_file() else None


@contextmanager
def _running_system(directory: Path, log: Path, application: Application) -> Iterator[str]:
    """Run `sequora dev` for the length of the block; yield the web UI's address."""
    port = free_port()
    # The demo inserts tasks and sends texts: never into the operator's own database, and never to a real phone.
    environment = {name: value for name, value in os.environ.items() if name not in OUTSIDE} | SETTINGS
    environment["PYTHONIOENCODING"] = "utf-8"  # the encoding in which the log is read
    command = [sys.executable, "-m", "sequora_orchestration.cli", "dev", "--dir", str(directory), "--port", str(port)]
    command += ["--application", application]
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=output, start_new_session=True)
    try:
        deadline = time.monotonic() + PATIENCE_TO_START
        while not any(
            line.startswith("ready") for line in log.read_text(encoding="utf-8", errors="replace").splitlines()
        ):
            if process.poll() is not None:
                raise DemoFailedError(f"the system ended before it was up:\n{tail(log)}")
            if time.monotonic() > deadline:
                raise DemoFailedError(f"the system is not up after {PATIENCE_TO_START} s:\n{tail(log)}")
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def _option(application: Application) -> str:
    return "" if application is DEFAULT else f" --application {application}"


def _short(directory: Path) -> str:
    return str(directory.relative_to(Path.cwd())) if directory.is_relative_to(Path.cwd()) else str(directory)
