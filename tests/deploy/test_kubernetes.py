"""The manifests in `deploy/kubernetes`, by the schemas of Kubernetes, and by the Procfile and the settings."""

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from process_settings import COMMANDS, FIELDS, OF_DAGSTER_ALONE, REQUIRED, SECRETS, read_by
from running_system import ROOT

DIRECTORY = ROOT / "deploy" / "kubernetes"
KUSTOMIZATION = DIRECTORY / "kustomization.yaml"
PAGE = ROOT / "docs" / "kubernetes.md"

# Nobody's values: it is filled in elsewhere.
EXAMPLE = "secrets.example.yaml"

IMAGE = "sequora-orchestration"


def manifests(name: str) -> list[dict[str, Any]]:
    """Return the manifests of a file."""
    return list(yaml.safe_load_all((DIRECTORY / name).read_text(encoding="utf-8")))


KUSTOMIZED: dict[str, Any] = manifests(KUSTOMIZATION.name)[0]
APPLIED = [manifest for name in KUSTOMIZED["resources"] for manifest in manifests(name)]
SECRETS_THERE = {secret["metadata"]["name"]: secret["stringData"] for secret in manifests(EXAMPLE)}
CONFIGURED: dict[str, str] = manifests("settings.yaml")[0]["data"]


def of_kind(kind: str) -> dict[str, dict[str, Any]]:
    """Return the manifests of a kind that are applied, by name."""
    return {one["metadata"]["name"]: one for one in APPLIED if one["kind"] == kind}


PODS: dict[str, dict[str, Any]] = {
    name: one["spec"]["template"] for kind in ("Deployment", "Job") for name, one in of_kind(kind).items()
}
"""The pods, by who makes them."""


def containers() -> Iterator[tuple[str, dict[str, Any]]]:
    """Return every container, with the name of its pod's maker."""
    for maker, pod in PODS.items():
        for container in pod["spec"]["containers"]:
            yield maker, container


OURS = {one["name"]: one for _, one in containers() if one["image"] == IMAGE}
"""The containers of our image, by name."""


def given_to(container: dict[str, Any]) -> dict[str, str]:
    """Return the variables that a container is given, with where each comes from: `config`, `secret` or its value."""
    given: dict[str, str] = {}
    for source in container.get("envFrom", ()):
        if "configMapRef" in source:
            assert source["configMapRef"] == {"name": "sequora"}
            given |= dict.fromkeys(CONFIGURED, "config")
        else:
            given |= dict.fromkeys(SECRETS_THERE[source["secretRef"]["name"]], "secret")
    for variable in container.get("env", ()):
        if key := variable.get("valueFrom", {}).get("secretKeyRef"):
            assert key["key"] in SECRETS_THERE[key["name"]]
        given[variable["name"]] = variable.get("value", "secret")
    return given


@pytest.mark.parametrize("name", sorted(path.name for path in DIRECTORY.iterdir() if path != KUSTOMIZATION))
def test_the_schemas_of_kubernetes_know_every_field(name: str) -> None:
    """Of the version whose schemas are installed; a field that does not exist would be ignored by a cluster."""
    for manifest in manifests(name):
        kubernetes_validate.validate(manifest, kubernetes_validate.latest_version(), strict=True)


def test_the_kustomization_lists_what_is_there() -> None:
    """But for the example of Secrets, whose values nobody would want to be applied."""
    there = {path.name for path in DIRECTORY.iterdir()}
    assert sorted(KUSTOMIZED["resources"]) == sorted(there - {KUSTOMIZATION.name, EXAMPLE})
    assert [image["name"] for image in KUSTOMIZED["images"]] == [IMAGE]


def test_kustomize_puts_everything_into_the_namespace_and_names_the_image() -> None:
    """As `kubectl apply -k` would send it."""
    kubectl = shutil.which("kubectl")
    if not kubectl:
        assert not os.environ.get("CI"), "kubectl is missing"
        pytest.skip("kubectl is not installed")
    result = subprocess.run([kubectl, "kustomize", str(DIRECTORY)], check=True, capture_output=True, text=True)
    made = list(yaml.safe_load_all(result.stdout))
    assert len(made) == len(APPLIED)
    assert {one["metadata"].get("namespace") for one in made if one["kind"] != "Namespace"} == {"sequora"}
    (image,) = KUSTOMIZED["images"]
    images = [
        container["image"]
        for one in made
        if "template" in one.get("spec", {})
        for container in one["spec"]["template"]["spec"]["containers"]
    ]
    assert images.count(f"{image['newName']}:{image['newTag']}") == len(OURS)


