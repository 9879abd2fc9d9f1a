"""Making the seam: the views and functions through which our statements see the application, from a map that fits.

All of it happens in the transaction of `sequora migrate`, or nothing does. What was made, and of which map, is recorded
in `orchestration.application_map`, so that it is made anew only when the map or the application's tables have changed.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from psycopg2.errors import DependentObjectsStillExist, InsufficientPrivilege
from sqlalchemy import Connection, RowMapping, text
from sqlalchemy.exc import DBAPIError

from sequora_orchestration.application.application_map import (
    PACKAGED,
    ApplicationMap,
    Log,
    MapError,
    map_of_file,
    packaged_maps,
    read_map,
    spellings,
)
from sequora_orchestration.application.catalog import (
    Expression,
    Fit,
    FittedSection,
    about_the_statement,
    facts,
    fit,
    in_toml,
    nothing,
    rows,
    sentence,
    verbatim,
    words_among,
)
from sequora_orchestration.application.contract import ASSIGNMENT, MESSAGE, SEVERITIES, VIEWS, Form, View
from sequora_orchestration.application.sql_text import assignments, literal, quoted, values_written
from sequora_orchestration.application.trial import log_problems
from sequora_orchestration.database import views_dropped_at

# From this version on a view can read with the rights of whoever asks, and not of whoever made it.
_SECURITY_INVOKER = 150000

# The modules whose code decides what is made of a map.
_MAKERS = ("application_map.py", "catalog.py", "contract.py", "seam.py", "sql_text.py", "trial.py")

_TEXTS = "S"

_TYPES = {Form.TIME: "timestamptz", Form.FLAG: "boolean", Form.COUNT: "integer", Form.CODES: "json"}

# Classes of errors (appendix A of Postgres' manual) that are not about a row: about what a statement says and who may
# run it, or about the server.
_NOT_ABOUT_A_ROW = ("08", "0A", "25", "28", "2D", "3D", "3F", "40", "42", "53", "55", "57", "58", "72", "F0", "XX")

_MOST_COUNTED = 2**31 - 1

# Everybody may use them, and ours has a line of its own wherever rights are granted or looked at.
_SCHEMAS_NOT_ASKED_FOR = ("pg_catalog", "information_schema", "orchestration")

# What writes into the application's tables finds its types as this transaction does, whoever calls it: the search path
# is written out by then, without "$user". And a time that is written into a column without a zone, by us or by a
# default, is UTC, whatever the session's zone.
# A plan that was made while the log was empty is kept: it is not to read the log whole.
_WRITES = "SET timezone TO 'UTC' SET enable_seqscan TO off SET search_path FROM CURRENT"


class ViewsInUseError(Exception):
    """Somebody has made something of our views, which they cannot be dropped without."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """A helpful index on a table of the application's."""

    name: str
    table: str
    definition: str | None
    """What follows ON and the table; None if there can be none."""

    why_not: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Right:
    """What the role of the running system must be allowed to do with a table of the application's, or with a schema."""

    table: str
    """To USAGE a schema."""

    column: str | None
    """None for the table as a whole."""

    command: str
    """SELECT, INSERT, UPDATE, or USAGE of a schema in which our functions find types and functions."""

    is_to_assign: bool = False
    """Whether it is needed with SEQUORA_ASSIGN alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InForce:
    """The map that the views were made of."""

    name: str
    source: str
    digest: str
    since: datetime
    rights: Sequence[Right]
    indexes: Sequence[Index]
    problems: Sequence[str]
    """Why the application's log would refuse a row; sentences."""


def bring_up_to_date(connection: Connection, file: Path | None) -> InForce | None:
    """Make the seam of the map that is asked for, or else of the first that fits; return it if it was made anew.

    Raises MapError where no map fits, ViewsInUseError, and the database's errors.
    """
    if is_as_asked_for(connection, file):
        return None
    before = in_force(connection)
    return _make(connection, _fitting(connection, _candidates(file), before), is_first=before is None)


def is_as_asked_for(connection: Connection, file: Path | None) -> bool:
    """Whether the seam is up to date, and of the map that is asked for. Raises MapError."""
    before = in_force(connection)
    is_of_these = before is not None and before.source in {one.source for one in _candidates(file)}
    return before is not None and is_of_these and is_up_to_date(connection, before)


def _candidates(file: Path | None) -> list[ApplicationMap]:
    return [map_of_file(file)] if file else packaged_maps()


