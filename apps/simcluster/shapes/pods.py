"""Pods as a controller and the kubelet would have made them from a template, with Istio's part and a status.

Must not know which workload states a scenario may ask for: it is told the template and what Istio did.
"""

from dataclasses import dataclass

from apps.simcluster.shapes import proxy
from apps.simcluster.shapes.cluster import Cluster, Node
from apps.simcluster.shapes.mesh import Revision
from apps.simcluster.shapes.meta import Manifest, Stamp, copied, metadata

REDIRECTED = {"ambient.istio.io/redirection": "enabled"}
GATEWAY_TEMPLATE = {"inject.istio.io/templates": "gateway"}


@dataclass(frozen=True, slots=True)
class Injection:
    """What Istio put into a pod: a revision's proxy in a version, or redirection by ambient, or nothing."""

    revision: Revision | None = None
    version: str = ""
    ambient: bool = False


def is_gateway(manifest: Manifest) -> bool:
    """Whether a pod asks for the injector's gateway template."""
    return GATEWAY_TEMPLATE.items() <= (manifest["metadata"].get("annotations") or {}).items()


def pod(
    cluster: Cluster,
    owner: Manifest,
    name: str,
    template: Manifest,
    injection: Injection,
    *,
    labels: dict[str, str],
    node: Node,
    age: float,
    finished: bool = False,
) -> Manifest:
    """One pod of `owner`; `labels` are those that the controller adds to the template's."""
    namespace = owner["metadata"]["namespace"]
    meta = metadata(
        cluster.stamp,
        "Pod",
        namespace,
        name,
        labels={**template["metadata"].get("labels", {}), **labels},
        annotations=template["metadata"].get("annotations"),
        owner=owner,
        age=age,
    )
    meta["generateName"] = f"{owner['metadata']['name']}-"
    manifest: Manifest = {"apiVersion": "v1", "kind": "Pod", "metadata": meta}
    manifest["spec"] = copied(template["spec"])
    if injection.ambient:
        meta["annotations"] = meta.get("annotations", {}) | REDIRECTED
    if injection.revision and cluster.mesh:
        put = proxy.gateway if is_gateway(manifest) else proxy.inject
        put(manifest, cluster.mesh, injection.revision, version=injection.version)
    _settle(cluster, manifest, node)
    manifest["status"] = _status(cluster, manifest, node, finished=finished)
    return manifest


def mount_token(spec: Manifest, name: str) -> None:
    """The service account's token as a volume in every container, as admission adds it."""
    mount = {"name": name, "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount", "readOnly": True}
    for container in [*spec.get("initContainers", []), *spec["containers"]]:
        container["volumeMounts"] = [*container.get("volumeMounts", []), mount]
    sources: list[Manifest] = [
        {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
    ]
    spec.setdefault("volumes", []).append(
        {"name": name, "projected": {"sources": sources, "defaultMode": 420}}
    )


def _settle(cluster: Cluster, manifest: Manifest, node: Node) -> None:
    """What the API server and the scheduler add: the token volume, tolerations, the node."""
    spec = manifest["spec"]
    for container in [*spec.get("initContainers", []), *spec["containers"]]:
        container.setdefault("terminationMessagePath", "/dev/termination-log")
        container.setdefault("terminationMessagePolicy", "File")
    mount_token(spec, f"kube-api-access-{cluster.stamp.letters('token/' + manifest['metadata']['uid'], 5)}")
    spec["nodeName"] = node.name
    spec["serviceAccount"] = spec["serviceAccountName"]
    spec["tolerations"] = [
        {
            "key": f"node.kubernetes.io/{key}",
            "operator": "Exists",
            "effect": "NoExecute",
            "tolerationSeconds": 300,
        }
        for key in ("not-ready", "unreachable")
    ]


def _status(cluster: Cluster, manifest: Manifest, node: Node, *, finished: bool) -> Manifest:
    started = manifest["metadata"]["creationTimestamp"]
    return pod_status(cluster.stamp, manifest, node.address, started, finished=finished)


def pod_status(
    stamp: Stamp, manifest: Manifest, node_address: str, started: str, *, finished: bool = False
) -> Manifest:
    """The status of a pod that runs since `started`, or has run; without the pod's own address."""
    conditions = []
    for kind in ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"):
        true = not finished or kind in {"Initialized", "PodScheduled"}
        conditions.append(
            {"type": kind, "status": "True" if true else "False", "lastTransitionTime": started}
            | ({} if true else {"reason": "PodCompleted"})
        )
    status: Manifest = {
        "phase": "Succeeded" if finished else "Running",
        "conditions": conditions,
        "hostIP": node_address,
        "hostIPs": [{"ip": node_address}],
        "startTime": started,
        "qosClass": "Burstable",
        "containerStatuses": [
            _container_status(stamp, manifest, row, started, ended=finished)
            for row in sorted(manifest["spec"]["containers"], key=lambda row: str(row["name"]))
        ],
    }
    inits = manifest["spec"].get("initContainers", [])
    if inits:
        status["initContainerStatuses"] = [
            _container_status(
                stamp,
                manifest,
                row,
                started,
                ended=finished or row.get("restartPolicy") != "Always",
                init=True,
            )
            for row in inits
        ]
    return status


def _container_status(
    stamp: Stamp, pod: Manifest, container: Manifest, started: str, *, ended: bool, init: bool = False
) -> Manifest:
    digest = stamp.uid("Image", "", container["image"]).replace("-", "")
    identity = stamp.uid("Container", pod["metadata"]["uid"], container["name"]).replace("-", "")
    address = f"containerd://{identity}{identity}"
    over = {
        "exitCode": 0,
        "reason": "Completed",
        "startedAt": started,
        "finishedAt": started,
        "containerID": address,
    }
    return {
        "name": container["name"],
        "image": container["image"],
        "imageID": f"{container['image'].split(':')[0]}@sha256:{digest}{digest}",
        "containerID": address,
        "ready": not ended or init,
        "started": not ended,
        "restartCount": 0,
        "state": {"terminated": over} if ended else {"running": {"startedAt": started}},
        "lastState": {},
    }
