"""A ServiceEntry is visible only to namespaces that hold no workload.

`exportTo` limits an entry to namespaces, `.` to its own. In a namespace without any workload nobody is
there to use it: typically the entry was put into the root namespace, or one kept for configuration, and
`exportTo: ["."]` was copied from elsewhere. The hosts stay unknown to everybody else, and Istio does not
say so. Export it to the namespaces that call the hosts, or delete it.

A hint only: workloads may come later. Jobs that start pods from time to time count as workloads, and
gateways do. Names of namespaces that do not exist are another finding, and so are hosts of Speedscale
that a namespace with pods in need of them does not see.
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.blockages import Cause
from apps.mesh.egress.registry import Registry
from apps.mesh.findings import Finding, Severity
from apps.mesh.needs import INPUTS
from apps.mesh.objects.networking import ServiceEntry
from apps.mesh.refs import ResourceRef
from apps.mesh.rules.base import Rule, RuleContext
from apps.mesh.rules.wording import listed
from apps.mesh.visibility import PUBLIC, audience


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each ServiceEntry."""
    if not context.whole or not context.knows_workloads():
        return
    limited: dict[ResourceRef, frozenset[str]] = {}
    for registry in context.registries:
        limited.update(_limited(registry))
    told = {
        item.entry.ref
        for item in (context.blockages if limited else ())
        if item.cause is Cause.HIDDEN and item.entry is not None
    }
    for ref in sorted(limited):
        entry = context.snapshot.get(ref)
        watchers = limited[ref]
        empty = not any(context.selection.of_namespace(name) for name in watchers)
        there = [name for name in watchers if context.namespace_exists(name) is not False]
        if isinstance(entry, ServiceEntry) and empty and there and ref not in told:
            yield _finding(entry, sorted(watchers))


def _limited(registry: Registry) -> Iterator[tuple[ResourceRef, frozenset[str]]]:
    for item in registry.services:
        if not item.kubernetes:
            watchers = audience(item.exported, item.namespace)
            if watchers and PUBLIC not in watchers:
                yield item.ref, watchers


def _finding(entry: ServiceEntry, watchers: list[str]) -> Finding:
    one = len(watchers) == 1
    return RULE.finding(
        f"Only {listed(watchers)} {'sees' if one else 'see'} this ServiceEntry, and "
        f"{'it has' if one else 'they have'} no workload that could use it. Export it to the namespaces that "
        f"call {listed(entry.hosts)}, or delete it.",
        entry.ref,
        api_version=entry.api_version,
        path="spec.exportTo",
    )


RULE = Rule(
    code="MC131",
    name="nobody-can-use-entry",
    severity=Severity.INFO,
    title="No workload sees the ServiceEntry",
    inputs=INPUTS,
    doc=__doc__ or "",
    check=check,
    no_remedy=(
        "Whether nobody needs the entry or somebody cannot see it is the question; where Speedscale needs "
        "it, SS02 and SS04 mend it."
    ),
)
