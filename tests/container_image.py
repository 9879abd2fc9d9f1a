"""The container image in tests: built of a bare Debian, without a registry of images, and run by Podman as root.

Podman and Buildah keep everything in one directory that the tests delete: nothing of this machine's is touched.
"""

import os
import platform
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from left_behind import MARK
from running_system import ROOT
from servers import ENOUGH, MEMORY

IMAGE = "localhost/sequora-orchestration"
BASE = "localhost/python-base"

PROGRAMS = ("buildah", "mmdebstrap", "podman", "runc")

# Debian installs some of them where a plain user does not look.
PATH = f"{os.environ.get('PATH', '')}:/usr/sbin"

# As in the images that Debian and Python publish in a registry: no pages of manuals, no translations.
WITHOUT = ("/usr/share/doc/*", "/usr/share/locale/*", "/usr/share/man/*")

# Where a proxy stands between here and the package index, only this machine's certificates know it.
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")

# Not every machine lets a container have more files and processes than these. Nothing is kept outside of the directory.
STORAGE = """
[storage]
driver = "overlay"
graphroot = "{directory}/storage"
runroot = "{directory}/run"
"""
CONTAINERS = """
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
log_driver = "k8s-file"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "none"
lock_type = "file"
runtime = "runc"
tmp_dir = "{directory}/tmp"
"""


class CannotRunContainersError(Exception):
    """This machine cannot build or run containers; the message says why."""


@contextmanager
def containers() -> Iterator["Containers"]:
    """Yield what builds and runs containers, and end and delete all of it. Raises CannotRunContainersError."""
    if missing := [one for one in PROGRAMS if not shutil.which(one, path=PATH)]:
        raise CannotRunContainersError(f"not installed: {', '.join(missing)}")
    if os.getuid() != 0:
        raise CannotRunContainersError("the tests do not run as root")
    in_memory = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ENOUGH
    with TemporaryDirectory(prefix="sequora-image-", dir=MEMORY if in_memory else None) as directory:
        engine = Containers(Path(directory))
        try:
            yield engine
        finally:
            engine.end()


class Containers:
    """Builds the image, and runs containers of it."""

    def __init__(self, directory: Path) -> None:
        """Nothing is built yet."""
        self._directory = directory
        self._environment = {
            **os.environ,
            "PATH": PATH,
            "TMPDIR": str(directory),
            "CONTAINERS_STORAGE_CONF": str(directory / "storage.conf"),
            "CONTAINERS_CONF": str(directory / "containers.conf"),
        }
        (directory / "storage.conf").write_text(STORAGE.format(directory=directory), encoding="utf-8")
        (directory / "containers.conf").write_text(CONTAINERS.format(directory=directory), encoding="utf-8")

    def make_base(self) -> None:
        """Make a bare Debian with Python, and run it. Raises CannotRunContainersError."""
        release = platform.freedesktop_os_release()
        if release["ID"] != "debian":
            raise CannotRunContainersError(
                f"the base is made of this machine's own Debian, and this is {release['ID']}"
            )
        tar = self._directory / "base.tar"
        steps = (
            [
                *("mmdebstrap", "--quiet", "--variant=minbase", "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr"),
                *(f"--dpkgopt=path-exclude={path}" for path in WITHOUT),
                "--dpkgopt=force-unsafe-io",
                "--include=usr-is-merged,python3,python3-venv,ca-certificates",
                *(release["VERSION_CODENAME"], str(tar)),
            ],
            ["podman", "import", "--quiet", str(tar), BASE],
            ["podman", "run", "--rm", "--network=host", BASE, "true"],
        )
        for step in steps:
            done = self._do(*step, check=False)
            if done.returncode:
                lines = done.stderr.strip().splitlines()
                raise CannotRunContainersError(
                    f"{' '.join(step[:2])} failed: {lines[-1] if lines else 'without a word'}"
                )
        tar.unlink()

    def build(self) -> None:
        """Build the image as docs/containers.md says, on that base."""
        trusted = [f"--volume={CERTIFICATES}:{CERTIFICATES}:ro"] if CERTIFICATES.is_file() else []
        containerfile = str(ROOT / "deploy" / "container" / "Containerfile")
        self._do(
            *("buildah", "bud", "--quiet", "--isolation=chroot", *trusted, f"--build-arg=BASE={BASE}"),
            *("--file", containerfile, "--tag", IMAGE, str(ROOT)),
        )

    def inspect(self, field: str) -> str:
        """Return a field of the image's description, in Go's template language."""
        return self._do("podman", "image", "inspect", "--format", f"{{{{{field}}}}}", IMAGE).stdout.strip()

    def run(
        self, *arguments: str, options: tuple[str, ...] = (), settings: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a container to its end."""
        return self._do(
            "podman", "run", "--rm", *self._options(settings or {}), *options, IMAGE, *arguments, check=False
        )

    def start(self, name: str, *arguments: str, options: tuple[str, ...] = (), settings: Mapping[str, str]) -> None:
        """Start a container of that name."""
        self._do("podman", "run", "--detach", "--name", name, *self._options(settings), *options, IMAGE, *arguments)

    def execute(self, name: str, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command in a container that runs."""
        return self._do("podman", "exec", name, *command, check=False)

    def stop(self, *names: str, within: int) -> dict[str, int]:
        """Tell containers to end, and kill what has not ended within so many seconds; return their exit codes."""
        self._do("podman", "stop", "--time", str(within), *names)
        codes = self._do("podman", "inspect", "--format", "{{.State.ExitCode}}", *names).stdout.split()
        return dict(zip(names, map(int, codes), strict=True))

    def output(self, name: str) -> str:
        """Return what a container has printed."""
        done = self._do("podman", "logs", name, check=False)
        return done.stdout + done.stderr

    def end(self) -> None:
        """End all containers, and let go of the directory."""
        self._do("podman", "rm", "--all", "--force", "--time", "0", check=False)
        self._do("umount", str(self._directory / "storage" / "overlay"), check=False)

    @staticmethod
    def _options(settings: Mapping[str, str]) -> list[str]:
        """Return the options of every container: what docs/containers.md promises is enough for it."""
        return [
            *("--network=host", "--read-only", "--read-only-tmpfs=false", "--tmpfs=/tmp", "--tmpfs=/var/lib/sequora"),
            *("--cap-drop=all", "--security-opt=no-new-privileges"),
            *(f"--env={name}={value}" for name, value in {**settings, MARK: os.environ[MARK]}.items()),
        ]

    def _do(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(command, env=self._environment, check=False, capture_output=True, text=True)
        assert not (check and done.returncode), (
            f"{' '.join(command[:2])} failed:\n{(done.stdout + done.stderr)[-5000:]}"
        )
        return done
