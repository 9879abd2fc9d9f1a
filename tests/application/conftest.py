"""What tests of the seam share: an application's tables that can be altered at will, and maps in one line."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any
from uuid import uuid4

import pytest
from care import Care
from command_line import sequora_here
from maps import Changes, a_source
from servers import a_clone
from sqlalchemy import Connection, Engine, RowMapping, create_engine, text

from sequora_orchestration.application import dropped_views, map_in_force, seam
from sequora_orchestration.application.application_map import read_map
from sequora_orchestration.application.fitting import Fit, fit
from sequora_orchestration.application.map_in_force import InForce
from sequora_orchestration.cli.checks import care_database as care_area
from sequora_orchestration.cli.checks.finding import Finding
from sequora_orchestration.cli.doctor import diagnose
from sequora_orchestration.local.postgres import EmbeddedPostgres
from sequora_orchestration.migrations.apply import Migrated, migrate
from sequora_orchestration.settings.addresses import postgres_url

Sequora = Callable[..., CompletedProcess[str]]

Doctor = Callable[[], Mapping[str, Finding]]


class Tables:
    """An application's tables in a transaction that never ends: whatever is done with them is undone."""

    def __init__(self, connection: Connection, directory: Path) -> None:
        """Use the connection; maps are written into the directory."""
        self.connection = connection
        self._directory = directory

    def alter(self, *statements: str) -> None:
        """Change the tables, without our views in the way."""
        dropped_views.drop_views(self.connection)
        for statement in statements:
            self.connection.exec_driver_sql(statement.replace("%", "%%"))

    def rows(self, sql: str, **parameters: object) -> Sequence[RowMapping]:
        """Run any statement and return its rows."""
        result = self.connection.execute(text(sql), parameters)
        return result.mappings().all() if result.returns_rows else []

    def one(self, sql: str, **parameters: object) -> Any:
        """Return the one value that a statement yields."""
        (row,) = self.rows(sql, **parameters)
        (value,) = row.values()
        return value

    def fit(self, changes: Changes | None = None, *, of: str = "brief") -> Fit:
        """Hold a map that comes along, with these changes, against the tables."""
        return fit(self.connection, read_map("a map", a_source(changes, of=of)))

    def problems(self, changes: Changes | None = None, *, of: str = "brief") -> Sequence[str]:
        """Return why such a map cannot be used."""
        return self.fit(changes, of=of).problems

    def make(self, changes: Changes | None = None, *, of: str = "brief") -> InForce:
        """Make the views by such a map."""
        file = self._directory / f"{uuid4()}.toml"
        file.write_text(a_source(changes, of=of), encoding="utf-8")
        made = seam.bring_up_to_date(self.connection, file) or map_in_force.in_force(self.connection)
        assert made
        return made


@pytest.fixture(scope="package")
def brief_engine(postgres: EmbeddedPostgres, postgres_administrator: Engine) -> Iterator[Engine]:
    """A database with the brief's tables, in which nothing is ever committed."""
    with a_clone(postgres_administrator, "care_template") as name:
        engine = create_engine(postgres_url(postgres.url(name)))
        yield engine
        engine.dispose()


@pytest.fixture(scope="package")
def sequora_engine(
    postgres: EmbeddedPostgres, postgres_administrator: Engine, sequora_template: str
) -> Iterator[Engine]:
    """One with the tables of Sequora's own application."""
    with a_clone(postgres_administrator, sequora_template) as name:
        engine = create_engine(postgres_url(postgres.url(name)))
        yield engine
        engine.dispose()


@pytest.fixture
def tables(brief_engine: Engine, tmp_path: Path) -> Iterator[Tables]:
    """The brief's tables, with views."""
    with brief_engine.connect() as connection:
        yield Tables(connection, tmp_path)
        connection.rollback()


@pytest.fixture
def sequora_tables(sequora_engine: Engine, tmp_path: Path) -> Iterator[Tables]:
    """The tables of Sequora's own application, with views."""
    with sequora_engine.connect() as connection:
        yield Tables(connection, tmp_path)
        connection.rollback()


@pytest.fixture
def put_in_force(care: Care, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Migrated]:
    """Migrate by a map that comes along, with the changes that are given."""

    def put_in_force(changes: Changes | None = None, *, of: str = "brief") -> Migrated:
        file = tmp_path / "map.toml"
        file.write_text(a_source(changes, of=of), encoding="utf-8")
        monkeypatch.setenv("SEQUORA_APPLICATION_MAP", str(file))
        return migrate(care.engine)

    return put_in_force


@pytest.fixture
def sequora(care_url: str, monkeypatch: pytest.MonkeyPatch) -> Sequora:
    """The command `sequora` on this test's database, with its settings, in this process."""
    monkeypatch.setenv("SUPABASE_DB_URL", care_url)
    return lambda *arguments: sequora_here(*arguments, environment=dict(os.environ))


@pytest.fixture
def doctor(care_url: str, monkeypatch: pytest.MonkeyPatch) -> Doctor:
    """What `sequora doctor` finds on this test's database."""
    monkeypatch.setenv("SUPABASE_DB_URL", care_url)
    return lambda: diagnose([care_area.checks()], patience=20)
