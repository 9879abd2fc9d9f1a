"""`sequora dev` with everything embedded, as somebody has it who tries the project out."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from care import Care
from running_system import RunningSystem

from sequora_orchestration.local.demo import OUTSIDE
from sequora_orchestration.local.environment import read_environment
from sequora_orchestration.resources.database import engine_for
from sequora_orchestration.settings import postgres_url


@dataclass(frozen=True, slots=True)
class EmbeddedSystem:
    """Where its pages are, and its application."""

    web: str
    inbox: str
    care: Care
    running: RunningSystem


@contextmanager
def embedded_system(directory: Path) -> Iterator[EmbeddedSystem]:
    """Run it for the length of the block, whatever settings of a system of their own somebody has."""
    system = RunningSystem.sequora_dev(directory, dict.fromkeys(OUTSIDE, ""))
    system.start()
    try:
        system.wait_until_ready()
        environment = read_environment(directory / "dev")
        engine = engine_for(postgres_url(environment["SUPABASE_DB_URL"]))
        yield EmbeddedSystem(system.web, environment["TWILIO_API_BASE_URL"], Care(engine), system)
        engine.dispose()
    finally:
        system.stop()
