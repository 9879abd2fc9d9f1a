"""The log of our processes: a line for each event, for people or (SEQUORA_LOG_FORMAT=json) programs, with the same ids.

Web server, daemon and code server have Dagster's own `--log-format`, which the Procfile sets; this module is for the
workers and the heartbeat. Both formats are made with structlog and the same processors of its own, so `event`, `level`,
`logger` and `timestamp` mean the same in every line of JSON. Our additions are the ids of a line, and the omissions.
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
"""A line in the making, by key, as structlog's processors hand it on."""

# The ids that a line may have. A run of one message has ids in its tags, and a log line may have its own.
IDS = ("run", "claim", "task", "episode", "notification")
_OF_RUN = {"run": "run_id", "job": "job_name", "step": "step_key"}
_OF_TAGS = {"claim": "dagster/run_key", "task": "sequora/task_id", "episode": "sequora/episode_id"}


def write_lines(level: int | str = logging.WARNING) -> None:
    """Write everything that this process logs to stderr, in the format that is set.

    A wrong format is logged, and text is used instead: it must keep no process from its work.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(_formatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # Dagster makes a console logger of this class for each run, and gives it a format for people.
    logging.setLoggerClass(_Console)
    try:
        LogSettings.load()
    except SettingError as error:
        LOG.error("the log is text: %s", error)  # noqa: TRY400  # a sentence for the person who set it, not a traceback


class _Console(logging.Logger):
    """A logger whose handlers write in the same format as all others."""

    def addHandler(self, handler: logging.Handler) -> None:  # noqa: N802  # logging names it so
        handler.setFormatter(_formatter())
        handler.addFilter(_is_news)
        super().addHandler(handler)


def _formatter() -> logging.Formatter:
    try:
        is_json = LogSettings.load().sequora_log_format == "json"
    except SettingError:
        is_json = False
    # A line is a JSON object, traceback included; or text for people, with the traceback below it.
    last = JSONRenderer(ensure_ascii=False) if is_json else _line_for_people
    return ProcessorFormatter(
        foreign_pre_chain=[
            add_logger_name,
            add_log_level,
            TimeStamper(fmt="iso", utc=True),
            _take_dagsters_event,
            _name_the_ids,
            format_exc_info,  # the traceback and its message, never the variables of a frame: those hold rows
        ],
        processors=[ProcessorFormatter.remove_processors_meta, last],
    )


def _is_news(record: logging.LogRecord) -> bool:
    """Whether a record is news: not Dagster's line for a scan without a find, or for a step after a failed step."""
    message = record.getMessage()
    return "Emitting implicit Nothing" not in message and not message.endswith("Not executing.")


def _line_for_people(_logger: object, _method: str, line: Line) -> str:
    """Return a line as text: time, level, source (the run's step, if there is one), message and ids."""
    who = f"{line['job']}.{line['step']}" if line.get("step") else line.get("job") or line["logger"]
    ids = " ".join(f"{name}={line[name]}" for name in IDS if name in line)
    shown = f"{line['timestamp']} {line['level'].upper()} {who}: {line['event']}" + (f"  [{ids}]" if ids else "")
    return f"{shown}\n{line['exception']}" if line.get("exception") else shown


def _take_dagsters_event(_logger: object, _method: str, line: Line) -> Line:
    """Take message and traceback from the Dagster event that a line reports."""
    record: logging.LogRecord = line["_record"]
    line["event"] = _without_dagsters_prefix(record, line["event"])
    if error := _error_of_event(record):
        line["exception"] = error
    return line


def _name_the_ids(_logger: object, _method: str, line: Line) -> Line:
    """Add the ids of a line."""
    line.update(_ids_of(line["_record"]))
    return line


def _ids_of(record: logging.LogRecord) -> dict[str, str]:
    """Return the ids of a record: its own, and those of its run."""
    of_run: dict[str, Any] = getattr(record, "dagster_meta", None) or {}
    tags = of_run.get("job_tags") or {}
    known = {
        **{name: of_run.get(key) for name, key in _OF_RUN.items()},
        **{name: tags.get(key) for name, key in _OF_TAGS.items()},
        **{name: getattr(record, name, None) for name in IDS if getattr(record, name, None)},
    }
    return {name: value for name, value in known.items() if value}


def _without_dagsters_prefix(record: logging.LogRecord, message: str) -> str:
    """Return a message without the prefix that Dagster gives it: our lines have run and step elsewhere."""
    of_run: dict[str, Any] = getattr(record, "dagster_meta", None) or {}
    said: str = of_run.get("orig_message") or message
    failure = _sentence_of_failure(of_run)
    return f"{said} {failure}" if failure and failure not in said else said


def _sentence_of_failure(of_run: dict[str, Any]) -> str | None:
    """Return the sentence of a step that failed with an error of ours; None for any other."""
    data = getattr(of_run.get("dagster_event"), "event_specific_data", None)
    failure = getattr(data, "user_failure_data", None)
    return failure.description if failure else None


def _error_of_event(record: logging.LogRecord) -> str | None:
    """Return the traceback of the Dagster event that a line reports, if the line has none itself."""
    if record.exc_info:
        return None
    of_run: dict[str, Any] = getattr(record, "dagster_meta", None) or {}
    data = getattr(of_run.get("dagster_event"), "event_specific_data", None)
    if getattr(data, "first_step_failure_event", None):  # the event of a run: the line about its step has the traceback
        return None
    if _sentence_of_failure(of_run):  # the place in our code adds nothing to our sentence
        return None
    error = getattr(data, "error", None)
    return str(error.to_string()) if error else None
