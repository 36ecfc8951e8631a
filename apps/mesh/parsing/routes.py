"""VirtualService: its three kinds of routes and their conditions."""

from __future__ import annotations

from apps.mesh.objects.networking import Route, RouteDestination, RouteMatch, StringMatch, VirtualService
from apps.mesh.parsing.fields import Fields, metadata
from apps.mesh.refs import ResourceRef

_UNDERSTOOD = frozenset(
    {
        "port",
        "gateways",
        "sourceLabels",
        "sourceNamespace",
        "uri",
        "authority",
        "method",
        "sniHosts",
        "destinationSubnets",
        "name",
        "ignoreUriCase",
        "statPrefix",
    }
)


def virtual_service(fields: Fields, ref: ResourceRef) -> VirtualService:
    spec = fields.child("spec")
    return VirtualService(
        **metadata(fields, ref),
        hosts=tuple(host.lower() for host in spec.texts("hosts")),
        gateways=spec.texts("gateways"),
        export_to=spec.texts("exportTo"),
        http=tuple(_route(item) for item in spec.items("http")),
        tls=tuple(_route(item) for item in spec.items("tls")),
        tcp=tuple(_route(item) for item in spec.items("tcp")),
    )


def _route(item: Fields) -> Route:
    answers = ""
    for field, word in (("redirect", "redirect"), ("directResponse", "direct"), ("delegate", "delegate")):
        if item.has(field):
            answers = word
    return Route(
        matches=tuple(_match(match) for match in item.items("match")),
        destinations=tuple(_destination(one) for one in item.items("route")),
        answers=answers,
        direct_status=item.child("directResponse").number("status"),
        delegate=(item.child("delegate").text("namespace"), item.child("delegate").text("name")),
    )


def _destination(item: Fields) -> RouteDestination:
    destination = item.child("destination")
    return RouteDestination(
        host=destination.text("host").lower(),
        port=destination.child("port").number("number"),
        subset=destination.text("subset"),
        weight=item.number("weight") or 0,
    )


def _match(item: Fields) -> RouteMatch:
    return RouteMatch(
        port=item.number("port"),
        gateways=item.texts("gateways"),
        source_labels=item.labels("sourceLabels"),
        source_namespace=item.text("sourceNamespace"),
        uri=_string(item, "uri"),
        authority=_string(item, "authority"),
        method=_string(item, "method"),
        sni_hosts=tuple(host.lower() for host in item.texts("sniHosts")),
        destination_subnets=item.texts("destinationSubnets"),
        others=tuple(key for key in item.names() if key not in _UNDERSTOOD),
    )


def _string(item: Fields, key: str) -> StringMatch | None:
    if not item.has(key):
        return None
    match = item.child(key)
    for kind in ("exact", "prefix", "regex"):
        if match.has(kind):
            return StringMatch(kind, match.text(kind))
    return None
