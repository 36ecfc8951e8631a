"""What the words of a scenario turn into: workloads and pods as Istio and Speedscale leave them."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from apps.simcluster.scenario import Scenario, load
from apps.simcluster.shapes.meta import Manifest

HEAD: dict[str, Any] = {
    "name": "tiny",
    "environment": "lab",
    "region": "eu-central-1",
    "owner_team": "platform",
    "kubernetes_version": "v1.32.9",
    "nodes": 3,
    "served_versions": {"networking.istio.io": ["v1"], "security.istio.io": ["v1"], "speedscale.com": ["v1"]},
    "users": [{"name": "console-reader", "role": "reader"}],
    "speedscale": {"version": "2.5.602"},
}
DEFAULT = [{"name": "default", "version": "1.27.3", "mesh": {"rootNamespace": "istio-system"}}]
INJECT = "sidecar.speedscale.com/inject"
CAPTURE = "capture.speedscale.com/enabled"
INITS = ["speedscale-initproxy-iptables", "speedscale-initproxy-smartdns"]


class World:
    """A scenario with one namespace `shop`, made of the given pieces and written to a file like any other."""

    def __init__(
        self,
        folder: Path,
        workloads: dict[str, Any],
        *,
        labels: dict[str, str] | None = None,
        istio: dict[str, Any] | None = None,
        replays: list[Any] | None = None,
    ) -> None:
        shop = {
            "labels": {"istio-injection": "enabled"} if labels is None else labels,
            "workloads": workloads,
            "replays": replays or [],
        }
        mesh = {"revisions": DEFAULT, "outdated_version": "1.25.5"} | (istio or {})
        path = folder / "tiny.yaml"
        path.write_text(
            yaml.safe_dump(HEAD | {"istio": mesh, "namespaces": {"shop": shop}}), encoding="utf-8"
        )
        self.scenario: Scenario = load(path)

    def every(self, kind: str) -> list[Manifest]:
        return [
            row
            for row in self.scenario.manifests
            if row["kind"] == kind and row["metadata"].get("namespace", "shop") == "shop"
        ]

    def one(self, kind: str, name: str) -> Manifest:
        return next(row for row in self.every(kind) if row["metadata"]["name"] == name)

    def pods(self, app: str) -> list[Manifest]:
        return [row for row in self.every("Pod") if row["metadata"]["labels"]["app"] == app]


def containers(spec_holder: Manifest) -> list[str]:
    return [row["name"] for row in spec_holder["spec"]["containers"]]


def inits(spec_holder: Manifest) -> list[str]:
    return [row["name"] for row in spec_holder["spec"].get("initContainers", [])]


def test_a_captured_workload_in_the_mesh_has_both_proxies_and_istios_redirection_comes_last(
    tmp_path: Path,
) -> None:
    world = World(tmp_path, {"cart": {"replicas": 2, "speedscale": "injected"}})
    deployment = world.one("Deployment", "cart")
    template = deployment["spec"]["template"]
    assert containers(template) == ["cart", "speedscale-goproxy"]
    assert deployment["metadata"]["annotations"][INJECT] == "true"
    assert deployment["metadata"]["labels"]["sidecar.speedscale.com/injected"] == "true"
    assert template["metadata"]["labels"]["sidecar.speedscale.com/injected"] == "true"
    pods = world.pods("cart")
    assert len(pods) == 2
    for pod in pods:
        assert containers(pod) == ["cart", "speedscale-goproxy", "istio-proxy"]
        assert inits(pod) == [*INITS, "istio-init"]
        meta = pod["metadata"]
        status = json.loads(meta["annotations"]["sidecar.istio.io/status"])
        assert status["revision"] == meta["annotations"]["istio.io/rev"] == "default"
        assert status["containers"] == ["istio-proxy"]
        assert meta["labels"]["security.istio.io/tlsMode"] == "istio"
        assert meta["labels"]["service.istio.io/canonical-name"] == "cart"
        assert {row["name"] for row in pod["status"]["containerStatuses"]} == set(containers(pod))
        proxy = next(row for row in pod["spec"]["containers"] if row["name"] == "istio-proxy")
        assert proxy["image"] == "docker.io/istio/proxyv2:1.27.3"


def test_native_sidecars_with_the_cni_agent_start_before_speedscales_init_containers(tmp_path: Path) -> None:
    istio = {"native_sidecars": True, "cni": True}
    world = World(tmp_path, {"cart": {"speedscale": "injected"}}, istio=istio)
    pod = world.pods("cart")[0]
    assert inits(pod) == ["istio-validation", "istio-proxy", *INITS]
    assert pod["spec"]["initContainers"][1]["restartPolicy"] == "Always"
    assert containers(pod) == ["cart", "speedscale-goproxy"]
    states = {row["name"]: row["state"] for row in pod["status"]["initContainerStatuses"]}
    assert "running" in states["istio-proxy"]
    assert "terminated" in states["istio-validation"]
    annotations = world.one("Deployment", "cart")["metadata"]["annotations"]
    assert annotations["sidecar.speedscale.com/istio-cni"] == "true"


def test_the_cni_annotation_can_be_forgotten(tmp_path: Path) -> None:
    world = World(tmp_path, {"cart": {"speedscale": "injected", "istio_cni": False}}, istio={"cni": True})
    assert (
        "sidecar.speedscale.com/istio-cni" not in world.one("Deployment", "cart")["metadata"]["annotations"]
    )


@pytest.mark.parametrize(
    ("state", "on_workload", "on_template"),
    [
        ("annotated", {INJECT}, set()),
        ("template-only", set(), {INJECT}),
        ("conflict", {INJECT, CAPTURE}, set()),
        ("ignored", {INJECT, "operator.speedscale.com/ignore"}, set()),
        ("ebpf", {CAPTURE}, set()),
        ("ebpf-template-only", set(), {CAPTURE}),
        ("switched-off", {INJECT}, set()),
    ],
)
def test_a_workload_that_speedscale_did_not_change_has_only_its_annotations(
    tmp_path: Path, state: str, on_workload: set[str], on_template: set[str]
) -> None:
    world = World(tmp_path, {"cart": {"speedscale": state}}, labels={})
    deployment = world.one("Deployment", "cart")
    template = deployment["spec"]["template"]
    assert {key for key in deployment["metadata"]["annotations"] if "speedscale" in key} == on_workload
    assert {key for key in template["metadata"].get("annotations", {}) if "speedscale" in key} == on_template
    assert containers(template) == ["cart"]
    assert all(containers(pod) == ["cart"] for pod in world.pods("cart"))


@pytest.mark.parametrize(("state", "rolled"), [("stale", 0), ("partial", 1)])
def test_a_rollout_that_stopped_leaves_pods_of_the_older_template(
    tmp_path: Path, state: str, rolled: int
) -> None:
    workloads = {
        "cart": {"replicas": 3, "speedscale": state},
        "ledger": {"kind": "StatefulSet", "replicas": 3, "speedscale": state},
        "agent": {"kind": "DaemonSet", "speedscale": state},
    }
    world = World(tmp_path, workloads)
    for kind, name in (("Deployment", "cart"), ("StatefulSet", "ledger"), ("DaemonSet", "agent")):
        workload = world.one(kind, name)
        assert "speedscale-goproxy" in containers(workload["spec"]["template"])
        pods = world.pods(name)
        assert len(pods) == 3
        assert sum("speedscale-goproxy" in containers(pod) for pod in pods) == rolled
        status = workload["status"]
        assert status.get("updatedReplicas", status.get("updatedNumberScheduled")) == rolled
    assert world.one("Deployment", "cart")["spec"]["paused"] is True
    assert world.one("StatefulSet", "ledger")["spec"]["updateStrategy"] == {"type": "OnDelete"}


def test_an_orphan_has_the_sidecar_and_nobody_who_asks_for_it(tmp_path: Path) -> None:
    world = World(tmp_path, {"cart": {"speedscale": "orphan"}})
    assert INJECT not in world.one("Deployment", "cart")["metadata"]["annotations"]
    assert all("speedscale-goproxy" in containers(pod) for pod in world.pods("cart"))


def test_the_java_agent_is_loaded_by_the_application_and_the_node_is_told_what_to_capture(
    tmp_path: Path,
) -> None:
    world = World(tmp_path, {"cart": {"speedscale": "java"}, "search": {"speedscale": "conflict"}})
    pod = world.pods("cart")[0]
    assert inits(pod)[0] == "speedscale-initproxy-java-agent"
    env = {row["name"]: row.get("value", "") for row in pod["spec"]["containers"][0]["env"]}
    assert env["JAVA_TOOL_OPTIONS"].endswith("=speedscale-nettap.speedscale:8000")
    targets = next(
        row
        for row in world.scenario.manifests
        if row["kind"] == "ConfigMap" and row["metadata"]["name"] == "speedscale-nettap-targets"
    )
    listed = yaml.safe_load(targets["data"]["targets.yaml"])["targets"]
    assert [row["name"] for row in listed] == ["shop-cart"]


@pytest.mark.parametrize(
    ("options", "labels", "proxy"),
    [
        ({}, {"istio-injection": "enabled"}, "1.27.3"),
        ({}, {}, None),
        ({}, {"istio-injection": "disabled"}, None),
        ({}, {"istio.io/rev": "removed-long-ago"}, None),
        ({"istio": "missing"}, {"istio-injection": "enabled"}, None),
        ({"istio": "excluded"}, {"istio-injection": "enabled"}, None),
        ({"istio": "outdated"}, {"istio-injection": "enabled"}, "1.25.5"),
        ({"istio": "injected"}, {"istio.io/rev": "removed-long-ago"}, "1.27.3"),
        ({"host_network": True}, {"istio-injection": "enabled"}, None),
        ({"pod_labels": {"sidecar.istio.io/inject": "true"}}, {}, "1.27.3"),
        ({"pod_labels": {"sidecar.istio.io/inject": "true"}}, {"istio-injection": "disabled"}, None),
    ],
)
def test_a_pod_gets_the_proxy_that_the_webhooks_would_give_it_unless_told_otherwise(
    tmp_path: Path, options: dict[str, Any], labels: dict[str, str], proxy: str | None
) -> None:
    world = World(tmp_path, {"cart": options}, labels=labels)
    images = [
        row["image"].rpartition(":")[2]
        for pod in world.pods("cart")
        for row in pod["spec"]["containers"]
        if row["name"] == "istio-proxy"
    ]
    assert images == ([proxy] * 2 if proxy else [])


def test_of_two_revisions_a_tag_on_the_namespace_wins_over_the_pods_own_label(tmp_path: Path) -> None:
    istio = {
        "revisions": [{"name": "1-27-3", "version": "1.27.3"}, {"name": "1-28-1", "version": "1.28.1"}],
        "tags": {"stable": "1-27-3", "canary": "1-28-1"},
    }
    workloads = {"cart": {}, "search": {"pod_labels": {"istio.io/rev": "canary"}}}
    tagged = World(tmp_path, workloads, labels={"istio.io/rev": "stable"}, istio=istio)
    bare = World(tmp_path, workloads, labels={}, istio=istio)
    for world, name, revision in (
        (tagged, "cart", "1-27-3"),
        (tagged, "search", "1-27-3"),
        (bare, "cart", None),
        (bare, "search", "1-28-1"),
    ):
        found = {pod["metadata"].get("annotations", {}).get("istio.io/rev") for pod in world.pods(name)}
        assert found == {revision}


def test_an_ambient_pod_is_redirected_and_has_no_proxy_of_its_own(tmp_path: Path) -> None:
    workloads = {"cart": {}, "batch": {"pod_labels": {"istio.io/dataplane-mode": "none"}}}
    labels = {"istio.io/dataplane-mode": "ambient"}
    world = World(tmp_path, workloads, labels=labels, istio={"ambient": True})
    assert all(containers(pod) == ["cart"] for pod in world.pods("cart"))
    key = "ambient.istio.io/redirection"
    assert {pod["metadata"]["annotations"][key] for pod in world.pods("cart")} == {"enabled"}
    assert not any(key in pod["metadata"].get("annotations", {}) for pod in world.pods("batch"))


def test_a_gateways_one_container_becomes_the_proxy(tmp_path: Path) -> None:
    scenario = World(tmp_path, {}, istio={"gateways": ["ingress"]}).scenario
    pods = [
        row
        for row in scenario.manifests
        if row["kind"] == "Pod" and row["metadata"]["namespace"] == "istio-ingress"
    ]
    assert len(pods) == 2
    for pod in pods:
        assert containers(pod) == ["istio-proxy"]
        assert pod["spec"]["containers"][0]["image"] == "docker.io/istio/proxyv2:1.27.3"
        assert pod["metadata"]["labels"]["istio"] == "ingressgateway"


def test_a_replay_runs_in_the_namespace_and_shows_on_the_workload_under_test(tmp_path: Path) -> None:
    replays = [{"name": "regression", "workload": "cart", "hosts": ["api.bank.example"]}]
    world = World(tmp_path, {"cart": {"speedscale": "injected"}}, replays=replays)
    workload = world.one("Deployment", "cart")
    assert workload["metadata"]["labels"]["replay.speedscale.com/env-id"] == "regression"
    pod = world.pods("cart")[0]
    assert "speedscale-initproxy-responder" in inits(pod)
    address = workload["metadata"]["annotations"]["replay.speedscale.com/responder-ip"]
    assert pod["spec"]["hostAliases"] == [{"ip": address, "hostnames": ["api.bank.example"]}]
    started = {
        row["metadata"]["name"].split("-")[1]
        for row in world.every("Deployment")
        if row["metadata"]["name"].startswith("speedscale-")
    }
    assert started == {"responder", "redis", "collector"}
    responder = next(row for row in world.every("Service") if "responder" in row["metadata"]["name"])
    assert responder["spec"]["clusterIP"] == address
    generator = next(row for row in world.every("Job") if "generator" in row["metadata"]["name"])
    assert generator["status"]["active"] == 1
    assert world.one("TrafficReplay", "regression")["spec"]["workloads"][0]["ref"]["name"] == "cart"


def test_a_cron_job_owns_its_last_run_whose_pod_has_finished(tmp_path: Path) -> None:
    world = World(tmp_path, {"nightly": {"kind": "CronJob"}})
    job = world.every("Job")[0]
    assert job["metadata"]["ownerReferences"][0]["uid"] == world.one("CronJob", "nightly")["metadata"]["uid"]
    pod = world.pods("nightly")[0]
    assert pod["metadata"]["ownerReferences"][0]["uid"] == job["metadata"]["uid"]
    assert pod["status"]["phase"] == "Succeeded"
    assert not any(row["ready"] for row in pod["status"]["containerStatuses"])
    schedule = world.one("CronJob", "nightly")
    run = datetime.strptime(schedule["status"]["lastScheduleTime"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    assert schedule["spec"]["schedule"] == f"{run.minute} * * * *"
    assert job["metadata"]["name"] == f"nightly-{int(run.timestamp()) // 60}"
