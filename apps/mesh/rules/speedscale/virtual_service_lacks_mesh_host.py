"""A VirtualService routes to a captured service from outside only.

Speedscale's Istio page asks: if a service is accessible both outside and inside of the cluster, make sure
that the VirtualService contains the same host. One that is bound to a gateway alone (naming gateways drops
the implicit `mesh`), or that holds nothing but the public name, decides for calls that come in through the
gateway. Calls from inside go by the Service's own name and know nothing of its routes, so that a replay,
which calls from inside, takes another path than the traffic that was recorded.

Add the name of the Service to `hosts` and `mesh` to `gateways`. Where another VirtualService of the mesh
already speaks of the Service there is nothing to do. Services that nothing of Speedscale captures are not
looked at.
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.capture import INPUTS as CAPTURE_INPUTS
from apps.mesh.findings import Finding, Severity
from apps.mesh.hosts import matches, resolve_short_name, service_host
from apps.mesh.objects.networking import VirtualService
from apps.mesh.references import MESH_GATEWAY
from apps.mesh.reports import CaptureKind
from apps.mesh.rules.base import Rule, RuleContext
from apps.mesh.rules.wording import listed


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each VirtualService."""
    captured = _captured(context)
    if not captured or context.snapshot.missing("VirtualService"):
        return
    inside = [(item, _hosts(item)) for item in context.snapshot.each(VirtualService)]
    spoken = {host for item, hosts in inside if _in_mesh(item) for host in hosts}
    wild = tuple(host for host in spoken if host.startswith("*"))
    for item, hosts in inside:
        if all(gateway == MESH_GATEWAY for gateway in item.gateways):
            continue
        lacking = [
            host
            for host in _destinations(item)
            if host in captured and host not in spoken and not any(matches(host, other) for other in wild)
        ]
        if lacking:
            absent = [host for host in lacking if host not in hosts]
            yield RULE.finding(
                f"It routes to {listed(lacking)}, which Speedscale captures, and decides for calls from "
                f"outside only. Add {_what(absent, in_mesh=_in_mesh(item))}.",
                item.ref,
                api_version=item.api_version,
                path="spec.hosts" if absent else "spec.gateways",
            )


def _captured(context: RuleContext) -> frozenset[str]:
    """The hosts of Services before captured workloads."""
    found = set()
    for workload, report in context.captured():
        if report.expected is CaptureKind.NONE and report.actual is CaptureKind.NONE:
            continue
        for service in context.services.of(workload):
            found.add(service_host(service.name, service.namespace))
    return frozenset(found)


def _hosts(item: VirtualService) -> frozenset[str]:
    return frozenset(resolve_short_name(host, item.namespace) for host in item.hosts)


def _in_mesh(item: VirtualService) -> bool:
    return not item.gateways or MESH_GATEWAY in item.gateways


def _destinations(item: VirtualService) -> list[str]:
    routes = (*item.http, *item.tls, *item.tcp)
    hosts = [resolve_short_name(d.host, item.namespace) for route in routes for d in route.destinations]
    return list(dict.fromkeys(hosts))


def _what(absent: list[str], *, in_mesh: bool) -> str:
    parts = [f"{listed(absent)} to hosts"] if absent else []
    if not in_mesh:
        parts.append("mesh to gateways")
    return " and ".join(parts)


RULE = Rule(
    code="SS12",
    name="virtual-service-lacks-mesh-host",
    severity=Severity.WARNING,
    title="The VirtualService of a captured service is for outside only",
    inputs=CAPTURE_INPUTS | {"Service", "VirtualService"},
    doc=__doc__ or "",
    check=check,
)
