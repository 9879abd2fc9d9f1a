"""The alerts in `deploy/prometheus`: each fires when it should and none when all is well, by `promtool test rules`.

That every metric they ask for exists is tested where the metrics are served.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from promtool import promtool

from docs.metrics_page import ALERTS, rules
from sequora_orchestration.domain.health import INSIDE, OLDEST_DUE, OLDEST_RECONCILED, OLDEST_SCAN, OLDEST_TICK

ROOT = Path(__file__).parents[2]

# Seconds between two values, and between two looks at the rules.
STEP = 15

TARGET = '{job="sequora", instance="heartbeat:9464"'

Series = Mapping[str, str]


def of(name: str, **labels: str) -> str:
    """Return a series of the scraped process."""
    more = "".join(f', {label}="{value}"' for label, value in labels.items())
    return f"{name}{TARGET}{more}}}"


def always(value: float) -> str:
    """Return two hours of one value."""
    return f"{value}x480"


def new_texts(*, within: int, of_all: int, severity: str = "HIGH") -> Series:
    """Return texts about new tasks, so many of them in every quarter of a minute, and of these so many in time."""
    text = "sequora_new_task_text_seconds"
    return {
        of(f"{text}_bucket", severity=severity, le="10.0"): f"0+{within}x480",
        of(f"{text}_bucket", severity=severity, le="+Inf"): f"0+{of_all}x480",
        of(f"{text}_count", severity=severity): f"0+{of_all}x480",
    }


TICKS, SCANS = "sequora_sensor_last_good_tick_timestamp_seconds", "sequora_sla_scan_timestamp_seconds"
UNDER_WAY = "sequora_messages_under_way"
RECONCILED = "sequora_reconciled_day_timestamp_seconds"

WELL: Series = {
    of("up"): always(1),
    of("sequora_source_up", source="ledger"): always(1),
    of("sequora_source_up", source="broker"): always(1),
    **new_texts(within=1, of_all=1, severity="CRITICAL"),
    **new_texts(within=0, of_all=0, severity="LOW"),
    of("sequora_texts_doubled_total"): always(0),
    of("sequora_tasks_unanswered"): always(0),
    of("sequora_oldest_due_seconds"): always(30),
    of("sequora_waits_for_sender_rate"): always(0),
    of("sequora_breaker_open", channel="SMS"): always(0),
    of("sequora_phone_company_readable", channel="SMS"): always(1),
    of(TICKS, sensor="replies"): "0+15x480",
    of(TICKS, sensor="new_escalation_tasks"): "0+15x480",
    of(SCANS): "0+15x480",
    of("sequora_workers_alive"): always(1),
    of("sequora_on_call", role="SUPERVISOR"): always(1),
    of("sequora_on_call", role="ADMIN"): always(0),
    of("sequora_longest_doubt_seconds"): always(600),
    of("sequora_doubt_limit_seconds"): always(600),
    of(UNDER_WAY, kind="check-in", state="HELD"): always(0),
    of(UNDER_WAY, kind="check-in", state="SCHEDULED"): always(50),
    of("sequora_messages_set_aside"): always(0),
    of("sequora_kind_paused", kind="check-in"): always(0),
    of("sequora_canary_overdue"): always(0),
    of("sequora_reconciliation_texts", found="doubled"): always(0),
    of("sequora_reconciliation_texts", found="of_others"): always(500),
    of(RECONCILED): always(-OLDEST_RECONCILED.total_seconds() + 7200),
}

# Ten minutes of health come before each trouble.
BEGINS = timedelta(minutes=10)


def from_then_on(value: float, *, before: float) -> str:
    """Return a value that changes after ten minutes."""
    steps = int(BEGINS.total_seconds()) // STEP
    return f"{before}x{steps - 1} {value}x{480 - steps}"


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """What is amiss, and which alert that raises."""

    alert: str
    changed: Series
    fires_at: timedelta
    """When the alert fires, from the first value on. Not before: what ends soon is nothing to wake anybody for."""

    without: str = ""
    """A series that is gone."""

    labels: Mapping[str, str] = field(default_factory=dict)
    """Labels by which the alert says what it is about."""


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


def after(count: float) -> timedelta:
    """Return the time so many minutes after the trouble has begun."""
    return BEGINS + minutes(count)


STOPPED = f"0+{STEP}x40 600x440"

TROUBLES = {
    "the process cannot be reached": Trouble(
        alert="SequoraDown", changed={of("up"): from_then_on(0, before=1)}, fires_at=after(2)
    ),
    "nobody scrapes it": Trouble(alert="SequoraDown", changed={}, without=of("up"), fires_at=minutes(2)),
    "a database is away": Trouble(
        alert="SequoraSourceUnreadable",
        changed={of("sequora_source_up", source="ledger"): from_then_on(0, before=1)},
        fires_at=after(2),
        labels={"source": "ledger"},
    ),
    "a task has no text": Trouble(
        alert="SequoraTasksUnanswered",
        changed={of("sequora_tasks_unanswered"): from_then_on(1, before=0)},
        fires_at=after(1),
    ),
    "a message is overdue": Trouble(
        alert="SequoraMessagesOverdue",
        changed={of("sequora_oldest_due_seconds"): from_then_on(301, before=300)},
        fires_at=after(0),
    ),
    "one text in ten is late": Trouble(
        alert="SequoraTextsLate", changed=new_texts(within=9, of_all=10), fires_at=minutes(5.25)
    ),
    "the phone company takes none": Trouble(
        alert="SequoraBreakerOpen",
        changed={of("sequora_breaker_open", channel="SMS"): from_then_on(1, before=0)},
        fires_at=after(1),
        labels={"channel": "SMS"},
    ),
    "a canary has not arrived": Trouble(
        alert="SequoraCanaryOverdue",
        changed={of("sequora_canary_overdue"): from_then_on(1, before=0)},
        fires_at=after(1),
    ),
    "receipts cannot be read": Trouble(
        alert="SequoraReceiptsUnreadable",
        changed={of("sequora_phone_company_readable", channel="SMS"): from_then_on(0, before=1)},
        fires_at=after(5),
        labels={"channel": "SMS"},
    ),
    "a sensor has stopped": Trouble(
        alert="SequoraSensorSilent",
        changed={of(TICKS, sensor="replies"): STOPPED},
        fires_at=after(1.25) + OLDEST_TICK,
        labels={"sensor": "replies"},
    ),
    "a sensor has never ticked": Trouble(
        alert="SequoraSensorSilent",
        changed={of(TICKS, sensor="replies"): always(0)},
        fires_at=OLDEST_TICK + minutes(1.25),
        labels={"sensor": "replies"},
    ),
    "no scan is made": Trouble(
        alert="SequoraSlaScanOld", changed={of(SCANS): STOPPED}, fires_at=after(5.25) + OLDEST_SCAN
    ),
    "no worker answers": Trouble(
        alert="SequoraNoWorkers", changed={of("sequora_workers_alive"): from_then_on(0, before=1)}, fires_at=after(2)
    ),
    "nobody is on call": Trouble(
        alert="SequoraNobodyOnCall",
        changed={of("sequora_on_call", role="SUPERVISOR"): from_then_on(0, before=1)},
        fires_at=after(5),
    ),
    "a text is in doubt": Trouble(
        alert="SequoraInDoubtForLong",
        changed={of("sequora_longest_doubt_seconds"): from_then_on(601, before=600)},
        fires_at=after(0),
    ),
    "a check-in is held": Trouble(
        alert="SequoraMessagesHeld",
        changed={of(UNDER_WAY, kind="check-in", state="HELD"): from_then_on(1, before=0)},
        fires_at=after(5),
        labels={"kind": "check-in"},
    ),
    "a message was set aside": Trouble(
        alert="SequoraMessagesSetAside",
        changed={of("sequora_messages_set_aside"): from_then_on(1, before=0)},
        fires_at=after(0),
    ),
    "a text went out twice": Trouble(
        alert="SequoraTextsDoubled",
        changed={of("sequora_texts_doubled_total"): from_then_on(1, before=0)},
        fires_at=after(0),
    ),
    "a day's texts do not agree with the phone company's": Trouble(
        alert="SequoraTextsNotReconciled",
        changed={of("sequora_reconciliation_texts", found="doubled"): from_then_on(1, before=0)},
        fires_at=after(0),
        labels={"found": "doubled"},
    ),
    "a night is missed": Trouble(
        alert="SequoraReconciliationOld",
        changed={of(RECONCILED): always(BEGINS.total_seconds() - OLDEST_RECONCILED.total_seconds())},
        fires_at=after(5.25),
    ),
    "a pause was forgotten": Trouble(
        alert="SequoraPaused",
        changed={of("sequora_kind_paused", kind="check-in"): from_then_on(1, before=0)},
        fires_at=after(60),
        labels={"kind": "check-in"},
    ),
}


def assert_firing(directory: Path, series: Series, firing: Mapping[timedelta, Mapping[str, int]]) -> None:
    """Let promtool look which alerts fire, and how often, at some times after these series have begun."""
    looks = [
        {
            "expr": 'count by (alertname) (ALERTS{alertstate="firing"})',
            "eval_time": f"{at.total_seconds():.0f}s",
            "exp_samples": [{"labels": f'{{alertname="{alert}"}}', "value": count} for alert, count in alerts.items()],
        }
        for at, alerts in firing.items()
    ]
    test = {
        "interval": f"{STEP}s",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": looks,
    }
    case = {"rule_files": [str(ALERTS)], "evaluation_interval": f"{STEP}s", "tests": [test]}
    file = directory / "case.yaml"
    file.write_text(yaml.safe_dump(case), encoding="utf-8")
    assert "SUCCESS" in promtool("test", "rules", file)


def test_the_rules_and_the_example_of_a_configuration_are_valid() -> None:
    """As Prometheus reads them."""
    assert f"{len(rules())} rules found" in promtool("check", "rules", ALERTS)
    promtool("check", "config", ALERTS.with_name("prometheus.yaml"))


@pytest.mark.parametrize("texts", [always(0), "0x100 1x380", "5+1x200 0+1x279", "0+100x200 7+100x279"])
def test_nothing_fires_while_all_is_well(tmp_path: Path, texts: str) -> None:
    """Without texts, with few, and when the counters begin again at midnight."""
    counted = dict.fromkeys(new_texts(within=1, of_all=1, severity="CRITICAL"), texts)
    assert_firing(tmp_path, {**WELL, **counted}, {minutes(at): {} for at in (1, 5, 20, 50, 51, 55, 119)})


def test_a_text_that_went_out_twice_the_day_before_is_not_told_anew_at_midnight(tmp_path: Path) -> None:
    """The counter falls to 0, and has not risen."""
    assert_firing(
        tmp_path, {**WELL, of("sequora_texts_doubled_total"): "2x300 0x180"}, {minutes(80): {}, minutes(119): {}}
    )


@pytest.mark.parametrize("trouble", TROUBLES.values(), ids=TROUBLES.keys())
def test_a_trouble_raises_its_alert_and_no_other_when_it_has_lasted(tmp_path: Path, trouble: Trouble) -> None:
    """And not before."""
    series = {name: one for name, one in {**WELL, **trouble.changed}.items() if name != trouble.without}
    assert_firing(
        tmp_path, series, {trouble.fires_at - timedelta(seconds=STEP): {}, trouble.fires_at: {trouble.alert: 1}}
    )


def test_a_new_system_has_as_long_for_its_first_night(tmp_path: Path) -> None:
    """As one that has missed a night. A gap, or another instance by then, changes nothing."""
    night, hour = OLDEST_RECONCILED, minutes(60)
    never = {
        of("up"): "1x16000",
        of(RECONCILED): "0x7000 _x20 0x800",
        of(RECONCILED).replace("heartbeat", "another"): "_x7820 0x8000",
    }
    looks = {
        hour: {},
        night - minutes(1): {},
        night + minutes(4): {},
        night + minutes(5): {"SequoraReconciliationOld": 1},
    }
    assert_firing(tmp_path, never, looks)


@pytest.mark.parametrize("name", ["sequora_tasks_unanswered", "sequora_oldest_due_seconds"])
def test_what_waits_for_the_senders_rate_wakes_nobody(tmp_path: Path, name: str) -> None:
    """It is as set, while others go out."""
    series = {**WELL, of(name): always(1000), of("sequora_waits_for_sender_rate"): always(1)}
    assert_firing(tmp_path, series, {minutes(30): {}})


def test_every_alert_is_tested_and_says_what_to_do_and_where_to_read_on() -> None:
    """With the bounds of the heartbeat and of the catalog, and a chapter of the runbook that there is."""
    assert {trouble.alert for trouble in TROUBLES.values()} == set(rules())
    for trouble in TROUBLES.values():
        said = rules()[trouble.alert]["annotations"]["summary"]
        assert all(f"$labels.{label}" in said for label in trouble.labels)
    for rule in rules().values():
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert rule["annotations"].keys() == {"summary", "description", "runbook"}
        page, anchor = rule["annotations"]["runbook"].split("#")
        assert anchor in anchors(ROOT / page)
    bounds = {
        "SequoraMessagesOverdue": f"> {OLDEST_DUE.seconds} ",
        "SequoraSensorSilent": f"> {OLDEST_TICK.seconds}",
        "SequoraSlaScanOld": f"> {OLDEST_SCAN.seconds}",
        "SequoraReconciliationOld": f"> {OLDEST_RECONCILED.total_seconds():.0f} ",
        "SequoraTextsLate": f'le="{INSIDE.total_seconds()}"',
    }
    assert {alert: bound for alert, bound in bounds.items() if bound not in f"{rules()[alert]['expr']} "} == {}


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_a_summary_is_filled_in_with_the_value_and_what_it_is_about(tmp_path: Path) -> None:
    """As the person who is woken reads it."""
    alert = rules()["SequoraTextsLate"]
    expected: dict[str, Any] = {
        "exp_labels": {"severity": "warning", "job": "sequora", "instance": "heartbeat:9464"},
        "exp_annotations": {
            **alert["annotations"],
            "summary": "Only 50% of the texts about new tasks went out within 10 s",
        },
    }
    series = {**WELL, **new_texts(within=1, of_all=2, severity="CRITICAL")}
    test = {
        "interval": f"{STEP}s",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "alert_rule_test": [{"eval_time": "1h", "alertname": "SequoraTextsLate", "exp_alerts": [expected]}],
    }
    file = tmp_path / "case.yaml"
    file.write_text(yaml.safe_dump({"rule_files": [str(ALERTS)], "evaluation_interval": "15s", "tests": [test]}))
    assert "SUCCESS" in promtool("test", "rules", file)
