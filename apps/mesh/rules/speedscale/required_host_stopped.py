"""The mesh lets a host that Speedscale needs out, and a NetworkPolicy or an egress gateway stops it.

Istio's part is right: a ServiceEntry names the host and the pods' own proxy sends the connection on. It
does not arrive all the same. A NetworkPolicy that selects the pods and allows no such egress drops the
packets, whatever Istio says; the client waits until it times out, with nothing in the proxy's log. Or a
VirtualService sends the traffic to an egress gateway, where no Gateway has a server for the host, no
route leads on, or the gateway does not see the ServiceEntry.

Only what is certain is reported: a policy that allows some addresses may well allow the right ones. The
finding is on the object that has to change. Speedscale's pods, and those that a replay starts in a
namespace, are the ones that dial these hosts.
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.blockages import Stoppage
from apps.mesh.findings import Finding, Severity
from apps.mesh.needs import INPUTS
from apps.mesh.refs import ResourceRef
from apps.mesh.rules.base import TIER_SEVERITY, Rule, RuleContext
from apps.mesh.rules.wording import counted, listed

MAX_HOSTS = 12
CURES = {
    "NetworkPolicy": "Allow egress to TCP 443 for these pods, by address or to everywhere.",
    "Gateway": "Add a server for these hosts to the Gateway, and a route that leads on.",
    "VirtualService": "Have its route at the gateway lead to these hosts.",
}
OTHER_CURE = "Open the way there, or leave these hosts out of the VirtualService that leads to the gateway."


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each object that stops hosts, whatever their number."""
    groups: dict[ResourceRef, list[Stoppage]] = {}
    for item in context.stoppages:
        if item.step.ref is not None:
            groups.setdefault(item.step.ref, []).append(item)
    for ref in sorted(groups):
        yield _finding(context, ref, groups[ref])


def _finding(context: RuleContext, ref: ResourceRef, stopped: list[Stoppage]) -> Finding:
    worst = min(stopped, key=lambda item: item.host.tier.rank)
    hosts = dict.fromkeys(item.host.host for item in stopped)
    namespaces = dict.fromkeys(item.need.namespace for item in stopped)
    affected = dict.fromkeys(workload for item in stopped for workload in item.need.affected)
    found = context.snapshot.get(ref)
    return RULE.finding(
        f"{counted(len(hosts), 'host')} that Speedscale uses in {listed(namespaces)} "
        f"({listed(hosts, MAX_HOSTS)}) {'passes' if len(hosts) == 1 else 'pass'} the mesh and "
        f"{'is' if len(hosts) == 1 else 'are'} stopped here: {worst.step.text} "
        f"{CURES.get(ref.kind, OTHER_CURE)}",
        ref,
        api_version=found.api_version if found is not None else "",
        severity=TIER_SEVERITY[worst.host.tier],
        path=worst.step.path,
        affected=tuple(affected),
        evidence=worst.answer.evidence,
    )


RULE = Rule(
    code="SS23",
    name="required-host-stopped",
    severity=Severity.ERROR,
    title="Hosts that Speedscale needs are stopped behind the mesh",
    inputs=INPUTS,
    doc=__doc__ or "",
    check=check,
    no_remedy="What stops the hosts is a policy of the network or a route, which is its owner's to widen.",
    about_hosts=True,
)
