"""The digest: one text to a nurse in place of many about new tasks."""

from dagster import job

from sequora_orchestration.jobs.steps import finding_recipients, log_notification, reading, send_sms, work_on
from sequora_orchestration.messages.task_digest import DUE_DIGESTS

fetch_digest = reading(
    "fetch_digest",
    "Read the digests' tasks. One that is closed, gone or reassigned is not counted; a digest without one ends here.",
)
fetch_digest_nurse = finding_recipients(
    "fetch_digest_nurse",
    "Read the nurses. One who is missing, inactive or without a usable phone ends here, with the reason.",
)


@job(config=work_on(DUE_DIGESTS, fetch_digest, send_sms, log_notification))
def send_digest() -> None:
    """Text a nurse once about all the new tasks that were gathered for her: fetch digest, fetch nurse, send SMS, log.

    Launched by the sensor `due_digests`. By hand: give `notification_ids`, those of digests; they go out now instead of
    at their time.
    """
    log_notification(send_sms(fetch_digest_nurse(fetch_digest())))
