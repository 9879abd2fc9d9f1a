"""Collecting all metrics at the moment of a scrape, and serving them over HTTP."""

import logging
import socket
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, wait
from importlib.metadata import version

from prometheus_client import start_http_server
from prometheus_client.core import CollectorRegistry, Metric
from prometheus_client.registry import Collector

from sequora_orchestration.cli.metrics import catalog
from sequora_orchestration.cli.metrics.catalog import Source
from sequora_orchestration.cli.metrics.of_application import of_application
from sequora_orchestration.cli.metrics.of_broker import Broker
from sequora_orchestration.cli.metrics.of_dagster import of_dagster
from sequora_orchestration.cli.metrics.of_ledger import of_ledger
from sequora_orchestration.cli.metrics.sources import Reading, ReadSource
from sequora_orchestration.database import SchemaMissingError
from sequora_orchestration.settings.environment import SettingError

LOG = logging.getLogger(__name__)

# Seconds that a scrape takes at most, however much hangs: half of the time that Prometheus waits by default.
PATIENCE = 5.0


def every_source() -> dict[Source, ReadSource]:
    """Return the sources of all metrics. Nothing is read yet."""
    return {
        Source.LEDGER: ReadSource(of_ledger),
        Source.APPLICATION: ReadSource(of_application),
        Source.DAGSTER: ReadSource(of_dagster),
        Source.BROKER: ReadSource(Broker().metrics),
    }


class SequoraCollector(Collector):
    """Reads every source at the moment of a scrape: no value is older than a reading is kept, and none counts twice.

    A source that cannot be read, or not in time, is said to be down, and has no values. The reason is logged when it
    changes.
    """

    def __init__(self, sources: Mapping[Source, ReadSource], *, patience: float = PATIENCE) -> None:
        """Nothing is read yet; a scrape waits for the sources for `patience` seconds at most."""
        self._sources = sources
        self._patience = patience
        self._troubles: dict[Source, str | None] = {}

    def describe(self) -> Iterator[Metric]:
        """Yield every metric without its values: a client may ask for some by name."""
        for one in catalog.EVERY:
            yield one.empty

    def collect(self) -> Iterator[Metric]:
        """Yield every metric that is known. It never raises."""
        begun = {source: one.begin() for source, one in self._sources.items()}
        wait(begun.values(), timeout=self._patience)
        read: dict[Source, Reading] = {}
        for source, reading in begun.items():
            trouble = self._trouble_with(reading)
            if trouble is None:
                read[source] = reading.result()
            self._log_change(source, trouble)
        yield catalog.BUILD.of({(version("sequora-orchestration"),): 1})
        yield catalog.SOURCE_UP.of({(source,): source in read for source in begun})
        yield catalog.SOURCE_READ.of({(source,): one.seconds for source, one in read.items()})
        for one in read.values():
            yield from one.metrics

    def _trouble_with(self, reading: Future[Reading]) -> str | None:
        """Return why a source could not be read, without anything that may be a secret or quote a row."""
        if not reading.done():
            return f"no answer within {self._patience:.0f} s"
        error = reading.exception()
        if error is None:
            return None
        return str(error) if isinstance(error, (SettingError, SchemaMissingError)) else type(error).__name__

    def _log_change(self, source: Source, trouble: str | None) -> None:
        if trouble != self._troubles.get(source):
            if trouble:
                LOG.warning(f"no metrics of the {source}: {trouble}")
            else:
                LOG.info(f"the metrics of the {source} can be read again")
        self._troubles[source] = trouble


def serve(port: int) -> None:
    """Serve the metrics at a port of all addresses, in a thread that ends with the process. Raises OSError.

    All addresses: Prometheus asks from another machine or container, and there is nothing but figures to be had.
    """
    sources = every_source()
    registry = CollectorRegistry()
    registry.register(SequoraCollector(sources))
    for one in sources.values():
        one.begin()  # the first reading connects, and takes longer than a scrape may
    start_http_server(port, addr="::" if socket.has_dualstack_ipv6() else "0.0.0.0", registry=registry)  # noqa: S104
