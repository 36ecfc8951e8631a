"""The HTTP routes of one port: virtual hosts from services and VirtualServices, as istiod builds them.

Follows pilot/pkg/networking/core/httproute.go and core/route/route.go. Decides nothing about
connections that are not HTTP.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from apps.mesh.egress.imports import ListenerImports, ScopeImports
from apps.mesh.egress.listeners import cluster_of, weighed
from apps.mesh.egress.services import ANY_ADDRESS, RegistryService
from apps.mesh.hosts import is_wildcard, matches, most_specific, short_names
from apps.mesh.objects.networking import Route, RouteMatch, StringMatch, VirtualService
from apps.mesh.objects.selectors import is_subset

HTTP_PORT = 80
Clusters = tuple[tuple[str, int, str], ...]


@dataclass(frozen=True, slots=True)
class HttpRoute:
    """One route of a virtual host. `taken` says whether a plain `GET /` meets its conditions, None
    where that cannot be said. `answers` is "redirect", "direct" or "abort" (a fault for every request) where
    no request comes to a cluster, `status` the one of a direct answer or a fault. `authority` is the Host
    that requests are given, `aborted` how many percent a fault answers."""

    clusters: Clusters
    taken: bool | None = True
    answers: str = ""
    status: int | None = None
    authority: str = ""
    aborted: float = 0


@dataclass(frozen=True, slots=True)
class VirtualHost:
    domains: tuple[str, ...]
    routes: tuple[HttpRoute, ...]
    service: RegistryService | None
    source: VirtualService | None = None


@dataclass(frozen=True, slots=True)
class RouteTable:
    """The virtual hosts of a port, without the catch-all that the outbound policy adds."""

    hosts: tuple[VirtualHost, ...]
    exact: Mapping[str, VirtualHost]
    suffixes: tuple[tuple[str, VirtualHost], ...]
    prefixes: tuple[tuple[str, VirtualHost], ...]

    def find(self, host: str) -> VirtualHost | None:
        """Envoy's order: exact, the longest `*.suffix`, the longest `prefix.*`. The port of the Host
        header does not count."""
        found = self.exact.get(host)
        if found is not None:
            return found
        for suffix, virtual_host in self.suffixes:
            if host.endswith(suffix) and len(host) > len(suffix):
                return virtual_host
        for prefix, virtual_host in self.prefixes:
            if host.startswith(prefix) and len(host) > len(prefix):
                return virtual_host
        return None


def build_routes(
    scope: ScopeImports,
    number: int,
    labels: Mapping[str, str],
    listeners: Sequence[ListenerImports],
) -> RouteTable:
    """The routes of the port: those of the egress listener with that port, even when it imports
    nothing, else of the catch-all. `listeners` may be trimmed to what can matter on the port."""
    imported = next((item for item in listeners if item.port_number in (0, number)), None)
    if imported is None:
        return _table(())
    services = {
        service.host: service
        for service in imported.services
        if imported.http_proxy or any(p.number == number and p.protocol != "UDP" for p in service.ports)
    }
    # An HTTP proxy has the virtual hosts of every port, but only those of port 80 have names without a port.
    on, listening = (HTTP_PORT, 0) if imported.http_proxy else (number, number)
    routes = list(imported.virtual_services)
    if listening != HTTP_PORT:
        wildcards = [host for host in services if is_wildcard(host)]
        routes = [route for route in routes if _serves(route, services, wildcards)]
    hosts: list[VirtualHost] = []
    taken: set[str] = set()
    by_host = _by_host(imported)
    for route in routes:
        built = _http_routes(route, scope, services, listening, labels)
        if not built:
            continue
        names, served = _split(route, services, by_host)
        if route.of_gateway_api and not _may_serve(route, served, scope.namespace):
            continue
        served = [item for item in served if _http_port(item, on, proxied=imported.http_proxy)]
        if not served and listening != HTTP_PORT:
            continue
        taken.update(item.host for item in served)
        hosts.extend(VirtualHost((name,), built, None, route) for name in names)
        hosts.extend(VirtualHost(_domains(item, scope.namespace), built, item, route) for item in served)
    for item in services.values():
        if item.host not in taken and not item.alias_of and _http_port(item, on, proxied=imported.http_proxy):
            default = (HttpRoute(((item.host, on, ""),)),)
            hosts.append(VirtualHost(_domains(item, scope.namespace), default, item))
    return _table(hosts)


def _http_port(service: RegistryService, number: int, *, proxied: bool) -> bool:
    """Whether the service has virtual hosts on a port; of an HTTP proxy's the first port has the names."""
    found = [port.number for port in service.ports if port.http or port.sniffed]
    return number in (found[:1] if proxied else found)


def _serves(route: VirtualService, services: Mapping[str, RegistryService], wildcards: Sequence[str]) -> bool:
    """Whether a host of the route is, holds, or is held by a service of the port; `wildcards` are those of
    the services' hosts that are."""
    for host in route.hosts:
        if host in services:
            return True
        others: Iterable[str] = services if is_wildcard(host) else wildcards
        if any(matches(host, other) for other in others):
            return True
    return False


