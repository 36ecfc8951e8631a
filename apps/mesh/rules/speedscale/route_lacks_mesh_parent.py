"""A route of the Gateway API changes calls of a captured service from outside only.

Speedscale's Istio page asks that a VirtualService of a service that is accessible from outside and inside
contains the host that is used inside. The Gateway API has the same trap: a route that is attached to a
Gateway alone holds for calls that come in through it. Where it does more than hand them on, by filters or by
shares of several backends, calls from inside fare differently, and so does a replay, which calls from inside.

Attach the route to the Service as well (a parentRef of kind Service), or write one for it that is. A route
that only hands calls on is not reported, and neither is one of a Service that another route or a
VirtualService of the mesh already speaks for.
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.capture import INPUTS as CAPTURE_INPUTS
from apps.mesh.findings import Finding, Severity
from apps.mesh.hosts import matches, service_host
from apps.mesh.objects.gatewayapi import GatewayRoute, GatewayRouteRule, GRPCRoute, HTTPRoute
from apps.mesh.outsideonly import SPEAKING, captured_hosts, spoken_in_mesh
from apps.mesh.rules.base import Rule, RuleContext
from apps.mesh.rules.wording import listed


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each route."""
    snapshot = context.snapshot
    captured = snapshot.derived(captured_hosts)
    if not captured or any(snapshot.missing(kind) for kind in SPEAKING):
        return
    for route in (*snapshot.each(HTTPRoute), *snapshot.each(GRPCRoute)):
        if not _at_gateway(route):
            continue
        spoken = snapshot.derived(spoken_in_mesh)
        changed = {host for rule in route.rules if _changes(rule) for host in _hosts(rule)} & captured
        hosts = sorted(host for host in changed if not any(matches(host, other) for other in spoken))
        if hosts:
            yield RULE.finding(
                f"It changes calls to {listed(hosts)}, which Speedscale captures, from outside only: calls "
                "from inside, a replay's too, go by the Service's own name and know nothing of it. Attach "
                "the route to the Service as well.",
                route.ref,
                api_version=route.api_version,
                path="spec.parentRefs",
            )


def _changes(rule: GatewayRouteRule) -> bool:
    """Whether a rule does more than hand a call on to one backend."""
    return bool(rule.filters) or sum(1 for backend in rule.backends if backend.weight) > 1


def _hosts(rule: GatewayRouteRule) -> Iterator[str]:
    for backend in rule.backends:
        if backend.weight and backend.target.kind == "Service":
            yield service_host(backend.target.name, backend.target.namespace)


def _at_gateway(route: GatewayRoute) -> bool:
    return any(parent.kind == "Gateway" for parent in route.parents)


RULE = Rule(
    code="SS24",
    name="route-lacks-mesh-parent",
    severity=Severity.WARNING,
    title="A route changes calls of a captured service from outside only",
    inputs=CAPTURE_INPUTS | {"GRPCRoute", "HTTPRoute", "Service", "VirtualService"},
    doc=__doc__ or "",
    check=check,
    no_remedy="Routes of the Gateway API are their owner's: the console writes none.",
)
