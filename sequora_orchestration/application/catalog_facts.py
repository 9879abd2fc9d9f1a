"""The catalog's facts about a map's tables, as one text: it differs whenever something about them has changed.

Here: that text, by which `seam` notices that the views must be made anew. Not here: making them.
"""

from collections.abc import Iterator

import psycopg2
from sqlalchemy import Connection, text

from sequora_orchestration.application.application_map import ApplicationMap
from sequora_orchestration.application.catalog import SQL, Denial, attempt, rows
from sequora_orchestration.application.contract import VIEWS
from sequora_orchestration.application.expressions import Expression, alternative_taken, ask_about_expressions


def facts(connection: Connection, application_map: ApplicationMap) -> str:
    """Return the catalog's facts about the map's tables: the same text as long as nothing about them has changed."""
    tables = [section.table for section in application_map.sections.values()]
    if application_map.log:
        tables.append(application_map.log.table)
    found = attempt(connection, SQL["ids_of_tables"], tables=sorted(set(tables)))
    if isinstance(found, psycopg2.Error):
        return ""
    with connection.begin_nested() as with_full_names:
        # With another search path the catalog would leave out the schemas on it, and roles differ in theirs.
        connection.execute(text("SET LOCAL search_path TO pg_catalog"))
        (row,) = rows(connection, "facts", ids=[one["id"] for one in found])
        with_full_names.rollback()
    return "\n".join([str(row["facts"]), *_alternatives_taken(connection, application_map)])


def _alternatives_taken(connection: Connection, application_map: ApplicationMap) -> Iterator[str]:
    """Yield the alternative that each column uses: a new table may make an earlier alternative usable."""
    for name, section in application_map.sections.items():
        for column, alternatives in section.columns.items():
            if len(alternatives) > 1:
                tried = ask_about_expressions(connection, name, section.table, alternatives)
                number = alternative_taken(VIEWS[name].columns[column], tried)
                taken = tried[number]
                is_understood = isinstance(taken, Expression) or isinstance(taken.said, Denial)
                yield f"{name}.{column} {number if is_understood else None}"
