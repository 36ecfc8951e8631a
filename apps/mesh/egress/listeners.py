"""The outbound listeners of one port, built as istiod builds them.

Follows pilot/pkg/networking/core/listener.go (buildSidecarOutboundListeners and what it calls) and
tls.go. Decides nothing about connections.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from apps.mesh.egress.chains import Chain, HttpTarget, Listener, TcpTarget
from apps.mesh.egress.imports import ListenerImports, ScopeImports
from apps.mesh.egress.services import (
    ANY_ADDRESS,
    DYNAMIC_DNS,
    PODS,
    SERVER_FIRST,
    RegistryService,
    ServicePort,
    listener_protocol,
)
from apps.mesh.egress.visible import OpaqueRoutes
from apps.mesh.hosts import is_address, is_wildcard, short_names
from apps.mesh.objects.networking import RouteDestination, RouteMatch, VirtualService
from apps.mesh.objects.selectors import is_subset


def build_listeners(
    scope: ScopeImports, number: int, labels: Mapping[str, str], *, services: Sequence[ListenerImports]
) -> dict[str, Listener]:
    """Listeners by the address they are bound to. `services` are the scope's egress listeners, each
    trimmed to what can matter on the port; `labels` those of the proxy."""
    builder = _Builder(scope, number, labels)
    for imported in services:
        if imported.listener.port is None:
            builder.lock()
            for service in imported.services:
                for port in service.ports:
                    if port.number == number:
                        builder.add_from_catch_all(imported, service, port)
        elif imported.port_number == number:
            port = ServicePort(number, listener_protocol(imported.listener.port.protocol))
            for service in imported.services:
                builder.add(imported, service, port, _binds(imported))
    return builder.listeners


def _binds(imported: ListenerImports) -> tuple[str, ...]:
    """The address an egress listener is bound to; none given and captured: the services' own."""
    if imported.listener.bind:
        return (imported.listener.bind,)
    return ("127.0.0.1",) if imported.listener.capture_mode == "NONE" else ()


