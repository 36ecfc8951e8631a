"""Routes, Gateways, GatewayClasses and ReferenceGrants of the Gateway API.

Conditions and filters are read as pilot/pkg/config/kube/gateway/conversion.go converts them; what it refuses
is kept as `wrong`, because a refused rule takes the whole route out of force.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from apps.mesh.objects.gatewayapi import (
    GATEWAY_API,
    SAME,
    Backend,
    GatewayAddress,
    GatewayClass,
    GatewayListener,
    GatewayRouteRule,
    GrantSide,
    GRPCRoute,
    HTTPRoute,
    KubernetesGateway,
    ObjectReference,
    ReferenceGrant,
    TCPRoute,
    TLSRoute,
)
from apps.mesh.objects.networking import RouteMatch, StringMatch
from apps.mesh.parsing.config import label_selector
from apps.mesh.parsing.fields import Fields, metadata
from apps.mesh.refs import ResourceRef

HEADER_FILTERS = frozenset({"RequestHeaderModifier", "ResponseHeaderModifier"})
GRPC_FILTERS = HEADER_FILTERS | {"RequestMirror"}
HTTP_FILTERS = GRPC_FILTERS | {"RequestRedirect", "URLRewrite", "CORS"}
ISTIO_NETWORKING = "networking.istio.io"
Match = Callable[[Fields], tuple[RouteMatch, str]]


def http_route(fields: Fields, ref: ResourceRef) -> HTTPRoute:
    return HTTPRoute(**_route(fields, ref, _http_match, HTTP_FILTERS))


def grpc_route(fields: Fields, ref: ResourceRef) -> GRPCRoute:
    return GRPCRoute(**_route(fields, ref, _grpc_match, GRPC_FILTERS))


def tls_route(fields: Fields, ref: ResourceRef) -> TLSRoute:
    return TLSRoute(**_route(fields, ref, None, frozenset()))


def tcp_route(fields: Fields, ref: ResourceRef) -> TCPRoute:
    return TCPRoute(**_route(fields, ref, None, frozenset()))


def kubernetes_gateway(fields: Fields, ref: ResourceRef) -> KubernetesGateway:
    spec = fields.child("spec")
    admitted = spec.child("allowedListeners").child("namespaces").text("from", "None")
    return KubernetesGateway(
        **metadata(fields, ref),
        class_name=spec.text("gatewayClassName"),
        listeners=tuple(_listener(item) for item in spec.items("listeners")),
        addresses=tuple(
            GatewayAddress(item.text("type", "IPAddress"), item.text("value").lower())
            for item in spec.items("addresses")
        ),
        admits_listener_sets=admitted != "None",
    )


def gateway_class(fields: Fields, ref: ResourceRef) -> GatewayClass:
    return GatewayClass(**metadata(fields, ref), controller=fields.child("spec").text("controllerName"))


def reference_grant(fields: Fields, ref: ResourceRef) -> ReferenceGrant:
    spec = fields.child("spec")
    return ReferenceGrant(
        **metadata(fields, ref),
        sources=tuple(
            GrantSide(item.text("group"), item.text("kind"), item.text("namespace"))
            for item in spec.items("from")
        ),
        targets=tuple(
            GrantSide(item.text("group"), item.text("kind"), item.text("name")) for item in spec.items("to")
        ),
    )


def _route(fields: Fields, ref: ResourceRef, match: Match | None, filters: frozenset[str]) -> dict[str, Any]:
    spec, owner = fields.child("spec"), ref.namespace
    return {
        **metadata(fields, ref),
        "parents": tuple(
            _reference(item, owner, GATEWAY_API, "Gateway") for item in spec.items("parentRefs")
        ),
        "hostnames": tuple(host.lower() for host in spec.texts("hostnames")),
        "rules": tuple(_rule(item, owner, match, filters) for item in spec.items("rules")),
    }


def _rule(item: Fields, owner: str, match: Match | None, filters: frozenset[str]) -> GatewayRouteRule:
    read = [match(found) for found in item.items("matches")] if match is not None else []
    refs = item.items("backendRefs")
    asked = tuple(found.text("type") for found in item.items("filters"))
    backends = tuple(_backend(found, owner) for found in refs)
    used = [ref for ref, backend in zip(refs, backends, strict=True) if backend.weight]
    doubts = [
        *(wrong for _, wrong in read),
        *(f"filter {name} is not supported" for name in asked if name not in filters),
        *(wrong for ref, one in zip(refs, backends, strict=True) if one.weight for wrong in _wrong(ref, one)),
    ]
    inner = tuple(found.text("type") for ref in used for found in ref.items("filters"))
    doubts.extend(
        f"filter {name} of a backend is not supported" for name in inner if name not in HEADER_FILTERS
    )
    return GatewayRouteRule(
        matches=tuple(found for found, _ in read),
        backends=backends,
        filters=(*asked, *inner),
        wrong=next((doubt for doubt in doubts if doubt), ""),
    )


def _backend(item: Fields, owner: str) -> Backend:
    weight = item.number("weight")
    return Backend(_reference(item, owner, "", "Service"), 1 if weight is None else weight)


def _wrong(item: Fields, backend: Backend) -> Iterator[str]:
    """What makes Istio refuse the rule for its backend; an unknown kind or a missing object does not."""
    target = backend.target
    service, host = (target.group, target.kind) == ("", "Service"), target.kind == "Hostname"
    if service and "." in target.name:
        yield f"backend {target.name} is not the name of a Service"
    if host and target.group == ISTIO_NETWORKING and item.has("namespace"):
        yield f"backend {target.name} is a Hostname and has a namespace"
    if target.port is None and (service or (host and target.group == ISTIO_NETWORKING)):
        yield f"backend {target.name} has no port"


def _reference(item: Fields, owner: str, group: str, kind: str) -> ObjectReference:
    namespace = item.text("namespace", owner)
    return ObjectReference(
        item.text("group", group),
        item.text("kind", kind),
        namespace,
        item.text("name").lower() if item.text("kind", kind) == "Hostname" else item.text("name"),
        item.number("port"),
        item.text("sectionName"),
        namespace != owner,
    )


def _http_match(item: Fields) -> tuple[RouteMatch, str]:
    path = item.child("path")
    kind, value = path.text("type", "PathPrefix"), path.text("value", "/")
    kinds = {"PathPrefix": "prefix", "Exact": "exact", "RegularExpression": "regex"}
    wrong = "" if kind in kinds else f"path type {kind} is not supported"
    if kind == "PathPrefix" and value != "/":
        value = value.removesuffix("/")
    headers, params = _texts(item, "headers"), _texts(item, "queryParams")
    return RouteMatch(
        uri=StringMatch(kinds.get(kind, "regex"), value),
        method=StringMatch("exact", item.text("method")) if item.has("method") else None,
        headers=headers,
        query_params=params,
        others=tuple(name for name in ("headers", "queryParams") if item.items(name)),
    ), wrong


def _grpc_match(item: Fields) -> tuple[RouteMatch, str]:
    method = item.child("method")
    service, name = method.text("service"), method.text("method")
    uri: StringMatch | None = None
    wrong = ""
    if item.has("method") and not (service or name):
        wrong = "a method match names neither service nor method"
    elif item.has("method"):
        exact = method.text("type", "Exact") == "Exact"
        if exact and service:
            uri = StringMatch("exact" if name else "prefix", f"/{service}/{name}")
        else:
            uri = StringMatch("regex", f"/{service or '[^/]+'}/{name or '.+'}")
    others = ("headers",) if item.items("headers") else ()
    return RouteMatch(uri=uri, headers=_texts(item, "headers"), others=others), wrong


def _texts(item: Fields, key: str) -> dict[str, StringMatch | None]:
    return {
        one.text("name"): StringMatch(
            "regex" if one.text("type", "Exact") == "RegularExpression" else "exact", one.text("value")
        )
        for one in item.items(key)
    }


def _listener(item: Fields) -> GatewayListener:
    allowed = item.child("allowedRoutes")
    namespaces = allowed.child("namespaces")
    return GatewayListener(
        name=item.text("name"),
        port=item.number("port") or 0,
        protocol=item.text("protocol"),
        hostname=item.text("hostname").lower(),
        tls_mode=item.child("tls").text("mode", "Terminate") if item.has("tls") else "",
        has_tls=item.has("tls"),
        tls_option=item.child("tls").child("options").text("gateway.istio.io/tls-terminate-mode"),
        routes_from=namespaces.text("from", SAME),
        namespaces=label_selector(namespaces.child("selector")),
        kinds=tuple(kind.text("kind") for kind in allowed.items("kinds")),
    )
