"""Notices texts of which it is not certain that they were sent, or that they arrived."""

from collections.abc import Sequence
from uuid import uuid4

from dagster import (
    DefaultSensorStatus,
    ResourceParam,
    RunRequest,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    sensor,
)

from sequora_orchestration.jobs.certainty import follow_receipts, settle_doubtful_texts
from sequora_orchestration.resources.ledger import Ledger
from sequora_orchestration.sensors.watch import keep_asking, length_of_watch, slow_to_fail


@sensor(
    job=settle_doubtful_texts,
    minimum_interval_seconds=1,
    default_status=DefaultSensorStatus.RUNNING,
    description="Notices texts in doubt and launches `settle_doubtful_texts`, which looks for them at the phone "
    "company.",
)
def doubtful_texts(context: SensorEvaluationContext, ledger: ResourceParam[Ledger]) -> SensorResult:
    """Set aside what processes have died of; take the texts in doubt that are to be looked up now."""

    def look() -> Sequence[Sequence[str]]:
        ledger.set_aside_what_died()
        return ledger.due_look_ups()

    with slow_to_fail():
        return _requested(keep_asking(look, seconds=length_of_watch(context)), "No text is in doubt.")


@sensor(
    job=follow_receipts,
    minimum_interval_seconds=15,
    default_status=DefaultSensorStatus.RUNNING,
    description="Notices texts that were sent and of which it is not known whether they arrived, and launches "
    "`follow_receipts`, which asks the phone company; again and again, for a day.",
)
def texts_without_receipt(ledger: ResourceParam[Ledger]) -> SensorResult:
    """Take the texts that are to be asked after now."""
    return _requested(ledger.due_receipts(), "No receipt is to be asked for.")


def _requested(batches: Sequence[Sequence[str]], nothing: str) -> SensorResult:
    """Return a run for each batch of messages. Should one be lost, its messages are due again later."""
    if not batches:
        return SensorResult(skip_reason=SkipReason(nothing))
    return SensorResult(
        run_requests=[
            RunRequest(
                run_key=str(uuid4()),
                run_config={"notification_ids": list(ids)},
                tags={"sequora/batch": str(len(ids))},
            )
            for ids in batches
        ]
    )