def in_force(connection: Connection) -> InForce | None:
    """Return the map that the views were made of, if they have been made."""
    if connection.scalar(text("SELECT to_regclass('orchestration.application_map')")) is None:
        return None
    found = connection.execute(text("SELECT * FROM orchestration.application_map")).mappings().first()
    if found is None:
        return None
    return InForce(
        name=found["name"],
        source=found["source"],
        digest=found["digest"],
        since=found["since"],
        rights=[Right(**one) for one in found["rights"]],
        indexes=[Index(**one) for one in found["indexes"]],
        problems=found["problems"],
    )


def is_up_to_date(connection: Connection, made: InForce) -> bool:
    """Whether the seam is all there, made by this code of the application's tables as they are."""
    is_there = rows(connection, "seam_is_there")[0]["it_is"]
    return bool(is_there) and made.digest == _digest(connection, read_map(made.name, made.source))


def drop_views(connection: Connection) -> None:
    """Drop the views, for as long as they are in the way of a change. Raises ViewsInUseError."""
    with in_use_is_told():
        for statement in drops():
            connection.execute(text(statement))


def note_that_views_are_dropped(connection: Connection) -> None:
    """Record that it is done on purpose, before they are dropped; once, however often that is asked for."""
    if connection.scalar(text("SELECT to_regclass('orchestration.operator_action')")) is not None:
        is_new = views_dropped_at(connection) is None and in_force(connection) is not None
        connection.execute(text(_NOTE_THAT_VIEWS_ARE_DROPPED), {"is_new": is_new})


_NOTE_THAT_VIEWS_ARE_DROPPED = """
    INSERT INTO orchestration.operator_action (who, verb, why)
    SELECT session_user, 'drop-views', 'a migration of the application''s' WHERE :is_new
"""

# Where they were dropped by command; else nobody wonders where they were.
_NOTE_THAT_VIEWS_ARE_BACK = """
    INSERT INTO orchestration.operator_action (who, verb, why)
    SELECT session_user, 'make-views', 'they were dropped'
    WHERE (
        SELECT verb FROM orchestration.operator_action
        WHERE notification_id IS NULL AND verb IN ('drop-views', 'make-views') ORDER BY id DESC LIMIT 1
    ) = 'drop-views'
"""


def drops() -> list[str]:
    """Return the statements that drop the views, to be run in `in_use_is_told`."""
    return [f"DROP VIEW IF EXISTS orchestration.{view.name}" for view in VIEWS.values()]


@contextmanager
def in_use_is_told() -> Iterator[None]:
    """Raise ViewsInUseError where somebody's view keeps one of ours from being dropped."""
    try:
        yield
    except DBAPIError as error:
        if not isinstance(error.orig, DependentObjectsStillExist):
            raise
        raise ViewsInUseError(
            "the views of the application's tables cannot be made anew while something that is not ours reads them "
            f"({error.orig.diag.message_detail}): drop it, and make it again afterwards"
        ) from None


def _fitting(connection: Connection, candidates: Sequence[ApplicationMap], before: InForce | None) -> Fit:
    fits: list[Fit] = []
    for one in candidates:
        fits.append(fit(connection, one))
        if not fits[-1].problems:
            return fits[-1]
    closest = min(fits, key=lambda one: len(one.problems))
    name, problems = closest.map.name, closest.problems
    if len(fits) == 1:
        raise MapError(name, problems)
    if before and is_own(before):
        raise MapError(name, [], first=f"{not_named(before)}: {NAME_IT}; no map that comes along fits")
    first = "no map that comes along fits: `sequora map` proposes one for this database; the closest is"
    raise MapError(name, problems, first=f"{first} {name}, of which this cannot be used:")


def is_own(made: InForce) -> bool:
    """Whether the map in force is none of those that come along."""
    return made.name not in PACKAGED


def not_named(made: InForce) -> str:
    """Return the sentence for a setting that is forgotten while a map of one's own is in force."""
    return f"the map {made.name} is in force, and SEQUORA_APPLICATION_MAP is not set"


NAME_IT = "set it to that file, or to the one that is to follow it"


