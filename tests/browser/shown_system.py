"""A running system as somebody looks at it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from care import Care
from running_system import RunningSystem, eventually

from sequora_orchestration.database import engine_for
from sequora_orchestration.local.demo import OUTSIDE
from sequora_orchestration.local.environment import read_environment
from sequora_orchestration.settings.addresses import postgres_url

MEASURE = """mutation {
  launchRun(executionParams: {runConfigData: "{}", selector: {
    jobName: "measure_figures", repositoryName: "__repository__",
    repositoryLocationName: "sequora_orchestration.definitions"
  }}) { ... on LaunchRunSuccess { run { runId } } }
}"""
STATUS = "query ($run: ID!) { runOrError(runId: $run) { ... on Run { status } } }"


@dataclass(frozen=True, slots=True)
class ShownSystem:
    """Where its pages are, and its application."""

    web: str
    inbox: str
    care: Care
    running: RunningSystem

    def measure(self) -> None:
        """Let the figures of the catalog be measured now, as the schedule does every five minutes."""
        launched = self.running.graphql(MEASURE)["launchRun"]
        run_id = launched["run"]["runId"]
        eventually(
            lambda: self.running.graphql(STATUS, run=run_id)["runOrError"]["status"] == "SUCCESS",
            within=30,
            what="a measurement",
        )


@contextmanager
def embedded_system(directory: Path) -> Iterator[ShownSystem]:
    """Run one with everything embedded, for the length of the block, whatever settings of their own somebody has."""
    with RunningSystem.sequora_dev(directory, dict.fromkeys(OUTSIDE, "")).running() as system:
        system.wait_until_ready()
        environment = read_environment(directory / "dev")
        engine = engine_for(postgres_url(environment["SUPABASE_DB_URL"]))
        yield ShownSystem(system.web, environment["TWILIO_API_BASE_URL"], Care(engine), system)
        engine.dispose()
        system.stop()
