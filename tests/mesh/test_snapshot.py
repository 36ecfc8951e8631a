"""The snapshot: an index over manifests that answers the same whatever their order."""

from __future__ import annotations

from typing import Any

from apps.mesh.objects.config import ConfigMap, Namespace
from apps.mesh.objects.gatewayapi import KubernetesGateway
from apps.mesh.objects.networking import Gateway, ServiceEntry, Sidecar
from apps.mesh.refs import ResourceRef
from apps.mesh.snapshot import Gap, Snapshot


def manifest(
    kind: str, name: str, namespace: str = "shop", api: str = "networking.istio.io/v1", **spec: Any
) -> dict[str, Any]:
    return {"apiVersion": api, "kind": kind, "metadata": {"name": name, "namespace": namespace}, "spec": spec}


def test_objects_are_found_by_type_and_by_ref_in_a_stable_order() -> None:
    manifests = [
        manifest("Sidecar", "b"),
        manifest("Sidecar", "a"),
        manifest("ServiceEntry", "x", hosts=["X.com"]),
    ]
    snapshot = Snapshot.from_manifests(manifests)
    assert [item.name for item in snapshot.each(Sidecar)] == ["a", "b"]
    found = snapshot.get(ResourceRef("ServiceEntry", "shop", "x"))
    assert isinstance(found, ServiceEntry)
    assert found.hosts == ("x.com",)
    assert snapshot.manifest(found.ref) is manifests[2]
    assert not snapshot.exists(ResourceRef("Sidecar", "shop", "c"))


def test_a_kind_of_another_group_is_kept_raw_and_not_read_as_istios() -> None:
    snapshot = Snapshot.from_manifests([manifest("Sidecar", "g", api="example.com/v1")])
    ref = ResourceRef("Sidecar", "shop", "g")
    assert snapshot.exists(ref)
    assert snapshot.get(ref) is None


def test_the_two_kinds_called_gateway_stand_beside_each_other() -> None:
    manifests = [manifest("Gateway", "g"), manifest("Gateway", "g", api="gateway.networking.k8s.io/v1")]
    snapshot = Snapshot.from_manifests(manifests)
    assert isinstance(snapshot.get(ResourceRef("Gateway", "shop", "g")), Gateway)
    assert isinstance(snapshot.get(ResourceRef("KubernetesGateway", "shop", "g")), KubernetesGateway)


def test_fields_of_the_wrong_type_are_problems_with_their_path() -> None:
    wrong = manifest("Sidecar", "s", egress=[{"hosts": "all"}, 7], workloadSelector={"labels": ["x"]})
    snapshot = Snapshot.from_manifests([wrong])
    assert {problem.path for problem in snapshot.problems} == {
        "spec.egress[0].hosts",
        "spec.egress[1]",
        "spec.workloadSelector.labels",
    }
    assert len(snapshot.each(Sidecar)) == 1


def test_patching_replaces_creates_and_deletes_without_touching_the_original() -> None:
    before = Snapshot.from_manifests([manifest("Sidecar", "a"), manifest("Sidecar", "b")])
    after = before.with_patched(
        [manifest("Sidecar", "a", egress=[{"hosts": ["./*"]}]), manifest("Sidecar", "c")],
        [ResourceRef("Sidecar", "shop", "b")],
    )
    assert [item.name for item in before.each(Sidecar)] == ["a", "b"]
    assert [item.name for item in after.each(Sidecar)] == ["a", "c"]
    assert after.each(Sidecar)[0].egress[0].hosts == ("./*",)
    assert after.each(Sidecar)[1] is not before.each(Sidecar)[0]


def test_owned_replica_sets_are_folded_into_their_deployment() -> None:
    deployment = manifest("Deployment", "web", api="apps/v1")
    replica_set = manifest("ReplicaSet", "web-abc", api="apps/v1")
    replica_set["metadata"]["ownerReferences"] = [{"kind": "Deployment", "name": "web", "controller": True}]
    orphan = manifest("ReplicaSet", "old", api="apps/v1")
    snapshot = Snapshot.from_manifests([deployment, replica_set, orphan])
    assert [str(workload.ref) for workload in snapshot.workloads] == [
        "Deployment shop/web",
        "ReplicaSet shop/old",
    ]
    found = snapshot.workload("shop", "web")
    assert found is not None
    assert found.kind == "Deployment"
    assert snapshot.workload("shop", "web", "StatefulSet") is None


def test_a_recording_says_which_kinds_were_read() -> None:
    snapshot, reads = Snapshot.from_manifests([manifest("Sidecar", "a")]).recording()
    assert snapshot.each(Sidecar)
    assert snapshot.workloads == ()
    assert snapshot.namespaces == {}
    snapshot.get(ResourceRef("ConfigMap", "x", "y"))
    assert reads == {"Sidecar", "Workload", "Namespace", "ConfigMap"}


def test_a_gap_covers_its_namespace_and_a_wide_one_everything() -> None:
    gaps = [Gap("Sidecar", "shop", "forbidden"), Gap("Secret", "", "forbidden")]
    snapshot = Snapshot.from_manifests([], gaps=gaps)
    assert snapshot.missing("Sidecar", "shop") is gaps[0]
    assert snapshot.missing("Sidecar", "pay") is None
    assert snapshot.missing("Sidecar") is gaps[0]
    assert snapshot.missing("Secret", "pay") is gaps[1]
    assert snapshot.with_patched().gaps == tuple(gaps)


def test_what_is_derived_is_computed_once() -> None:
    calls: list[Snapshot] = []

    def count(snapshot: Snapshot) -> int:
        calls.append(snapshot)
        return len(snapshot.each(ConfigMap)) + len(snapshot.each(Namespace))

    snapshot = Snapshot.from_manifests([])
    assert snapshot.derived(count) == snapshot.derived(count) == 0
    assert len(calls) == 1