def _digest(connection: Connection, application_map: ApplicationMap) -> str:
    """Return what tells whether the seam is to be made anew: the map, the catalog, and the code that makes it."""
    code = (Path(__file__).with_name(name).read_bytes() for name in _MAKERS)
    parts = [application_map.source.encode(), facts(connection, application_map).encode(), *code]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def _make(connection: Connection, fitted: Fit, *, is_first: bool) -> InForce:
    rows(connection, "write_out_search_path")
    connection.execute(text("SET LOCAL jit = off"))  # to compile a plan over the views takes longer than to run it
    drop_views(connection)
    for row in rows(connection, "functions_of_the_map"):
        connection.execute(verbatim(f"DROP FUNCTION {row['name']}"))
    maker = _Maker(connection, fitted)
    for name, view in VIEWS.items():
        maker.make_view(name, view)
    if fitted.map.log:
        maker.read_for_the_log(fitted.map.log)
    if fitted.map.assignment:
        maker.read_for_the_assignment(fitted.map.assignment)
    for statement in (*_functions_of_log(fitted), _function_of_assignment(fitted)):
        connection.execute(verbatim(statement))
    if is_first:
        connection.execute(text(_OPEN_TASKS_WERE_TOLD))
    problems = log_problems(connection, fitted)
    connection.execute(text(_NOTE_THAT_VIEWS_ARE_BACK))
    connection.execute(
        text("""
            INSERT INTO orchestration.application_map AS m (name, source, digest, rights, indexes, problems)
            VALUES (:name, :source, :digest, CAST(:rights AS jsonb), CAST(:indexes AS jsonb), :problems)
            ON CONFLICT (only_row) DO UPDATE
            SET name = excluded.name, source = excluded.source, digest = excluded.digest, rights = excluded.rights,
                indexes = excluded.indexes, problems = excluded.problems,
                since = CASE WHEN m.source = excluded.source THEN m.since ELSE excluded.since END
        """),
        {
            "name": fitted.map.name,
            "source": fitted.map.source,
            "digest": _digest(connection, fitted.map),
            "rights": json.dumps([asdict(one) for one in [*maker.rights(), *_rights_to_write(fitted)]]),
            "indexes": json.dumps([asdict(one) for one in _indexes(fitted)]),
            "problems": problems,
        },
    )
    made = in_force(connection)
    if made is None:
        raise AssertionError("what was just recorded is there")
    return made


# Of what the ledger held before there was any map, open tasks' nurses count as told. Not by a later map: of a task that
# was closed by then and is opened again, somebody is to be told. Twice: nothing is left to change.
_OPEN_TASKS_WERE_TOLD = """
    UPDATE orchestration.notification n SET over_at = NULL
    FROM orchestration.care_task t
    WHERE NOT t.is_closed AND n.task_id = t.id AND n.kind = 'task-created' AND n.over_at = '-infinity'
"""


def _rights_to_write(fitted: Fit) -> Iterator[Right]:
    """Yield what the log's function and that of the assignment need, beside what the views read."""
    log, task = fitted.map.log, fitted.sections["task"]
    if log:
        yield Right(table=log.table, column=None, command="INSERT")
        for column in {**log.delivered, **log.undelivered}:
            yield Right(table=log.table, column=column, command="UPDATE")
        if log.key and (log.delivered or log.undelivered):
            yield Right(table=log.table, column=log.key, command="SELECT")
    for column in fitted.map.assignment:
        yield Right(table=task.table, column=column, command="UPDATE", is_to_assign=True)


