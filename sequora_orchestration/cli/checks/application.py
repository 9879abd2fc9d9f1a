"""The application's tables: whether the map fits them, the views are made, and the role has its rights."""

from collections.abc import Callable, Collection, Sequence
from functools import cached_property
from pathlib import Path

import psycopg2
from psycopg2.errors import InsufficientPrivilege
from sqlalchemy import Engine, RowMapping
from sqlalchemy.exc import ProgrammingError

from sequora_orchestration.application import map_in_force, seam
from sequora_orchestration.application.application_map import (
    ApplicationMap,
    MapError,
    map_of_file,
    packaged_maps,
    read_map,
)
from sequora_orchestration.application.catalog import SQL as CATALOG
from sequora_orchestration.application.catalog import attempt, rows, sentence
from sequora_orchestration.application.fitting import Fit, fit
from sequora_orchestration.application.map_in_force import InForce, Right
from sequora_orchestration.application.words import open_questions
from sequora_orchestration.cli.checks.finding import Check, Finding, fail, ok, skipped, warn
from sequora_orchestration.database import NamedStatements, ViewsDroppedError, execute, views_dropped_at
from sequora_orchestration.migrations.app_indexes import index_states
from sequora_orchestration.migrations.apply import is_newer
from sequora_orchestration.settings.application import ApplicationSettings
from sequora_orchestration.settings.replies import ReplySettings
from sequora_orchestration.settings.workflows import AssignmentSettings

SQL = NamedStatements(Path(__file__).with_suffix(".sql"))

ROLE_SQL = "as the owner of the tables, run sequora_orchestration/migrations/role.sql"
MIGRATE = "run `sequora migrate`"


