"""The naive way: a sensor with a timestamp cursor, a run per row, and Dagster's defaults for everything else.

It shares nothing with the project but the outside contract (tables, environment, the text). Nothing in it keeps a text
from being lost or doubled; it is here to be measured, not to be copied.
"""

import os
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import psycopg2
from dagster import (
    Backoff,
    Config,
    DefaultSensorStatus,
    Definitions,
    RetryPolicy,
    RunConfig,
    RunRequest,
    SensorEvaluationContext,
    SensorResult,
    job,
    op,
    sensor,
)
from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response
from twilio.rest import Client

RETRIES = RetryPolicy(max_retries=3, delay=1, backoff=Backoff.EXPONENTIAL)
BEFORE_EVERYTHING = "-infinity"


class TaskConfig(Config):
    """The task that a run is about."""

    task_id: str


class RedirectedHttpClient(TwilioHttpClient):  # type: ignore[misc]  # the SDK has no types
    """Talks to TWILIO_API_BASE_URL instead of Twilio."""

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Response:
        """Send the request to the other address."""
        base = urlsplit(os.environ["TWILIO_API_BASE_URL"])
        address = urlsplit(url)._replace(scheme=base.scheme, netloc=base.netloc)
        return super().request(method, address.geturl(), *args, **kwargs)


def execute(sql: str, *parameters: object) -> Sequence[tuple[Any, ...]]:
    """Run one statement on a connection of its own and return its rows."""
    connection = psycopg2.connect(os.environ["SUPABASE_DB_URL"])
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


@op(retry_policy=RETRIES)
def fetch_task(config: TaskConfig) -> dict[str, Any]:
    """Read the task."""
    ((episode_id, severity, priority, reason_codes, nurse_id),) = execute(
        "SELECT episode_id::text, severity, priority, reason_codes, assigned_to_user_id::text"
        ' FROM "EscalationTask" WHERE id = %s',
        config.task_id,
    )
    return {
        "id": config.task_id,
        "episode_id": episode_id,
        "severity": severity,
        "priority": priority,
        "reason_codes": reason_codes,
        "nurse_id": nurse_id,
    }


@op(retry_policy=RETRIES)
def fetch_nurse(task: dict[str, Any]) -> dict[str, Any]:
    """Read the nurse's number."""
    ((phone,),) = execute('SELECT primary_phone FROM "User" WHERE id = %s', task["nurse_id"])
    return {"id": task["nurse_id"], "phone": phone}


@op(retry_policy=RETRIES)
def send_sms(task: dict[str, Any], nurse: dict[str, Any]) -> str:
    """Text the nurse, and return the SID."""
    client = Client(
        os.environ["TWILIO_ACCOUNT_SID"], os.environ["TWILIO_AUTH_TOKEN"], http_client=RedirectedHttpClient()
    )
    message = client.messages.create(
        to=nurse["phone"],
        from_=os.environ["TWILIO_FROM_NUMBER"],
        body=f"🚨 New {task['severity']} task: {', '.join(task['reason_codes'])}\n"
        f"Priority: {task['priority']}\n"
        f"Ep ID: {task['episode_id'][:8]}...\n"
        f"View: https://app.sequora.com/tasks/{task['id']}",
    )
    return str(message.sid)


@op(retry_policy=RETRIES)
def log_notification(task: dict[str, Any], nurse: dict[str, Any], sid: str) -> None:  # noqa: ARG001  # it orders the ops
    """Write the application's log."""
    execute(
        """INSERT INTO "NotificationLog" (task_id, nurse_id, method, status, sent_at)
        VALUES (%s, %s, 'SMS', 'SENT', now())""",
        task["id"],
        nurse["id"],
    )


@job
def notify_nurse_task() -> None:
    """Text the assigned nurse about a new task."""
    task = fetch_task()
    nurse = fetch_nurse(task)
    log_notification(task, nurse, send_sms(task, nurse))


@sensor(job=notify_nurse_task, minimum_interval_seconds=5, default_status=DefaultSensorStatus.RUNNING)
def new_escalation_tasks(context: SensorEvaluationContext) -> SensorResult:
    """Launch a run for each task that was created after the last one seen."""
    rows = execute(
        'SELECT id::text, created_at::text FROM "EscalationTask" WHERE created_at > %s::timestamptz'
        " ORDER BY created_at",
        context.cursor or BEFORE_EVERYTHING,
    )
    return SensorResult(
        run_requests=[
            RunRequest(run_key=task_id, run_config=RunConfig({"fetch_task": TaskConfig(task_id=task_id)}))
            for task_id, _ in rows
        ],
        cursor=rows[-1][1] if rows else context.cursor,
    )


defs = Definitions(jobs=[notify_nurse_task], sensors=[new_escalation_tasks])
