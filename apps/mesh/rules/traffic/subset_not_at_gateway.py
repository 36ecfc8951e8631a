"""A Gateway's route goes past the subsets that sidecars keep to.

A VirtualService that is followed by sidecars splits a Service into subsets; another one, bound to a Gateway,
routes to the same Service without a subset. Requests that come through the Gateway are routed by the second
alone, as a request meets one VirtualService only, and so reach pods of all subsets. That may be meant, but a
canary is often thought to hold for both.
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.destinations import destinations, gateways_of
from apps.mesh.findings import Finding, Severity
from apps.mesh.hosts import resolve_short_name
from apps.mesh.inforce import INPUTS, in_force
from apps.mesh.objects.networking import VirtualService
from apps.mesh.rules.base import Rule, RuleContext


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each VirtualService of a Gateway and host."""
    routes = in_force(context.snapshot, VirtualService)
    splitting: dict[str, VirtualService] = {}
    for route in routes:
        own = {resolve_short_name(host, route.namespace) for host in route.hosts}
        for goal in destinations(route):
            if goal.in_mesh and goal.protocol == "http" and goal.target.subset and goal.host in own:
                splitting.setdefault(goal.host, route)
    for route in routes if splitting else ():
        if gateways_of(route):
            yield from _past(route, splitting)


def _past(route: VirtualService, splitting: dict[str, VirtualService]) -> Iterator[Finding]:
    seen: set[str] = set()
    for goal in destinations(route):
        other = splitting.get(goal.host)
        if (
            other is None
            or other is route
            or not goal.gateways
            or goal.protocol != "http"
            or goal.target.subset
            or goal.mirror
            or goal.host in seen
        ):
            continue
        seen.add(goal.host)
        yield RULE.finding(
            f"{other.ref} sends requests of sidecars to subsets of {goal.target.host}; what comes through "
            "this Gateway goes to all of its pods. If the split should hold here too, name the subsets here.",
            route.ref,
            api_version=route.api_version,
            path=goal.path,
            key=goal.host,
        )


RULE = Rule(
    code="MC177",
    name="subset-not-at-gateway",
    severity=Severity.INFO,
    title="A Gateway's route does not keep to the subsets",
    inputs=INPUTS | {"VirtualService"},
    doc=__doc__ or "",
    check=check,
    references=("IST0140",),
    no_remedy="Which subset the Gateway should take decides where calls from outside go.",
)
