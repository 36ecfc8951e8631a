"""Capture: what annotations ask for against what templates and pods carry; where Speedscale is."""

from __future__ import annotations

from typing import Any

import pytest

from apps.mesh.analyse import analyse
from apps.mesh.capture import capture
from apps.mesh.coverage import coverage
from apps.mesh.hostsets import Tier, speedscale
from apps.mesh.refs import Manifest, ResourceRef
from apps.mesh.reports import CaptureCause, CaptureKind, CaptureReport, CaptureState
from apps.mesh.snapshot import Gap, Snapshot
from apps.mesh.speedscale import installs
from tests.mesh.rule_cases import laid

INJECT, EBPF = "sidecar.speedscale.com/inject", "capture.speedscale.com/enabled"
JAVA = "capture.speedscale.com/java-agent"
GOPROXY = {"name": "speedscale-goproxy", "image": "gcr.io/speedscale/goproxy:v2.5.602"}
NETTAP: Manifest = {
    "apiVersion": "apps/v1",
    "kind": "DaemonSet",
    "metadata": {"name": "speedscale-nettap", "namespace": "speedscale"},
    "spec": {
        "template": {"spec": {"hostNetwork": True, "containers": [{"name": "speedscale-nettap-capture"}]}}
    },
}
NETTAP_PODS: Manifest = {
    "apiVersion": "meshconsole.io/v1",
    "kind": "PodGroups",
    "metadata": {"name": "daemonset.speedscale-nettap", "namespace": "speedscale"},
    "owner": {"kind": "DaemonSet", "name": "speedscale-nettap"},
    "groups": [{"labels": {}, "containers": [{"name": "capture"}], "count": 3, "phase": "Running"}],
}
OPERATOR_PODS: Manifest = {
    **NETTAP_PODS,
    "metadata": {"name": "deployment.speedscale-operator", "namespace": "speedscale"},
    "owner": {"kind": "Deployment", "name": "speedscale-operator"},
}
AGENT = ("speedscale-initproxy-java-agent",)


def reported(
    annotations: dict[str, str],
    *,
    containers: tuple[Any, ...] = (),
    inits: tuple[str, ...] = (),
    labels: dict[str, str] | None = None,
    pods: tuple[dict[str, Any], ...] = (),
    more: tuple[Manifest, ...] = (),
    gaps: tuple[Gap, ...] = (),
) -> CaptureReport:
    base = laid("mesh", "speedscale")
    spec = {
        "containers": [{"name": "till"}, *containers],
        "initContainers": [{"name": name} for name in inits],
    }
    manifests: list[Manifest] = [
        *base.manifests(),
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "pos", "labels": {"team": "till"}}},
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {
                "name": "till",
                "namespace": "pos",
                "annotations": annotations,
                "labels": labels or {},
            },
            "spec": {"template": {"metadata": {"labels": {"app": "till"}}, "spec": spec}},
        },
        *more,
    ]
    if pods:
        manifests.append(
            {
                "apiVersion": "meshconsole.io/v1",
                "kind": "PodGroups",
                "metadata": {"namespace": "pos", "name": "deployment.till"},
                "owner": {"kind": "Deployment", "name": "till"},
                "groups": list(pods),
            }
        )
    snapshot = Snapshot.from_manifests(manifests, gaps=gaps)
    workload = snapshot.workload("pos", "till")
    assert workload is not None
    return capture(snapshot, workload)


def pod(count: int, *containers: Any, inits: tuple[str, ...] = ()) -> dict[str, Any]:
    return {
        "labels": {"app": "till"},
        "containers": [{"name": "till"}, *containers],
        "initContainers": [{"name": name} for name in inits],
        "count": count,
        "phase": "Running",
    }


def test_injected_template_and_pods_are_complete() -> None:
    found = reported({INJECT: "true"}, containers=(GOPROXY,), pods=(pod(2, GOPROXY),))
    assert (found.state, found.actual, found.pods_matching) == (CaptureState.COMPLETE, CaptureKind.SIDECAR, 2)


def test_a_container_of_another_name_is_known_by_its_image() -> None:
    renamed = {"name": "recorder", "image": "mirror.example/tools/goproxy@sha256:00"}
    assert reported({INJECT: "true"}, containers=(renamed,)).state is CaptureState.COMPLETE


