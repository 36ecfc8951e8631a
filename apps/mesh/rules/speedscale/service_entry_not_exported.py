"""A ServiceEntry opens the hosts Speedscale needs, but not for the namespaces that need them.

`exportTo` of a ServiceEntry says which namespaces see it: `*` all, `.` its own, or names. An empty one
falls back to `defaultServiceExportTo` of the mesh. The generator and responder of a replay run in the
application's namespace, so an entry that is exported only to Speedscale's namespace does not help
them. A list of names does not include the entry's own namespace.
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.blockages import Blockage, Cause, by_cause, grouped_hosts
from apps.mesh.findings import Finding, Severity
from apps.mesh.needs import INPUTS
from apps.mesh.objects.networking import ServiceEntry
from apps.mesh.rules.base import TIER_SEVERITY, Rule, RuleContext
from apps.mesh.rules.wording import counted, listed
from apps.mesh.visibility import NONE


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each ServiceEntry."""
    hidden = by_cause(context.blockages, Cause.HIDDEN)
    entries = {item.entry.ref: item.entry for item in hidden if item.entry is not None}
    for ref in sorted(entries):
        mine = tuple(item for item in hidden if item.entry is not None and item.entry.ref == ref)
        yield _finding(entries[ref], mine)


def _finding(entry: ServiceEntry, blocked: tuple[Blockage, ...]) -> Finding:
    namespaces = sorted({item.need.namespace for item in blocked})
    by_host = grouped_hosts(blocked)
    hosts = [host.host for host in by_host]
    exported = listed(entry.export_to) or "what the mesh's defaultServiceExportTo says"
    affected = dict.fromkeys(ref for item in blocked for ref in item.need.affected)
    return RULE.finding(
        f"This ServiceEntry opens {listed(hosts)}, but {listed(namespaces)} "
        f"{'does' if len(namespaces) == 1 else 'do'} not see it (exportTo: {exported}); "
        f"{counted(len(hosts), 'host stays', 'hosts stay')} blocked there. Add "
        f"{'this namespace' if len(namespaces) == 1 else 'these namespaces'} to exportTo.",
        entry.ref,
        api_version=entry.api_version,
        severity=TIER_SEVERITY[next(iter(by_host)).tier],
        path="spec.exportTo",
        affected=tuple(affected),
        evidence=blocked[0].answer.evidence,
        remedy="" if NONE in entry.export_to else None,
    )


RULE = Rule(
    code="SS02",
    name="service-entry-not-exported",
    severity=Severity.ERROR,
    title="The ServiceEntry is not visible where it is needed",
    inputs=INPUTS,
    doc=__doc__ or "",
    check=check,
    remedy="export-service-entry",
    about_hosts=True,
)