class _Maker:
    """Makes views; remembers which tables they read."""

    def __init__(self, connection: Connection, fitted: Fit) -> None:
        self.connection, self.fitted = connection, fitted
        self._columns: set[tuple[str, str]] = set()
        self._tables: set[str] = set()
        self._schemas: set[str] = set()
        self._schemas_to_assign: set[str] = set()
        version = int(connection.scalar(text("SHOW server_version_num")) or 0)
        self._options = " WITH (security_invoker = true)" if version >= _SECURITY_INVOKER else ""

    def make_view(self, name: str, view: View) -> None:
        section = self.fitted.sections.get(name)
        if section is None:
            columns = ", ".join(_nothing(one, column.form) for one, column in view.columns.items())
            self.connection.execute(text(f"CREATE VIEW orchestration.{view.name} AS SELECT {columns} WHERE false"))
            return
        shown: list[str] = []
        values: dict[str, str] = {}
        for column, expression in section.columns.items():
            values[column] = self._guarded(name, column, section, expression)
            shown += _shown(column, view.columns[column].form, values[column], expression, self._meanings(column))
        if name == "task":
            shown += _meaning_of_statuses(self.fitted, section, values)
        for column in view.columns:
            if meanings := self._meanings(column):
                unknown = _if_unknown(values[column], section.columns[column], meanings)
                shown.append(f"{unknown} AS unknown_{column}")
        self._create(
            name,
            f"CREATE VIEW orchestration.{view.name}{self._options} AS\nSELECT "
            + ",\n       ".join(shown)
            + f"\nFROM {section.table} AS {name}",
        )
        for row in rows(self.connection, "uses", view=f"orchestration.{view.name}", table=section.table):
            if row["column_name"]:
                self._columns.add((row["table_name"], row["column_name"]))

    def read_for_the_log(self, log: Log) -> None:
        """Remember which tables are read by what is written into the log."""
        written = enumerate([*log.row.values(), *log.delivered.values(), *log.undelivered.values()])
        shown = ", ".join(f"({sql}) AS it_{number}" for number, sql in written)
        self._probed("log", f"SELECT {shown} FROM {nothing('message', MESSAGE)}", log.table)
        self._schemas |= self._of_types(log.table, {**log.row, **log.delivered, **log.undelivered})

    def read_for_the_assignment(self, assignment: Mapping[str, str]) -> None:
        """Remember what is read by what is written into a task, and the types that its function names."""
        task = self.fitted.sections["task"]
        shown = ", ".join(f"({sql}) AS it_{number}" for number, sql in enumerate(assignment.values()))
        self._probed("assignment", f"SELECT {shown} FROM {nothing('assignment', ASSIGNMENT)}", task.table)
        compared = [task.columns[one].type.id for one in ("id", "status")]
        self._schemas_to_assign |= self._of_types(task.table, assignment, compared)

    def _of_types(self, table: str, columns: Iterable[str], ids: Sequence[int] = ()) -> set[str]:
        """Return the schemas of the types of a table's columns, and of others."""
        found = rows(self.connection, "schemas_of_types", table=table, columns=list(columns), ids=list(ids))
        return {row["schema_name"] for row in found}

    def rights(self) -> list[Right]:
        """Return what the views need to be read: columns, and of tables that only an expression reads, the whole.

        Also the schemas of what functions name: unlike a view's, their names are looked up by whoever calls them.
        """
        read = [Right(table=table, column=column, command="SELECT") for table, column in sorted(self._columns)]
        others = sorted(self._tables - {table for table, _ in self._columns})
        used = [(one, False) for one in self._schemas] + [
            (one, True) for one in self._schemas_to_assign - self._schemas
        ]
        return [
            *read,
            *(Right(table=table, column=None, command="SELECT") for table in others),
            *(
                Right(table=schema, column=None, command="USAGE", is_to_assign=is_to_assign)
                for schema, is_to_assign in sorted(used)
                if schema not in _SCHEMAS_NOT_ASKED_FOR
            ),
        ]

    def _meanings(self, column: str) -> Mapping[str, Sequence[str]]:
        return {"severity": self.fitted.map.severities, "role": self.fitted.map.roles}.get(column, {})

    def _guarded(self, name: str, column: str, section: FittedSection, expression: Expression) -> str:
        """Return SQL that yields an expression's value, or NULL for a row that it fails for: no other's text ends."""
        if expression.column or expression.is_constant:
            return expression.sql
        where = f"{name}.{column} = {in_toml(expression.sql)}"
        select = f"SELECT ({expression.sql}) AS it FROM {section.table} AS {name}"
        uses, shown = self._probed(where, select, section.table)
        if f"{name}.*" in shown:
            raise self._error(f"{where}: name the columns that it needs, and not the whole row")
        needed = [row for row in uses if row["is_of_table"] and row["column_name"]]
        function = f"orchestration.map_{name}_{column}"
        types = ", ".join(row["type_name"] for row in needed)
        row = ", ".join(f"${n} AS {quoted(one['column_name'])}" for n, one in enumerate(needed, 1)) or "1 AS nothing"
        # What an expression means must not hang on who asks: a name is found where it is found now, and a time without
        # a zone is UTC.
        self._create(
            where,
            f"""CREATE FUNCTION {function}({types}) RETURNS {expression.type.name} LANGUAGE plpgsql STABLE
                SET search_path FROM CURRENT SET timezone TO 'UTC' AS $function$
            BEGIN
                RETURN (SELECT ({expression.sql}) FROM (SELECT {row}) AS {name});
            EXCEPTION WHEN assert_failure OR OTHERS THEN
                IF left(SQLSTATE, 2) IN ({", ".join(map(literal, _NOT_ABOUT_A_ROW))}) THEN
                    RAISE;
                END IF;
                RETURN NULL;
            END $function$""",
        )
        empty = ", ".join(f"CAST(NULL AS {row['type_name']})" for row in needed)
        self._create(where, f"SELECT {function}({empty})")
        given = ", ".join(f"{name}.{quoted(row['column_name'])}" for row in needed)
        return f"{function}({given})"

    def _probed(self, where: str, select: str, table: str) -> tuple[Sequence[RowMapping], str]:
        """Return what a SELECT reads, and how the database shows it; the tables are remembered."""
        self._create(where, f"CREATE VIEW orchestration.map_probe AS {select}")
        uses = rows(self.connection, "uses", view="orchestration.map_probe", table=table)
        found = rows(self.connection, "schemas_of_uses", view="orchestration.map_probe")
        self._schemas |= {row["schema_name"] for row in found}
        shown = self.connection.scalar(text("SELECT pg_get_viewdef('orchestration.map_probe')"))
        self.connection.execute(text("DROP VIEW orchestration.map_probe"))
        self._tables |= {row["table_name"] for row in uses}
        return uses, str(shown)

    def _create(self, where: str, statement: str) -> None:
        """Run a statement that is made of the map. Raises MapError where the database does not understand it."""
        try:
            with self.connection.begin_nested():
                self.connection.execute(verbatim(statement))
        except DBAPIError as error:
            if isinstance(error.orig, InsufficientPrivilege):
                raise  # it is no fault of the map's
            raise self._error(f"{where}: {sentence(about_the_statement(error))}") from None

    def _error(self, problem: str) -> MapError:
        return MapError(self.fitted.map.name, [problem])


