"""Collecting a cluster: folded pods, trimmed objects, gaps for what is forbidden."""

from __future__ import annotations

import json
import ssl

import httpx
import pytest

from apps.clusters.connect import open_connection
from apps.clusters.gateway import GatewayError, ThrottledError, UnauthorizedError, UnreachableError
from apps.inventory.collect import Collection, collect
from apps.inventory.store import digest
from apps.mesh.objects.config import ServiceAccount
from apps.mesh.objects.networkpolicies import NetworkPolicy
from apps.mesh.snapshot import Snapshot
from apps.simcluster.access import User as ClusterUser
from apps.simcluster.faults import Fault, FaultKind, Match
from apps.simcluster.fleet import ClusterSpec, SimulatedCluster
from tests.factories.fleet import connection, spec


def rule(groups: list[str], resources: list[str]) -> dict[str, list[str]]:
    return {"apiGroups": groups, "resources": resources, "verbs": ["get", "list"]}


BLIND = ClusterUser("blind", rules=(rule(["", "apps"], ["namespaces", "deployments", "services"]),))


@pytest.fixture(scope="module")
def fleet_specs() -> list[ClusterSpec]:
    return [spec("edge-small", users=(BLIND,))]


def read(sim: SimulatedCluster, user: str = "admin", **more: object) -> Collection:
    with open_connection(connection(sim, user)) as gateway:
        return collect(gateway, **more)  # type: ignore[arg-type]


def kinds(collection: Collection) -> set[str]:
    return {item.manifest["kind"] for item in collection.objects}


def test_everything_that_the_checks_need_is_read(sim: SimulatedCluster) -> None:
    found = read(sim)
    assert {"Namespace", "Deployment", "Service", "ServiceEntry", "PodGroups", "ConfigMap"} <= kinds(found)
    assert found.gaps == ()
    assert found.served["networking.istio.io"] == ["v1beta1", "v1alpha3"]
    names = {i.manifest["metadata"]["name"] for i in found.objects if i.manifest["kind"] == "ConfigMap"}
    assert "istio" in names
    assert "kube-root-ca.crt" not in names


def test_policies_accounts_and_ports_are_read(sim: SimulatedCluster) -> None:
    at = f"{sim.url}/apis/networking.k8s.io/v1/namespaces/point-of-sale/networkpolicies"
    policy = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "egress", "namespace": "point-of-sale"},
        "spec": {"podSelector": {}, "egress": [{"ports": [{"port": 443}]}]},
    }
    context = ssl.create_default_context(cadata=sim.ca_pem)
    with httpx.Client(verify=context, headers={"Authorization": f"Bearer {sim.token()}"}) as client:
        client.post(at, json=policy).raise_for_status()
        try:
            found = read(sim)
        finally:
            client.delete(f"{at}/egress").raise_for_status()
    snapshot = Snapshot.from_manifests(item.manifest for item in found.objects)
    assert [item.policy_types for item in snapshot.each(NetworkPolicy)] == [("Ingress", "Egress")]
    accounts = [i for i in found.objects if i.manifest["kind"] == "ServiceAccount"]
    assert "default" in {account.name for account in snapshot.each(ServiceAccount)}
    assert {frozenset(i.manifest) for i in accounts} == {frozenset({"apiVersion", "kind", "metadata"})}
    assert any(workload.template.ports for workload in snapshot.workloads)


def test_pods_are_folded_into_their_workloads(sim: SimulatedCluster) -> None:
    snapshot = Snapshot.from_manifests(item.manifest for item in read(sim).objects)
    workload = snapshot.workload("point-of-sale", "till-api", "Deployment")
    assert workload is not None
    assert workload.pods_total == 2
    assert {group.count for group in workload.live_groups} == {2}


def test_two_readings_of_an_unchanged_cluster_are_the_same(sim: SimulatedCluster) -> None:
    one, two = (sorted(digest(item.manifest) for item in read(sim).objects) for _ in range(2))
    assert one == two


