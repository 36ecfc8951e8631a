"""Speedscale's operator beside its webhooks: it tells the nodes which workloads ask for capture by eBPF.

One ConfigMap in the operator's namespace, brought up to date while an operator is ready. Called with the
store's lock held.
"""

from apps.simcluster.agent_writes import put_as
from apps.simcluster.cluster import Cluster
from apps.simcluster.incluster import speedscale
from apps.simcluster.incluster.reading import settings
from apps.simcluster.schema import Json
from apps.simcluster.shapes import capture
from apps.simcluster.shapes.speedscale import EXCLUDED, TARGETS, TARGETS_KEY, target, targets_data
from apps.simcluster.store import Stored

KINDS = ("deployments.apps", "statefulsets.apps", "daemonsets.apps")
MANAGER = "speedscale-operator"


def tell_nodes(cluster: Cluster) -> None:
    """Bring the list of targets up to date where it differs; its order stays as far as it can."""
    for stored in cluster.store.each("configmaps"):
        if stored.name != TARGETS or speedscale.running(cluster, stored.namespace) is None:
            continue
        found = stored.object()
        data = found.get("data") or {}
        listed = settings(data.get(TARGETS_KEY, "")).get("targets")
        listed = listed if isinstance(listed, list) else []
        asked = _targets(cluster)
        kept = [row for row in listed if row in asked]
        targets = kept + [row for row in asked if row not in kept]
        if targets != listed:
            after = {**found, "data": data | targets_data(targets)}
            put_as(cluster, cluster.find("", "v1", "configmaps"), found, after, MANAGER)


def _targets(cluster: Cluster) -> list[Json]:
    mark = speedscale.ON_NODE.encode()
    made = []
    for stored in (item for key in KINDS for item in cluster.store.each(key)):
        if mark not in stored.body or stored.deleted_at or stored.namespace in EXCLUDED:
            continue
        selector = _selector(stored)
        if selector:
            made.append(target(stored.namespace, stored.name, selector))
    return made


def _selector(stored: Stored) -> dict[str, str]:
    """The labels of the pods to capture; empty for a workload that is not captured on its node."""
    obj = stored.object()
    annotations = obj["metadata"].get("annotations") or {}
    refused = annotations.get(speedscale.PROXY) == "true" or capture.IGNORE.items() <= annotations.items()
    if refused or annotations.get(speedscale.ON_NODE) != "true":
        return {}
    return dict(((obj.get("spec") or {}).get("selector") or {}).get("matchLabels") or {})
