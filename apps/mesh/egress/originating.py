"""What an egress gateway sends on along a route: to which cluster, inside which TLS.

Follows pilot/pkg/networking/core/route/route.go (GetDestinationCluster), cluster_tls.go and pilot/pkg/model/
sidecar.go (DefaultSidecarScopeForGateway). Knows nothing of servers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from apps.mesh.destinationrules import MergedRule
from apps.mesh.egress.addedtls import Sender
from apps.mesh.egress.endpoints import Supply, endpoints_of
from apps.mesh.egress.gatewayroutes import Taken
from apps.mesh.egress.gatewayservers import EgressGateway
from apps.mesh.egress.handshake import Arrival
from apps.mesh.egress.listeners import cluster_of
from apps.mesh.egress.outward import GATEWAY_RULE, Forwarding, Payload, Sending, outward, stop
from apps.mesh.egress.services import DNS, DYNAMIC_DNS, RegistryService
from apps.mesh.hosts import is_wildcard
from apps.mesh.objects.networking import Route, VirtualService
from apps.mesh.verdicts import Step

Cluster = tuple[str, int, str]


def sent_on(gateway: EgressGateway, taken: Taken, payload: Payload, arrival: Arrival) -> Forwarding:
    """Where a route of the gateway sends what arrives. TLS that the workload's proxy added and the gateway
    leaves closed is in `arrival.added`."""
    route, part = taken.route, taken.part
    if route is None or part is None:
        text = f"{taken.door.words} sends every request to https (httpsRedirect): 301."
        return Forwarding(
            (Step("The egress gateway redirects", text, taken.door.ref, taken.door.field, GATEWAY_RULE),)
        )
    doubts: tuple[str, ...] = ()
    if not taken.certain:
        doubts = (f"{route.ref} routes by more than the host at the gateway: requests may go elsewhere.",)
    if part.abort is not None and 0 < part.abort.percent < 100:
        doubts = (
            *doubts,
            f"{route.ref} answers {part.abort.percent:g} % of the requests with a fault there.",
        )
    if payload is Payload.REQUESTS and part.answer[0]:
        return replace(_answered(route, part, taken.path), doubts=doubts)
    found = _to_clusters(gateway, taken, route, part, payload, arrival)
    return replace(found, doubts=(*doubts, *found.doubts))


def _answered(route: VirtualService, part: Route, path: str) -> Forwarding:
    answers, status = part.answer
    if answers != "abort" and (answers == "redirect" or status is None or status < 400):
        text = f"{route.ref.path} redirects or answers it there."
        return Forwarding((Step("The egress gateway answers itself", text, route.ref, path, GATEWAY_RULE),))
    code = str(status) if status is not None else f"gRPC status {part.abort.grpc if part.abort else ''}"
    text = f"{route.ref} answers it there with {code}. The application sees {code}."
    return stop("The egress gateway refuses it", text, route.ref, path)


@dataclass(frozen=True, slots=True)
class _Goal:
    """A cluster of a route; `service` is what the gateway knows of its host, None where it has no cluster."""

    cluster: Cluster
    service: RegistryService | None
    rule: MergedRule | None = None

    @property
    def words(self) -> str:
        host, port, subset = self.cluster
        return f"{host or 'a backend that is not accepted'}:{port}{f' subset {subset}' if subset else ''}"


def _to_clusters(
    gateway: EgressGateway,
    taken: Taken,
    route: VirtualService,
    part: Route,
    payload: Payload,
    arrival: Arrival,
) -> Forwarding:
    goals = _goals(gateway, taken, part)
    known = [goal for goal in goals if goal.service is not None]
    shown = ", ".join(goal.words for goal in known or goals)
    requests = payload is Payload.REQUESTS
    if not known:
        seen = f"The application sees {500 if route.of_gateway_api else 503}." if requests else arrival.seen
        text = f"{route.ref.path} sends it to {shown}, which the gateway does not know. {seen}"
        return stop("The egress gateway has nowhere to send it", text, route.ref, taken.path)
    lacking = [_lacking(gateway, goal.service) for goal in known if goal.service is not None]
    if all(lacking):
        seen = "The application sees 503." if requests else arrival.seen
        text = f"{route.ref.path} sends it to {shown}, and {lacking[0]} {seen}"
        return stop("The egress gateway has nowhere to send it", text, route.ref, taken.path)
    text = f"There {route.ref.path} sends it on to {shown}."
    step = Step("The egress gateway forwards it", text, route.ref, taken.path, GATEWAY_RULE)
    found = _around(gateway, known[0], part, payload, arrival)
    doubts = found.doubts
    if len(known) < len(goals):
        doubts = (*doubts, f"{route.ref.path} sends some of it to hosts the gateway does not know.")
    return replace(found, steps=(step, *found.steps), doubts=doubts)


def _goals(gateway: EgressGateway, taken: Taken, part: Route) -> list[_Goal]:
    """The clusters of a route, with what the gateway has of each."""
    mesh = gateway.mesh
    used = [item for item in part.destinations if item.weight > 0] or list(part.destinations[:1])
    found: dict[Cluster, _Goal] = {}
    for item in used:
        named = mesh.at_gateways(gateway.namespace, item.host)
        cluster = cluster_of(item, named, taken.door.number)
        service = mesh.at_gateways(gateway.namespace, cluster[0])
        port = service.port(cluster[1]) if service is not None else None
        rule = mesh.rules.of(gateway.namespace, gateway.pod.labels, service) if service is not None else None
        subset = not cluster[2] or (rule is not None and rule.subset(cluster[2]) is not None)
        there = service is not None and not service.alias_of and port is not None and port.protocol != "UDP"
        found[cluster] = _Goal(cluster, service if there and subset else None, rule)
    return [found[cluster] for cluster in sorted(found)]


def _around(
    gateway: EgressGateway, goal: _Goal, part: Route, payload: Payload, arrival: Arrival
) -> Forwarding:
    if goal.service is None:
        return Forwarding()
    if goal.service.resolution == DYNAMIC_DNS:
        text = f"{goal.service.ref} has resolution {DYNAMIC_DNS}, which is not followed at a gateway."
        return Forwarding(doubts=(text,))
    name = part.authority or arrival.host
    sending = Sending(
        Sender(gateway.namespace, gateway.pod.labels, gateway=True),
        goal.service,
        goal.cluster,
        goal.rule,
        payload,
        name,
        arrival.added,
        arrival.seen,
    )
    return outward(sending)


def _lacking(gateway: EgressGateway, service: RegistryService) -> str:
    """Why the gateway's cluster for a service has no address, "" where it may have one. A gateway is not
    dialled by the client's address, which resolution NONE would have it use (core/cluster.go
    convertResolution)."""
    if service.kubernetes or (service.resolution == "NONE" and (service.endpoints or service.selects)):
        return ""
    if service.resolution == "NONE":
        return f"resolution NONE of {service.ref} gives a gateway no address."
    if service.resolution in DNS and is_wildcard(service.host) and not (service.endpoints or service.selects):
        return f"{service.ref} has DNS look up the wildcard {service.host}."
    found = endpoints_of(gateway.snapshot, gateway.mesh, service)
    return found.text if found.supply is Supply.NONE else ""
