"""The broker, and the workers that take runs from it."""

from functools import cached_property

from celery import Celery
from kombu.exceptions import OperationalError

from sequora_orchestration.cli.checks.finding import Check, Finding, fail, ok, warn
from sequora_orchestration.cli.workers import PATIENCE_WITH_THE_BROKER, ask, broker_url, impatient_app, reach

# Sentences by the name of the client's exception: its own message repeats the address.
TROUBLES = {
    "AuthenticationError": ("it refuses the user or the password", "correct SEQUORA_BROKER_URL"),
    "TimeoutError": (
        f"it does not answer within {PATIENCE_WITH_THE_BROKER:.0f} s",
        "see whether the broker is well, and whether a firewall lets this machine through to it",
    ),
    "ConnectionError": (
        "it cannot be reached",
        "start Redis or Valkey, or correct host, port and scheme (rediss:// for TLS) in SEQUORA_BROKER_URL",
    ),
    "ResponseError": ("it refuses what is asked", "correct the number of the database in SEQUORA_BROKER_URL"),
    "InvalidResponse": ("what answers is no Redis or Valkey", "correct host and port in SEQUORA_BROKER_URL"),
}


def checks() -> list[Check]:
    """Return the checks of this area, in order."""
    broker = _Broker()
    return [
        Check(name="broker", find=broker.reached),
        Check(name="workers", find=broker.workers, needs=("broker",)),
    ]


def trouble(error: OperationalError) -> tuple[str, str]:
    """Return what is wrong with the broker by the client's error, and what to do, without address or password."""
    return TROUBLES.get(type(error.__cause__).__name__, TROUBLES["ConnectionError"])


class _Broker:
    """Looks at the broker of SEQUORA_BROKER_URL, as workers and launcher do: through Celery."""

    @cached_property
    def _app(self) -> Celery:
        return impatient_app(broker_url())

    def reached(self) -> Finding:
        app = self._app
        try:
            _ = app.backend  # results go over the same URL, and the client for them is stricter about it
        except ValueError:
            return fail(
                "a rediss:// URL has to say how the certificate is checked",
                to_do="add ?ssl_cert_reqs=required to SEQUORA_BROKER_URL",
            )
        try:
            reach(app)
        except OperationalError as error:
            said, to_do = trouble(error)
            return fail(said, to_do=to_do)
        return ok("reached")

    def workers(self) -> Finding:
        found = ask(self._app)
        if not found.alive:
            return warn(
                "none answers: while none runs, no text goes out",
                to_do="start the processes of the Procfile (`honcho start`)",
            )
        if found.warm < found.alive:
            return warn(
                f"{found.alive - found.warm} of {found.alive} are still starting",
                to_do="wait, and see the worker's log",
            )
        return ok(f"{found.alive} up and warm")
