"""Egress scopes: workloads that Istio treats alike share one, and sharing never changes a verdict."""

from __future__ import annotations

import gzip
import json
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from apps.mesh.egress import EgressEngine
from apps.mesh.snapshot import Snapshot
from apps.mesh.verdicts import Destination, Protocol

RECORDED = Path(__file__).parent.parent / "recorded" / "istiod-answers.jsonl.gz"
CONFIG = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "istio", "namespace": "istio-system"},
    "data": {"mesh": "outboundTrafficPolicy: {mode: REGISTRY_ONLY}"},
}


def groups(
    name: str, *, namespace: str = "shop", proxy: bool = True, annotations: Any = None, labels: Any = None
) -> dict[str, Any]:
    """The pods of a Deployment that is known only by them."""
    containers = [{"name": "app"}, *([{"name": "istio-proxy", "image": "proxyv2:1.27.3"}] if proxy else [])]
    group = {
        "labels": labels or {"app": name},
        "annotations": annotations or {},
        "containers": containers,
        "count": 2,
    }
    return {
        "apiVersion": "meshconsole.io/v1",
        "kind": "PodGroups",
        "metadata": {"name": f"deployment.{name}", "namespace": namespace},
        "owner": {"kind": "Deployment", "name": name},
        "groups": [group],
    }


def sidecar(namespace: str, name: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "Sidecar",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"egress": [{"hosts": ["./*"]}], **spec},
    }


def test_what_sets_scopes_apart_is_in_their_labels() -> None:
    excluded = {"traffic.sidecar.istio.io/excludeOutboundPorts": "443"}
    snapshot = Snapshot.from_manifests(
        [
            CONFIG,
            groups("web"),
            groups("api"),
            groups("cron", annotations=excluded),
            groups("legacy", proxy=False),
            groups("mesh", proxy=False, annotations={"ambient.istio.io/redirection": "enabled"}),
            groups("pay", namespace="pay"),
            groups("special", namespace="pay"),
            sidecar("pay", "default"),
            sidecar("pay", "special", workloadSelector={"labels": {"app": "special"}}),
        ]
    )
    scopes = EgressEngine(snapshot).scopes()
    found = {(scope.namespace, scope.label): [ref.name for ref in scope.workloads] for scope in scopes}
    assert found == {
        ("shop", "namespace default"): ["api", "web"],
        ("shop", "excludes port 443"): ["cron"],
        ("shop", "no sidecar"): ["legacy"],
        ("shop", "ambient"): ["mesh"],
        ("pay", "Sidecar pay/default"): ["pay"],
        ("pay", "Sidecar pay/special"): ["special"],
    }
    assert len({scope.key for scope in scopes}) == len(scopes)


def test_the_key_of_a_scope_outlives_new_workloads_pods_and_objects() -> None:
    before = EgressEngine(Snapshot.from_manifests([CONFIG, groups("web")])).scopes()
    after = EgressEngine(
        Snapshot.from_manifests([groups("aaa"), groups("web"), CONFIG, groups("x", namespace="y")])
    )
    assert before[0].key in {scope.key for scope in after.scopes()}


def test_routes_by_source_labels_split_a_namespace() -> None:
    route = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "r", "namespace": "shop"},
        "spec": {
            "hosts": ["x.com"],
            "http": [
                {"match": [{"sourceLabels": {"tier": "a"}}], "route": [{"destination": {"host": "y.com"}}]}
            ],
        },
    }
    one, two = groups("one", labels={"tier": "a"}), groups("two", labels={"tier": "b"})
    assert len(EgressEngine(Snapshot.from_manifests([CONFIG, one, two])).scopes()) == 1
    assert len(EgressEngine(Snapshot.from_manifests([CONFIG, one, two, route])).scopes()) == 2


def test_grouping_never_changes_a_verdict() -> None:
    """Each recorded workload is asked in an engine of its own, and through its scope's representative."""
    with gzip.open(RECORDED) as file:
        cases = [json.loads(line) for number, line in enumerate(file) if number % 9 == 0]
    asked = 0
    for case in cases:
        snapshot = Snapshot.from_manifests(case["manifests"])
        shared = EgressEngine(snapshot)
        for probe in case["probes"][::5]:
            workload = snapshot.workload(*probe["workload"].split("/"))
            assert workload is not None
            destination = Destination(probe["host"], probe["port"], Protocol(probe["protocol"]), probe["ip"])
            scope = shared.scope_of(workload)
            assert workload.ref in scope.workloads
            alone = EgressEngine(snapshot).answer(workload, destination)
            through = shared.answer(scope.representative, destination)
            assert (alone.verdict, alone.cluster) == (through.verdict, through.cluster)
            asked += 1
    assert asked > 100


