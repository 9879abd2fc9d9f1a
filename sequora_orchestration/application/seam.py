"""Making the seam: the views and functions through which our statements see the application, from a map that fits.

All of it happens in the transaction of `sequora migrate`, or none of it. `orchestration.application_map` records the
map and its digest, so the seam is made anew only when the map, the application's tables or the code has changed.
Not here: the text of the views and functions (`view_maker`, `view_columns`, `written_functions`,
`written_answers`).
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from sqlalchemy import Connection, text

from sequora_orchestration.application.application_map import (
    ApplicationMap,
    MapError,
    map_of_file,
    packaged_maps,
    read_map,
)
from sequora_orchestration.application.catalog import rows, verbatim
from sequora_orchestration.application.catalog_facts import facts
from sequora_orchestration.application.contract import VIEWS
from sequora_orchestration.application.dropped_views import NOTE_THAT_VIEWS_ARE_BACK, drop_views
from sequora_orchestration.application.fitting import Fit, fit
from sequora_orchestration.application.helpful_indexes import helpful_indexes
from sequora_orchestration.application.map_in_force import NAME_IT, InForce, in_force, is_own, not_named
from sequora_orchestration.application.trial import log_problems
from sequora_orchestration.application.view_maker import ViewMaker
from sequora_orchestration.application.written_answers import functions_of_answers, rights_to_answer
from sequora_orchestration.application.written_functions import (
    function_of_assignment,
    functions_of_log,
    rights_to_write,
)

# The modules whose code decides how the seam looks: after a change in one of them the seam is made anew.
_MAKERS = (
    "application_map.py",
    "catalog.py",
    "catalog_facts.py",
    "contract.py",
    "dropped_views.py",
    "expressions.py",
    "fitting.py",
    "helpful_indexes.py",
    "map_in_force.py",
    "seam.py",
    "sql_text.py",
    "trial.py",
    "view_columns.py",
    "view_maker.py",
    "written_answers.py",
    "written_functions.py",
    "written_map.py",
)


def bring_up_to_date(connection: Connection, file: Path | None) -> InForce | None:
    """Make the seam from the map in `file`, or from the first packaged map that fits; return it if it was made anew.

    Raises MapError where no map fits, ViewsInUseError, and the database's errors.
    """
    if is_as_asked_for(connection, file):
        return None
    before = in_force(connection)
    return _make(connection, _fitting(connection, _candidates(file), before), is_first=before is None)


def is_as_asked_for(connection: Connection, file: Path | None) -> bool:
    """Whether the seam is up to date, and made from the map in `file`. Raises MapError."""
    before = in_force(connection)
    is_of_these = before is not None and before.source in {one.source for one in _candidates(file)}
    return before is not None and is_of_these and is_up_to_date(connection, before)


def _candidates(file: Path | None) -> list[ApplicationMap]:
    return [map_of_file(file)] if file else packaged_maps()


def is_up_to_date(connection: Connection, made: InForce) -> bool:
    """Whether the seam is complete, and was made by this code from the application's tables as they are now."""
    is_there = rows(connection, "seam_is_there")[0]["it_is"]
    return bool(is_there) and made.digest == _digest(connection, read_map(made.name, made.source))


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


def _digest(connection: Connection, application_map: ApplicationMap) -> str:
    """Return a digest that differs whenever the map, the catalog or the code that makes the seam has changed."""
    code = (Path(__file__).with_name(name).read_bytes() for name in _MAKERS)
    parts = [application_map.source.encode(), facts(connection, application_map).encode(), *code]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def _make(connection: Connection, fitted: Fit, *, is_first: bool) -> InForce:
    rows(connection, "write_out_search_path")
    connection.execute(text("SET LOCAL jit = off"))  # to compile a plan over the views takes longer than to run it
    drop_views(connection)
    for row in rows(connection, "functions_of_the_map"):
        connection.execute(verbatim(f"DROP FUNCTION {row['name']}"))
    maker = ViewMaker(connection, fitted)
    for name, view in VIEWS.items():
        maker.make_view(name, view)
    if fitted.map.log:
        maker.read_for_the_log(fitted.map.log)
    if fitted.map.assignment:
        maker.read_for_the_assignment(fitted.map.assignment)
    maker.read_for_the_answers(fitted.map.answers)
    for statement in (*functions_of_log(fitted), function_of_assignment(fitted), *functions_of_answers(fitted)):
        connection.execute(verbatim(statement))
    if is_first:
        connection.execute(text(_OPEN_TASKS_WERE_TOLD))
    problems = log_problems(connection, fitted)
    connection.execute(text(NOTE_THAT_VIEWS_ARE_BACK))
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
            "rights": json.dumps(
                [asdict(one) for one in [*maker.rights(), *rights_to_write(fitted), *rights_to_answer(fitted)]]
            ),
            "indexes": json.dumps([asdict(one) for one in helpful_indexes(fitted)]),
            "problems": problems,
        },
    )
    made = in_force(connection)
    if made is None:
        raise AssertionError("what was just recorded is there")
    return made


# The ledger may hold texts that are older than any map: by them the nurses of tasks that are open now were told. Run
# for the first map alone: if a task that was closed then is opened again, its nurse must be told. Run twice, it changes
# nothing more.
_OPEN_TASKS_WERE_TOLD = """
    UPDATE orchestration.notification n SET over_at = NULL
    FROM orchestration.care_task t
    WHERE NOT t.is_closed AND n.task_id = t.id AND n.kind = 'task-created' AND n.over_at = '-infinity'
"""
