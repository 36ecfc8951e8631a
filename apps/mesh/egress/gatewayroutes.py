"""Which VirtualService bound to a gateway takes what a server reads: requests by their Host, bytes by
nothing, TLS that stays closed by its server name.

Follows pilot/pkg/networking/core/gateway.go (buildGatewayHTTPRouteConfig, buildGatewayNetworkFiltersFrom…)
and push_context.go (VirtualServicesForGateway). Knows nothing of where a route leads.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from apps.mesh.egress.gatewayservers import AUTO_PASSTHROUGH, Door, EgressGateway, Layer
from apps.mesh.egress.routes import catches_all, meets
from apps.mesh.hosts import matches, more_specific, most_specific, subset_of
from apps.mesh.objects.networking import Route, RouteMatch, VirtualService
from apps.mesh.objects.selectors import is_subset
from apps.mesh.references import gateway_ref
from apps.mesh.visibility import PUBLIC, visible_to


@dataclass(frozen=True, slots=True)
class Taken:
    """A route at a gateway. `certain` is False where it asks for more than a host and `GET /`; `redirects` is
    true where the server itself sends every request to https, whatever the route says."""

    door: Door
    route: VirtualService | None = None
    part: Route | None = None
    path: str = ""
    certain: bool = True
    redirects: bool = False


@dataclass(frozen=True, slots=True)
class TlsChain:
    """A filter chain for TLS: the server names it asks for ("*" for any), the server it comes from, and the
    route of TLS that stays closed."""

    names: tuple[str, ...]
    door: Door
    taken: Taken | None = None


def bound_routes(gateway: EgressGateway, door: Door) -> Iterator[VirtualService]:
    """The routes of a server: those attached to a listener, then VirtualServices: the gateway's own and those
    exported to it by name before the public ones, the oldest first."""
    if door.built is not None:
        yield from door.built.routes
    default = gateway.mesh.plane.config.virtual_service_export_to
    found: list[tuple[int, tuple[str, ...], VirtualService]] = []
    for route in gateway.mesh.routes:
        if not any(gateway_ref(name, route.namespace) == door.bound for name in route.gateways):
            continue
        exported = frozenset(route.export_to or default)
        if visible_to(exported, route.namespace, gateway.namespace):
            rank = 2 if PUBLIC in exported else 0 if route.namespace == gateway.namespace else 1
            found.append((rank, route.age_key, route))
    yield from (route for _, _, route in sorted(found, key=lambda item: item[:2]))


def http_route(gateway: EgressGateway, doors: Sequence[Door], host: str) -> Taken | None:
    """The route for a request with that Host at servers that share their routes; None for a 404."""
    hosts: dict[str, list[Taken]] = {}
    for door in doors:
        for route in bound_routes(gateway, door):
            parts = list(_http_parts(gateway, door, route))
            for name in _shared(door, route) if parts else ():
                hosts.setdefault(name, []).extend(parts)
    for door in doors:
        if door.server.https_redirect:
            served = (name for route in bound_routes(gateway, door) for name in _shared(door, route))
            for name in {*door.names, *served}:
                hosts.setdefault(name, []).insert(0, Taken(door, redirects=True))
    best = most_specific(host, hosts)
    if best is None:
        return None
    found = hosts[best]
    found.sort(key=lambda item: item.part is not None and _catch_all(item.part))
    maybe: Taken | None = None
    for taken in found:
        answer = True if taken.redirects else _answer(gateway, taken)
        if answer:
            return Taken(taken.door, taken.route, taken.part, taken.path, maybe is None, taken.redirects)
        if answer is None:
            maybe = maybe or taken
    return (
        Taken(maybe.door, maybe.route, maybe.part, maybe.path, certain=False) if maybe is not None else None
    )


def tcp_route(gateway: EgressGateway, door: Door) -> Taken | None:
    """The route of a server that sends bytes on, TLS taken off or not: the first one that holds there."""
    for route in bound_routes(gateway, door):
        if not _shared(door, route):
            continue
        path = "spec.rules" if route.of_gateway_api else "spec.tcp"
        for part in route.tcp:
            if part.destinations and _holds(part, door, route):
                return Taken(door, route, part, path)
        if route.ref.kind == "TLSRoute":
            for part in route.tls:
                if part.matches and part.destinations:
                    return Taken(door, route, part, path)
    return None


def tls_chains(gateway: EgressGateway, doors: Sequence[Door]) -> list[TlsChain]:
    """The filter chains of servers for TLS, in their order. A server that takes TLS off to send bytes on has
    one only with a route, and one that passes TLS on has one for each condition of its routes."""
    found: list[TlsChain] = []
    for door in doors:
        if door.layer is not Layer.TLS or door.server.tls_mode == AUTO_PASSTHROUGH:
            continue
        if door.https:
            found.append(TlsChain(door.names, door))
        elif not door.passes:
            taken = tcp_route(gateway, door)
            if taken is not None:
                found.append(TlsChain(door.names, door, taken))
        else:
            found.extend(_passing(gateway, door))
    return found


def chain_for(chains: Sequence[TlsChain], sni: str) -> TlsChain | None:
    """Envoy's choice by server name: the exact one, the longest wildcard, then the chain that takes any."""
    best: tuple[str, TlsChain] | None = None
    for chain in chains:
        for name in ("*",) if "*" in chain.names else chain.names:
            fits = name == "*" or (sni != "" and subset_of(sni, name))
            if fits and (best is None or (name != best[0] and more_specific(name, best[0]))):
                best = (name, chain)
    return best[1] if best is not None else None


