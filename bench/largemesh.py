"""The manifests of a large mesh: 800 namespaces, 10,000 workloads with folded pods, 2,000 objects of Istio.

The same manifests every time. Knows nothing of what is measured on them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

Manifest = dict[str, Any]

NAMESPACES = 800
PODS = 3
NETWORKING, SECURITY = "networking.istio.io/v1", "security.istio.io/v1"
PROXY = {"name": "istio-proxy", "image": "istio/proxyv2:1.28.1"}
GOPROXY = {"name": "speedscale-goproxy", "image": "gcr.io/speedscale/goproxy:v2.5.602"}
PORTS = ((443, "TLS"), (443, "TLS"), (443, "HTTPS"), (5432, "TCP"), (80, "HTTP"))


def manifests(namespaces: int = NAMESPACES) -> Iterator[Manifest]:
    """Everything, in the order of an export: the platform, namespaces, workloads, Istio's objects. With
    fewer namespaces there is less of everything."""
    yield from platform()
    for number in range(namespaces):
        yield namespace(number)
    for number in range(namespaces * 25 // 2):
        yield from workload(number, namespaces)
    for count, make in MIXTURE:
        for number in range(count * namespaces // NAMESPACES):
            yield make(number, namespaces)


def space(number: int, spaces: int) -> str:
    return f"team-{number % spaces:03}"


def named(number: int, spaces: int) -> tuple[str, str]:
    """Name and namespace of the workload of that number."""
    return f"app-{number // spaces:02}", space(number, spaces)


def made(
    kind: str, api: str, name: str, owner: str, spec: Any = None, body: str = "spec", **meta: Any
) -> Manifest:
    metadata = {"name": name, "creationTimestamp": "2026-03-01T08:00:00Z", **meta}
    if owner:
        metadata["namespace"] = owner
    found: Manifest = {"apiVersion": api, "kind": kind, "metadata": metadata}
    return found if spec is None else {**found, body: spec}


def namespace(number: int) -> Manifest:
    labels = {} if number % 20 == 19 else {"istio-injection": "enabled"}
    return made("Namespace", "v1", space(number, number + 1), "", labels=labels)


def workload(number: int, spaces: int) -> Iterator[Manifest]:
    """A Deployment, its Service and its folded pods; every third is captured."""
    name, owner = named(number, spaces)
    captured, meshed = number % 3 == 0, number % spaces % 20 != 19
    own = [{"name": name, "image": f"registry.example.com/{owner}/{name}:1.{number % 7}"}]
    containers = [*own, *([GOPROXY] if captured else [])]
    labels = {"app": name, "tier": "web" if number % 2 else "batch"}
    asked = {"sidecar.speedscale.com/inject": "true"} if captured else {}
    template = {"metadata": {"labels": labels}, "spec": {"containers": containers}}
    yield made(
        "Deployment", "apps/v1", name, owner, {"replicas": PODS, "template": template}, annotations=asked
    )
    ports = [{"name": "http", "port": 80 if number % 4 else 8080, "protocol": "TCP", "targetPort": 8080}]
    address = f"10.{128 + number // 65536}.{number // 256 % 256}.{number % 256}"
    yield made(
        "Service", "v1", name, owner, {"clusterIP": address, "selector": {"app": name}, "ports": ports}
    )
    pods = {
        "labels": labels,
        "containers": [*containers, PROXY] if meshed else containers,
        "count": PODS,
        "phase": "Running",
        "samples": [f"{name}-{number:05x}"],
    }
    groups = {"owner": {"kind": "Deployment", "name": name}, "groups": [pods]}
    yield {**made("PodGroups", "meshconsole.io/v1", f"deployment.{name}", owner), **groups}


def entry(number: int, spaces: int) -> Manifest:
    """One to three hosts; every third is exported to its own namespace alone."""
    port, protocol = PORTS[number % len(PORTS)]
    hosts = [f"api-{number}-{index}.partner-{number % 90}.com" for index in range(1 + number % 3)]
    if number % 25 == 7:
        hosts.append(f"*.partner-{number}.net")
    spec = {
        "hosts": hosts,
        "ports": [{"number": port, "name": protocol.lower(), "protocol": protocol}],
        "location": "MESH_EXTERNAL",
        "resolution": "NONE" if number % 25 == 7 or protocol == "TCP" else "DNS",
        **({"addresses": [f"198.18.{number // 256}.{number % 256}"]} if protocol == "TCP" else {}),
        **({"exportTo": ["."]} if number % 3 == 1 else {}),
    }
    return made("ServiceEntry", NETWORKING, f"external-{number}", space(number * 7, spaces), spec)


def sidecar(number: int, spaces: int) -> Manifest:
    hosts = ["./*", "istio-system/*"]
    if number % 2:
        hosts.append("speedscale/*")
    if number % 5 == 0:
        hosts.append(f"{space(number * 2 + 11, spaces)}/*")
    spec: dict[str, Any] = {"egress": [{"hosts": hosts}]}
    if number % 8 == 0:
        spec["workloadSelector"] = {"labels": {"app": "app-01"}}
    return made("Sidecar", NETWORKING, "default", space(number * 2, spaces), spec)


def route(number: int, spaces: int) -> Manifest:
    """Inside the mesh by host, in two weights; every seventh is of a Gateway."""
    name, owner = named(number * 3, spaces)
    host = f"{name}.{owner}.svc.cluster.local"
    ways = [
        {"destination": {"host": host, "subset": "v1"}, "weight": 90},
        {"destination": {"host": host, "subset": "v2"}, "weight": 10},
    ]
    spec: dict[str, Any] = {"hosts": [host], "http": [{"timeout": "5s", "route": ways}]}
    if number % 7 == 0:
        spec |= {"hosts": [f"shop-{number}.example.org"], "gateways": [f"{space(number % 50, spaces)}/edge"]}
    return made("VirtualService", NETWORKING, f"{name}-routes-{number}", owner, spec)


def rule(number: int, spaces: int) -> Manifest:
    name, owner = named(number * 3, spaces)
    policy: dict[str, Any] = {"connectionPool": {"http": {"http1MaxPendingRequests": 50}}}
    if number % 10 == 3:
        policy["tls"] = {"mode": "ISTIO_MUTUAL"}
    subsets = [{"name": item, "labels": {"version": item}} for item in ("v1", "v2")]
    spec = {"host": f"{name}.{owner}.svc.cluster.local", "trafficPolicy": policy, "subsets": subsets}
    return made("DestinationRule", NETWORKING, f"{name}-rule-{number}", owner, spec)


def gateway(number: int, spaces: int) -> Manifest:
    port = {"number": 443, "name": "https", "protocol": "HTTPS"}
    tls = {"mode": "SIMPLE", "credentialName": f"edge-{number}"}
    servers = [{"port": port, "hosts": [f"shop-{number}.example.org"], "tls": tls}]
    spec = {"selector": {"app": "gw"}, "servers": servers}
    return made("Gateway", NETWORKING, "edge", space(number, spaces), spec)


def peer(number: int, spaces: int) -> Manifest:
    mode = ("STRICT", "STRICT", "PERMISSIVE", "DISABLE")[number % 4]
    spec: dict[str, Any] = {"mtls": {"mode": mode}}
    if number % 3 == 0:
        spec |= {
            "selector": {"matchLabels": {"app": "app-02"}},
            "portLevelMtls": {8080: {"mode": "PERMISSIVE"}},
        }
    return made("PeerAuthentication", SECURITY, f"peer-{number}", space(number * 5, spaces), spec)


def authorization(number: int, spaces: int) -> Manifest:
    name, owner = named(number * 11, spaces)
    source = {"principals": [f"cluster.local/ns/{space(number + 1, spaces)}/sa/default"]}
    spec = {
        "selector": {"matchLabels": {"app": name}},
        "action": "ALLOW",
        "rules": [{"from": [{"source": source}]}],
    }
    return made("AuthorizationPolicy", SECURITY, f"allow-{number}", owner, spec)


def platform() -> Iterator[Manifest]:
    """Istio with REGISTRY_ONLY, and Speedscale with an entry for a part of its hosts."""
    for name, labels in (("istio-system", {}), ("speedscale", {"istio-injection": "enabled"})):
        yield made("Namespace", "v1", name, "", labels=labels)
    mesh = "outboundTrafficPolicy:\n  mode: REGISTRY_ONLY\n"
    yield made("ConfigMap", "v1", "istio", "istio-system", {"mesh": mesh}, "data")
    hook = {
        "name": "namespace.sidecar-injector.istio.io",
        "clientConfig": {"service": {"namespace": "istio-system", "name": "istiod", "path": "/inject"}},
        "namespaceSelector": {"matchLabels": {"istio-injection": "enabled"}},
        "rules": [
            {"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}
        ],
    }
    kind, api = "MutatingWebhookConfiguration", "admissionregistration.k8s.io/v1"
    labels = {"istio.io/rev": "default"}
    yield made(kind, api, "istio-sidecar-injector", "", [hook], "webhooks", labels=labels)
    operator = {
        "name": "sidecar.speedscale.com",
        "clientConfig": {"service": {"namespace": "speedscale", "name": "speedscale-operator"}},
        "rules": [
            {
                "operations": ["CREATE"],
                "apiGroups": ["apps"],
                "apiVersions": ["v1"],
                "resources": ["deployments"],
            }
        ],
    }
    yield made(kind, api, "speedscale-operator", "", [operator], "webhooks")
    for part in ("operator", "forwarder"):
        name = f"speedscale-{part}"
        containers = [{"name": part, "image": f"gcr.io/speedscale/{part}:v2.5.602"}]
        template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": containers}}
        yield made("Deployment", "apps/v1", name, "speedscale", {"replicas": 1, "template": template})
    ports = [{"name": "http", "port": 80, "protocol": "TCP", "targetPort": 8888}]
    forwarder = {"clusterIP": "10.96.7.7", "selector": {"app": "speedscale-forwarder"}, "ports": ports}
    yield made("Service", "v1", "speedscale-forwarder", "speedscale", forwarder)
    spec = {
        "hosts": ["app.speedscale.com", "downloads.speedscale.com", "sts.amazonaws.com"],
        "ports": [{"number": 443, "name": "https", "protocol": "TLS"}],
        "location": "MESH_EXTERNAL",
        "resolution": "NONE",
    }
    yield made("ServiceEntry", NETWORKING, "speedscale-external-svc-https", "speedscale", spec)


MIXTURE: tuple[tuple[int, Callable[[int, int], Manifest]], ...] = (
    (600, entry),
    (400, sidecar),
    (350, route),
    (350, rule),
    (50, gateway),
    (150, peer),
    (100, authorization),
)
"""How many there are of each of Istio's kinds among 800 namespaces."""
