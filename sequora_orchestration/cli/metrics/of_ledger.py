"""The ledger's metrics: what went out, what waits, and what keeps messages back."""

from collections import Counter
from collections.abc import Iterable, Iterator

from prometheus_client.core import Metric

from sequora_orchestration.cli.metrics import catalog
from sequora_orchestration.cli.metrics.catalog import BOUNDS, OTHER, among
from sequora_orchestration.domain.canary import Canaries, overdue
from sequora_orchestration.domain.halts import Pause, Provider
from sequora_orchestration.domain.health import longest_doubt
from sequora_orchestration.domain.last_reconciled import LastReconciled
from sequora_orchestration.domain.notification import SMS, VOICE
from sequora_orchestration.domain.receipts import CODES
from sequora_orchestration.domain.reconciliation import span_of
from sequora_orchestration.ledger.ledger import open_ledger
from sequora_orchestration.ledger.measurements import Backlog, Deliveries, TextLatency, open_measurements
from sequora_orchestration.ledger.tallies import UNDER_WAY, Tallies
from sequora_orchestration.messages.kinds import KINDS
from sequora_orchestration.settings.alarms import CanarySettings
from sequora_orchestration.settings.delivery import DeliverySettings

CHANNELS = (SMS, VOICE)

# The code of a text that did not arrive, where the phone company gave none.
NO_CODE = "none"


def of_ledger() -> Iterator[Metric]:
    """Read the ledger. Raises SettingError, SchemaMissingError and the database's errors."""
    ledger, measurements = open_ledger(), open_measurements()
    yield from _of_tallies(ledger.tallies)
    yield from _of_latency(measurements.text_latency())
    yield from _of_deliveries(measurements.deliveries())
    yield from _of_backlog(measurements.backlog())
    yield from _of_providers(ledger.halts.providers().values())
    yield from _of_pauses(ledger.halts.pauses())
    if CanarySettings.load().is_on:
        yield from _of_canaries(measurements.canaries())
    yield from _of_reconciliation(ledger.reconciliations.last())


def _of_tallies(tallies: Tallies) -> Iterator[Metric]:
    sent = tallies.sent_today(BOUNDS)
    yield catalog.latencies({severity or OTHER: one for severity, one in sent.new_tasks.items()})
    by_kind = Counter(dict.fromkeys(KINDS, 0))
    for kind, count in sent.by_kind.items():
        by_kind[among(KINDS, kind)] += count
    yield catalog.MESSAGES_SENT.of({(kind,): count for kind, count in by_kind.items()})
    under_way = tallies.under_way(KINDS)
    yield catalog.UNDER_WAY.of(
        {(kind, state): under_way.get((kind, state), 0) for kind in KINDS for state in UNDER_WAY}
    )
    amiss = tallies.amiss()
    yield catalog.TEXTS_DOUBLED.at(amiss.doubled)
    yield catalog.TEXTS_LATE.at(amiss.late)
    yield catalog.SET_ASIDE.at(amiss.set_aside)


def _of_latency(latency: TextLatency) -> Iterator[Metric]:
    percentiles = {
        ("sent", "50"): latency.p50,
        ("sent", "95"): latency.p95,
        ("delivered", "50"): latency.delivered_p50,
        ("delivered", "95"): latency.delivered_p95,
    }
    yield catalog.NEW_TASK_LAST_HOUR.of({labels: one for labels, one in percentiles.items() if one is not None})
    yield catalog.IN_TIME.at(latency.share_inside)


def _of_deliveries(deliveries: Deliveries) -> Iterator[Metric]:
    yield catalog.TEXTS_SENT.at(deliveries.sent)
    yield catalog.TEXTS_DELIVERED.at(deliveries.delivered)
    yield catalog.TEXTS_FAILED.at(deliveries.failed)
    by_code = Counter(dict.fromkeys((*map(str, CODES), NO_CODE, OTHER), 0))
    for code, count in deliveries.undelivered.items():
        by_code[among(by_code, str(code) if code else NO_CODE)] += count
    yield catalog.TEXTS_UNDELIVERED.of({(code,): count for code, count in by_code.items()})
    yield catalog.LONGEST_DOUBT.at(deliveries.longest_doubt or 0.0)
    window = DeliverySettings.load().sequora_doubt_window
    yield catalog.DOUBT_LIMIT.at(longest_doubt(window).total_seconds())


def _of_backlog(backlog: Backlog) -> Iterator[Metric]:
    yield catalog.DUE.at(backlog.due)
    yield catalog.DUE_PAUSED.at(backlog.paused)
    yield catalog.OLDEST_DUE_AGE.at(backlog.oldest_due or 0.0)
    yield catalog.WAITS_FOR_RATE.at(backlog.pace.explains_waiting)


def _of_providers(providers: Iterable[Provider]) -> Iterator[Metric]:
    """Yield the breakers, and whether receipts can be read; a channel that was never used is well."""
    is_open, is_readable = dict.fromkeys(CHANNELS, False), dict.fromkeys(CHANNELS, True)
    for one in providers:
        channel = among(CHANNELS, one.channel)
        is_open[channel] = one.keeps_messages_back or is_open.get(channel, False)
        is_readable[channel] = one.unreadable_since is None and is_readable.get(channel, True)
    yield catalog.BREAKER_OPEN.of({(channel,): one for channel, one in is_open.items()})
    yield catalog.LIST_READABLE.of({(channel,): one for channel, one in is_readable.items()})


def _of_pauses(pauses: list[Pause]) -> Iterator[Metric]:
    yield catalog.PAUSED.of({(kind,): any(one.is_about(kind) for one in pauses) for kind in KINDS})


def _of_canaries(seen: Canaries) -> Iterator[Metric]:
    last = seen.last_arrived
    yield catalog.CANARY_AGE.at((seen.now - last.hour).total_seconds() if last else None)
    yield catalog.CANARY_OVERDUE.at(overdue(seen) is not None)


def _of_reconciliation(last: LastReconciled | None) -> Iterator[Metric]:
    if last is None:
        yield catalog.RECONCILED_AT.at(0)
        yield catalog.RECONCILIATION.empty
        return
    began, _ = span_of(last.day)
    yield catalog.RECONCILED_AT.at(began.timestamp())
    found = {
        "doubled": last.doubled,
        "like_ours": last.like_ours,
        "of_others": last.of_others,
        "missing": last.missing,
        "another_fate": last.differing,
        "log_owes": last.log_owes,
    }
    yield catalog.RECONCILIATION.of({(what,): count for what, count in found.items()})
