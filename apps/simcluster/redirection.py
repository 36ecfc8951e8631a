"""Istio's CNI agent in ambient mode: it takes running pods into the mesh and lets them go, without a restart.

Rules as in Istio's PodRedirectionEnabled (cni/pkg/util); the annotation on the pod is what a client sees of
it. Called with the store's lock held.
"""

from collections.abc import Iterator

from apps.simcluster.agent_writes import put_as
from apps.simcluster.cluster import Cluster
from apps.simcluster.incluster.backends import ready_pods
from apps.simcluster.schema import Json
from apps.simcluster.shapes.pods import REDIRECTED
from apps.simcluster.store import Stored

MODE, AMBIENT = "istio.io/dataplane-mode", "ambient"
STATUS = "sidecar.istio.io/status"
ZTUNNEL = "ztunnel"
MANAGER = "install-cni"
_MARK = next(iter(REDIRECTED)).encode()


def redirect(cluster: Cluster) -> None:
    """Bring the annotation of every pod up to date, where a ztunnel runs."""
    homes = [row.namespace for row in cluster.store.each("daemonsets.apps") if row.name == ZTUNNEL]
    if any(next(ready_pods(cluster, home, {"app": ZTUNNEL}), None) for home in homes):
        resource = cluster.find("", "v1", "pods")
        for before, after in list(_changes(cluster)):
            put_as(cluster, resource, before, after, MANAGER)


def _changes(cluster: Cluster) -> Iterator[tuple[Json, Json]]:
    modes = {row.name: row.labels.get(MODE) for row in cluster.store.each("namespaces")}
    for stored in cluster.store.each("pods"):
        marked = _MARK in stored.body
        asked = AMBIENT in (modes.get(stored.namespace), stored.labels.get(MODE))
        if stored.deleted_at or not (marked or asked):
            continue
        before = stored.object()
        annotations = before["metadata"].get("annotations") or {}
        wanted = asked and _may_be_redirected(stored, before)
        if wanted is (REDIRECTED.items() <= annotations.items()) or not _has_network(before):
            continue
        kept = {name: value for name, value in annotations.items() if name not in REDIRECTED}
        meta = {**before["metadata"], "annotations": kept | (REDIRECTED if wanted else {})}
        yield before, {**before, "metadata": meta}


def _may_be_redirected(stored: Stored, pod: Json) -> bool:
    sidecar = (pod["metadata"].get("annotations") or {}).get(STATUS)
    return stored.labels.get(MODE) != "none" and not sidecar and not pod["spec"].get("hostNetwork")


def _has_network(pod: Json) -> bool:
    return bool((pod.get("status") or {}).get("podIP"))
