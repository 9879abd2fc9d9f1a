"""The processes of the running system: where they listen and find each other, and how they log.

Not here: the databases (`database`), and who is told when something is amiss (`alarms`).
"""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from sequora_orchestration.settings.addresses import HttpUrl, RedisUrl
from sequora_orchestration.settings.environment import Environment


class WebSettings(Environment):
    """The web UI, as the people who run it reach it."""

    sequora_web_url: HttpUrl = Field(
        title="the web UI, which `sequora timeline` and alarms link to; `sequora dev` sets it",
        default="http://127.0.0.1:3000",
        description="give the address of Dagster's web UI, http://127.0.0.1:3000.",
    )

    def run_url(self, run_id: str) -> str:
        """Return the address of a run's page."""
        return f"{self.sequora_web_url}/runs/{run_id}"


def _host(value: str) -> str:
    if not re.fullmatch(r"[\w.-]+|\[[\da-fA-F:.]+\]", value):
        raise ValueError("is not a host")
    return value


class CodeServerSettings(Environment):
    """Where the code server listens, and web server and daemon find it; it has no login."""

    sequora_code_host: Annotated[str, AfterValidator(_host)] = Field(
        title="the code server's host; where it listens, `0.0.0.0` is all of that machine's",
        default="127.0.0.1",
        description="give a name or an address, 127.0.0.1, without a port; one of IPv6 in brackets, [::1].",
    )
    sequora_code_port: Annotated[int, Field(ge=1, le=65535)] = Field(
        title="the code server's port", default=4266, description="give a port, 1 to 65535."
    )

    @property
    def address(self) -> str:
        """Host and port, `127.0.0.1:4266`."""
        return f"{self.sequora_code_host}:{self.sequora_code_port}"


class WorkerSettings(Environment):
    """Where warm workers take runs from."""

    sequora_broker_url: RedisUrl = Field(
        title="Redis or Valkey, `redis://…` or `rediss://…`: where the workers take runs from",
        repr=False,
        description="give the URL of a Redis or Valkey server, redis://host:6379/0, or run `sequora dev`.",
    )


class MetricsSettings(Environment):
    """Where Prometheus finds the figures."""

    sequora_metrics_port: Annotated[int, Field(ge=1, le=65535)] | None = Field(
        title="the port at which `sequora heartbeat` serves `/metrics`, on all addresses of its machine or container "
        "([metrics](metrics.md)); by default it serves none",
        default=None,
        description="give a port, 1 to 65535, e.g. 9464, or leave it out.",
    )


class LogSettings(Environment):
    """How processes log."""

    sequora_log_format: Literal["text", "json"] = Field(
        title="`text`, or `json` for a JSON object a line",
        default="text",
        description="give text, for people, or json, for programs.",
    )
