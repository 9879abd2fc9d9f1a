"""The canary: a test text to a number of our own, by the steps that a nurse's text goes."""

from dagster import job

from sequora_orchestration.jobs.steps import finding_recipients, log_notification, reading, send_sms, work_on
from sequora_orchestration.messages.canary import CANARIES

fetch_canary = reading("fetch_canary", "Read the test text. One that is late by an hour ends here: the next is owed.")
fetch_own_number = finding_recipients(
    "fetch_own_number", "Take the number from SEQUORA_CANARY_NUMBER. Where it is not set or not usable, it ends here."
)


@job(config=work_on(CANARIES, fetch_canary, send_sms, log_notification))
def send_canary() -> None:
    """Send a test text to a number of our own: fetch canary, fetch own number, send SMS, log.

    Launched by the sensor `canaries`, once an hour. By hand: give `notification_ids`, those of canaries that wait. To
    send another one, `sequora resend ID`. The application's log has no row of it.
    """
    log_notification(send_sms(fetch_own_number(fetch_canary())))
