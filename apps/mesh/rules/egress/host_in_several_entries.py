"""Two ServiceEntries declare the same port of the same host, and Istio takes one of them.

What an application sees of a host comes from one namespace: its own, if that has an entry for it, else
the oldest entry that it sees. Of two entries in one namespace the older one's port counts. The other
entry is accepted and its settings do nothing there, whatever its resolution, addresses or location. If the
older one is deleted some day, the other takes over, with settings that nobody has tried. Entries that no
namespace sees together (each with `exportTo: ["."]`) do not meet and are not reported. Nor is one that is
exported to certain namespaces beside one for all: those take it, as it says.

Endpoints of entries of one namespace are put together, though (pilot/pkg/serviceregistry/serviceentry,
mergeServicesInstancesByNamespaceHost): entries that differ in nothing else are not reported. Where both say
the same, one of them can go. See pilot/pkg/model/sidecar.go (appendSidecarServices).
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.duplicates import Duplicate, duplicates
from apps.mesh.egress.registry import Registry
from apps.mesh.findings import Finding, Severity
from apps.mesh.knownhosts import INPUTS
from apps.mesh.objects.networking import ServiceEntry
from apps.mesh.refs import ResourceRef
from apps.mesh.rules.base import Rule, RuleContext
from apps.mesh.rules.wording import listed

SAME = {"HTTPS": "TLS"}
Pairs = dict[tuple[ResourceRef, ResourceRef], dict[tuple[str, int], Duplicate]]


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each entry and older one that it repeats."""
    pairs: Pairs = {}
    for registry in context.registries:
        _collect(registry, pairs)
    for key in sorted(pairs):
        entry = context.snapshot.get(key[0])
        yield _finding(entry if isinstance(entry, ServiceEntry) else None, list(pairs[key].values()))


def _collect(registry: Registry, pairs: Pairs) -> None:
    for item in duplicates(registry):
        ours, theirs = item.second_port.protocol, item.first_port.protocol
        if SAME.get(ours, ours) == SAME.get(theirs, theirs) and not _joined(item):
            # where the protocols differ, that is another finding
            known = pairs.setdefault((item.second.ref, item.first.ref), {})
            known.setdefault((item.host, item.second_port.number), item)


def _joined(item: Duplicate) -> bool:
    """Whether the two hold for one host together, each with endpoints of its own."""
    first, second = item.first, item.second
    if first.namespace != second.namespace or first.resolution not in {"STATIC", "DNS"}:
        return False
    if item.first_port.name != item.second_port.name or any(
        one != other for name, one, other in _settings(item) if name != "endpoints"
    ):
        return False
    selects = first.selects or second.selects
    return selects or bool(first.endpoints and second.endpoints and first.endpoints != second.endpoints)


def _finding(entry: ServiceEntry | None, found: list[Duplicate]) -> Finding:
    item = found[0]
    first, second = item.first, item.second
    why = "is older" if first.created < second.created else "comes first in Istio's order"
    home = f", and {second.namespace} itself, which takes this one" if item.kept_at_home else ""
    differ = [name for name, one, other in _settings(item) if one != other]
    what = f"They differ in {listed(differ)}." if differ else "Both say the same."
    hosts = listed(f"{duplicate.host}:{duplicate.second_port.number}" for duplicate in found)
    return RULE.finding(
        f"{hosts} {'is' if len(found) == 1 else 'are'} declared by {first.ref} too, which {why}: Istio takes "
        f"that one for everybody who sees both{home.replace(', and', ' but') if home else ''}. {what} "
        "Leave the hosts in one of the two.",
        second.ref,
        api_version=entry.api_version if entry is not None else "",
        severity=Severity.WARNING if differ else Severity.INFO,
        path="spec.hosts",
        key=str(first.ref),
    )


def _settings(item: Duplicate) -> tuple[tuple[str, object, object], ...]:
    first, second = item.first, item.second
    return (
        ("resolution", first.resolution, second.resolution),
        ("location", first.external, second.external),
        ("endpoints", first.endpoints, second.endpoints),
        ("addresses", first.address, second.address),
    )


RULE = Rule(
    code="MC120",
    name="host-in-several-entries",
    severity=Severity.WARNING,
    title="Two ServiceEntries declare the same host and port",
    inputs=INPUTS,
    doc=__doc__ or "",
    check=check,
    references=("KIA1211",),
    no_remedy=(
        "Which of the two entries its owner wants to keep cannot be seen, and settings of the other may "
        "be needed."
    ),
)