def key_of(column: str) -> str:
    """Return the name under which a view shows an id as the application has it."""
    return f"{column.removesuffix('id')}key"


def _nothing(column: str, form: Form) -> str:
    """Return a column of a view that shows no rows."""
    shown = f"CAST(NULL AS {_TYPES.get(form, 'text')}) AS {column}"
    return f"CAST(NULL AS text) AS {key_of(column)}, {shown}" if form is Form.ID else shown


def _shown(
    column: str, form: Form, value: str, expression: Expression, meanings: Mapping[str, Sequence[str]]
) -> list[str]:
    """Return a view's column (of an id two)."""
    if form is Form.ID:
        own = "CAST(NULL AS text)" if expression.is_null else value
        return [f"{own} AS {key_of(column)}", f"CAST({value} AS text) AS {column}"]
    if form is Form.WORD:
        return [f"{_word(column, value, expression, meanings)} AS {column}"]
    return [f"{_converted(form, value, expression)} AS {column}"]


def _converted(form: Form, value: str, expression: Expression) -> str:
    if expression.is_null:
        return f"CAST(NULL AS {_TYPES.get(form, 'text')})"
    match form:
        case Form.TIME:
            return _with_zone(value, expression)
        case Form.CODES:
            return f"to_json({value})"
        case Form.COUNT if expression.type.name != "integer":
            within = f"CAST(greatest(least(CAST({value} AS numeric), {_MOST_COUNTED}), 0) AS integer)"
            return f"CASE WHEN {value} IS NOT NULL THEN {within} END"
        case _:
            return f"CAST({value} AS {_TYPES.get(form, 'text')})"


def _with_zone(value: str, expression: Expression) -> str:
    """Return a time as `timestamptz`, a `timestamptz` as it is: one without a zone is UTC, whatever the session's."""
    if expression.type.name == "date":
        # Dates go on for longer than times do.
        return f"CASE WHEN {value} <= date '9999-12-31' THEN CAST({value} AS timestamp) AT TIME ZONE 'UTC' END"
    is_without = expression.type.name.startswith("timestamp without")
    return f"({value} AT TIME ZONE 'UTC')" if is_without else value


