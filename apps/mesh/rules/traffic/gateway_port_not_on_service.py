"""A Gateway listens on a port that no Service of its proxies leads to.

The port of a server is opened by the proxy. Clients come through a Service (a load balancer, a node port),
so a port that none of the Services before those pods has, as its own port or as a target port, is never
reached. istiod maps the Service's port to its target port, and either number will do in the Gateway
(pilot/pkg/model/gateway.go resolvePorts). Pods without a Service or on the host's network are left alone.
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.clienttls import container_port
from apps.mesh.findings import Finding, Severity
from apps.mesh.gatewayproxies import gateway_workloads
from apps.mesh.inforce import INPUTS, in_force
from apps.mesh.objects.networking import Gateway
from apps.mesh.refs import ResourceRef
from apps.mesh.rules.base import Rule, RuleContext
from apps.mesh.rules.wording import listed


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each Gateway; none while Services could not be read."""
    if context.snapshot.missing("Service") is not None:
        return
    for gateway in in_force(context.snapshot, Gateway):
        reached = _reached(context, gateway)
        if reached is None:
            continue
        ports, services = reached
        lost = {
            server.port.number: place
            for place, server in reversed(list(enumerate(gateway.servers)))
            if server.port is not None and server.port.number not in ports
        }
        if lost:
            shown = listed(str(port) for port in sorted(lost))
            yield RULE.finding(
                f"{'Port' if len(lost) == 1 else 'Ports'} {shown} cannot be reached through "
                f"{listed(str(ref) for ref in services)}. Add the port there, or use one of its ports here.",
                gateway.ref,
                api_version=gateway.api_version,
                path=f"spec.servers[{min(lost.values())}].port.number",
            )


def _reached(context: RuleContext, gateway: Gateway) -> tuple[set[int], list[ResourceRef]] | None:
    """The ports that Services lead to, and those Services; None where nothing can be said."""
    ports: set[int] = set()
    services: dict[ResourceRef, None] = {}
    for workload in gateway_workloads(context.snapshot, gateway):
        if workload.template.host_network:
            return None
        for service in context.services.of(workload):
            services[service.ref] = None
            for port in service.ports:
                target = container_port(port, workload)
                if target is None:
                    return None
                if port.protocol == "TCP":
                    ports |= {port.number, target}
    return (ports, sorted(services)) if services else None


RULE = Rule(
    code="MC164",
    name="gateway-port-not-on-service",
    severity=Severity.WARNING,
    title="A Gateway's port is on no Service of its proxies",
    inputs=INPUTS | {"Gateway", "Service"},
    doc=__doc__ or "",
    check=check,
    references=("IST0162",),
    no_remedy="Opening the port on the Service publishes it.",
)
