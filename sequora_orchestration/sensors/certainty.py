"""Notices texts in doubt, and texts without a receipt."""

from collections.abc import Sequence
from uuid import uuid4

from dagster import (
    DagsterInstance,
    DefaultSensorStatus,
    ResourceParam,
    RunRequest,
    RunsFilter,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    sensor,
)

from sequora_orchestration.jobs.certainty import follow_receipts, settle_doubtful_texts
from sequora_orchestration.jobs.retries import (
    RUN_KEY_TAG,
)
from sequora_orchestration.ledger.ledger import Ledger
from sequora_orchestration.sensors.preview import is_preview, previewed
from sequora_orchestration.sensors.watch import keep_asking, length_of_watch, not_more_often, slow_to_fail

# Seconds by which a look may come late. The first looks are a few seconds apart, and if the text did not go out, each
# second until the last look is a second of silence.
PAUSE_BETWEEN_LOOKS = 0.5


@sensor(
    job=settle_doubtful_texts,
    minimum_interval_seconds=1,
    default_status=DefaultSensorStatus.RUNNING,
    description="Notices texts in doubt and launches `settle_doubtful_texts`, which looks for them at the phone "
    "company.",
)
def doubtful_texts(context: SensorEvaluationContext, ledger: ResourceParam[Ledger]) -> SensorResult:
    """Set messages aside that processes have died of; request runs for the texts in doubt whose look-up is due."""
    if is_preview(context):
        return _previewed("texts in doubt that are due to be looked up", ledger.rehearsal().doubts.due_look_ups())

    def set_aside() -> None:
        ledger.doubts.set_aside_what_died()
        give_back_what_has_no_run(ledger, context.instance)

    set_aside_now_and_then = not_more_often(set_aside)

    def look() -> Sequence[Sequence[str]]:
        set_aside_now_and_then()
        return ledger.doubts.due_look_ups()

    with slow_to_fail():
        ledger.owed.note_terms()
        return _requested(
            keep_asking(look, seconds=length_of_watch(context), pause=PAUSE_BETWEEN_LOOKS), "No text is in doubt."
        )


def give_back_what_has_no_run(ledger: Ledger, instance: DagsterInstance) -> None:
    """Give back claims whose runs the daemon could not hand in, because Dagster's database or the daemon was away.

    Else their messages would wait until the lease runs out, and each lease is longer than the one before.
    """
    claims = ledger.leases.claims_not_taken_up()
    if claims:
        runs = [*instance.get_runs(RunsFilter(tags={RUN_KEY_TAG: claims})), *instance.get_runs(RunsFilter(claims))]
        # A run that a person or a schedule launched claims for itself: its claim has the run's own id.
        have_a_run = {run.tags.get(RUN_KEY_TAG) for run in runs} | {run.run_id for run in runs}
        ledger.leases.give_back_claims([claim for claim in claims if claim not in have_a_run])


@sensor(
    job=follow_receipts,
    minimum_interval_seconds=15,
    default_status=DefaultSensorStatus.RUNNING,
    description="Notices texts that were sent and of which it is not known whether they arrived, and launches "
    "`follow_receipts`, which asks the phone company; again and again, for a day.",
)
def texts_without_receipt(context: SensorEvaluationContext, ledger: ResourceParam[Ledger]) -> SensorResult:
    """Request runs for the texts whose receipts are to be asked for now."""
    if is_preview(context):
        return _previewed("texts whose receipt is due to be asked for", ledger.rehearsal().receipts.due_receipts())
    return _requested(keep_asking(ledger.receipts.due_receipts, seconds=0), "No receipt is to be asked for.")


def _previewed(what: str, batches: Sequence[Sequence[str]]) -> SensorResult:
    return previewed(what, [id_ for batch in batches for id_ in batch], runs=len(batches))


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
