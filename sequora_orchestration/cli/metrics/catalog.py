"""Every metric, with its labels and its meaning. `docs/metrics.md` is made from it. Nothing is read here.

Each metric belongs to a source, and is missing from a scrape if that source could not be read: a figure that is not
known must not look like a good one. If it could be read, every label value is there, with 0 where there is nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from sequora_orchestration.domain.health import INSIDE, OLDEST_DUE, UNANSWERED_AFTER
from sequora_orchestration.ledger.tallies import Distribution

OTHER = "other"
"""Stands in a label for every value that this version does not know: labels must not grow without bound."""

BOUNDS = (
    0.1,
    0.2,
    0.3,  # a calm system: half of the texts within 0.12 s, nineteen of twenty within 0.3 s
    0.5,
    1.0,  # databases that are far away, or a loaded machine
    2.5,
    5.0,
    INSIDE.total_seconds(),  # the longest that a nurse should wait
    30.0,  # a claim that nobody takes up is made again
    UNANSWERED_AFTER.total_seconds(),  # a hole, and the window of a doubt
    120.0,
    OLDEST_DUE.total_seconds(),  # the heartbeat stops
    900.0,  # an outage
)
"""The bounds of the latency's buckets, in seconds: they rise. The times that something follows from are among them."""


class Source(StrEnum):
    """What the figures are read from."""

    LEDGER = "ledger"
    APPLICATION = "application"
    DAGSTER = "dagster"
    BROKER = "broker"


class Form(StrEnum):
    """What a metric is to Prometheus."""

    GAUGE = "gauge"
    COUNTER = "counter"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """A metric: its name, what it means, and which labels it has."""

    name: str
    meaning: str
    source: Source | None
    """None: it is there in every scrape."""

    form: Form = Form.GAUGE
    labels: tuple[str, ...] = ()

    @property
    def empty(self) -> Metric:
        """The metric without a value."""
        return latencies({}) if self.form is Form.HISTOGRAM else self.of({})

    def of(self, values: Mapping[tuple[str, ...], float]) -> Metric:
        """Return a gauge or counter with values, each under the values of its labels."""
        family = (CounterMetricFamily if self.form is Form.COUNTER else GaugeMetricFamily)(
            self.name, self.meaning, labels=self.labels
        )
        for labels, value in values.items():
            family.add_metric(labels, value)
        return family

    def at(self, value: float | None) -> Metric:
        """Return the metric, which has no labels, with a value; with None there is no value."""
        return self.of({} if value is None else {(): value})


def latencies(values: Mapping[str, Distribution]) -> Metric:
    """Return the histogram of the texts about new tasks, by severity, over BOUNDS."""
    family = HistogramMetricFamily(NEW_TASK_TEXT.name, NEW_TASK_TEXT.meaning, labels=NEW_TASK_TEXT.labels)
    for severity, one in values.items():
        buckets = [(str(bound), float(count)) for bound, count in zip(BOUNDS, one.within, strict=True)]
        family.add_metric([severity], [*buckets, ("+Inf", float(one.texts))], one.seconds)
    return family


def among(known: Iterable[str], value: str) -> str:
    """Return a label's value: OTHER if it is not among the known ones."""
    return value if value in known else OTHER


BUILD = Described(
    name="sequora_build_info",
    source=None,
    labels=("version",),
    meaning="Always 1; the version of this process is its label.",
)
SOURCE_UP = Described(
    name="sequora_source_up",
    source=None,
    labels=("source",),
    meaning="Whether the source could be read, in time (1) or not (0). If not, its metrics are missing.",
)
SOURCE_READ = Described(
    name="sequora_source_read_seconds",
    source=None,
    labels=("source",),
    meaning="How long it took to read the source. The broker takes a second, for it waits for the workers' answers.",
)

