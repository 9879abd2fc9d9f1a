"""Asking the workers over the broker, within a bounded time, whether they are there and warm."""

from dataclasses import dataclass

from celery import Celery
from celery.utils.nodenames import default_nodename
from kombu.exceptions import OperationalError

from sequora_orchestration.settings.processes import WorkerSettings

# Seconds.
PATIENCE_WITH_THE_BROKER = 3.0
PATIENCE_WITH_WORKERS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Workers:
    """The workers that answered in time; each may have several processes."""

    alive: int
    warm: int
    """The number of workers whose processes are all ready for a run."""


def impatient_app(url: str) -> Celery:
    """Return a client of the broker like that of workers and launcher, but with short time-outs."""
    app = Celery(broker=url, backend=url, set_as_current=False)
    app.conf.broker_transport_options = {
        "socket_timeout": PATIENCE_WITH_THE_BROKER,
        "socket_connect_timeout": PATIENCE_WITH_THE_BROKER,
    }
    return app


def reach(app: Celery) -> None:
    """Connect to the broker. Raises kombu's OperationalError, whose message may repeat the address."""
    with app.connection_for_read() as connection:
        connection.ensure_connection(max_retries=1, interval_start=0, timeout=PATIENCE_WITH_THE_BROKER)


def runs_waiting(app: Celery) -> int:
    """Return how many runs no worker has taken yet. Raises kombu's OperationalError, as `reach` does."""
    from dagster_celery.defaults import task_default_queue  # it imports all of Dagster

    with app.connection_for_read() as connection:
        connection.ensure_connection(max_retries=1, interval_start=0, timeout=PATIENCE_WITH_THE_BROKER)
        try:
            return int(connection.default_channel.queue_declare(task_default_queue, passive=True).message_count)
        except connection.channel_errors:  # an empty queue is not there
            return 0


def ask(app: Celery, *, seconds: float | None = None) -> Workers:
    """Ask all workers, and count the answers of so many `seconds`, by default PATIENCE_WITH_WORKERS."""
    answers = app.control.broadcast("is_warm", reply=True, timeout=seconds or PATIENCE_WITH_WORKERS)
    return Workers(alive=len(answers), warm=sum(True in answer.values() for answer in answers))


def name_here() -> str:
    """Return the name by which Celery knows the worker of this host, unless it was given another one."""
    return str(default_nodename(None))


def ask_one(app: Celery, name: str, *, seconds: float) -> bool | None:
    """Ask the worker of that name whether it is warm; None if it does not answer within so many `seconds`."""
    answers = app.control.broadcast("is_warm", destination=[name], reply=True, timeout=seconds)
    return answers[0][name] is True if answers else None


def workers(url: str | None, *, seconds: float) -> Workers | None:
    """Return the workers on this broker, none if it cannot be reached; None if no broker is known."""
    if url is None:
        return None
    app = impatient_app(url)
    try:
        reach(app)
        return ask(app, seconds=seconds)
    except (OperationalError, OSError):
        return Workers(alive=0, warm=0)


def broker_url() -> str:
    """Return the broker's URL. Raises SettingError."""
    return WorkerSettings.load().sequora_broker_url
