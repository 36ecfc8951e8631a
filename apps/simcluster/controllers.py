"""What runs beside a real API server and clients come to see: namespaces end, pods go, service accounts appear.

Called now and then by the fleet; each step works on the store alone.
"""

from apps.simcluster.cluster import Cluster
from apps.simcluster.deleting import finish_namespaces, finish_pods


def settle(cluster: Cluster) -> bool:
    """Let every controller do its part once; true when something is still waiting (for time or finalizers)."""
    with cluster.store.lock:
        _default_service_accounts(cluster)
        finish_namespaces(cluster)
        finish_pods(cluster)
        return any(item.deleted_at for key in ("namespaces", "pods") for item in cluster.store.each(key))


def _default_service_accounts(cluster: Cluster) -> None:
    have = {item.namespace for item in cluster.store.each("serviceaccounts") if item.name == "default"}
    for namespace in cluster.store.each("namespaces"):
        if namespace.name in have or namespace.deleted_at:
            continue
        meta = {
            "name": "default",
            "namespace": namespace.name,
            "uid": cluster.new_uid(),
            "creationTimestamp": cluster.timestamp(),
        }
        cluster.store.put("serviceaccounts", {"metadata": meta})