def test_a_workload_that_the_snapshot_does_not_hold_gets_an_answer() -> None:
    snapshot = Snapshot.from_manifests([CONFIG, groups("web")])
    imagined = Snapshot.from_manifests([groups("new", namespace="elsewhere")]).workloads[0]
    engine = EgressEngine(snapshot)
    assert engine.answer(imagined, Destination("api.x.com")).verdict == "blocked-reset"
    assert engine.scope_of(imagined).workloads == (imagined.ref,)


def test_reachable_lists_what_the_scope_imports() -> None:
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "cart", "namespace": "pay"},
        "spec": {"clusterIP": "10.0.0.1", "ports": [{"name": "http", "port": 80}]},
    }
    host = ("cart.pay.svc.cluster.local", 80, "HTTP", "pay")
    wide = EgressEngine(Snapshot.from_manifests([CONFIG, service, groups("web")]))
    assert wide.reachable(wide.scopes()[0]) == {host}
    narrow = EgressEngine(
        Snapshot.from_manifests([CONFIG, service, groups("web"), sidecar("shop", "default")])
    )
    assert narrow.reachable(narrow.scopes()[0]) == frozenset()


def test_answers_and_scopes_can_be_stored_as_json() -> None:
    engine = EgressEngine(Snapshot.from_manifests([CONFIG, groups("web")]))
    scope = engine.scopes()[0]
    answer = engine.answer(scope.representative, Destination("api.x.com"))
    assert msgspec.to_builtins(answer)["verdict"] == "blocked-reset"
    assert msgspec.to_builtins(scope)["label"] == "namespace default"


def test_two_thousand_workloads_cost_what_their_scopes_cost() -> None:
    manifests = [CONFIG]
    for number in range(100):
        namespace = f"ns{number}"
        manifests += [groups(f"app{index}", namespace=namespace) for index in range(20)]
        manifests.append(
            {
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": {"name": "svc", "namespace": namespace},
                "spec": {"clusterIP": f"10.0.{number}.1", "ports": [{"name": "https", "port": 443}]},
            }
        )
    snapshot = Snapshot.from_manifests(manifests)
    started = time.process_time()
    engine = EgressEngine(snapshot)
    scopes = engine.scopes()
    for scope in scopes:
        for host in range(12):
            engine.answer(scope.representative, Destination(f"host{host}.example.com"))
    assert len(scopes) == 100
    assert time.process_time() - started < 5.0


@pytest.mark.parametrize("order", ["ab", "ba"])
def test_listeners_are_not_shared_by_scopes_that_see_other_ports_of_what_a_tls_route_points_at(
    order: str,
) -> None:
    def networking(kind: str, name: str, namespace: str, **spec: Any) -> dict[str, Any]:
        meta = {"name": name, "namespace": namespace}
        return {"apiVersion": "networking.istio.io/v1", "kind": kind, "metadata": meta, "spec": spec}

    def entry(name: str, namespace: str, port: int, **more: Any) -> dict[str, Any]:
        ports = [{"number": port, "name": "tls", "protocol": "TLS"}]
        hosts = [f"{name}.example.com"]
        return networking("ServiceEntry", name, namespace, hosts=hosts, ports=ports, resolution="DNS", **more)

    match = [{"port": 443, "sniHosts": ["front.example.com"]}]
    tls = [{"match": match, "route": [{"destination": {"host": "back.example.com"}}]}]
    snapshot = Snapshot.from_manifests(
        [
            CONFIG,
            groups("api", namespace="a"),
            groups("api", namespace="b"),
            entry("front", "shop", 443),
            entry("back", "a", 8443, exportTo=["."]),
            networking("VirtualService", "front", "shop", hosts=["front.example.com"], tls=tls),
        ]
    )
    engine = snapshot.derived(EgressEngine)
    found = {}
    for namespace in order:
        workload = snapshot.workload(namespace, "api")
        assert workload is not None
        found[namespace] = engine.answer(workload, Destination("front.example.com", 443, Protocol.TLS))
    assert found["a"].cluster == "outbound|8443||back.example.com"
    assert found["b"].verdict.blocked
