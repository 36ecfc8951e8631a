"""What the shapes of one cluster share: its nodes, its Istio, its Speedscale; addresses of pods and services.

Must not know single workloads.
"""

from dataclasses import dataclass

from apps.simcluster.shapes.capture import Operator
from apps.simcluster.shapes.mesh import Mesh
from apps.simcluster.shapes.meta import Manifest, Stamp, metadata

FIRST_NODE_HOST = 11
PODS_A_BLOCK = 250


@dataclass(frozen=True, slots=True)
class Node:
    name: str
    address: str


@dataclass(frozen=True, slots=True)
class Cluster:
    """`mesh` and `operator` are None where Istio or Speedscale is not installed."""

    stamp: Stamp
    region: str
    kubernetes_version: str
    nodes: tuple[Node, ...]
    mesh: Mesh | None
    operator: Operator | None


@dataclass(frozen=True, slots=True)
class Place:
    """A namespace as its workloads need to know it."""

    name: str
    labels: dict[str, str]


def make_nodes(count: int, region: str) -> tuple[Node, ...]:
    addresses = [f"10.12.0.{FIRST_NODE_HOST + index}" for index in range(count)]
    return tuple(
        Node(f"ip-{address.replace('.', '-')}.{region}.compute.internal", address) for address in addresses
    )


def node_manifests(cluster: Cluster) -> list[Manifest]:
    return [_node(cluster, index, node) for index, node in enumerate(cluster.nodes)]


def _node(cluster: Cluster, index: int, node: Node) -> Manifest:
    zone = f"{cluster.region}{'abc'[index % 3]}"
    labels = {
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/hostname": node.name,
        "kubernetes.io/os": "linux",
        "node.kubernetes.io/instance-type": "m6i.2xlarge",
        "topology.kubernetes.io/region": cluster.region,
        "topology.kubernetes.io/zone": zone,
    }
    meta = metadata(cluster.stamp, "Node", "", node.name, labels=labels, age=75)
    room = {"cpu": "8", "memory": "32Gi", "pods": "110", "ephemeral-storage": "100Gi"}
    info = {
        "architecture": "amd64",
        "containerRuntimeVersion": "containerd://2.1.4",
        "kernelVersion": "6.12.46-66.121.amzn2023.x86_64",
        "kubeletVersion": cluster.kubernetes_version,
        "operatingSystem": "linux",
        "osImage": "Amazon Linux 2023.9",
    }
    ready = {
        "type": "Ready",
        "status": "True",
        "reason": "KubeletReady",
        "message": "kubelet is posting ready status",
        "lastTransitionTime": meta["creationTimestamp"],
    }
    addresses = [
        {"type": "InternalIP", "address": node.address},
        {"type": "Hostname", "address": node.name},
    ]
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": meta,
        "spec": {"podCIDR": f"10.40.{index}.0/24", "providerID": f"aws:///{zone}/i-{index:017x}"},
        "status": {
            "addresses": addresses,
            "allocatable": room,
            "capacity": room,
            "conditions": [ready],
            "nodeInfo": info,
        },
    }


def assign_addresses(manifests: list[Manifest]) -> None:
    """Give each Service without an address, and each pod, its own in the order of the list."""
    services = pods = 0
    for manifest in manifests:
        if manifest["kind"] == "Service" and "clusterIP" not in manifest["spec"]:
            services += 1
            address = f"172.20.{services // PODS_A_BLOCK}.{services % PODS_A_BLOCK + 1}"
            manifest["spec"] |= {"clusterIP": address, "clusterIPs": [address]}
        if manifest["kind"] == "Pod" and "status" in manifest:
            if manifest["spec"].get("hostNetwork"):
                address = manifest["status"]["hostIP"]
            else:
                pods += 1
                address = f"10.40.{pods // PODS_A_BLOCK}.{pods % PODS_A_BLOCK + 1}"
            manifest["status"] |= {"podIP": address, "podIPs": [{"ip": address}]}