def _passing(gateway: EgressGateway, door: Door) -> Iterator[TlsChain]:
    for route in bound_routes(gateway, door):
        if not _shared(door, route):
            continue
        path = "spec.rules" if route.of_gateway_api else "spec.tls"
        for part in route.tls:
            for match in part.matches if part.destinations else ():
                if _l4_holds(match, door, route):
                    yield TlsChain(match.sni_hosts, door, Taken(door, route, part, path))


def _http_parts(gateway: EgressGateway, door: Door, route: VirtualService) -> Iterator[Taken]:
    """The parts of a VirtualService that can hold at a server, up to one that takes everything."""
    path = "spec.rules" if route.of_gateway_api else "spec.http"
    for part in route.http:
        if not part.matches or any(_http_holds(gateway, door, route, match) for match in part.matches):
            yield Taken(door, route, part, path)
        if not part.matches:
            return


def _http_holds(gateway: EgressGateway, door: Door, route: VirtualService, match: RouteMatch) -> bool:
    if match.port not in (None, 0, door.number):
        return False
    if match.gateways:
        return _names(match, door, route)
    return is_subset(match.source_labels, gateway.pod.labels) and match.source_namespace in (
        "",
        gateway.namespace,
    )


def _answer(gateway: EgressGateway, taken: Taken) -> bool | None:
    """Whether a plain `GET /` meets a part; None where that cannot be said."""
    part, route = taken.part, taken.route
    if part is None or route is None or not part.matches:
        return True
    held = [match for match in part.matches if _http_holds(gateway, taken.door, route, match)]
    answers = [meets(match) for match in held]
    return True if True in answers else None if None in answers else False


def _catch_all(part: Route) -> bool:
    return not part.matches or any(catches_all(match) and meets(match) is True for match in part.matches)


def _holds(part: Route, door: Door, route: VirtualService) -> bool:
    return not part.matches or any(_l4_holds(match, door, route) for match in part.matches)


def _l4_holds(match: RouteMatch, door: Door, route: VirtualService) -> bool:
    """Port and gateway only: what else a condition asks for does not count at a gateway (l4SingleMatch)."""
    return match.port in (None, 0, door.number) and (not match.gateways or _names(match, door, route))


def _names(match: RouteMatch, door: Door, route: VirtualService) -> bool:
    return any(gateway_ref(name, route.namespace) == door.bound for name in match.gateways)


def _shared(door: Door, route: VirtualService) -> list[str]:
    """What a server's hosts and a VirtualService's have in common: of two that overlap the narrower."""
    listed = door.hosts(route.namespace)
    pairs = ((one, other) for one in listed for other in route.hosts if matches(one, other))
    return list(dict.fromkeys(one if subset_of(one, other) else other for one, other in pairs))
