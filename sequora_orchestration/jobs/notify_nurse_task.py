"""The main job: a new task texts its nurse."""

from dagster import job

from sequora_orchestration.jobs.steps import finding_recipients, log_notification, reading, send_sms, work_on
from sequora_orchestration.messages.task_created import NEW_TASKS

fetch_task = reading(
    "fetch_task", "Read the tasks. One that is closed, gone, reassigned or nobody's ends here, with the reason."
)
fetch_nurse = finding_recipients(
    "fetch_nurse",
    "Read the assigned nurses. One who is missing, inactive or without a usable phone ends here, with the reason.",
)


@job(config=work_on(NEW_TASKS, fetch_task, send_sms, log_notification))
def notify_nurse_task() -> None:
    """Text the assigned nurse about a new task: fetch task, fetch nurse, send SMS, log.

    Launched by the sensor `new_escalation_tasks`. By hand: give `task_ids`; their nurses are texted unless they
    have been told already. Executing a run again texts nobody twice.
    """
    log_notification(send_sms(fetch_nurse(fetch_task())))
