"""The functions that write a nurse's answer into her task: that she has accepted it, or resolved it.

Here: their SQL, and the rights that they need. Not here: whether the application would take such a change
(`answer_trial`), and what a nurse writes to accept a task.
"""

from collections.abc import Iterator

from sequora_orchestration.application.contract import COMMANDS
from sequora_orchestration.application.fitting import Fit
from sequora_orchestration.application.map_in_force import Right
from sequora_orchestration.application.sql_text import assignments, literal, values_written
from sequora_orchestration.application.view_columns import is_closed, is_taken
from sequora_orchestration.application.written_functions import WRITES

# The functions' names, and what each of them does, in the error that it raises.
_FUNCTIONS = {"ACCEPT": ("accept_task", "accepted"), "RESOLVE": ("resolve_task", "resolved")}


def rights_to_answer(fitted: Fit) -> Iterator[Right]:
    """Yield the rights that the functions need to write; those that they need to read come from `view_maker`."""
    table = fitted.sections["task"].table
    for column in dict.fromkeys(column for part in fitted.map.answers.values() for column in part):
        yield Right(table=table, column=column, command="UPDATE", is_to_write_back=True)


def functions_of_answers(fitted: Fit) -> list[str]:
    """Return the statements that make the functions: which commands are written, and one that writes each of them."""
    written = [command for command, part in COMMANDS.items() if fitted.map.answers[part]]
    is_written = f"coalesce(command IN ({', '.join(map(literal, written))}), false)" if written else "false"
    return [
        f"""CREATE OR REPLACE FUNCTION orchestration.writes_back(command text) RETURNS boolean
            LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN {is_written}""",
        *(_function(fitted, command) for command in COMMANDS),
    ]


def _function(fitted: Fit, command: str) -> str:
    """Return the function that writes a command into an open task of that person, and returns whether it stands there.

    Run twice, it writes nothing the second time: a task that is taken is not accepted again, and a task that is closed
    is not resolved again. If somebody changes the task in the same moment, the function waits, and looks again.
    """
    name, done = _FUNCTIONS[command]
    body = "RETURN false;"
    if fitted.map.answers[COMMANDS[command]]:
        task, person = f"{name}.of_task", f"{name}.of_person"
        body = f"{update_of_answer(fitted, command, of_task=task, of_person=person)};\n"
        if command == "ACCEPT":
            table = fitted.sections["task"].table
            is_hers = f"{_is_hers(fitted, task)} AND {_is_open(fitted)} AND ({_is_taken(fitted)})"
            has_it = f"SELECT FROM {table} AS task CROSS JOIN {row_of_answer(fitted, person)} WHERE {is_hers}"
            body += f"RETURN FOUND OR EXISTS ({has_it});"
        else:
            body += "RETURN FOUND;"
    return f"""CREATE OR REPLACE FUNCTION orchestration.{name}(of_task text, of_person text) RETURNS boolean
        LANGUAGE plpgsql {WRITES} AS $function$
        DECLARE
            refusing_constraint text;
            refusing_table text;
        BEGIN
            {body}
        -- The server's own message would quote the refused row, and what a trigger says may quote anything.
        EXCEPTION WHEN assert_failure OR OTHERS THEN
            GET STACKED DIAGNOSTICS refusing_constraint = CONSTRAINT_NAME, refusing_table = TABLE_NAME;
            RAISE EXCEPTION 'the application refuses to have a task {done}'
                USING ERRCODE = SQLSTATE, CONSTRAINT = refusing_constraint, TABLE = refusing_table;
        END $function$"""


def update_of_answer(fitted: Fit, command: str, *, of_task: str, of_person: str, table: str | None = None) -> str:
    """Return the UPDATE that writes a command into a task, if that is open and that person's.

    `of_task` and `of_person` are SQL for ids as text. `table` is a copy of the tasks' table, for a trial.
    """
    changes = assignments(values_written(fitted.map.answers[COMMANDS[command]], fitted.task_types))
    not_yet = f" AND NOT ({_is_taken(fitted)})" if command == "ACCEPT" else ""
    table = table or fitted.sections["task"].table
    return (
        f"UPDATE {table} AS task SET {changes} FROM {row_of_answer(fitted, of_person)} "
        f"WHERE {_is_hers(fitted, of_task)} AND {_is_open(fitted)}{not_yet}"
    )


def row_of_answer(fitted: Fit, of_person: str) -> str:
    """Return the values of an answer, as they stand after FROM; `of_person` is SQL for an id as text."""
    type_name = fitted.sections["task"].columns["assigned_to_user_id"].type.of_any_length
    return f"(SELECT CAST({of_person} AS {type_name}) AS person_id, orchestration.clock() AS at) AS answer"


def _is_hers(fitted: Fit, of_task: str) -> str:
    columns = fitted.sections["task"].columns
    is_it = f"{columns['id'].sql} = CAST({of_task} AS {columns['id'].type.of_any_length})"
    return f"{is_it} AND {columns['assigned_to_user_id'].sql} = answer.person_id"


def _is_open(fitted: Fit) -> str:
    status = fitted.sections["task"].columns["status"]
    return f"NOT ({is_closed(fitted, status, status.sql)})"


def _is_taken(fitted: Fit) -> str:
    task = fitted.sections["task"]
    return is_taken(fitted, task, {name: one.sql for name, one in task.columns.items()})
