"""A DAGSTER_HOME: the directory with the configuration that Dagster's processes read."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from sequora_orchestration.settings.processes import CodeServerSettings

TEMPLATES = Path(__file__).parent
FILES = ("dagster.yaml", "workspace.yaml")


class UnusableDirectoryError(Exception):
    """No file can be put into a directory; the message says why, and what to do."""


@contextmanager
def naming_the_directory(directory: Path, *, by: str) -> Iterator[None]:
    """Raise UnusableDirectoryError in place of an OSError; `by` is the option or variable for another directory."""
    try:
        yield
    except OSError as error:
        raise UnusableDirectoryError(
            f"nothing can be put into {directory} ({error.strerror}): give another directory by {by}"
        ) from None


def furnish(home: Path, *, overwrite: bool = False) -> list[Path]:
    """Put `dagster.yaml` and `workspace.yaml` into `home`, which is made if need be; return the files written.

    A file that is there already may be the operator's, and stays, unless `overwrite` is set. Raises
    UnusableDirectoryError.
    """
    written = []
    with naming_the_directory(home, by="DAGSTER_HOME"):
        home.mkdir(parents=True, exist_ok=True)
        for name in FILES:
            target = home / name
            if overwrite or not target.exists():
                target.write_text((TEMPLATES / name).read_text(encoding="utf-8"), encoding="utf-8")
                written.append(target)
    return written


def code_server_in(home: Path) -> str | None:
    """Return host and port of the code server that `workspace.yaml` in `home` names; None if it names none.

    Values that the file takes from the environment are read from our settings. Raises yaml.YAMLError and SettingError.
    """
    workspace = yaml.safe_load((home / "workspace.yaml").read_text(encoding="utf-8"))
    settings = CodeServerSettings.load()
    from_settings = {"SEQUORA_CODE_HOST": settings.sequora_code_host, "SEQUORA_CODE_PORT": settings.sequora_code_port}
    try:
        server = workspace["load_from"][0]["grpc_server"]
        named = [server["host"], server["port"]]
        host, port = (from_settings[one["env"]] if isinstance(one, dict) else one for one in named)
    except (IndexError, KeyError, TypeError):
        return None
    return f"{host}:{port}"


def changed_sections(home: Path) -> list[str]:
    """Return the sections of `dagster.yaml` in `home` that differ from this version's. Raises yaml.YAMLError."""
    ours, theirs = (
        yaml.safe_load((directory / "dagster.yaml").read_text(encoding="utf-8")) for directory in (TEMPLATES, home)
    )
    if not isinstance(theirs, dict):
        return sorted(ours)
    return sorted(name for name in ours | theirs if ours.get(name) != theirs.get(name))
