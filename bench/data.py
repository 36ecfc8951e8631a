"""A large cluster as the pages that its API server would send: 10,000 pods in 2,000 workloads.

The objects are made by the simulated cluster's own shapes, from a scenario written here; pods get as
much `managedFields` as they have other content, as on a real server (a mean pod has 16 kB there).
"""

from __future__ import annotations

import gzip
import hashlib
import json
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from apps.simcluster.scenario import load

NAMESPACES = 200
WORKLOADS_EACH = 10
REPLICAS = 5
PAGE = 500
POD_BYTES = 16_000
OWN_BYTES = POD_BYTES // 2
DIFFERENT = 8  # bytes in a hundred
NAME = "bench"
ADMISSION = "admissionregistration.k8s.io"

UNREAD = (
    "containers.env",
    "containers.securityContext",
    "containers.volumeMounts",
    "spec.volumes",
    "status.initContainerStatuses",
    "status.containerStatuses",
)

# group, version, plural, kind, namespaced; in the order in which discovery names them.
RESOURCES = (
    ("", "v1", "namespaces", "Namespace", False),
    ("", "v1", "pods", "Pod", True),
    ("", "v1", "services", "Service", True),
    ("", "v1", "configmaps", "ConfigMap", True),
    ("", "v1", "serviceaccounts", "ServiceAccount", True),
    ("apps", "v1", "deployments", "Deployment", True),
    ("apps", "v1", "statefulsets", "StatefulSet", True),
    ("apps", "v1", "daemonsets", "DaemonSet", True),
    ("batch", "v1", "jobs", "Job", True),
    ("batch", "v1", "cronjobs", "CronJob", True),
    ("networking.istio.io", "v1", "serviceentries", "ServiceEntry", True),
    ("networking.istio.io", "v1", "sidecars", "Sidecar", True),
    ("networking.istio.io", "v1", "virtualservices", "VirtualService", True),
    ("networking.istio.io", "v1", "destinationrules", "DestinationRule", True),
    ("networking.istio.io", "v1", "gateways", "Gateway", True),
    ("security.istio.io", "v1", "peerauthentications", "PeerAuthentication", True),
    ("security.istio.io", "v1", "authorizationpolicies", "AuthorizationPolicy", True),
    ("security.istio.io", "v1", "requestauthentications", "RequestAuthentication", True),
    ("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy", True),
    (ADMISSION, "v1", "mutatingwebhookconfigurations", "MutatingWebhookConfiguration", False),
    (ADMISSION, "v1", "validatingwebhookconfigurations", "ValidatingWebhookConfiguration", False),
    ("apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", False),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Served:
    """`bodies`: path (and query, where it tells lists apart) → (plain, gzip). Sizes are in bytes."""

    bodies: dict[str, tuple[bytes, bytes]]
    pods: int
    workloads: int
    pod_bytes: int


def scenario_text() -> str:
    """A production cluster under REGISTRY_ONLY; every tenth namespace has a Sidecar that leaves
    Speedscale out."""
    namespaces: dict[str, Any] = {}
    for number in range(NAMESPACES):
        captured = "injected" if number % 3 else "none"
        namespace: dict[str, Any] = {
            "labels": {"istio-injection": "enabled", "team": f"team-{number % 20:02}"},
            "defaults": {"speedscale": captured},
            "workloads": {f"service-{n:02}": {"replicas": REPLICAS} for n in range(WORKLOADS_EACH)},
        }
        if number % 10 == 0:
            namespace["sidecars"] = {"default": {"hosts": ["./*", "istio-system/*"]}}
        namespaces[f"shop-{number:03}"] = namespace
    policy = {"outboundTrafficPolicy": {"mode": "REGISTRY_ONLY"}}
    return json.dumps(
        {
            "name": NAME,
            "environment": "production",
            "region": "eu-central-1",
            "owner_team": "bench",
            "labels": {},
            "kubernetes_version": "v1.32.9",
            "nodes": 20,
            "served_versions": {"networking.istio.io": ["v1"], "security.istio.io": ["v1"]},
            "istio": {"revisions": [{"name": "default", "version": "1.27.3", "mesh": policy}]},
            "speedscale": {"namespace": "speedscale", "version": "2.5.602"},
            "users": [{"name": "reader", "role": "reader"}],
            "namespaces": {"speedscale": {"objects": [_service_entry()]}, **namespaces},
        }
    )


def served() -> Served:
    """Every answer that a collection asks for, ready to be sent."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "bench.yaml"
        path.write_text(scenario_text())
        manifests = load(path).manifests
    by_kind: dict[str, list[dict[str, Any]]] = {}
    for manifest in manifests:
        by_kind.setdefault(manifest["kind"], []).append(manifest)
    pods = by_kind.get("Pod", [])
    for pod in pods:
        _own_fields(pod)
    bodies = dict(_discovery())
    for resource in RESOURCES:
        bodies.update(_lists(resource, by_kind.get(resource[3], [])))
    size = sum(_size(pod) for pod in pods)
    kinds = ("Deployment", "StatefulSet", "DaemonSet")
    return Served(
        {path: _packed(body) for path, body in bodies.items()},
        len(pods),
        sum(len(by_kind.get(kind, ())) for kind in kinds),
        size,
    )


def _service_entry() -> dict[str, Any]:
    """As in the source page's example: nine of the twelve hosts."""
    region = "us-east-1"
    aws = [f"{name}.{region}.amazonaws.com" for name in ("firehose", "s3", "*.s3", "sns", "sqs", "sts")]
    hosts = ["app.speedscale.com", "downloads.speedscale.com", "sts.amazonaws.com", *aws]
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "ServiceEntry",
        "metadata": {"name": "speedscale"},
        "spec": {
            "hosts": hosts,
            "location": "MESH_EXTERNAL",
            "resolution": "NONE",
            "ports": [{"name": "https", "number": 443, "protocol": "TLS"}],
        },
    }


