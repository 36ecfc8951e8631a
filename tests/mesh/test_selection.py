"""Selectors and the workloads they take: the index against looking at every workload."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from apps.mesh.objects.networking import Service
from apps.mesh.objects.selectors import Expression, LabelSelector, is_subset
from apps.mesh.parsing.files import load_text
from apps.mesh.selection import ServiceIndex, WorkloadIndex, label_sets
from apps.mesh.snapshot import Snapshot

LABELS = st.dictionaries(st.sampled_from(["app", "tier", "x"]), st.sampled_from(["a", "b"]), max_size=3)
PODS = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec: {template: {metadata: {labels: {app: web, template: only}}}}
---
apiVersion: meshconsole.io/v1
kind: PodGroups
metadata: {name: deployment.web, namespace: shop}
owner: {kind: Deployment, name: web}
groups:
- {labels: {app: web, version: v1}, containers: [{name: web}], count: 1}
- {labels: {app: web, version: v2}, containers: [{name: web}], count: 1}
- {labels: {app: web, version: v1}, containers: [{name: web}, {name: b}], count: 1}
- {labels: {app: web, version: v3}, phase: Succeeded, containers: [{name: web}], count: 1}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: idle, namespace: shop}
spec: {template: {metadata: {labels: {app: idle}}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: pay}
spec: {template: {metadata: {labels: {app: web}}}}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: by-hand, namespace: shop}
spec: {ports: [{port: 80}]}
"""


def laid() -> Snapshot:
    return Snapshot.from_manifests(load_text(PODS).manifests)


def names(workloads: object) -> list[str]:
    return [workload.ref.path for workload in workloads]  # type: ignore[attr-defined]


def test_a_workload_is_taken_by_what_its_live_pods_carry() -> None:
    index = laid().derived(WorkloadIndex)
    assert names(index.selected("shop", {"version": "v1"})) == ["shop/web"]
    assert names(index.selected("shop", {"version": "v3"})) == [], "the pod has ended"
    assert names(index.selected("shop", {"template": "only"})) == [], "no pod carries it"
    assert names(index.selected("shop", {"app": "idle"})) == ["shop/idle"], "no pod runs: the template counts"
    assert names(index.selected("shop", {"app": "web", "version": "v2"})) == ["shop/web"]
    assert names(index.selected("shop", {"app": "web", "version": "v9"})) == []


def test_no_labels_take_the_whole_namespace() -> None:
    index = laid().derived(WorkloadIndex)
    assert names(index.selected("shop", None)) == ["shop/idle", "shop/web"]
    assert names(index.selected("shop", {})) == names(index.of_namespace("shop"))
    assert names(index.selected("nowhere", {})) == []


def test_a_gateway_selects_in_every_namespace() -> None:
    index = laid().derived(WorkloadIndex)
    assert names(index.anywhere({"app": "web"})) == ["pay/web", "shop/web"]
    assert names(index.anywhere({})) == ["pay/web", "shop/idle", "shop/web"]


def test_expressions_select_as_kubernetes_has_it() -> None:
    index = laid().derived(WorkloadIndex)
    without = LabelSelector(expressions=(Expression("version", "DoesNotExist"),))
    assert names(index.matching("shop", without)) == ["shop/idle"]
    both = LabelSelector({"app": "web"}, (Expression("version", "In", ("v2",)),))
    assert names(index.matching("shop", both)) == ["shop/web"]


def test_services_and_workloads_lead_to_each_other() -> None:
    snapshot = laid()
    index = snapshot.derived(ServiceIndex)
    by_hand, web = snapshot.each(Service)
    assert names(index.behind(web)) == ["shop/web"]
    assert names(index.behind(web.ref)) == ["shop/web"]
    assert index.behind(by_hand) == (), "without a selector somebody else writes the endpoints"
    workload = snapshot.workload("shop", "web")
    assert workload is not None
    assert index.of(workload) == (web,)


@given(st.lists(LABELS, min_size=1, max_size=6), LABELS)
def test_the_index_finds_what_looking_at_everything_finds(
    carried: list[dict[str, str]], wanted: dict[str, str]
) -> None:
    manifests = [
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": f"w{number}", "namespace": "n"},
            "spec": {"template": {"metadata": {"labels": labels}}},
        }
        for number, labels in enumerate(carried)
    ]
    snapshot = Snapshot.from_manifests(manifests)
    expected = [w for w in snapshot.workloads if any(is_subset(wanted, own) for own in label_sets(w))]
    assert list(snapshot.derived(WorkloadIndex).selected("n", wanted)) == expected
    assert list(snapshot.derived(WorkloadIndex).anywhere(wanted)) == expected
