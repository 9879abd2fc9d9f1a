"""The figures, and the checks on them: one job measures them all, in one step of a few cheap statements.

A red check says what to do, stops nothing and alarms nobody: a person looks at it. The heartbeat has rules of its own.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetExecutionContext,
    AssetKey,
    DagsterInstance,
    Failure,
    MaterializeResult,
    ResourceParam,
    define_asset_job,
    multi_asset,
)

from sequora_orchestration.assets.catalog import (
    BACKLOG,
    CANARY_ARRIVES,
    DELIVERIES,
    EVERY_NEW_TASK_IS_ANSWERED,
    EVERY_SENSOR_TICKS,
    NOTHING_IN_DOUBT_FOR_LONG,
    ON_CALL,
    SOMEBODY_TO_ESCALATE_TO,
    TEXT_LATENCY,
    TWILIO_CAN_BE_READ,
    TWILIO_TAKES_TEXTS,
)
from sequora_orchestration.assets.ticks import good_tick_ages
from sequora_orchestration.care.care_database import CareDatabase
from sequora_orchestration.database import SchemaMissingError
from sequora_orchestration.delivery.on_call import NOBODY, on_call
from sequora_orchestration.domain.canary import Overdue, overdue
from sequora_orchestration.domain.halts import Provider
from sequora_orchestration.domain.health import INSIDE, silent_sensors
from sequora_orchestration.jobs.retries import (
    CAUSE,
)
from sequora_orchestration.ledger.ledger import Ledger
from sequora_orchestration.ledger.measurements import (
    Backlog,
    Deliveries,
    Measurements,
    TextLatency,
)

# The last of the broker's priorities: figures are measured when nobody waits for a text. (In Redis 0 is the first, and
# runs without this tag have it.)
LAST_IN_THE_BROKER = {"dagster-celery/run_priority": "9"}

# The number of ids that a check about tasks names.
NAMED = 10


@dataclass(frozen=True, kw_only=True)
class Instruments:
    """The resources that the figures are read from."""

    measurements: Measurements
    ledger: Ledger
    care: CareDatabase
    sensors: list[str]
    longest_doubt: timedelta
    has_canary: bool = False
    """Whether test texts are sent."""


@multi_asset(
    specs=[TEXT_LATENCY, DELIVERIES, BACKLOG, ON_CALL],
    check_specs=[
        EVERY_NEW_TASK_IS_ANSWERED,
        EVERY_SENSOR_TICKS,
        NOTHING_IN_DOUBT_FOR_LONG,
        TWILIO_TAKES_TEXTS,
        TWILIO_CAN_BE_READ,
        CANARY_ARRIVES,
        SOMEBODY_TO_ESCALATE_TO,
    ],
)
def figures(
    context: AssetExecutionContext, instruments: ResourceParam[Instruments]
) -> Iterator[MaterializeResult[None]]:
    """Measure the system's state. It only reads."""
    try:
        yield from _measurements(instruments, context.instance)
    except SchemaMissingError as error:
        raise Failure(str(error), metadata={CAUSE: type(error).__name__}, allow_retries=False) from None


def _measurements(instruments: Instruments, instance: DagsterInstance) -> Iterator[MaterializeResult[None]]:
    measurements = instruments.measurements
    yield of_text_latency(measurements.text_latency())
    providers = instruments.ledger.halts.providers()
    yield of_deliveries(
        measurements.deliveries(),
        list(providers.values()),
        instruments.longest_doubt,
        canary=overdue(measurements.canaries()) if instruments.has_canary else None,
    )
    ticks = good_tick_ages(instance, instruments.sensors)
    yield of_backlog(measurements.backlog(), measurements.unanswered_tasks(), ticks)
    yield of_on_call([user.role for user in on_call(instruments.care, instruments.ledger)])


measure_figures = define_asset_job(
    "measure_figures",
    selection=[figures],
    tags=LAST_IN_THE_BROKER,
    description="Measure how well it goes: the figures and checks of the catalog. Launched every five minutes.",
)


def of_text_latency(latency: TextLatency) -> MaterializeResult[None]:
    """Return the latencies as they are plotted."""
    return _measured(
        TEXT_LATENCY.key,
        {
            "texts": latency.texts,
            "to text p50, s": latency.p50,
            "to text p95, s": latency.p95,
            "to delivered p50, s": latency.delivered_p50,
            "to delivered p95, s": latency.delivered_p95,
            f"inside {INSIDE.seconds} s, %": None if latency.share_inside is None else latency.share_inside * 100,
        },
    )


