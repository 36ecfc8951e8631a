"""A waypoint does not follow a VirtualService of another namespace.

Where connections to a Service pass through a waypoint, the waypoint routes them, by VirtualServices of the
Service's namespace and of its own, and of no other (pilot/pkg/networking/core/listener_waypoint.go,
getVirtualServiceForWaypoint). Callers in ambient mode get none of what such a VirtualService says, while
sidecars go on following it: the same call is routed in two ways.

Move the VirtualService to the namespace of the Service, or of the waypoint. Where a namespace asks to be
left alone with `istio.io/use-waypoint: none`, nothing is reported.
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.destinations import for_sidecars
from apps.mesh.findings import Finding, Severity
from apps.mesh.hosts import resolve_short_name
from apps.mesh.inforce import in_force
from apps.mesh.injection import INPUTS
from apps.mesh.knownhosts import INPUTS as HOST_INPUTS
from apps.mesh.objects.networking import VirtualService
from apps.mesh.refs import ResourceRef
from apps.mesh.rules.base import Rule, RuleContext
from apps.mesh.rules.wording import listed
from apps.mesh.waypoints import waypoint_of


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each host of a VirtualService that a waypoint routes without it."""
    routes = [item for item in in_force(context.snapshot, VirtualService) if for_sidecars(item)]
    if not routes or not context.any_ambient:
        return
    for route in routes:
        for index, host in enumerate(route.hosts):
            past = dict(_past(context, route, host))
            if past:
                yield RULE.finding(
                    f"{listed(map(str, past))} passes through the waypoint "
                    f"{listed(dict.fromkeys(ref.path for ref in past.values()))}, which follows no "
                    f"VirtualService of namespace {route.namespace}: callers in ambient mode get none of "
                    "these routes, sidecars do. Move the VirtualService to the namespace of what it routes.",
                    route.ref,
                    api_version=route.api_version,
                    path=f"spec.hosts[{index}]",
                    key=host,
                )


def _past(
    context: RuleContext, route: VirtualService, host: str
) -> Iterator[tuple[ResourceRef, ResourceRef]]:
    """What the host names and a waypoint takes that does not follow the route, with the waypoint."""
    for service in context.hosts.taken(resolve_short_name(host, route.namespace), route.namespace):
        item = context.snapshot.get(service.ref)
        waypoint = waypoint_of(context.snapshot, item) if item is not None else None
        if waypoint is None or not context.snapshot.exists(waypoint):
            continue
        if route.namespace not in (service.namespace, waypoint.namespace):
            yield service.ref, waypoint


RULE = Rule(
    code="MC232",
    name="waypoint-ignores-virtual-service",
    severity=Severity.WARNING,
    title="A waypoint does not follow a VirtualService of another namespace",
    inputs=INPUTS | HOST_INPUTS | {"KubernetesGateway", "VirtualService"},
    doc=__doc__ or "",
    check=check,
    references=("KIA1114",),
    no_remedy="Moving routes to another namespace is up to the owners of both.",
)
