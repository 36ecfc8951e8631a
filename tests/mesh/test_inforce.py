"""Objects that no control plane reads are left out."""

from __future__ import annotations

from apps.mesh.inforce import in_force, together
from apps.mesh.objects.networking import VirtualService
from apps.mesh.snapshot import Gap, Snapshot
from tests.mesh.rule_cases import laid

ROUTES = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: all, namespace: books}
spec: {hosts: [a], http: []}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: default, namespace: books, labels: {istio.io/rev: default}}
spec: {hosts: [a], http: []}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: canary, namespace: books, labels: {istio.io/rev: canary}}
spec: {hosts: [a], http: []}
"""
SELECTED = """
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data: {mesh: "discoverySelectors: [{matchLabels: {mesh: 'yes'}}]"}
---
"""


def read(snapshot: Snapshot) -> list[str]:
    return [route.name for route in in_force(snapshot, VirtualService)]


def test_a_revision_that_nobody_runs_reads_nothing() -> None:
    assert read(laid("mesh", "bookstore", more=ROUTES)) == ["all", "default"]


def test_without_a_control_plane_nothing_is_left_out() -> None:
    assert read(laid(more=ROUTES)) == ["all", "canary", "default"]


def test_a_namespace_that_is_not_discovered_is_left_out() -> None:
    assert read(laid("mesh", "bookstore", more=SELECTED + ROUTES)) == []


def test_a_namespace_that_could_not_be_read_is_not_left_out() -> None:
    laid_down = laid("mesh", "bookstore", more=SELECTED + ROUTES)
    manifests = [item for item in laid_down.manifests() if item["kind"] != "Namespace"]
    gap = Gap("Namespace", "", "forbidden")
    assert read(Snapshot.from_manifests(manifests, gaps=[gap])) == ["all", "default"]


def test_objects_of_different_revisions_do_not_meet() -> None:
    every, canary, default = laid(more=ROUTES).each(VirtualService)
    assert together(every, canary)
    assert together(default, default)
    assert not together(canary, default)
