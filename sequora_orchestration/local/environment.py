"""The settings of a running `sequora dev`, in a file for other terminals: `source .sequora/environment`."""

import os
import shlex
from collections.abc import Mapping
from pathlib import Path

from sequora_orchestration.settings.delivery import DeliverySettings
from sequora_orchestration.settings.replies import ReplySettings
from sequora_orchestration.settings.workflows import AssignmentSettings, WorkflowSettings

NAME = "environment"

# The settings that say where everything is.
PLACES = (
    "SUPABASE_DB_URL",
    "DAGSTER_PG_URL",
    "DAGSTER_HOME",
    "SEQUORA_WEB_URL",
    "SEQUORA_BROKER_URL",
    "SEQUORA_CODE_HOST",
    "SEQUORA_CODE_PORT",
    "TWILIO_ACCOUNT_SID",
    "TWILIO_AUTH_TOKEN",
    "TWILIO_FROM_NUMBER",
    "TWILIO_API_BASE_URL",
)

# How the names of our settings, and of Twilio's, begin.
OURS = ("SEQUORA_", "TWILIO_")

# Settings that say how the system works. There is no secret among them.
WAYS_OF_WORKING = (WorkflowSettings, AssignmentSettings, DeliverySettings, ReplySettings)


def write_environment(directory: Path, environment: Mapping[str, str]) -> None:
    """Write those settings of a system's that commands in other terminals need; only the file's owner may read it.

    A setting that was given from outside may be a secret: it is written only if it says how the system works, and
    otherwise named without its value.
    """
    given = {name for name, value in os.environ.items() if value and environment.get(name) == value}
    chosen = [name for name in PLACES if name in environment and name not in given]
    ways = [name.upper() for settings in WAYS_OF_WORKING for name in settings.model_fields if name.upper() in given]
    lines = [f"export {name}={shlex.quote(environment[name])}\n" for name in (*chosen, *ways)]
    if to_be_set := sorted(name for name in given - set(ways) if name in PLACES or name.startswith(OURS)):
        lines.insert(
            0, f"# Given to `sequora dev` from outside, so not written here; set it as well: {', '.join(to_be_set)}\n"
        )
    target = directory / NAME
    target.touch(mode=0o600)
    target.chmod(0o600)
    target.write_text("".join(lines), encoding="utf-8")


def read_environment(directory: Path) -> dict[str, str]:
    """Return the settings that were written."""
    words = shlex.split((directory / NAME).read_text(encoding="utf-8"), comments=True)
    return dict(word.split("=", 1) for word in words if "=" in word)
