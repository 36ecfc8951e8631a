"""A VirtualService is bound to a Gateway whose proxies do not see it.

`exportTo` decides whose proxies see a VirtualService, and the proxies of a Gateway are those of the workload
that it selects, in that workload's namespace, not in the Gateway's or the VirtualService's
(pilot/pkg/model/push_context.go VirtualServicesForGateway). With `exportTo: ["."]` routes of an application's
namespace do not reach an ingress gateway that runs in its own.
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.destinations import exported, gateway_namespaces, gateways_of
from apps.mesh.findings import Finding, Severity
from apps.mesh.inforce import INPUTS, in_force
from apps.mesh.objects.networking import VirtualService
from apps.mesh.rules.base import Rule, RuleContext
from apps.mesh.rules.wording import listed
from apps.mesh.visibility import PUBLIC


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each VirtualService."""
    for route in in_force(context.snapshot, VirtualService):
        seen = exported(context.snapshot, route)
        if PUBLIC in seen or not route.hosts:
            continue
        blind = [
            (ref, namespaces)
            for ref in gateways_of(route)
            if (namespaces := gateway_namespaces(context.snapshot, ref)) and not namespaces & seen
        ]
        if blind:
            missing = sorted({name for _, namespaces in blind for name in namespaces})
            yield RULE.finding(
                f"The proxies of {listed(str(ref) for ref, _ in blind)} run in {listed(missing)}, which this "
                "VirtualService is not exported to, so that its routes do not apply there. Add "
                f"{listed(missing)} "
                "to exportTo.",
                route.ref,
                api_version=route.api_version,
                path="spec.exportTo",
            )


RULE = Rule(
    code="MC179",
    name="not-exported-to-gateway",
    severity=Severity.ERROR,
    title="A Gateway's proxies do not see a VirtualService",
    inputs=INPUTS | {"Gateway", "VirtualService"},
    doc=__doc__ or "",
    check=check,
    no_remedy="Showing the routes to the Gateway would publish them.",
)
