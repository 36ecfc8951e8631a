"""Reads one object from its spec in YAML."""

from __future__ import annotations

from typing import Any, TypeVar

import yaml

from apps.mesh.objects.base import MeshObject
from apps.mesh.objects.workloads import Workload
from apps.mesh.snapshot import Snapshot

T = TypeVar("T", bound=MeshObject)

APIS = {
    "Service": "v1",
    "ServiceAccount": "v1",
    "Deployment": "apps/v1",
    "NetworkPolicy": "networking.k8s.io/v1",
    "PeerAuthentication": "security.istio.io/v1",
    "RequestAuthentication": "security.istio.io/v1",
    "AuthorizationPolicy": "security.istio.io/v1",
}


def read(kind: type[T], spec: str) -> T:
    """The one object of a kind, from its spec in YAML; it must be without a problem."""
    name = "Deployment" if kind is Workload else kind.__name__
    snapshot = _snapshot(name, yaml.safe_load(spec))
    assert snapshot.problems == ()
    return snapshot.each(kind)[0]


def problems(kind: str, spec: str) -> list[str]:
    return [problem.path for problem in _snapshot(kind, yaml.safe_load(spec)).problems]


def _snapshot(kind: str, spec: Any) -> Snapshot:
    manifest = {
        "apiVersion": APIS.get(kind, "networking.istio.io/v1"),
        "kind": kind,
        "metadata": {"name": "one", "namespace": "shop"},
        "spec": spec,
    }
    return Snapshot.from_manifests([manifest])
