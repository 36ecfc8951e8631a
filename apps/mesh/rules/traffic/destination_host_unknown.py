"""A VirtualService sends traffic to a host that no proxy has a cluster for.

A destination has to be the name of a Service or of a ServiceEntry, letter by letter. Istio completes a
name only if it has no dot (`reviews` is the Service of the VirtualService's own namespace); `reviews.shop`
is taken as it stands and found nowhere (pilot/pkg/model/config.go ResolveShortnameToFQDN). A ServiceEntry
for `*.example.com` makes one cluster of that name, so a route to `api.example.com` leads nowhere either,
although istioctl and Kiali accept it. Such requests get a 503.

A host that is not exported to where the proxies are is as good as none. Where a VirtualService is followed
everywhere and its own namespace does not see the destination, that is a warning: clients of other
namespaces may be the only ones. Not so where the host that they call is hidden from it likewise.
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.destinations import (
    RoutedTo,
    ServiceNames,
    destinations,
    exported,
    followers,
    named,
    told_by,
)
from apps.mesh.egress.services import RegistryService
from apps.mesh.findings import Finding, Severity
from apps.mesh.hosts import is_address, is_wildcard, resolve_short_name, service_host, service_names
from apps.mesh.knownhosts import INPUTS
from apps.mesh.objects.networking import VirtualService
from apps.mesh.rules.base import OneByOne, Rule, RuleContext
from apps.mesh.rules.wording import listed
from apps.mesh.visibility import PUBLIC, visible_to

Services = tuple[RegistryService, ...]
Reason = tuple[str, str, bool]
"""Why a destination leads nowhere, what to do, and whether that is so for some of the clients only."""


def judge(context: RuleContext, route: VirtualService) -> Iterator[Finding]:
    """One finding for each host."""
    goals: dict[str, RoutedTo] = {}
    for goal in sorted(destinations(route), key=told_by):
        goals.setdefault(goal.host, goal)
    for goal in goals.values():
        reason = _reason(context, goal)
        if reason is not None:
            what, way_out, partly = reason
            yield RULE.finding(
                f"{goal.target.host} is the destination of a route, but {what}, so that {goal.effect}. "
                f"{way_out}",
                route.ref,
                api_version=route.api_version,
                severity=Severity.WARNING if goal.mirror or partly else Severity.ERROR,
                path=f"{goal.path}.host",
                key=goal.host,
            )


def _reason(context: RuleContext, goal: RoutedTo) -> Reason | None:
    route, host = goal.route, goal.host
    services = named(context.snapshot, host, route.namespace)
    if services:
        return _hidden(context, goal, services)
    if is_address(host) or host == "*" or context.hosts.gap(host, route.namespace) is not None:
        return None
    return "no Service or ServiceEntry has that name", _way_out(context, goal), False


def _hidden(context: RuleContext, goal: RoutedTo, services: Services) -> Reason | None:
    viewers = followers(context.snapshot, goal.route)
    if viewers is None:
        return _hidden_at_home(context, goal, services)
    there = sorted(name for name in viewers if context.namespace_exists(name) is not False)
    if not there or any(_sees(services, viewer) for viewer in there):
        return None
    where = listed(there)
    reason = f"{services[0].ref} is not exported to {where}, where the proxies are that follow it"
    return reason, f"Export the host to {where}, or route to another one.", False


def _hidden_at_home(context: RuleContext, goal: RoutedTo, services: Services) -> Reason | None:
    route, own = goal.route, goal.route.namespace
    if not goal.in_mesh or PUBLIC not in exported(context.snapshot, route) or _sees(services, own):
        return None
    called = [named(context.snapshot, resolve_short_name(host, own), own) for host in route.hosts]
    if all(found and not _sees(found, own) for found in called):
        return None
    reason = f"{services[0].ref} is not exported to {own}, where proxies follow it as everywhere"
    return reason, f"Export the host to {own}, or this VirtualService only to where it is seen.", True


def _sees(services: Services, viewer: str) -> bool:
    return any(visible_to(item.exported, item.namespace, viewer) for item in services)


def _way_out(context: RuleContext, goal: RoutedTo) -> str:
    route, host = goal.route, goal.host
    pair = service_names(goal.target.host)
    if pair is not None and named(context.snapshot, meant := service_host(*pair), route.namespace):
        return f"Istio completes only names without a dot: write {meant}."
    wide = [item for item in context.hosts.holding(host, route.namespace) if is_wildcard(item.host)]
    if wide:
        return (
            f"{wide[0].ref} covers it with {wide[0].host}, which is another cluster: add {host} to its "
            f"hosts, or send the route to {wide[0].host}."
        )
    others = () if "." in goal.target.host else context.snapshot.derived(ServiceNames).hosts(goal.target.host)
    if others:
        return f"A Service of that name is in another namespace: write {listed(others)} if it is meant."
    return f"Correct the name, or create a Service or ServiceEntry for {host}."


RULE = Rule(
    code="MC150",
    name="destination-host-unknown",
    severity=Severity.ERROR,
    title="A route leads to a host that nobody knows",
    inputs=INPUTS | {"Gateway", "VirtualService"},
    doc=__doc__ or "",
    check=OneByOne(VirtualService, judge),
    references=("KIA1101", "IST0101"),
    no_remedy=(
        "Which host was meant is a guess, and a route to it would send calls somewhere they do not go today."
    ),
)