NEW_TASK_TEXT = Described(
    name="sequora_new_task_text_seconds",
    source=Source.LEDGER,
    form=Form.HISTOGRAM,
    labels=("severity",),
    meaning="How long nurses waited for the text about a new task: from when it was owed until the phone company took "
    "it. Begins again at midnight (UTC). What a digest told of does not count.",
)
MESSAGES_SENT = Described(
    name="sequora_messages_sent_total",
    source=Source.LEDGER,
    form=Form.COUNTER,
    labels=("kind",),
    meaning="Messages that the phone company took. Begins again at midnight (UTC).",
)
TEXTS_DOUBLED = Described(
    name="sequora_texts_doubled_total",
    source=Source.LEDGER,
    form=Form.COUNTER,
    meaning="Texts that were given up, sent again and then found: two went out. Begins again at midnight (UTC).",
)
NEW_TASK_LAST_HOUR = Described(
    name="sequora_new_task_last_hour_seconds",
    source=Source.LEDGER,
    labels=("until", "percentile"),
    meaning="The last hour's texts about new tasks, as in the catalog: how long they took until they were `sent`, and "
    "until they were known to be `delivered`; half (50) and nineteen of twenty (95) took no longer. Missing without "
    "texts.",
)
IN_TIME = Described(
    name="sequora_new_task_in_time_ratio",
    source=Source.LEDGER,
    meaning=f"The share, 0 to 1, of the last hour's texts about new tasks that were sent within {INSIDE.seconds} s, of "
    "all that were sent or should have been. Missing without texts.",
)
TEXTS_LATE = Described(
    name="sequora_new_task_texts_late",
    source=Source.LEDGER,
    meaning=f"Texts about new tasks that have waited for longer than {INSIDE.seconds} s and are not sent.",
)
TEXTS_SENT = Described(
    name="sequora_texts_sent_last_hour",
    source=Source.LEDGER,
    meaning="Texts that the phone company took in the last hour.",
)
TEXTS_DELIVERED = Described(
    name="sequora_texts_delivered_last_hour",
    source=Source.LEDGER,
    meaning="Those of them that are known to have arrived.",
)
TEXTS_UNDELIVERED = Described(
    name="sequora_texts_undelivered_last_hour",
    source=Source.LEDGER,
    labels=("code",),
    meaning="Those of them that did not arrive, by the phone company's code; `none` if it gave none.",
)
TEXTS_FAILED = Described(
    name="sequora_texts_failed_last_hour",
    source=Source.LEDGER,
    meaning="Texts of the last hour that were not sent, and are not tried again by themselves.",
)
UNDER_WAY = Described(
    name="sequora_messages_under_way",
    source=Source.LEDGER,
    labels=("kind", "state"),
    meaning="Messages that are not over, by kind and state. What is HELD waits for a person.",
)
SET_ASIDE = Described(
    name="sequora_messages_set_aside",
    source=Source.LEDGER,
    meaning="Messages that run after run died of within the last hour: they may be poison, and were set aside.",
)
DUE = Described(
    name="sequora_messages_due",
    source=Source.LEDGER,
    meaning="Messages that are due and not sent, but for those that an operator keeps back.",
)
DUE_PAUSED = Described(
    name="sequora_messages_due_paused",
    source=Source.LEDGER,
    meaning="Messages that are due, and kept back by an operator.",
)
OLDEST_DUE_AGE = Described(
    name="sequora_oldest_due_seconds",
    source=Source.LEDGER,
    meaning="For how long the oldest message that nobody keeps back has been due; 0 if none is.",
)
WAITS_FOR_RATE = Described(
    name="sequora_waits_for_sender_rate",
    source=Source.LEDGER,
    meaning="Whether messages wait because of SEQUORA_SENDER_RATE, while others go out (1), or for no such reason (0).",
)
LONGEST_DOUBT = Described(
    name="sequora_longest_doubt_seconds",
    source=Source.LEDGER,
    meaning="For how long the oldest text in doubt has been in doubt; 0 if none is.",
)
DOUBT_LIMIT = Described(
    name="sequora_doubt_limit_seconds",
    source=Source.LEDGER,
    meaning="For how long a text may be in doubt until somebody should look: it follows from SEQUORA_DOUBT_WINDOW.",
)
BREAKER_OPEN = Described(
    name="sequora_breaker_open",
    source=Source.LEDGER,
    labels=("channel",),
    meaning="Whether the phone company takes no messages of the channel (1), so that they wait.",
)
LIST_READABLE = Described(
    name="sequora_phone_company_readable",
    source=Source.LEDGER,
    labels=("channel",),
    meaning="Whether receipts and the phone company's list could be read when they were last asked for (1).",
)
PAUSED = Described(
    name="sequora_kind_paused",
    source=Source.LEDGER,
    labels=("kind",),
    meaning="Whether an operator keeps the messages of the kind back (1).",
)
CANARY_AGE = Described(
    name="sequora_canary_age_seconds",
    source=Source.LEDGER,
    meaning="How long ago the last test text was owed that has arrived (SEQUORA_CANARY_NUMBER). Missing where none is "
    "sent, or none has arrived in the last day.",
)
CANARY_OVERDUE = Described(
    name="sequora_canary_overdue",
    source=Source.LEDGER,
    meaning="Whether the test text that should have arrived has not (1), so that the heartbeat is silent. Missing "
    "where none is sent; 0 while an operator keeps them back.",
)