class ApplicationChecks:
    """Looks at the application's tables, by the map in force, or by the map that would come into force."""

    def __init__(self, engine: Callable[[], Engine]) -> None:
        """Nothing is looked at yet."""
        self._connect = engine

    def checks(self, reached: str) -> list[Check]:
        """Return the checks, in order; `reached` names the check that they all need."""
        return [
            Check(name="tables", find=self.tables, needs=(reached,)),
            Check(name="columns", find=self.columns, needs=("tables",)),
            Check(name="map", find=self.map, needs=("columns",)),
            Check(name="words", find=self.words, needs=("map", "rights", "row security")),
            Check(name="log", find=self.log, needs=("map",)),
        ]

    @cached_property
    def _engine(self) -> Engine:
        return self._connect()

    def _rows(self, statement: str, **parameters: object) -> list[RowMapping]:
        return list(execute(self._engine, SQL[statement], parameters)[1])

    @cached_property
    def _in_force(self) -> InForce | None:
        try:
            with self._engine.connect() as connection:
                return map_in_force.in_force(connection)
        except ProgrammingError as error:
            if isinstance(error.orig, InsufficientPrivilege):  # the check of rights reports it
                return None
            raise

    @cached_property
    def _fit(self) -> Fit:
        """The map that counts, checked against the database: the setting's, the one in force, or the closest."""
        file = ApplicationSettings.load().sequora_application_map
        if file:
            candidates = [map_of_file(file)]
        elif self._in_force:
            candidates = [read_map(self._in_force.name, self._in_force.source)]
        else:
            candidates = packaged_maps()
        with self._engine.connect() as connection:
            return min((fit(connection, one) for one in candidates), key=lambda one: len(one.faults))

    @property
    def map_that_counts(self) -> ApplicationMap:
        """The map by which everything here is checked."""
        return self._fit.map

    @property
    def fit_that_counts(self) -> Fit:
        """The same, checked against the database."""
        return self._fit

    def tables(self) -> Finding:
        """Look whether the tables are there."""
        try:
            tables = _tables(self._fit.map)
        except MapError as error:
            return fail(
                f"the map of SEQUORA_APPLICATION_MAP cannot be used: {'; '.join(error.problems)}",
                to_do="correct it, or leave SEQUORA_APPLICATION_MAP out",
            )
        with self._engine.connect() as connection:
            found = {table: attempt(connection, CATALOG["kind_of_table"], table=table) for table in tables}
        refused = [f"{table}: {sentence(one)}" for table, one in found.items() if isinstance(one, psycopg2.Error)]
        if refused:
            return fail(
                f"the map {self._fit.map.name} names no table: {'; '.join(refused)}",
                to_do="write the name as SQL has it, in double quotes if it has other signs than letters",
            )
        missing = [table for table, one in found.items() if not one]
        if missing:
            return fail(
                f"missing: {', '.join(_bare(table) for table in missing)}, by the map {self._fit.map.name}",
                to_do="is SUPABASE_DB_URL the application's database? If so, apply its own migrations, or write a map "
                "(`sequora map`)",
            )
        return ok(f"the application's {len(tables)} tables are there")

    def columns(self) -> Finding:
        """Look whether the database understands the map."""
        found = self._fit
        if found.problems and not found.faults:
            return fail(
                f"the role of SUPABASE_DB_URL may not ask for what the map {found.map.name} names: "
                f"{'; '.join(found.problems)}",
                to_do=ROLE_SQL,
            )
        if found.problems:
            return fail(
                f"the map {found.map.name} does not fit: {'; '.join(found.problems)}",
                to_do="apply the application's own migrations, or write a map (`sequora map`)",
            )
        count = sum(len(section.columns) for section in found.sections.values())
        return ok(f"the {count} columns that are used are there")

    def map(self) -> Finding:
        """Look whether the views are made from the map, and from the tables as they are."""
        made = self._in_force
        if made is None:
            return fail(f"the map {self._fit.map.name} fits, but its views are not made", to_do=MIGRATE)
        with self._engine.connect() as connection:
            is_up_to_date = seam.is_up_to_date(connection, made)
            are_there = rows(connection, "seam_is_there")[0]["it_is"]
            dropped_at = views_dropped_at(connection)
        if dropped_at:
            dropped = ViewsDroppedError(dropped_at)
            return fail(dropped.said, to_do=dropped.to_do)
        if (made.source != self._fit.map.source or not is_up_to_date) and is_newer(self._engine):
            return _finding_of_newer_views(made, are_there=are_there)
        if made.source != self._fit.map.source:
            return fail(
                f"the map {made.name} is in force, and not {self._fit.map.name} of SEQUORA_APPLICATION_MAP",
                to_do=MIGRATE,
            )
        if not is_up_to_date:
            return fail(
                "the application's tables, or the program, have changed since the views of them were made",
                to_do=MIGRATE,
            )
        return _finding_in_order(made)

    def words(self) -> Finding:
        """Look whether the map knows the words that are used."""
        questions = open_questions(self._engine)
        if questions:
            to_do = "; ".join(dict.fromkeys(one.to_do for one in questions))
            return warn("; ".join(one.sentence for one in questions), to_do=to_do)
        return ok("the map knows every status and severity of open tasks, and every role of active people")

    def log(self) -> Finding:
        """Report whether the application's log takes the map's rows."""
        made = self._in_force
        if made and made.problems:
            return fail(
                f"the application's log would refuse rows, which holds up no text: {'; '.join(made.problems)}",
                to_do=f"write a map (`sequora map`), and {MIGRATE}",
            )
        log = self._fit.map.log
        return ok(f"takes a row of each text to {' and '.join(log.audiences)}") if log else ok("the map has none")

    @cached_property
    def _rights(self) -> Sequence[Right]:
        """The rights that the role needs, as recorded when the views were made; before that, those for any map."""
        made = self._in_force
        if made is None:
            return [Right(table=table, column=None, command="SELECT") for table in _tables(self._fit.map)]
        assigns, writes_back = AssignmentSettings.load().assigns, ReplySettings.load().writes_back
        return [
            one
            for one in made.rights
            if (assigns or not one.is_to_assign) and (writes_back or not one.is_to_write_back)
        ]

    def rights(self) -> Finding:
        """Look whether the role has the rights that it needs."""
        if self._fit.faults:  # a missing column is not a missing right
            return skipped("not looked at: needs columns")
        rights = [one for one in self._rights if one.command != "USAGE"]
        missing = self._rows(
            "missing_rights",
            schemas=[one.table for one in self._rights if one.command == "USAGE"],
            tables=[one.table for one in rights],
            columns=[one.column for one in rights],
            privileges=[one.command for one in rights],
        )
        if missing:
            return fail(
                f"the role of SUPABASE_DB_URL lacks {', '.join(row['lacking'] for row in missing)}", to_do=ROLE_SQL
            )
        return ok("the role may do what the system does")

    def row_security(self) -> Finding:
        """Look whether policies hide rows from the role."""
        needs = sorted({(one.table, one.command) for one in self._rights if one.command != "USAGE"})
        found = self._rows(
            "row_security", tables=[table for table, _ in needs], commands=[command for _, command in needs]
        )
        if hidden := [row["table_name"] for row in found if not row["policies"]]:
            return fail(
                f"row level security lets the role of SUPABASE_DB_URL see and write nothing in {_quoted(hidden)}: no "
                "policy is for it",
                to_do=f"{ROLE_SQL}, which makes policies",
            )
        if conditional := [row["table_name"] for row in found if not row["all_rows"]]:
            return warn(
                f"policies with a condition decide which rows of {_quoted(conditional)} the role of SUPABASE_DB_URL "
                "sees or writes; who is hidden is not texted",
                to_do=f"make sure that it sees all of them, or {ROLE_SQL}, which makes policies",
            )
        return ok("hides nothing from the role" if found else "none that applies to the role")

    def helpful_indexes(self) -> Finding:
        """Look whether the helpful indexes are there."""
        # An index without our comment is compared with one on an empty temporary table, which is dropped at once. Even
        # that needs a transaction that may write.
        with self._engine.connect() as connection:
            may_compare = connection.execution_options(postgresql_readonly=False, isolation_level="AUTOCOMMIT")
            states = index_states(may_compare)
        possible = [state for state in states if not state.why_not]
        missing = [state.index.name for state in possible if not state.is_there]
        if missing:
            return warn(
                f"{len(missing)} of {len(possible)} are not there ({', '.join(missing)}): each question reads the "
                "whole table, and the larger it is the less often the sensors ask, so texts go out later",
                to_do="as the owner of the tables, run `sequora migrate --app-indexes`, which does not block writers",
            )
        impossible = [f"{state.index.name} cannot be made: {state.why_not}" for state in states if state.why_not]
        return ok("; ".join([f"all {len(possible)} are there", *impossible]))


