"""Which workloads a Gateway of Istio selects: its proxies.

Follows pilot/pkg/model/push_context.go (initGateways, mergeGateways). Knows nothing of routes.
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.objects.networking import Gateway
from apps.mesh.objects.workloads import Workload
from apps.mesh.parsing.fields import Fields
from apps.mesh.planes import namespace_planes
from apps.mesh.selection import WorkloadIndex
from apps.mesh.snapshot import Snapshot

SCOPE = "PILOT_SCOPE_GATEWAY_TO_NAMESPACE"
TRUE = frozenset({"1", "t", "T", "true", "TRUE", "True"})


def gateway_workloads(snapshot: Snapshot, gateway: Gateway) -> tuple[Workload, ...]:
    """The workloads with the labels, in all namespaces unless istiod keeps Gateways to their own. A Gateway
    without a selector takes every proxy; nobody means that, and none is given."""
    if not gateway.selector:
        return ()
    index = snapshot.derived(WorkloadIndex)
    if stays_home(snapshot, gateway.namespace):
        return index.selected(gateway.namespace, gateway.selector)
    return index.anywhere(gateway.selector)


def stays_home(snapshot: Snapshot, namespace: str) -> bool:
    """Whether istiod keeps Gateways of a namespace to proxies of that namespace."""
    plane = snapshot.derived(namespace_planes).of(namespace)
    deployment = snapshot.workload(plane.namespace, plane.deployment.name) if plane.deployment else None
    return deployment is not None and any(value in TRUE for value in _given(snapshot, deployment, SCOPE))


def _given(snapshot: Snapshot, deployment: Workload, name: str) -> Iterator[str]:
    manifest = snapshot.manifest(deployment.ref)
    if manifest is None:
        return
    spec = Fields(manifest, deployment.ref, []).child("spec").child("template").child("spec")
    for container in spec.items("containers"):
        for variable in container.items("env"):
            if variable.text("name") == name:
                yield variable.text("value")
