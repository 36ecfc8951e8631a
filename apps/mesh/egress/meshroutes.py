"""Routes of the Gateway API that attach to a Service or a ServiceEntry: the mesh's own (GAMMA).

Follows pilot/pkg/config/kube/gateway/route_collections.go: one VirtualService for each namespace, port and
host; HTTPRoutes and GRPCRoutes that share these are merged. Knows nothing of Sidecars.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from apps.mesh.egress.gatewayapi import (
    SERVICE,
    SERVICE_ENTRY,
    Converted,
    convert,
    in_order,
)
from apps.mesh.hosts import matches, service_host
from apps.mesh.objects.gatewayapi import (
    GATEWAY_ROUTES,
    GatewayClass,
    GatewayRoute,
    KubernetesGateway,
    ObjectReference,
    TLSRoute,
)
from apps.mesh.objects.networking import Route, Service, ServiceEntry, VirtualService
from apps.mesh.reading import Reading
from apps.mesh.references import MESH_GATEWAY
from apps.mesh.refs import ResourceRef
from apps.mesh.snapshot import Snapshot

CONTROLLERS = frozenset({"istio.io/gateway-controller", "istio.io/mesh-controller"})
WAYPOINT, WAYPOINT_NAMESPACE = "istio.io/use-waypoint", "istio.io/use-waypoint-namespace"


@dataclass(frozen=True, slots=True)
class Undecided:
    """A route of which it cannot be told whether or how istiod applies it to a host."""

    ref: ResourceRef
    port: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class MeshRoutes:
    """`routes` bear the ref of the object that they come from (of the oldest, where several were merged);
    `undecided` are found by the host that they may change."""

    routes: tuple[VirtualService, ...] = ()
    undecided: Mapping[str, tuple[Undecided, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Base:
    route: GatewayRoute
    host: str
    port: int | None
    parts: Converted


def mesh_routes(snapshot: Snapshot, reading: Reading) -> MeshRoutes:
    """What a control plane makes of the routes that it reads."""
    undecided: dict[str, list[Undecided]] = {}
    merged: dict[tuple[str, int | None, str], list[_Base]] = {}
    made: list[VirtualService] = []
    for kind in GATEWAY_ROUTES:
        for route in reading.each(snapshot.each(kind)):
            for base in _bases(snapshot, reading, route):
                if base.parts.doubt:
                    doubt = Undecided(route.ref, base.port, base.parts.doubt)
                    undecided.setdefault(base.host, []).append(doubt)
                elif base.parts.http:
                    merged.setdefault((route.namespace, base.port, base.host), []).append(base)
                elif base.parts.any:
                    made.append(_made((base,), tls=base.parts.tls, tcp=base.parts.tcp))
    for bases in merged.values():
        bases.sort(key=lambda base: (base.route.created, base.route.namespace, base.route.name))
        made.append(_made(bases, http=in_order(part for base in bases for part in base.parts.http)))
    made.sort(key=lambda route: (route.age_key, not _asks_for_port(route)))
    return MeshRoutes(tuple(made), {host: tuple(found) for host, found in undecided.items()})


def _bases(snapshot: Snapshot, reading: Reading, route: GatewayRoute) -> Iterator[_Base]:
    converted: Converted | None = None
    for parent in route.parents:
        if (parent.group, parent.kind) not in (SERVICE, SERVICE_ENTRY):
            continue
        target = snapshot.get(ResourceRef(parent.kind, parent.namespace, parent.name))
        if not isinstance(target, Service | ServiceEntry) or not reading.reads(_unlabelled(target)):
            continue
        if _of_a_foreign_waypoint(snapshot, target):
            continue
        converted = converted if converted is not None else convert(route)
        hosts = target.hosts if isinstance(target, ServiceEntry) else (_host(parent),)
        for host in hosts:
            parts = _for_host(converted, route, hosts, host).on_port(parent.port)
            yield _Base(route, host, parent.port, parts)


def _unlabelled(target: Service | ServiceEntry) -> Service | ServiceEntry:
    """Of a Service only the namespace decides whether it is read."""
    return replace(target, labels={}) if isinstance(target, Service) else target


def _host(parent: ObjectReference) -> str:
    return service_host(parent.name, parent.namespace)


def _for_host(converted: Converted, route: GatewayRoute, hosts: Sequence[str], host: str) -> Converted:
    """A TLSRoute without hostnames takes the parent's; of several only those that overlap with the host."""
    if not isinstance(route, TLSRoute) or not converted.tls:
        return converted
    names: Iterable[str] = route.hostnames or hosts
    names = tuple(names)
    if len(names) > 1:
        names = tuple(name for name in names if matches(host, name))
    return replace(converted, tls=tuple(_named(part, names) for part in converted.tls))


def _named(part: Route, names: tuple[str, ...]) -> Route:
    return replace(part, matches=tuple(replace(match, sni_hosts=names) for match in part.matches))


def _made(
    bases: Sequence[_Base],
    *,
    http: tuple[Route, ...] = (),
    tls: tuple[Route, ...] = (),
    tcp: tuple[Route, ...] = (),
) -> VirtualService:
    first = bases[0].route
    return VirtualService(
        ref=first.ref,
        api_version=first.api_version,
        created=first.created,
        hosts=(bases[0].host,),
        gateways=(MESH_GATEWAY,),
        http=http,
        tls=tls,
        tcp=tcp,
        merged=tuple(dict.fromkeys(base.route.ref for base in bases))[1:],
    )


def _asks_for_port(route: VirtualService) -> bool:
    parts = (*route.http, *route.tls, *route.tcp)
    return any(match.port is not None for part in parts for match in part.matches)


def _of_a_foreign_waypoint(snapshot: Snapshot, target: Service | ServiceEntry) -> bool:
    """Whether another controller's waypoint serves it: istiod leaves its routes to that one."""
    labels = target.labels
    if WAYPOINT not in labels:
        namespace = snapshot.namespaces.get(target.namespace)
        labels = namespace.labels if namespace is not None else {}
    name = labels.get(WAYPOINT, "")
    if name.lower() in {"", "none"}:
        return False
    place = labels.get(WAYPOINT_NAMESPACE) or target.namespace
    waypoint = snapshot.get(ResourceRef("KubernetesGateway", place, name))
    if not isinstance(waypoint, KubernetesGateway):
        return False
    found = snapshot.get(ResourceRef("GatewayClass", "", waypoint.class_name))
    return isinstance(found, GatewayClass) and found.controller not in CONTROLLERS
