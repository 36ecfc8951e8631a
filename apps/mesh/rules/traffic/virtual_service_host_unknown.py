"""A VirtualService for sidecars names a host that the mesh does not know.

Sidecars route by the hosts of the registry. For a host that is neither a Service nor in a ServiceEntry,
HTTP routes are put on port 80 and nowhere else, and TLS and TCP routes on no port at all
(pilot/pkg/networking/core/route/route.go separateVSHostsAndServices). A name like `reviews.shop` is not
completed to that of the Service. Hosts that are meant for a Gateway need no service and are not reported,
nor are those that are the destination of a route too: that is where such a host is reported.
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.destinations import destinations, for_sidecars, gateways_of, named
from apps.mesh.findings import Finding, Severity
from apps.mesh.hosts import is_wildcard, matches, resolve_short_name, service_host, service_names
from apps.mesh.inforce import in_force
from apps.mesh.knownhosts import INPUTS
from apps.mesh.objects.networking import Gateway, VirtualService
from apps.mesh.references import bound_host
from apps.mesh.rules.base import Rule, RuleContext
from apps.mesh.rules.wording import listed


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each VirtualService."""
    for route in in_force(context.snapshot, VirtualService):
        if not for_sidecars(route):
            continue
        unknown = [host for host in route.hosts if _unknown(context, route, host)]
        goals = {goal.host for goal in destinations(route)} if unknown else set()
        unknown = [host for host in unknown if resolve_short_name(host, route.namespace) not in goals]
        if unknown:
            yield _finding(context, route, unknown)


def _unknown(context: RuleContext, route: VirtualService, host: str) -> bool:
    name = resolve_short_name(host, route.namespace)
    if context.hosts.known(name, route.namespace) or named(context.snapshot, name, route.namespace):
        return False
    if context.hosts.gap(name, route.namespace) is not None:
        return False
    gateways = gateways_of(route)
    return not any(_at(context.snapshot.get(ref), name) for ref in gateways)


def _at(gateway: object, host: str) -> bool:
    """Whether the host is meant for a Gateway; an unknown Gateway may have it."""
    if not isinstance(gateway, Gateway):
        return True
    return any(matches(bound_host(item, "")[1], host) for server in gateway.servers for item in server.hosts)


def _finding(context: RuleContext, route: VirtualService, unknown: list[str]) -> Finding:
    first = unknown[0]
    pair = service_names(first)
    meant = service_host(*pair) if pair is not None else ""
    if meant and named(context.snapshot, meant, route.namespace):
        way_out = f"Istio does not complete names with a dot: write {meant}."
    else:
        way_out = f"Correct {'it' if len(unknown) == 1 else 'them'}, or declare a ServiceEntry."
    only_http = not route.tls and not route.tcp
    effect = "apply on port 80 only" if only_http else "do not apply to TLS and TCP connections at all"
    return RULE.finding(
        f"{listed(unknown)} is no Service and in no ServiceEntry, so that the routes for it {effect}. "
        f"{way_out}",
        route.ref,
        api_version=route.api_version,
        severity=Severity.INFO if only_http and not meant and not is_wildcard(first) else Severity.WARNING,
        path=f"spec.hosts[{route.hosts.index(first)}]",
    )


RULE = Rule(
    code="MC157",
    name="virtual-service-host-unknown",
    severity=Severity.WARNING,
    title="A VirtualService names a host the mesh does not know",
    inputs=INPUTS | {"Gateway", "VirtualService"},
    doc=__doc__ or "",
    check=check,
    references=("KIA1101",),
    no_remedy="Which host was meant is a guess.",
)
