"""The Gateway API on a cluster that serves it, from its API to a verdict."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from apps.clusters.connect import open_connection
from apps.clusters.preflight import run
from apps.inventory.collect import Collection, collect
from apps.mesh.egress import EgressEngine
from apps.mesh.refs import ResourceRef
from apps.mesh.snapshot import Snapshot
from apps.mesh.verdicts import Destination, Protocol
from apps.simcluster.access import User
from apps.simcluster.fleet import ClusterSpec, SimulatedCluster
from apps.simcluster.gateway_api import GATEWAY_KINDS, GROUP, gateway_definitions
from tests.factories.fleet import connection, spec

NAMESPACE = "point-of-sale"
HALF = User(
    "half",
    rules=({"apiGroups": ["*"], "resources": ["deployments", "gateways"], "verbs": ["get", "list"]},),
)


def made(kind: str, name: str, api: str, body: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": api,
        "kind": kind,
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": body,
        "status": {"parents": []},
    }


OBJECTS = (
    made(
        "ServiceEntry",
        "api",
        "networking.istio.io/v1beta1",
        {
            "hosts": ["api.x.com"],
            "ports": [{"name": "http", "number": 80, "protocol": "HTTP"}],
            "resolution": "DNS",
        },
    ),
    made(
        "HTTPRoute",
        "gone",
        f"{GROUP}/v1",
        {
            "parentRefs": [{"group": "networking.istio.io", "kind": "ServiceEntry", "name": "api"}],
            "rules": [{"backendRefs": [{"name": "gone", "port": 80}]}],
        },
    ),
    made("Gateway", "out", f"{GROUP}/v1", {"gatewayClassName": "istio", "listeners": []}),
    made("Gateway", "out", "networking.istio.io/v1beta1", {"selector": {"app": "out"}, "servers": []}),
)


@pytest.fixture(scope="module")
def fleet_specs() -> list[ClusterSpec]:
    found = spec("edge-small", users=(HALF,))
    return [replace(found, manifests=[*found.manifests, *gateway_definitions(), *OBJECTS])]


def read(sim: SimulatedCluster, user: str = "admin") -> Collection:
    with open_connection(connection(sim, user)) as gateway:
        return collect(gateway)


def test_a_route_that_the_cluster_serves_decides_a_verdict(sim: SimulatedCluster) -> None:
    found = read(sim)
    assert found.gaps == ()
    assert "v1" in found.served[GROUP]
    snapshot = Snapshot.from_manifests(item.manifest for item in found.objects)
    workload = snapshot.workload(NAMESPACE, "till-api", "Deployment")
    assert workload is not None
    answer = EgressEngine(snapshot).answer(workload, Destination("api.x.com", 80, Protocol.HTTP))
    assert answer.verdict == "blocked-503"
    assert any(step.ref == ResourceRef("HTTPRoute", NAMESPACE, "gone") for step in answer.evidence)


def test_the_two_kinds_called_gateway_are_both_kept_and_as_the_server_calls_them(
    sim: SimulatedCluster,
) -> None:
    manifests = [item.manifest for item in read(sim).objects if item.manifest["kind"] == "Gateway"]
    named = [item for item in manifests if item["metadata"]["name"] == "out"]
    assert {ResourceRef.of(item).kind for item in named} == {"Gateway", "KubernetesGateway"}
    assert all("status" not in item for item in named)


def test_what_may_not_be_read_is_a_gap_of_that_kind(sim: SimulatedCluster) -> None:
    gaps = {gap.kind for gap in read(sim, "half").gaps}
    assert {"HTTPRoute", "GatewayClass", "ReferenceGrant"} <= gaps
    assert not {"Gateway", "KubernetesGateway"} & gaps


def test_the_preflight_tells_what_is_missing_of_what_is_served(sim: SimulatedCluster) -> None:
    with open_connection(connection(sim, "half")) as gateway:
        rows = [row for row in run(gateway).permissions if row.group == GROUP]
    assert {row.plural for row in rows} == {plural for plural, _ in GATEWAY_KINDS.values()}
    assert {row.plural for row in rows if row.allowed} == {"gateways"}