def test_each_line_of_the_procfile_is_a_container_and_beside_them_the_migration() -> None:
    """What runs once shares a pod; workers have pods of their own."""
    assert {name: one["args"] for name, one in OURS.items()} == {
        **{name: [name] for name in COMMANDS},
        "migration": ["sequora", "migrate", "--despite-log"],
    }
    assert not any("command" in one for one in OURS.values())
    makers = {container["name"]: maker for maker, container in containers()}
    assert makers == {
        **dict.fromkeys(COMMANDS, "sequora-control"),
        "worker": "sequora-worker",
        "migration": "sequora-migration",
        "broker": "sequora-broker",
    }


@pytest.mark.parametrize("process", [*COMMANDS, "migration"])
def test_a_process_is_given_what_it_needs_and_no_variable_that_does_not_exist(process: str) -> None:
    """A required one is in the ConfigMap or in the Secret; any other may be added there."""
    given = given_to(OURS[process])
    assert given.keys() <= FIELDS.keys() | read_by(process)
    assert given.keys() >= {*REQUIRED & read_by(process), "DAGSTER_HOME"}
    assert given["DAGSTER_HOME"] == "/var/lib/sequora"
    if process in OF_DAGSTER_ALONE:
        assert {name for name, source in given.items() if source == "secret"} == SECRETS & read_by(process)
    else:
        assert given.keys() >= CONFIGURED.keys() | SECRETS_THERE["sequora"].keys()


def test_secrets_stand_in_secrets_and_nothing_else_does() -> None:
    """What our code shows nowhere is a secret. The example has no value."""
    assert not CONFIGURED.keys() & SECRETS
    assert SECRETS_THERE["sequora"].keys() == SECRETS
    assert not [value for secret in SECRETS_THERE.values() for value in secret.values() if value]


def test_the_code_server_is_on_the_pods_loopback_and_the_web_ui_is_not() -> None:
    """So nobody outside the pod reaches the first, whatever the cluster's network does."""
    assert given_to(OURS["code"])["SEQUORA_CODE_HOST"] == "127.0.0.1"
    assert given_to(OURS["web"])["SEQUORA_WEB_HOST"] == "0.0.0.0"  # noqa: S104
    assert OURS["web"]["ports"] == [{"name": "web", "containerPort": 3000}]
    assert [maker for maker, one in containers() if "ports" in one] == ["sequora-broker", "sequora-control"]


def test_services_lead_to_the_web_ui_and_to_the_broker_alone() -> None:
    """By labels and names of ports that are there."""
    leads_to = {}
    for name, service in of_kind("Service").items():
        (maker,) = [maker for maker, pod in PODS.items() if pod["metadata"]["labels"] == service["spec"]["selector"]]
        (port,) = service["spec"]["ports"]
        (container,) = [
            one["name"]
            for one in PODS[maker]["spec"]["containers"]
            if port["targetPort"] in {open_["name"] for open_ in one.get("ports", ())}
        ]
        leads_to[name] = container
    assert leads_to == {"sequora-web": "web", "sequora-broker": "broker"}


def test_nobody_reaches_a_pod_but_by_a_policy_that_names_who_and_which_port() -> None:
    """The first policy closes every pod; two open one port each."""
    policies = {name: one["spec"] for name, one in of_kind("NetworkPolicy").items()}
    assert policies.pop("nobody") == {"podSelector": {}, "policyTypes": ["Ingress"]}
    opened = {}
    for name, policy in policies.items():
        (rule,) = policy["ingress"]
        (sources,) = rule["from"]
        opened[name] = (policy["podSelector"]["matchLabels"], sources["podSelector"], rule["ports"])
    of_ours = [
        {"key": "app.kubernetes.io/name", "operator": "In", "values": ["sequora"]},
        {"key": "app.kubernetes.io/component", "operator": "In", "values": ["control", "worker"]},
    ]
    assert opened == {
        "broker": (labels_of("sequora-broker"), {"matchExpressions": of_ours}, [{"protocol": "TCP", "port": "broker"}]),
        "web": (
            labels_of("sequora-control"),
            {"matchLabels": {"sequora.com/reaches-web": "true"}},
            [{"protocol": "TCP", "port": "web"}],
        ),
    }
    assert [labels_of(f"sequora-{name}")["app.kubernetes.io/component"] for name in ("control", "worker")] == of_ours[
        1
    ]["values"]


def labels_of(maker: str) -> dict[str, str]:
    """Return the labels of a pod."""
    labels: dict[str, str] = PODS[maker]["metadata"]["labels"]
    return labels


def test_every_deployment_has_the_pods_that_it_makes_and_the_budget_is_the_workers() -> None:
    """A selector that fits no pod would be refused, or of no effect."""
    for name, deployment in of_kind("Deployment").items():
        assert deployment["spec"]["selector"]["matchLabels"] == labels_of(name)
    (budget,) = of_kind("PodDisruptionBudget").values()
    assert budget["spec"] == {
        "maxUnavailable": 1,
        "unhealthyPodEvictionPolicy": "AlwaysAllow",
        "selector": {"matchLabels": labels_of("sequora-worker")},
    }