def _by_host(imported: ListenerImports) -> dict[str, VirtualService]:
    """The first VirtualService of each host."""
    by_host: dict[str, VirtualService] = {}
    for route in imported.virtual_services:
        for host in route.hosts:
            by_host.setdefault(host, route)
    return by_host


def _split(
    route: VirtualService,
    services: Mapping[str, RegistryService],
    by_host: Mapping[str, VirtualService],
) -> tuple[list[str], list[RegistryService]]:
    """The route's hosts that are no service, and the services that it takes over: of those below a wildcard
    the ones that no VirtualService's host fits better."""
    names: list[str] = []
    served: dict[str, RegistryService] = {}
    for host in route.hosts:
        if not is_wildcard(host):
            if host in services:
                served[host] = services[host]
            else:
                names.append(host)
    for host in route.hosts:
        if not is_wildcard(host):
            continue
        touched = [other for other in services if matches(other, host)] if not route.of_gateway_api else []
        for other in touched:
            best = most_specific(other, by_host)
            if best is not None and by_host[best] is route:
                served[other] = services[other]
        if not touched:
            names.append(host)
    return names, list(served.values())


def _may_serve(route: VirtualService, served: Sequence[RegistryService], namespace: str) -> bool:
    """A route of the Gateway API holds for clients of its namespace and for services of its namespace."""
    return any(route.namespace in (namespace, item.namespace) for item in served)


def _http_routes(
    route: VirtualService,
    scope: ScopeImports,
    services: Mapping[str, RegistryService],
    number: int,
    labels: Mapping[str, str],
) -> tuple[HttpRoute, ...]:
    built: list[HttpRoute] = []
    for part in route.http:
        clusters = _clusters(part, services, number)
        if not part.matches:
            built.append(_http_route(part, clusters, True))
            break
        for match in part.matches:
            if not _static(match, scope.namespace, labels, number):
                continue
            met = meets(match)
            # A route that the request cannot meet still makes the virtual host.
            built.append(_http_route(part, clusters, met))
            if met is True and catches_all(match):
                return tuple(built)
    return tuple(built)


def _http_route(part: Route, clusters: Clusters, taken: bool | None) -> HttpRoute:
    answers, status = part.answer
    percent = part.abort.percent if part.abort is not None else 0
    return HttpRoute(clusters, taken, answers, status, part.authority, percent)


def _clusters(part: Route, services: Mapping[str, RegistryService], number: int) -> Clusters:
    return tuple(cluster_of(item, services.get(item.host), number) for item in weighed(part.destinations))


def _static(match: RouteMatch, namespace: str, labels: Mapping[str, str], number: int) -> bool:
    if match.port not in (None, 0, number):
        return False
    if match.gateways:
        return "mesh" in match.gateways
    return is_subset(match.source_labels, labels) and match.source_namespace in ("", namespace)


def meets(match: RouteMatch) -> bool | None:
    """Whether a plain `GET /` meets the conditions; None where that cannot be said."""
    verdicts = [_text_meets(match.uri, "/"), _text_meets(match.method, "GET")]
    if match.others or match.authority is not None:
        verdicts.append(None)
    if False in verdicts:
        return False
    return None if None in verdicts else True


def _text_meets(match: StringMatch | None, text: str) -> bool | None:
    if match is None:
        return True
    if match.kind == "exact":
        return match.value == text
    if match.kind == "prefix":
        return text.startswith(match.value)
    return True if match.value in (".*", ".+", "/.*") else None


def catches_all(match: RouteMatch) -> bool:
    """Whether the condition on the path takes every path."""
    return match.uri is None or (match.uri.kind == "prefix" and match.uri.value == "/")


def _domains(service: RegistryService, namespace: str) -> tuple[str, ...]:
    names: list[str] = []
    for host in (service.host, *service.aliases):
        names.extend((host, *short_names(host, namespace)))
    if service.headless:
        names.extend([f"*.{name}" for name in names])
    addresses = (service.address, *service.extra_addresses)
    return (*names, *(address for address in addresses if address != ANY_ADDRESS))


def _table(hosts: Sequence[VirtualHost]) -> RouteTable:
    """A domain belongs to the first that claims it; a short form never to other than the real name."""
    known = {host.service.host for host in hosts if host.service is not None}
    exact: dict[str, VirtualHost] = {}
    for host in hosts:
        for domain in host.domains:
            shortened = host.service is not None and domain != host.service.host
            if not (shortened and domain in known):
                exact.setdefault(domain, host)
    suffixes = [(domain[1:], host) for domain, host in exact.items() if domain.startswith("*")]
    prefixes = [(domain[:-1], host) for domain, host in exact.items() if domain.endswith("*")]
    suffixes.sort(key=lambda item: -len(item[0]))
    prefixes.sort(key=lambda item: -len(item[0]))
    return RouteTable(tuple(hosts), exact, tuple(suffixes), tuple(prefixes))