def _own_fields(pod: dict[str, Any]) -> None:
    """Brings the pod to POD_BYTES, half of them field ownership. Too much content loses parts that
    nobody reads; too little gets conditions, which nobody reads either."""
    pod["metadata"].pop("managedFields", None)
    for path in UNREAD:
        if _size(pod) <= OWN_BYTES:
            break
        _drop(pod, path)
    conditions = pod["status"].setdefault("conditions", [])
    missing = OWN_BYTES - _size(pod)
    for number in range(max(0, missing) // 130):
        text = f"condition {number} of pod {pod['metadata']['name']}: no change since it started"
        conditions.append({"type": f"bench.example/Gate{number}", "status": "True", "message": text})
    fields: dict[str, Any] = {}
    size = 0
    seed = pod["metadata"]["uid"].encode()
    while size < OWN_BYTES:
        # As much of it is different from pod to pod as makes a page compress to an eighth, which is what
        # a real API server's pages do.
        seed = hashlib.sha256(seed).digest()
        name = f'k:{{"name":"container-{len(fields)}"}}'
        leaf: dict[str, Any] = {
            ".": {},
            "f:image": {},
            "f:imagePullPolicy": {},
            f"f:{seed[:DIFFERENT].hex()}": {},
        }
        fields[name] = leaf
        size += _size({name: leaf})
    pod["metadata"]["managedFields"] = [
        {
            "manager": "kube-controller-manager",
            "operation": "Update",
            "apiVersion": "v1",
            "time": "2026-11-22T00:00:00Z",
            "fieldsType": "FieldsV1",
            "fieldsV1": {"f:spec": {"f:containers": fields}},
        }
    ]


def _size(value: Any) -> int:
    return len(json.dumps(value, separators=(",", ":")))


def _drop(pod: dict[str, Any], path: str) -> None:
    """Removes `status.x`, `spec.x` or, for `containers.x`, the field of every container."""
    where, _, field = path.partition(".")
    if where == "containers":
        for container in [*pod["spec"]["containers"], *pod["spec"].get("initContainers", [])]:
            container.pop(field, None)
    else:
        pod[where].pop(field, None)


def _discovery() -> Iterator[tuple[str, Any]]:
    versions = dict.fromkeys((group, version) for group, version, *_ in RESOURCES)
    groups = [
        {
            "name": group,
            "versions": [{"groupVersion": f"{group}/{version}", "version": version}],
            "preferredVersion": {"groupVersion": f"{group}/{version}", "version": version},
        }
        for group, version in versions
        if group
    ]
    yield "/apis", {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}
    yield "/version", {"gitVersion": "v1.32.9", "major": "1", "minor": "32"}
    for group, version in versions:
        rows = [
            {"name": plural, "kind": kind, "namespaced": namespaced, "verbs": ["get", "list", "watch"]}
            for g, v, plural, kind, namespaced in RESOURCES
            if (g, v) == (group, version)
        ]
        yield _root(group, version), {"kind": "APIResourceList", "resources": rows}


def _lists(
    resource: tuple[str, str, str, str, bool], items: list[dict[str, Any]]
) -> Iterator[tuple[str, Any]]:
    group, version, plural, kind, _ = resource
    path = f"{_root(group, version)}/{plural}"
    if kind == "ConfigMap":
        for name in {item["metadata"]["name"] for item in items}:
            yield (
                f"{path}?name={name}",
                _list(kind, [i for i in items if i["metadata"]["name"] == name], 0, 0),
            )
        yield f"{path}?name=", _list(kind, [], 0, 0)
        return
    size = 50 if kind == "CustomResourceDefinition" else PAGE
    count = max(1, -(-len(items) // size))
    for number in range(count):
        part = items[number * size : (number + 1) * size]
        yield f"{path}?page={number}", _list(kind, part, number + 1 if number + 1 < count else 0, len(items))


def _list(kind: str, items: Iterable[dict[str, Any]], following: int, total: int) -> dict[str, Any]:
    metadata: dict[str, Any] = {"resourceVersion": "1000"}
    if following:
        metadata |= {"continue": str(following), "remainingItemCount": total - following * PAGE}
    return {"kind": f"{kind}List", "apiVersion": "v1", "metadata": metadata, "items": list(items)}


def _root(group: str, version: str) -> str:
    return f"/apis/{group}/{version}" if group else f"/api/{version}"


def _packed(body: Any) -> tuple[bytes, bytes]:
    plain = json.dumps(body, separators=(",", ":")).encode()
    return plain, gzip.compress(plain, compresslevel=1)  # what an API server uses
