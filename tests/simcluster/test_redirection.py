"""Ambient mode in a simulated cluster: running pods come into the mesh and leave it by labels alone."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from apps.simcluster.controllers import settle
from tests.simcluster.installed import PODS, Installed, Json, installed

REDIRECTION = "ambient.istio.io/redirection"
MODE = "istio.io/dataplane-mode"
NAMESPACES: Json = {
    "shop": {
        "labels": {MODE: "ambient"},
        "workloads": {
            "cart": {"replicas": 1},
            "shy": {"replicas": 1, "pod_labels": {MODE: "none"}},
            "old": {"replicas": 1, "pod_labels": {"istio.io/rev": "canary"}},
            "host": {"replicas": 1, "host_network": True},
        },
    },
    "plain": {"workloads": {"lonely": {"replicas": 1}, "eager": {"pod_labels": {MODE: "ambient"}}}},
}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Installed]:
    with installed(tmp_path, NAMESPACES, ambient=True, cni=True) as world:
        yield world


def _redirected(world: Installed) -> set[str]:
    settle(world.cluster.state)
    return {
        row["metadata"]["labels"]["app"]
        for namespace in NAMESPACES
        for row in world.get(PODS.format(namespace))["items"]
        if row["metadata"].get("annotations", {}).get(REDIRECTION) == "enabled"
    }


def _label(world: Installed, namespace: str, mode: str | None) -> None:
    change = {"metadata": {"labels": {MODE: mode}}}
    assert world.merge(f"/api/v1/namespaces/{namespace}", change).status_code == 200


def test_a_seeded_cluster_is_as_the_agent_would_have_it(world: Installed) -> None:
    revision = world.cluster.store.revision
    assert _redirected(world) == {"cart", "eager"}
    assert world.cluster.store.revision == revision


def test_labels_take_pods_in_and_let_them_go(world: Installed) -> None:
    _label(world, "plain", "ambient")
    assert _redirected(world) == {"cart", "eager", "lonely"}
    _label(world, "plain", None)
    _label(world, "shop", None)
    assert _redirected(world) == {"eager"}


def test_without_a_ztunnel_nothing_moves(world: Installed) -> None:
    world.end_pods("istio-system", "ztunnel")
    _label(world, "plain", "ambient")
    assert _redirected(world) == {"cart", "eager"}
