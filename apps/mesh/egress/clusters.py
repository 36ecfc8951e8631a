"""What the destinations of VirtualServices add to the clusters of a scope, and how services of a host merge.

Follows pilot/pkg/model/sidecar.go (collectImportedServices, servicesForExactHosts) and push_context.go
(ServiceEndpointsByPort). Knows nothing of what a Sidecar imports.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from apps.mesh.egress.registry import Registry
from apps.mesh.egress.services import DNS, PODS, RegistryService
from apps.mesh.objects.networking import VirtualService
from apps.mesh.refs import ResourceRef
from apps.mesh.visibility import visible_to


@dataclass(frozen=True, slots=True)
class MeshIndex:
    """What all scopes of a control plane share: its registry, the VirtualServices that send something to a
    host, by that host, and the hosts that an object makes services of. `one_each`: a listener that names
    exact hosts only gets one object's services for each host and namespace, as since Istio 1.31."""

    registry: Registry
    pointing: Mapping[str, Sequence[VirtualService]]
    hosts: Mapping[ResourceRef, Sequence[str]]
    one_each: bool = True

    @classmethod
    def of(cls, registry: Registry, routes: Iterable[VirtualService], *, one_each: bool = True) -> MeshIndex:
        """The index of a registry and of VirtualServices in Istio's order."""
        hosts: dict[ResourceRef, list[str]] = {}
        for item in registry.services:
            hosts.setdefault(item.ref, []).append(item.host)
        return cls(registry, routes_by_destination(routes), hosts, one_each)

    def after(
        self, registry: Registry, gone: Iterable[RegistryService], new: Iterable[RegistryService]
    ) -> MeshIndex:
        """The index of a registry without all the services of some objects (`gone`), and with new ones."""
        hosts: dict[ResourceRef, Sequence[str]] = dict(self.hosts)
        for item in gone:
            hosts.pop(item.ref, None)
        for item in new:
            hosts[item.ref] = (*hosts.get(item.ref, ()), item.host)
        return replace(self, registry=registry, hosts=hosts)

    def leads(self, service: RegistryService) -> bool:
        """Whether its host and namespace are looked up as it: the Service's, else the oldest entry's."""
        found = self.registry.by_host.get(service.host, ()) if self.one_each else ()
        own = [item for item in found if item.namespace == service.namespace]
        first = next((item for item in own if item.kubernetes), own[0] if own else service)
        return first.ref == service.ref

    def endpoints(self, service: RegistryService, number: int) -> tuple[str, ...]:
        """What all objects of a service's host and namespace give a port to connect to: addresses, names to
        look up, and one stand-in for pods, whose addresses are not in a snapshot."""
        found: dict[str, None] = {}
        for item in self.registry.by_host.get(service.host, ()):
            if item.namespace == service.namespace and item.port(number) is not None:
                looked_up = (item.host,) if item.resolution in DNS and not item.selects else ()
                pods = (f"{PODS}{item.host}",) if item.kubernetes or item.selects else ()
                found.update(dict.fromkeys(item.endpoints or pods or looked_up))
        return tuple(found)


def routes_by_destination(routes: Iterable[VirtualService]) -> dict[str, list[VirtualService]]:
    """The VirtualServices that send something to a host, by that host, in the given order."""
    found: dict[str, list[VirtualService]] = {}
    for route in routes:
        parts = (*route.http, *route.tls, *route.tcp)
        for host in dict.fromkeys(item.host for part in parts for item in part.destinations):
            found.setdefault(host, []).append(route)
    return found


def only_port(service: RegistryService, number: int) -> RegistryService | None:
    """The service with one of its ports; None without that port."""
    if len(service.ports) == 1:
        return service if service.ports[0].number == number else None
    port = service.port(number)
    return replace(service, ports=(port,)) if port is not None else None


def best_service(candidates: Sequence[RegistryService], namespace: str) -> RegistryService | None:
    """The own namespace's (whatever it exports), else a visible Kubernetes Service, else the oldest."""
    own = [item for item in candidates if item.namespace == namespace]
    seen = own or [item for item in candidates if visible_to(item.exported, item.namespace, namespace)]
    return next((item for item in seen if item.kubernetes), seen[0] if seen else None)


def only_ports(service: RegistryService, ports: set[int]) -> RegistryService | None:
    """The service with some of its ports; with all of them for none or 0, None when it has none of them."""
    if not ports or 0 in ports:
        return service
    kept = tuple(port for port in service.ports if port.number in ports)
    if len(kept) == len(service.ports):
        return service
    return replace(service, ports=kept) if kept else None


def ports_of(route: VirtualService, namespace: str, host: str) -> set[int] | None:
    """The ports of a host that a VirtualService sends to (0 where it names none), for clients of the
    namespace; None when it sends nothing there."""
    found: set[int] = set()
    for http in route.http:
        wanted = {match.source_namespace for match in http.matches if match.source_namespace}
        if not wanted or namespace in wanted:
            found.update(item.port or 0 for item in http.destinations if item.host == host)
    for part in (*route.tls, *route.tcp):
        found.update(item.port or 0 for item in part.destinations if item.host == host)
    return found or None


def merged_service(known: RegistryService | None, item: RegistryService) -> RegistryService:
    """What is known of a host with one more service of it."""
    if known is None or (item.kubernetes and not known.kubernetes):
        return item
    mergeable = (
        known.kubernetes == item.kubernetes
        and known.namespace == item.namespace
        and known.merge_key == item.merge_key
    )
    numbers = {port.number for port in known.ports}
    more = tuple(port for port in item.ports if port.number not in numbers)
    return replace(known, ports=(*known.ports, *more)) if mergeable and more else known