def of_deliveries(
    deliveries: Deliveries, providers: Sequence[Provider], longest: timedelta, *, canary: Overdue | None = None
) -> MaterializeResult[None]:
    """Return the deliveries as they are plotted, and whether all is well: none in doubt for longer than `longest`.

    `canary` is what is amiss with the test text that should have arrived.
    """
    doubt = deliveries.longest_doubt
    closed = next((one for one in providers if one.keeps_messages_back), None)
    unreadable = next((one for one in providers if one.unreadable_since), None)
    return _measured(
        DELIVERIES.key,
        {
            "sent": deliveries.sent,
            "delivered": deliveries.delivered,
            "undelivered": sum(deliveries.undelivered.values()),
            **{f"undelivered, code {code}": count for code, count in deliveries.undelivered.items()},
            "failed": deliveries.failed,
            "in doubt": deliveries.in_doubt,
            "longest in doubt, s": doubt,
            "held": deliveries.held,
            "doubled": deliveries.doubled,
        },
        _checked(
            NOTHING_IN_DOUBT_FOR_LONG,
            f"a text has been in doubt for {doubt:.0f} s, of {deliveries.in_doubt} in doubt: see whether the sensor "
            "`doubtful_texts` ticks, why runs of `settle_doubtful_texts` fail, and whether Twilio's message list can "
            "be read; nothing is sent twice meanwhile"
            if doubt is not None and doubt > longest.total_seconds()
            else None,
        ),
        _checked(
            TWILIO_TAKES_TEXTS,
            f"the breaker is open: {closed.why_open}. {closed.noun.capitalize()} wait in the ledger, and one is tried "
            "again and again. Look at https://status.twilio.com and at the account; on bad credentials correct the "
            "TWILIO_… settings and restart the workers"
            if closed
            else None,
        ),
        _checked(
            TWILIO_CAN_BE_READ,
            f"since {unreadable.unreadable_since:%Y-%m-%d %H:%M:%S %Z} neither receipts nor {unreadable.noun} in doubt "
            f"can be asked for: {unreadable.why_unreadable}. Nobody is told of texts that do not arrive, and what is "
            "in doubt is HELD after an hour. Let the API key read messages and calls, or the proxy let GET requests "
            "through; `sequora doctor` tries it"
            if unreadable
            else None,
        ),
        _checked(CANARY_ARRIVES, canary.sentence if canary else None),
    )


def of_backlog(backlog: Backlog, unanswered: list[str], ticks: dict[str, float | None]) -> MaterializeResult[None]:
    """Return the backlog as it is plotted, and whether it is being worked on."""
    silent = silent_sensors(ticks)
    known = [age for age in ticks.values() if age is not None]
    return _measured(
        BACKLOG.key,
        {
            "due": backlog.due,
            "oldest due, s": backlog.oldest_due or 0.0,
            "paused": backlog.paused,
            "unanswered tasks": len(unanswered),
            "oldest tick, s": max(known, default=None),
        },
        _checked(
            EVERY_NEW_TASK_IS_ANSWERED,
            f"{len(unanswered)} open tasks have neither a text nor a reason for none, of them "
            f"{', '.join(unanswered[:NAMED])}: see whether the sensor `new_escalation_tasks` ticks, whether runs of "
            "`notify_nurse_task` wait or fail, and whether workers are up (`sequora doctor`); nurses must be told by "
            "other means until then"
            if unanswered and not backlog.pace.explains_waiting
            else None,
        ),
        _checked(
            EVERY_SENSOR_TICKS,
            f"no good tick of {', '.join(silent)}: start what is stopped (Automation in the UI), read the error of the "
            "last tick, and see whether daemon and code server are up"
            if silent
            else None,
        ),
    )


def of_on_call(roles: list[str | None]) -> MaterializeResult[None]:
    """Return how many people of each role can be told, and whether there is anybody at all."""
    return _measured(
        ON_CALL.key,
        {"supervisors": roles.count("SUPERVISOR"), "admins": roles.count("ADMIN")},
        _checked(
            SOMEBODY_TO_ESCALATE_TO,
            None if roles else f"{NOBODY}: give a supervisor a usable phone number in the application",
        ),
    )


def _measured(key: AssetKey, figures: dict[str, float | None], *checks: AssetCheckResult) -> MaterializeResult[None]:
    """Return a measurement, without the figures that are None."""
    known: dict[str, Any] = {
        name: round(figure, 3) if isinstance(figure, float) else figure
        for name, figure in figures.items()
        if figure is not None
    }
    return MaterializeResult(asset_key=key, metadata=known, check_results=checks)


def _checked(check: AssetCheckSpec, complaint: str | None) -> AssetCheckResult:
    """Return a check's result: red with what to do, or green."""
    return AssetCheckResult(
        asset_key=check.asset_key,
        check_name=check.name,
        passed=complaint is None,
        description=complaint,
        severity=AssetCheckSeverity.ERROR,
    )
