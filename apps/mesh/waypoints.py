"""Which waypoint takes the connections to a Service or ServiceEntry, as its labels say.

Follows pilot/pkg/serviceregistry/ambient (getUseWaypoint): the object's own label goes before that of its
namespace, and `none` means no waypoint. Says nothing of whether the waypoint exists.
"""

from __future__ import annotations

from apps.mesh.objects.base import MeshObject
from apps.mesh.refs import ResourceRef
from apps.mesh.snapshot import Snapshot

LABEL = "istio.io/use-waypoint"
NAMESPACE_LABEL = "istio.io/use-waypoint-namespace"
NONE = "none"


def named_by(item: MeshObject) -> ResourceRef | None:
    """The Gateway that the labels of the object itself name; None where they name none."""
    name = item.labels.get(LABEL, "")
    if name.lower() in {"", NONE}:
        return None
    home = item.namespace or item.name
    return ResourceRef("KubernetesGateway", item.labels.get(NAMESPACE_LABEL) or home, name)


def waypoint_of(snapshot: Snapshot, item: MeshObject) -> ResourceRef | None:
    """The Gateway that connections to it pass through; None for none."""
    if item.labels.get(LABEL):
        return named_by(item)
    namespace = snapshot.namespace(item.namespace)
    return named_by(namespace) if namespace is not None else None
