"""Every named statement is understood by the real schema."""

import re

import pytest
from care import Care
from statements import STATEMENTS, prepare

from bench.scale.statements import ROOMS
from sequora_orchestration.application import catalog, proposal
from sequora_orchestration.care import care_database
from sequora_orchestration.cli import table_sizes
from sequora_orchestration.cli.checks import application as doctor_of_application
from sequora_orchestration.cli.checks import care_database as doctor_of_care_database


@pytest.mark.parametrize("name", STATEMENTS)
def test_the_statement_can_be_prepared(care: Care, name: str) -> None:
    """Postgres parses it, finds every table and column, and infers every parameter's type."""
    with care.engine.connect() as connection:
        prepare(connection, STATEMENTS[name])


@pytest.mark.parametrize(
    "module",
    [
        *ROOMS,
        care_database,
        table_sizes,
        doctor_of_care_database,
        doctor_of_application,
        catalog,
        proposal,
    ],
)
def test_every_statement_says_why_it_is_safe(module: object) -> None:
    """What stands under a name begins with a comment, or the file's head covers all."""
    sql = module.SQL  # type: ignore[attr-defined]
    text = sql.path.read_text(encoding="utf-8")
    head = text.split("-- name:", 1)[0]
    for name, statement in sql.all.items():
        assert "safe to run twice" in head or re.search(r"^\s*-- .*", str(statement)), name
