"""Making the views from a map that fits, and finding out which rights are needed to read them.

Here: the statements that make a view, the functions that keep a bad row from ending a query, and the tables that both
read. Not here: the SQL of a column's value (`view_columns`), and the functions that write (`written_functions`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from psycopg2.errors import InsufficientPrivilege, InvalidTextRepresentation
from sqlalchemy import Connection, RowMapping, text
from sqlalchemy.exc import DBAPIError

from sequora_orchestration.application.application_map import Log, MapError
from sequora_orchestration.application.catalog import about_the_statement, attempt, rows, sentence, verbatim
from sequora_orchestration.application.contract import ASSIGNMENT, MESSAGE, View, answer
from sequora_orchestration.application.expressions import Expression
from sequora_orchestration.application.fitting import Fit, FittedSection
from sequora_orchestration.application.map_in_force import Right
from sequora_orchestration.application.sql_text import literal, nothing, quoted
from sequora_orchestration.application.view_columns import (
    column_without_rows,
    if_unknown,
    meaning_of_statuses,
    shown_column,
)
from sequora_orchestration.application.written_map import in_toml

# From this version of Postgres on a view can read with the rights of the role that queries it, not of its owner.
_SECURITY_INVOKER = 150000

# Classes of errors (appendix A of Postgres' manual) that are not about a row: about a statement's wording and who may
# run it, or about the server.
_NOT_ABOUT_A_ROW = ("08", "0A", "25", "28", "2D", "3D", "3F", "40", "42", "53", "55", "57", "58", "72", "F0", "XX")

# Every role may use the first two. Our own schema has a line of its own wherever rights are granted or checked.
_SCHEMAS_NOT_ASKED_FOR = ("pg_catalog", "information_schema", "orchestration")


@dataclass(slots=True)
class _Reads:
    """What is read: columns with their tables, tables, and the schemas of all names."""

    columns: set[tuple[str, str]] = field(default_factory=set)
    tables: set[str] = field(default_factory=set)
    schemas: set[str] = field(default_factory=set)


class ViewMaker:
    """Makes views; remembers which tables they read."""

    def __init__(self, connection: Connection, fitted: Fit) -> None:
        """Make views on this connection; `fitted` is the map from which they are made."""
        self.connection, self.fitted = connection, fitted
        self._always, self._to_assign, self._to_write_back = _Reads(), _Reads(), _Reads()
        version = int(connection.scalar(text("SHOW server_version_num")) or 0)
        self._options = " WITH (security_invoker = true)" if version >= _SECURITY_INVOKER else ""

    def make_view(self, name: str, view: View) -> None:
        """Make one view; it shows no rows if the application has no table for it. Raises MapError."""
        section = self.fitted.sections.get(name)
        if section is None:
            columns = ", ".join(column_without_rows(one, column.form) for one, column in view.columns.items())
            self.connection.execute(text(f"CREATE VIEW orchestration.{view.name} AS SELECT {columns} WHERE false"))
            return
        shown: list[str] = []
        values: dict[str, str] = {}
        for column, expression in section.columns.items():
            values[column] = self._guarded(name, column, section, expression)
            shown += shown_column(column, view.columns[column].form, values[column], expression, self._meanings(column))
        if name == "task":
            shown += meaning_of_statuses(self.fitted, section, values)
        for column in view.columns:
            if meanings := self._meanings(column):
                unknown = if_unknown(values[column], section.columns[column], meanings)
                shown.append(f"{unknown} AS unknown_{column}")
        self._create(
            name,
            f"CREATE VIEW orchestration.{view.name}{self._options} AS\nSELECT "
            + ",\n       ".join(shown)
            + f"\nFROM {section.table} AS {name}",
        )
        for row in rows(self.connection, "uses", view=f"orchestration.{view.name}", table=section.table):
            if row["column_name"]:
                self._always.columns.add((row["table_name"], row["column_name"]))

    def read_for_the_log(self, log: Log) -> None:
        """Remember the tables that are read by the expressions for the log's rows."""
        written = enumerate([*log.row.values(), *log.delivered.values(), *log.undelivered.values()])
        shown = ", ".join(f"({sql}) AS it_{number}" for number, sql in written)
        self._probe("log", f"SELECT {shown} FROM {nothing('message', MESSAGE)}", log.table, self._always)
        self._always.schemas |= self._schemas_of_types(log.table, {**log.row, **log.delivered, **log.undelivered})

    def read_for_the_assignment(self, assignment: Mapping[str, str]) -> None:
        """Remember what the expressions for an assigned task read, and the types that its function names."""
        task = self.fitted.sections["task"]
        shown = ", ".join(f"({sql}) AS it_{number}" for number, sql in enumerate(assignment.values()))
        select = f"SELECT {shown} FROM {nothing('assignment', ASSIGNMENT)}"
        self._probe("assignment", select, task.table, self._always)
        compared = [task.columns[one].type.id for one in ("id", "status")]
        self._to_assign.schemas |= self._schemas_of_types(task.table, assignment, compared)

    def read_for_the_answers(self, answers: Mapping[str, Mapping[str, str]]) -> None:
        """Remember what the expressions for an answered task read, and the types that its functions name."""
        task, reads = self.fitted.sections["task"], self._to_write_back
        answered = nothing("answer", answer(task.columns["assigned_to_user_id"].type.of_any_length))
        for part, columns in answers.items():
            if columns:
                shown = ", ".join(f"({sql}) AS it_{number}" for number, sql in enumerate(columns.values()))
                select = f"SELECT {shown} FROM {answered} CROSS JOIN {task.table} AS task"
                # A word that an enum lacks keeps no text from being sent: the trial of the answers reports it.
                if not isinstance(attempt(self.connection, verbatim(f"{select} LIMIT 0")), InvalidTextRepresentation):
                    uses, _ = self._probe(part, select, task.table, reads)
                    reads.columns |= {(row["table_name"], row["column_name"]) for row in uses if row["column_name"]}
                compared = [task.columns[one].type.id for one in ("id", "status", "assigned_to_user_id")]
                reads.schemas |= self._schemas_of_types(task.table, columns, compared)

    def _schemas_of_types(self, table: str, columns: Iterable[str], ids: Sequence[int] = ()) -> set[str]:
        """Return the schemas of the types of a table's columns, and of the types with these ids."""
        found = rows(self.connection, "schemas_of_types", table=table, columns=list(columns), ids=list(ids))
        return {row["schema_name"] for row in found}

    def rights(self) -> list[Right]:
        """Return the rights that reading the views needs: columns, or a whole table if only an expression reads it.

        Also the schemas of the names in functions: unlike a view's, they are looked up with the caller's rights.
        """
        always, to_assign, to_write_back = self._always, self._to_assign, self._to_write_back
        read = [Right(table=table, column=column, command="SELECT") for table, column in sorted(always.columns)]
        whole = sorted(always.tables - {table for table, _ in always.columns})
        read += [Right(table=table, column=None, command="SELECT") for table in whole]
        more = {(table, column) for table, column in to_write_back.columns - always.columns if table not in whole}
        known = always.tables | {table for table, _ in always.columns | more}
        read += [
            Right(table=table, column=column, command="SELECT", is_to_write_back=True)
            for table, column in [*sorted(more), *((table, None) for table in sorted(to_write_back.tables - known))]
        ]
        used = [
            *(Right(table=one, column=None, command="USAGE") for one in sorted(always.schemas)),
            *(
                Right(table=one, column=None, command="USAGE", is_to_assign=True)
                for one in sorted(to_assign.schemas - always.schemas)
            ),
            *(
                Right(table=one, column=None, command="USAGE", is_to_write_back=True)
                for one in sorted(to_write_back.schemas - always.schemas)
            ),
        ]
        return [*read, *(one for one in used if one.table not in _SCHEMAS_NOT_ASKED_FOR)]

    def _meanings(self, column: str) -> Mapping[str, Sequence[str]]:
        return {"severity": self.fitted.map.severities, "role": self.fitted.map.roles}.get(column, {})

    def _guarded(self, name: str, column: str, section: FittedSection, expression: Expression) -> str:
        """Return SQL that yields an expression's value, or NULL where it fails: a bad row must not stop other texts."""
        if expression.column or expression.is_constant:
            return expression.sql
        where = f"{name}.{column} = {in_toml(expression.sql)}"
        select = f"SELECT ({expression.sql}) AS it FROM {section.table} AS {name}"
        uses, shown = self._probe(where, select, section.table, self._always)
        if f"{name}.*" in shown:
            raise self._error(f"{where}: name the columns that it needs, and not the whole row")
        needed = [row for row in uses if row["is_of_table"] and row["column_name"]]
        function = f"orchestration.map_{name}_{column}"
        types = ", ".join(row["type_name"] for row in needed)
        row = ", ".join(f"${n} AS {quoted(one['column_name'])}" for n, one in enumerate(needed, 1)) or "1 AS nothing"
        # An expression must mean the same whoever runs the query: its names are looked up on today's search path, and a
        # time without a zone is UTC.
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

    def _probe(self, where: str, select: str, table: str, reads: _Reads) -> tuple[Sequence[RowMapping], str]:
        """Return what a SELECT reads, and its SQL as the database shows it; add its tables and schemas to `reads`."""
        self._create(where, f"CREATE VIEW orchestration.map_probe AS {select}")
        uses = rows(self.connection, "uses", view="orchestration.map_probe", table=table)
        found = rows(self.connection, "schemas_of_uses", view="orchestration.map_probe")
        reads.schemas |= {row["schema_name"] for row in found}
        shown = self.connection.scalar(text("SELECT pg_get_viewdef('orchestration.map_probe')"))
        self.connection.execute(text("DROP VIEW orchestration.map_probe"))
        reads.tables |= {row["table_name"] for row in uses}
        return uses, str(shown)

    def _create(self, where: str, statement: str) -> None:
        """Run a statement that is made from the map. Raises MapError if the database does not understand it."""
        try:
            with self.connection.begin_nested():
                self.connection.execute(verbatim(statement))
        except DBAPIError as error:
            if isinstance(error.orig, InsufficientPrivilege):
                raise  # it is no fault of the map's
            raise self._error(f"{where}: {sentence(about_the_statement(error))}") from None

    def _error(self, problem: str) -> MapError:
        return MapError(self.fitted.map.name, [problem])
