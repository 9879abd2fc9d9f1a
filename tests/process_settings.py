"""The variables that each process reads, by which the manifests of containers are judged.

Web server and daemon know nothing but Dagster: they read what their lines of the Procfile and Dagster's configuration
name. Our own code runs in all others, and any setting may be read there.
"""

import re
from typing import Any

import yaml
from honcho.environ import parse_procfile
from running_system import ROOT

from docs.settings_page import EVERY
from sequora_orchestration.instance.home import FILES, TEMPLATES

COMMANDS = dict(parse_procfile((ROOT / "Procfile").read_text(encoding="utf-8")).processes)
"""The command of each process of the Procfile."""

OF_DAGSTER_ALONE = {"web", "daemon"}
"""The processes that run no code of ours but storage and launcher."""

FIELDS = {name.upper(): field for one in EVERY for name, field in one.model_fields.items()}
"""Every setting."""

SECRETS = {name for name, field in FIELDS.items() if not field.repr}
"""The settings that are shown nowhere."""

REQUIRED = {name for name, field in FIELDS.items() if field.is_required()}
"""The settings without which nothing runs."""


def read_by(process: str) -> set[str]:
    """Return the variables that a process reads, or may read; `process` is one of the Procfile, or `migration`."""
    in_its_line = set(re.findall(r"\$\{?([A-Z_]+)", COMMANDS.get(process, "")))
    return in_its_line | _in_dagsters_configuration() | (set() if process in OF_DAGSTER_ALONE else set(FIELDS))


def _in_dagsters_configuration() -> set[str]:
    documents = [yaml.safe_load((TEMPLATES / name).read_text(encoding="utf-8")) for name in FILES]
    return {"DAGSTER_HOME"} | {name for document in documents for name in _from_environment(document)}


def _from_environment(part: Any) -> set[str]:
    """Return the names in all `{env: NAME}` of a part of a file."""
    if isinstance(part, dict):
        if part.keys() == {"env"}:
            return {part["env"]}
        part = list(part.values())
    return {name for one in part for name in _from_environment(one)} if isinstance(part, list) else set()
