"""The page on metrics: its tables are the code's and the alerts', and what it says of them exists."""

import re
from pathlib import Path

from docs.metrics_page import PAGE, page, rules
from sequora_orchestration.cli.metrics.catalog import BOUNDS, EVERY, Form

TEXT = PAGE.read_text(encoding="utf-8")

RUNBOOK = (Path(__file__).parents[2] / "docs" / "runbook.md").read_text(encoding="utf-8")


def test_its_tables_are_what_the_code_and_the_alerts_say() -> None:
    """`make metrics-page` makes them anew."""
    assert page(TEXT) == TEXT
    assert all(f"| `{one.name}` |" in TEXT for one in EVERY)
    assert all(f"| `{alert}` |" in TEXT for alert in rules())


def test_its_panels_ask_for_metrics_that_there_are() -> None:
    """With the endings that a histogram has."""
    endings = {Form.HISTOGRAM: ("_bucket", "_count", "_sum")}
    known = {one.name + ending for one in EVERY for ending in endings.get(one.form, ("",))}
    panels = TEXT.partition("## Panels for Grafana")[2]
    asked_for = set(re.findall(r"\bsequora_\w+", panels))
    assert len(asked_for) > 3
    assert asked_for - known == set()


def test_it_gives_every_bound_of_the_latency() -> None:
    """In order."""
    (sentence,) = re.findall(r"\*\*The latency's buckets\*\*(.*?)\n\n", TEXT, flags=re.DOTALL)
    said = re.sub(r"\(.*?\)", "", sentence, flags=re.DOTALL)
    assert [float(number) for number in re.findall(r"\d+(?:\.\d+)?", said)] == list(BOUNDS)


def test_the_runbook_has_every_alert() -> None:
    """And the check or the symptom that it leads to."""
    (chapter,) = re.findall(r"## An alert of Prometheus\n(.*?)\n## ", RUNBOOK, flags=re.DOTALL)
    assert re.findall(r"^\| `(\w+)` \|", chapter, flags=re.MULTILINE) == list(rules())
    others = RUNBOOK.replace(chapter, "")
    for named in re.findall(r"the check `(\w+)`", chapter):
        assert f"| `{named}`: " in others
    for named in re.findall(r"the symptom \"(.*?)\" \|", chapter):
        assert f"| {named}" in others
