"""Every named statement is understood by the real schema."""

import re

import pytest
from care import Care

from sequora_orchestration.resources import care_database, ledger, table_sizes
from sequora_orchestration.resources.queues import QUESTIONS, QUEUES

STATEMENTS = {
    f"{module.__name__.rsplit('.', 1)[-1]}.{name}": sql.text
    for module in (care_database, ledger, table_sizes)
    for name, sql in module.SQL.all.items()
    if "{question}" not in sql.text
} | {
    f"ledger.{statement} of {queue.name}": ledger.SQL.with_question(statement, QUESTIONS[question]).text
    for queue in QUEUES.values()
    for statement, question in (("claim", queue.question), ("claim_named", queue.named))
}


@pytest.mark.parametrize("name", STATEMENTS)
def test_the_statement_can_be_prepared(care: Care, name: str) -> None:
    """Postgres parses it, finds every table and column, and infers every parameter's type."""
    parameters: list[str] = []

    def numbered(match: re.Match[str]) -> str:
        if match[1] not in parameters:
            parameters.append(match[1])
        return f"${parameters.index(match[1]) + 1}"

    sql = re.sub(r"--.*", "", STATEMENTS[name])
    sql = re.sub(r"(?<![:\\]):(\w+)", numbered, sql).replace("\\:", ":")
    with care.engine.connect() as connection:
        connection.exec_driver_sql(f"PREPARE the_statement AS {sql}")
        connection.exec_driver_sql("DEALLOCATE the_statement")


@pytest.mark.parametrize("module", [care_database, ledger, table_sizes])
def test_every_statement_says_why_it_is_safe(module: object) -> None:
    """What stands under a name begins with a comment, or the file's head covers all."""
    sql = module.SQL  # type: ignore[attr-defined]
    text = sql.path.read_text(encoding="utf-8")
    head = text.split("-- name:", 1)[0]
    for name, statement in sql.all.items():
        assert "safe to run twice" in head or re.search(r"^\s*-- .*", str(statement)), name
