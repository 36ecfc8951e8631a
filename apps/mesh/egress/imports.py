"""What one egress scope imports: services, VirtualServices and clusters, listener by listener.

Follows pilot/pkg/model/sidecar.go (convertIstioListenerToWrapper, selectServices,
collectImportedServices) and virtualservice.go (SelectVirtualServices), with Istio 1.31's exclusions.
Builds nothing of Envoy.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from apps.mesh.egress.services import Registry, RegistryService
from apps.mesh.hosts import is_wildcard, matches, subset_of
from apps.mesh.objects.networking import EgressListener, Sidecar, VirtualService
from apps.mesh.refs import ResourceRef
from apps.mesh.visibility import PUBLIC, visible_to

ANY_NAMESPACE = "*"
EXCLUDE = "~"
CATCH_ALL = EgressListener(hosts=("*/*",))


@dataclass(slots=True)
class HostImports:
    """The hosts that a listener names for one namespace (or for `*`)."""

    exact: set[str] = field(default_factory=set)
    everything: list[str] = field(default_factory=list)
    excluded: list[str] = field(default_factory=list)

    def takes(self, host: str) -> bool:
        """Whether a service is imported: equality, or the service's host inside an imported wildcard."""
        if host in self.exact:
            return True
        return any(is_wildcard(item) and subset_of(host, item) for item in self.everything)

    def takes_route(self, host: str) -> bool:
        """For a VirtualService's host overlap is enough, in either direction."""
        if host in self.exact:
            return True
        loose = is_wildcard(host)
        return any((loose or is_wildcard(item)) and matches(host, item) for item in self.everything)

    def excludes(self, host: str) -> bool:
        return any(subset_of(host, item) for item in self.excluded)


class VisibleServices:
    """What is exported to a namespace, in Istio's order, with a way to those of some namespaces only."""

    __slots__ = ("_by_namespace", "services")

    def __init__(self, services: Sequence[RegistryService]) -> None:
        self.services = tuple(services)
        self._by_namespace: dict[str, list[tuple[int, RegistryService]]] = {}
        for place, service in enumerate(self.services):
            self._by_namespace.setdefault(service.namespace, []).append((place, service))

    def of(self, namespaces: Iterable[str]) -> Iterable[RegistryService]:
        """The services of these namespaces (`*` is all), in the same order."""
        wanted = set(namespaces)
        if ANY_NAMESPACE in wanted:
            return self.services
        found = [item for name in wanted for item in self._by_namespace.get(name, ())]
        found.sort(key=lambda item: item[0])
        return [service for _, service in found]


@dataclass(frozen=True, slots=True)
class ListenerImports:
    """One egress listener with what it imports. `index` is its place in `spec.egress`."""

    listener: EgressListener
    index: int
    services: tuple[RegistryService, ...]
    virtual_services: tuple[VirtualService, ...]

    @property
    def port_number(self) -> int:
        """0 for the catch-all listener."""
        return self.listener.port.number if self.listener.port is not None else 0

    @property
    def http_proxy(self) -> bool:
        return self.listener.port is not None and self.listener.port.protocol == "HTTP_PROXY"


@dataclass(frozen=True, slots=True)
class ScopeImports:
    """All listeners of a scope, the clusters a proxy of it has as (host, port) pairs, and the objects
    whose services it imports."""

    namespace: str
    listeners: tuple[ListenerImports, ...]
    services: dict[str, RegistryService]
    clusters: frozenset[tuple[str, int]]
    refs: frozenset[ResourceRef]


def scope_imports(
    registry: Registry,
    routes: Sequence[VirtualService],
    sidecar: Sidecar | None,
    namespace: str,
    visible: VisibleServices,
) -> ScopeImports:
    """The imports of a scope. `visible` is what the registry exports to the namespace, `routes` the
    VirtualServices it sees, in Istio's order."""
    listeners = sidecar.egress if sidecar is not None and sidecar.egress else (CATCH_ALL,)
    wrapped = tuple(
        _wrap(listener, index, namespace, visible, routes) for index, listener in enumerate(listeners)
    )
    merged = _collect(wrapped, registry, namespace)
    clusters = frozenset((host, port.number) for host, item in merged.items() for port in item.ports)
    refs = frozenset(item.ref for imported in wrapped for item in imported.services)
    return ScopeImports(namespace, wrapped, merged, clusters, refs)


def host_imports(listener: EgressListener, namespace: str) -> dict[str, HostImports]:
    """The listener's `namespace/host` entries by namespace; `.` is the workload's own."""
    found: dict[str, HostImports] = {}
    for entry in listener.hosts:
        if entry.count("/") != 1:
            continue
        owner, _, host = entry.partition("/")
        excluded = owner.startswith(EXCLUDE)
        if excluded:
            owner = owner.removeprefix(EXCLUDE) or ANY_NAMESPACE
        imports = found.setdefault(namespace if owner == "." else owner, HostImports())
        if excluded:
            imports.excluded.append(host.lower())
            continue
        if not is_wildcard(host):
            imports.exact.add(host.lower())
        imports.everything.append(host.lower())
    return found


def visible_routes(
    all_routes: Iterable[VirtualService], default: Iterable[str], namespace: str
) -> list[VirtualService]:
    """The VirtualServices of the mesh gateway that a namespace sees: its private ones, those
    exported to it by name, then the public ones; each part the oldest first."""
    parts: tuple[list[VirtualService], ...] = ([], [], [])
    for route in sorted(all_routes, key=lambda item: item.age_key):
        if route.gateways and "mesh" not in route.gateways:
            continue
        exported = frozenset(route.export_to or default)
        if visible_to(exported, route.namespace, namespace):
            part = 2 if PUBLIC in exported else 0 if route.namespace == namespace else 1
            parts[part].append(route)
    return [route for part in parts for route in part]


