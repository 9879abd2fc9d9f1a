"""The assets and their checks, as Dagster's catalog describes them. Nothing is measured here."""

from datetime import timedelta

from dagster import AssetCheckSpec, AssetSpec, FreshnessPolicy

from sequora_orchestration.domain.canary import ARRIVES_WITHIN
from sequora_orchestration.domain.health import (
    INSIDE,
    OLDEST_FIGURES,
    OLDEST_SCAN,
    OLDEST_TICK,
    SETTLED_WITHIN,
    UNANSWERED_AFTER,
)
from sequora_orchestration.jobs.sla_warning import SLA_SCAN

# An asset that is no longer measured keeps its last figures, and the colour of its checks: they must not look new.
MEASURED = FreshnessPolicy.time_window(fail_window=OLDEST_FIGURES, warn_window=OLDEST_FIGURES * 2 / 3)

SLA_SCANS = AssetSpec(
    SLA_SCAN,
    group_name="work",
    kinds={"postgres"},
    freshness_policy=FreshnessPolicy.time_window(fail_window=OLDEST_SCAN, warn_window=OLDEST_SCAN * 2 / 3),
    description="The scan for open tasks whose SLA is near, which `check_sla_warnings` makes every 5 minutes.\n\n"
    "Each scan is a materialization, with the number of tasks it found. **Not fresh**: no scan within 15 minutes, so "
    "nurses are not warned. Look at the schedule `sla_warnings_every_5_minutes` (is it running, does it tick?), at the "
    "runs of `check_sla_warnings`, and at whether the daemon and the workers are up.",
)
TEXT_LATENCY = AssetSpec(
    "text_latency",
    group_name="texts",
    kinds={"postgres"},
    freshness_policy=MEASURED,
    description="How long nurses have waited for the texts about new tasks, over the last hour.\n\n"
    "*to text*: from when a task was owed a text (its creation, or its last change) until Twilio had accepted it. "
    "*to delivered*: until we knew that it had arrived; receipts are asked for after 15 s at first. "
    f"*inside {INSIDE.seconds} s*: "
    "which share of those that were sent, or should have been, were that quick. p50 is the median; one in twenty takes "
    "longer than p95. Without texts in the last hour there is no point in the plot.",
)
DELIVERIES = AssetSpec(
    "deliveries",
    group_name="texts",
    kinds={"postgres", "twilio"},
    freshness_policy=MEASURED,
    description="What became of the texts of the last hour, and what is in doubt or held now.\n\n"
    "*undelivered* is also given by Twilio's error code. *failed* was not sent: the reasons are in `sequora status`. "
    "*doubled* was sent again after a doubt, and then the first text was found as well (`sequora timeline` shows "
    "both): Twilio's list was slower than SEQUORA_DOUBT_WINDOW.",
)
BACKLOG = AssetSpec(
    "backlog",
    group_name="work",
    kinds={"postgres"},
    freshness_policy=MEASURED,
    description="What is due and not sent yet, and whether somebody notices it.\n\n"
    "*oldest due* is the age of what has waited longest. *paused* is kept back by an operator (`sequora pause`). "
    "*oldest tick* is the age of the last good tick of the sensor that has been silent for longest.",
)
ON_CALL = AssetSpec(
    "on_call",
    group_name="people",
    kinds={"postgres"},
    freshness_policy=MEASURED,
    description="Who can be told when a nurse does not act or cannot be reached: active supervisors with a phone that "
    "can be texted, and the admins who are told if there is no supervisor.",
)

RECONCILIATION = AssetSpec(
    "reconciliation",
    group_name="texts",
    kinds={"postgres", "twilio"},
    freshness_policy=FreshnessPolicy.time_window(fail_window=timedelta(hours=54), warn_window=timedelta(hours=30)),
    description="What Twilio's list of a day (UTC) has against the ledger: `reconcile_texts` compares them each night, "
    "the texts from our sender alone, and no calls.\n\n"
    "*unknown* texts are from our sender and no message's: *doubled* is word for word a text of ours, so that somebody "
    "had it twice if it arrived; *like ours* has a link to a task; *other* is anything else, such as the application's "
    "own texts from the same sender. Each is reported once. *missing* was sent, says the ledger, and Twilio does not "
    "have it. *another fate*: arrived, or sent at all, for the one and not for the other. *the log owes*: what the "
    "application's log lacks, as far as the ledger knows; that log itself is not read. In *price* is what has one: it "
    "may come a day later, and never to a text that failed. `sequora reconcile --day` shows all of it.",
)

EVERY_NEW_TASK_IS_ANSWERED = AssetCheckSpec(
    "every_new_task_is_answered",
    asset=BACKLOG.key,
    description=f"No open task is older than {UNANSWERED_AFTER.seconds} s without a text or a reason for none on "
    "record. Where SEQUORA_SENDER_RATE is set, tasks may wait for their turn while texts are going out.",
)
EVERY_SENSOR_TICKS = AssetCheckSpec(
    "every_sensor_ticks",
    asset=BACKLOG.key,
    description=f"Each sensor's last good tick began less than {OLDEST_TICK.seconds} s ago; one that somebody has "
    "stopped counts as well.",
)
NOTHING_IN_DOUBT_FOR_LONG = AssetCheckSpec(
    "nothing_in_doubt_for_long",
    asset=DELIVERIES.key,
    description="No text has been in doubt for longer than SEQUORA_DOUBT_WINDOW and "
    f"{SETTLED_WITHIN.seconds // 60} minutes.",
)
TWILIO_TAKES_TEXTS = AssetCheckSpec(
    "twilio_takes_texts",
    asset=DELIVERIES.key,
    description="The breaker is closed: Twilio takes what we send.",
)
TWILIO_CAN_BE_READ = AssetCheckSpec(
    "twilio_can_be_read",
    asset=DELIVERIES.key,
    description="Receipts and Twilio's message list could be read when they were last asked for.",
)
CANARY_ARRIVES = AssetCheckSpec(
    "canary_arrives",
    asset=DELIVERIES.key,
    description=f"The last test text to SEQUORA_CANARY_NUMBER has arrived within {ARRIVES_WITHIN.seconds // 60} "
    "minutes, by its receipt. Always green where none is sent, or while an operator keeps them back.",
)
SOMEBODY_TO_ESCALATE_TO = AssetCheckSpec(
    "somebody_to_escalate_to",
    asset=ON_CALL.key,
    description="There is an active supervisor or admin with a phone that can be texted.",
)
TEXTS_ARE_RECONCILED = AssetCheckSpec(
    "texts_are_reconciled",
    asset=RECONCILIATION.key,
    description="Twilio's list of the day and the ledger agree. **Error**: a text went out twice, or with a link to a "
    "task and without a row in the ledger, or Twilio does not have what the ledger says was sent. **Warning**: other "
    "texts from our sender that are not ours, another fate, or a log that lacks rows. Each unknown "
    "text is reported once.",
)
