"""What is private of Dagster's daemon, and changed: each fails when a release moves it."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from types import SimpleNamespace
from typing import Any, cast

import pytest
from dagster import DagsterExecutionInterruptedError, DagsterInstance
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import EmptyWorkspaceTarget
from dagster._daemon.controller import DagsterDaemonController, daemon_controller_from_instance
from dagster._daemon.daemon import SensorDaemon
from dagster._grpc import server_watcher
from dagster._grpc.client import DagsterGrpcClient

from sequora_orchestration.instance import tuned
from sequora_orchestration.instance.tuned import tune_daemon


@pytest.fixture
def _tuned() -> Iterator[None]:
    """A daemon as ours, for the length of a test."""
    before = server_watcher.ERROR_RECOVERY_INTERVAL, DagsterDaemonController.__exit__
    tune_daemon()
    yield
    server_watcher.ERROR_RECOVERY_INTERVAL, DagsterDaemonController.__exit__ = before  # type: ignore[method-assign]


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
def test_a_tick_that_is_under_way_when_the_daemon_ends_hands_in_its_runs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Dagster itself forgets where the code is, and closes the threads that hand them in, and logs a trace."""
    daemon = SensorDaemon({"use_threads": True, "num_workers": 1, "num_submit_workers": 1})
    ticking, submitting = daemon._threadpool_executor, daemon._submit_threadpool_executor
    assert ticking
    assert submitting
    is_ending, is_forgotten = Event(), Event()

    def tick() -> tuple[str, bool]:
        is_ending.wait()
        handed_in = submitting.submit(lambda: "handed in").result()  # type: ignore[no-untyped-call]
        return handed_in, is_forgotten.is_set()

    def first(happens: Event, then: Callable[..., None]) -> Callable[..., None]:
        def both(*arguments: Any, **options: Any) -> None:
            happens.set()
            then(*arguments, **options)

        return both

    monkeypatch.setattr(WorkspaceProcessContext, "__exit__", first(is_forgotten, WorkspaceProcessContext.__exit__))
    monkeypatch.setattr(ticking, "shutdown", first(is_ending, ticking.shutdown))
    with (
        DagsterInstance.local_temp(str(tmp_path)) as instance,
        daemon_controller_from_instance(
            instance, EmptyWorkspaceTarget(), gen_daemons=lambda _: iter([daemon]), error_interval_seconds=1
        ),
    ):
        under_way = ticking.submit(tick)  # type: ignore[no-untyped-call]
    assert under_way.result() == ("handed in", False)


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, DagsterExecutionInterruptedError])
def test_what_is_told_to_end_while_it_is_loading_ends_without_a_trace(
    monkeypatch: pytest.MonkeyPatch, interrupt: type[BaseException]
) -> None:
    """Dagster's code server raises the latter while it imports our code."""

    def loading() -> None:
        raise interrupt

    monkeypatch.setattr(tuned, "TUNED", {"dagster": lambda: None})
    monkeypatch.setattr(tuned, "entry_points", lambda **_: [SimpleNamespace(load=lambda: loading)])
    monkeypatch.setattr("sys.argv", ["tuned", "dagster"])
    with pytest.raises(SystemExit) as ended:
        tuned.main()
    assert ended.value.code == 128 + signal.SIGTERM
