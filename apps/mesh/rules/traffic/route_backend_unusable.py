"""A route of the Gateway API sends to something that Istio cannot send to.

A backend that is not there is not left out: its share of the requests is answered with 500, TCP is reset.
So it is for a Service of another namespace without a ReferenceGrant there (for routes of Gateways; in the
mesh none is asked for), for a port that the Service does not have, and for kinds that Istio does not know.
Worse is a rule that Istio refuses as a whole, for a filter that it does not support say: then the whole route
is out of force, and requests go as if it did not exist (pilot/pkg/config/kube/gateway/conversion.go).
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.egress.gatewayapi import HOSTNAME, SERVICE, SERVICE_ENTRY, UNDECIDED_BACKENDS
from apps.mesh.findings import Finding, Severity
from apps.mesh.inforce import INPUTS, in_force
from apps.mesh.knownhosts import INPUTS as HOST_INPUTS
from apps.mesh.knownhosts import knows
from apps.mesh.objects.gatewayapi import GATEWAY_ROUTES, GatewayRoute, ObjectReference, ReferenceGrant
from apps.mesh.objects.networking import Service, ServiceEntry
from apps.mesh.refs import ResourceRef
from apps.mesh.rules.base import Rule, RuleContext


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each route and backend, or for the route where a rule of it is refused."""
    for kind in GATEWAY_ROUTES:
        for route in in_force(context.snapshot, kind):
            refused = next((place for place, rule in enumerate(route.rules) if rule.wrong), None)
            if refused is None:
                yield from _of_backends(context, route)
                continue
            yield RULE.finding(
                f"Istio refuses the rule: {route.rules[refused].wrong}. The whole route is out of force, not "
                "this rule alone. Take out what it does not support.",
                route.ref,
                api_version=route.api_version,
                path=f"spec.rules[{refused}]",
                key="refused",
            )


def _of_backends(context: RuleContext, route: GatewayRoute) -> Iterator[Finding]:
    for place, rule in enumerate(route.rules):
        for index, backend in enumerate(rule.backends):
            text = _wrong(context, route, backend.target) if backend.weight else ""
            if text:
                yield RULE.finding(
                    f"{text} What is sent there is answered with 500, or reset where it is not HTTP.",
                    route.ref,
                    api_version=route.api_version,
                    path=f"spec.rules[{place}].backendRefs[{index}]",
                    key=f"{backend.target}:{backend.target.port}",
                )


def _wrong(context: RuleContext, route: GatewayRoute, target: ObjectReference) -> str:
    kind = (target.group, target.kind)
    if kind == HOSTNAME:
        return _of_host(context, route, target)
    if kind != SERVICE:
        known = target.kind in UNDECIDED_BACKENDS
        return "" if known else f"Istio takes no backend of kind {target.kind} ({target.group or 'core'})."
    if target.elsewhere and _at_gateways(route) and not _granted(context, route, target):
        return f"No ReferenceGrant in {target.namespace} lets {route.ref.kind}s of {route.namespace} use it."
    found = context.snapshot.get(ResourceRef("Service", target.namespace, target.name))
    if isinstance(found, Service):
        has = any(port.number == target.port for port in found.ports)
        return "" if has else f"{target} has no port {target.port}."
    hidden = context.snapshot.missing("Service", target.namespace)
    if hidden or not knows(context.snapshot, Service, target.namespace):
        return ""
    return f"{target} does not exist."


def _of_host(context: RuleContext, route: GatewayRoute, target: ObjectReference) -> str:
    hidden = context.snapshot.missing("ServiceEntry") or context.snapshot.missing("Service")
    if hidden or target.name in context.hosts.registry(route.namespace).by_host:
        return ""
    if not knows(context.snapshot, ServiceEntry, route.namespace):
        return ""
    return f"The mesh knows no host {target.name}."


def _at_gateways(route: GatewayRoute) -> bool:
    return any((parent.group, parent.kind) not in (SERVICE, SERVICE_ENTRY) for parent in route.parents)


def _granted(context: RuleContext, route: GatewayRoute, target: ObjectReference) -> bool:
    if context.snapshot.missing("ReferenceGrant", target.namespace):
        return True
    return any(
        grant.allows(route.ref.kind, route.namespace, target)
        for grant in context.snapshot.each(ReferenceGrant)
    )


RULE = Rule(
    code="MC181",
    name="route-backend-unusable",
    severity=Severity.ERROR,
    title="A route sends to what Istio cannot send to",
    inputs=INPUTS
    | HOST_INPUTS
    | {"GRPCRoute", "HTTPRoute", "ReferenceGrant", "Service", "ServiceEntry", "TCPRoute", "TLSRoute"},
    doc=__doc__ or "",
    check=check,
    references=("KIA1402", "IST0101"),
    no_remedy="Which backend is meant only the owner of the route knows.",
)
