"""How our processes log: a line an event, for people or (SEQUORA_LOG_FORMAT=json) for programs, with the same ids.

Web server, daemon and code server have Dagster's own `--log-format`, which the Procfile sets; its JSON has these keys
(`event`, `level`, `logger`, `timestamp`). This is for the workers and the heartbeat.
"""

import json
import logging
from datetime import UTC, datetime
from typing import Any

from sequora_orchestration.settings.environment import SettingError
from sequora_orchestration.settings.processes import LogSettings

LOG = logging.getLogger(__name__)

# What a line is about, where it is known. A run of one message has its ids in its tags, a log line may have its own.
IDS = ("run", "claim", "task", "episode", "notification")
_OF_RUN = {"run": "run_id", "job": "job_name", "step": "step_key"}
_OF_TAGS = {"claim": "dagster/run_key", "task": "sequora/task_id", "episode": "sequora/episode_id"}


def write_lines(level: int | str = logging.WARNING) -> None:
    """Let everything that is logged in this process be written to stderr in the format that is set.

    Where that is none of those there are it is text, and this is said: it keeps no process from its work.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(_formatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # Dagster makes a logger for the console for each run, of this class, and formats it for people.
    logging.setLoggerClass(_Console)
    try:
        LogSettings.load()
    except SettingError as error:
        LOG.error("the log is text: %s", error)  # noqa: TRY400  # a sentence for whoever set it, not a traceback


class _Console(logging.Logger):
    """A logger whose handlers write as all others do."""

    def addHandler(self, handler: logging.Handler) -> None:  # noqa: N802  # logging names it so
        handler.setFormatter(_formatter())
        handler.addFilter(_is_news)
        super().addHandler(handler)


def _formatter() -> logging.Formatter:
    try:
        is_json = LogSettings.load().sequora_log_format == "json"
    except SettingError:
        is_json = False
    return JsonLine() if is_json else TextLine()


def _is_news(record: logging.LogRecord) -> bool:
    """Leave out what Dagster says of every scan that finds nothing, and of steps that come after one that failed."""
    message = record.getMessage()
    return "Emitting implicit Nothing" not in message and not message.endswith("Not executing.")


class TextLine(logging.Formatter):
    """For people: time, level, who says it (the run's step, where there is one), what, and the ids."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line, and the traceback below it where there is one."""
        about = _about(record)
        who = f"{about['job']}.{about['step']}" if about.get("step") else about.get("job") or record.name
        ids = " ".join(f"{name}={about[name]}" for name in IDS if name in about)
        line = f"{_time(record)} {record.levelname} {who}: {_said(record)}" + (f"  [{ids}]" if ids else "")
        traceback = _traceback(self, record)
        return f"{line}\n{traceback}" if traceback else line


class JsonLine(logging.Formatter):
    """For programs: an object a line, traceback included."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line."""
        line = {
            "event": _said(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "timestamp": _time(record),
            **_about(record),
        }
        if traceback := _traceback(self, record):
            line["exception"] = traceback
        return json.dumps(line, ensure_ascii=False)


def _about(record: logging.LogRecord) -> dict[str, str]:
    """Return the ids that a line is about."""
    of_run: dict[str, Any] = getattr(record, "dagster_meta", None) or {}
    tags = of_run.get("job_tags") or {}
    known = {
        **{name: of_run.get(key) for name, key in _OF_RUN.items()},
        **{name: tags.get(key) for name, key in _OF_TAGS.items()},
        **{name: getattr(record, name, None) for name in IDS if getattr(record, name, None)},
    }
    return {name: value for name, value in known.items() if value}


def _said(record: logging.LogRecord) -> str:
    """Return what is said, without what Dagster puts before it: that is said in a way of our own."""
    of_run: dict[str, Any] = getattr(record, "dagster_meta", None) or {}
    said = of_run.get("orig_message") or record.getMessage()
    failure = _sentence_of_failure(of_run)
    return f"{said} {failure}" if failure and failure not in said else said


def _sentence_of_failure(of_run: dict[str, Any]) -> str | None:
    """Return what a step says that has failed by a sentence of ours."""
    data = getattr(of_run.get("dagster_event"), "event_specific_data", None)
    failure = getattr(data, "user_failure_data", None)
    return failure.description if failure else None


def _traceback(formatter: logging.Formatter, record: logging.LogRecord) -> str | None:
    """Return the traceback of the line, or of the event of Dagster's own that it tells of."""
    if record.exc_info:
        return formatter.formatException(record.exc_info)
    of_run: dict[str, Any] = getattr(record, "dagster_meta", None) or {}
    data = getattr(of_run.get("dagster_event"), "event_specific_data", None)
    if getattr(data, "first_step_failure_event", None):  # of a run: the line about its step has it
        return None
    if _sentence_of_failure(of_run):  # where in our code it is raised tells nobody more
        return None
    error = getattr(data, "error", None)
    return str(error.to_string()) if error else None


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
