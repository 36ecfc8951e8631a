"""The Endpoints and EndpointSlices that a Service's pods give, as Kubernetes' controllers of them say it.

Pure: objects in, contents out. Must not know where the objects are kept, nor names of slices.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from apps.simcluster.shapes.meta import Manifest

SERVICE_NAME = "kubernetes.io/service-name"
MANAGED_BY = "endpointslice.kubernetes.io/managed-by"
MANAGER = "endpointslice-controller.k8s.io"
HEADLESS = "service.kubernetes.io/headless"
ZONE = "topology.kubernetes.io/zone"
PER_SLICE = 100
_ENDED = ("Succeeded", "Failed")

_Ports = tuple[tuple[str, int, str], ...]  # name, number, protocol


@dataclass(frozen=True, slots=True)
class Backing:
    """A Service with the pods that its selector selects, and the zones of nodes by name."""

    service: Manifest
    pods: Iterable[Manifest]
    zones: Mapping[str, str]


def selects(service: Manifest) -> bool:
    """Whether endpoints are kept for a Service: not without a selector, nor for a name elsewhere."""
    spec = service.get("spec") or {}
    return bool(spec.get("selector")) and spec.get("type") != "ExternalName"


def endpoints_labels(service: Manifest) -> dict[str, str]:
    return {**(service["metadata"].get("labels") or {}), **_headless(service)}


def slice_labels(service: Manifest) -> dict[str, str]:
    ours = {MANAGED_BY: MANAGER, SERVICE_NAME: service["metadata"]["name"]}
    return {**endpoints_labels(service), **ours}


def _headless(service: Manifest) -> dict[str, str]:
    return {HEADLESS: ""} if service["spec"].get("clusterIP") == "None" else {}


def subsets(backing: Backing) -> list[Manifest]:
    """`subsets` of Endpoints: addresses by the ports they have, ready and not."""
    early = bool(backing.service["spec"].get("publishNotReadyAddresses"))
    found: dict[_Ports, tuple[list[Manifest], list[Manifest]]] = {}
    for pod in _addressed(backing.pods):
        if "deletionTimestamp" in pod["metadata"] and not early:
            continue
        ready, waiting = found.setdefault(_ports(backing.service, pod), ([], []))
        (ready if early or _ready(pod) else waiting).append(_address(backing.service, pod))
    return [
        {
            **({"addresses": sorted(ready, key=_ip)} if ready else {}),
            **({"notReadyAddresses": sorted(waiting, key=_ip)} if waiting else {}),
            **({"ports": _rows(ports)} if ports else {}),
        }
        for ports, (ready, waiting) in sorted(found.items())
    ]


def slices(backing: Backing) -> list[Manifest]:
    """Contents of the EndpointSlices; a Service without pods has an empty one."""
    found: dict[_Ports, list[Manifest]] = {}
    for pod in _addressed(backing.pods):
        found.setdefault(_ports(backing.service, pod), []).append(_endpoint(backing, pod))
    made = [
        {"addressType": "IPv4", "endpoints": rows[at : at + PER_SLICE], "ports": _rows(ports)}
        for ports, rows in sorted(found.items())
        for at in range(0, len(rows), PER_SLICE)
    ]
    return made or [{"addressType": "IPv4", "endpoints": [], "ports": []}]


def _addressed(pods: Iterable[Manifest]) -> list[Manifest]:
    """The pods that have an address and have not ended, by name."""
    living = (
        pod
        for pod in pods
        if (pod.get("status") or {}).get("podIP") and pod["status"].get("phase") not in _ENDED
    )
    return sorted(living, key=lambda pod: str(pod["metadata"]["name"]))


def _ready(pod: Manifest) -> bool:
    conditions = pod["status"].get("conditions") or ()
    return any(row.get("type") == "Ready" and row.get("status") == "True" for row in conditions)


def _ports(service: Manifest, pod: Manifest) -> _Ports:
    """The Service's ports as this pod has them; one that the pod does not name is left out."""
    found = []
    for port in service["spec"].get("ports") or ():
        number = target_number(pod, port.get("targetPort") or port["port"])
        if number is not None:
            found.append((str(port.get("name", "")), number, str(port.get("protocol", "TCP"))))
    return tuple(found)


def target_number(pod: Manifest, target: int | str) -> int | None:
    """The number of a target port, which may be the name of a container's port."""
    if isinstance(target, int):
        return target
    for container in [*pod["spec"]["containers"], *(pod["spec"].get("initContainers") or ())]:
        for row in container.get("ports") or ():
            if row.get("name") == target:
                return int(row["containerPort"])
    return None


def _rows(ports: _Ports) -> list[Manifest]:
    rows: list[Manifest] = []
    for name, number, protocol in ports:
        rows.append(({"name": name} if name else {}) | {"port": number, "protocol": protocol})
    return rows


def _ip(address: Manifest) -> str:
    return str(address["ip"])


def _named(service: Manifest, pod: Manifest) -> Manifest:
    """The name of a pod under a headless Service that governs it."""
    spec = pod["spec"]
    ours = spec.get("hostname") and spec.get("subdomain") == service["metadata"]["name"]
    return {"hostname": spec["hostname"]} if ours else {}


def _where(pod: Manifest) -> Manifest:
    meta = pod["metadata"]
    target = {"kind": "Pod", "namespace": meta["namespace"], "name": meta["name"], "uid": meta["uid"]}
    placed = {"nodeName": pod["spec"]["nodeName"]} if pod["spec"].get("nodeName") else {}
    return {**placed, "targetRef": target}


def _address(service: Manifest, pod: Manifest) -> Manifest:
    return {"ip": pod["status"]["podIP"], **_named(service, pod), **_where(pod)}


def _endpoint(backing: Backing, pod: Manifest) -> Manifest:
    serving, ending = _ready(pod), "deletionTimestamp" in pod["metadata"]
    early = bool(backing.service["spec"].get("publishNotReadyAddresses"))
    conditions = {"ready": early or (serving and not ending), "serving": serving, "terminating": ending}
    zone = backing.zones.get(pod["spec"].get("nodeName", ""))
    return {
        "addresses": [pod["status"]["podIP"]],
        "conditions": conditions,
        **_named(backing.service, pod),
        **_where(pod),
        **({"zone": zone} if zone else {}),
    }
