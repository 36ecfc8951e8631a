"""A route leads to a port that the destination does not have.

A destination of a host with one port may leave the port out. With several, Istio takes the port on which
the request came in (pilot/pkg/networking/core/route/route.go GetDestinationCluster): right for a Service
that routes to itself, wrong at a Gateway that listens on 443 for a Service on 8080. Only ports that the
host really lacks are reported here, where istioctl reports every destination without a port.
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.destinations import RoutedTo, destinations, named
from apps.mesh.egress.services import ServicePort
from apps.mesh.findings import Finding, Severity
from apps.mesh.hosts import resolve_short_name
from apps.mesh.knownhosts import INPUTS
from apps.mesh.objects.networking import Gateway, VirtualService
from apps.mesh.rules.base import OneByOne, Rule, RuleContext
from apps.mesh.rules.wording import listed


def judge(context: RuleContext, route: VirtualService) -> Iterator[Finding]:
    """One finding for each host and port."""
    seen: set[tuple[str, int | None]] = set()
    for goal in destinations(route):
        key = (goal.host, goal.target.port)
        services = named(context.snapshot, goal.host, route.namespace)
        if key in seen or not services:
            continue
        ports = sorted({port.number for service in services for port in service.ports})
        message = _judge(context, goal, ports)
        if message:
            seen.add(key)
            field = ".port.number" if goal.target.port is not None else ""
            yield RULE.finding(
                message,
                route.ref,
                api_version=route.api_version,
                severity=Severity.WARNING if goal.mirror else Severity.ERROR,
                path=f"{goal.path}{field}",
                key=f"{goal.host} {goal.target.port or ''}".strip(),
                remedy=RULE.remedy if goal.target.port is not None and len(ports) == 1 else "",
                references=("IST0101",) if goal.target.port is not None else ("IST0112",),
            )


def _judge(context: RuleContext, goal: RoutedTo, ports: list[int]) -> str:
    has = f"{goal.target.host} has {listed(str(port) for port in ports) or 'no port'}"
    if goal.target.port is not None:
        if goal.target.port in ports:
            return ""
        return (
            f"The route leads to port {goal.target.port}, but {has}, so that {goal.effect}. Name a port of "
            "the Service, not the container's."
        )
    if len(ports) < 2:
        return ""
    wrong = sorted(_arriving(context, goal) - set(ports))
    if not wrong:
        return ""
    return (
        f"The destination names no port, so that Istio takes the one a request came in on: "
        f"{listed(str(port) for port in wrong)}, but {has}, so that {goal.effect}. Write the port."
    )


def _arriving(context: RuleContext, goal: RoutedTo) -> set[int]:
    """The ports on which requests for this route come in, as far as they are known."""
    found: set[int] = set()
    for ref in goal.gateways:
        gateway = context.snapshot.get(ref)
        if isinstance(gateway, Gateway):
            found |= {server.port.number for server in gateway.servers if server.port is not None}
    if goal.in_mesh:
        for host in goal.route.hosts:
            name = resolve_short_name(host, goal.route.namespace)
            for service in named(context.snapshot, name, goal.route.namespace):
                found |= {port.number for port in service.ports if _speaks(port, goal.protocol)}
    matched = [match.port for match in goal.part.matches]
    asked = {port for port in matched if port is not None}
    return found & asked if matched and None not in matched else found


def _speaks(port: ServicePort, protocol: str) -> bool:
    if port.sniffed:
        return True
    return port.http if protocol == "http" else port.tls if protocol == "tls" else not port.http


RULE = Rule(
    code="MC158",
    name="destination-port-wrong",
    severity=Severity.ERROR,
    title="A route leads to a port that the destination lacks",
    inputs=INPUTS | {"Gateway", "VirtualService"},
    doc=__doc__ or "",
    check=OneByOne(VirtualService, judge),
    references=("IST0101", "IST0112"),
    remedy="route-to-service-port",
    no_remedy="Where more than one port comes into question, which one was meant is a guess.",
)
