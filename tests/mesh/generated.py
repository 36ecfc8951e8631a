"""Small meshes made at random: names and hosts come from pools so small that objects meet one another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from apps.mesh.refs import Manifest
from bench import largemesh
from tests.mesh.generated_objects import (
    APPS,
    SPACES,
    a_config,
    a_gateway_proxy,
    a_namespace,
    a_workload,
    labels,
)

NAMES = ("a", "b")
PORTS = (80, 443, 5432)
PROTOCOLS = ("HTTP", "TLS", "HTTPS", "TCP", "MONGO", "HTTP_PROXY", "odd")
SERVICES = tuple(f"{app}.{space}.svc.cluster.local" for app in APPS for space in SPACES[:2])
HOSTS = (
    "api.x.com",
    "*.x.com",
    "*.s3.us-east-1.amazonaws.com",
    "app.speedscale.com",
    "other.speedscale.com",
    "sts.amazonaws.com",
    "db.example.com",
    "cart.pay",
    *SERVICES,
)
NETWORKING, SECURITY = largemesh.NETWORKING, largemesh.SECURITY
EXPORTS = (["*"], ["."], ["pay"], ["shop", "speedscale"], ["~"])


def some(pool: Any, most: int = 2) -> st.SearchStrategy[list[Any]]:
    return st.lists(st.sampled_from(pool), min_size=1, max_size=most, unique_by=str)


def maybe(name: str, values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """A field that is there or not."""
    return st.just({}) | values.map(lambda value: {name: value})


@st.composite
def spec(draw: st.DrawFn, required: dict[str, Any], *parts: Any) -> dict[str, Any]:
    made: dict[str, Any] = {key: draw(value) for key, value in required.items()}
    for part in parts:
        made.update(draw(part))
    return made


exported = maybe("exportTo", st.sampled_from(EXPORTS))
ports = some(PORTS).flatmap(
    lambda numbers: st.tuples(*(st.sampled_from(PROTOCOLS) for _ in numbers)).map(
        lambda protocols: [
            {"number": number, "name": f"p{number}", "protocol": protocol}
            for number, protocol in zip(numbers, protocols, strict=True)
        ]
    )
)
entries = spec(
    {"hosts": some(HOSTS, 3), "ports": ports, "resolution": st.sampled_from(["NONE", "DNS", "STATIC"])},
    exported,
    maybe("addresses", some(["198.51.100.9", "198.51.100.0/24"])),
    maybe("endpoints", st.just([{"address": "203.0.113.5"}])),
    maybe("location", st.sampled_from(["MESH_EXTERNAL", "MESH_INTERNAL"])),
    maybe("workloadSelector", labels.map(lambda found: {"labels": found})),
)
imported = some(["./*", "*/*", "speedscale/*", "pay/*", "istio-system/*", "*/*.x.com", "~pay/*"], 3)
egress = spec(
    {"hosts": imported},
    maybe(
        "port",
        st.sampled_from([{"number": n, "name": "x", "protocol": p} for n in PORTS for p in PROTOCOLS[:6]]),
    ),
    maybe("bind", st.just("127.0.0.1")),
    maybe("captureMode", st.sampled_from(["NONE", "DEFAULT"])),
)
sidecars = spec(
    {"egress": st.lists(egress, max_size=2)},
    maybe("workloadSelector", labels.map(lambda found: {"labels": found})),
    maybe("outboundTrafficPolicy", st.sampled_from([{}, {"mode": "ALLOW_ANY"}, {"mode": "REGISTRY_ONLY"}])),
)
goals = spec(
    {
        "destination": spec(
            {"host": st.sampled_from(HOSTS)},
            maybe("subset", st.sampled_from(["v1", "v2"])),
            maybe("port", st.sampled_from(PORTS).map(lambda number: {"number": number})),
        )
    },
    maybe("weight", st.sampled_from([0, 50])),
)
matched = maybe(
    "match", some([{"sourceNamespace": "shop"}, {"uri": {"prefix": "/x"}}, {"sourceLabels": {"app": "web"}}])
)
http = spec({"route": st.lists(goals, min_size=1, max_size=2)}, matched, maybe("timeout", st.just("3s")))
tls = spec(
    {
        "route": st.lists(goals, min_size=1, max_size=1),
        "match": some([{"sniHosts": [host]} for host in HOSTS[:5]]),
    }
)
routes = spec(
    {"hosts": some(HOSTS)},
    exported,
    maybe("http", st.lists(http, min_size=1, max_size=2)),
    maybe("tls", st.lists(tls, min_size=1, max_size=1)),
    maybe("gateways", some(["mesh", "a", "istio-system/b"])),
)
rules = spec(
    {"host": st.sampled_from(HOSTS)},
    exported,
    maybe(
        "trafficPolicy",
        st.sampled_from([{"tls": {"mode": mode}} for mode in ("DISABLE", "SIMPLE", "ISTIO_MUTUAL")]),
    ),
    maybe("subsets", some([{"name": name, "labels": {"app": name}} for name in ("v1", "v2", "cart")])),
)
peers = spec(
    {"mtls": st.sampled_from([{"mode": mode} for mode in ("STRICT", "PERMISSIVE", "DISABLE")])},
    maybe("selector", labels.map(lambda found: {"matchLabels": found})),
    maybe("portLevelMtls", st.just({8080: {"mode": "DISABLE"}})),
)
services = spec(
    {"ports": st.sampled_from([[{"name": "http", "port": 80}], [{"name": "x", "port": 443}]])},
    maybe("selector", labels),
    st.sampled_from(
        [
            {"clusterIP": "10.0.0.9"},
            {"clusterIP": "None"},
            {"type": "ExternalName", "externalName": "api.x.com"},
        ]
    ),
)
gateways = spec(
    {
        "selector": labels,
        "servers": st.sampled_from(
            [
                [{"port": {"number": 443, "name": "t", "protocol": "TLS"}, "hosts": [h]}]
                for h in ("*", "api.x.com")
            ]
        ),
    }
)


limits = spec(
    {"podSelector": labels.map(lambda found: {"matchLabels": found}) | st.just({})},
    st.just({"policyTypes": ["Egress"]}),
    maybe(
        "egress",
        st.sampled_from(
            [
                [{"ports": [{"port": 443}]}],
                [{"to": [{"namespaceSelector": {"matchLabels": {"istio-injection": "enabled"}}}]}],
                [{"to": [{"podSelector": {"matchLabels": {"app": "cart"}}}]}],
            ]
        ),
    ),
)
authorizations = spec(
    {"action": st.sampled_from(["ALLOW", "DENY"])},
    maybe("selector", labels.map(lambda found: {"matchLabels": found})),
    maybe("rules", st.just([{"from": [{"source": {"namespaces": ["shop"]}}]}])),
)


@st.composite
def an_object(draw: st.DrawFn, kind: str) -> Manifest:
    """An object of a kind that may be there already, under one of few names."""
    make, api, names = KINDS[kind]
    name, owner = draw(st.sampled_from(names)), draw(st.sampled_from(SPACES))
    day = draw(st.sampled_from(["1", "2"]))
    return largemesh.made(kind, api, name, owner, draw(make), creationTimestamp=f"2026-03-0{day}T08:00:00Z")


KINDS: dict[str, tuple[st.SearchStrategy[dict[str, Any]], str, tuple[str, ...]]] = {
    "ServiceEntry": (entries, NETWORKING, NAMES),
    "VirtualService": (routes, NETWORKING, NAMES),
    "Sidecar": (sidecars, NETWORKING, NAMES),
    "DestinationRule": (rules, NETWORKING, NAMES),
    "Gateway": (gateways, NETWORKING, NAMES),
    "PeerAuthentication": (peers, SECURITY, NAMES),
    "Service": (services, "v1", APPS),
    "NetworkPolicy": (limits, "networking.k8s.io/v1", NAMES),
    "AuthorizationPolicy": (authorizations, SECURITY, NAMES),
}
Made = st.SearchStrategy[list[Manifest]]


def objects(kind: str) -> Made:
    """One object of a kind; "Workload" and "Namespace" are kinds too."""
    if kind == "Workload":
        return a_workload() | a_gateway_proxy() | a_workload().map(lambda found: found[:1])
    if kind == "ConfigMap":
        return a_config().map(_alone)
    return a_namespace().map(_alone) if kind == "Namespace" else an_object(kind).map(_alone)


def _alone(manifest: Manifest) -> list[Manifest]:
    return [manifest]


EVERY_KIND: tuple[str, ...] = (*KINDS, "Workload", "Namespace", "ConfigMap")


@st.composite
def meshes(draw: st.DrawFn) -> list[Manifest]:
    """The platform, four namespaces, workloads with Services, and some of Istio's objects."""
    found: list[Manifest] = list(largemesh.platform())
    for space in SPACES[:2]:
        found.append(largemesh.made("Namespace", "v1", space, "", labels={"istio-injection": "enabled"}))
        for app in APPS:
            number = len(found)
            found.extend(_workload(app, space, number))
    for kind in KINDS:
        for _ in range(draw(st.integers(0, 3))):
            found.extend(draw(objects(kind)))
    return found


def _workload(app: str, space: str, number: int) -> list[Manifest]:
    made: Callable[..., Manifest] = largemesh.made
    containers = [{"name": app, "image": "x:1"}, largemesh.GOPROXY]
    template = {"metadata": {"labels": {"app": app}}, "spec": {"containers": containers}}
    pods = {
        "labels": {"app": app},
        "containers": [*containers, largemesh.PROXY],
        "count": 1,
        "phase": "Running",
        "samples": [app],
    }
    groups = {"owner": {"kind": "Deployment", "name": app}, "groups": [pods]}
    service = {
        "clusterIP": f"10.128.0.{number}",
        "selector": {"app": app},
        "ports": [{"name": "http", "port": 80, "targetPort": 8080}],
    }
    asked = {"sidecar.speedscale.com/inject": "true"}
    return [
        made("Deployment", "apps/v1", app, space, {"template": template}, annotations=asked),
        made("Service", "v1", app, space, service),
        {**made("PodGroups", "meshconsole.io/v1", f"deployment.{app}", space), **groups},
    ]
