"""Maps in tests: one of those that come along, with what a test changes in it."""

import json
import tomllib
from collections.abc import Iterator, Mapping
from copy import deepcopy
from importlib.resources import files
from typing import Any

from sequora_orchestration import application

Changes = Mapping[str, object]
"""What stands at a place, by its name with dots (`task.created_at`); None: nothing does."""


def a_source(changes: Changes | None = None, *, of: str = "brief") -> str:
    """Return a map that comes along as TOML, with these changes."""
    content = tomllib.loads((files(application) / f"{of}.toml").read_text(encoding="utf-8"))
    for place, value in (changes or {}).items():
        *tables, key = place.split(".", 2)
        inner: dict[str, Any] = content
        for table in tables:
            inner = inner.setdefault(table, {})
        if value is None:
            inner.pop(key, None)
        else:
            inner[key] = deepcopy(value)
    return "\n".join(_in_toml(content))


def _in_toml(table: Mapping[str, Any], name: str = "") -> Iterator[str]:
    """Yield the lines of a table: what stands in it first, and then the tables in it."""
    for key, value in table.items():
        if not isinstance(value, dict):
            yield f"{json.dumps(key)} = {json.dumps(value)}"
    for key, value in table.items():
        if isinstance(value, dict):
            inner = f"{name}.{json.dumps(key)}" if name else json.dumps(key)
            yield f"[{inner}]"
            yield from _in_toml(value, inner)
