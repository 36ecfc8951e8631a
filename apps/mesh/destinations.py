"""Where a VirtualService sends traffic, field by field, and whose proxies follow it.

Follows pilot/pkg/model/virtualservice.go and push_context.go (initVirtualServices). Decides nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from apps.mesh.egress.services import RegistryService
from apps.mesh.gatewayproxies import gateway_workloads
from apps.mesh.hosts import matches, resolve_short_name
from apps.mesh.knownhosts import KnownHosts
from apps.mesh.objects.networking import Gateway, Route, RouteDestination, VirtualService
from apps.mesh.planes import namespace_planes
from apps.mesh.references import MESH_GATEWAY, bound_host, gateway_ref
from apps.mesh.refs import ResourceRef
from apps.mesh.snapshot import Snapshot
from apps.mesh.visibility import NONE, PRIVATE, PUBLIC


@dataclass(frozen=True, slots=True)
class RoutedTo:
    """One destination or mirror. `host` is what the object means, `path` leads to the destination, and
    `protocol` is http, tls or tcp."""

    route: VirtualService
    protocol: str
    part: Route
    path: str
    target: RouteDestination
    host: str

    @property
    def mirror(self) -> bool:
        """Whether only copies of requests go there."""
        return ".mirror" in self.path

    @property
    def gateways(self) -> tuple[ResourceRef, ...]:
        """The Gateways whose proxies follow the route to it."""
        named = [item.gateways for item in self.part.matches]
        if not named or not all(named):
            return gateways_of(self.route)
        asked = {gateway_ref(name, self.route.namespace) for names in named for name in names}
        return tuple(ref for ref in gateways_of(self.route) if ref in asked)

    @property
    def in_mesh(self) -> bool:
        """Whether sidecars follow the route to it, and not Gateways alone."""
        matches = self.part.matches
        here = not matches or any(not item.gateways or MESH_GATEWAY in item.gateways for item in matches)
        return here and for_sidecars(self.route)

    @property
    def effect(self) -> str:
        """What happens where Istio has no cluster for it."""
        if self.mirror:
            return "the copies of requests that it should get are lost"
        return "its requests get a 503" if self.protocol == "http" else "its connections are reset"


def parts(route: VirtualService) -> Iterator[tuple[str, str, Route]]:
    """Every route with its protocol and its path."""
    for protocol, found in (("http", route.http), ("tls", route.tls), ("tcp", route.tcp)):
        for place, part in enumerate(found):
            yield protocol, f"spec.{protocol}[{place}]", part


def destinations(route: VirtualService) -> Iterator[RoutedTo]:
    """Every destination that names a host, in the order of the object, then the mirrors."""
    yield from (goal for goal in _destinations(route) if not goal.mirror)
    yield from (goal for goal in _destinations(route) if goal.mirror)


def told_by(goal: RoutedTo) -> tuple[bool, bool]:
    """The order in which the places of one destination tell of it: mirrors last, sidecars before Gateways."""
    return goal.mirror, not goal.in_mesh


def _destinations(route: VirtualService) -> Iterator[RoutedTo]:
    for protocol, path, part in parts(route):
        for field, target in _targets(part):
            if target.host:
                host = resolve_short_name(target.host, route.namespace)
                yield RoutedTo(route, protocol, part, f"{path}.{field}", target, host)


def _targets(part: Route) -> Iterator[tuple[str, RouteDestination]]:
    for place, target in enumerate(part.destinations):
        yield f"route[{place}].destination", target
    single = "mirror" in part.given
    for place, target in enumerate(part.mirrors):
        if single and place == 0:
            yield "mirror", target
        else:
            yield f"mirrors[{place - single}].destination", target


def for_sidecars(route: VirtualService) -> bool:
    """Whether sidecars follow it. A VirtualService without hosts is followed through others only."""
    return bool(route.hosts) and (not route.gateways or MESH_GATEWAY in route.gateways)


def gateways_of(route: VirtualService) -> tuple[ResourceRef, ...]:
    """The Gateways it is bound to, each once."""
    found = (gateway_ref(name, route.namespace) for name in route.gateways)
    return tuple(dict.fromkeys(ref for ref in found if ref is not None))


def exported(snapshot: Snapshot, route: VirtualService) -> frozenset[str]:
    """The namespaces that see it, by name, or with `*` among them; `~` hides it from all but `*`."""
    default = snapshot.derived(namespace_planes).of(route.namespace).config.virtual_service_export_to
    given = frozenset(route.export_to or default)
    if PUBLIC not in given and NONE in given:
        return frozenset()
    return frozenset(route.namespace if item == PRIVATE else item for item in given - {NONE})


def followers(snapshot: Snapshot, route: VirtualService) -> frozenset[str] | None:
    """The namespaces of the proxies that follow it; None where that may be any."""
    seen = exported(snapshot, route)
    found: set[str] = set()
    if not route.hosts:
        return None
    if for_sidecars(route):
        if PUBLIC in seen:
            return None
        found |= seen
    for ref in gateways_of(route):
        namespaces = gateway_namespaces(snapshot, ref)
        if namespaces is None:
            return None
        found |= namespaces if PUBLIC in seen else namespaces & seen
    return frozenset(found) or None


def gateway_takes(gateway: Gateway, host: str, namespace: str) -> bool:
    """Whether a server takes a host from VirtualServices of a namespace."""
    name = resolve_short_name(host, namespace)
    return any(
        owner in {"*", namespace} and matches(listed, name)
        for server in gateway.servers
        for owner, listed in (bound_host(text, gateway.namespace) for text in server.hosts)
    )


def gateway_namespaces(snapshot: Snapshot, ref: ResourceRef) -> frozenset[str] | None:
    """The namespaces of the workloads that a Gateway selects; None where none is known."""
    gateway = snapshot.get(ref)
    if not isinstance(gateway, Gateway):
        return None
    return frozenset(workload.namespace for workload in gateway_workloads(snapshot, gateway)) or None


def named(snapshot: Snapshot, host: str, namespace: str) -> tuple[RegistryService, ...]:
    """The services of exactly that name, whether exported to the namespace or not. Only they are
    clusters that a route can lead to: `*.x.com` is a cluster of that name, not one for `api.x.com`."""
    return snapshot.derived(KnownHosts).named(host, namespace)


class ServiceNames:
    """Services by name alone, for hints; ask for it through `snapshot.derived`."""

    __slots__ = ("_found",)

    def __init__(self, snapshot: Snapshot) -> None:
        found: dict[str, list[str]] = {}
        registry = snapshot.derived(KnownHosts).registry("")
        for service in registry.services:
            if service.kubernetes:
                found.setdefault(service.ref.name, []).append(service.host)
        self._found: Mapping[str, list[str]] = found

    def hosts(self, name: str) -> tuple[str, ...]:
        """The full names of all Services that are called so."""
        return tuple(dict.fromkeys(self._found.get(name, ())))
