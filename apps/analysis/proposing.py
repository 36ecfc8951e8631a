"""What would mend a directory of manifests, and which findings that ends. Nothing for what is suppressed.

Each remedy sees what the ones before it leave. Which findings a proposal ends is not asserted but seen: by
an analysis of the manifests as they would be.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date

from apps.analysis.offline import Offline
from apps.mesh.analyse import Analysis, analyse
from apps.mesh.findings import Finding
from apps.mesh.hostsets import HostSet
from apps.mesh.patches import ManifestPatch, apply
from apps.mesh.refs import ResourceRef
from apps.mesh.remedies.base import Proposal, ProposalError, Target
from apps.mesh.remedies.catalogue import REMEDIES, propose
from apps.mesh.rules.wording import counted
from apps.mesh.suppression import suppressed


@dataclass(frozen=True, slots=True)
class Mending:
    """One object in its last form, why, and the findings that are gone with it."""

    patch: ManifestPatch
    proposal: Proposal
    mends: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Mended:
    """One mending for each object; `reasons` of the remedies that have nothing to propose; `notes` of what
    was left as it is because it is suppressed."""

    mendings: tuple[Mending, ...]
    reasons: tuple[str, ...]
    notes: tuple[str, ...]


def mendings(
    offline: Offline, hostset: HostSet, remedies: tuple[str, ...], target: Target, *, today: date
) -> Mended:
    """What the remedies (all of them for none) propose for the target."""
    snapshot = offline.snapshot
    before = analyse(snapshot, hostset)
    last: dict[ResourceRef, Mending] = {}
    reasons: list[str] = []
    notes: list[str] = []
    for name in remedies or tuple(REMEDIES):
        targets, note = _targets(name, before, target, offline, today)
        notes.extend([note] if note else [])
        for wanted in targets:
            try:
                proposal = propose(snapshot, hostset, name, wanted)
            except ProposalError as error:
                reasons.append(str(error))
                continue
            snapshot = apply(snapshot, proposal.patches)
            after = analyse(snapshot, hostset)
            for mending in _mendings(proposal, before, after):
                earlier = last.get(mending.patch.ref)
                last[mending.patch.ref] = _together(earlier, mending) if earlier else mending
            before = after
    return Mended(tuple(last.values()), tuple(dict.fromkeys(reasons)), tuple(notes))


def _targets(
    remedy: str, analysis: Analysis, target: Target, offline: Offline, today: date
) -> tuple[list[Target], str]:
    """What was asked for; where a finding of this remedy is suppressed, only what the others are about."""
    mine = [finding for finding in analysis.findings if finding.remedy == remedy]
    quiet = {**suppressed(mine, lambda _: None, offline.ignored.entries, today=today), **analysis.ignored}
    loud = [finding for finding in mine if finding.fingerprint not in quiet]
    hidden = len(mine) - len(loud)
    if not hidden:
        return [target], ""
    note = f"Suppressed, and therefore left as it is: {counted(hidden, 'finding')} for {remedy}."
    return [found for finding in loud for found in _narrowed(finding, target)], note


def _narrowed(finding: Finding, target: Target) -> Iterator[Target]:
    namespaces = {ref.namespace for ref in finding.affected}
    if target.namespaces:
        namespaces &= set(target.namespaces)
    if namespaces or not target.namespaces:
        yield replace(target, ref=finding.ref, namespaces=tuple(sorted(namespaces)))


def _mendings(proposal: Proposal, before: Analysis, after: Analysis) -> Iterator[Mending]:
    left = {finding.fingerprint for finding in after.findings}
    gone = [finding for finding in before.findings if finding.fingerprint not in left]
    refs = {patch.ref for patch in proposal.patches}
    for patch in proposal.patches:
        mends = (finding for finding in gone if finding.ref == patch.ref or finding.ref not in refs)
        yield Mending(patch, proposal, tuple(mends))


def _together(earlier: Mending, later: Mending) -> Mending:
    """Two patches of one object as one: the later one saw the earlier one."""
    patch = replace(later.patch, action=earlier.patch.action, before=earlier.patch.before)
    return Mending(patch, later.proposal, tuple(dict.fromkeys((*earlier.mends, *later.mends))))