def test_some_pods_are_older_than_the_template() -> None:
    found = reported({INJECT: "true"}, containers=(GOPROXY,), pods=(pod(1, GOPROXY), pod(2)))
    assert (found.state, found.cause) == (CaptureState.PARTIAL, CaptureCause.NOT_ROLLED)


def test_pods_that_could_not_be_read_make_it_unknown() -> None:
    gap = Gap("Pod", "pos", "forbidden")
    found = reported({INJECT: "true"}, containers=(GOPROXY,), gaps=(gap,))
    assert (found.state, found.cause) == (CaptureState.UNKNOWN, CaptureCause.NOT_READ)
    assert "forbidden" in found.reason


def test_webhooks_that_could_not_be_read_are_not_blamed() -> None:
    gap = Gap("MutatingWebhookConfiguration", "", "forbidden")
    assert reported({INJECT: "true"}, gaps=(gap,)).cause is CaptureCause.NOT_READ


@pytest.mark.parametrize(
    ("annotations", "inits", "kind", "state"),
    [
        ({EBPF: "true"}, (), CaptureKind.EBPF, CaptureState.COMPLETE),
        ({EBPF: "false"}, (), CaptureKind.NONE, CaptureState.OFF),
        ({EBPF: "true", JAVA: "true"}, AGENT, CaptureKind.EBPF_JAVA, CaptureState.COMPLETE),
        ({EBPF: "true", JAVA: "true"}, (), CaptureKind.EBPF_JAVA, CaptureState.MISSING),
    ],
)
def test_ebpf_leaves_pods_as_they_are_but_for_the_java_agent(
    annotations: dict[str, str], inits: tuple[str, ...], kind: CaptureKind, state: CaptureState
) -> None:
    found = reported(annotations, more=(NETTAP, NETTAP_PODS, OPERATOR_PODS), pods=(pod(2, inits=inits),))
    assert (found.expected, found.state) == (kind, state)


@pytest.mark.parametrize(
    ("annotations", "inits", "state"),
    [
        ({EBPF: "true"}, (), CaptureState.UNKNOWN),
        ({EBPF: "true", JAVA: "true"}, (), CaptureState.UNKNOWN),
        ({EBPF: "true", JAVA: "true"}, AGENT, CaptureState.COMPLETE),
    ],
)
def test_an_operator_that_is_away_tells_the_collector_nothing(
    annotations: dict[str, str], inits: tuple[str, ...], state: CaptureState
) -> None:
    more = (NETTAP, NETTAP_PODS)
    found = reported(annotations, more=more, pods=(pod(2, inits=inits),))
    assert found.state is state
    gap = Gap("Pod", "speedscale", "forbidden")
    assert reported({EBPF: "true"}, more=more, pods=(pod(1),), gaps=(gap,)).state is CaptureState.COMPLETE


@pytest.mark.parametrize(
    ("container", "inits", "state"),
    [
        ({"name": "goproxy", "image": "goproxy/goproxy:latest"}, (), CaptureState.OFF),
        ({"name": "athens", "image": "mirror.example/goproxy"}, (), CaptureState.OFF),
        (
            {"name": "a", "image": "mirror.example/goproxy"},
            ("speedscale-initproxy-iptables",),
            CaptureState.ORPHAN,
        ),
        ({"name": "a", "image": "mirror.example/speedscale/goproxy:v2"}, (), CaptureState.ORPHAN),
        ({"name": "speedscale-goproxy", "image": "x"}, (), CaptureState.ORPHAN),
    ],
)
def test_what_nobody_asked_for_is_speedscales_only_by_its_name(
    container: dict[str, str], inits: tuple[str, ...], state: CaptureState
) -> None:
    assert reported({}, containers=(container,), inits=inits).state is state


def test_a_collector_without_pods_captures_nothing() -> None:
    found = reported({EBPF: "true"}, more=(NETTAP,), pods=(pod(2),))
    assert (found.state, found.cause) == (CaptureState.MISSING, CaptureCause.NO_NETTAP)


