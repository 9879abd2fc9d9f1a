"""Dagster's own: its directory with the configuration, its database, the code server, and whether sensors tick."""

import os
from functools import cached_property
from pathlib import Path

import yaml
from sqlalchemy import make_url, text
from sqlalchemy.exc import DBAPIError

from sequora_orchestration.cli.checks.finding import Check, Finding, fail, ok, warn
from sequora_orchestration.cli.checks.postgres import PATIENCE_TO_CONNECT, reading_engine, trouble
from sequora_orchestration.domain.health import OLDEST_TICK, silent_sensors
from sequora_orchestration.instance.code_server import expected_address, trouble_at
from sequora_orchestration.instance.home import FILES, changed_sections
from sequora_orchestration.settings.database import DagsterStorageSettings
from sequora_orchestration.settings.processes import CodeServerSettings, WorkerSettings


def checks() -> list[Check]:
    """Return the checks of this area, in order."""
    storage = _Storage()
    return [
        Check(name="DAGSTER_HOME", find=home),
        Check(name="Dagster storage", find=storage.reached),
        Check(name="Dagster tables", find=storage.tables, needs=("Dagster storage",)),
        Check(name="code server", find=code_server),
        Check(name="sensors", find=sensors, needs=("DAGSTER_HOME", "Dagster tables", "code server")),
    ]


def home() -> Finding:
    """Look at the directory."""
    path = os.environ.get("DAGSTER_HOME")
    if not path:
        return fail(
            "DAGSTER_HOME is not set",
            to_do="give it a directory, and run `sequora migrate`, which puts in what is missing",
        )
    if not Path(path).is_absolute():
        return fail(
            "DAGSTER_HOME is not an absolute path, which Dagster refuses", to_do="write it with all of its path"
        )
    if missing := [name for name in FILES if not (Path(path) / name).is_file()]:
        return fail(f"{' and '.join(missing)} not there", to_do="run `sequora migrate`, which puts in what is missing")
    try:
        changed = changed_sections(Path(path))
    except yaml.YAMLError:
        return fail(
            "dagster.yaml cannot be read as YAML",
            to_do="correct it, or move it away and run `sequora migrate`, which writes it anew",
        )
    if changed:
        return warn(
            f"dagster.yaml is not this version's, in {', '.join(changed)}",
            to_do="if that is not meant, move it away and run `sequora migrate`, which writes it anew",
        )
    return ok("furnished, with this version's dagster.yaml")


def code_server() -> Finding:
    """Look whether the code server answers, and whether web server and daemon look for it at its address."""
    address = expected_address()
    meant = CodeServerSettings.load().address
    if address.replace("localhost", "127.0.0.1") != meant.replace("localhost", "127.0.0.1"):
        return fail(
            f"workspace.yaml in DAGSTER_HOME names {address}, and SEQUORA_CODE_HOST and SEQUORA_CODE_PORT say {meant}: "
            "web server and daemon look for it where it is not, and nobody is texted",
            to_do="move workspace.yaml away and run `sequora migrate`, which writes one that goes by the settings",
        )
    if trouble := trouble_at(address):
        return warn(
            f"{trouble}: while none does, no sensor ticks, and no text goes out",
            to_do="start the processes of the Procfile (`honcho start`), or see the log of the process `code`",
        )
    return ok(f"answers at {address}")


def sensors() -> Finding:
    """Look whether any sensor ticks, and if not, why."""
    from dagster import DagsterInstance  # it takes a second to import

    from sequora_orchestration.assets.ticks import good_tick_ages, stopped_sensors
    from sequora_orchestration.cli.standstill import standstill_of
    from sequora_orchestration.definitions import SENSORS

    WorkerSettings.load()  # Dagster's instance needs them, and would word their absence worse
    with DagsterInstance.get() as instance:
        ticks = good_tick_ages(instance, [sensor.name for sensor in SENSORS])
        why_none = standstill_of(instance, ticks)
        silent = silent_sensors(ticks)
        stopped = stopped_sensors(instance, silent)
    if why_none and why_none.is_running:
        return fail(f"none ticks, and no text goes out: {why_none.why}", to_do=why_none.to_do)
    if why_none:
        return warn(
            f"none ticks, and no text goes out: {why_none.why}",
            to_do=f"{why_none.to_do} (`honcho start` starts all)",
        )
    if silent:
        to_do = [
            *([f"start what is stopped (Automation in the web UI): {', '.join(sorted(stopped))}"] if stopped else []),
            *(
                ["if the system has just started, wait a minute; else see the last errors in `sequora status`"]
                if stopped != set(silent)
                else []
            ),
        ]
        return warn(f"no good tick within {OLDEST_TICK.seconds} s of {', '.join(silent)}", to_do="; ".join(to_do))
    return ok(f"all {len(ticks)} tick")


class _Storage:
    """Looks at the database of DAGSTER_PG_URL."""

    @cached_property
    def _url(self) -> str:
        return DagsterStorageSettings.load().dagster_pg_url

    def reached(self) -> Finding:
        try:
            with reading_engine(self._url).connect() as connection:
                connection.execute(text("SELECT 1"))
        except DBAPIError as error:
            return trouble(error, variable="DAGSTER_PG_URL")
        return ok("reached")

    def tables(self) -> Finding:
        from sequora_orchestration.instance.storage import revisions  # Dagster takes a second to import

        # Dagster sets no time-out for its connections.
        url = make_url(self._url).update_query_dict({"connect_timeout": str(PATIENCE_TO_CONNECT)})
        applied, needed = revisions(url.render_as_string(hide_password=False))
        if applied is None:
            return fail("Dagster's tables are not there", to_do="run `sequora migrate` with DAGSTER_PG_URL set")
        if applied != needed:
            return fail(
                "Dagster's tables are another version's than the Dagster that is installed",
                to_do="stop the system and run `sequora migrate`; if they are newer, install requirements.lock",
            )
        return ok("up to date")
