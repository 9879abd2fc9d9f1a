"""PgBouncer. In transaction mode, as Supabase's port 6543, a statement may come to another connection than the last."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from running_system import eventually
from sqlalchemy import make_url

from sequora_orchestration.local.ports import free_port, is_free

# Debian installs it where a plain user does not look.
PGBOUNCER = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


@contextmanager
def pooler(
    directory: Path, server_url: str, *, password: str, mode: Literal["session", "transaction"] = "transaction"
) -> Iterator[str]:
    """Run a pooler before `server_url`, which asks that URL's user for a password; yield the URL to use instead."""
    assert PGBOUNCER, "pgbouncer is not installed"
    port, url = free_port(), make_url(server_url)
    socket_directory = Path(str(url.query["host"]))
    directory.mkdir()
    (directory / "users").write_text(f'"{url.username}" "{password}"\n', encoding="utf-8")
    configuration = directory / "pgbouncer.ini"
    configuration.write_text(
        "\n".join(
            [
                "[databases]",
                f"{url.database} = host={socket_directory}",
                "[pgbouncer]",
                "listen_addr = 127.0.0.1",
                f"listen_port = {port}",
                "unix_socket_dir =",
                "auth_type = scram-sha-256",
                f"auth_file = {directory / 'users'}",
                f"pool_mode = {mode}",
                "default_pool_size = 5",
                # It refuses to run as root; the user that the server runs as may connect to the server's socket.
                f"user = {(socket_directory / '.s.PGSQL.5432').owner()}" if os.getuid() == 0 else "",
            ]
        ),
        encoding="utf-8",
    )
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen([PGBOUNCER, str(configuration)], stdout=log, stderr=log)
    try:
        eventually(lambda: not is_free(port), within=10, what="the pooler listens")
        yield (
            url.set(password=password, host="127.0.0.1", port=port)
            .difference_update_query(["host"])
            .render_as_string(hide_password=False)
        )
    finally:
        process.terminate()
        process.wait(timeout=10)
