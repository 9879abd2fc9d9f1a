"""What a scrape of the metrics says, read as Prometheus' own client reads it."""

from collections.abc import Callable, Iterable

from prometheus_client import generate_latest
from prometheus_client.core import CollectorRegistry, Metric
from prometheus_client.parser import text_string_to_metric_families

from sequora_orchestration.cli.metrics.catalog import Source
from sequora_orchestration.cli.metrics.serving import SequoraCollector
from sequora_orchestration.cli.metrics.sources import ReadSource


class Scrape:
    """The values of a scrape."""

    def __init__(self, text: str) -> None:
        """Read what was scraped. Raises ValueError if that cannot be read."""
        self.text = text
        self.samples = {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    @property
    def names(self) -> set[str]:
        """The names of all values, with their endings: `_bucket`, `_total`."""
        return {name for name, _ in self.samples}

    @property
    def labels(self) -> dict[str, set[str]]:
        """Each label with all of its values."""
        found: dict[str, set[str]] = {}
        for _, labels in self.samples:
            for label, value in labels:
                found.setdefault(label, set()).add(value)
        return found

    def __call__(self, name: str, **labels: str) -> float:
        """Return a value."""
        return self.samples[name, frozenset(labels.items())]

    def of(self, name: str) -> dict[str, float]:
        """Return the values of a metric with one label that are not 0, by that label."""
        return {
            next(iter(labels))[1]: value for (found, labels), value in self.samples.items() if found == name and value
        }


def scrape_of(source: Source, read: Callable[[], Iterable[Metric]], *, patience: float = 30.0) -> Scrape:
    """Scrape one source, in this process."""
    return scraped(SequoraCollector({source: ReadSource(read, kept=0)}, patience=patience))


def scraped(collector: SequoraCollector) -> Scrape:
    """Scrape what a collector has."""
    registry = CollectorRegistry()
    registry.register(collector)
    return Scrape(generate_latest(registry).decode())
