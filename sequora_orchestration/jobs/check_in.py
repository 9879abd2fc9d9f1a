"""The check-in on a patient after the hospital: scheduled when the episode appears, sent when it falls due.

The 24 hours in between are a row in the ledger that waits, not a run that sleeps.
"""

from dagster import In, Nothing, OpExecutionContext, Out, ResourceParam, job, op

from sequora_orchestration.delivery.delivery import Delivery
from sequora_orchestration.delivery.prepare import schedule_check_ins
from sequora_orchestration.jobs.reports import each
from sequora_orchestration.jobs.retries import RETRIES, claim_of, retried
from sequora_orchestration.jobs.steps import (
    Work,
    claim_by_name,
    finding_recipients,
    log_notification,
    reading,
    report_story,
    send_sms,
    work_on,
)
from sequora_orchestration.messages.check_in import DUE_CHECK_INS, NEW_EPISODES

fetch_episode = reading("fetch_episode", "Read the episodes. One that is gone ends here, with the reason.")
fetch_check_in = reading(
    "fetch_check_in",
    "Read the check-ins. One whose episode is gone, or that is a day late, ends here, with the reason.",
)
fetch_patient = finding_recipients(
    "fetch_patient",
    "Read the patients. When it is to be sent: a check-in on one who is gone, opted out or without a usable phone ends "
    "here, and at night it is moved to the morning, with the reason.",
)


@op(ins={"found": In(Nothing)}, out=Out(Nothing), retry_policy=RETRIES)
def schedule_check_in_text(context: OpExecutionContext, config: Work, delivery: ResourceParam[Delivery]) -> None:
    """Schedule each check-in for the time when it is due: after the delay, by day where the patient is."""
    with retried(context, delivery):
        claim_by_name(context, config, delivery)
        scheduled = schedule_check_ins(delivery, delivery.ledger.leases.take_up(claim_of(context), context.run_id))
        for one, when in scheduled:
            if not when.is_in_window:
                context.log.warning(f"{one.subject}: {when.reason}")
        records = [
            {
                "episode": one.episode_id or "",
                "due": when.due_at.isoformat(timespec="seconds"),
                "why then": when.reason,
                "patient's time zone": "known" if when.zone else "not known",
                "in time for a first contact": "yes" if when.is_in_window else "no",
            }
            for one, when in scheduled
        ]
        context.add_output_metadata({"scheduled": len(scheduled), **each(records)})
        report_story(context, config.ids, delivery)


@job(config=work_on(NEW_EPISODES, fetch_episode, schedule_check_in_text))
def schedule_check_in() -> None:
    """Schedule the check-in on a patient who has left hospital: fetch episode, fetch patient, schedule the text.

    Launched by the sensor `new_episodes`. By hand: give `episode_ids`; what is scheduled or sent already stays so.
    """
    schedule_check_in_text(fetch_patient(fetch_episode()))


@job(config=work_on(DUE_CHECK_INS, fetch_check_in, send_sms, log_notification))
def send_check_in() -> None:
    """Text a patient whose check-in is due: fetch check-in, fetch patient, send SMS, log.

    Launched by the sensor `due_check_ins`. By hand: give `episode_ids`; their check-ins go out now instead of at
    their time, though never at night where the patient is, and never twice.
    """
    log_notification(send_sms(fetch_patient(fetch_check_in())))