RECONCILED_AT = Described(
    name="sequora_reconciled_day_timestamp_seconds",
    source=Source.LEDGER,
    meaning="When the newest day (UTC) began whose texts were compared with the phone company's list; 0 if none was.",
)
RECONCILIATION = Described(
    name="sequora_reconciliation_texts",
    source=Source.LEDGER,
    labels=("found",),
    meaning="Texts of that day with which something is amiss: unknown to the ledger (`doubled`, `like_ours`, "
    "`of_others`), `missing` at the phone company, of `another_fate` there, or something that the application's "
    "`log_owes`. Missing before the first time.",
)

UNANSWERED = Described(
    name="sequora_tasks_unanswered",
    source=Source.APPLICATION,
    meaning=f"Open tasks that have had neither a text nor a reason for none for {UNANSWERED_AFTER.seconds} s.",
)
ON_CALL = Described(
    name="sequora_on_call",
    source=Source.APPLICATION,
    labels=("role",),
    meaning="Active people of the role who can be texted: they are told when a nurse does not act.",
)

TICKED_AT = Described(
    name="sequora_sensor_last_good_tick_timestamp_seconds",
    source=Source.DAGSTER,
    labels=("sensor",),
    meaning="When the sensor's last tick that did not fail began; 0 if none has.",
)
SCANNED_AT = Described(
    name="sequora_sla_scan_timestamp_seconds",
    source=Source.DAGSTER,
    meaning="When SLAs that are near were last looked for; 0 if never.",
)
DAEMON_SEEN_AT = Described(
    name="sequora_daemon_seen_timestamp_seconds",
    source=Source.DAGSTER,
    meaning="When the daemon last said that it is there; 0 if never.",
)

RUNS_WAITING = Described(
    name="sequora_broker_runs_waiting",
    source=Source.BROKER,
    meaning="Runs in the broker that no worker has taken. A worker takes some in advance.",
)
WORKERS_ALIVE = Described(
    name="sequora_workers_alive",
    source=Source.BROKER,
    meaning="Workers that answered within a second; each may have several processes.",
)
WORKERS_WARM = Described(
    name="sequora_workers_warm",
    source=Source.BROKER,
    meaning="Those of them whose processes are all ready for a run.",
)

EVERY: tuple[Described, ...] = (
    BUILD,
    SOURCE_UP,
    SOURCE_READ,
    NEW_TASK_TEXT,
    MESSAGES_SENT,
    TEXTS_DOUBLED,
    NEW_TASK_LAST_HOUR,
    IN_TIME,
    TEXTS_LATE,
    TEXTS_SENT,
    TEXTS_DELIVERED,
    TEXTS_UNDELIVERED,
    TEXTS_FAILED,
    UNDER_WAY,
    SET_ASIDE,
    DUE,
    DUE_PAUSED,
    OLDEST_DUE_AGE,
    WAITS_FOR_RATE,
    LONGEST_DOUBT,
    DOUBT_LIMIT,
    BREAKER_OPEN,
    LIST_READABLE,
    PAUSED,
    CANARY_AGE,
    CANARY_OVERDUE,
    RECONCILED_AT,
    RECONCILIATION,
    UNANSWERED,
    ON_CALL,
    TICKED_AT,
    SCANNED_AT,
    DAEMON_SEEN_AT,
    RUNS_WAITING,
    WORKERS_ALIVE,
    WORKERS_WARM,
)
"""All metrics, in the order of the page."""
