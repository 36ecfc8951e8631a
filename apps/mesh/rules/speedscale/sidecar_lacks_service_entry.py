"""A Sidecar imports Speedscale's namespace, but the ServiceEntry with its hosts lives elsewhere.

`speedscale/*` in a Sidecar imports what is in namespace `speedscale`, ServiceEntries included. If the
entry for Speedscale's hosts is kept in another namespace (the root namespace is a frequent choice),
that namespace has to be imported too: what counts is where the ServiceEntry is, not where its hosts
are. Otherwise the forwarder is reachable, capture works, and replays fail on their first call to the
cloud.
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.blockages import Blockage, Cause, by_cause, catch_all_index, grouped_hosts
from apps.mesh.findings import Finding, Severity
from apps.mesh.needs import INPUTS
from apps.mesh.objects.networking import ServiceEntry, Sidecar
from apps.mesh.refs import ResourceRef
from apps.mesh.rules.base import TIER_SEVERITY, Rule, RuleContext
from apps.mesh.rules.wording import listed

Group = tuple[Sidecar, ServiceEntry, list[Blockage]]


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each Sidecar and namespace that it would have to import."""
    groups: dict[tuple[ResourceRef, str], Group] = {}
    for item in by_cause(context.blockages, Cause.NOT_IMPORTED):
        if item.sidecar is None or item.entry is None:
            continue
        if item.entry.namespace != item.need.install.namespace:
            key = (item.sidecar.ref, item.entry.namespace)
            groups.setdefault(key, (item.sidecar, item.entry, []))[2].append(item)
    for key in sorted(groups):
        yield _finding(*groups[key])


def _finding(sidecar: Sidecar, entry: ServiceEntry, blocked: list[Blockage]) -> Finding:
    by_host = grouped_hosts(blocked)
    verb = "is" if len(by_host) == 1 else "are"
    index = catch_all_index(sidecar)
    affected = dict.fromkeys(ref for item in blocked for ref in item.need.affected)
    return RULE.finding(
        f"{listed(host.host for host in by_host)} {verb} opened by {entry.ref}, but this Sidecar does not "
        f"import namespace {entry.namespace}. Add {entry.namespace}/* to the hosts that are listed, or "
        f"move the ServiceEntry to {blocked[0].need.install.namespace}.",
        sidecar.ref,
        api_version=sidecar.api_version,
        severity=min(TIER_SEVERITY[next(iter(by_host)).tier], RULE.severity, key=lambda s: -s.rank),
        path="spec.egress" if index is None else f"spec.egress[{index}].hosts",
        key=entry.namespace,
        affected=tuple(affected),
        evidence=blocked[0].answer.evidence,
    )


RULE = Rule(
    code="SS04",
    name="sidecar-lacks-service-entry",
    severity=Severity.WARNING,
    title="The Sidecar does not import the ServiceEntry's namespace",
    inputs=INPUTS,
    doc=__doc__ or "",
    check=check,
    remedy="import-speedscale-namespace",
    about_hosts=True,
)
