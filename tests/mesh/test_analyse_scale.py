"""The cost of an analysis follows egress scopes and hosts, not workloads."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import pytest

from apps.mesh.analyse import CRASH_CODE, analyse
from apps.mesh.egress import engine as egress_engine
from apps.mesh.egress.candidates import Candidate
from apps.mesh.egress.case import Case
from apps.mesh.egress.judgement import Judgement, judge
from apps.mesh.hostsets import speedscale
from apps.mesh.refs import Manifest
from apps.mesh.snapshot import Snapshot
from tests.mesh.rule_cases import laid

NAMESPACES, EACH, CAPTURED = 200, 10, 6
CPU_SECONDS = 5.0  # about 0.7 on an idle core; the bound only catches what grows with the workloads
GOPROXY = {"name": "speedscale-goproxy", "image": "gcr.io/speedscale/goproxy:v2.5.602"}
PROXY = {"name": "istio-proxy", "image": "istio/proxyv2:1.28.1"}


def namespace(number: int) -> list[Manifest]:
    """Ten workloads, six of them captured; a Sidecar in the even ones, a ServiceEntry in the odd."""
    name = f"ns-{number:03}"
    labels = {"istio-injection": "enabled"}
    found: list[Manifest] = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
    ]
    own: dict[str, Any] = {
        "apiVersion": "networking.istio.io/v1",
        "metadata": {"name": "own", "namespace": name},
    }
    if number % 2:
        spec: dict[str, Any] = {"hosts": [f"api-{number}.example.com"], "resolution": "NONE"}
        spec["ports"] = [{"number": 443, "name": "https", "protocol": "TLS"}]
        found.append({**own, "kind": "ServiceEntry", "spec": spec})
    else:
        found.append({**own, "kind": "Sidecar", "spec": {"egress": [{"hosts": ["./*", "istio-system/*"]}]}})
    for index in range(EACH):
        found.extend(workload(name, f"app-{index}", captured=index < CAPTURED))
    return found


def workload(namespace: str, name: str, *, captured: bool) -> list[Manifest]:
    containers = [{"name": name}, *([GOPROXY] if captured else [])]
    annotations = {"sidecar.speedscale.com/inject": "true"} if captured else {}
    meta = {"name": name, "namespace": namespace}
    pods = {"labels": {"app": name}, "containers": [*containers, PROXY], "count": 5, "phase": "Running"}
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": containers}}
    ports = [{"name": "http", "port": 80, "protocol": "TCP"}]
    return [
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {**meta, "annotations": annotations},
            "spec": {"template": template},
        },
        {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": {"ports": ports}},
        {
            "apiVersion": "meshconsole.io/v1",
            "kind": "PodGroups",
            "metadata": {"namespace": namespace, "name": f"deployment.{name}"},
            "owner": {"kind": "Deployment", "name": name},
            "groups": [pods],
        },
    ]


def test_two_thousand_workloads_cost_what_their_scopes_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    base = list(laid("mesh", "speedscale", "page-entry").manifests())
    snapshot = Snapshot.from_manifests([*base, *(m for n in range(NAMESPACES) for m in namespace(n))])
    judged: list[Case] = []

    def counted(case: Case, found: Sequence[Candidate]) -> Judgement:
        judged.append(case)
        return judge(case, found)

    monkeypatch.setattr(egress_engine, "judge", counted)
    hosts = speedscale()
    started = time.process_time()
    analysis = analyse(snapshot, hosts)
    assert time.process_time() - started < CPU_SECONDS
    assert len(analysis.workloads) == NAMESPACES * EACH + 2
    assert len(analysis.scopes) == NAMESPACES + 1
    # Each host once a scope, and the forwarder once more where a Sidecar hides it.
    assert len(judged) <= len(analysis.scopes) * (len(hosts.hosts) + 1)
    assert [finding.message for finding in analysis.findings if finding.code == CRASH_CODE] == []
    assert [finding.code for finding in analysis.findings].count("SS03") == NAMESPACES // 2
