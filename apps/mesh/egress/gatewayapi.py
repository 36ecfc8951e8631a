"""Routes of the Gateway API as the VirtualServices that istiod makes of them, before they have a host.

Follows pilot/pkg/config/kube/gateway/conversion.go (convertHTTPRoute, convertTCPRoute, buildDestination,
sortHTTPRoutes). Knows nothing of parents.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from apps.mesh.hosts import service_host
from apps.mesh.objects.gatewayapi import (
    Backend,
    GatewayRoute,
    GatewayRouteRule,
    GRPCRoute,
    ObjectReference,
    TCPRoute,
    TLSRoute,
)
from apps.mesh.objects.networking import Route, RouteDestination, RouteMatch

Allowed = Callable[[ObjectReference], bool]
SERVICE = ("", "Service")
SERVICE_ENTRY = ("networking.istio.io", "ServiceEntry")
HOSTNAME = ("networking.istio.io", "Hostname")
UNDECIDED_BACKENDS = frozenset({"XBackend", "InferencePool", "ServiceImport"})
EXPERIMENTAL = "v1alpha"
NO_BACKEND = RouteDestination("internal.cluster.local", 65535, "zero-weight")
"""Where istiod sends TCP that has no backend: a cluster that nobody has."""
_RANKS = {"exact": 3, "prefix": 2, "regex": 1}


@dataclass(frozen=True, slots=True)
class Converted:
    """The parts of a route; none where istiod refuses it. `doubt` says why it cannot be told whether or
    how istiod applies it."""

    http: tuple[Route, ...] = ()
    tls: tuple[Route, ...] = ()
    tcp: tuple[Route, ...] = ()
    doubt: str = ""

    @property
    def any(self) -> bool:
        return bool(self.http or self.tls or self.tcp)

    def on_port(self, number: int | None) -> Converted:
        """For a parent that names a port only."""
        if number is None:
            return self
        return replace(
            self, http=_at(self.http, number), tls=_at(self.tls, number), tcp=_at(self.tcp, number)
        )


def convert(route: GatewayRoute, allowed: Allowed = lambda target: True) -> Converted:
    """`allowed` is asked for backends of other namespaces; for the mesh all are."""
    doubt = _doubt(route)
    if doubt or any(rule.wrong for rule in route.rules):
        return Converted(doubt=doubt)
    if isinstance(route, TCPRoute):
        return Converted(tcp=tuple(_opaque(rule, allowed) for rule in route.rules))
    if isinstance(route, TLSRoute):
        match = RouteMatch(sni_hosts=route.hostnames or ("*",))
        return Converted(tls=tuple(replace(_opaque(rule, allowed), matches=(match,)) for rule in route.rules))
    return Converted(http=tuple(part for rule in route.rules for part in _http(rule, allowed)))


def in_order(parts: Iterable[Route]) -> tuple[Route, ...]:
    """The order that the Gateway API asks for: the more specific condition before the other."""
    return tuple(sorted(parts, key=_specificity))


def _doubt(route: GatewayRoute) -> str:
    version = route.api_version.rpartition("/")[2]
    if isinstance(route, TCPRoute | TLSRoute) and version.startswith(EXPERIMENTAL):
        return f"whether istiod reads a {route.ref.kind} of {version} depends on its version and settings"
    kinds = [one.target.kind for rule in route.rules for one in rule.backends if one.weight]
    unusual = next((kind for kind in kinds if kind in UNDECIDED_BACKENDS), "")
    if unusual:
        return f"where a backend of kind {unusual} leads depends on settings of istiod"
    if isinstance(route, GRPCRoute) and any("RequestMirror" in rule.filters for rule in route.rules):
        return "a mirror that istiod refuses takes the whole route out of force"
    return ""


def _http(rule: GatewayRouteRule, allowed: Allowed) -> Iterable[Route]:
    """One part for each condition; with no backend that has a weight, an answer of 500."""
    answers, status = ("redirect", None) if rule.redirects else ("", None)
    destinations = _destinations(rule.backends, allowed)
    if not destinations and not rule.redirects:
        answers, status = "direct", 500
    for match in rule.matches or (None,):
        matches = (match,) if match is not None else ()
        yield Route(matches=matches, destinations=destinations, answers=answers, direct_status=status)


def _opaque(rule: GatewayRouteRule, allowed: Allowed) -> Route:
    return Route(destinations=_destinations(rule.backends, allowed) or (NO_BACKEND,))


def _destinations(backends: Sequence[Backend], allowed: Allowed) -> tuple[RouteDestination, ...]:
    used = [item for item in backends if item.weight]
    return tuple(
        replace(_destination(item.target, allowed), weight=item.weight if len(used) > 1 else 0)
        for item in used
    )


def _destination(target: ObjectReference, allowed: Allowed) -> RouteDestination:
    """A backend of an unknown kind, or one that may not be used, is a cluster without a name."""
    kind = (target.group, target.kind)
    if target.elsewhere and not allowed(target):
        return RouteDestination("")
    if kind == SERVICE:
        return RouteDestination(service_host(target.name, target.namespace), target.port)
    return RouteDestination(target.name, target.port) if kind == HOSTNAME else RouteDestination("")


def _at(parts: tuple[Route, ...], number: int) -> tuple[Route, ...]:
    return tuple(
        replace(part, matches=tuple(replace(match, port=number) for match in part.matches or (RouteMatch(),)))
        for part in parts
    )


def _specificity(part: Route) -> tuple[object, ...]:
    if not part.matches:
        return (True,)
    match = part.matches[0]
    rank = _RANKS.get(match.uri.kind, -1) if match.uri is not None else -1
    length = len(match.uri.value) if match.uri is not None else 0
    return (False, -rank, -length, match.method is None, -len(match.headers), -len(match.query_params))
