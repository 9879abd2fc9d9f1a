"""Asking the code server whether it is there, at the address where web server and daemon look for it."""

import os
from pathlib import Path

import grpc
from grpc_health.v1.health_pb2 import HealthCheckRequest
from grpc_health.v1.health_pb2_grpc import HealthStub

from sequora_orchestration.instance.home import code_server_in
from sequora_orchestration.settings.processes import CodeServerSettings

# Seconds. It answers within some milliseconds.
PATIENCE = 2

# The name under which it reports its health, in gRPC's health protocol.
SERVICE = "DagsterApi"


def expected_address() -> str:
    """Return the host and port that `workspace.yaml` in DAGSTER_HOME names; the settings' if it names none.

    Raises SettingError and yaml.YAMLError.
    """
    home = os.environ.get("DAGSTER_HOME")
    named = code_server_in(Path(home)) if home and (Path(home) / "workspace.yaml").is_file() else None
    return named or CodeServerSettings.load().address


def trouble_at(address: str) -> str | None:
    """Return the trouble with the code server at an address; None if it answers."""
    with grpc.insecure_channel(address) as channel:
        try:
            HealthStub(channel).Check(HealthCheckRequest(service=SERVICE), timeout=PATIENCE)
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.UNAVAILABLE:
                return f"no code server answers at {address}"
            if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
                return f"the code server at {address} does not answer within {PATIENCE} s"
            return f"what answers at {address} is no code server"
    return None
