"""A ServiceEntry has the host of a Kubernetes Service.

Workloads take a host from one namespace: from their own if it has the host, else from the Service. So an
entry for `stock.shop.svc.cluster.local` in namespace `pay` replaces the Service for all workloads of `pay`,
with whatever ports, resolution and endpoints it has, and is ignored everywhere else. In the Service's
own namespace the Service counts and the entry does nothing. Such entries are left over from attempts to
reach a Service through a Sidecar or to add virtual machines to it; nothing tells the teams of the two
namespaces that calls go different ways.

See pilot/pkg/model/sidecar.go (appendSidecarServices, pickBestVisibleNamespace).
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.egress.services import RegistryService
from apps.mesh.findings import Finding, Severity
from apps.mesh.knownhosts import INPUTS
from apps.mesh.objects.networking import ServiceEntry
from apps.mesh.refs import ResourceRef
from apps.mesh.rules.base import Rule, RuleContext
from apps.mesh.rules.wording import listed
from apps.mesh.visibility import visible_to


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each ServiceEntry."""
    found: dict[ResourceRef, dict[str, tuple[RegistryService, RegistryService]]] = {}
    for registry in context.registries:
        for host, items in registry.shared():
            if any(item.kubernetes for item in items):
                service = next(item for item in items if item.kubernetes)
                for item in items:
                    if not item.kubernetes:
                        found.setdefault(item.ref, {}).setdefault(host, (item, service))
    for ref in sorted(found):
        yield _finding(context, list(found[ref].values()))


def _finding(context: RuleContext, pairs: list[tuple[RegistryService, RegistryService]]) -> Finding:
    item, service = pairs[0]
    home = item.namespace
    entry = context.snapshot.get(item.ref)
    takes = home != service.namespace and visible_to(item.exported, home, home)
    what = (
        f"workloads of {home} take this entry for it, all others the Service"
        if takes
        else "the Service counts everywhere, and this entry does nothing"
    )
    hosts = listed(sorted(one.host for one, _ in pairs))
    return RULE.finding(
        f"{hosts} {'is' if len(pairs) == 1 else 'are'} known from {service.ref}"
        f"{' and others' if len(pairs) > 1 else ''} already: {what}. Take the host out, and change the "
        "Service, or its DestinationRule, for what is meant.",
        item.ref,
        api_version=entry.api_version if isinstance(entry, ServiceEntry) else "",
        path="spec.hosts",
    )


RULE = Rule(
    code="MC129",
    name="entry-shadows-service",
    severity=Severity.WARNING,
    title="A ServiceEntry has the host of a Kubernetes Service",
    inputs=INPUTS,
    doc=__doc__ or "",
    check=check,
    no_remedy="Which of the two should answer for the host decides where calls go.",
)
