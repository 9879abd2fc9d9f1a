"""The page of all settings, and the example of an environment file."""

import re
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from docs.settings_page import EVERY, PAGE, page
from sequora_orchestration import settings
from sequora_orchestration.settings.environment import Environment

ROOT = Path(__file__).parents[2]

# Between our own processes, or for Dagster's: nobody sets them.
INTERNAL = {
    "DAGSTER_DAEMON_HEARTBEAT_TOLERANCE",
    "DAGSTER_RUN_STATUS_SENSOR_FETCH_LIMIT",
    "DAGSTER_RUN_STATUS_SENSOR_PROCESS_LIMIT",
    "SEQUORA_DEV_DIRECTORY",
    "SEQUORA_PHONE_INBOX",
}
# The Procfile has a default for it, and one host needs no other.
PORTS = {"SEQUORA_WEB_PORT"}


def variables() -> set[str]:
    """Return the variables of the environment that stand anywhere in the package, as text or in a shell."""
    package = ROOT / "sequora_orchestration"
    read = [path for path in package.rglob("*") if path.suffix in {".py", ".yaml"} or path.name == "Procfile"]
    named = re.compile(r"\b(?:SEQUORA|TWILIO|DAGSTER|SUPABASE)_[A-Z_]+\b(?! ?[=,\]:)])")
    return {name for path in read for name in named.findall(path.read_text(encoding="utf-8"))} - INTERNAL


def test_the_page_is_what_the_code_says() -> None:
    """`make settings-page` makes it anew."""
    assert PAGE.read_text(encoding="utf-8") == page()


def test_every_variable_is_on_the_page_with_what_it_is_and_its_default() -> None:
    """Whatever reads it: the code, a configuration file or the Procfile."""
    rows = dict(re.findall(r"^\| `(\w+)` \| (.+ \| .+) \|$", page(), flags=re.MULTILINE))
    assert variables() <= rows.keys()
    assert all(len(what) > len("none: it must be set | ") for what in rows.values())


def test_the_example_of_an_environment_file_has_every_variable() -> None:
    """With the defaults that the code has."""
    example = set(re.findall(r"^#(\w+)=", (ROOT / ".env.example").read_text(encoding="utf-8"), flags=re.MULTILINE))
    on_the_page = set(re.findall(r"^\| `(\w+)` ", page(), flags=re.MULTILINE))
    assert on_the_page - example - PORTS == set()


def test_every_class_of_settings_is_on_the_page() -> None:
    """One that is not would have no row, and nobody would know that it can be set."""
    for module in iter_modules(settings.__path__, f"{settings.__name__}."):
        import_module(module.name)
    there = {one for one in Environment.__subclasses__() if one.__module__.startswith(f"{settings.__name__}.")}
    assert there == set(EVERY)
