"""The warm workers: `celery -A sequora_orchestration.instance.worker worker`.

Everything is imported before the workers fork, and each opens the connections of a run before it takes its first: a
run then costs a tenth of a second instead of the seconds of a new process.
"""

import os
from multiprocessing import Value
from typing import Any

from celery import Celery
from celery.signals import setup_logging, worker_process_init
from celery.worker.control import inspect_command
from dagster import DagsterInstance
from dagster_celery.config import DEFAULT_CONFIG
from dagster_celery.make_app import make_app
from dagster_celery.tasks import create_execute_job_task
from sqlalchemy import text

from sequora_orchestration.channels.doors import open_channels
from sequora_orchestration.database import engine_for
from sequora_orchestration.definitions import defs
from sequora_orchestration.instance.logs import write_lines
from sequora_orchestration.instance.wrong_texts import end_if_texts_are_wrong
from sequora_orchestration.settings.database import DatabaseSettings
from sequora_orchestration.settings.processes import WorkerSettings


def _app() -> Celery:
    broker_url = WorkerSettings.load().sequora_broker_url
    app = make_app(  # type: ignore[no-untyped-call]
        {
            "broker": broker_url,
            "backend": broker_url,
            "config_source": {
                **DEFAULT_CONFIG,
                "broker_connection_retry_on_startup": True,
                # Seconds. By default a run's end would wait for two minutes on a broker that stands still.
                "redis_socket_timeout": 5.0,
                "redis_socket_connect_timeout": 5.0,
            },
        }
    )
    create_execute_job_task(app)
    return app


@setup_logging.connect  # type: ignore[untyped-decorator]
def write_our_lines(loglevel: int, **_: object) -> None:
    """Log as our other processes do. Celery would log the output of runs as warnings, with two dates."""
    write_lines(loglevel)


@worker_process_init.connect  # type: ignore[untyped-decorator]
def leave_the_group(**_: object) -> None:
    """Leave the process group, so that only the worker's first process is told to end; it waits for the runs under way.

    `honcho` and a terminal end a whole group: each run would be broken off in the middle of its texts. No process is
    left behind: Celery has the kernel kill them when the first process is gone (Linux' PR_SET_PDEATHSIG).
    """
    os.setpgid(0, 0)


@worker_process_init.connect  # type: ignore[untyped-decorator]
def warm_up(**_: object) -> None:
    """Open the connections that a run uses."""
    with DagsterInstance.get() as instance:
        instance.get_runs(limit=1)
    with engine_for(DatabaseSettings.load().supabase_db_url).connect() as connection:
        connection.execute(text("SELECT 1"))
    open_channels()
    with warm_processes.get_lock():
        warm_processes.value += 1


@inspect_command()  # type: ignore[untyped-decorator]
def is_warm(state: Any) -> bool:
    """Answer over the broker whether every process of this worker is warm."""
    return bool(warm_processes.value >= state.consumer.pool.num_processes)


end_if_texts_are_wrong()

# The jobs are built once, before the fork.
defs.get_repository_def().get_all_jobs()

# Shared with the processes that are forked from this one.
warm_processes = Value("i", 0)
app = _app()