def test_the_collectors_own_list_asks_for_whole_namespaces() -> None:
    text = "capture:\n  targets:\n    - name: tills\n      namespaceSelector: {matchLabels: {team: till}}\n"
    config: Manifest = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "speedscale-nettap", "namespace": "speedscale"},
        "data": {"config.yaml": text},
    }
    found = reported({}, more=(NETTAP, config))
    assert (found.expected, found.state) == (CaptureKind.EBPF, CaptureState.COMPLETE)
    assert found.ref == ResourceRef("ConfigMap", "speedscale", "speedscale-nettap")
    listed = reported({EBPF: "true"}, more=(NETTAP, NETTAP_PODS, config), pods=(pod(1),))
    assert listed.state is CaptureState.COMPLETE, "the list tells the collector, whatever the operator does"
    broken = {**config, "data": {"config.yaml": "capture: ["}}
    assert reported({}, more=(NETTAP, broken)).state is CaptureState.OFF


def test_an_operator_acts_beside_a_namespaced_installation_too() -> None:
    workload = (
        "apiVersion: apps/v1\nkind: Deployment\n"
        "metadata: {name: till, namespace: shop, annotations: {sidecar.speedscale.com/inject: 'true'}}\n"
    )
    for bases, words in ((("namespaced",), "proxymock"), (("namespaced", "speedscale"), "write it again")):
        snapshot = laid("mesh", *bases, more=workload)
        till = snapshot.workload("shop", "till")
        assert till is not None
        found = capture(snapshot, till)
        assert found.cause is CaptureCause.NOT_INJECTED
        assert words in found.reason


def test_a_replay_that_answers_for_others_counts_as_mocks() -> None:
    inits = ("speedscale-initproxy-responder",)
    labels = {"replay.speedscale.com/env-id": "replay-1"}
    found = reported({}, labels=labels, pods=(pod(2, inits=inits),))
    assert (found.actual, found.state, found.mocked) == (CaptureKind.MOCKS, CaptureState.COMPLETE, True)


def test_speedscales_own_parts_are_not_measured() -> None:
    snapshot = laid("mesh", "speedscale", "shop")
    operator = snapshot.workload("speedscale", "speedscale-operator")
    assert operator is not None
    assert capture(snapshot, operator).state is CaptureState.OFF


def test_the_namespace_of_an_installation_is_discovered() -> None:
    moved = [
        {**m, "metadata": {**m["metadata"], "namespace": "recording"}}
        for m in laid("speedscale").manifests()
        if m["kind"] == "Deployment"
    ]
    (install,) = installs(Snapshot.from_manifests(moved))
    assert (install.namespace, install.kind, install.version) == ("recording", "classic", "2.5.602")


def test_coverage_counts_the_workloads_of_applications_only() -> None:
    analysis = analyse(laid("mesh", "speedscale", "shop"), speedscale())
    count = analysis.coverage.count
    assert (count.total, count.covered, count.percent) == (1, 1, 100)
    assert [item.namespace for item in analysis.coverage.namespaces] == ["shop"]
    captures = {report.ref: report.capture for report in analysis.workloads}
    assert analysis.coverage == coverage(captures, analysis.installs, {"istio-system"})


def test_what_asks_for_capture_counts_wherever_it_is() -> None:
    analysis = analyse(laid("mesh", "speedscale", "shop"), speedscale())
    captures = {report.ref: report.capture for report in analysis.workloads}
    (shop,) = (ref for ref in captures if ref.namespace == "shop")
    found = coverage(captures, analysis.installs, {"istio-system", "shop"})
    assert captures[shop].wanted
    assert (found.count.wanted, found.count.by_kind) == (1, ((captures[shop].expected.value, 1),))


def test_coverage_of_nothing_has_no_percentage() -> None:
    assert coverage({}).count.percent is None


def test_the_first_edition_has_the_pages_twelve_hosts_in_three_tiers() -> None:
    hosts = speedscale().hosts
    assert len({host.host for host in hosts}) == 12
    tiers = [host.tier for host in hosts]
    assert [tiers.count(tier) for tier in Tier] == [6, 4, 2]
    assert all((host.port, host.protocol) == (443, "TLS") for host in hosts)


def test_a_region_is_in_every_host_that_has_one() -> None:
    assert not [host.host for host in speedscale("eu-west-1").hosts if "us-east-1" in host.host]
