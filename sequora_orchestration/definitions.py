"""The table of contents: every job, sensor, schedule, asset and resource. Nothing is read or connected here."""

from dagster import Definitions, in_process_executor

from sequora_orchestration.assets.catalog import SLA_SCANS
from sequora_orchestration.assets.figures import figures, measure_figures
from sequora_orchestration.assets.reconciliation import reconcile_texts, reconciliation
from sequora_orchestration.jobs.assign_tasks import assign_tasks
from sequora_orchestration.jobs.call_nurse import call_nurse
from sequora_orchestration.jobs.certainty import follow_receipts, settle_doubtful_texts
from sequora_orchestration.jobs.check_in import schedule_check_in, send_check_in
from sequora_orchestration.jobs.delete_what_is_over import delete_what_is_over
from sequora_orchestration.jobs.follow_replies import follow_replies
from sequora_orchestration.jobs.hand_over import hand_over
from sequora_orchestration.jobs.notify_nurse_task import notify_nurse_task
from sequora_orchestration.jobs.report_unreached_nurse import report_unreached_nurse
from sequora_orchestration.jobs.send_canary import send_canary
from sequora_orchestration.jobs.send_digest import send_digest
from sequora_orchestration.jobs.sla_breach import escalate_sla_breach, handle_sla_breach
from sequora_orchestration.jobs.sla_warning import check_sla_warnings
from sequora_orchestration.resources import (
    AlarmResource,
    AssignerResource,
    DeliveryResource,
    InstrumentsResource,
    LedgerResource,
    ReconcilerResource,
)
from sequora_orchestration.schedules.deletion import every_quarter_of_the_night
from sequora_orchestration.schedules.figures import figures_every_five_minutes
from sequora_orchestration.schedules.reconciliation import reconciliation_every_night
from sequora_orchestration.schedules.sla_warnings import every_five_minutes
from sequora_orchestration.sensors.canaries import canaries
from sequora_orchestration.sensors.certainty import doubtful_texts, texts_without_receipt
from sequora_orchestration.sensors.check_ins import due_check_ins, new_episodes
from sequora_orchestration.sensors.due_digests import due_digests
from sequora_orchestration.sensors.failed_runs import failed_runs
from sequora_orchestration.sensors.new_escalation_tasks import new_escalation_tasks
from sequora_orchestration.sensors.nurses_not_reached_by_text import nurses_not_reached_by_text
from sequora_orchestration.sensors.open_tasks import sla_breaches, unanswered_breaches, unreached_nurses
from sequora_orchestration.sensors.replies import handed_over_tasks, replies
from sequora_orchestration.sensors.unassigned_tasks import unassigned_tasks

# Those without which somebody is not told.
NOTICING = [
    new_escalation_tasks,
    due_digests,
    new_episodes,
    due_check_ins,
    sla_breaches,
    unanswered_breaches,
    unreached_nurses,
    nurses_not_reached_by_text,
    unassigned_tasks,
    doubtful_texts,
    texts_without_receipt,
    replies,
    handed_over_tasks,
]
SENSORS = [*NOTICING, failed_runs, canaries]

defs = Definitions(
    jobs=[
        notify_nurse_task,
        schedule_check_in,
        send_check_in,
        check_sla_warnings,
        handle_sla_breach,
        escalate_sla_breach,
        report_unreached_nurse,
        call_nurse,
        send_digest,
        send_canary,
        assign_tasks,
        settle_doubtful_texts,
        follow_receipts,
        follow_replies,
        hand_over,
        delete_what_is_over,
        measure_figures,
        reconcile_texts,
    ],
    sensors=SENSORS,
    assets=[figures, reconciliation, SLA_SCANS],
    schedules=[
        every_five_minutes,
        figures_every_five_minutes,
        every_quarter_of_the_night,
        reconciliation_every_night,
    ],
    resources={
        "ledger": LedgerResource(),
        "delivery": DeliveryResource(),
        "assigner": AssignerResource(),
        "alarm": AlarmResource(),
        "reconciler": ReconcilerResource(),
        "instruments": InstrumentsResource(sensors=[sensor.name for sensor in SENSORS]),
    },
    # A step is a few statements: a process for each would cost seconds.
    executor=in_process_executor,
)