def test_nothing_that_may_be_secret_is_kept(sim: SimulatedCluster) -> None:
    text = json.dumps([item.manifest for item in read(sim).objects])
    for word in ("last-applied-configuration", '"managedFields"', '"resourceVersion"', '"status": {'):
        assert word not in text, word
    workloads = [i.manifest for i in read(sim).objects if i.manifest["kind"] in {"Deployment", "DaemonSet"}]
    variables = [
        variable
        for manifest in workloads
        for container in manifest["spec"]["template"]["spec"]["containers"]
        for variable in container.get("env", [])
    ]
    assert {variable["name"] for variable in variables} <= {"SHARED_MESH_CONFIG"}


def test_what_may_be_edited_keeps_uid_version_and_owners_beside_it(sim: SimulatedCluster) -> None:
    entry = next(item for item in read(sim).objects if item.manifest["kind"] == "ServiceEntry")
    assert entry.meta["uid"]
    assert entry.meta["resourceVersion"].isdecimal()
    assert entry.meta["managedFields"][0]["manager"]
    assert "time" not in entry.meta["managedFields"][0]


def test_what_is_forbidden_becomes_a_gap_and_the_rest_is_read(sim: SimulatedCluster) -> None:
    found = read(sim, "blind")
    assert {"Namespace", "Deployment", "Service"} <= kinds(found)
    gaps = {gap.kind: gap.reason for gap in found.gaps}
    assert {"Pod", "ServiceEntry", "Sidecar", "ConfigMap"} <= set(gaps)
    assert "cannot list resource" in gaps["Pod"]


def test_a_token_that_is_not_accepted_ends_the_reading(sim: SimulatedCluster) -> None:
    stranger = connection(sim, token="expired-token-000")
    with open_connection(stranger) as gateway, pytest.raises(UnauthorizedError):
        collect(gateway)


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault(FaultKind.RESET, Match(path="/pods")), UnreachableError),
        (Fault(FaultKind.TRUNCATED, Match(path="/pods")), UnreachableError),
        (Fault(FaultKind.STATUS, Match(path="/services"), status=503, retry_after=1), ThrottledError),
        (Fault(FaultKind.STATUS, Match(path="/sidecars"), status=502), GatewayError),
        (Fault(FaultKind.RESET, Match(path="/apis")), UnreachableError),
    ],
)
def test_a_cluster_that_breaks_off_ends_the_reading(
    sim: SimulatedCluster, fault: Fault, expected: type[GatewayError]
) -> None:
    sim.faults.add(fault)
    with pytest.raises(expected):
        read(sim)


def test_a_list_that_cannot_be_decoded_is_a_gap(sim: SimulatedCluster) -> None:
    body = '{"metadata":{},"items":[{"metadata":{"labels":["x"]}}]}'
    sim.faults.add(Fault(FaultKind.STATUS, Match(path="/services"), status=200, body=body))
    found = read(sim)
    assert [gap.kind for gap in found.gaps] == ["Service"]


def test_a_list_that_grew_too_old_is_read_again_once(sim: SimulatedCluster) -> None:
    pods = read(sim).read
    expired = '{"kind":"Status","code":410,"reason":"Expired","message":"too old"}'
    sim.faults.add(Fault(FaultKind.STATUS, Match(path="/pods"), status=410, body=expired))
    assert read(sim).read == pods
    sim.faults.add(Fault(FaultKind.STATUS, Match(path="/pods"), status=410, body=expired, times=2))
    with pytest.raises(GatewayError):
        read(sim)


def test_progress_is_told_step_by_step(sim: SimulatedCluster) -> None:
    steps: list[tuple[str, int]] = []
    found = read(sim, progress=lambda step, objects: steps.append((step, objects)))
    assert steps[0][0] == "Namespace, page 1"
    assert steps[-1][0] == "Pod, page 1"
    assert steps[-1][1] == found.read
