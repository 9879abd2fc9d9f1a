"""Every named statement of ours, whole, and whether a database understands it."""

import re

from sqlalchemy import Connection

from bench.scale.statements import ROOMS
from sequora_orchestration.application import catalog, proposal
from sequora_orchestration.care import care_database
from sequora_orchestration.cli import table_sizes
from sequora_orchestration.cli.checks import application as doctor_of_application
from sequora_orchestration.cli.checks import care_database as doctor_of_care_database
from sequora_orchestration.cli.checks import languages as doctor_of_languages

OF_THE_SYSTEM = {
    f"{module.__name__.rsplit('.', 1)[-1]}.{name}": sql.text
    for module in (*ROOMS, care_database, table_sizes)
    for name, sql in module.SQL.all.items()
}

STATEMENTS = OF_THE_SYSTEM | {
    f"{module.__name__.rsplit('.', 2)[-2]}.{name}": sql.text
    for module in (doctor_of_care_database, doctor_of_application, doctor_of_languages, catalog, proposal)
    for name, sql in module.SQL.all.items()
}


def prepare(connection: Connection, statement: str) -> None:
    """Have a statement parsed, its tables, columns and parameters' types found. Raises ProgrammingError."""
    parameters: list[str] = []

    def numbered(match: re.Match[str]) -> str:
        if match[1] not in parameters:
            parameters.append(match[1])
        return f"${parameters.index(match[1]) + 1}"

    sql = re.sub(r"--.*", "", statement)
    sql = re.sub(r"(?<![:\\]):(\w+)", numbered, sql).replace("\\:", ":")
    connection.exec_driver_sql(f"PREPARE the_statement AS {sql}")
    connection.exec_driver_sql("DEALLOCATE the_statement")
