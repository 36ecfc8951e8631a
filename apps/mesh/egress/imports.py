"""What one egress scope imports: services, VirtualServices and clusters, listener by listener.

Follows pilot/pkg/model/sidecar.go (convertIstioListenerToWrapper, selectServices,
collectImportedServices) and virtualservice.go (SelectVirtualServices), with Istio 1.31's exclusions. Every
decision there is made host by host, so it is only worked out for the hosts and ports that are asked for.
Builds nothing of Envoy.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from apps.mesh.egress.clusters import (
    MeshIndex,
    best_service,
    merged_service,
    only_port,
    only_ports,
    ports_of,
)
from apps.mesh.egress.hostimports import HostImports, host_imports, names_exactly
from apps.mesh.egress.services import RegistryService
from apps.mesh.egress.visible import ANY_NAMESPACE, VisibleServices
from apps.mesh.objects.networking import EgressListener, Sidecar, VirtualService
from apps.mesh.refs import ResourceRef

CATCH_ALL = EgressListener(hosts=("*/*",))


@dataclass(frozen=True, slots=True)
class ListenerImports:
    """One egress listener with its VirtualServices, and, where it was asked for a port, the services that
    it imports there. `index` is its place in `spec.egress`, `hosts` what it names by namespace; `exact` when
    these are exact hosts only."""

    listener: EgressListener
    index: int
    hosts: Mapping[str, HostImports]
    virtual_services: tuple[VirtualService, ...]
    services: tuple[RegistryService, ...] = ()
    exact: bool = False

    @property
    def port_number(self) -> int:
        """0 for the catch-all listener."""
        return self.listener.port.number if self.listener.port is not None else 0

    @property
    def http_proxy(self) -> bool:
        return self.listener.port is not None and self.listener.port.protocol == "HTTP_PROXY"


class Imports:
    """What scopes import that see the same; worked out when it is asked for, and kept."""

    def __init__(
        self,
        mesh: MeshIndex,
        listeners: tuple[ListenerImports, ...],
        namespace: str,
        visible: VisibleServices,
    ) -> None:
        self.listeners = listeners
        self.mesh = mesh
        self._namespace = namespace
        self._visible = visible
        self._ports: dict[int, tuple[ListenerImports, ...]] = {}
        self._merged: dict[str, RegistryService | None] = {}
        self._held: dict[ResourceRef, bool] = {}

    def on_port(self, number: int) -> tuple[ListenerImports, ...]:
        """The egress listeners, each with those of its services that have the port (with all of them
        where it is an HTTP proxy)."""
        if number not in self._ports:
            self._ports[number] = tuple(
                replace(item, services=tuple(self._services(item, None if item.http_proxy else number)))
                for item in self.listeners
            )
        return self._ports[number]

    def everything(self, hosts: Collection[str] | None = None) -> Iterator[RegistryService]:
        """Every service that some listener imports, of these hosts if some are given."""
        for imported in self.listeners:
            if hosts is None:
                yield from self._services(imported, None)
            else:
                yield from (item for host in hosts for item in self._named(imported, host))

    def service(self, host: str) -> RegistryService | None:
        """The service of a host with all its ports that proxies of the scope have clusters for: those that
        VirtualServices point at included (only their clusters are)."""
        if host not in self._merged:
            merged: RegistryService | None = None
            for imported in self.listeners:
                for item in self._named(imported, host):
                    merged = merged_service(merged, item)
                for item in self._pointed_at(imported, host):
                    merged = merged_service(merged, item)
            self._merged[host] = merged
        return self._merged[host]

    def has_cluster(self, host: str, port: int) -> bool:
        found = self.service(host)
        return found is not None and any(p.number == port and p.protocol != "UDP" for p in found.ports)

    def singled_out(self, service: RegistryService) -> bool:
        """Whether only one of the addresses of an entry's host is taken, by chance."""
        alike = [item for item in self._visible.named(service.host) if item.ref == service.ref]
        if not self.mesh.one_each or len(alike) < 2:
            return False
        return all(
            imported.exact or all(item.ref != service.ref for item in self._named(imported, service.host))
            for imported in self.listeners
        )

    def holds(self, ref: ResourceRef) -> bool:
        """Whether a service that the object makes is imported."""
        if ref not in self._held:
            hosts = self.mesh.hosts.get(ref, ())
            found = (self._named(imported, host) for imported in self.listeners for host in hosts)
            self._held[ref] = any(item.ref == ref for items in found for item in items)
        return self._held[ref]

    def _services(self, imported: ListenerImports, number: int | None) -> Iterator[RegistryService]:
        """In Istio's order. A host that several namespaces have is taken from one of them, whatever the
        port."""
        narrowed = _match_port(imported.listener)
        if number is not None and narrowed not in (0, number):
            return
        everywhere = imported.hosts.get(ANY_NAMESPACE)
        whole = _takes_everything(imported, everywhere)
        for item in self._visible.of(imported.hosts, number):
            if imported.exact and not self.mesh.leads(item):
                continue
            rivals = self._visible.named(item.host)
            if len(rivals) > 1 and self._owner(imported, rivals) != item.namespace:
                continue
            taken = item if whole else _take(item, imported.hosts, everywhere, narrowed)
            if taken is not None:
                yield taken

    def _named(self, imported: ListenerImports, host: str) -> Iterator[RegistryService]:
        """The services of a host that a listener imports."""
        rivals = [item for item in self._visible.named(host) if not imported.exact or self.mesh.leads(item)]
        owner = self._owner(imported, rivals) if len(rivals) > 1 else None
        everywhere, narrowed = imported.hosts.get(ANY_NAMESPACE), _match_port(imported.listener)
        for item in rivals:
            if owner is None or item.namespace == owner:
                taken = _take(item, imported.hosts, everywhere, narrowed)
                if taken is not None:
                    yield taken

    def _owner(self, imported: ListenerImports, rivals: Sequence[RegistryService]) -> str:
        """A host imported from several namespaces is taken from one: the workload's own, else a
        Kubernetes Service's, else the first (the oldest)."""
        chosen: RegistryService | None = None
        everywhere, narrowed = imported.hosts.get(ANY_NAMESPACE), _match_port(imported.listener)
        for rival in rivals:
            item = _take(rival, imported.hosts, everywhere, narrowed)
            if item is None:
                continue
            outranks = item.kubernetes and chosen is not None and not chosen.kubernetes
            own = item.namespace == self._namespace
            if chosen is None or own or (outranks and chosen.namespace != self._namespace):
                chosen = item
        return chosen.namespace if chosen is not None else ""

    def _pointed_at(self, imported: ListenerImports, host: str) -> Iterator[RegistryService]:
        """The services of a host to which the listener's VirtualServices send something."""
        wanted = self.mesh.pointing.get(host, ())
        if not wanted:
            return
        found = best_service(self.mesh.registry.by_host.get(host, ()), self._namespace)
        if found is None:
            return
        known = {id(route) for route in wanted}
        for route in imported.virtual_services:
            ports = ports_of(route, self._namespace, host) if id(route) in known else None
            if ports is None:
                continue
            if imported.port_number and not imported.http_proxy:
                trimmed = only_port(found, imported.port_number)
            else:
                trimmed = only_ports(found, ports)
            if trimmed is not None:
                yield trimmed