class _Builder:
    def __init__(self, scope: ScopeImports, number: int, labels: Mapping[str, str]) -> None:
        self.listeners: dict[str, Listener] = {}
        self._scope = scope
        self._number = number
        self._labels = labels
        self._routes: dict[int, OpaqueRoutes] = {}

    def lock(self) -> None:
        for listener in self.listeners.values():
            listener.locked = True

    def add_from_catch_all(
        self, imported: ListenerImports, service: RegistryService, port: ServicePort
    ) -> None:
        binds = _binds(imported)
        unaddressed = not binds and service.resolution == "NONE" and not service.has_address
        known: tuple[str, ...] = ()
        if unaddressed and (port.tcp or port.sniffed):
            known = self._scope.shared.mesh.endpoints(service, port.number)
        if not known:
            self.add(imported, service, port, binds)
        for address in known:  # a listener for each endpoint; a name to look up gets none
            if is_address(address) or address.startswith(PODS):
                self.add(imported, service, port, (address,))

    def add(
        self, imported: ListenerImports, service: RegistryService, port: ServicePort, binds: tuple[str, ...]
    ) -> None:
        if service.alias_of or port.protocol == "UDP":
            return
        cidrs: tuple[str, ...] = ()
        if not binds:
            binds = (ANY_ADDRESS,)
            if not port.http:
                if service.cidr:
                    cidrs = (service.address,)
                else:
                    binds = (service.address, *service.extra_addresses)
        for bind in binds:
            self._add_at(bind, imported, service, port, cidrs)

    def _add_at(
        self,
        bind: str,
        imported: ListenerImports,
        service: RegistryService,
        port: ServicePort,
        cidrs: tuple[str, ...],
    ) -> None:
        current = self.listeners.get(bind)
        if current is not None and current.locked:
            return
        if current is not None and port.protocol != "HTTP_PROXY" and _server_first_conflict(port, current):
            return
        if port.http:
            self._add_http(bind, current, port)
        elif port.sniffed:
            self._add_sniffed(bind, current, imported, service, port, cidrs)
        else:
            chains = self._tcp_chains(bind, imported, service, port, cidrs)
            if current is None:
                self._start(bind, "tcp", port, chains)
            else:
                current.merge(chains)
                current.kind = "tcp" if current.kind == "tcp" else "auto"

    def _add_http(self, bind: str, current: Listener | None, port: ServicePort) -> None:
        sniffing = bind == ANY_ADDRESS and port.protocol != "HTTP_PROXY"
        chain = Chain(HttpTarget(), plaintext_http=sniffing)
        if current is None or port.protocol == "HTTP_PROXY":  # it displaces what was there
            self._start(bind, "auto" if sniffing else "http", port, [chain])
        elif current.kind == "tcp":
            current.merge([chain])
            current.kind = "auto"

    def _add_sniffed(
        self,
        bind: str,
        current: Listener | None,
        imported: ListenerImports,
        service: RegistryService,
        port: ServicePort,
        cidrs: tuple[str, ...],
    ) -> None:
        chains = self._tcp_chains(bind, imported, service, port, cidrs)
        only = service.host if bind != ANY_ADDRESS else ""
        http = Chain(HttpTarget(only), plaintext_http=True)
        if current is None or current.kind == "http":
            self._start(bind, "auto", port, [*chains, http])
        elif current.kind == "tcp":
            current.merge([*chains, http])
            current.kind = "auto"
        else:
            current.merge(chains)

    def _start(self, bind: str, kind: str, port: ServicePort, chains: Sequence[Chain]) -> None:
        listener = Listener(kind, port.protocol)
        listener.merge(chains)
        self.listeners[bind] = listener

    # -- TCP and TLS -------------------------------------------------------------------------------

    def _tcp_chains(
        self,
        bind: str,
        imported: ListenerImports,
        service: RegistryService,
        port: ServicePort,
        cidrs: tuple[str, ...],
    ) -> list[Chain]:
        routes = self._routes_of(imported, service.host)
        if port.tls:
            return self._tls(bind, service, port, cidrs, routes)
        return self._tcp(service, port, cidrs, routes)

    def _routes_of(self, imported: ListenerImports, host: str) -> Sequence[VirtualService]:
        """The VirtualServices with TLS or TCP routes whose hosts overlap with a service's, in their order."""
        known = self._routes.get(imported.index)
        if known is None:
            known = self._routes[imported.index] = OpaqueRoutes(imported.virtual_services)
        return known.of(host)

    def _tls(
        self,
        bind: str,
        service: RegistryService,
        port: ServicePort,
        cidrs: tuple[str, ...],
        routes: Sequence[VirtualService],
    ) -> list[Chain]:
        chains: list[Chain] = []
        handled: set[tuple[tuple[str, ...], tuple[str, ...]]] = set()
        for route in routes:
            for part in route.tls:
                for match in part.matches if part.destinations else ():
                    if not self._static_match(match):
                        continue
                    cidrs = match.destination_subnets or cidrs
                    key = (match.sni_hosts, match.destination_subnets)
                    if key not in handled:
                        target = self._route_target(part.destinations, service, route)
                        chains.append(Chain(target, match.sni_hosts, cidrs))
                    handled.add(key)
        if chains:
            return chains
        address = "" if service.cidr else service.address
        sni: tuple[str, ...] = ()
        anywhere = address == ANY_ADDRESS and bind == ANY_ADDRESS
        by_name = service.resolution == DYNAMIC_DNS and is_wildcard(service.host)
        if cidrs or not address or anywhere or by_name:
            sni = (service.host, *self._alias_names(service))
        return [Chain(self._service_target(service, port), sni, cidrs)]

    def _alias_names(self, service: RegistryService) -> tuple[str, ...]:
        return tuple(
            name for alias in service.aliases for name in (alias, *short_names(alias, self._scope.namespace))
        )

    def _tcp(
        self,
        service: RegistryService,
        port: ServicePort,
        cidrs: tuple[str, ...],
        routes: Sequence[VirtualService],
    ) -> list[Chain]:
        chains: list[Chain] = []
        for route in routes:
            for part in route.tcp:
                if not part.destinations:
                    continue
                target = self._route_target(part.destinations, service, route)
                subnets: list[str] = []
                for match in part.matches or (RouteMatch(),):
                    if not self._static_match(match):
                        continue
                    if not match.destination_subnets:
                        return [*chains, Chain(target, (), cidrs)]
                    subnets.extend(match.destination_subnets)
                if subnets:
                    chains.append(Chain(target, (), tuple(subnets)))
                    if sorted(subnets) == sorted(cidrs):
                        return chains
        return [*chains, Chain(self._service_target(service, port), (), cidrs)]

    def _static_match(self, match: RouteMatch) -> bool:
        return (
            (not match.gateways or "mesh" in match.gateways)
            and is_subset(match.source_labels, self._labels)
            and match.port in (None, 0, self._number)
            and match.source_namespace in ("", self._scope.namespace)
        )

    def _service_target(self, service: RegistryService, port: ServicePort) -> TcpTarget:
        number = service.ports[0].number if len(service.ports) == 1 else port.number
        return TcpTarget(((service.host, number, ""),), service)

    def _route_target(
        self, destinations: Sequence[RouteDestination], service: RegistryService, route: VirtualService
    ) -> TcpTarget:
        clusters = tuple(
            cluster_of(item, self._scope.shared.service(item.host), self._number)
            for item in weighed(destinations)
        )
        return TcpTarget(clusters, service, route)


def weighed(destinations: Sequence[RouteDestination]) -> list[RouteDestination]:
    """The destinations that get anything, the one that gets most first."""
    used = [item for item in destinations if item.weight > 0]
    return sorted(used, key=lambda item: -item.weight) or list(destinations[:1])


def cluster_of(
    destination: RouteDestination, service: RegistryService | None, number: int
) -> tuple[str, int, str]:
    """Host, port and subset of the cluster a route goes to; `service` is the destination's, where it
    is known (pilot/pkg/networking/core/route/route.go GetDestinationCluster)."""
    host = service.alias_of if service is not None and service.alias_of else destination.host
    if destination.port is not None:
        return (host, destination.port, destination.subset)
    if service is not None and len(service.ports) == 1:
        return (host, service.ports[0].number, destination.subset)
    return (host, number, destination.subset)


def _server_first_conflict(port: ServicePort, current: Listener) -> bool:
    """Protocols in which the server speaks first share a port with no other protocol."""
    return port.protocol != current.first and (port.protocol in SERVER_FIRST or current.first in SERVER_FIRST)
