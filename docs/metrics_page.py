"""Makes the tables of the page `docs/metrics.md` from the code and the alerts: `make metrics-page`. Its prose stays."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from sequora_orchestration.cli.metrics.catalog import EVERY, Described

PAGE = Path(__file__).with_name("metrics.md")

ALERTS = Path(__file__).parents[1] / "deploy" / "prometheus" / "alerts.yaml"

METRICS_BEGIN, ALERTS_BEGIN = "<!-- the metrics, made by docs/metrics_page.py -->", "<!-- the alerts, made likewise -->"
END = "<!-- end -->"


def page(text: str) -> str:
    """Return the page with its tables made anew."""
    for begin, table in ((METRICS_BEGIN, _metrics()), (ALERTS_BEGIN, _alerts())):
        before, rest = text.split(begin)
        _, after = rest.split(END, maxsplit=1)
        text = f"{before}{begin}\n\n{table}\n\n{END}{after}"
    return text


def rules() -> dict[str, Mapping[str, Any]]:
    """Return the alerts by their names."""
    groups = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"]
    return {rule["alert"]: rule for group in groups for rule in group["rules"]}


def _metrics() -> str:
    heads = ("Metric", "What it is", "Labels", "Read from", "Meaning")
    return _table(heads, (_row(one) for one in EVERY))


def _row(one: Described) -> tuple[str, ...]:
    labels = ", ".join(f"`{label}`" for label in one.labels)
    return f"`{one.name}`", one.form, labels, one.source or "always there", one.meaning


def _alerts() -> str:
    heads = ("Alert", "Severity", "When")
    return _table(heads, ((f"`{name}`", rule["labels"]["severity"], _when(rule)) for name, rule in rules().items()))


def _when(rule: Mapping[str, Any]) -> str:
    lasting = f", for {rule['for']}" if "for" in rule else ""
    return f"`{rule['expr']}`{lasting}"


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [heads, ("---",) * len(heads), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
