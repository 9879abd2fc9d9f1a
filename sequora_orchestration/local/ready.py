"""Prints `ready` when a run would be fast: web UI, code server, daemon, every sensor and the warm workers are up.

`sequora dev` starts it as a process of its own: `python -m sequora_orchestration.local.ready WEB_PORT STARTED`.
"""

import os
import sys
import time

import requests
from celery import Celery

_SENSORS = """{
  sensorsOrError(repositorySelector: {
    repositoryName: "__repository__", repositoryLocationName: "sequora_orchestration.definitions"
  }) {
    ... on Sensors { results { name minIntervalSeconds sensorState { status ticks(limit: 1) { timestamp } } } }
  }
}"""

# Seconds between two turns of the daemon.
TURN = 5

# Seconds until it prints which part it is still waiting for.
PATIENCE = 60


def main() -> None:
    """Wait, and print one line."""
    web_port, started = int(sys.argv[1]), float(sys.argv[2])
    url = f"http://127.0.0.1:{web_port}"
    worker = Celery(broker=os.environ["SEQUORA_BROKER_URL"])
    impatient = False
    while waiting_for := _sensors_not_up(url, started) or _workers_not_up(worker):
        if not impatient and time.time() - started > PATIENCE:
            print(f"still waiting for {waiting_for}", file=sys.stderr, flush=True)
            impatient = True
        time.sleep(0.2)
    inbox = os.environ.get("SEQUORA_PHONE_INBOX")
    print(
        f"ready in {time.time() - started:.0f} s: web UI {url}" + (f", phone inbox {inbox}" if inbox else ""),
        flush=True,
    )


def _sensors_not_up(url: str, started: float) -> str | None:
    """Return the part that is not up yet on the way from the web UI to the sensors; None if all are up."""
    try:
        answer = requests.post(f"{url}/graphql", json={"query": _SENSORS}, timeout=5)
        results = answer.json()["data"]["sensorsOrError"].get("results", [])
    except (requests.RequestException, KeyError, TypeError):  # not up yet, or only in part
        return "the web UI"
    if not results:
        return "the code server"
    for sensor in results:
        state = sensor["sensorState"]
        ticks = state["ticks"]
        # A sensor that ticks less often than the daemon turns may have ticked shortly before the start.
        is_due = state["status"] == "RUNNING" and sensor["minIntervalSeconds"] <= TURN
        if is_due and not (ticks and ticks[0]["timestamp"] >= started):
            return f"the sensor {sensor['name']}"
    return None


def _workers_not_up(app: Celery) -> str | None:
    """Return the part that is not up yet; None once a worker answers that each of its processes is warm."""
    try:
        answers = app.control.broadcast("is_warm", reply=True, timeout=1, limit=1)
    except OSError:
        return "the broker"
    return None if any(True in answer.values() for answer in answers) else "the workers"


if __name__ == "__main__":
    main()
