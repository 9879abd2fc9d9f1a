"""How our processes log: a line an event, for people or (SEQUORA_LOG_FORMAT=json) for programs, with the same ids.

Web server, daemon and code server have Dagster's own `--log-format`, which the Procfile sets; this is for the workers
and the heartbeat. Both are made with structlog and the same processors of its own, so `event`, `level`, `logger` and
`timestamp` mean the same in every line of JSON. What is ours is which ids a line is about, and what is left out.
"""

import logging
from collections.abc import MutableMapping
from typing import Any

from structlog.processors import JSONRenderer, TimeStamper, format_exc_info
from structlog.stdlib import ProcessorFormatter, add_log_level, add_logger_name

from sequora_orchestration.settings.environment import SettingError
from sequora_orchestration.settings.processes import LogSettings

LOG = logging.getLogger(__name__)

Line = MutableMapping[str, Any]
"""What will be a line, as structlog's processors hand it on: by key."""

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
    # An object a line, traceback included; or a line for people, with the traceback below it.
    last = JSONRenderer(ensure_ascii=False) if is_json else _line_for_people
    return ProcessorFormatter(
        foreign_pre_chain=[
            add_logger_name,
            add_log_level,
            TimeStamper(fmt="iso", utc=True),
            _say_what_dagster_says,
            _name_the_ids,
            format_exc_info,  # the traceback and its message, never the variables of a frame: those hold rows
        ],
        processors=[ProcessorFormatter.remove_processors_meta, last],
    )


def _is_news(record: logging.LogRecord) -> bool:
    """Leave out what Dagster says of every scan that finds nothing, and of steps that come after one that failed."""
    message = record.getMessage()
    return "Emitting implicit Nothing" not in message and not message.endswith("Not executing.")


def _line_for_people(_logger: object, _method: str, line: Line) -> str:
    """Return time, level, who says it (the run's step, where there is one), what, and the ids."""
    who = f"{line['job']}.{line['step']}" if line.get("step") else line.get("job") or line["logger"]
    ids = " ".join(f"{name}={line[name]}" for name in IDS if name in line)
    shown = f"{line['timestamp']} {line['level'].upper()} {who}: {line['event']}" + (f"  [{ids}]" if ids else "")
    return f"{shown}\n{line['exception']}" if line.get("exception") else shown


def _say_what_dagster_says(_logger: object, _method: str, line: Line) -> Line:
    """Take what is said, and the traceback, from the event of Dagster's own that a line tells of."""
    record: logging.LogRecord = line["_record"]
    line["event"] = _said(record, line["event"])
    if error := _error_of_event(record):
        line["exception"] = error
    return line


def _name_the_ids(_logger: object, _method: str, line: Line) -> Line:
    """Add the ids that a line is about."""
    line.update(_about(line["_record"]))
    return line


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


def _said(record: logging.LogRecord, message: str) -> str:
    """Return what is said, without what Dagster puts before it: that is said in a way of our own."""
    of_run: dict[str, Any] = getattr(record, "dagster_meta", None) or {}
    said: str = of_run.get("orig_message") or message
    failure = _sentence_of_failure(of_run)
    return f"{said} {failure}" if failure and failure not in said else said


def _sentence_of_failure(of_run: dict[str, Any]) -> str | None:
    """Return what a step says that has failed by a sentence of ours."""
    data = getattr(of_run.get("dagster_event"), "event_specific_data", None)
    failure = getattr(data, "user_failure_data", None)
    return failure.description if failure else None


def _error_of_event(record: logging.LogRecord) -> str | None:
    """Return the traceback of the event of Dagster's own that a line tells of, where it has none itself."""
    if record.exc_info:
        return None
    of_run: dict[str, Any] = getattr(record, "dagster_meta", None) or {}
    data = getattr(of_run.get("dagster_event"), "event_specific_data", None)
    if getattr(data, "first_step_failure_event", None):  # of a run: the line about its step has it
        return None
    if _sentence_of_failure(of_run):  # where in our code it is raised tells nobody more
        return None
    error = getattr(data, "error", None)
    return str(error.to_string()) if error else None
