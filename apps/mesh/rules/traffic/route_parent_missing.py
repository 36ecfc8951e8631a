"""A route of the Gateway API attaches to something that is not there, or that does not take it.

`parentRefs` decide who follows a route: a Gateway (its proxies), or a Service or ServiceEntry (the sidecars
of callers, as with a VirtualService for `mesh`). A parent that is missing takes no part, and neither does a
listener that does not admit the route: by default a Gateway takes routes of its own namespace only
(`allowedRoutes.namespaces`), each listener has one protocol and with it kinds of routes, and hostnames of
the two have to overlap (pilot/pkg/config/kube/gateway/conversion.go referenceAllowed). Nothing fails
loudly: the requests go another way.

Correct the reference, or let the listener admit the route's namespace.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from apps.mesh.egress.builtgateways import attaches, of_istio
from apps.mesh.egress.gatewayapi import SERVICE, SERVICE_ENTRY
from apps.mesh.findings import Finding, Severity
from apps.mesh.inforce import INPUTS, in_force
from apps.mesh.knownhosts import knows
from apps.mesh.objects.gatewayapi import (
    GATEWAY_API,
    GATEWAY_ROUTES,
    GatewayRoute,
    KubernetesGateway,
    ObjectReference,
)
from apps.mesh.objects.networking import Service, ServiceEntry
from apps.mesh.refs import ResourceRef
from apps.mesh.rules.base import Rule, RuleContext

KINDS = {
    (GATEWAY_API, "Gateway"): KubernetesGateway,
    SERVICE: Service,
    SERVICE_ENTRY: ServiceEntry,
}


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each route and parent."""
    for kind in GATEWAY_ROUTES:
        for route in in_force(context.snapshot, kind):
            for place, parent in enumerate(route.parents):
                text = _wrong(context, route, parent)
                if text:
                    yield RULE.finding(
                        text,
                        route.ref,
                        api_version=route.api_version,
                        path=f"spec.parentRefs[{place}]",
                        key=str(parent),
                    )


def _wrong(context: RuleContext, route: GatewayRoute, parent: ObjectReference) -> str:
    kind = KINDS.get((parent.group, parent.kind))
    if kind is None:
        return ""
    found = context.snapshot.get(ResourceRef(kind.__name__, parent.namespace, parent.name))
    if found is None:
        hidden = context.snapshot.missing(kind.__name__, parent.namespace)
        if hidden or not knows(context.snapshot, kind, parent.namespace):
            return ""
        return f"{parent} does not exist, so that nobody follows the route there. Correct the reference."
    if not isinstance(found, KubernetesGateway) or found.admits_listener_sets:
        return ""
    if not of_istio(context.snapshot, found) or context.snapshot.missing("Namespace"):
        return ""
    alone = replace(route, parents=(parent,))
    if any(attaches(context.snapshot, alone, found, listener) for listener in found.listeners):
        return ""
    return (
        f"No listener of {parent} takes the route: look at sectionName and port of the reference, at "
        f"hostnames, and at allowedRoutes of the listener, which by default admit its own namespace only."
    )


RULE = Rule(
    code="MC180",
    name="route-parent-missing",
    severity=Severity.ERROR,
    title="A route attaches to nothing that takes it",
    inputs=INPUTS
    | {
        "GRPCRoute",
        "GatewayClass",
        "HTTPRoute",
        "KubernetesGateway",
        "Service",
        "ServiceEntry",
        "TCPRoute",
        "TLSRoute",
    },
    doc=__doc__ or "",
    check=check,
    references=("KIA1401",),
    no_remedy="Which parent is meant only the owner of the route knows.",
)