@dataclass(frozen=True, slots=True)
class ScopeImports:
    """The imports of one scope: what it shares with others, and its namespace."""

    namespace: str
    shared: Imports

    @property
    def listeners(self) -> tuple[ListenerImports, ...]:
        return self.shared.listeners


def listeners_of(
    sidecar: Sidecar | None, namespace: str, routes: Sequence[VirtualService]
) -> tuple[ListenerImports, ...]:
    """The egress listeners in force in a namespace, with those of the VirtualServices that each imports.
    `routes` are those that the namespace sees, in Istio's order."""
    listeners = sidecar.egress if sidecar is not None and sidecar.egress else (CATCH_ALL,)
    found = []
    for index, listener in enumerate(listeners):
        hosts = host_imports(listener, namespace)
        bare = ListenerImports(listener, index, hosts, (), exact=names_exactly(hosts))
        if _takes_everything(bare, hosts.get(ANY_NAMESPACE)):
            taken = tuple(routes)
        else:
            anywhere = ANY_NAMESPACE in hosts
            near = (route for route in routes if anywhere or route.ref.namespace in hosts)
            taken = tuple(route for route in near if _takes_route(route, hosts))
        found.append(replace(bare, virtual_services=taken))
    return tuple(found)


def _match_port(listener: EgressListener) -> int:
    """The one port of services that a listener takes; 0 for all."""
    port = listener.port
    return port.number if port is not None and port.protocol != "HTTP_PROXY" else 0


def _takes_everything(imported: ListenerImports, everywhere: HostImports | None) -> bool:
    return (
        everywhere is not None
        and len(imported.hosts) == 1
        and everywhere.everything == ["*"]
        and not everywhere.excluded
        and not _match_port(imported.listener)
    )


def _take(
    service: RegistryService,
    imports: Mapping[str, HostImports],
    everywhere: HostImports | None,
    match_port: int,
) -> RegistryService | None:
    own = imports.get(service.namespace)
    candidates = [found for found in (own, everywhere) if found is not None]
    if any(found.excludes(service.host) for found in candidates):
        return None
    for found in candidates:
        if found.takes(service.host):
            taken = only_port(service, match_port) if match_port else service
            if taken is not None:
                aliases = tuple(alias for alias in taken.aliases if found.takes(alias))
                return taken if len(aliases) == len(taken.aliases) else replace(taken, aliases=aliases)
    return None


def _takes_route(route: VirtualService, imports: Mapping[str, HostImports]) -> bool:
    own, everywhere = imports.get(route.namespace), imports.get(ANY_NAMESPACE)
    if own is None and everywhere is None:
        return False
    candidates = [found for found in (own, everywhere) if found is not None]
    return any(
        (found.takes(host) if route.of_gateway_api else found.takes_route(host))
        and not any(other.excludes(host) for other in candidates)
        for found in candidates
        for host in route.hosts
    )
