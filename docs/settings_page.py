"""Makes the page `docs/settings.md` from the code: `make settings-page`."""

from datetime import timedelta
from pathlib import Path

from pydantic.fields import FieldInfo

from sequora_orchestration.settings.alarms import AlarmSettings, CanarySettings, HeartbeatSettings
from sequora_orchestration.settings.application import ApplicationSettings, AppSettings, CheckInLinkSettings
from sequora_orchestration.settings.database import DagsterStorageSettings, DatabaseSettings, RetentionSettings
from sequora_orchestration.settings.delivery import DeliverySettings
from sequora_orchestration.settings.environment import Environment
from sequora_orchestration.settings.processes import (
    CodeServerSettings,
    LogSettings,
    MetricsSettings,
    WebSettings,
    WorkerSettings,
)
from sequora_orchestration.settings.replies import ReplySettings
from sequora_orchestration.settings.texts import TextsSettings
from sequora_orchestration.settings.twilio import TwilioSettings
from sequora_orchestration.settings.workflows import AssignmentSettings, WorkflowSettings

EVERY: tuple[type[Environment], ...] = (
    DatabaseSettings,
    ApplicationSettings,
    WorkflowSettings,
    AssignmentSettings,
    DeliverySettings,
    ReplySettings,
    RetentionSettings,
    TwilioSettings,
    AppSettings,
    TextsSettings,
    CheckInLinkSettings,
    WebSettings,
    CodeServerSettings,
    WorkerSettings,
    HeartbeatSettings,
    CanarySettings,
    AlarmSettings,
    MetricsSettings,
    LogSettings,
    DagsterStorageSettings,
)
"""All settings, in the order of the page."""

PAGE = Path(__file__).with_name("settings.md")

UNITS = {timedelta(days=1): "d", timedelta(hours=1): "h", timedelta(minutes=1): "m", timedelta(seconds=1): "s"}

# Dagster and the Procfile read these, and our own code only to find what those two have made of them.
OTHERS = {
    "DAGSTER_HOME": ("the directory with Dagster's configuration; `sequora migrate` furnishes it", "none"),
    "SEQUORA_WEB_HOST": ("where the web UI listens, with no login; `0.0.0.0` in a container of its own", "`127.0.0.1`"),
    "SEQUORA_WEB_PORT": ("port of the web UI", "`3000`"),
}

HEAD = """# Settings

All come from the environment. Lengths of time are `90s`, `30m`, `24h`, `2d`, several of them (`1h30m`), or ISO-8601
(`PT30M`). The error for a missing or senseless setting names it and says what to do; `sequora doctor` looks at all of
them. White space around a value does not count. `sequora dev` uses those of the database, broker and Twilio settings
that are set, and brings an embedded part for each that is not (a database of yours gets the schema `orchestration`, as
by `sequora migrate`). No other command ever falls back to a local database.

This page is made from the code by `make settings-page`.
"""


def page() -> str:
    """Return the page with all settings."""
    parts = [HEAD]
    for settings in EVERY:
        rows = [(name.upper(), field.title or "", _default(field)) for name, field in settings.model_fields.items()]
        parts.append(_section((settings.__doc__ or "").splitlines()[0], rows))
    parts.append(_section("Read by Dagster and the Procfile.", [(name, *rest) for name, rest in OTHERS.items()]))
    return "\n".join(parts)


def _section(title: str, rows: list[tuple[str, str, str]]) -> str:
    lines = [f"| `{name}` | {what} | {default} |" for name, what, default in rows]
    return "\n".join(
        [f"## {title.removesuffix('.')}", "", "| Variable | What it is | Default |", "|---|---|---|", *lines, ""]
    )


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "none: it must be set"
    if isinstance(field.default, timedelta):
        unit = next(unit for unit in UNITS if field.default % unit == timedelta(0) and field.default >= unit)
        return f"`{field.default // unit}{UNITS[unit]}`"
    return "not set" if field.default is None else f"`{field.default}`"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
