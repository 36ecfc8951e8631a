"""Makes the objects that recorded cases start from."""

from typing import Any

from tests.cluster_contract.endpoint import Endpoint
from tests.cluster_contract.replay import NAMESPACES, Known

Json = dict[str, Any]
ISTIO = "/apis/networking.istio.io/v1/namespaces"
SPEC: Json = {
    "hosts": ["app.speedscale.com"],
    "location": "MESH_EXTERNAL",
    "resolution": "NONE",
    "ports": [{"name": "https", "number": 443, "protocol": "TLS"}],
}


def service_entry(name: str, namespace: str, labels: Json | None = None, **spec: Any) -> Json:
    meta: Json = {"name": name, "namespace": namespace, **({"labels": labels} if labels else {})}
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "ServiceEntry",
        "metadata": meta,
        "spec": {**SPEC, **spec},
    }


def must(endpoint: Endpoint, method: str, path: str, body: Any = None, **more: Any) -> Json:
    answer = endpoint.json(method, path, body, **more)
    assert 200 <= answer.status < 300, (method, path, answer.status, answer.body)
    return dict(answer.body)


def make_namespaces(endpoint: Endpoint, known: Known, *names: str) -> None:
    for name in names:
        meta = {"name": known.namespace(name)}
        must(
            endpoint,
            "POST",
            "/api/v1/namespaces",
            {"apiVersion": "v1", "kind": "Namespace", "metadata": meta},
        )


def drop_namespaces(endpoint: Endpoint, known: Known) -> None:
    """Delete the namespaces of a run, and let go of what finalizers hold in them."""
    merge = "application/merge-patch+json"
    for name in NAMESPACES:
        space = known.namespace(name)
        if endpoint.json("DELETE", f"/api/v1/namespaces/{space}").status == 404:
            continue
        for path in (f"/api/v1/namespaces/{space}/configmaps", f"{ISTIO}/{space}/serviceentries"):
            for item in endpoint.json("GET", path).body["items"]:
                if item["metadata"].get("finalizers"):
                    change = {"metadata": {"finalizers": None}}
                    endpoint.json("PATCH", f"{path}/{item['metadata']['name']}", change, kind=merge)


def make_entry(
    endpoint: Endpoint, known: Known, name: str, ns: str = "demo", labels: Json | None = None, **spec: Any
) -> Json:
    space = known.namespace(ns)
    return must(
        endpoint, "POST", f"{ISTIO}/{space}/serviceentries", service_entry(name, space, labels, **spec)
    )


def make_config_map(endpoint: Endpoint, known: Known, name: str, ns: str = "demo", **more: Any) -> Json:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, **more}, "data": {"a": "1"}}
    return must(endpoint, "POST", f"/api/v1/namespaces/{known.namespace(ns)}/configmaps", body)


def make_pod(
    endpoint: Endpoint, known: Known, name: str, ns: str, node: str | None, phase: str | None = None
) -> None:
    spec: Json = {"containers": [{"name": "app", "image": "registry.example.com/cart:1.0"}]}
    if node:
        spec["nodeName"] = node
    path = f"/api/v1/namespaces/{known.namespace(ns)}/pods"
    labels = {"app": "cart"} if name.startswith("cart") else {"app": "a"}
    meta = {"name": name, "labels": labels}
    must(endpoint, "POST", path, {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec})
    if phase:
        merge = "application/merge-patch+json"
        must(endpoint, "PATCH", f"{path}/{name}/status", {"status": {"phase": phase}}, kind=merge)
