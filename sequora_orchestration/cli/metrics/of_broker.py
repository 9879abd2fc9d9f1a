"""The broker's metrics: the runs that wait there, and the workers that answer over it."""

from collections.abc import Iterator
from functools import cached_property

from celery import Celery
from prometheus_client.core import Metric

from sequora_orchestration.cli.metrics import catalog
from sequora_orchestration.cli.workers import ask, broker_url, impatient_app, runs_waiting

# Seconds to wait for the workers' answers, always in full: nobody knows how many there are. They answer within a tenth.
PATIENCE_WITH_WORKERS = 1.0


class Broker:
    """The broker of SEQUORA_BROKER_URL.

    Its client is kept from scrape to scrape: each client has a queue for answers of its own.
    """

    @cached_property
    def _app(self) -> Celery:
        return impatient_app(broker_url())

    def metrics(self) -> Iterator[Metric]:
        """Ask the broker, and the workers over it. Raises SettingError and kombu's OperationalError."""
        yield catalog.RUNS_WAITING.at(runs_waiting(self._app))
        workers = ask(self._app, seconds=PATIENCE_WITH_WORKERS)
        yield catalog.WORKERS_ALIVE.at(workers.alive)
        yield catalog.WORKERS_WARM.at(workers.warm)
