"""VirtualService: its three kinds of routes and their conditions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from apps.mesh.objects.networking import (
    Abort,
    Rewrite,
    Route,
    RouteDestination,
    RouteMatch,
    StringMatch,
    VirtualService,
)
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
        name=item.text("name"),
        matches=tuple(_match(match) for match in item.items("match")),
        destinations=tuple(_destination(one) for one in item.items("route")),
        answers=answers,
        direct_status=item.child("directResponse").number("status"),
        delegate=(item.child("delegate").text("namespace"), item.child("delegate").text("name")),
        mirrors=tuple(_mirrors(item)),
        rewrite=_rewrite(item.child("rewrite")) if item.has("rewrite") else None,
        timeout=item.text("timeout"),
        header_operations=tuple(_header_operations(item.child("headers"))),
        authority=_authority(item),
        abort=_abort(item.child("fault").child("abort")) if item.child("fault").has("abort") else None,
        given=item.names(),
    )


def _destination(item: Fields) -> RouteDestination:
    target = _target(item.child("destination"), item.number("weight"))
    return replace(target, sets_headers=True) if item.has("headers") else target


def _target(destination: Fields, weight: int | None = None) -> RouteDestination:
    return RouteDestination(
        host=destination.text("host").lower(),
        port=destination.child("port").number("number"),
        subset=destination.text("subset"),
        weight=weight or 0,
        weight_given=weight is not None,
    )


def _mirrors(item: Fields) -> Iterator[RouteDestination]:
    if item.has("mirror"):
        yield _target(item.child("mirror"))
    for mirror in item.items("mirrors"):
        yield _target(mirror.child("destination"))


def _rewrite(rewrite: Fields) -> Rewrite:
    return Rewrite(
        rewrite.text("uri"), rewrite.text("authority"), rewrite.child("uriRegexRewrite").text("match")
    )


def _authority(item: Fields) -> str:
    """core/route/route.go TranslateHeadersOperations: a Host that is set is an authority; a rewrite wins."""
    request = item.child("headers").child("request")
    sides = (request.child("add"), request.child("set"))
    named = {name.lower(): side.text(name) for side in sides for name in side.names()}
    host = item.child("rewrite").text("authority") or named.get(":authority") or named.get("host") or ""
    return host.lower()


def _abort(abort: Fields) -> Abort:
    """Without a percentage no request is aborted (core/route/route.go TranslateFault)."""
    given = abort.child("percentage").text("value")
    percent = float(given) if given.replace(".", "", 1).isdecimal() else 0.0
    return Abort(percent, abort.number("httpStatus"), abort.text("grpcStatus"))


def _header_operations(headers: Fields) -> Iterator[tuple[str, str]]:
    for direction in ("request", "response"):
        side = headers.child(direction)
        for operation in ("set", "add"):
            for name in side.child(operation).names():
                yield f"{direction}.{operation}", name.lower()
        for name in side.texts("remove"):
            yield f"{direction}.remove", name.lower()


def _match(item: Fields) -> RouteMatch:
    return RouteMatch(
        name=item.text("name"),
        port=item.number("port"),
        gateways=item.texts("gateways"),
        source_labels=item.labels("sourceLabels"),
        source_namespace=item.text("sourceNamespace"),
        uri=_string(item, "uri"),
        authority=_string(item, "authority"),
        method=_string(item, "method"),
        sni_hosts=tuple(host.lower() for host in item.texts("sniHosts")),
        destination_subnets=item.texts("destinationSubnets"),
        source_subnet=item.text("sourceSubnet"),
        scheme=_string(item, "scheme"),
        headers=_strings(item, "headers"),
        without_headers=_strings(item, "withoutHeaders"),
        query_params=_strings(item, "queryParams"),
        ignore_uri_case=item.flag("ignoreUriCase"),
        others=tuple(key for key in item.names() if key not in _UNDERSTOOD),
    )


def _strings(item: Fields, key: str) -> dict[str, StringMatch | None]:
    if not item.has(key):
        return {}
    matches = item.child(key)
    return {name: _string(matches, name) for name in matches.every_name()}


def _string(item: Fields, key: str) -> StringMatch | None:
    if not item.has(key):
        return None
    match = item.child(key)
    for kind in ("exact", "prefix", "regex"):
        if match.has(kind):
            return StringMatch(kind, match.text(kind))
    return None