def _word(column: str, value: str, expression: Expression, meanings: Mapping[str, Sequence[str]]) -> str:
    """Return our word for the application's.

    One that the map has no meaning for must not act like ours where it is spelt the same: as a role it is none; a
    severity is shown as it stands, but HIGH instead of one of ours, for as that it counts.
    """
    cases = [f"WHEN {_is_among(value, expression, words)} THEN '{ours}'" for ours, words in meanings.items() if words]
    if column == "severity":
        own = f"CAST({value} AS text)"
        cases.append(f"WHEN {own} IN ({', '.join(map(literal, SEVERITIES))}) THEN 'HIGH' ELSE {own}")
    return f"CASE {' '.join(cases)} END" if cases else "CAST(NULL AS text)"


def _is_among(value: str, expression: Expression, words: Iterable[str]) -> str:
    """Return SQL for whether a value is one of the application's words, in any spelling.

    Literals of the column's own type, so that a partial index serves and the planner knows how many rows there are.
    """
    words = list(words)
    if expression.type.is_enum:
        spelt = words_among(expression.type.words, words)
    else:
        spelt = list(dict.fromkeys(spelling for word in words for spelling in spellings(word)))
    if not spelt:
        return "false"
    if expression.type.is_enum:
        type_name = expression.type.name
        among = ", ".join(f"{literal(word)}::{type_name}" for word in spelt)
        return f"CAST({value} AS {type_name}) IN ({among})"  # of a domain there would be no such operator
    own = value if expression.type.category == _TEXTS else f"CAST({value} AS text)"
    return f"{own} IN ({', '.join(literal(word) for word in spelt)})"


def _meaning_of_statuses(fitted: Fit, section: FittedSection, values: Mapping[str, str]) -> list[str]:
    status, statuses = section.columns["status"], fitted.map.statuses
    value = values["status"]
    taken = _is_among(value, status, statuses.get("taken", []))
    picked_up_at = "" if section.columns["picked_up_at"].is_null else f" OR {values['picked_up_at']} IS NOT NULL"
    return [
        f"({_is_closed(fitted, status, value)}) AS is_closed",
        f"(({taken}) IS TRUE{picked_up_at}) AS is_taken",
        f"{_if_unknown(value, status, statuses)} AS unknown_status",
    ]


def _is_closed(fitted: Fit, status: Expression, value: str) -> str:
    return f"({_is_among(value, status, fitted.map.statuses['closed'])}) IS TRUE"


def _if_unknown(value: str, expression: Expression, meanings: Mapping[str, Sequence[str]]) -> str:
    """Return SQL for a word that the map has no meaning for; NULL for any other."""
    known = _is_among(value, expression, [word for words in meanings.values() for word in words])
    return f"CASE WHEN ({known}) IS FALSE THEN CAST({value} AS text) END"


def _functions_of_log(fitted: Fit) -> list[str]:
    log = fitted.map.log
    row = ", ".join(f"{_OF_LEDGER[one]} AS {one}" for one in MESSAGE)
    body = _body_of_log(log, fitted.log_types, f"(SELECT {row}) AS message") if log else "NULL;"
    audiences = log.audiences if log else ()
    wanted = {"staff": "kind <> 'check-in'", "patients": "kind = 'check-in'"}
    takes = " OR ".join(wanted[one] for one in audiences) or "false"
    has_receipts = bool(log and (log.delivered or log.undelivered))
    wants_content = bool(log and any(re.search(r"\bcontent\b", sql) for sql in log.row.values()))
    return [
        f"""CREATE OR REPLACE FUNCTION orchestration.log_takes(kind text) RETURNS boolean
            LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN {takes}""",
        f"""CREATE OR REPLACE FUNCTION orchestration.log_takes_receipts() RETURNS boolean
            LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN {has_receipts}""",
        f"""CREATE OR REPLACE FUNCTION orchestration.log_takes_content() RETURNS boolean
            LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN {wants_content}""",
        f"""CREATE OR REPLACE FUNCTION orchestration.log_notification(
                sent orchestration.notification, texted text, is_new boolean
            ) RETURNS void LANGUAGE plpgsql {_WRITES} AS $function$
            DECLARE
                refusing_constraint text;
                refusing_table text;
            BEGIN
                IF orchestration.log_takes(sent.kind) THEN
                    {body}
                END IF;
            -- What a server says of a row that is refused quotes the row, with the text, and goes into its own log.
            EXCEPTION WHEN OTHERS THEN
                GET STACKED DIAGNOSTICS refusing_constraint = CONSTRAINT_NAME, refusing_table = TABLE_NAME;
                RAISE EXCEPTION 'the application''s log refuses a row'
                    USING ERRCODE = SQLSTATE, CONSTRAINT = refusing_constraint, TABLE = refusing_table;
            END $function$""",
    ]


