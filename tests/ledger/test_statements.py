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
from sequora_orchestration.domain.answering import Outcome
from sequora_orchestration.domain.cause import Cause
from sequora_orchestration.domain.commands import Verb
from sequora_orchestration.domain.ledger_state import State
from sequora_orchestration.ledger import assignments, halts
from sequora_orchestration.messages.kind import Audience


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


# The reasons of these are not those of messages.
OF_MESSAGES = [room for room in ROOMS if room not in {assignments, halts}]


@pytest.mark.parametrize("room", OF_MESSAGES, ids=lambda room: room.__name__)
def test_whatever_changes_a_reason_changes_the_cause(room: object) -> None:
    """A sentence for people, a cause for programs: neither is left of the state before."""
    for name, statement in room.SQL.all.items():  # type: ignore[attr-defined]
        sql = re.sub(r"--.*", "", str(statement))
        assert len(re.findall(r"(?<![.\w])reason = ", sql)) <= len(re.findall(r"(?<![.\w])cause = ", sql)), name
        assert not re.search(r"INSERT INTO[^;]*?\([^)]*\breason\b(?!,\s+cause)[^)]*\)", sql), name


@pytest.mark.parametrize("room", OF_MESSAGES, ids=lambda room: room.__name__)
def test_every_cause_that_a_statement_names_is_one_of_the_domains(room: object) -> None:
    """The two are written down separately, and must say the same."""
    sql = room.SQL.path.read_text(encoding="utf-8")  # type: ignore[attr-defined]
    written = {*re.findall(r"\bcause = '(\w+)'", sql), *re.findall(r"'([A-Z]+(?:_[A-Z]+)+)'", sql)}
    for cases in re.findall(r"\bcause = CASE (.*?) END", sql, flags=re.DOTALL):
        written |= set(re.findall(r"(?:THEN|ELSE) '(\w+)'", cases))
    assert written <= {*Cause, *State, *Audience, *Outcome, *Verb}
