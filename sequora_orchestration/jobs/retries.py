"""How a step is tried again, and whose claim its run works on."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from dagster import Backoff, Failure, OpExecutionContext, RetryPolicy, RetryRequested
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from sequora_orchestration.database import SchemaMissingError
from sequora_orchestration.delivery.delivery import WAITS, Delivery
from sequora_orchestration.delivery.send import SenderUnusableError
from sequora_orchestration.settings.environment import SettingError

# The retries as the UI shows them. Dagster's own waits would be 1, 3 and 7 s, not the 1, 2 and 4 s we promise, so
# `retried` asks for those itself.
RETRIES = RetryPolicy(max_retries=len(WAITS), delay=1, backoff=Backoff.EXPONENTIAL)

# Metadata of a failure that every other run would meet, too: what it is called, the same in every job.
CAUSE = "cause"

# Where Dagster keeps the run key of a sensor's request.
RUN_KEY_TAG = "dagster/run_key"


@contextmanager
def retried(context: OpExecutionContext, delivery: Delivery | None = None, *, of: str | None = None) -> Iterator[None]:
    """Let an op be tried again after 1, 2 and 4 s, unless another try cannot help.

    A failed step is no sign of poison: the process lived. So after the last try that is noted in the ledger, for the
    claim's messages, or for the one with the id `of` (its own, or its task's).
    """
    try:
        yield
    except (SchemaMissingError, SenderUnusableError, SettingError) as error:
        _note_step_failed(context, delivery, of)
        raise Failure(str(error), metadata={CAUSE: _cause(error)}, allow_retries=False) from None
    except (Failure, RetryRequested):
        raise
    except Exception as error:
        if context.retry_number == len(WAITS):
            _note_step_failed(context, delivery, of)
        raise try_again(context) from error


def _cause(error: SchemaMissingError | SenderUnusableError | SettingError) -> str:
    """Return what a failure is called: the alarm of one channel's outage must not hide another's."""
    name = type(error).__name__
    return f"{name} of {error.channel}" if isinstance(error, SenderUnusableError) else name


def _note_step_failed(context: OpExecutionContext, delivery: Delivery | None, of: str | None) -> None:
    if delivery:
        with suppress(DBAPIError, PoolTimeout, SchemaMissingError):
            delivery.ledger.leases.note_step_failed(claim_of(context), of=of)


def try_again(context: OpExecutionContext) -> RetryRequested:
    """Return the exception with which an op asks to be tried again, after the wait that is due."""
    return RetryRequested(max_retries=len(WAITS), seconds_to_wait=WAITS[min(context.retry_number, len(WAITS) - 1)])


def claim_of(context: OpExecutionContext) -> str:
    """Return the claim whose rows this run works on: a sensor's, which is the run's key, or one of the run's own."""
    claim_id = context.run.tags.get(RUN_KEY_TAG)
    return claim_id if claim_id and context.run.parent_run_id is None else context.run_id


def is_launched_by_hand(context: OpExecutionContext) -> bool:
    """Return whether a person has launched this run for its ids: no sensor did, and it repeats no other run."""
    return RUN_KEY_TAG not in context.run.tags and context.run.parent_run_id is None
