"""Makes sure that a text was sent once, and that it arrived: looks up texts in doubt, and asks for receipts."""

from contextlib import suppress
from typing import Any

from dagster import Config, Nothing, OpExecutionContext, Out, ResourceParam, config_mapping, job, op
from pydantic import Field
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from sequora_orchestration.database import ViewsDroppedError
from sequora_orchestration.delivery.delivery import Delivery
from sequora_orchestration.delivery.follow_up import follow
from sequora_orchestration.delivery.log import log_owed_after
from sequora_orchestration.delivery.look_up import look_up
from sequora_orchestration.domain.ledger_state import State
from sequora_orchestration.domain.notification import noun_of
from sequora_orchestration.jobs.reports import each
from sequora_orchestration.jobs.retries import RETRIES, retried
from sequora_orchestration.jobs.steps import make_up_log_rows


class Doubtful(Config):
    """The messages that a run looks up."""

    notification_ids: list[str] = Field(
        default=[], description="Ids of messages in the ledger; leave them out to look up everything that is in doubt."
    )


class ToFollow(Config):
    """The messages whose receipts a run asks for."""

    notification_ids: list[str] = Field(description="Ids of messages in the ledger.", min_length=1)


@config_mapping
def doubtful(config: Doubtful) -> dict[str, Any]:
    """Give the step its ids."""
    return {"ops": {look_up_texts.name: {"config": config.model_dump()}}}


@config_mapping
def followed(config: ToFollow) -> dict[str, Any]:
    """Give the step its ids."""
    return {"ops": {fetch_receipts.name: {"config": config.model_dump()}}}


@op(out=Out(Nothing), retry_policy=RETRIES)
def look_up_texts(context: OpExecutionContext, config: Doubtful, delivery: ResourceParam[Delivery]) -> None:
    """Look for texts in doubt in the phone company's list.

    Found, its id there is adopted. Not found when the window is over, a text to staff is sent again, and one to a
    patient is held for a person. A text that was sent again is looked for a few times more: if it is found late, two
    texts went out, and that is recorded.
    """
    with retried(context):
        ledger, ids = delivery.ledger, config.notification_ids
        in_doubt = ledger.doubts.in_doubt(ids)
        try:
            outcomes = look_up(delivery, in_doubt, ledger.lost_attempts.sought(ids))
        except ViewsDroppedError as error:  # somebody dropped them on purpose; while they are gone no number is known
            ledger.doubts.look_later(in_doubt)
            context.log.warning(f"{error}; {len(in_doubt)} texts stay in doubt")
            return
        for one, outcome in outcomes:
            context.log.info(f"{one.subject}: {outcome.state}: {outcome.reason}")
        records = [
            {"message": one.message_id, "kind": one.kind, "state": outcome.state.value, "reason": outcome.reason}
            for one, outcome in outcomes
        ]
        context.add_output_metadata({"looked up": len(outcomes), **each(records)})
        with suppress(DBAPIError, PoolTimeout):  # a row that is still refused is a line in the run's log
            make_up_log_rows(
                context, delivery, ledger.application_log.log_owed_of([one.message_id for one, _ in outcomes])
            )


@op(out=Out(Nothing), retry_policy=RETRIES)
def fetch_receipts(context: OpExecutionContext, config: ToFollow, delivery: ResourceParam[Delivery]) -> None:
    """Ask the phone company whether texts were delivered.

    An undelivered text is tried once more if that is worth it; if it was a nurse's, a supervisor is told.
    """
    with retried(context):
        asked = delivery.ledger.receipts.without_receipt(config.notification_ids)
        followed = follow(delivery, asked)
        for channel, error in followed.unreadable.items():
            context.log.warning(f"{error}; {noun_of(channel)}s are asked about again later")
        for text, is_given_up in followed.unknown:
            then = "its receipt is given up" if is_given_up else "asked again later"
            noun = noun_of(text.channel)
            context.log.warning(f"the phone company does not know the {noun} {text.provider_id}; {then}")
        records = [
            {"message": text.id, "kind": text.kind, "state": receipt.state.value, "reason": receipt.reason or ""}
            for text, receipt in followed.receipts
        ]
        records += [
            {
                "message": text.id,
                "kind": text.kind,
                "state": State.SENT.value,
                "reason": "not known to the phone company",
            }
            for text, _ in followed.unknown
        ]
        context.add_output_metadata({"asked": len(asked), "known": len(followed.receipts), **each(records)})
        # A run may have died before it wrote the log's rows. A row that is still refused is a line in this run's log.
        with suppress(DBAPIError, PoolTimeout):
            make_up_log_rows(context, delivery, log_owed_after(delivery, [text.id for text in asked]))


@job(config=doubtful)
def settle_doubtful_texts() -> None:
    """Find out whether texts in doubt were sent.

    Launched by the sensor `doubtful_texts`. By hand: as it is for everything in doubt, or with `notification_ids`; a
    text that the phone company has is not sent again.
    """
    look_up_texts()


@job(config=followed)
def follow_receipts() -> None:
    """Find out whether texts arrived.

    Launched by the sensor `texts_without_receipt`. By hand: give `notification_ids`.
    """
    fetch_receipts()