# What a message of the ledger (`sent`, a row of it) tells the log. The time of its receipt is the time of the call.
_OF_LEDGER: Mapping[str, str] = {
    "id": "sent.id",
    "kind": "sent.kind",
    "channel": "sent.channel",
    "state": "sent.state",
    "task_id": "sent.task_id",
    "episode_id": "sent.episode_id",
    "user_id": "CASE WHEN sent.kind <> 'check-in' THEN sent.recipient_id END",
    "patient_id": "CASE WHEN sent.kind = 'check-in' THEN sent.recipient_id END",
    "content": "texted",
    "provider_id": "sent.provider_sid",
    "provider_code": "sent.provider_code",
    "reason": "sent.reason",
    "attempts": "CAST(sent.attempts AS integer)",
    "sent_at": "sent.sent_at",
    "settled_at": "greatest(orchestration.clock(), sent.sent_at)",
}


def _body_of_log(log: Log, types: Mapping[str, str], message: str) -> str:
    row = values_written(log.row, types)
    lines = [
        "IF is_new THEN",
        f"INSERT INTO {log.table} ({', '.join(map(quoted, row))})",
        f"SELECT {', '.join(row.values())} FROM {message};",
        "END IF;",
    ]
    for state, columns in (("DELIVERED", log.delivered), ("UNDELIVERED", log.undelivered)):
        if columns and log.key:
            changes = assignments(values_written(columns, types))
            lines += [
                f"IF sent.state = '{state}' THEN",
                f"UPDATE {log.table} AS logged SET {changes} FROM {message}",
                f"WHERE logged.{quoted(log.key)} = {row[log.key]};",
                "END IF;",
            ]
    return "\n".join(lines)


def _function_of_assignment(fitted: Fit) -> str:
    """Return the function that gives a task to somebody, if nobody has it and it is open, and says whether it did."""
    columns = fitted.map.assignment
    task = fitted.sections["task"]
    if not columns:
        body = "RETURN false;"
    else:
        assigned = assignments(values_written(columns, fitted.task_types))
        status = task.columns["status"]
        body = f"""
            UPDATE {task.table} AS task SET {assigned}
            FROM (SELECT of_person AS person_id, orchestration.clock() AS at) AS assignment
            WHERE {task.columns["id"].sql} = CAST(of_task AS {task.columns["id"].type.of_any_length})
              AND {task.columns["assigned_to_user_id"].sql} IS NULL
              AND NOT ({_is_closed(fitted, status, status.sql)});
            RETURN FOUND;"""
    return f"""CREATE OR REPLACE FUNCTION orchestration.assign_task(of_task text, of_person text) RETURNS boolean
        LANGUAGE plpgsql {_WRITES} AS $function$ BEGIN {body} END $function$"""


def _indexes(fitted: Fit) -> list[Index]:
    """Return the indexes that answer our questions about what is open, and about recent episodes if there are any."""
    of_episodes = [_index_of_episodes(fitted)] if "episode" in fitted.sections else []
    return [_index_of_open_tasks(fitted), *of_episodes]


def _index_of_open_tasks(fitted: Fit) -> Index:
    section = fitted.sections["task"]
    created_at, status = section.columns["created_at"], section.columns["status"]
    name = "sequora_open_task"
    if status.column is None or created_at.column is None:
        return Index(name=name, table=section.table, definition=None, why_not="the status or the creation is no column")
    closed = _is_among(status.column, status, fitted.map.statuses["closed"])
    return Index(
        name=name, table=section.table, definition=f"({_indexed_time(created_at)}) WHERE ({closed}) IS NOT TRUE"
    )


def _index_of_episodes(fitted: Fit) -> Index:
    section = fitted.sections["episode"]
    created_at = section.columns["created_at"]
    name = "sequora_recent_episode"
    if created_at.column is None:
        return Index(name=name, table=section.table, definition=None, why_not="the creation is no column")
    return Index(name=name, table=section.table, definition=f"({_indexed_time(created_at)})")


def _indexed_time(expression: Expression) -> str:
    converted = _converted(Form.TIME, expression.column or "", expression)
    return converted if converted == expression.column else f"({converted})"
