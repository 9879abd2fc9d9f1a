"""Dagster's own: its directory with the configuration, and its database."""

import os
from functools import cached_property
from pathlib import Path

import yaml
from sqlalchemy import make_url, text
from sqlalchemy.exc import DBAPIError

from sequora_orchestration.cli.checks.finding import Check, Finding, fail, ok, warn
from sequora_orchestration.cli.checks.postgres import PATIENCE_TO_CONNECT, reading_engine, trouble
from sequora_orchestration.instance.home import FILES, of_its_own
from sequora_orchestration.settings import DagsterStorageSettings


def checks() -> list[Check]:
    """Return the checks of this area, in order."""
    storage = _Storage()
    return [
        Check(name="DAGSTER_HOME", find=home),
        Check(name="Dagster storage", find=storage.reached),
        Check(name="Dagster tables", find=storage.tables, needs=("Dagster storage",)),
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
        changed = of_its_own(Path(path))
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

        # Dagster's own connections have no time-outs.
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
