"""A DAGSTER_HOME: the directory with the configuration that Dagster's processes read."""

from pathlib import Path

import yaml

TEMPLATES = Path(__file__).parent
FILES = ("dagster.yaml", "workspace.yaml")
CODE_PORT = 4266


def furnish(home: Path, *, code_port: int = CODE_PORT, overwrite: bool = False) -> list[Path]:
    """Put `dagster.yaml` and `workspace.yaml` into `home`, which is made if need be; return what was written.

    What is there already is somebody's and stays, unless told otherwise. `code_port` is where the code server listens.
    """
    home.mkdir(parents=True, exist_ok=True)
    written = []
    for name in FILES:
        target = home / name
        if overwrite or not target.exists():
            text = (TEMPLATES / name).read_text(encoding="utf-8")
            target.write_text(text.replace(f"port: {CODE_PORT}", f"port: {code_port}"), encoding="utf-8")
            written.append(target)
    return written


def code_port_of(home: Path) -> int | None:
    """Return the port that `workspace.yaml` in `home` names, or None if there is no such file."""
    workspace = home / "workspace.yaml"
    if not workspace.exists():
        return None
    return int(yaml.safe_load(workspace.read_text(encoding="utf-8"))["load_from"][0]["grpc_server"]["port"])


def of_its_own(home: Path) -> list[str]:
    """Return the sections of `dagster.yaml` in `home` that are not as this version has them. Raises yaml.YAMLError."""
    ours, theirs = (
        yaml.safe_load((directory / "dagster.yaml").read_text(encoding="utf-8")) for directory in (TEMPLATES, home)
    )
    if not isinstance(theirs, dict):
        return sorted(ours)
    return sorted(name for name in ours | theirs if ours.get(name) != theirs.get(name))
