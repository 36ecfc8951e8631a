"""Whether a Service has a pod behind it that takes requests.

Read from the store; must not know why pods are ready.
"""

from apps.simcluster.behaviour.readiness import ready, terminating
from apps.simcluster.cluster import Cluster


def backed(cluster: Cluster, namespace: str, service: str) -> bool:
    """True when a ready pod is selected by the Service; false as well when there is no such Service."""
    found = cluster.store.get("services", namespace, service)
    selector = ((found or {}).get("spec") or {}).get("selector") or {}
    if not selector:
        return False
    for item in cluster.store.each("pods"):
        if item.namespace == namespace and selector.items() <= item.labels.items():
            pod = item.object()
            if ready(pod) and not terminating(pod):
                return True
    return False
