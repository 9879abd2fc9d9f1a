"""The application's tables, as far as we read them."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from sequora_orchestration.domain.care import EscalationTask, User
from sequora_orchestration.resources.database import NamedStatements, engine_for, id_array
from sequora_orchestration.settings import DatabaseSettings

SQL = NamedStatements(Path(__file__).with_suffix(".sql"))


class CareDatabase:
    """Reads the application's rows by id. Database errors are raised, never taken for "nothing found"."""

    def __init__(self, engine: Engine) -> None:
        """Use `engine`; nothing is connected yet."""
        self._engine = engine

    def tasks(self, ids: Iterable[str]) -> dict[str, EscalationTask]:
        """Return the tasks that exist, by id."""
        with self._engine.connect() as connection:
            rows = connection.execute(SQL["tasks"], {"ids": id_array(ids)}).mappings()
            return {row["id"]: _task(dict(row)) for row in rows}

    def users(self, ids: Iterable[str]) -> dict[str, User]:
        """Return the users that exist, by id."""
        with self._engine.connect() as connection:
            rows = connection.execute(SQL["users"], {"ids": id_array(ids)}).mappings()
            return {row["id"]: User(**row) for row in rows}


def _task(row: Mapping[str, Any]) -> EscalationTask:
    return EscalationTask(**{**row, "reason_codes": _reason_codes(row["reason_codes"])})


def _reason_codes(raw: object) -> tuple[str, ...]:
    """Return the codes of a `text[]` or `jsonb` column; anything that is no list is one code."""
    codes = raw if isinstance(raw, list) else [raw]
    return tuple(code if isinstance(code, str) else json.dumps(code) for code in codes if code not in (None, ""))


def open_care_database() -> CareDatabase:
    """Return the application's tables on SUPABASE_DB_URL. Raises SettingError."""
    return CareDatabase(engine_for(DatabaseSettings.load().supabase_db_url))
