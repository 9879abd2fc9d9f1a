"""The reconciliation of a day with the phone company's list, as an asset with a check: read once a night.

Not here: the comparison (`domain/reconciliation.py`), and what is read for it (`delivery/reconcile.py`).
"""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from dagster import (
    MAX_RUNTIME_SECONDS_TAG,
    AssetCheckResult,
    AssetCheckSeverity,
    AssetExecutionContext,
    Config,
    Failure,
    MaterializeResult,
    MetadataValue,
    ResourceParam,
    TableRecord,
    asset,
    config_mapping,
    define_asset_job,
)
from pydantic import Field

from sequora_orchestration.assets.catalog import RECONCILIATION, TEXTS_ARE_RECONCILED
from sequora_orchestration.assets.figures import LAST_IN_THE_BROKER
from sequora_orchestration.channels.channel import TooLongError, UnreadableError
from sequora_orchestration.delivery.reconcile import Reconciler
from sequora_orchestration.domain.reconciliation import (
    Likeness,
    NotLiveYetError,
    Orphan,
    Reconciliation,
    UnfitDayError,
    count_by_likeness,
    day_of,
)
from sequora_orchestration.domain.reconciliation_words import NAMED, complaints
from sequora_orchestration.domain.spell import counted
from sequora_orchestration.jobs.retries import CAUSE, RETRIES, retried

# How long a run may last, in place of the instance's ten minutes, which is for runs that send: the longest list that is
# read has 200 pages, a second or two for each, and may be begun four times.
LASTS = timedelta(hours=1)

# The phone company does not let us read: another try does not help.
_NOT_ALLOWED = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}


class Day(Config):
    """The day that a run reconciles."""

    day: str = Field(
        default="",
        description="A day that is over, by UTC, YYYY-MM-DD; leave it out for yesterday.",
        examples=["2026-01-31"],
    )


@config_mapping
def of_day(config: Day) -> dict[str, Any]:
    """Give the step its day."""
    return {"ops": {"reconciliation": {"config": config.model_dump()}}}


@asset(
    key=RECONCILIATION.key,
    group_name=RECONCILIATION.group_name,
    kinds=RECONCILIATION.kinds,
    description=RECONCILIATION.description,
    freshness_policy=RECONCILIATION.freshness_policy,
    check_specs=[TEXTS_ARE_RECONCILED],
    retry_policy=RETRIES,
)
def reconciliation(
    context: AssetExecutionContext, config: Day, reconciler: ResourceParam[Reconciler]
) -> Iterator[MaterializeResult[None]]:
    """Compare a day of the phone company's list with the ledger; report each unknown text once."""
    with retried(context.op_execution_context):
        try:
            found = reconciler.reconcile(day_of(config.day) if config.day else None)
        except NotLiveYetError as error:
            yield nothing_yet(error)
            return
        except (UnfitDayError, TooLongError) as error:
            raise Failure(str(error), allow_retries=False) from None
        except UnreadableError as error:
            if error.http_status not in _NOT_ALLOWED:
                raise
            raise Failure(str(error), metadata={CAUSE: type(error).__name__}, allow_retries=False) from None
    yield reported(found)
    # Not before: whoever dies in between reports a text twice, rather than never.
    with retried(context.op_execution_context):
        reconciler.note(found)


reconcile_texts = define_asset_job(
    "reconcile_texts",
    selection=[reconciliation],
    config=of_day,
    tags={**LAST_IN_THE_BROKER, MAX_RUNTIME_SECONDS_TAG: f"{LASTS.total_seconds():.0f}"},
    description="Compare a day's texts with the phone company's list. Launched once a night for the day before. By "
    "hand: as it is, or with `day`.",
)


def reported(found: Reconciliation) -> MaterializeResult[None]:
    """Return a reconciliation as it is plotted, and whether all is well."""
    counts, tallies = count_by_likeness(found.orphans), found.tallies.values()
    currencies = sorted({currency for one in tallies for currency in one.prices})
    metadata: dict[str, Any] = {
        "day": found.day.isoformat(),
        "texts": found.texts,
        "segments": sum(one.segments for one in tallies),
        **{f"price, {currency}": float(sum(one.prices.get(currency, 0) for one in tallies)) for currency in currencies},
        "without a price": sum(one.unpriced for one in tallies),
        "unknown, doubled": counts[Likeness.DOUBLED],
        "unknown, like ours": counts[Likeness.OURS],
        "unknown, other": counts[Likeness.OTHER],
        "unknown, not reported before": len(found.new),
        "missing": len(found.missing),
        "another fate": len(found.differing),
        "the log owes": found.log_owes_rows + found.log_owes_receipts,
        "webhooks' answers": found.answers,
    }
    if found.tallies:
        metadata["by kind"] = _by_kind(found)
    if found.orphans:
        metadata["unknown texts"] = _orphans(found.orphans)
    return MaterializeResult(asset_key=RECONCILIATION.key, metadata=metadata, check_results=[_checked(found)])


def nothing_yet(error: NotLiveYetError) -> MaterializeResult[None]:
    """Return what the first night shows: no figure, and a green check that says why."""
    checked = AssetCheckResult(
        asset_key=RECONCILIATION.key, check_name=TEXTS_ARE_RECONCILED.name, passed=True, description=str(error)
    )
    return MaterializeResult(
        asset_key=RECONCILIATION.key, metadata={"day": error.day.isoformat()}, check_results=[checked]
    )


def _checked(found: Reconciliation) -> AssetCheckResult:
    told = complaints(found)
    is_serious = any(one.is_serious for one in told)
    before = len(found.orphans) - len(found.new)
    return AssetCheckResult(
        asset_key=RECONCILIATION.key,
        check_name=TEXTS_ARE_RECONCILED.name,
        passed=not told,
        severity=AssetCheckSeverity.ERROR if is_serious else AssetCheckSeverity.WARN,
        description=f"{found.day}: "
        + ("\n\n".join(one.sentence for one in told) or "the phone company and the ledger agree")
        + (f"\n\nReported before, and not again: {counted(before, 'unknown text')}" if before else ""),
    )


def _by_kind(found: Reconciliation) -> Any:
    return _table(
        [
            {
                "kind": kind,
                "texts": tally.texts,
                "segments": tally.segments,
                "price": ", ".join(f"{amount} {currency}" for currency, amount in sorted(tally.prices.items())),
                "without a price": tally.unpriced,
            }
            for kind, tally in sorted(found.tallies.items())
        ]
    )


def _orphans(orphans: Sequence[Orphan]) -> Any:
    """Return a table of the first of each likeness: ids, no numbers."""
    some = [one for likeness in Likeness for one in [o for o in orphans if o.likeness is likeness][:NAMED]]
    return _table(
        [
            {
                "SID": one.provider_id,
                "like": one.likeness.value,
                "sent": f"{one.at:%Y-%m-%d %H:%M:%S} UTC",
                "status": one.status,
                "message": one.message_id or "",
                "reported before": f"{one.reported_at:%Y-%m-%d %H:%M}" if one.reported_at else "",
            }
            for one in some
        ]
    )


def _table(records: list[dict[str, str | int]]) -> Any:
    return MetadataValue.table([TableRecord(record) for record in records])
