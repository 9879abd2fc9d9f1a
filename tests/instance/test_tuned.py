"""What is private of Dagster's daemon, and changed: each fails when a release moves it."""

from collections.abc import Iterator
from threading import Event
from types import SimpleNamespace
from typing import Any, cast

import pytest
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._daemon.daemon import SensorDaemon
from dagster._grpc import server_watcher
from dagster._grpc.client import DagsterGrpcClient

from sequora_orchestration.instance.tuned import tune_daemon


@pytest.fixture
def _tuned() -> Iterator[None]:
    """A daemon as ours, for the length of a test."""
    before = server_watcher.ERROR_RECOVERY_INTERVAL, SensorDaemon.__exit__
    tune_daemon()
    yield
    server_watcher.ERROR_RECOVERY_INTERVAL, SensorDaemon.__exit__ = before  # type: ignore[method-assign]


@pytest.mark.usefixtures("_tuned")
def test_a_code_server_that_could_not_be_read_is_read_again_soon() -> None:
    """Though it answers, and is the same one as before: it was just starting. Dagster itself would wait for 10 s."""
    read_again = Event()
    error = SimpleNamespace(cls_name=DagsterUserCodeUnreachableError.__name__)
    ending, thread = server_watcher.create_grpc_watch_thread(
        "a location",
        cast("Any", _AlwaysThere(port=1)),
        get_location_entry=lambda _: cast("Any", SimpleNamespace(load_error=error)),
        refresh_code_location=lambda _: read_again.set(),
        on_disconnect=lambda _: None,
        on_reconnected=lambda _: None,
        on_updated=lambda *_: None,
        on_error=lambda _: None,
    )
    thread.start()
    try:
        assert read_again.wait(5)
    finally:
        ending.set()
        thread.join()


class _AlwaysThere(DagsterGrpcClient):
    """A code server that answers, and is always the same one."""

    def get_server_id(self, timeout: int = 0) -> str:  # noqa: ARG002
        return "the same"


@pytest.mark.usefixtures("_tuned")
def test_a_tick_that_is_under_way_when_the_daemon_ends_hands_in_its_runs() -> None:
    """Dagster itself closes the threads that hand them in before those that tick, and logs a trace."""
    daemon = SensorDaemon({"use_threads": True, "num_workers": 1, "num_submit_workers": 1})
    ticking, submitting = daemon._threadpool_executor, daemon._submit_threadpool_executor
    assert ticking
    assert submitting
    is_ending = Event()

    def tick() -> str:
        is_ending.wait()
        return str(submitting.submit(lambda: "handed in").result())  # type: ignore[no-untyped-call]

    under_way = ticking.submit(tick)  # type: ignore[no-untyped-call]
    daemon_ends = ticking.shutdown

    def ends(*arguments: Any, **options: Any) -> None:
        is_ending.set()
        daemon_ends(*arguments, **options)

    ticking.shutdown = ends  # type: ignore[method-assign]
    with daemon:
        pass
    assert under_way.result() == "handed in"
