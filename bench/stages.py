"""The way of a task, stage by stage: when each was reached, as the ledger's history and Dagster's events have it.

Both are read afterwards, so that the reading does not disturb the measurement. All clocks are one machine's.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing

import psycopg2

from bench.measure import Text

# A text's row, its run, and the moments of its history, in seconds since the epoch.
_LEDGER = """
SELECT notification.task_id, notification.run_id,
       extract(epoch FROM min(at) FILTER (WHERE from_state IS NULL))::float AS claimed,
       extract(epoch FROM min(at) FILTER (WHERE to_state = 'SENDING'))::float AS attempted,
       extract(epoch FROM min(at) FILTER (WHERE to_state = 'SENT'))::float AS recorded
FROM orchestration.notification JOIN orchestration.notification_event ON notification_id = notification.id
WHERE kind = 'task-created' AND notification.task_id = ANY(%s)
GROUP BY notification.id
"""

# Dagster keeps the time of a run's creation in the server's own time zone, and the times of its events in UTC.
_CREATED = """
SELECT run_id, 'run created', extract(epoch FROM create_timestamp AT TIME ZONE current_setting('TimeZone'))::float
FROM runs WHERE run_id = ANY(%s)
"""
_EVENTS = """
SELECT run_id,
       concat_ws(' ', dagster_event_type, step_key,
                 substring(event FROM 'forwarded to the broker|Started process for run')) AS what,
       extract(epoch FROM min(timestamp) AT TIME ZONE 'UTC')::float
FROM event_logs WHERE run_id = ANY(%s)
GROUP BY run_id, what
"""

_CLAIMED, _ATTEMPTED, _ACCEPTED, _RECORDED = "noticed and claimed", "attempt begun", "text accepted", "recorded as sent"
_BEFORE_SENDING = {
    "run created": "run created",
    "PIPELINE_STARTING": "run launched",
    "ENGINE_EVENT forwarded to the broker": "given to the broker",
    "ENGINE_EVENT Started process for run": "taken by a worker",
    "PIPELINE_START": "run started",
    "STEP_START fetch_task": "fetch_task started",
    "STEP_START fetch_nurse": "fetch_nurse started",
    "STEP_START send_sms": "send_sms started",
}
_AFTER_SENDING = {"STEP_START log_notification": "log_notification started", "PIPELINE_SUCCESS": "run ended"}
_OF_RUN = {**_BEFORE_SENDING, **_AFTER_SENDING}

STAGES = (
    _CLAIMED,
    *_BEFORE_SENDING.values(),
    *(_ATTEMPTED, _ACCEPTED, _RECORDED),
    *_AFTER_SENDING.values(),
)
"""The stages on the way of a task, in their order; the first comes after the insert's commit."""


def ways(
    care_url: str, dagster_url: str, task_ids: Sequence[str], texts: Iterable[Text]
) -> dict[str, dict[str, float]]:
    """Return when each of these tasks reached each stage, in seconds since the epoch; unknown moments are left out."""
    accepted = {text.task_id: text.accepted for text in texts}
    with closing(psycopg2.connect(care_url)) as connection, connection.cursor() as cursor:
        cursor.execute(_LEDGER, (list(task_ids),))
        rows = cursor.fetchall()
    of_runs = _of_runs(dagster_url, [run_id for _, run_id, *_ in rows if run_id])
    return {
        task_id: _known(
            {_CLAIMED: claimed, _ATTEMPTED: attempted, _ACCEPTED: accepted.get(task_id), _RECORDED: recorded}
        )
        | of_runs.get(run_id, {})
        for task_id, run_id, claimed, attempted, recorded in rows
    }


def _of_runs(dagster_url: str, run_ids: Sequence[str]) -> dict[str, dict[str, float]]:
    moments: dict[str, dict[str, float]] = {run_id: {} for run_id in run_ids}
    with closing(psycopg2.connect(dagster_url)) as connection, connection.cursor() as cursor:
        for question in (_CREATED, _EVENTS):
            cursor.execute(question, (list(moments),))
            for run_id, what, moment in cursor.fetchall():
                if what in _OF_RUN:
                    moments[run_id][_OF_RUN[what]] = moment
    return moments


def _known(moments: Mapping[str, float | None]) -> dict[str, float]:
    return {stage: moment for stage, moment in moments.items() if moment is not None}
