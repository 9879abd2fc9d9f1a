"""`sequora healthy PROCESS`: whether one process of the Procfile works, on this host. For the probes of containers.

A probe runs every half minute in each container, so a look imports as little as it can, and never Dagster. Each ends
within LONGEST. Not here: whether the whole system does its work, which the heartbeat, `sequora doctor` and `sequora
status` say; a process is not restarted because another one is in trouble.
"""

import os
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from threading import Thread

from sequora_orchestration.cli import sign_of_life

# Seconds for an answer. What works answers within some hundredths.
PATIENCE = 1.0

# Seconds for a whole look, if what it asks hangs in a way that no time-out ends.
LONGEST = 3.0

# What Dagster's web server answers here needs no database and no code server.
WEB_PAGE, WEB_FIELD = "/server_info", b"dagster_webserver_version"


class UnhealthyError(Exception):
    """A process does not work; the message says so in a sentence."""


def healthy(process: str) -> tuple[str, bool]:
    """Look at a process of LOOKS; return a sentence for people, and whether it works."""
    found: list[tuple[str, bool]] = []
    # A thread that hangs in a system call must not keep this process from ending.
    thread = Thread(target=lambda: found.append(_found(process)), daemon=True)
    thread.start()
    thread.join(LONGEST)
    return found[0] if found else (f"{process}: no answer within {LONGEST:g} s", False)


def _found(process: str) -> tuple[str, bool]:
    try:
        return f"{process}: {LOOKS[process]()}", True
    except UnhealthyError as error:
        return f"{process}: {error}", False
    except Exception as error:  # noqa: BLE001  # a look that breaks is no sign of health
        from sequora_orchestration.cli.told_errors import sentence_for

        return f"{process}: {sentence_for(error) or f'the look itself broke ({type(error).__name__})'}", False


def _web() -> str:
    # As its line in the Procfile has them. Who listens everywhere also listens on loopback.
    listens_on, port = os.environ.get("SEQUORA_WEB_HOST") or "127.0.0.1", os.environ.get("SEQUORA_WEB_PORT") or "3000"
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(listens_on, listens_on)  # noqa: S104
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        with closing(HTTPConnection(address, timeout=PATIENCE)) as connection:
            connection.request("GET", WEB_PAGE)
            answer = connection.getresponse()
            body = answer.read()
    except (OSError, OverflowError, HTTPException) as error:
        raise UnhealthyError(f"no web server answers at {address} ({type(error).__name__})") from None
    if answer.status != HTTPStatus.OK or WEB_FIELD not in body:
        raise UnhealthyError(f"what answers at {address} is not Dagster's web server, or has failed ({answer.status})")
    return f"it answers at {address}"


def _code() -> str:
    from sequora_orchestration.instance.code_server import trouble_at
    from sequora_orchestration.settings.processes import CodeServerSettings

    address = CodeServerSettings.load().address
    if trouble := trouble_at(address):
        raise UnhealthyError(trouble)
    return f"it answers at {address}"


def _daemon() -> str:
    from psycopg2.errors import UndefinedTable
    from sqlalchemy.exc import DBAPIError

    from sequora_orchestration.cli.checks.postgres import reading_engine, trouble
    from sequora_orchestration.domain.health import DAEMON_GONE_AFTER
    from sequora_orchestration.instance.daemon_heartbeat import last_heartbeat
    from sequora_orchestration.settings.database import DagsterStorageSettings

    try:
        said_at = last_heartbeat(reading_engine(DagsterStorageSettings.load().dagster_pg_url))
    except DBAPIError as error:
        if isinstance(error.orig, UndefinedTable):
            raise UnhealthyError("Dagster's tables are not there: run `sequora migrate`") from None
        finding = trouble(error, variable="DAGSTER_PG_URL")
        raise UnhealthyError(
            f"its signs of life cannot be read from DAGSTER_PG_URL: {finding.said}; {finding.to_do}"
        ) from None
    return _recent(None if said_at is None else time.time() - said_at, DAEMON_GONE_AFTER.total_seconds())


def _worker() -> str:
    from kombu.exceptions import OperationalError

    from sequora_orchestration.cli.checks.broker import trouble
    from sequora_orchestration.cli.workers import ask_one, broker_url, impatient_app, name_here, reach

    name = name_here()
    app = impatient_app(broker_url())
    try:
        reach(app)
        is_warm = ask_one(app, name, seconds=PATIENCE)
    except OperationalError as error:
        said, to_do = trouble(error)
        raise UnhealthyError(f"the broker cannot be asked: {said}; {to_do}") from None
    if is_warm is None:
        raise UnhealthyError(f"{name} does not answer over the broker")
    if not is_warm:
        raise UnhealthyError(f"{name} answers over the broker, and is still starting")
    return f"{name} answers over the broker, and is warm"


def _heartbeat() -> str:
    if not os.environ.get("DAGSTER_HOME"):
        raise UnhealthyError("DAGSTER_HOME is not set: the heartbeat leaves its sign of life there")
    return _recent(sign_of_life.age(), sign_of_life.GONE_AFTER)


def _recent(age: float | None, gone_after: float) -> str:
    """Return a sentence about a sign of life of this age, in seconds. Raises UnhealthyError if it is too old."""
    if age is None:
        raise UnhealthyError("it has given no sign of life yet")
    if age > gone_after:
        raise UnhealthyError(f"its last sign of life was {age:.0f} s ago, and one is due within {gone_after:.0f}")
    return f"its last sign of life was {max(age, 0):.0f} s ago"


LOOKS: Mapping[str, Callable[[], str]] = {
    "web": _web,
    "daemon": _daemon,
    "code": _code,
    "worker": _worker,
    "heartbeat": _heartbeat,
}
"""How to look at each process of the Procfile. A look returns a sentence, or raises UnhealthyError with one."""