def _wrap(
    listener: EgressListener,
    index: int,
    namespace: str,
    visible: VisibleServices,
    routes: Sequence[VirtualService],
) -> ListenerImports:
    imports = host_imports(listener, namespace)
    everywhere = imports.get(ANY_NAMESPACE)
    port = listener.port
    match_port = port.number if port is not None and port.protocol != "HTTP_PROXY" else 0
    if everywhere is not None and len(imports) == 1 and everywhere.everything == ["*"] and not match_port:
        services = [item for item in visible.services if not everywhere.excludes(item.host)]
    else:
        services = [
            taken
            for item in visible.of(imports)
            if (taken := _take(item, imports, everywhere, match_port)) is not None
        ]
    return ListenerImports(
        listener,
        index,
        tuple(_one_namespace_a_host(services, namespace)),
        tuple(route for route in routes if _takes_route(route, imports, everywhere)),
    )


def _take(
    service: RegistryService,
    imports: dict[str, HostImports],
    everywhere: HostImports | None,
    match_port: int,
) -> RegistryService | None:
    own = imports.get(service.namespace)
    candidates = [found for found in (own, everywhere) if found is not None]
    if any(found.excludes(service.host) for found in candidates):
        return None
    for found in candidates:
        if found.takes(service.host):
            taken = _only_port(service, match_port) if match_port else service
            if taken is not None:
                return taken
    return None


def _only_port(service: RegistryService, number: int) -> RegistryService | None:
    if len(service.ports) == 1:
        return service if service.ports[0].number == number else None
    port = service.port(number)
    return replace(service, ports=(port,)) if port is not None else None


def _takes_route(
    route: VirtualService, imports: dict[str, HostImports], everywhere: HostImports | None
) -> bool:
    own = imports.get(route.namespace)
    candidates = [found for found in (own, everywhere) if found is not None]
    return any(
        found.takes_route(host) and not any(other.excludes(host) for other in candidates)
        for found in candidates
        for host in route.hosts
    )


def _one_namespace_a_host(services: Sequence[RegistryService], namespace: str) -> list[RegistryService]:
    """A host imported from several namespaces is taken from one: the workload's own, else a
    Kubernetes Service's, else the first (the oldest)."""
    chosen: dict[str, RegistryService] = {}
    for item in services:
        known = chosen.get(item.host)
        outranks = item.kubernetes and known is not None and not known.kubernetes
        if known is None or item.namespace == namespace or (outranks and known.namespace != namespace):
            chosen[item.host] = item
    return [item for item in services if chosen[item.host].namespace == item.namespace]


def _collect(
    listeners: Sequence[ListenerImports], registry: Registry, namespace: str
) -> dict[str, RegistryService]:
    """Services by host, those that VirtualServices point at included (only their clusters are)."""
    merged: dict[str, RegistryService] = {}
    for imported in listeners:
        for item in imported.services:
            _merge(merged, item)
        for route in imported.virtual_services:
            for host, ports in _destinations(route, namespace).items():
                found = _best(registry.by_host.get(host, ()), namespace)
                if found is None:
                    continue
                if imported.port_number and not imported.http_proxy:
                    trimmed = _only_port(found, imported.port_number)
                else:
                    trimmed = _only_ports(found, ports)
                if trimmed is not None:
                    _merge(merged, trimmed)
    return merged


def _best(candidates: Sequence[RegistryService], namespace: str) -> RegistryService | None:
    """The own namespace's (whatever it exports), else a visible Kubernetes Service, else the oldest."""
    own = [item for item in candidates if item.namespace == namespace]
    seen = own or [item for item in candidates if visible_to(item.exported, item.namespace, namespace)]
    return next((item for item in seen if item.kubernetes), seen[0] if seen else None)


def _only_ports(service: RegistryService, ports: set[int]) -> RegistryService | None:
    if not ports or 0 in ports:
        return service
    kept = tuple(port for port in service.ports if port.number in ports)
    if len(kept) == len(service.ports):
        return service
    return replace(service, ports=kept) if kept else None


def _destinations(route: VirtualService, namespace: str) -> dict[str, set[int]]:
    found: dict[str, set[int]] = {}
    for http in route.http:
        wanted = {match.source_namespace for match in http.matches if match.source_namespace}
        if wanted and namespace not in wanted:
            continue
        for destination in http.destinations:
            found.setdefault(destination.host, set()).add(destination.port or 0)
    for part in (*route.tls, *route.tcp):
        for destination in part.destinations:
            found.setdefault(destination.host, set()).add(destination.port or 0)
    return found


def _merge(merged: dict[str, RegistryService], item: RegistryService) -> None:
    known = merged.get(item.host)
    if known is None or (item.kubernetes and not known.kubernetes):
        merged[item.host] = item
        return
    mergeable = (
        known.kubernetes == item.kubernetes
        and known.namespace == item.namespace
        and known.merge_key == item.merge_key
    )
    numbers = {port.number for port in known.ports}
    more = tuple(port for port in item.ports if port.number not in numbers)
    if mergeable and more:
        merged[item.host] = replace(known, ports=(*known.ports, *more))
