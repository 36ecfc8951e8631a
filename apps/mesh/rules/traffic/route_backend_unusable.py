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
from apps.mesh.rules.wording import listed


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
            text = _wrong(context, route, backend.target) if backend.weight else None
            if text:
                yield RULE.finding(
                    f"{text[0]}, so that what is sent there is answered with 500, or reset where it is not "
                    f"HTTP. {text[1]}",
                    route.ref,
                    api_version=route.api_version,
                    path=f"spec.rules[{place}].backendRefs[{index}]",
                    key=f"{backend.target}:{backend.target.port}",
                )


def _wrong(context: RuleContext, route: GatewayRoute, target: ObjectReference) -> tuple[str, str] | None:
    """What is wrong with a backend, and what to do."""
    kind = (target.group, target.kind)
    if kind == HOSTNAME:
        return _of_host(context, route, target)
    if kind != SERVICE:
        if target.kind in UNDECIDED_BACKENDS:
            return None
        return f"Istio takes no backend of kind {target.kind} ({target.group or 'core'})", "Name a Service."
    if target.elsewhere and _at_gateways(route) and not _granted(context, route, target):
        asked = f"lets {route.ref.kind}s of {route.namespace} send to {target}"
        return f"No ReferenceGrant {asked}", f"Create one in {target.namespace}."
    found = context.snapshot.get(ResourceRef("Service", target.namespace, target.name))
    if isinstance(found, Service):
        ports = [port.number for port in found.ports]
        if target.port in ports:
            return None
        has = listed(map(str, ports)) or "no port"
        return f"{target} has no port {target.port}", f"Name a port of the Service: it has {has}."
    hidden = context.snapshot.missing("Service", target.namespace)
    if hidden or not knows(context.snapshot, Service, target.namespace):
        return None
    return f"{target} does not exist", "Correct the name, or create it."


def _of_host(context: RuleContext, route: GatewayRoute, target: ObjectReference) -> tuple[str, str] | None:
    hidden = context.snapshot.missing("ServiceEntry") or context.snapshot.missing("Service")
    if hidden or target.name in context.hosts.registry(route.namespace).by_host:
        return None
    if not knows(context.snapshot, ServiceEntry, route.namespace):
        return None
    return f"The mesh knows no host {target.name}", "Correct it, or declare a ServiceEntry for it."


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
