"""What an egress gateway does with a connection that a VirtualService sent to it.

Gateway proxies ignore Sidecars and the outbound traffic policy: a server of a Gateway has to take the host, a
VirtualService bound to that Gateway has to send it on, and the registry has to know where to. Follows
pilot/pkg/networking/core/gateway.go. Knows nothing of the proxy that the connection came from.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from apps.mesh.egress.builtgateways import BuiltListener
from apps.mesh.egress.endpoints import Supply, endpoints_of
from apps.mesh.egress.views import MeshView
from apps.mesh.hosts import matches, service_host, subset_of
from apps.mesh.objects.networking import GatewayServer, Route, Service, VirtualService
from apps.mesh.objects.selectors import is_subset
from apps.mesh.objects.traffic import DISABLE
from apps.mesh.objects.workloads import PodTemplate
from apps.mesh.references import bound_host, gateway_ref
from apps.mesh.refs import ResourceRef
from apps.mesh.snapshot import Snapshot
from apps.mesh.verdicts import Destination, Protocol, Step
from apps.mesh.visibility import visible_to

RULE = "pilot/pkg/networking/core/gateway.go"


@dataclass(frozen=True, slots=True)
class Forwarding:
    """`step` says what the gateway does; `stops` whether the connection ends there; `doubt` what is not
    followed."""

    step: Step | None = None
    stops: bool = False
    doubt: str = ""


def forwarding(
    snapshot: Snapshot,
    mesh: MeshView,
    service: Service,
    ports: tuple[int, ...],
    pod: PodTemplate,
    destination: Destination,
) -> Forwarding:
    """What the gateway behind `service` does; `ports` are the Service's port and its pods' own."""
    wrapped = _wrapping(mesh, service, ports[0], destination)
    if wrapped is not None:
        doubt = f"{wrapped} adds TLS on the way to the egress gateway; what happens there is not followed."
        return Forwarding(doubt=doubt)
    chosen = [*_of_istio(mesh, pod), *_of_gateway_api(mesh, service.namespace, pod)]
    doors = [item for item in chosen if item.server.port is not None and item.server.port.number in ports]
    if not doors:
        text = f"No Gateway that selects the pods of {service.ref.path} has a server on port {ports[0]}."
        found = _stop("The egress gateway does not listen", text, service.ref, "spec.ports")
        return _unless_more(found, chosen)
    taking = [item for item in doors if _takes(item.server, destination.host)]
    if not taking:
        text = f"No server on port {ports[0]} lists {destination.host}."
        found = _stop("The egress gateway does not take it", text, doors[0].ref, doors[0].field)
        return _unless_more(found, chosen)
    routes = [route for item in taking for route in _routes(mesh, item, service.namespace, destination)]
    if routes:
        found = _sent_on(snapshot, mesh, service.namespace, routes[0], destination)
    else:
        names = ", ".join(dict.fromkeys(item.ref.path for item in taking))
        what = "route" if taking[0].built else "VirtualService"
        text = f"No {what} is bound to Gateway {names} for {destination.host}."
        found = _stop("The egress gateway has no route", text, taking[0].ref, taking[0].field)
    return _unless_more(found, taking)


def _stop(title: str, text: str, ref: ResourceRef, path: str) -> Forwarding:
    return Forwarding(Step(title, text, ref, path, RULE), stops=True)


def _wrapping(mesh: MeshView, service: Service, port: int, destination: Destination) -> ResourceRef | None:
    """The DestinationRule that adds TLS around a connection that is TLS already."""
    if destination.protocol is not Protocol.TLS:
        return None
    for rule in mesh.rules_for(service_host(service.name, service.namespace)):
        settings = [rule.tls_for(port), *(rule.tls_for(port, subset.name) for subset in rule.subsets)]
        if any(tls is not None and tls.mode != DISABLE for tls in settings):
            return rule.ref
    return None


@dataclass(frozen=True, slots=True)
class _Door:
    """A server of a Gateway: `ref` is the object, `bound` the Gateway by which a VirtualService binds."""

    ref: ResourceRef
    bound: ResourceRef
    server: GatewayServer
    built: BuiltListener | None = None

    @property
    def field(self) -> str:
        return "spec.listeners" if self.built else "spec.servers"


def _of_istio(mesh: MeshView, pod: PodTemplate) -> Iterator[_Door]:
    for item in mesh.gateways:
        if is_subset(item.selector, pod.labels):
            yield from (_Door(item.ref, item.ref, server) for server in item.servers)


def _of_gateway_api(mesh: MeshView, namespace: str, pod: PodTemplate) -> Iterator[_Door]:
    for item in mesh.built:
        if item.ref.namespace == namespace and any(
            is_subset(wanted, pod.labels) for wanted in item.selectors
        ):
            yield _Door(item.ref, item.name, item.server, item)


def _unless_more(found: Forwarding, doors: Sequence[_Door]) -> Forwarding:
    """What is found, unless it is a refusal or a way that listeners and routes of which nothing certain is
    known may change."""
    built = [item.built for item in doors if item.built is not None]
    doubt = next((item.doubt for item in built if item.doubt), "")
    if doubt:
        return Forwarding(doubt=f"What the egress gateway does with it is not certain: {doubt}.")
    if found.stops and any(item.admits_more for item in built):
        name = built[0].ref.path
        return Forwarding(doubt=f"Gateway {name} takes listeners of ListenerSets, which are not followed.")
    return found


def _takes(server: GatewayServer, host: str) -> bool:
    return any(subset_of(host, bound_host(listed, "")[1]) for listed in server.hosts)


def _routes(mesh: MeshView, door: _Door, viewer: str, destination: Destination) -> Iterator[VirtualService]:
    """What is bound to a server and lists the host: attached routes, the most specific first, then
    VirtualServices, the oldest first."""
    for route in door.built.routes if door.built is not None else ():
        if subset_of(destination.host, route.hosts[0]):
            yield route
    default = mesh.plane.config.virtual_service_export_to
    for route in sorted(mesh.routes, key=lambda item: item.age_key):
        exported = frozenset(route.export_to or default)
        if not visible_to(exported, route.namespace, viewer):
            continue
        bound = any(gateway_ref(name, route.namespace) == door.bound for name in route.gateways)
        if bound and any(matches(host, destination.host) for host in route.hosts):
            yield route


def _sent_on(
    snapshot: Snapshot, mesh: MeshView, viewer: str, route: VirtualService, destination: Destination
) -> Forwarding:
    """Where the route sends what arrives at its Gateway. The route may name `mesh` too: a part that only
    `mesh` meets does not count."""
    field, parts = _parts(route, destination.protocol)
    meant = [part for part in parts if _at_gateway(part)]
    goals = {(item.host, item.port or destination.port) for part in meant for item in part.destinations}
    field = "spec.rules" if route.of_gateway_api else field
    refused = [part for part in meant if part.direct_status is not None and part.direct_status >= 500]
    if refused and len(refused) == len(meant):
        text = f"{route.ref} answers it there with {refused[0].direct_status}."
        return _stop("The egress gateway refuses it", text, route.ref, field)
    if not goals:
        if any(part.answers for part in meant):
            text = f"{route.ref.path} redirects or answers it there."
            return Forwarding(Step("The egress gateway answers itself", text, route.ref, field, RULE))
        text = f"{route.ref.path} is bound to it, and none of its routes in {field} applies there."
        return _stop("The egress gateway has no route", text, route.ref, field)
    known = {goal for goal in goals if _knows(mesh, viewer, *goal)}
    shown = ", ".join(
        f"{host or 'a backend that is not accepted'}:{port}" for host, port in sorted(known or goals)
    )
    if not known:
        code = 500 if route.of_gateway_api else 503
        text = f"{route.ref.path} sends it to {shown}, which the gateway does not know: {code}."
        return _stop("The egress gateway has nowhere to send it", text, route.ref, field)
    doubt = "" if known == goals else f"{route.ref.path} sends some of it to hosts the gateway does not know."
    lacking = [_lacking(snapshot, mesh, viewer, *goal) for goal in sorted(known)]
    if all(lacking):
        text = f"{route.ref.path} sends it to {shown}, and {lacking[0]}"
        return _stop("The egress gateway has nowhere to send it", text, route.ref, field)
    text = f"There {route.ref.path} sends it on to {shown}."
    return Forwarding(Step("The egress gateway forwards it", text, route.ref, field, RULE), doubt=doubt)


def _parts(route: VirtualService, protocol: Protocol) -> tuple[str, Sequence[Route]]:
    if protocol is Protocol.HTTP or not (route.tls or route.tcp):
        return "spec.http", route.http
    return ("spec.tls", route.tls) if route.tls and protocol is Protocol.TLS else ("spec.tcp", route.tcp)


def _at_gateway(part: Route) -> bool:
    named = [match.gateways for match in part.matches if match.gateways]
    return len(named) < len(part.matches) or not part.matches or any(set(names) - {"mesh"} for names in named)


def _knows(mesh: MeshView, viewer: str, host: str, port: int) -> bool:
    """Whether a proxy without a Sidecar has a cluster for it: an entry of that name, or a wildcard's."""
    found = mesh.registry.by_host.get(host, ())
    return any(
        item.port(port) is not None and visible_to(item.exported, item.namespace, viewer) for item in found
    )


def _lacking(snapshot: Snapshot, mesh: MeshView, viewer: str, host: str, port: int) -> str:
    """Why the gateway's cluster for a host has no address, "" where it may have one. A gateway is not dialled
    by the client's address, which resolution NONE would have it use (core/cluster.go convertResolution)."""
    for item in mesh.registry.by_host.get(host, ()):
        if item.port(port) is None or not visible_to(item.exported, item.namespace, viewer):
            continue
        if item.kubernetes or (item.resolution == "NONE" and (item.endpoints or item.selects)):
            return ""
        if item.resolution == "NONE":
            return f"resolution NONE of {item.ref} gives a gateway no address."
        found = endpoints_of(snapshot, mesh, item)
        return found.text if found.supply is Supply.NONE else ""
    return ""
