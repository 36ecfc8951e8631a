"""Pods folded into their workloads: what a group keeps, what it forgets, and what it costs."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from apps.mesh.objects.workloads import Workload
from apps.mesh.parsing.folding import PodFolder
from apps.mesh.refs import ResourceRef
from apps.mesh.snapshot import Snapshot


def pod(name: str = "web-abc-1", **changes: Any) -> dict[str, Any]:
    """A pod as the API server sends it, of Deployment shop/web unless said otherwise."""
    labels = {"app": "web", "pod-template-hash": "abc", **changes.pop("labels", {})}
    owner = changes.pop("owner", ("ReplicaSet", "web-abc"))
    owners = [{"kind": owner[0], "name": owner[1], "controller": True}] if owner else []
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": changes.pop("namespace", "shop"),
            "labels": labels,
            "annotations": changes.pop("annotations", {}),
            "ownerReferences": owners,
        },
        "spec": {"containers": [{"name": "web", "image": "web:1"}], **changes.pop("spec", {})},
        "status": {"phase": changes.pop("phase", "Running")},
    }


def folded(*pods: dict[str, Any]) -> list[dict[str, Any]]:
    folder = PodFolder()
    for item in pods:
        folder.add(item)
    return folder.manifests()


@pytest.mark.parametrize(
    ("owner", "labels", "expected"),
    [
        (("ReplicaSet", "web-abc"), {}, ("Deployment", "web")),
        (("ReplicaSet", "web-abc"), {"pod-template-hash": "xyz"}, ("ReplicaSet", "web-abc")),
        (
            ("ReplicaSet", "web-abc"),
            {"rollouts-pod-template-hash": "abc", "pod-template-hash": ""},
            ("Rollout", "web"),
        ),
        (("Job", "report-29384712"), {}, ("CronJob", "report")),
        (("Job", "report"), {}, ("Job", "report")),
        (("StatefulSet", "db"), {}, ("StatefulSet", "db")),
        (("DaemonSet", "node"), {}, ("DaemonSet", "node")),
        (None, {}, ("Pod", "web-abc-1")),
    ],
)
def test_a_pod_belongs_to_the_workload_that_istio_would_name(
    owner: tuple[str, str] | None, labels: dict[str, str], expected: tuple[str, str]
) -> None:
    (manifest,) = folded(pod(owner=owner, labels=labels))
    assert (manifest["owner"]["kind"], manifest["owner"]["name"]) == expected


def test_an_owner_that_was_read_beats_the_guess_by_name() -> None:
    folder = PodFolder()
    folder.add(pod())
    owners = [{"kind": "Rollout", "name": "shop-web", "controller": True}]
    meta = {"namespace": "shop", "name": "web-abc", "ownerReferences": owners}
    folder.add_owner({"kind": "ReplicaSet", "metadata": meta})
    assert folder.manifests()[0]["owner"] == {"kind": "Rollout", "name": "shop-web"}


def test_pods_that_are_alike_are_one_group_with_a_count_and_a_few_names() -> None:
    (manifest,) = folded(*(pod(f"web-abc-{n}", labels={"pod-template-hash": "abc"}) for n in range(9)))
    (group,) = manifest["groups"]
    assert group["count"] == 9
    assert group["samples"] == [f"web-abc-{n}" for n in range(5)]
    assert group["labels"] == {"app": "web"}


@pytest.mark.parametrize(
    "other",
    [
        pod("b", labels={"version": "v2"}),
        pod("b", annotations={"istio.io/rev": "canary"}),
        pod("b", annotations={"sidecar.speedscale.com/inject": "true"}),
        pod("b", spec={"hostNetwork": True}),
        pod("b", spec={"serviceAccountName": "other"}),
        pod("b", spec={"initContainers": [{"name": "istio-proxy", "restartPolicy": "Always"}]}),
        pod("b", spec={"containers": [{"name": "web", "image": "web:2"}]}),
        pod("b", phase="Failed"),
    ],
)
def test_what_a_mesh_looks_at_makes_a_group_of_its_own(other: dict[str, Any]) -> None:
    (manifest,) = folded(pod("a"), other)
    assert len(manifest["groups"]) == 2


def test_what_changes_from_pod_to_pod_is_forgotten() -> None:
    status = {"revision": "default", "containers": ["istio-proxy"], "volumes": ["x"]}
    one = pod("a", labels={"controller-revision-hash": "1"}, annotations={"example.com/ip": "10.0.0.1"})
    two = pod("b", labels={"controller-revision-hash": "2"}, annotations={"example.com/ip": "10.0.0.2"})
    for item in (one, two):
        item["metadata"]["annotations"]["sidecar.istio.io/status"] = json.dumps(status)
        status["volumes"] = ["y"]
    (manifest,) = folded(one, two)
    (group,) = manifest["groups"]
    assert group["annotations"] == {"sidecar.istio.io/status": '{"revision": "default"}'}


def test_the_order_of_pods_changes_nothing() -> None:
    pods = [pod(f"p{n}", labels={"version": f"v{n % 3}"}) for n in range(20)]
    assert folded(*pods) == folded(*reversed(pods))


@pytest.mark.parametrize("wrong", [None, 3, "text", [1], {"labels": "x"}])
def test_a_pod_of_the_wrong_shape_is_counted_and_does_no_harm(wrong: Any) -> None:
    assert (
        folded({"kind": "Pod", "metadata": wrong, "spec": wrong, "status": wrong})[0]["groups"][0]["count"]
        == 1
    )


def test_raw_pods_and_stored_groups_give_the_same_snapshot() -> None:
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop"},
    }
    pods = [pod(f"web-abc-{n}") for n in range(3)]
    raw = Snapshot.from_manifests([deployment, *pods])
    stored = Snapshot.from_manifests([deployment, *folded(*pods)])
    assert raw.workloads == stored.workloads
    assert raw.workloads[0].pods_total == 3


def test_pods_without_a_readable_owner_make_a_workload_of_their_own() -> None:
    (workload,) = Snapshot.from_manifests([pod(owner=("SparkApplication", "etl"))]).workloads
    assert isinstance(workload, Workload)
    assert workload.ref == ResourceRef("SparkApplication", "shop", "etl")
    assert not workload.observed


def test_ten_thousand_pods_fold_in_a_fraction_of_a_second() -> None:
    pods = [pod(f"web-abc-{n}", labels={"app": f"app{n % 500}"}) for n in range(10_000)]
    started = time.process_time()
    folded(*pods)
    assert time.process_time() - started < 1.0


def test_pods_say_their_ports_only_where_no_template_does() -> None:
    def running(name: str, *ports: int, **meta: object) -> dict[str, object]:
        declared = [{"containerPort": port, "name": f"p{port}"} for port in ports]
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": "shop", **meta},
            "spec": {"containers": [{"name": "web", "ports": declared}]},
        }

    def owned(kind: str, name: str) -> list[dict[str, object]]:
        return [{"kind": kind, "name": name, "controller": True}]

    snapshot = Snapshot.from_manifests(
        [
            running("alone", 80, 81),
            running("db-0", 5432, ownerReferences=owned("StatefulSet", "db")),
            running("kafka-0", 9092, ownerReferences=owned("StrimziPodSet", "kafka")),
            running("kafka-1", 9092, 9093, ownerReferences=owned("StrimziPodSet", "kafka")),
        ]
    )
    ports = {w.name: [port.number for port in w.template.ports] for w in snapshot.workloads}
    assert ports == {"alone": [80, 81], "db": [], "kafka": [9092, 9093]}
    kafka = snapshot.workload("shop", "kafka", "StrimziPodSet")
    assert kafka is not None
    assert len(kafka.pod_groups) == 1, "ports do not tell pods apart"