def test_there_is_one_daemon_and_the_old_one_ends_before_the_new_one_starts() -> None:
    """Workers are many, and replaced one after the other."""
    deployments = {name: one["spec"] for name, one in of_kind("Deployment").items()}
    control, worker = deployments["sequora-control"], deployments["sequora-worker"]
    assert (control["replicas"], control["strategy"]) == (1, {"type": "Recreate"})
    assert worker["replicas"] > 1
    assert "strategy" not in worker


@pytest.mark.parametrize("maker", PODS)
def test_no_pod_has_rights_or_writes_to_its_image(maker: str) -> None:
    """As the namespace's `restricted` wants it, and more: the image is read only, and the cluster gives it no token.

    The cluster's variables for Services are left out: one would be SEQUORA_WEB_PORT, which the Procfile reads.
    """
    (namespace,) = of_kind("Namespace").values()
    assert namespace["metadata"]["labels"] == {"pod-security.kubernetes.io/enforce": "restricted"}
    spec = PODS[maker]["spec"]
    assert (spec["automountServiceAccountToken"], spec["enableServiceLinks"]) == (False, False)
    assert spec["securityContext"]["runAsNonRoot"]
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["securityContext"]["runAsUser"] == (999 if maker == "sequora-broker" else 10001)
    volumes = {volume["name"]: volume for volume in spec["volumes"]}
    mounted = [mount["name"] for one in spec["containers"] for mount in one["volumeMounts"]]
    assert set(mounted) == volumes.keys()
    for one in spec["containers"]:
        assert one["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert one["resources"]["requests"].keys() == {"cpu", "memory"}
        assert one["resources"]["limits"].keys() == {"memory"}
        if one["image"] == IMAGE:
            mounts = {mount["mountPath"]: mount["name"] for mount in one["volumeMounts"]}
            assert mounted.count(mounts["/var/lib/sequora"]) == 1
            assert "emptyDir" in volumes[mounts["/var/lib/sequora"]]
            assert volumes[mounts["/tmp"]]["emptyDir"]["medium"] == "Memory"  # noqa: S108


def test_each_process_is_looked_at_by_its_own_name() -> None:
    """The web UI alone decides whether its pod is ready, and a worker whether it is."""
    probes = {
        name: {probe: one[probe]["exec"]["command"] for probe in one if probe.endswith("Probe")}
        for name, one in OURS.items()
    }
    for name in COMMANDS:
        assert all(command == ["sequora", "healthy", name] for command in probes[name].values())
        assert "livenessProbe" in probes[name]
    assert {name for name, there in probes.items() if "readinessProbe" in there} == {"web", "worker"}
    assert probes["migration"] == {}


def test_what_asks_a_database_or_the_broker_is_not_started_again_while_they_are_away() -> None:
    """A cluster waits longer before each start, up to five minutes, unless the last one was ten minutes before."""
    for name in ("daemon", "worker"):
        probe = OURS[name]["livenessProbe"]
        assert probe["periodSeconds"] * probe["failureThreshold"] >= 600


def test_a_pod_has_a_minute_to_end() -> None:
    """As the units of systemd have."""
    for maker in ("sequora-control", "sequora-worker"):
        assert PODS[maker]["spec"]["terminationGracePeriodSeconds"] == 60


def commands_on_the_page() -> list[list[str]]:
    """Return the arguments of every `kubectl` on the page."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines() if line.startswith("kubectl ")]
    assert lines
    return [shlex.split(line, comments=True)[1:] for line in lines]


@pytest.mark.parametrize("arguments", commands_on_the_page(), ids=" ".join)
def test_kubectl_knows_every_command_of_the_page(arguments: list[str], tmp_path: Path) -> None:
    """Each gets as far as to the cluster that is not there, or needs none."""
    kubectl = shutil.which("kubectl")
    if not kubectl:
        assert not os.environ.get("CI"), "kubectl is missing"
        pytest.skip("kubectl is not installed")
    (tmp_path / "secrets.yaml").write_text((DIRECTORY / EXAMPLE).read_text(encoding="utf-8"), encoding="utf-8")
    for file in ("map.toml", "texts.toml"):
        (tmp_path / file).touch()
    (tmp_path / "deploy").symlink_to(ROOT / "deploy")
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "KUBECONFIG": str(tmp_path / "none")}
    command = [kubectl, "--server=http://127.0.0.1:9", *arguments]
    result = subprocess.run(command, check=False, capture_output=True, text=True, cwd=tmp_path, env=environment)
    assert "127.0.0.1:9" in result.stderr
    assert "connection" in result.stderr.lower()