def _finding_in_order(made: InForce) -> Finding:
    """Report the map in force, and whether the next `sequora migrate` finds it."""
    if map_in_force.is_own(made) and ApplicationSettings.load().sequora_application_map is None:
        return warn(
            map_in_force.not_named(made),
            to_do=f"{map_in_force.NAME_IT}: texts go by it all the same, but `sequora migrate` needs it",
        )
    return ok(f"{made.name} is in force, since {made.since:%Y-%m-%d %H:%M:%S %Z}")


def _finding_of_newer_views(made: InForce, *, are_there: bool) -> Finding:
    """Report views of a newer version, which this code can neither compare nor make: `sequora migrate` is no help."""
    if not are_there:
        return fail(
            f"views or functions of the map {made.name} are gone, and a newer version than this code has made them",
            to_do="install the newer version again, and run its `sequora migrate`",
        )
    return warn(
        f"{made.name} is in force, made by a newer version than this code, which works all the same; "
        "whether the application's tables have changed since then cannot be told",
        to_do="nothing, until the newer version is installed again",
    )


def _tables(application_map: ApplicationMap) -> list[str]:
    tables = [section.table for section in application_map.sections.values() if not section.is_optional]
    return [*tables, *([application_map.log.table] if application_map.log else [])]


def _bare(table: str) -> str:
    return table.removeprefix("public.")


def _quoted(tables: Collection[str]) -> str:
    return ", ".join(f'"{table}"' for table in dict.fromkeys(tables))
