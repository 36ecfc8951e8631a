"""Which nodes take pods, and which pod goes where: a scheduler without resources.

Readiness, cordons, node selectors and the node that a DaemonSet names count; taints and affinity do not.
"""

import zlib

from apps.simcluster.behaviour.readiness import condition_of
from apps.simcluster.schema import Json


def is_ready(node: Json) -> bool:
    found = condition_of(node, "Ready")
    return found is not None and found.get("status") == "True"


def fits(node: Json, spec: Json) -> bool:
    """Whether the node selector of a pod allows the node."""
    labels = node["metadata"].get("labels") or {}
    return all(labels.get(key) == value for key, value in (spec.get("nodeSelector") or {}).items())


def choose(nodes: list[Json], pod: Json, bound: str) -> Json | None:
    """The node for a pod: `bound` if it says so, otherwise any that fits, the same for the same pod."""
    candidates = [
        node
        for node in nodes
        if is_ready(node)
        and fits(node, pod["spec"])
        and (
            node["metadata"]["name"] == bound if bound else not (node.get("spec") or {}).get("unschedulable")
        )
    ]
    if not candidates:
        return None
    return candidates[zlib.crc32(pod["metadata"]["uid"].encode()) % len(candidates)]


def internal_address(node: Json) -> str:
    for row in (node.get("status") or {}).get("addresses") or ():
        if row.get("type") == "InternalIP":
            return str(row["address"])
    return "127.0.0.1"
